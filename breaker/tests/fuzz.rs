//! Settings from anything that a file may hold: no panic, errors that help, and what is taken survives.
//!
//! Seeded: the same values each time. `PROPTEST_RNG_SEED=2 PROPTEST_CASES=100000` tries others, and more.
#![cfg(all(feature = "serde", not(orlop_loom)))]
#![allow(missing_docs)]

use orlop_breaker::{
    Circuit, Settings,
    core::{End, Gate, Now, Settle, Verdict},
};
use proptest::{prelude::*, test_runner::RngSeed};
use serde_json::{Map, Value, json};

/// Every field there is, at any depth.
const FIELDS: [&str; 32] = [
    "trip",
    "trip_on_success",
    "open",
    "max_retry_after",
    "probes",
    "successes",
    "recovery",
    "ramp",
    "probe_timeout",
    "dropped",
    "initial",
    "consecutive_failures",
    "failures",
    "failure_rate",
    "slow_rate",
    "success_rate",
    "slower_than",
    "minimum_calls",
    "last",
    "within",
    "buckets",
    "ewma_last",
    "ewma_within",
    "fixed",
    "first",
    "max",
    "advised",
    "of",
    "calls",
    "count_as",
    "after",
    // Of no one, but spelt like one.
    "forced",
];

// ===== values =====

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => (0..200_i64).prop_map(|n| json!(n)),
        1 => any::<i64>().prop_map(|n| json!(n)),
        1 => any::<u64>().prop_map(|n| json!(n)),
        1 => prop::sample::select(vec![-1, 0, 255, 256, 65_535, 65_536, 4_294_967_295, 4_294_967_296, i64::MIN])
            .prop_map(|n| json!(n)),
        3 => (0.0..=1.0_f64).prop_map(|x| json!(x)),
        1 => any::<f64>().prop_map(|x| json!(x)),
        1 => prop::sample::select(vec![-0.0, 1.0, 1.000_000_1, 1e-320, 5e300]).prop_map(|x| json!(x)),
    ]
}

/// Durations, and what is nearly one.
fn duration() -> impl Strategy<Value = String> {
    let unit = prop::sample::select(vec![
        "ns", "us", "ms", "s", "m", "h", "d", "days", "months", "years", "sec", "S", "", " ms",
    ]);
    let part = prop_oneof![
        6 => (0..2_000_u64, unit.clone()).prop_map(|(n, unit)| format!("{n}{unit}")),
        1 => (any::<u64>(), unit.clone()).prop_map(|(n, unit)| format!("{n}{unit}")),
        1 => (any::<u128>(), unit.clone()).prop_map(|(n, unit)| format!("{n}{unit}")),
        1 => (any::<f32>(), unit).prop_map(|(n, unit)| format!("{n}{unit}")),
    ];
    prop_oneof![
        6 => prop::collection::vec(part, 1..4).prop_map(|parts| parts.join(" ")),
        1 => any::<String>(),
        1 => "[-+0-9a-z .:]{0,30}",
    ]
}

fn text() -> impl Strategy<Value = Value> {
    let names =
        ["closed", "forced_open", "disabled", "shadow", "neutral", "slow", "failure", "Closed", ""];
    prop_oneof![
        3 => duration(),
        2 => prop::sample::select(names.to_vec()).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
    .prop_map(Value::String)
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::Bool),
        4 => number(),
        4 => text(),
    ]
}

fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        20 => prop::sample::select(FIELDS.to_vec()).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

/// Anything, spelt as if it were settings.
fn anything() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            3 => prop::collection::vec((field(), inner), 0..6).prop_map(object),
        ]
    })
}

fn object(fields: Vec<(String, Value)>) -> Value {
    Value::Object(fields.into_iter().collect::<Map<_, _>>())
}

