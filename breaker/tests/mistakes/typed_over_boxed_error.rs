//! `typed` over a service whose error is boxed.

//~ `Typed` does not fit a service that returns `String` or `Box<dyn
//~ leave `.typed()` away: refusals can be a `BoxError` as they are

use orlop_breaker::{
    BreakerLayer, Circuit, Settings,
    core::{AnyError, BoxError},
};
use tower::{ServiceBuilder, service_fn, util::BoxCloneSyncService};

fn main() {
    let circuit = Circuit::new(Settings::default());
    let service = ServiceBuilder::new()
        .layer(BreakerLayer::new(circuit, AnyError).typed())
        .service(service_fn(async |name: String| Ok::<_, BoxError>(name)));
    let _ = BoxCloneSyncService::<String, _, _>::new(service);
}
