//! Settings from files.
#![cfg(feature = "serde")]

use orlop_lb::{Policy, Settings, Tried};
use std::time::Duration;

#[test]
fn every_setting_has_a_default_and_a_unit() {
    assert_eq!(serde_json::from_str::<Settings>("{}").unwrap(), Settings::new());
    let text = r#"{
        "policy": "least-in-flight", "decay": "2s", "default_rtt": "5ms", "penalty": "1s",
        "max_retry_after": "30s", "local_zone": "a", "tried": "never", "avoid_tried_zones": false,
        "rebinds": 3, "pass_over_pending": true, "wait_for_endpoints": "250ms",
        "wait_when_refused": "20ms", "reconnect_after": "500ms", "reconnect_at_most": "10s"
    }"#;
    let settings: Settings = serde_json::from_str(text).unwrap();
    let ms = Duration::from_millis;
    let same = Settings::new()
        .policy(Policy::LeastInFlight)
        .decay(ms(2000))
        .default_rtt(ms(5))
        .penalty(ms(1000))
        .max_retry_after(ms(30_000))
        .local_zone("a")
        .tried(Tried::Never)
        .avoid_tried_zones(false)
        .rebinds(3)
        .pass_over_pending(true)
        .wait_for_endpoints(ms(250))
        .wait_when_refused(ms(20))
        .reconnect(ms(500), ms(10_000));
    assert_eq!(settings, same);
    let written = serde_json::to_string(&settings).unwrap();
    assert_eq!(serde_json::from_str::<Settings>(&written).unwrap(), settings);
}

#[test]
fn a_bad_file_is_refused_with_what_is_allowed() {
    for (text, says) in [
        (r#"{"decay": "0ms"}"#, "decay must be within 1ms..=1h, got 0ns"),
        (r#"{"penalty": 5}"#, "expected a string"),
        (r#"{"penalty": "5"}"#, "must be a number with a unit"),
        (r#"{"penalti": "5s"}"#, "unknown field `penalti`"),
        (r#"{"policy": "fastest"}"#, "unknown variant `fastest`"),
    ] {
        let error = serde_json::from_str::<Settings>(text).unwrap_err().to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
}
