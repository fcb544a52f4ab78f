//! A fault test of one's own: an endpoint hangs, fails and comes back, on virtual time, in no time.

use orlop_breaker::{Circuit, Settings, State};
use orlop_lb::{
    Balance,
    core::{AnyError, Endpoint},
    fixed,
};
use orlop_testkit::{Behaviour, MockPool};
use std::time::Duration;
use tower::ServiceExt;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() {
    let pool = MockPool::new(["a", "b"]);
    let mocks = pool.clone();
    let connect = move |endpoint: &Endpoint| mocks.connect(endpoint);
    let balance = Balance::builder(fixed(pool.endpoints()), connect, AnyError)
        .gate(|_: &Endpoint| Circuit::new(Settings::default()))
        .seeded(7)
        .build();

    pool.set("a", Behaviour::Fails(Duration::from_millis(1)));
    let mut failed = 0;
    for _ in 0..200 {
        failed += u32::from(balance.clone().oneshot(()).await.is_err());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    println!("while a failed: {failed} of 200 calls failed, b answered {}", pool.calls("b"));

    pool.set("a", Behaviour::Answers(Duration::ZERO));
    for _ in 0..600 {
        balance.clone().oneshot(()).await.expect("both answer now");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let states: Vec<_> = balance.gates().into_iter().map(|(_, circuit)| circuit.state()).collect();
    println!("after it came back: {states:?}");
    assert_eq!(states, [State::Closed, State::Closed]);
    assert!(failed <= 12, "a circuit that is open lets only probes through");
}
