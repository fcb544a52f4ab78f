//! HTTP statuses of a service that answers with something else.

//~ does not judge responses of type `String`
//~ `by_result(|result| ..)` and `AnyError` judge anything

use orlop_breaker::{
    BreakerLayer, Circuit, Settings,
    core::{BoxError, http::HttpStatus},
};
use tower::{Layer, util::BoxCloneSyncService};

fn guarded(names: BoxCloneSyncService<String, String, BoxError>) {
    let circuit = Circuit::new(Settings::default());
    let service = BreakerLayer::new(circuit, HttpStatus::new()).layer(names);
    let _ = BoxCloneSyncService::<String, _, _>::new(service);
}

fn main() {
    let _ = guarded as fn(_);
}