/// Settings that are right.
fn right() -> impl Strategy<Value = Value> {
    let window = prop_oneof![
        (1..300).prop_map(|last| json!({ "last": last })),
        (1..3_600).prop_map(|s| json!({ "within": format!("{s}s") })),
        (1..100).prop_map(|n| json!({ "within": "1s 5ms", "buckets": n })),
    ];
    let rate = || 0.0..=1.0_f64;
    let mean = prop_oneof![Just(json!({ "ewma_last": 7 })), Just(json!({ "ewma_within": "3s" }))];
    let rule = prop_oneof![
        (1..9).prop_map(|n| json!({ "consecutive_failures": n })),
        (1..9, window.clone()).prop_map(|(n, past)| with(json!({ "failures": n }), past)),
        (rate(), 1..9, window.clone()).prop_map(|(rate, n, past)| {
            with(json!({ "failure_rate": rate, "minimum_calls": n }), past)
        }),
        (rate(), window).prop_map(|(rate, past)| {
            with(json!({ "slow_rate": rate, "slower_than": "2s" }), past)
        }),
        (rate(), mean).prop_map(|(rate, mean)| with(json!({ "success_rate": rate }), mean)),
    ];
    let open = prop::sample::select(vec![
        json!({ "fixed": "0s" }),
        json!({ "first": "1s", "max": "1m 30s" }),
        json!({ "advised": "5s 1ns" }),
    ]);
    let closing = prop::sample::select(vec![
        json!({ "successes": 3 }),
        json!({ "recovery": { "successes": 2, "of": 3 } }),
        json!({ "recovery": { "successes": 2 }, "ramp": "40ms" }),
        json!({ "recovery": { "failure_rate": 0.1, "calls": 3 }, "ramp": "1h" }),
    ]);
    let count_as = prop::sample::select(vec!["neutral", "slow", "failure"]);
    let initial = prop::sample::select(vec!["closed", "forced_open", "disabled", "shadow"]);
    (prop::collection::vec(rule, 0..4), open, closing, count_as, initial, any::<bool>()).prop_map(
        |(trip, open, closing, count_as, initial, on_success)| {
            let dropped = json!({ "count_as": count_as, "after": "3s 7us" });
            let rest = json!({
                "trip": trip, "open": open, "dropped": dropped, "initial": initial,
                "trip_on_success": on_success, "max_retry_after": "1m", "probe_timeout": "9s", "probes": 4,
            });
            with(rest, closing)
        },
    )
}

fn with(mut one: Value, other: Value) -> Value {
    if let (Value::Object(one), Value::Object(other)) = (&mut one, other) {
        one.extend(other);
    }
    one
}

/// One thing that is done to settings that are right.
#[derive(Clone, Debug)]
enum Wrong {
    Put(Value),
    Remove,
    Add(String, Value),
}

/// Right but for one place.
fn nearly_right() -> impl Strategy<Value = Value> {
    let wrong = prop_oneof![
        5 => leaf().prop_map(Wrong::Put),
        1 => anything().prop_map(Wrong::Put),
        1 => Just(Wrong::Remove),
        3 => (field(), leaf()).prop_map(|(field, value)| Wrong::Add(field, value)),
    ];
    (right(), any::<prop::sample::Index>(), wrong).prop_map(|(mut value, at, wrong)| {
        let paths = pointers(&value);
        let path = at.get(&paths);
        let Some(place) = value.pointer_mut(path) else { return value };
        match wrong {
            Wrong::Put(other) => *place = other,
            Wrong::Add(field, other) => *place = with(place.take(), object(vec![(field, other)])),
            Wrong::Remove => {
                let (outer, field) = path.rsplit_once('/').unwrap_or_default();
                if let Some(Value::Object(fields)) = value.pointer_mut(outer) {
                    fields.remove(field);
                }
            }
        }
        value
    })
}

/// Every place in a value. Fields have no `/` or `~` in them here.
fn pointers(value: &Value) -> Vec<String> {
    fn walk(value: &Value, path: &str, all: &mut Vec<String>) {
        all.push(path.to_owned());
        match value {
            Value::Object(fields) => {
                fields
                    .iter()
                    .for_each(|(field, value)| walk(value, &format!("{path}/{field}"), all));
            }
            Value::Array(values) => {
                let values = values.iter().enumerate();
                values.for_each(|(i, value)| walk(value, &format!("{path}/{i}"), all));
            }
            _ => {}
        }
    }
    let mut all = Vec::new();
    walk(value, "", &mut all);
    all
}

// ===== reading =====

/// Reads settings as a file is read: the path in front of an error that names none itself.
fn read(value: &Value) -> Result<Settings, (String, String)> {
    serde_path_to_error::deserialize(value)
        .map_err(|error| (error.path().to_string(), error.into_inner().to_string()))
}

/// Whether it is made of fields that exist and places in lists. (A list may also stand for a table, as serde has it.)
fn is_known(path: &str) -> bool {
    let place = |place: &str| place.strip_suffix(']').is_some_and(|i| i.parse::<usize>().is_ok());
    path.split('.').enumerate().all(|(i, part)| {
        let mut parts = part.split('[');
        let field = parts.next().unwrap_or_default();
        (FIELDS.contains(&field) || i == 0 && field.is_empty()) && parts.all(place)
    })
}

