//! Ways to connect to an endpoint, each with its own pool of connections.
//!
//! A connector is any `Fn(&Endpoint) -> Result<S, E>`, where `S` is a service of requests: these are some, and a closure
//! over the client you already have is another.

#[cfg(feature = "hyper")]
mod hyper;
#[cfg(feature = "reqwest")]
mod reqwest;

#[cfg(feature = "hyper")]
#[cfg_attr(docsrs, doc(cfg(feature = "hyper")))]
pub use self::hyper::{Http, HyperConnection, hyper, hyper_over};
#[cfg(feature = "reqwest")]
#[cfg_attr(docsrs, doc(cfg(feature = "reqwest")))]
pub use self::reqwest::{ReqwestConnection, reqwest};
