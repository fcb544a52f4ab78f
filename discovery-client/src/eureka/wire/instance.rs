//! One instance of an application.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::status::{ActionType, InstanceStatus};

/// An instance as it registers itself and as registries list it.
///
/// The default is what the Java server assumes of fields that a registration leaves out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct InstanceInfo {
    /// Unique within the application. Case matters.
    pub instance_id: String,
    /// The name of the host, for people and for names in certificates.
    pub host_name: String,
    /// The application's name, in capitals.
    pub app: String,
    /// A group of applications, in capitals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_group_name: Option<String>,
    /// Where to connect; usually an IP address.
    pub ip_addr: String,
    /// A field of old; `na` is not written.
    #[serde(skip_serializing_if = "not_applicable")]
    pub sid: Option<String>,
    /// What the instance says of itself, unless it is overridden.
    pub status: InstanceStatus,
    /// What an operator says over its head; `UNKNOWN` when nobody does.
    pub overridden_status: InstanceStatus,
    /// The port for plain connections. Default 7001, enabled.
    pub port: Port,
    /// The port for TLS. Default 7002, disabled.
    pub secure_port: Port,
    /// Always 1 in the field.
    pub country_id: u32,
    /// Which cloud it runs in. Registries refuse instances without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_center_info: Option<DataCenterInfo>,
    /// How long it lives without a heartbeat.
    pub lease_info: LeaseInfo,
    /// Anything else; `zone` is its failure domain.
    #[serde(serialize_with = "write_metadata")]
    pub metadata: BTreeMap<String, String>,
    /// A page about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub home_page_url: Option<String>,
    /// A page with its status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_page_url: Option<String>,
    /// Where its health is checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_check_url: Option<String>,
    /// Where its health is checked over TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secure_health_check_url: Option<String>,
    /// The virtual names it answers to, with commas between them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vip_address: Option<String>,
    /// The virtual names it answers to over TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secure_vip_address: Option<String>,
    /// Whether it is the registry that wrote the document.
    #[serde(serialize_with = "write_as_text")]
    pub is_coordinating_discovery_server: bool,
    /// When a registry last changed it, in milliseconds since 1970.
    #[serde(serialize_with = "write_as_text")]
    pub last_updated_timestamp: u64,
    /// When the instance last changed itself, in milliseconds since 1970; 0 when it did not say.
    #[serde(serialize_with = "write_as_text")]
    pub last_dirty_timestamp: u64,
    /// What happened to it last, as a registry tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action_type: Option<ActionType>,
    /// Its auto-scaling group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asg_name: Option<String>,
}

/// A port, and whether it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Port {
    /// The number; 0 where the document had none that is one.
    pub number: u16,
    /// Whether the instance listens there.
    pub enabled: bool,
}

/// Where an instance runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DataCenterInfo {
    /// The Java class that the writer named. Written by name, so that an odd pair cannot spread.
    pub class: String,
    /// `MyOwn`, `Amazon` or `Netflix`.
    pub name: String,
    /// What Amazon says of the machine, under keys such as `instance-id` and `availability-zone`.
    pub metadata: BTreeMap<String, String>,
}

/// How long an instance lives, and the times of its life in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LeaseInfo {
    /// Seconds between heartbeats. Default 30.
    pub renewal_interval_in_secs: u32,
    /// Seconds without a heartbeat after which it counts as gone. Default 90.
    pub duration_in_secs: u32,
    /// When it registered.
    pub registration_timestamp: u64,
    /// When its last heartbeat came.
    pub last_renewal_timestamp: u64,
    /// When it was evicted; 0 while it lives.
    pub eviction_timestamp: u64,
    /// When it was first up.
    pub service_up_timestamp: u64,
}

// ===== impl InstanceInfo =====

impl InstanceInfo {
    /// An instance of `app` that is up and listens at `ip_addr:port`, with a lease of 30 s and 90 s.
    ///
    /// The application's name is put into capitals; the host name is the address until it is set.
    pub fn new(
        app: &str,
        instance_id: impl Into<String>,
        ip_addr: impl Into<String>,
        port: u16,
    ) -> Self {
        let ip_addr = ip_addr.into();
        Self {
            instance_id: instance_id.into(),
            host_name: ip_addr.clone(),
            app: app.to_uppercase(),
            ip_addr,
            port: Port { number: port, enabled: true },
            data_center_info: Some(DataCenterInfo::my_own()),
            vip_address: Some(app.to_lowercase()),
            ..Self::default()
        }
    }

    /// Adds one entry of metadata.
    #[must_use]
    pub fn meta(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(key.into(), value.into());
        self
    }

