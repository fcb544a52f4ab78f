//! What ninelives 0.2 does wrong. A test that fails says that it is mended: take the claim out of the README.

use self::call::{Answer, Breaker, Going, Went};
use ninelives::{CircuitBreakerConfig, CircuitBreakerLayer, Clock, ResilienceError};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};
use tower::{
    Layer, ServiceExt,
    util::{ServiceFn, service_fn},
};

#[allow(dead_code, reason = "the other program uses all of it")]
#[path = "../../../flaws/call.rs"]
mod call;
#[path = "../../../flaws/nine/scripts.rs"]
mod scripts;

/// The peer takes requests that it can clone.
type Request = Arc<Mutex<Option<Answer>>>;

type Backend = ServiceFn<fn(Request) -> Answer>;

struct NineLives {
    service: <CircuitBreakerLayer as Layer<Backend>>::Service,
    clock: HandClock,
}

/// Goes on when told to.
#[derive(Clone, Debug, Default)]
struct HandClock(Arc<AtomicU64>);

impl Clock for HandClock {
    fn now_millis(&self) -> u64 {
        self.0.load(SeqCst)
    }
}

/// Opens with the first failure, for 1 s; one probe.
fn layer(clock: HandClock) -> CircuitBreakerLayer {
    let config = CircuitBreakerConfig::new(1, Duration::from_secs(1), 1).expect("valid");
    CircuitBreakerLayer::with_clock(config, clock).expect("valid")
}

impl NineLives {
    fn new() -> Self {
        let clock = HandClock::default();
        let backend: Backend =
            service_fn(|request: Request| request.lock().unwrap().take().expect("called once"));
        Self { service: layer(clock.clone()).layer(backend), clock }
    }
}

impl Breaker for NineLives {
    fn call(&self, answer: Answer) -> Going {
        let call = self.service.clone().oneshot(Arc::new(Mutex::new(Some(answer))));
        Box::pin(async {
            match call.await {
                Ok(()) => Went::Well,
                Err(ResilienceError::CircuitOpen { .. }) => Went::Refused,
                Err(_) => Went::Badly,
            }
        })
    }
}

#[tokio::test]
async fn a_dropped_probe_keeps_its_slot_for_ever() {
    let nine = NineLives::new();
    let open_time = async || {
        nine.clock.0.fetch_add(1_000, SeqCst);
    };
    let well = scripts::well_after_a_dropped_probe(&nine, open_time).await;
    assert_eq!(well, 0);
}

#[tokio::test]
async fn a_late_success_lets_everybody_through() {
    assert_eq!(scripts::let_through_after_a_late_success(&NineLives::new()), 100);
}

#[tokio::test]
async fn what_is_called_was_never_ready() {
    let panic = scripts::call_over_a_limit(&layer(HandClock::default())).unwrap_err();
    assert!(panic.contains("poll_ready must be called first"), "{panic}");
}
