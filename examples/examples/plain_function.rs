//! A circuit and a limit around an async function, without tower.

use orlop_breaker::{
    Circuit, Settings,
    core::{Now, Permit, Rejected, Verdict},
};
use orlop_bulkhead::Limit;

#[tokio::main]
async fn main() {
    let circuit = Circuit::new(Settings::default()).named("ratings");
    let limit = Limit::new(10).named("ratings");

    let mut refused = 0;
    for call in 0..20 {
        match rate(&(circuit.clone(), limit.clone()), call).await {
            Ok(stars) => println!("call {call}: {stars} stars"),
            Err(Failure::Refused(rejected)) => {
                refused += 1;
                println!("call {call}: {rejected}");
            }
            Err(Failure::Backend(why)) => println!("call {call}: {why}"),
        }
    }
    // Five failures in a row open the circuit; the rest never reach the backend.
    assert_eq!(refused, 12);
    assert_eq!(limit.in_flight(), 0);
}

enum Failure {
    Refused(Rejected),
    Backend(&'static str),
}

async fn rate(gate: &(Circuit, Limit), call: u32) -> Result<u32, Failure> {
    // Dropping this future, here or at any await, gives both permits back.
    let permit =
        Permit::enter(gate.clone(), &call, None, &Now::lazy()).map_err(Failure::Refused)?;
    let result = backend(call).await;
    let verdict = if result.is_ok() { Verdict::SUCCESS } else { Verdict::FAILURE };
    permit.settle(verdict);
    result.map_err(Failure::Backend)
}

/// Works three times, then is down.
async fn backend(call: u32) -> Result<u32, &'static str> {
    if call < 3 { Ok(5) } else { Err("backend is down") }
}
