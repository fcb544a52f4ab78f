//! Answers a call whose service failed: with a value, a function, or a backup service; and says so.
//!
//! # What happens to a call
//!
//! ```text
//!  request -- remember --> service --> answer or error --> verdict
//!                                                            |
//!                         success, or not for this fallback -+--> returned as it is
//!                                     failed, throttled,     |
//!                                     refused, not ready ----'--> fallback --> its answer, marked with the cause
//!                                                                     '-----> its error, with the original as source
//! ```
//!
//! The decision falls with the head of a response. A response that counts as failed is dropped before the fallback begins, so
//! its permits are free; if the fallback then fails as well, the error says so.
//!
//! # Examples
//!
//! ```
//! use orlop_fallback::FallbackLayer;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), orlop_fallback::core::BoxError> {
//! let fallback = FallbackLayer::from_fn(|name: String, cause| format!("popular rows for {name}: {cause}"))
//!     .remember(|name: &String| name.clone());
//! let handle = fallback.handle();
//! let service = ServiceBuilder::new().layer(fallback).service(service_fn(
//!     async |_: String| Err::<String, _>(std::io::Error::other("personalization is down")),
//! ));
//! assert_eq!(service.oneshot("ada".to_owned()).await?, "popular rows for ada: call failed");
//! assert_eq!(handle.rescued(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! HTTP, with the cause in the answer's extensions:
//!
#![cfg_attr(feature = "http", doc = "```")]
#![cfg_attr(not(feature = "http"), doc = "```ignore")]
//! use http::{Request, Response, StatusCode};
//! use orlop_fallback::{Degraded, FallbackLayer};
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), orlop_fallback::core::BoxError> {
//! let service = ServiceBuilder::new()
//!     .layer(FallbackLayer::from_fn(|(), _| Response::new("the static row")).http())
//!     .service(service_fn(async |_: Request<()>| {
//!         let mut res = Response::new("");
//!         *res.status_mut() = StatusCode::BAD_GATEWAY;
//!         Ok::<_, std::io::Error>(res)
//!     }));
//! let res = service.oneshot(Request::new(())).await?;
//! assert_eq!(*res.body(), "the static row");
//! assert!(res.extensions().get::<Degraded>().is_some());
//! # Ok(())
//! # }
//! ```
//!
//! # How to choose
//!
//! The best fallback needs nothing: a value, or something computed from the request. A backup service must fail
//! independently of what it stands in for: another data source, behind gates of its own. Chain layers for more than one
//! step; the innermost is tried first. Put fallbacks outside retries: what failed is tried elsewhere before something else
//! is answered, and a retry further out could not tell what the fallback has done.
//!
//! # What is shared
//!
//! The counts of [`Handle`], by all services that one layer makes, and by their clones. A backup service is cloned for each
//! call.
//!
//! # Readiness
//!
//! Always ready. A clone of the inner service gets ready inside the response future, so that an error there is rescued like
//! any other; a wait there is the inner service's, so bound it by a deadline below the fallback.
//!
//! # Cancellation
//!
//! Dropping the response future drops the call or the fallback's answer. Nothing is spawned. A panic in a fallback is the
//! caller's, as one in the service is; it leaves nothing behind.
//!
//! # Cost
//!
//! A call that goes well: what is remembered, a clone of the inner service and of the fallback. One allocation for a cause.
//!
//! # Features
//!
//! None by default. `http`: judged by status, [`Degraded`] in the answer's extensions. `grpc`: judged by gRPC status.
//!
//! The minimum supported Rust version is 1.88.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod answer;
mod cause;
mod future;
mod handle;
mod layer;
mod protocol;
mod service;

#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
pub use self::protocol::http::{Degraded, InExtensions};
pub use self::{
    answer::{
        Answer, AsyncAnswer, Backup, BackupAnswer, FromAsync, FromFn, Nothing, Remember, Value,
    },
    cause::{AnyFailure, Cause, FallbackFailed, Rescue},
    future::ResponseFuture,
    handle::Handle,
    layer::FallbackLayer,
    protocol::{Plain, Protocol},
    service::Fallback,
};
pub use orlop_core as core;
