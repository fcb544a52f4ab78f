//! The mistakes, each cured as the compiler says. It compiles.

use http::{Request, Response};
use orlop_breaker::{
    BreakerLayer, Circuit, Settings,
    core::{AnyError, BoxError, CallContext, NoContext, Verdict, by_result, http::unavailable},
};
use std::error::Error;
use tower::{Layer, util::BoxCloneSyncService};

type Names = BoxCloneSyncService<String, String, BoxError>;
type Pages = BoxCloneSyncService<Request<String>, Response<String>, BoxError>;

fn context(_: &String) -> Option<&CallContext> {
    None
}

fn cured(names: Names, pages: Pages) {
    let circuit = Circuit::new(Settings::default());
    let judge = by_result(|result: Result<&String, &(dyn Error + 'static)>| match result {
        Ok(_) => Verdict::SUCCESS,
        Err(_) => Verdict::BROKEN,
    });
    let service = BreakerLayer::new(circuit.clone(), judge).layer(names.clone());
    let _ = Names::new(service);
    let service = BreakerLayer::new(circuit.clone(), AnyError).layer(names.clone());
    let _ = Names::new(service);
    let layer = BreakerLayer::new(circuit.clone(), AnyError);
    let _ = Names::new(layer.clone().context_by(context).layer(names.clone()));
    let _ = Names::new(layer.context(NoContext).layer(names));
    let service = BreakerLayer::http(circuit).respond_boxed(unavailable).layer(pages);
    let _ = BoxCloneSyncService::<Request<String>, _, _>::new(service);
}

fn main() {
    let _ = cured as fn(Names, Pages);
}
