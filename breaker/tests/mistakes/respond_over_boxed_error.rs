//! `respond` over a service whose error is boxed.

//~ does not fit a service that returns `Response<String>` or `Box<dyn
//~ use `.respond_boxed(..)` in place of `.respond(..)`

use http::{Request, Response};
use orlop_breaker::{
    BreakerLayer, Circuit, Settings,
    core::{BoxError, http::unavailable},
};
use tower::{ServiceBuilder, service_fn, util::BoxCloneSyncService};

fn main() {
    let circuit = Circuit::new(Settings::default());
    let service =
        ServiceBuilder::new().layer(BreakerLayer::http(circuit).respond(unavailable)).service(
            service_fn(async |_: Request<String>| Ok::<_, BoxError>(Response::new(String::new()))),
        );
    let _ = BoxCloneSyncService::<Request<String>, _, _>::new(service);
}
