//! Eureka's version 2 documents in JSON: read leniently, written as the Java server writes them.
//!
//! Servers and clients in the field disagree about details: numbers in quotes or not, an object where a list of one is
//! meant, `overriddenStatus` or `overriddenstatus`, nulls, fields nobody else knows. Reading accepts all of that. What
//! cannot be understood in one field becomes that field's default, so that one odd instance does not hide a whole
//! registry; only text that is not JSON, or has no root, is [`Malformed`]. Writing has one form.
//!
//! The root wrappers (`{"instance": ..}`, `{"applications": ..}`) are added and taken off by `to_json` and `from_json`.

mod applications;
mod instance;
mod read;
mod replication;
mod root;
mod scalar;
mod status;

pub use applications::{Application, Applications, hashcode};
pub use instance::{DataCenterInfo, InstanceInfo, LeaseInfo, Port};
pub use replication::{
    ReplicationAction, ReplicationItem, ReplicationList, ReplicationListResponse,
    ReplicationResponse,
};
pub use root::Malformed;
pub use status::{ActionType, InstanceStatus};
