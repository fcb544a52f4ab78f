use super::{Backend, backend};
use crate::call::{Answer, Breaker, Going, Shown, State, Went};
use orlop_breaker::{self as breaker, BreakerLayer, Circuit, OpenTime, Settings, Trip, Window};
use orlop_core::{AnyError, Rejected};
use std::{
    num::{NonZeroU16, NonZeroU32},
    time::Duration,
};
use tower::{Layer, ServiceExt};

#[derive(Clone)]
pub(crate) struct Ours {
    pub(crate) circuit: Circuit,
    service: breaker::Breaker<Backend>,
}

impl Ours {
    pub(crate) fn new(settings: Settings) -> Self {
        let circuit = Circuit::new(settings);
        Self::of(&BreakerLayer::new(circuit.clone(), AnyError), &circuit)
    }

    /// What the layer makes, whose circuit this is.
    pub(crate) fn of(layer: &BreakerLayer, circuit: &Circuit) -> Self {
        Self { circuit: circuit.clone(), service: layer.layer(backend()) }
    }
}

impl Breaker for Ours {
    fn call(&self, answer: Answer) -> Going {
        let call = self.service.clone().oneshot(answer);
        Box::pin(async {
            match call.await {
                Ok(()) => Went::Well,
                Err(error) if Rejected::find(&*error).is_some() => Went::Refused,
                Err(_) => Went::Badly,
            }
        })
    }
}

impl Shown for Ours {
    fn state(&self) -> State {
        match self.circuit.state() {
            breaker::State::Closed => State::Closed,
            breaker::State::Open => State::Open,
            breaker::State::HalfOpen => State::HalfOpen,
            state => panic!("nobody forced it, but it is {state:?}"),
        }
    }
}

/// Opens for 1 s; one probe, one success.
pub(crate) fn plain(rules: impl IntoIterator<Item = Trip>) -> Settings {
    Settings::default()
        .trip(rules)
        .open(OpenTime::fixed(Duration::from_secs(1)))
        .probes(NonZeroU16::MIN)
        .successes(NonZeroU32::MIN)
}

pub(crate) fn n(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).expect("a test asks for at least one")
}

pub(crate) fn last(calls: u16) -> Window {
    Window::last(NonZeroU16::new(calls).expect("at least one"))
}

pub(crate) fn within(length: Duration) -> Window {
    Window::within(length).expect("in range")
}
