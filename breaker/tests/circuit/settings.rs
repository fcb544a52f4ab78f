use crate::support::{last, n, secs};
use orlop_breaker::{OpenTime, Settings, Trip, Window, core::Ratio};
use std::num::NonZeroU16;

fn read(json: &str) -> Result<Settings, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

#[test]
fn an_empty_file_means_the_defaults() {
    assert_eq!(read("{}").unwrap(), Settings::default());
}

#[test]
fn settings_survive_a_file() {
    let settings = Settings::default()
        .trip([
            Trip::consecutive_failures(n(7)),
            Trip::failure_rate(Ratio::percent(30), n(9), last(50)),
            Trip::failure_rate(Ratio::percent(40), n(2), Window::within(secs(3)).unwrap()),
        ])
        .trip_on_success(true)
        .open(OpenTime::fixed(secs(4)))
        .probes(NonZeroU16::new(8).unwrap())
        .successes(n(5))
        .probe_timeout(secs(2))
        .unwrap();
    for settings in [settings, Settings::default(), Settings::default().trip([])] {
        let json = serde_json::to_string(&settings).unwrap();
        assert_eq!(read(&json).unwrap(), settings, "{json}");
    }
}

#[test]
fn a_file_reads_as_it_is_documented() {
    let settings = read(
        r#"{ "trip": [{ "consecutive_failures": 5 },
                     { "failure_rate": 0.5, "minimum_calls": 20, "within": "10s" }],
             "trip_on_success": false, "open": { "first": "1s", "max": "30s" },
             "max_retry_after": "1m", "probes": 3, "successes": 2, "probe_timeout": "10s" }"#,
    );
    assert_eq!(settings.unwrap(), Settings::default(), "the documented defaults are the defaults");
}

#[test]
fn a_bad_value_is_named_with_its_path_and_what_is_allowed() {
    let cases = [
        (r#"{"probes": 0}"#, "probes must be within 1..=65535, got 0"),
        (r#"{"probes": -3}"#, "probes must be within 1..=65535, got -3"),
        (r#"{"successes": 0}"#, "successes must be within 1..=4294967295, got 0"),
        (r#"{"probe_timeout": "0s"}"#, "probe_timeout must be within 1ms..=1h, got 0ns"),
        (
            r#"{"probe_timeout": "soon"}"#,
            "probe_timeout must be a number with a unit such as \"250ms\" or \"1m 30s\", got \"soon\"",
        ),
        (
            r#"{"trip": [{"consecutive_failures": 0}]}"#,
            "trip[0].consecutive_failures must be within 1..=4294967295, got 0",
        ),
        (
            r#"{"trip": [{"consecutive_failures": 1}, {"failure_rate": 1.5, "last": 10}]}"#,
            "trip[1].failure_rate must be within 0..=1, got 1.5",
        ),
        (
            r#"{"trip": [{"failure_rate": 0.5, "within": "10ms"}]}"#,
            "trip[0].within must be within 100ms..=1h, got 10ms",
        ),
        (
            r#"{"trip": [{"failure_rate": 0.5, "within": "100ms", "buckets": 11}]}"#,
            "trip[0].buckets must be within 1..=255, for buckets of at least 10ms, got 11",
        ),
        (r#"{"trip": [{"failure_rate": 0.5}]}"#, "got neither last nor within"),
        (r#"{"trip": [{}]}"#, "trip[0] must be one of"),
        (r#"{"trip": [{"consecutive_failures": 1, "failure_rate": 0.5}]}"#, "got both"),
        (
            r#"{"open": {"first": "2s", "max": "1s"}}"#,
            "open.max must be at least open.first, got 1s",
        ),
        (r#"{"open": {"first": "2s"}}"#, "open must be one of"),
        (r#"{"opne": {}}"#, "unknown field `opne`"),
        (r#"{"trip": [{"consecutive": 1}]}"#, "unknown field `consecutive`"),
    ];
    for (json, expected) in cases {
        let error = read(json).unwrap_err();
        assert!(error.contains(expected), "{json}: {error}");
    }
}
