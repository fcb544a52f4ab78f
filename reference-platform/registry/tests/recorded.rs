//! What real clients asked a Java server, asked here.

mod common;

use common::{alone, call, listed};
use orlop_registry::client::eureka::wire::{
    InstanceInfo, ReplicationList, ReplicationListResponse,
};
use serde_json::Value;

fn exchanges(json: &str) -> Vec<Value> {
    serde_json::from_str(json).unwrap()
}

/// Asks all of it in order; the answers where Java's was a document.
async fn replay(registry: &orlop_registry::Registry, json: &str) -> Vec<(String, Value)> {
    let mut documents = Vec::new();
    for exchange in exchanges(json) {
        let text = |field: &str| exchange[field].as_str().unwrap_or_default().to_owned();
        let (method, path, body) = (text("method"), text("path"), text("body"));
        let mut ask = format!("{method} {path}");
        if let Some(accept) = exchange["accept"].as_str() {
            ask.push_str(&format!(" accept={accept}"));
        }
        let answer = call(registry, &ask, body).await;
        assert_eq!(u64::from(answer.status), exchange["status"].as_u64().unwrap(), "{ask}");
        if method == "GET" && answer.status == 200 {
            documents.push((path, answer.json()));
        }
    }
    documents
}

fn orders(id: &str, port: u16) -> InstanceInfo {
    InstanceInfo::new("orders", id, "127.0.0.1", port)
}

#[tokio::test(start_paused = true)]
async fn the_javascript_client_gets_what_java_answers() {
    let registry = alone().await;
    common::register(&registry, &orders("js-orders-41002", 41002)).await;
    let documents = replay(&registry, include_str!("golden/exchange-js.json")).await;
    let (_, instance) = &documents[0];
    let instance = &instance["instance"];
    assert_eq!(instance["port"]["$"], 41001);
    assert_eq!(instance["vipAddress"], "orders.vip,orders.vip.alt");
    let (_, full) = &documents[1];
    assert_eq!(full["applications"]["apps__hashcode"], "UP_2_");
    let (path, delta) = &documents[2];
    assert!(path.ends_with("/delta"));
    assert_eq!(delta["applications"]["application"][0]["instance"].as_array().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_python_client_gets_the_statuses_that_java_answers() {
    let registry = alone().await;
    for (port, dirty) in [(43357, 1_795_217_862_829), (44543, 1)] {
        let mut instance =
            InstanceInfo::new("billing", format!("127.0.0.1:billing:{port}"), "127.0.0.1", port);
        instance.vip_address = Some("billing.vip".into());
        instance.secure_vip_address = Some("billing.vip.secure".into());
        instance.last_dirty_timestamp = dirty;
        common::register(&registry, &instance).await;
    }
    let documents = replay(&registry, include_str!("golden/exchange-python.json")).await;
    assert_eq!(documents.len(), 7, "it gets JSON where it would read XML, but gets it");
    assert_eq!(listed(&registry).len(), 2, "the one that stopped is gone");
}

#[tokio::test(start_paused = true)]
async fn a_java_peers_batches_are_applied() {
    let registry = alone().await;
    let lists = exchanges(include_str!("golden/replication.json"));
    let then = ["i-1 UP", "i-1 UP", "i-1 OUT_OF_SERVICE", "i-1 OUT_OF_SERVICE", "i-1 UP"];
    let mut listings = Vec::new();
    for list in lists {
        let body = list.to_string();
        assert!(ReplicationList::from_json(body.as_bytes()).is_ok());
        let answer = call(&registry, "POST /eureka/v2/peerreplication/batch/", body).await;
        assert_eq!(answer.status, 200);
        let answers = ReplicationListResponse::from_json(&answer.body).unwrap();
        let codes: Vec<u16> = answers.response_list.iter().map(|one| one.status_code).collect();
        assert_eq!(codes, [200]);
        listings.extend(listed(&registry));
    }
    assert_eq!(listings, then, "and after the last, the departure, nothing");
}

#[tokio::test(start_paused = true)]
async fn one_bad_change_does_not_hinder_the_others() {
    let registry = alone().await;
    let good = String::from_utf8(common::instance("i", 5).to_json()).unwrap();
    let good: Value = serde_json::from_str(&good).unwrap();
    let good = &good["instance"];
    let item = |action: &str, id: &str, more: Value| {
        let mut item = serde_json::json!({"appName": "ORDERS", "id": id, "action": action});
        item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        item
    };
    let none = serde_json::json!({});
    let list = serde_json::json!({"replicationList": [
        item("Register", "other", serde_json::json!({ "instanceInfo": good })),
        item("Register", "i", none.clone()),
        item("Odd", "i", none.clone()),
        item("Heartbeat", "i", none.clone()),
        item("Register", "i", serde_json::json!({ "instanceInfo": good })),
        item("Heartbeat", "i", serde_json::json!({"lastDirtyTimestamp": 4})),
        item("StatusUpdate", "i", none.clone()),
        item("Cancel", "nobody", none.clone()),
        item("DeleteStatusOverride", "nobody", none),
    ]});
    let answer = call(&registry, "POST /v2/peerreplication/batch", list.to_string()).await;
    let answers = ReplicationListResponse::from_json(&answer.body).unwrap().response_list;
    let codes: Vec<u16> = answers.iter().map(|one| one.status_code).collect();
    assert_eq!(codes, [400, 400, 400, 404, 200, 409, 400, 404, 404]);
    assert_eq!(answers[5].response_entity.as_ref().unwrap().last_dirty_timestamp, 5);
}
