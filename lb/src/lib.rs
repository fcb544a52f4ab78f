//! Client-side load balancing.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod balance;
mod builder;
mod error;
mod estimate;
mod fixed;
mod follow;
mod future;
mod node;
mod order;
mod policy;
mod published;
mod set;
mod settings;
mod shared;
mod snapshot;
mod sync;
mod wait;

pub use self::{
    balance::{Balance, Picked},
    builder::Builder,
    error::{EndpointError, Orphaned},
    estimate::{Estimate, Reading, Scale},
    fixed::{Fixed, fixed},
    future::ResponseFuture,
    node::{Node, Ticket},
    policy::{Better, Load, Policy},
    settings::{Settings, Tried},
    snapshot::{EndpointSnapshot, Failing, Following, Snapshot},
};
pub use orlop_core as core;
