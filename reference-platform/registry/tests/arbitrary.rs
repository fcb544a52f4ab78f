//! Whatever is sent, the registry answers, and what it holds can be written and read again.

mod common;

use common::{alone, call};
use orlop_registry::client::eureka::wire::{Applications, ReplicationListResponse};
use proptest::prelude::*;
use serde_json::{Value, json};

const BATCHES: &str = include_str!("golden/replication.json");

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(future)
}

/// All batches of the recording as one.
fn recorded() -> Value {
    let batches: Vec<Value> = serde_json::from_str(BATCHES).unwrap();
    let items = batches.iter().flat_map(|batch| batch["replicationList"].as_array().unwrap());
    json!({ "replicationList": items.collect::<Vec<_>>() })
}

fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!({})),
        Just(json!([])),
        Just(json!({"a": [1, {"b": null}]})),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ]
}

/// Puts `with` at the `at`-th place of the tree.
fn mutate(value: &mut Value, at: &mut usize, with: &Value) {
    if *at == 0 {
        *at = usize::MAX;
        *value = with.clone();
        return;
    }
    *at -= 1;
    match value {
        Value::Array(list) => list.iter_mut().for_each(|one| mutate(one, at, with)),
        Value::Object(map) => map.values_mut().for_each(|one| mutate(one, at, with)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn any_bytes_are_answered(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        block_on(async {
            let registry = alone().await;
            for path in ["/v2/apps/ORDERS", "/v2/peerreplication/batch/"] {
                let answer = call(&registry, &format!("POST {path}"), body.clone()).await;
                assert!([200, 204, 400].contains(&answer.status), "{}", answer.status);
            }
        });
    }

    #[test]
    fn any_change_of_a_batch_is_answered(places in proptest::collection::vec((0usize..60, odd()), 1..4)) {
        block_on(async {
            let registry = alone().await;
            let mut batch = recorded();
            for (mut at, with) in places {
                mutate(&mut batch, &mut at, &with);
            }
            // Without the departure at the end, so that something is left to be read.
            if let Some(Value::Array(items)) = batch.get_mut("replicationList") {
                items.pop();
            }
            let count = batch.get("replicationList").and_then(Value::as_array).map(Vec::len);
            let answer =
                call(&registry, "POST /v2/peerreplication/batch/", batch.to_string()).await;
            if answer.status == 200 {
                let answers = ReplicationListResponse::from_json(&answer.body).unwrap();
                assert_eq!(Some(answers.response_list.len()), count, "one answer for each change");
            } else {
                assert_eq!(answer.status, 400);
                assert!(!answer.body.is_empty(), "with a text");
            }
            for path in ["apps", "apps/delta"] {
                let answer = call(&registry, &format!("GET /v2/{path}"), "").await;
                let all = Applications::from_json(&answer.body).unwrap();
                assert_eq!(all.to_json(), answer.body, "it is read as it was written");
            }
        });
    }

    #[test]
    fn any_path_is_answered(path in "[ -~]{0,40}", method in "GET|PUT|POST|DELETE|PATCH") {
        block_on(async {
            let registry = alone().await;
            for base in ["/v2/apps/", "/eureka/v2/", "/"] {
                let encoded = path.replace(' ', "%20").replace(['"', '<', '>', '#', '\\', '^', '`', '{', '|', '}'], "");
                if format!("{base}{encoded}").parse::<http::Uri>().is_ok() {
                    let answer = call(&registry, &format!("{method} {base}{encoded}"), "").await;
                    assert!(answer.status < 500, "{method} {base}{encoded}: {}", answer.status);
                }
            }
        });
    }
}
