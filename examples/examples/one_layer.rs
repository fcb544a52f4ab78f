//! One crate, one layer, no facade: a circuit around the service you have.

use orlop_breaker::{
    Breaker, BreakerLayer, Circuit, Settings,
    core::{AnyError, BoxError, Rejected},
};
use std::io;
use tower::{Layer, Service, ServiceExt, service_fn};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let circuit = Circuit::new(Settings::default()).named("search");
    let layer = BreakerLayer::new(circuit.clone(), AnyError);
    let mut search = layer.layer(service_fn(async |words: &'static str| {
        if words.is_empty() { Err(io::Error::other("index is gone")) } else { Ok(words.len()) }
    }));

    println!("found {}", search.ready().await?.call("storm").await?);
    for _ in 0..5 {
        search.ready().await?.call("").await.map(drop).unwrap_err();
    }
    println!("after five failures in a row: {:?}", circuit.state());
    let error = search.ready().await?.call("storm").await.unwrap_err();
    let rejected = Rejected::find(&*error).ok_or("the circuit refuses now")?;
    println!("next call: {rejected}");
    assert!(rejected.retry_after().is_some());
    named(&search);
    Ok(())
}

/// The type has a name, for those who store it.
fn named<S>(_: &Breaker<S, Circuit, AnyError>) {}
