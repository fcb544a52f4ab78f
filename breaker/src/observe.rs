//! Who is told of transitions.

use crate::{Transition, circuit::Plan};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::OnceLock,
};
use tokio::sync::watch;

/// Is told of a circuit's transitions. Closures are observers.
///
/// It runs after the transition, on the task whose call caused it, with no lock held; it may call the circuit. One
/// circuit's transitions come one at a time and in order, so while one is being told, others wait for the task that
/// tells it: do not block. A panic is caught and dropped.
pub trait Observe: Send + Sync {
    /// The circuit went from one state to another.
    fn transition(&self, transition: &Transition);
}

impl<F: Fn(&Transition) + Send + Sync> Observe for F {
    fn transition(&self, transition: &Transition) {
        self(transition);
    }
}

/// All who asked to hear of one circuit's transitions while it lives; its [`Plan`] names the others.
#[derive(Default)]
pub(crate) struct Listeners {
    /// Made when somebody first asks for it: most circuits of many keys need none.
    watch: OnceLock<watch::Sender<Transition>>,
}

impl Listeners {
    /// Tells everybody. A listener that panics keeps none of the others from hearing.
    pub(crate) fn tell(&self, plan: &Plan, transition: &Transition) {
        if let Some(watch) = self.watch.get() {
            quietly(|| drop(watch.send_replace(transition.clone())));
        }
        #[cfg(feature = "metrics")]
        if let Some(meters) = &plan.meters {
            quietly(|| meters.transition(transition));
        }
        #[cfg(feature = "tracing")]
        quietly(|| crate::tracing::transition(transition));
        if let Some(observer) = &plan.observer {
            quietly(|| observer.transition(transition));
        }
    }

    pub(crate) fn subscribe(
        &self,
        current: impl Fn() -> Transition,
    ) -> watch::Receiver<Transition> {
        let watch = self.watch.get_or_init(|| watch::Sender::new(current()));
        // Between that look and now somebody may have told a transition without finding the channel.
        let newest = current();
        watch.send_if_modified(|shown| {
            let behind = newest.generation().wrapping_sub(shown.generation()) as i32 > 0;
            if behind {
                *shown = newest;
            }
            behind
        });
        watch.subscribe()
    }
}

/// Catches what a listener or a waker of the user's throws.
pub(crate) fn quietly(tell: impl FnOnce()) {
    // The panic hook has reported it already. The circuit's own state is not touched by listeners.
    if let Err(payload) = catch_unwind(AssertUnwindSafe(tell)) {
        // To drop it may panic again.
        std::mem::forget(payload);
    }
}
