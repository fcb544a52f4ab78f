//! Settings as text.
#![cfg(feature = "serde")]

use orlop_bulkhead::Settings;
use std::time::Duration;

#[test]
fn settings_are_read_with_units_and_defaults() {
    let settings: Settings =
        serde_json::from_str(r#"{ "limit": 8, "max_wait": "250ms" }"#).unwrap();
    assert_eq!((settings.limit.get(), settings.max_waiting), (8, 64));
    assert_eq!(settings.max_wait, Duration::from_millis(250));
    let text = serde_json::to_string(&settings).unwrap();
    assert_eq!(serde_json::from_str::<Settings>(&text).unwrap(), settings);
}

#[test]
fn a_bad_setting_is_refused_and_says_what_is_allowed() {
    for (text, says) in [
        (r#"{ "limit": 0 }"#, "nonzero"),
        (r#"{ "max_wait": 250 }"#, "string"),
        (r#"{ "max_wait": "soon" }"#, "a number with a unit"),
        (r#"{ "limits": 8 }"#, "unknown field `limits`"),
    ] {
        let error = serde_json::from_str::<Settings>(text).unwrap_err().to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
}
