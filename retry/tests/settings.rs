//! Settings as text.
#![cfg(feature = "serde")]

use orlop_retry::Settings;
use std::time::Duration;

#[test]
fn settings_are_read_with_units_and_defaults() {
    let text = r#"{
        "timeout": "1s",
        "attempt_timeout": "300ms",
        "idempotent": true,
        "backoff": { "base": "10ms" },
        "budget": { "share": 0.1, "ttl": "5s" }
    }"#;
    let settings: Settings = serde_json::from_str(text).unwrap();
    assert_eq!(settings.max_attempts.get(), 3);
    assert_eq!(settings.timeout, Some(Duration::from_secs(1)));
    assert_eq!(settings.attempt_timeout, Some(Duration::from_millis(300)));
    assert_eq!(settings.idempotent, Some(true));
    assert_eq!(settings.backoff.base, Duration::from_millis(10));
    assert_eq!(settings.backoff.max, Duration::from_secs(1));
    assert_eq!(settings.budget.share.get(), 0.1);
    assert_eq!(settings.budget.min_per_second, 10);
    assert_eq!(settings.budget.ttl.get(), Duration::from_secs(5));

    for settings in [settings, Settings::default()] {
        let text = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<Settings>(&text).unwrap(), settings);
    }
}

#[test]
fn a_bad_setting_is_refused_and_says_what_is_allowed() {
    for (text, says) in [
        (r#"{ "max_attempts": 0 }"#, "nonzero"),
        (r#"{ "timeout": 5 }"#, "string"),
        (r#"{ "budget": { "share": -1 } }"#, "within 0..=1000, got -1"),
        (r#"{ "budget": { "ttl": "2m" } }"#, "within 1s..=60s, got 120s"),
        (r#"{ "retries": 3 }"#, "unknown field `retries`"),
    ] {
        let error = serde_json::from_str::<Settings>(text).unwrap_err().to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
}
