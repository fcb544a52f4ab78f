//! x
use orlop_breaker::*;
use orlop_lb::{Balance, Settings as LbSettings};
use orlop_testkit::*;
use orlop_core::*;
use std::time::Duration;
use tower::ServiceExt;

#[tokio::test(start_paused = true)]
async fn recovers() {
    let pool = MockPool::new(["a", "b"]);
    let p2 = pool.clone();
    let settings = orlop_breaker::Settings::default().open(OpenTime::exponential(Duration::from_secs(1), Duration::from_secs(2))).probes(1.try_into().unwrap());
    let ms = Duration::from_millis(2);
    let balance = Balance::builder(orlop_lb::fixed(pool.endpoints()), move |e: &Endpoint| p2.connect(e), AnyError)
        .gate(move |_: &Endpoint| Circuit::new(settings.clone()))
        .settings(LbSettings::new().decay(Duration::from_secs(1)).penalty(Duration::from_millis(500)).default_rtt(Duration::from_millis(5)))
        .seeded(1)
        .build();
    for n in ["a", "b"] { pool.set(n, Behaviour::Answers(ms)); }
    for _ in 0..20 { balance.clone().oneshot(()).await.unwrap(); }
    for n in ["a", "b"] { pool.set(n, Behaviour::Refuses); }
    for _ in 0..340 { let _ = balance.clone().oneshot(()).await; tokio::time::sleep(Duration::from_millis(50)).await; }
    for n in ["a", "b"] { pool.set(n, Behaviour::Answers(ms)); }
    for i in 0..200 { let r = balance.clone().oneshot(()).await; tokio::time::sleep(Duration::from_millis(50)).await;
      if i % 10 == 0 { println!("{i} {} {:?} {:?}", r.is_ok(), balance.gates().iter().map(|(e,c)| format!("{} {:?}", e.id(), c.state())).collect::<Vec<_>>(), balance.snapshot().endpoints.iter().map(|e| (e.estimate, e.estimate_age, e.refused)).collect::<Vec<_>>()); } }
    assert!(balance.gates().iter().all(|(_, c)| c.state() == State::Closed));
}
