//! The endpoints of the protocol, one by one.

mod common;

use common::{alone, alone_with, call, instance, register, settings, status, with_status};
use orlop_registry::client::eureka::wire::{Applications, InstanceInfo, InstanceStatus};
use serde_json::json;

const REPL: &str = "x-netflix-discovery-replication=true";

#[tokio::test(start_paused = true)]
async fn an_instance_comes_and_goes() {
    let registry = alone().await;
    assert_eq!(status(&registry, "GET /v2/apps/ORDERS/i-1").await, 404);
    assert_eq!(status(&registry, "PUT /v2/apps/ORDERS/i-1").await, 404, "register first");
    let answer = call(&registry, "POST /eureka/apps/orders", instance("i-1", 5).to_json()).await;
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    for path in ["apps/ORDERS/i-1", "apps/orders/i-1", "instances/i-1"] {
        let answer = call(&registry, &format!("GET /eureka/v2/{path}/"), "").await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.json()["instance"]["instanceId"], "i-1");
        assert_eq!(answer.headers["content-type"], "application/json");
    }
    assert_eq!(
        status(&registry, "PUT /v2/apps/ORDERS/i-1?status=UP&lastDirtyTimestamp=5").await,
        200
    );
    assert_eq!(status(&registry, "GET /v2/apps/ORDERS/I-1").await, 404, "case of names matters");
    let app = call(&registry, "GET /v2/apps/orders", "").await.json();
    assert_eq!(app["application"]["name"], "ORDERS");
    assert_eq!(status(&registry, "DELETE /v2/apps/ORDERS/i-1").await, 200);
    assert_eq!(status(&registry, "DELETE /v2/apps/ORDERS/i-1").await, 404);
    assert_eq!(status(&registry, "GET /v2/apps/ORDERS").await, 404);
    let all = call(&registry, "GET /v2/apps/", "").await.json();
    let empty =
        json!({"applications": {"versions__delta": "1", "apps__hashcode": "", "application": []}});
    assert_eq!(all, empty);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_said_has_javas_defaults() {
    let registry = alone().await;
    let minimal = json!({"instance": {"hostName": "h", "app": "orders", "ipAddr": "127.0.0.1",
        "dataCenterInfo": {"name": "MyOwn"}}});
    let answer = call(&registry, "POST /v2/apps/ORDERS", minimal.to_string()).await;
    assert_eq!(answer.status, 204);
    let told = call(&registry, "GET /v2/instances/h", "").await.json();
    let instance = &told["instance"];
    assert_eq!(instance["port"], json!({"$": 7001, "@enabled": "true"}));
    assert_eq!(instance["securePort"], json!({"$": 7002, "@enabled": "false"}));
    assert_eq!(
        (&instance["status"], &instance["overriddenStatus"]),
        (&json!("UP"), &json!("UNKNOWN"))
    );
    assert_eq!(instance["leaseInfo"]["durationInSecs"], 90);
    assert_eq!(instance["lastDirtyTimestamp"], "1700000000000");
    assert_eq!(instance["leaseInfo"]["serviceUpTimestamp"], 1_700_000_000_000_u64);
    assert_eq!(instance["actionType"], "ADDED");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_taken_is_refused_with_a_text() {
    let registry = alone_with(settings().max_body(2000)).await;
    let fine = String::from_utf8(instance("i", 1).to_json()).unwrap();
    let cases = [
        (
            "POST /v2/apps/OTHER",
            fine.clone(),
            400,
            "Mismatched appName, expecting OTHER but was ORDERS",
        ),
        (
            "POST /v2/apps/ORDERS",
            fine.replace("\"hostName\":\"127.0.0.1\"", "\"a\":1"),
            400,
            "Missing hostname",
        ),
        (
            "POST /v2/apps/ORDERS",
            fine.replace("MyOwn", "Elsewhere"),
            400,
            "Unknown dataCenterInfo Name Elsewhere",
        ),
        (
            "POST /v2/apps/ORDERS",
            fine.replace("{\"instance\":", ""),
            400,
            "not a document of Eureka in JSON: ",
        ),
        (
            "POST /v2/apps/ORDERS content-type=application/xml",
            "<a/>".into(),
            415,
            "application/json only",
        ),
        ("POST /v2/apps/ORDERS content-encoding=gzip", fine.clone(), 415, "not compressed"),
        ("POST /v2/apps/ORDERS", " ".repeat(2001), 413, "within 2000 bytes"),
        ("POST /v2/peerreplication/batch/", "[".into(), 400, "not a document of Eureka in JSON: "),
        (
            "PUT /v2/apps/ORDERS/i?lastDirtyTimestamp=x",
            String::new(),
            400,
            "lastDirtyTimestamp must be",
        ),
        ("PUT /v2/apps/ORDERS/i/status", String::new(), 400, "value must be a status"),
        ("PUT /v2/apps/ORDERS/i/status?value=ODD", String::new(), 400, "value must be UP, DOWN"),
        ("PUT /v2/asg/g/status?value=ENABLED", String::new(), 400, "no auto-scaling groups"),
        ("GET /v2/apps accept=application/xml", String::new(), 406, "application/json only"),
        ("GET /v2/apps accept=text/html", String::new(), 406, "application/json only"),
    ];
    for (ask, body, code, text) in cases {
        let answer = call(&registry, ask, body).await;
        assert_eq!(answer.status, code, "{ask}: {}", answer.text());
        assert!(answer.text().contains(text), "{ask}: {}", answer.text());
    }
    assert!(common::listed(&registry).is_empty());
}

#[tokio::test(start_paused = true)]
async fn unknown_paths_and_wrong_methods() {
    let registry = alone().await;
    for ask in ["GET /v2/nothing-here", "GET /apps", "POST /eureka", "PUT /v2/apps/%ff/i"] {
        assert_eq!(status(&registry, ask).await, 404, "{ask}");
    }
    for (ask, allowed) in [
        ("PATCH /v2/apps/ORDERS", "GET, POST"),
        ("POST /v2/apps", "GET"),
        ("POST /v2/apps/ORDERS/i", "GET, PUT, DELETE"),
        ("GET /v2/peerreplication/batch", "POST"),
        ("GET /v2/apps/ORDERS/i/status", "PUT, DELETE"),
    ] {
        let answer = call(&registry, ask, "").await;
        assert_eq!(answer.status, 405, "{ask}");
        assert_eq!(answer.headers["allow"], allowed, "{ask}");
    }
    for accept in ["application/json", "*/*", "application/*", "text/html,application/json;q=0.1"] {
        assert_eq!(status(&registry, &format!("GET /v2/apps accept={accept}")).await, 200);
    }
}

#[tokio::test(start_paused = true)]
async fn virtual_names_are_looked_up() {
    let registry = alone().await;
    let mut one = instance("i-1", 1);
    one.vip_address = Some("orders.vip, orders.alt".into());
    one.secure_vip_address = Some("orders.secure".into());
    register(&registry, &one).await;
    register(&registry, &instance("i-2", 1)).await;
    let ids = |answer: &common::Answered| {
        let all = Applications::from_json(&answer.body).unwrap();
        assert_eq!(all.version, -1);
        all.instances().map(|instance| instance.instance_id.clone()).collect::<Vec<_>>()
    };
    for path in ["vips/orders.vip", "vips/orders.alt", "svips/orders.secure"] {
        assert_eq!(ids(&call(&registry, &format!("GET /v2/{path}"), "").await), ["i-1"], "{path}");
    }
    assert_eq!(ids(&call(&registry, "GET /v2/vips/ORDERS.VIP", "").await), [""; 0], "case matters");
}

#[tokio::test(start_paused = true)]
async fn the_older_state_does_not_win() {
    let registry = alone().await;
    register(&registry, &instance("i", 10).meta("v", "new")).await;
    register(&registry, &instance("i", 9).meta("v", "old")).await;
    let version = async || {
        let told = call(&registry, "GET /v2/instances/i", "").await.json();
        told["instance"]["metadata"]["v"].as_str().unwrap().to_owned()
    };
    assert_eq!(version().await, "new");
    register(&registry, &instance("i", 10).meta("v", "equal")).await;
    assert_eq!(version().await, "equal");
}

#[tokio::test(start_paused = true)]
async fn heartbeats_compare_times() {
    let registry = alone().await;
    register(&registry, &instance("i", 10)).await;
    let path = "PUT /v2/apps/ORDERS/i?status=UP&lastDirtyTimestamp=";
    for (dirty, client, peer) in [(10, 200, 200), (11, 404, 404), (9, 200, 409)] {
        assert_eq!(status(&registry, &format!("{path}{dirty}")).await, client, "{dirty}");
        assert_eq!(status(&registry, &format!("{path}{dirty} {REPL}")).await, peer, "{dirty}");
    }
    let newer = call(&registry, &format!("{path}9 {REPL}"), "").await;
    assert_eq!(InstanceInfo::from_json(&newer.body).unwrap().last_dirty_timestamp, 10);
}

#[tokio::test(start_paused = true)]
async fn an_operator_overrides_and_takes_back() {
    let registry = alone().await;
    register(&registry, &instance("i", 10)).await;
    let told = async || {
        let told = call(&registry, "GET /v2/apps/ORDERS/i", "").await.json();
        let text = |field: &str| told["instance"][field].as_str().unwrap().to_owned();
        (text("status"), text("overriddenStatus"), text("lastDirtyTimestamp"))
    };
    let is = |status: &str, over: &str, dirty: &str| (status.into(), over.into(), dirty.into());
    let path = "/v2/apps/ORDERS/i/status";
    assert_eq!(
        status(&registry, &format!("PUT {path}?value=OUT_OF_SERVICE&lastDirtyTimestamp=12")).await,
        200
    );
    assert_eq!(told().await, is("OUT_OF_SERVICE", "OUT_OF_SERVICE", "12"));
    assert_eq!(status(&registry, "PUT /v2/apps/ORDERS/i?status=UP").await, 200);
    register(&registry, &instance("i", 13)).await;
    assert_eq!(told().await, is("OUT_OF_SERVICE", "OUT_OF_SERVICE", "13"), "it outlives both");
    register(&registry, &with_status("i", 14, InstanceStatus::Down)).await;
    assert_eq!(told().await.0, "DOWN", "the instance knows best that it cannot serve");
    register(&registry, &instance("i", 15)).await;

    // Another application's instance of that name is not touched.
    let mut other = InstanceInfo::new("billing", "i", "127.0.0.1", 1);
    other.last_dirty_timestamp = 1;
    register(&registry, &other).await;
    let told_other = call(&registry, "GET /v2/apps/BILLING/i", "").await.json();
    assert_eq!(told_other["instance"]["status"], "UP");

    assert_eq!(status(&registry, &format!("DELETE {path}")).await, 200);
    assert_eq!(told().await, is("UNKNOWN", "UNKNOWN", "15"));
    assert_eq!(status(&registry, "PUT /v2/apps/ORDERS/i").await, 404, "only the instance knows");
    register(&registry, &instance("i", 16)).await;
    assert_eq!(told().await, is("UP", "UNKNOWN", "16"));
    assert_eq!(status(&registry, &format!("DELETE {path}?value=DOWN")).await, 200);
    assert_eq!(told().await.0, "UP", "there was no override to take back");
    assert_eq!(status(&registry, "PUT /v2/apps/ORDERS/x/status?value=UP").await, 404);
    assert_eq!(status(&registry, "DELETE /v2/apps/ORDERS/x/status").await, 404);
}

#[tokio::test(start_paused = true)]
async fn metadata_is_added_to() {
    let registry = alone().await;
    register(&registry, &instance("i", 10)).await;
    assert_eq!(status(&registry, "PUT /v2/apps/ORDERS/i/metadata?a%20b=c+d&weight=10").await, 200);
    let told = call(&registry, "GET /v2/instances/i", "").await.json();
    assert_eq!(told["instance"]["metadata"], json!({"a b": "c d", "weight": "10", "zone": "a"}));
    assert_eq!(status(&registry, "PUT /v2/apps/ORDERS/x/metadata?a=b").await, 404);
}

#[tokio::test(start_paused = true)]
async fn a_full_registry_refuses_the_new_and_keeps_the_old() {
    let registry = alone_with(settings().max_instances(1)).await;
    assert_eq!(register(&registry, &instance("i-1", 1)).await, 204);
    assert_eq!(register(&registry, &instance("i-2", 1)).await, 503);
    assert_eq!(register(&registry, &instance("i-1", 2)).await, 204);
    assert_eq!(status(&registry, "DELETE /v2/apps/ORDERS/i-1").await, 200);
    assert_eq!(register(&registry, &instance("i-2", 1)).await, 204);
}

#[tokio::test(start_paused = true)]
async fn its_own_state_is_valid_json() {
    let registry = alone().await;
    let told = call(&registry, "GET /eureka/status", "").await.json();
    assert_eq!(told["generalStats"]["ready"], true);
    assert_eq!(told["applicationStats"]["registered-replicas"], "");
}
