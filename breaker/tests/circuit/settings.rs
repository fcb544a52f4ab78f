use crate::support::{last, n, secs};
use orlop_breaker::{
    Dropped, Ewma, Initial, OpenTime, Ramp, Recovery, Settings, Trip, Window, core::Ratio,
};
use std::{
    num::{NonZeroU8, NonZeroU16},
    time::Duration,
};

fn read(json: &str) -> Result<Settings, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

#[test]
fn an_empty_file_means_the_defaults() {
    assert_eq!(read("{}").unwrap(), Settings::default());
    assert_eq!(read(r#"{"dropped": {}}"#).unwrap(), Settings::default());
    let neutral = read(r#"{"dropped": {"count_as": "neutral"}}"#).unwrap();
    assert_eq!(neutral, Settings::default().dropped(Dropped::neutral()));
}

/// Settings with nothing in them that is a default.
fn other() -> Settings {
    let in_three = Window::within_buckets(secs(3), NonZeroU8::new(7).unwrap()).unwrap();
    Settings::default()
        .trip([
            Trip::consecutive_failures(n(7)),
            Trip::failures(n(4), last(50)),
            Trip::failures(n(4), in_three),
            Trip::failure_rate(Ratio::percent(30), n(9), last(50)),
            Trip::failure_rate(Ratio::percent(40), n(2), Window::within(secs(3)).unwrap()),
            Trip::slow_rate(Ratio::percent(80), secs(2), n(3), last(9)).unwrap(),
            Trip::success_rate(Ratio::percent(95), n(6), Ewma::last(NonZeroU16::MAX)),
            Trip::success_rate(Ratio::percent(95), n(6), Ewma::within(secs(3600)).unwrap()),
        ])
        .trip_on_success(true)
        .open(OpenTime::fixed(secs(4)))
        .max_retry_after(Duration::ZERO)
        .probes(NonZeroU16::new(8).unwrap())
        .successes(n(5))
        .ramp(Ramp::over(Duration::from_millis(40)).unwrap())
        .probe_timeout(secs(2))
        .unwrap()
        .dropped(Dropped::failure().after(secs(3)))
        .initial(Initial::Shadow)
}

#[test]
fn settings_survive_a_file() {
    let all = [
        other(),
        Settings::default(),
        Settings::default().trip([]),
        other().open(OpenTime::exponential(secs(2), secs(9))),
        other().open(OpenTime::advised(Duration::from_millis(1_500))),
        other().recovery(Recovery::successes_of(n(2), n(3))),
        other().recovery(Recovery::failure_rate(Ratio::percent(25), n(8))),
        other().dropped(Dropped::neutral()),
        other().initial(Initial::ForcedOpen),
        other().initial(Initial::Disabled),
    ];
    for settings in all {
        let json = serde_json::to_string(&settings).unwrap();
        assert_eq!(read(&json).unwrap(), settings, "{json}");
    }
}

#[test]
fn a_function_cannot_be_written_down_and_the_default_stands_for_it() {
    let json = serde_json::to_string(&other().open(OpenTime::by(|_| secs(1)))).unwrap();
    let default = OpenTime::exponential(secs(1), secs(30));
    assert_eq!(read(&json).unwrap(), other().open(default));
}

#[test]
fn a_file_reads_as_it_is_documented() {
    let settings = read(
        r#"{ "trip": [{ "consecutive_failures": 5 },
                     { "failure_rate": 0.5, "minimum_calls": 20, "within": "10s" }],
             "trip_on_success": false, "open": { "first": "1s", "max": "30s" },
             "max_retry_after": "1m", "probes": 3, "successes": 2, "probe_timeout": "10s",
             "dropped": { "count_as": "slow", "after": "1s" }, "initial": "closed" }"#,
    );
    assert_eq!(settings.unwrap(), Settings::default(), "the documented defaults are the defaults");
    let settings = read(
        r#"{ "trip": [{ "consecutive_failures": 7 },
                     { "failures": 4, "last": 50 },
                     { "failures": 4, "within": "3s", "buckets": 7 },
                     { "failure_rate": 0.3, "minimum_calls": 9, "last": 50 },
                     { "failure_rate": 0.4, "minimum_calls": 2, "within": "3s" },
                     { "slow_rate": 0.8, "slower_than": "2s", "minimum_calls": 3, "last": 9 },
                     { "success_rate": 0.95, "minimum_calls": 6, "ewma_last": 65535 },
                     { "success_rate": 0.95, "minimum_calls": 6, "ewma_within": "1h" }],
             "trip_on_success": true, "open": { "fixed": "4s" }, "max_retry_after": "0s",
             "probes": 8, "recovery": { "successes": 5, "of": 5 }, "ramp": "40ms",
             "probe_timeout": "2s", "dropped": { "count_as": "failure", "after": "3s" },
             "initial": "shadow" }"#,
    );
    assert_eq!(settings.unwrap(), other());
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
        (
            r#"{"trip": [{"consecutive_failures": 1, "failure_rate": 0.5}]}"#,
            "got more than one of them",
        ),
        (
            r#"{"trip": [{"consecutive_failures": 1, "last": 5}]}"#,
            "got consecutive_failures with a window",
        ),
        (
            r#"{"trip": [{"failures": 1, "last": 5, "minimum_calls": 5}]}"#,
            "got a number of failures with minimum_calls",
        ),
        (r#"{"trip": [{"failures": 1, "last": 5, "within": "5s"}]}"#, "got both last and within"),
        (r#"{"trip": [{"failures": 1, "last": 5, "buckets": 5}]}"#, "got last with buckets"),
        (
            r#"{"trip": [{"failures": 1, "last": 65536}]}"#,
            "trip[0].last must be within 1..=65535, got 65536",
        ),
        (r#"{"trip": [{"slow_rate": 0.5, "last": 5}]}"#, "got slow_rate without slower_than"),
        (
            r#"{"trip": [{"slow_rate": 0.5, "slower_than": "2h", "last": 5}]}"#,
            "trip[0].slower_than must be within 1ms..=1h, got 7200s",
        ),
        (
            r#"{"trip": [{"failure_rate": 0.5, "slower_than": "2s", "last": 5}]}"#,
            "got slower_than without slow_rate",
        ),
        (
            r#"{"trip": [{"success_rate": 0.5, "last": 5}]}"#,
            "got success_rate with a window: it takes a mean",
        ),
        (
            r#"{"trip": [{"success_rate": 0.5, "minimum_calls": 5}]}"#,
            "got neither ewma_last nor ewma_within",
        ),
        (
            r#"{"trip": [{"success_rate": 0.5, "ewma_last": 5, "ewma_within": "5s"}]}"#,
            "got both ewma_last and ewma_within",
        ),
        (
            r#"{"trip": [{"failure_rate": 0.5, "last": 5, "ewma_last": 5}]}"#,
            "got a mean without success_rate",
        ),
        (
            r#"{"trip": [{"success_rate": 0.5, "ewma_within": "99ms"}]}"#,
            "trip[0].ewma_within must be within 100ms..=1h, got 99ms",
        ),
        (r#"{"successes": 1, "recovery": {"successes": 1}}"#, "recovery must be left out"),
        (r#"{"recovery": {}}"#, "recovery must be one of { successes, of }"),
        (r#"{"recovery": {"successes": 1, "calls": 1}}"#, "got parts of both"),
        (r#"{"recovery": {"failure_rate": 0.5}}"#, "recovery must be one of"),
        (
            r#"{"recovery": {"successes": 3, "of": 2}}"#,
            "recovery.of must be at least recovery.successes, got 2",
        ),
        (
            r#"{"recovery": {"failure_rate": -0.5, "calls": 2}}"#,
            "recovery.failure_rate must be within 0..=1, got -0.5",
        ),
        (r#"{"ramp": "10ms"}"#, "ramp must be within 40ms..=1h, got 10ms"),
        (
            r#"{"dropped": {"count_as": "bad"}}"#,
            "dropped.count_as must be one of \"neutral\", \"slow\" and \"failure\", got \"bad\"",
        ),
        (r#"{"dropped": {"after": "1"}}"#, "dropped.after must be a number with a unit"),
        (
            r#"{"initial": "half_open"}"#,
            "initial must be one of \"closed\", \"forced_open\", \"disabled\" and \"shadow\"",
        ),
        (
            r#"{"open": {"first": "2s", "max": "1s"}}"#,
            "open.max must be at least open.first, got 1s",
        ),
        (r#"{"open": {"first": "2s"}}"#, "open must be one of"),
        (r#"{"open": {"fixed": "2s", "advised": "1s"}}"#, "got more than one of them"),
        (r#"{"opne": {}}"#, "unknown field `opne`"),
        (r#"{"trip": [{"consecutive": 1}]}"#, "unknown field `consecutive`"),
    ];
    for (json, expected) in cases {
        let error = read(json).unwrap_err();
        assert!(error.contains(expected), "{json}: {error}");
    }
}
