use crate::support::{book, secs};
use orlop_breaker::{Accepts, ThrottleSettings, core::Ratio};

fn read(json: &str) -> Result<ThrottleSettings, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

#[test]
fn an_empty_file_means_the_defaults() {
    assert_eq!(read("{}").unwrap(), ThrottleSettings::default());
}

#[test]
fn settings_survive_a_file() {
    let settings = ThrottleSettings::default()
        .k(1.25)
        .unwrap()
        .within(secs(90))
        .unwrap()
        .max_rejection(Ratio::percent(75))
        .minimum_calls(3)
        .grace(secs(1))
        .unwrap()
        .accepts(Accepts::Answered);
    for settings in [settings, ThrottleSettings::default(), book()] {
        let json = serde_json::to_string(&settings).unwrap();
        assert_eq!(read(&json).unwrap(), settings, "{json}");
    }
}

#[test]
fn a_file_reads_as_it_is_documented() {
    let settings = read(
        r#"{ "k": 2.0, "within": "2m", "max_rejection": 0.9, "minimum_calls": 10, "grace": "5s",
             "accepts": "success" }"#,
    );
    assert_eq!(settings.unwrap(), ThrottleSettings::default());
    assert_eq!(read(r#"{"k": 3}"#).unwrap(), ThrottleSettings::default().k(3.0).unwrap());
}

#[test]
fn a_bad_value_is_named_with_its_path_and_what_is_allowed() {
    let cases = [
        (r#"{"k": 0.5}"#, "k must be within 1..=100, got 0.5"),
        (r#"{"within": "500ms"}"#, "within must be within 1s..=1h, got 500ms"),
        (
            r#"{"within": "soon"}"#,
            "within must be a number with a unit such as \"250ms\" or \"1m 30s\", got \"soon\"",
        ),
        (r#"{"max_rejection": 1.5}"#, "max_rejection must be within 0..=1, got 1.5"),
        (r#"{"minimum_calls": -1}"#, "minimum_calls must be within 0..=4294967295, got -1"),
        (r#"{"grace": "2h"}"#, "grace must be within 0s..=1h, got 7200s"),
        (
            r#"{"accepts": "all"}"#,
            "accepts must be one of \"success\" and \"answered\", got \"all\"",
        ),
        (r#"{"kk": 2}"#, "unknown field `kk`"),
    ];
    for (json, expected) in cases {
        let error = read(json).unwrap_err();
        assert!(error.contains(expected), "{json}: {error}");
    }
}
