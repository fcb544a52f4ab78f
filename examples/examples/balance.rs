//! A balancer without the facade, over any service: here three functions, one of which fails fast.

use orlop_breaker::{Circuit, Settings};
use orlop_lb::{
    Balance,
    core::{Addr, AnyError, BoxError, Endpoint},
    fixed,
};
use std::{collections::BTreeMap, io, time::Duration};
use tower::{ServiceExt, service_fn};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let endpoints = ["quick", "slow", "broken"].map(|name| {
        // The address is what `connect` would dial; these functions need none.
        Endpoint::new(name, Addr::from(([127, 0, 0, 1], 9)))
    });
    let balance = Balance::builder(fixed(endpoints), connect, AnyError)
        .gate(|endpoint: &Endpoint| Circuit::new(Settings::default()).named(endpoint.id().as_str()))
        .build();

    let mut answers = BTreeMap::new();
    for _ in 0..300 {
        let answer = balance.clone().oneshot(()).await;
        *answers.entry(answer.unwrap_or_else(|error| error.to_string())).or_insert(0) += 1;
    }
    println!("{answers:#?}");
    for (endpoint, circuit) in balance.gates() {
        println!("{}: {:?}", endpoint.id(), circuit.state());
    }
    // Failing in no time does not draw the traffic: the circuit opens, and a failure counts as slow.
    let failed: u32 =
        answers.iter().filter(|(what, _)| what.contains("broken")).map(|(_, n)| n).sum();
    assert!(failed <= 10, "{failed} of 300 calls went to the broken endpoint");
    Ok(())
}

fn connect(
    endpoint: &Endpoint,
) -> Result<
    impl tower::Service<(), Response = String, Error = io::Error, Future: Send> + Clone + use<>,
    BoxError,
> {
    let name = endpoint.id().to_string();
    Ok(service_fn(move |()| {
        let name = name.clone();
        async move {
            match name.as_str() {
                "broken" => return Err(io::Error::other("broken fails at once")),
                "slow" => tokio::time::sleep(Duration::from_millis(20)).await,
                _ => tokio::task::yield_now().await,
            }
            Ok(name)
        }
    }))
}
