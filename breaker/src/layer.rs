//! The middleware: core's one guard, with a circuit in it.

use crate::Circuit;
use orlop_core::{AnyError, AsError, Guard, GuardLayer, NoContext, OnHead};

/// Puts a circuit in front of services. All services that one layer makes share it.
///
/// `BreakerLayer::http(circuit)` and `BreakerLayer::grpc(circuit)` (behind features of these names) judge by status;
/// `BreakerLayer::new(circuit, classify)` by what you give. See [`GuardLayer`] for what else there is to choose.
pub type BreakerLayer<G = Circuit, C = AnyError, T = OnHead, R = AsError, L = NoContext> =
    GuardLayer<G, C, T, R, L>;

/// A service behind a circuit. Made by [`BreakerLayer`].
pub type Breaker<S, G = Circuit, C = AnyError, T = OnHead, R = AsError, L = NoContext> =
    Guard<S, G, C, T, R, L>;
