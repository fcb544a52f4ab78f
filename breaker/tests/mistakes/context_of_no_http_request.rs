//! The context of a call in the extensions of a request that has none.

//~ `FromExtensions` does not find the `CallContext` of requests of type `String`
//~ give `.context_by(|req: &String| ..)` a closure

use orlop_breaker::{
    BreakerLayer, Circuit, Settings,
    core::{AnyError, BoxError, http::FromExtensions},
};
use tower::{Layer, util::BoxCloneSyncService};

fn guarded(names: BoxCloneSyncService<String, String, BoxError>) {
    let circuit = Circuit::new(Settings::default());
    let service = BreakerLayer::new(circuit, AnyError).context(FromExtensions).layer(names);
    let _ = BoxCloneSyncService::<String, _, _>::new(service);
}

fn main() {
    let _ = guarded as fn(_);
}