fn assert_helpful(value: &Value, path: &str, text: &str) -> Result<(), TestCaseError> {
    let known = |path: &str| path == "." || is_known(path);
    if let Some((own, rest)) = text.split_once(" must be ") {
        // Ours: the path, what is allowed, and what came.
        let (allowed, _) = rest.split_once(", got ").unwrap_or_default();
        prop_assert!(is_known(own) && !allowed.is_empty(), "{text:?} of {value}");
    } else if let Some((unknown, rest)) =
        text.strip_prefix("unknown field `").and_then(|text| text.rsplit_once("`, expected "))
    {
        // The path ends with it; what is before it exists.
        let outer = path.strip_suffix(unknown).map(|outer| outer.trim_end_matches('.'));
        prop_assert!(outer.is_some_and(|outer| outer.is_empty() || is_known(outer)), "{path}");
        prop_assert!(rest.starts_with("one of `") || rest.starts_with('`'), "{text:?}");
    } else {
        prop_assert!(text.contains("expected ") && known(path), "{text:?} at {path} of {value}");
    }
    Ok(())
}

/// What is taken is written, read again and the same, and makes a circuit that works.
fn assert_survives(settings: &Settings) -> Result<(), TestCaseError> {
    let written = serde_json::to_value(settings).expect("plain values");
    prop_assert_eq!(&read(&written), &Ok(settings.clone()), "{}", written);
    let circuit = Circuit::new(settings.clone());
    let at = tokio::time::Instant::now();
    for verdict in [Verdict::FAILURE, Verdict::SUCCESS, Verdict::DROPPED, Verdict::THROTTLED] {
        if let Ok(ticket) = circuit.enter(&(), None, &Now::at(at)) {
            circuit.end(ticket, End::Verdict(&verdict), &Now::at(at));
        }
    }
    prop_assert!(
        circuit.snapshot().windows().len() <= written["trip"].as_array().map_or(0, Vec::len)
    );
    Ok(())
}

fn assert_taken_or_refused_well(value: &Value) -> Result<(), TestCaseError> {
    match read(value) {
        Ok(settings) => assert_survives(&settings),
        Err((path, text)) => assert_helpful(value, &path, &text),
    }
}

fn config() -> ProptestConfig {
    let given = ProptestConfig::default();
    let rng_seed = match given.rng_seed {
        RngSeed::Random => RngSeed::Fixed(1),
        seed => seed,
    };
    ProptestConfig { cases: given.cases.max(1_000), rng_seed, failure_persistence: None, ..given }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn anything_is_taken_or_refused_with_a_path_and_what_is_allowed(value in anything()) {
        assert_taken_or_refused_well(&value)?;
    }

    #[test]
    fn whatever_is_nearly_right_is_taken_or_refused_with_a_path_and_what_is_allowed(
        value in nearly_right(),
    ) {
        assert_taken_or_refused_well(&value)?;
    }

    #[test]
    fn what_is_right_is_taken(value in right()) {
        match read(&value) {
            Ok(settings) => assert_survives(&settings)?,
            Err(error) => prop_assert!(false, "{error:?}"),
        }
    }

    #[test]
    fn any_text_is_a_duration_or_named_with_its_path(
        text in duration(),
        place in prop::sample::select(vec![
            ("/max_retry_after", "max_retry_after"),
            ("/probe_timeout", "probe_timeout"),
            ("/ramp", "ramp"),
            ("/dropped/after", "dropped.after"),
            ("/open/fixed", "open.fixed"),
            ("/trip/0/within", "trip[0].within"),
            ("/trip/0/slower_than", "trip[0].slower_than"),
            ("/trip/1/ewma_within", "trip[1].ewma_within"),
        ]),
    ) {
        let (pointer, path) = place;
        let mut value = json!({
            "trip": [
                { "slow_rate": 0.5, "slower_than": "1s", "within": "10s", "buckets": 1 },
                { "success_rate": 0.5, "ewma_within": "10s" },
            ],
            "max_retry_after": "1s", "probe_timeout": "1s", "ramp": "1s",
            "dropped": { "after": "1s" }, "open": { "fixed": "1s" },
        });
        *value.pointer_mut(pointer).expect("it is there") = json!(text);
        match (read(&value), humantime::parse_duration(&text)) {
            (Ok(settings), Ok(_)) => assert_survives(&settings)?,
            (Err((_, error)), parsed) => {
                prop_assert!(error.starts_with(&format!("{path} must be ")), "{error:?}");
                prop_assert_eq!(error.contains("a number with a unit"), parsed.is_err(), "{}", error);
            }
            (Ok(_), Err(error)) => prop_assert!(false, "{text:?} was taken: {error}"),
        }
    }
}
