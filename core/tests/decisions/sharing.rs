//! Sharing: state belongs to the value the user constructed.

use super::Recorder;
use orlop_core::{AnyError, GuardLayer};
use std::convert::Infallible;
use tower::{Layer, ServiceExt, service_fn};

#[tokio::test]
async fn all_services_that_a_layer_makes_and_their_clones_share_the_gate() {
    let gate = Recorder::new();
    let layer = GuardLayer::new(gate.clone(), AnyError);
    // As axum does: one layer, once per route, and a clone per request.
    let route = |answer: u32| {
        layer.layer(service_fn(move |_: ()| async move { Ok::<_, Infallible>(answer) }))
    };
    let (one, two) = (route(1), route(2));
    for service in [one.clone(), one, two.clone(), two] {
        service.oneshot(()).await.unwrap();
    }
    assert_eq!(gate.ends().len(), 4);
}

#[tokio::test]
async fn two_layers_over_one_value_share_it_too() {
    let gate = Recorder::new();
    let service = service_fn(async |_: ()| Ok::<_, Infallible>(()));
    for _ in 0..2 {
        GuardLayer::new(gate.clone(), AnyError).layer(service).oneshot(()).await.unwrap();
    }
    assert_eq!(gate.ends().len(), 2);
}
