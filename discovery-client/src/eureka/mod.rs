//! Eureka version 2: the wire model, a client, watches that share one fetcher, and registration.
//!
//! ```text
//!   your HTTP service                    registries (tried in turn)
//!          |                                 ^
//!       Client  -- register, heartbeat, -----'
//!        |   |      full fetch, delta
//!        |   '-- Registration: one task, one instance, heartbeats until it is dropped
//!        '------ Discovery: one task for the whole process ==> Watch, Watch, .. (a stream of updates for each application)
//! ```

mod ask;
mod base;
mod client;
mod discovery;
mod endpoint;
mod error;
mod fetch;
mod hold;
mod pace;
mod registration;
mod transport;
mod view;
mod watch;
pub mod wire;

pub use base::BadUrl;
pub use client::{Beat, Client};
pub use discovery::{AppSnapshot, Discovery, Settings, Snapshot};
pub use endpoint::endpoint;
pub use error::{Error, ErrorKind};
pub use registration::{Registration, RegistrationSettings, RegistrationState};
pub use watch::{Stopped, Watch};
