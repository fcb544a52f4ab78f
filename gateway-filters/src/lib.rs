//! The filter chain of an edge gateway.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod answer;
mod body;
mod complete;
mod cx;
mod edge;
mod endpoint;
mod error;
mod filter;
mod filters;
mod gateway;
#[cfg(feature = "gzip")]
mod gzip;
mod headers;
#[cfg(feature = "jwt")]
mod jwt;
mod layer;
mod normalize;
pub mod order;
mod rate_limit;
mod rescue;
#[cfg(feature = "route")]
mod route;
mod run;

pub use orlop_core as core;

#[cfg(feature = "gzip")]
pub use self::gzip::Gzip;
#[cfg(feature = "jwt")]
pub use self::jwt::{Jwt, JwtKey, JwtSettings, WallClock};
#[cfg(feature = "route")]
pub use self::route::{Route, Routes};
pub use self::{
    answer::StaticAnswer,
    body::{Body, Streaming},
    complete::{Completion, End},
    cx::{AnsweredBy, FilterFailure, RequestCx, Subject},
    edge::Edge,
    endpoint::Endpoints,
    error::{BadSetting, UnknownFilter},
    filter::{Category, Filter, FilterMeta, Flow, OnError, Phases, Step},
    filters::{FilterStatus, Filters, FiltersBuilder},
    gateway::{Gateway, ResponseFuture},
    headers::{HeaderOps, HeaderRewrite},
    layer::{FilterLayer, Filtered},
    normalize::Normalize,
    rate_limit::{Rate, RateLimit},
};
