use crate::call::{Answer, Breaker, Going, Shown, State, Went};
use failsafe::{Config, Error, FailurePolicy, Instrument, StateMachine, futures::CircuitBreaker};
use std::sync::{Arc, Mutex};

pub(crate) struct Failsafe<P> {
    machine: StateMachine<P, Standing>,
    standing: Standing,
}

impl<P: FailurePolicy> Failsafe<P> {
    pub(crate) fn new(policy: P) -> Self {
        let standing = Standing(Arc::new(Mutex::new(State::Closed)));
        let machine = Config::new().failure_policy(policy).instrument(standing.clone()).build();
        Self { machine, standing }
    }
}

impl<P: FailurePolicy + Send + Sync + 'static> Breaker for Failsafe<P> {
    fn call(&self, answer: Answer) -> Going {
        let call = CircuitBreaker::call(&self.machine, answer);
        Box::pin(async {
            match call.await {
                Ok(()) => Went::Well,
                Err(Error::Rejected) => Went::Refused,
                Err(Error::Inner(_)) => Went::Badly,
            }
        })
    }
}

impl<P: FailurePolicy + Send + Sync + 'static> Shown for Failsafe<P> {
    fn state(&self) -> State {
        *self.standing.0.lock().unwrap()
    }
}

/// Its state, as it tells an instrument.
#[derive(Clone)]
pub(crate) struct Standing(Arc<Mutex<State>>);

impl Instrument for Standing {
    fn on_call_rejected(&self) {}

    fn on_open(&self) {
        *self.0.lock().unwrap() = State::Open;
    }

    fn on_half_open(&self) {
        *self.0.lock().unwrap() = State::HalfOpen;
    }

    fn on_closed(&self) {
        *self.0.lock().unwrap() = State::Closed;
    }
}
