//! One crate, one layer, no facade: a circuit in the stack you have.

use orlop_breaker::{
    Breaker, BreakerLayer, Circuit, Settings, State,
    core::{AnyError, BoxError, Rejected},
};
use std::io;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let circuit = Circuit::new(Settings::default()).named("search");
    let mut search = ServiceBuilder::new()
        .layer(BreakerLayer::new(circuit.clone(), AnyError)) // or ::http(circuit), ::grpc(circuit)
        .service(service_fn(look_up));

    println!("found {}", search.ready().await?.call("storm").await?);
    for _ in 0..5 {
        search.ready().await?.call("").await.unwrap_err();
    }
    assert_eq!(circuit.state(), State::Open);
    let error = search.ready().await?.call("storm").await.unwrap_err();
    let refused = Rejected::find(&*error).ok_or("the circuit refuses now")?;
    println!("after five failures in a row: {refused}");
    assert!(refused.retry_after().is_some());
    named(&search);
    Ok(())
}

async fn look_up(words: &'static str) -> io::Result<usize> {
    if words.is_empty() { Err(io::Error::other("index is gone")) } else { Ok(words.len()) }
}

/// The type has a name, for those who store it.
fn named<S>(_: &Breaker<S, Circuit, AnyError>) {}
