//! A closure where a classifier belongs.

//~ ` is no classifier of calls with requests of type `String`
//~ does not say which calls went well
//~ a closure becomes one with `by_result(|result| ..)`

use orlop_breaker::{BreakerLayer, Circuit, Settings, core::Verdict};
use std::{convert::Infallible, error::Error};
use tower::{ServiceBuilder, service_fn, util::BoxCloneSyncService};

fn main() {
    let circuit = Circuit::new(Settings::default());
    let judge = |result: Result<&String, &(dyn Error + 'static)>| match result {
        Ok(_) => Verdict::SUCCESS,
        Err(_) => Verdict::BROKEN,
    };
    let service = ServiceBuilder::new()
        .layer(BreakerLayer::new(circuit, judge))
        .service(service_fn(async |name: String| Ok::<_, Infallible>(name)));
    let _ = BoxCloneSyncService::<String, _, _>::new(service);
}
