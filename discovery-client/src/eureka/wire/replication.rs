//! What registries tell each other.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{instance::InstanceInfo, scalar::Scalar, status::InstanceStatus};

/// A batch of changes from one registry to another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ReplicationList {
    /// The changes, oldest first.
    pub replication_list: Vec<ReplicationItem>,
}

/// One change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct ReplicationItem {
    /// The application's name.
    #[serde(deserialize_with = "read_text")]
    pub app_name: String,
    /// The instance.
    #[serde(deserialize_with = "read_text")]
    pub id: String,
    /// The sender's last dirty timestamp of the instance.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "read_number")]
    pub last_dirty_timestamp: Option<u64>,
    /// The sender's override, with heartbeats.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overridden_status: Option<InstanceStatus>,
    /// The sender's status of the instance, or the new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<InstanceStatus>,
    /// The instance itself, with a registration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_info: Option<InstanceInfo>,
    /// What happened.
    pub action: ReplicationAction,
}

/// What one change was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ReplicationAction {
    /// An instance registered.
    Register,
    /// A heartbeat came.
    Heartbeat,
    /// An instance left.
    Cancel,
    /// An operator set a status.
    StatusUpdate,
    /// An operator took that back.
    DeleteStatusOverride,
    /// Nothing that is known here.
    #[default]
    Unknown,
}

/// The answers to a batch, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ReplicationListResponse {
    /// One answer for each change.
    pub response_list: Vec<ReplicationResponse>,
}

/// The answer to one change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct ReplicationResponse {
    /// As an HTTP status.
    pub status_code: u16,
    /// The newer instance, with a 409.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_entity: Option<InstanceInfo>,
}

// ===== impls =====

impl ReplicationList {
    /// A batch of these changes.
    pub fn new(replication_list: Vec<ReplicationItem>) -> Self {
        Self { replication_list }
    }
}

impl ReplicationItem {
    /// A change of this kind to an instance, with nothing else said.
    pub fn new(action: ReplicationAction, app: impl Into<String>, id: impl Into<String>) -> Self {
        Self { app_name: app.into(), id: id.into(), action, ..Self::default() }
    }
}

impl ReplicationListResponse {
    /// These answers.
    pub fn new(response_list: Vec<ReplicationResponse>) -> Self {
        Self { response_list }
    }
}

impl ReplicationResponse {
    /// This status, and the newer instance if there is one.
    pub fn new(status_code: u16, response_entity: Option<InstanceInfo>) -> Self {
        Self { status_code, response_entity }
    }
}

impl ReplicationAction {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Register => "Register",
            Self::Heartbeat => "Heartbeat",
            Self::Cancel => "Cancel",
            Self::StatusUpdate => "StatusUpdate",
            Self::DeleteStatusOverride => "DeleteStatusOverride",
            Self::Unknown => "Unknown",
        }
    }
}

impl Serialize for ReplicationAction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ReplicationAction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = Scalar::deserialize(deserializer)?.text();
        let all = [
            Self::Register,
            Self::Heartbeat,
            Self::Cancel,
            Self::StatusUpdate,
            Self::DeleteStatusOverride,
        ];
        Ok(all.into_iter().find(|action| action.as_str() == word).unwrap_or_default())
    }
}

fn read_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Scalar::deserialize(deserializer)?.text())
}

fn read_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(Scalar::deserialize(deserializer)?.number())
}
