//! Lists of instances, and the hash that clients compare.

use std::{collections::BTreeMap, fmt::Write as _};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{
    instance::InstanceInfo,
    scalar::{OneOrMany, Scalar},
    status::InstanceStatus,
};

/// All applications of a registry, or what changed of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Applications {
    /// 1 in a full document; in a delta a number that changes whenever the delta does.
    #[serde(rename = "versions__delta", serialize_with = "write_version")]
    #[serde(deserialize_with = "read_version")]
    pub version: i64,
    /// The [hash](hashcode) of the whole registry, in a delta too.
    #[serde(rename = "apps__hashcode", deserialize_with = "read_text")]
    pub hashcode: String,
    /// The applications.
    #[serde(rename = "application", deserialize_with = "read_list")]
    pub applications: Vec<Application>,
}

/// One application and its instances.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Application {
    /// Its name, in capitals.
    #[serde(deserialize_with = "read_text")]
    pub name: String,
    /// Its instances.
    #[serde(rename = "instance", deserialize_with = "read_list")]
    pub instances: Vec<InstanceInfo>,
}

/// How many instances have which status: `DOWN_2_UP_10_`; empty for no instances.
///
/// It counts only, so a change of metadata, or two changes that cancel out, leave it as it was. From
/// `Applications.getReconcileHashCode` in Netflix's client.
pub fn hashcode(statuses: impl IntoIterator<Item = InstanceStatus>) -> String {
    let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
    for status in statuses {
        *counts.entry(status.as_str()).or_default() += 1;
    }
    counts.iter().fold(String::new(), |mut hash, (status, count)| {
        // Writing to a String cannot fail.
        let _ = write!(hash, "{status}_{count}_");
        hash
    })
}

// ===== impl Applications =====

impl Applications {
    /// A document of these applications.
    pub fn new(version: i64, hashcode: String, applications: Vec<Application>) -> Self {
        Self { version, hashcode, applications }
    }

    /// All instances of all applications.
    pub fn instances(&self) -> impl Iterator<Item = &InstanceInfo> {
        self.applications.iter().flat_map(|app| &app.instances)
    }
}

// ===== impl Application =====

impl Application {
    /// An application of this name with these instances.
    pub fn new(name: impl Into<String>, instances: Vec<InstanceInfo>) -> Self {
        Self { name: name.into(), instances }
    }
}

// ===== reading and writing =====

fn write_version<S: Serializer>(version: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&version.to_string())
}

fn read_version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    Ok(Scalar::deserialize(deserializer)?.number().unwrap_or_default())
}

fn read_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Scalar::deserialize(deserializer)?.text())
}

fn read_list<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    Ok(OneOrMany::deserialize(deserializer)?.0)
}
