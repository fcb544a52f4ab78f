use super::{Backend, backend};
use crate::call::{Answer, Breaker, Going, Shown, State, Went};
use futures_util::FutureExt;
use tower::{Layer, ServiceExt};
use tower_resilience_circuitbreaker::{
    CircuitBreaker, CircuitBreakerConfigBuilder, CircuitBreakerLayer, CircuitState,
    DefaultClassifier,
};

#[derive(Clone)]
pub(crate) struct TowerResilience(CircuitBreaker<Backend, DefaultClassifier>);

impl TowerResilience {
    pub(crate) fn new(config: CircuitBreakerConfigBuilder) -> Self {
        Self::of(&config.build().expect("valid"))
    }

    /// What the layer makes.
    pub(crate) fn of(layer: &CircuitBreakerLayer) -> Self {
        Self(layer.layer(backend()))
    }

    /// How many calls it has counted since its last transition.
    pub(crate) fn counted(&self) -> usize {
        self.0.metrics().now_or_never().expect("nobody holds its lock").total_calls
    }
}

impl Breaker for TowerResilience {
    fn call(&self, answer: Answer) -> Going {
        let call = self.0.clone().oneshot(answer);
        Box::pin(async {
            match call.await {
                Ok(()) => Went::Well,
                Err(error) if error.is_circuit_open() => Went::Refused,
                Err(_) => Went::Badly,
            }
        })
    }
}

impl Shown for TowerResilience {
    fn state(&self) -> State {
        match self.0.state_sync() {
            CircuitState::Closed => State::Closed,
            CircuitState::Open => State::Open,
            CircuitState::HalfOpen => State::HalfOpen,
        }
    }
}
