//! Documents with their root wrappers.

use std::{error::Error, fmt};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    applications::{Application, Applications},
    instance::InstanceInfo,
    replication::{ReplicationList, ReplicationListResponse},
};

/// Text that is not the JSON of the document that was asked for.
#[derive(Debug)]
pub struct Malformed {
    cause: serde_json::Error,
}

#[derive(Serialize, Deserialize)]
struct InstanceRoot<T> {
    instance: T,
}

#[derive(Serialize, Deserialize)]
struct ApplicationRoot<T> {
    application: T,
}

#[derive(Serialize, Deserialize)]
struct ApplicationsRoot<T> {
    applications: T,
}

fn read<T: DeserializeOwned>(json: &[u8]) -> Result<T, Malformed> {
    serde_json::from_slice(json).map_err(|cause| Malformed { cause })
}

fn write<T: Serialize>(value: &T) -> Vec<u8> {
    // Fails only for maps whose keys are not text and for writers that fail; there are neither here.
    serde_json::to_vec(value).unwrap_or_default()
}

// ===== impl Malformed =====

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a document of Eureka in JSON")
    }
}

impl Error for Malformed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.cause)
    }
}

// ===== documents =====

impl InstanceInfo {
    /// `{"instance": ..}`.
    pub fn to_json(&self) -> Vec<u8> {
        write(&InstanceRoot { instance: self })
    }

    /// Reads `{"instance": ..}`.
    ///
    /// # Errors
    ///
    /// When the text is not JSON, or has another root.
    pub fn from_json(json: &[u8]) -> Result<Self, Malformed> {
        read::<InstanceRoot<_>>(json).map(|root| root.instance)
    }
}

impl Application {
    /// `{"application": ..}`.
    pub fn to_json(&self) -> Vec<u8> {
        write(&ApplicationRoot { application: self })
    }

    /// Reads `{"application": ..}`.
    ///
    /// # Errors
    ///
    /// When the text is not JSON, or has another root.
    pub fn from_json(json: &[u8]) -> Result<Self, Malformed> {
        read::<ApplicationRoot<_>>(json).map(|root| root.application)
    }
}

impl Applications {
    /// `{"applications": ..}`.
    pub fn to_json(&self) -> Vec<u8> {
        write(&ApplicationsRoot { applications: self })
    }

    /// Reads `{"applications": ..}`.
    ///
    /// # Errors
    ///
    /// When the text is not JSON, or has another root.
    pub fn from_json(json: &[u8]) -> Result<Self, Malformed> {
        read::<ApplicationsRoot<_>>(json).map(|root| root.applications)
    }
}

impl ReplicationList {
    /// `{"replicationList": [..]}`.
    pub fn to_json(&self) -> Vec<u8> {
        write(self)
    }

    /// Reads `{"replicationList": [..]}`.
    ///
    /// # Errors
    ///
    /// When the text is not JSON, or has no such list.
    pub fn from_json(json: &[u8]) -> Result<Self, Malformed> {
        read(json)
    }
}

impl ReplicationListResponse {
    /// `{"responseList": [..]}`.
    pub fn to_json(&self) -> Vec<u8> {
        write(self)
    }

    /// Reads `{"responseList": [..]}`.
    ///
    /// # Errors
    ///
    /// When the text is not JSON, or has no such list.
    pub fn from_json(json: &[u8]) -> Result<Self, Malformed> {
        read(json)
    }
}
