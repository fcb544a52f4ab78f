//! Settings where a circuit belongs.

//~ `Settings` is not a gate for requests of type `String`
//~ gates are shared handles such as `Circuit` or `Limit`

use orlop_breaker::{BreakerLayer, Settings, core::AnyError};
use std::convert::Infallible;
use tower::{ServiceBuilder, service_fn, util::BoxCloneSyncService};

fn main() {
    let service = ServiceBuilder::new()
        .layer(BreakerLayer::new(Settings::default(), AnyError))
        .service(service_fn(async |name: String| Ok::<_, Infallible>(name)));
    let _ = BoxCloneSyncService::<String, _, _>::new(service);
}
