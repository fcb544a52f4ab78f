//! The wire model against what real servers and clients sent.
#![cfg(feature = "eureka")]

use orlop_discovery_client::eureka::wire::{
    ActionType, Application, Applications, InstanceInfo, InstanceStatus, Port, ReplicationAction,
    ReplicationList, ReplicationListResponse, hashcode,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const INSTANCE: &str = include_str!("golden/instance.json");
const FULL: &str = include_str!("golden/full.json");
const DELTA: &str = include_str!("golden/delta.json");
const REGISTER_JS: &str = include_str!("golden/register-js.json");
const REGISTER_PYTHON: &str = include_str!("golden/register-python.json");
const REPLICATION: &str = include_str!("golden/replication.json");

fn value(json: &[u8]) -> Value {
    serde_json::from_slice(json).expect("what we write is JSON")
}

#[test]
fn what_java_wrote_is_written_again_as_it_was() {
    let instance = InstanceInfo::from_json(INSTANCE.as_bytes()).unwrap();
    assert_eq!(value(&instance.to_json()), value(INSTANCE.as_bytes()));
    for document in [FULL, DELTA] {
        let all = Applications::from_json(document.as_bytes()).unwrap();
        assert_eq!(value(&all.to_json()), value(document.as_bytes()));
    }
}

#[test]
fn the_order_of_fields_is_javas_too() {
    let mut instance = InstanceInfo::from_json(INSTANCE.as_bytes()).unwrap();
    // A Java map has no order, so one entry is left to compare.
    instance.metadata.remove("version");
    let java = INSTANCE.trim_end().replace(r#","version":"1.2.3""#, "");
    assert_eq!(String::from_utf8(instance.to_json()).unwrap(), java);
}

#[test]
fn a_full_document_is_read() {
    let all = Applications::from_json(FULL.as_bytes()).unwrap();
    assert_eq!((all.version, all.hashcode.as_str()), (1, "UP_3_"));
    assert_eq!(hashcode(all.instances().map(|instance| instance.status)), all.hashcode);
    let other = &all.applications[1].instances[0];
    assert!(other.metadata.is_empty(), "the class of an empty map is no entry");
    assert_eq!(other.action_type, Some(ActionType::Added));
}

#[test]
fn registrations_of_other_languages_are_read() {
    let js = InstanceInfo::from_json(REGISTER_JS.as_bytes()).unwrap();
    assert_eq!(js.refusal("orders"), None);
    assert_eq!((js.port, js.lease_info.duration_in_secs), (Port::new(41001, true), 90));
    assert_eq!(js.last_dirty_timestamp, 0, "it does not say");

    let python = InstanceInfo::from_json(REGISTER_PYTHON.as_bytes()).unwrap();
    assert_eq!(python.refusal("BILLING-OTHER"), None);
    assert_eq!(python.lease_info.renewal_interval_in_secs, 1);
    assert_eq!(python.last_dirty_timestamp, 1795217860625, "written as text");
    assert_eq!(python.secure_health_check_url.as_deref(), Some(""));
}

#[test]
fn a_java_peers_batches_are_written_again_as_they_were() {
    let batches: Vec<Value> = serde_json::from_str(REPLICATION).unwrap();
    let mut actions = Vec::new();
    for batch in batches {
        let list = ReplicationList::from_json(batch.to_string().as_bytes()).unwrap();
        assert_eq!(value(&list.to_json()), batch);
        actions.extend(list.replication_list.iter().map(|item| item.action));
    }
    use ReplicationAction::{Cancel, DeleteStatusOverride, Heartbeat, Register, StatusUpdate};
    let all = [Register, Heartbeat, StatusUpdate, Heartbeat, DeleteStatusOverride, Cancel];
    assert_eq!(actions, all);
}

#[test]
fn the_answer_to_a_batch_is_read() {
    let answer = json!({"responseList": [{"statusCode": 200}, {"statusCode": 409,
        "responseEntity": {"instanceId": "i", "app": "A"}}]});
    let answer = ReplicationListResponse::from_json(answer.to_string().as_bytes()).unwrap();
    assert_eq!(answer.response_list[0].status_code, 200);
    let entity = answer.response_list[1].response_entity.as_ref().unwrap();
    assert_eq!(entity.instance_id, "i");
}

#[test]
fn odd_forms_are_read() {
    let read = |instance: Value| {
        InstanceInfo::from_json(json!({ "instance": instance }).to_string().as_bytes()).unwrap()
    };
    let odd = read(json!({
        "hostName": "h", "app": "orders", "ipAddr": null, "sid": "na",
        "port": {"$": "8080", "@enabled": true}, "securePort": null, "countryId": "1",
        "overriddenstatus": "OUT_OF_SERVICE", "overriddenStatus": "UNKNOWN", "status": "ODD",
        "lastUpdatedTimestamp": 5, "lastDirtyTimestamp": "7", "isCoordinatingDiscoveryServer": true,
        "metadata": {"@class": "x", "n": 1, "b": false, "nested": {"a": 1}, "null": null},
        "leaseInfo": null, "dataCenterInfo": {"name": "Amazon", "metadata": {"instance-id": "i-9"}},
        "unknown": {"deep": [1, 2, {"a": null}]}, "alsoUnknown": 1.5,
    }));
    assert_eq!((odd.app.as_str(), odd.instance_id.as_str()), ("ORDERS", "i-9"));
    assert_eq!((odd.port, odd.secure_port), (Port::new(8080, true), Port::new(7002, false)));
    assert_eq!(odd.overridden_status, InstanceStatus::OutOfService);
    assert_eq!(odd.status, InstanceStatus::Unknown);
    assert_eq!((odd.last_updated_timestamp, odd.last_dirty_timestamp), (5, 7));
    let metadata: Vec<_> = odd.metadata.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(metadata, [("b", "false"), ("n", "1")]);
    assert!(!value(&odd.to_json())["instance"].as_object().unwrap().contains_key("sid"));

    assert_eq!(read(json!({"hostName": "h"})).instance_id, "h", "a host names its only instance");
    assert_eq!(read(json!({"port": 8080})).port, Port::new(8080, true));
    assert_eq!(read(json!({"port": {"$": 70000}})).port.number, 0);
}

#[test]
fn one_is_read_where_a_list_is_meant() {
    let app = br#"{"application": {"name": "A", "instance": {"instanceId": "i"}}}"#;
    assert_eq!(Application::from_json(app).unwrap().instances.len(), 1);
    let all = br#"{"applications": {"versions__delta": 3, "application": {"name": "A"}}}"#;
    let all = Applications::from_json(all).unwrap();
    assert_eq!((all.version, all.applications.len()), (3, 1));
    let empty = br#"{"applications": {"application": null}}"#;
    assert!(Applications::from_json(empty).unwrap().applications.is_empty());
}

#[test]
fn lists_are_written_also_for_one_and_none() {
    let empty = value(&Applications::new(1, String::new(), Vec::new()).to_json());
    assert_eq!(
        empty,
        json!({"applications": {"versions__delta": "1", "apps__hashcode": "", "application": []}})
    );
}

#[test]
fn a_document_without_its_root_is_malformed() {
    for text in ["", "nothing", "[]", "{}", r#"{"instanceId": "i"}"#, "{\"instance\": 1}"] {
        let error = InstanceInfo::from_json(text.as_bytes()).unwrap_err();
        assert!(std::error::Error::source(&error).is_some(), "{text:?} says why");
    }
}

#[test]
fn an_odd_data_center_is_refused_and_cannot_spread() {
    let mut instance = InstanceInfo::new("a", "i", "127.0.0.1", 80);
    assert_eq!(instance.refusal("A"), None);
    let center = instance.data_center_info.as_mut().unwrap();
    center.name = "Amazon".into();
    center.class = "com.netflix.appinfo.MyDataCenterInfo".into();
    let written = value(&instance.to_json());
    assert_eq!(
        written["instance"]["dataCenterInfo"]["@class"], "com.netflix.appinfo.AmazonInfo",
        "a Java server could not write the pair again"
    );
    instance.data_center_info.as_mut().unwrap().class = "my.own.Class".into();
    assert_eq!(
        instance.refusal("A").as_deref(),
        Some("Unknown dataCenterInfo @class my.own.Class")
    );
    instance.data_center_info = None;
    assert_eq!(instance.refusal("A").as_deref(), Some("Missing dataCenterInfo"));
    assert_eq!(
        InstanceInfo::new("a", "i", "", 80).refusal("A").as_deref(),
        Some("Missing hostname")
    );
    assert_eq!(
        InstanceInfo::new("a", "i", "h", 80).refusal("b").as_deref(),
        Some("Mismatched appName, expecting b but was A")
    );
}

#[test]
fn the_hash_counts_in_the_order_of_the_alphabet() {
    use InstanceStatus::{Down, Starting, Up};
    let statuses = [Up, Down, Up, Starting, Down].into_iter().chain([Up; 8]);
    assert_eq!(hashcode(statuses), "DOWN_2_STARTING_1_UP_10_");
    assert_eq!(hashcode([]), "");
}

fn instances() -> impl Strategy<Value = InstanceInfo> {
    let text = "[a-z@$_. \"\\\\é-]{0,8}";
    (
        (text, text, text, any::<u16>(), any::<bool>()),
        proptest::collection::btree_map(text, text, 0..4),
        (any::<u64>(), any::<u32>(), proptest::option::of(text)),
    )
        .prop_map(|((id, host, ip, port, enabled), metadata, (time, secs, url))| {
            let mut instance = InstanceInfo::new("app", format!("i{id}"), ip, port);
            instance.host_name = host;
            instance.secure_port = Port::new(port, enabled);
            instance.metadata = metadata;
            instance.metadata.remove("@class");
            instance.last_dirty_timestamp = time;
            instance.lease_info.duration_in_secs = secs;
            instance.lease_info.registration_timestamp = time;
            instance.home_page_url = url;
            instance.status = InstanceStatus::OutOfService;
            instance
        })
}

proptest! {
    #[test]
    fn whatever_is_written_is_read_again(instance in instances()) {
        let again = InstanceInfo::from_json(&instance.to_json()).unwrap();
        prop_assert_eq!(again, instance);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = InstanceInfo::from_json(&bytes);
        let _ = Applications::from_json(&bytes);
        let _ = ReplicationList::from_json(&bytes);
    }

    #[test]
    fn a_damaged_document_is_read_or_refused(at in 0usize..6000, byte: u8, cut: bool) {
        let mut document = DELTA.as_bytes().to_vec();
        document[at] = byte;
        if cut {
            document.truncate(at);
        }
        if let Ok(all) = Applications::from_json(&document) {
            Applications::from_json(&all.to_json()).expect("what was read can be written");
        }
    }
}