    /// Sets the failure domain.
    #[must_use]
    pub fn zone(self, zone: impl Into<String>) -> Self {
        self.meta("zone", zone)
    }

    /// Why a registry must refuse this registration, in the Java server's words; `None` if it need not.
    pub fn refusal(&self, expected_app: &str) -> Option<String> {
        let missing = |what: &str| Some(format!("Missing {what}"));
        if self.instance_id.is_empty() {
            return missing("instanceId");
        }
        if self.host_name.is_empty() {
            return missing("hostname");
        }
        if self.ip_addr.is_empty() {
            return missing("ip address");
        }
        if self.app.is_empty() {
            return missing("appName");
        }
        if !self.app.eq_ignore_ascii_case(expected_app) {
            return Some(format!(
                "Mismatched appName, expecting {expected_app} but was {}",
                self.app
            ));
        }
        match &self.data_center_info {
            None => missing("dataCenterInfo"),
            Some(center) if center.name.is_empty() => missing("dataCenterInfo Name"),
            Some(center) => center.refusal(),
        }
    }
}

impl Default for InstanceInfo {
    fn default() -> Self {
        Self {
            instance_id: String::new(),
            host_name: String::new(),
            app: String::new(),
            app_group_name: None,
            ip_addr: String::new(),
            sid: None,
            status: InstanceStatus::Up,
            overridden_status: InstanceStatus::Unknown,
            port: Port { number: 7001, enabled: true },
            secure_port: Port { number: 7002, enabled: false },
            country_id: 1,
            data_center_info: None,
            lease_info: LeaseInfo::default(),
            metadata: BTreeMap::new(),
            home_page_url: None,
            status_page_url: None,
            health_check_url: None,
            secure_health_check_url: None,
            vip_address: None,
            secure_vip_address: None,
            is_coordinating_discovery_server: false,
            last_updated_timestamp: 0,
            last_dirty_timestamp: 0,
            action_type: None,
            asg_name: None,
        }
    }
}

// ===== impl Port =====

impl Port {
    /// A port and whether it is open.
    pub const fn new(number: u16, enabled: bool) -> Self {
        Self { number, enabled }
    }
}

impl Serialize for Port {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("$", &self.number)?;
        map.serialize_entry("@enabled", if self.enabled { "true" } else { "false" })?;
        map.end()
    }
}

// ===== impl DataCenterInfo =====

const DEFAULT_CLASS: &str = "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo";
const AMAZON_CLASS: &str = "com.netflix.appinfo.AmazonInfo";
const MY_OWN_CLASS: &str = "com.netflix.appinfo.MyDataCenterInfo";

impl DataCenterInfo {
    /// Not a cloud that Eureka knows of: what everybody outside Amazon sends.
    pub fn my_own() -> Self {
        Self {
            class: DEFAULT_CLASS.to_owned(),
            name: "MyOwn".to_owned(),
            metadata: BTreeMap::new(),
        }
    }

    fn is_amazon(&self) -> bool {
        self.name == "Amazon"
    }

    fn refusal(&self) -> Option<String> {
        if !["MyOwn", "Amazon", "Netflix"].contains(&self.name.as_str()) {
            return Some(format!("Unknown dataCenterInfo Name {}", self.name));
        }
        let known = ["", DEFAULT_CLASS, AMAZON_CLASS, MY_OWN_CLASS];
        (!known.contains(&self.class.as_str()))
            .then(|| format!("Unknown dataCenterInfo @class {}", self.class))
    }
}

impl Serialize for DataCenterInfo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        // By name and not as it came: a Java server that is told another class for the same name cannot write the
        // document again, and then answers every reader with nothing.
        map.serialize_entry("@class", if self.is_amazon() { AMAZON_CLASS } else { DEFAULT_CLASS })?;
        map.serialize_entry("name", &self.name)?;
        if self.is_amazon() {
            map.serialize_entry("metadata", &self.metadata)?;
        }
        map.end()
    }
}

// ===== impl LeaseInfo =====

impl Default for LeaseInfo {
    fn default() -> Self {
        Self {
            renewal_interval_in_secs: 30,
            duration_in_secs: 90,
            registration_timestamp: 0,
            last_renewal_timestamp: 0,
            eviction_timestamp: 0,
            service_up_timestamp: 0,
        }
    }
}

// ===== writing =====

fn not_applicable(sid: &Option<String>) -> bool {
    sid.as_deref().is_none_or(|sid| sid == "na")
}

fn write_as_text<T: ToString, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.to_string())
}

fn write_metadata<S: Serializer>(
    metadata: &BTreeMap<String, String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    if metadata.is_empty() {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("@class", "java.util.Collections$EmptyMap")?;
        return map.end();
    }
    metadata.serialize(serializer)
}
