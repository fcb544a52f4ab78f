use orlop_core::Ratio;
use std::{
    error::Error,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;

/// Switches faults on and off while calls run. Clones are the same switch.
///
/// # Examples
///
/// ```
/// use orlop_core::Ratio;
/// use orlop_testkit::{Fault, Mode};
///
/// let fault = Fault::seeded(7);
/// fault.set(Mode::Error);
/// fault.share(Ratio::HALF); // of the calls, drawn from the seed
/// fault.clear();
/// ```
#[derive(Clone)]
pub struct Fault {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Wakes those who wait out a fault, when it changes.
    changed: Notify,
}

struct State {
    mode: Mode,
    share: Ratio,
    rng: fastrand::Rng,
    hit: u64,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// Nothing.
    #[default]
    None,
    /// The call fails with [`Injected`] and does not reach the service.
    Error,
    /// The call reaches the service after this time.
    Delay(Duration),
    /// The call never ends. It stays so when the fault is cleared, as a lost request does.
    Hang,
    /// The service does not become ready while the fault lasts.
    Unready,
    /// The response's body fails with [`Injected`] after so many bytes. Only with [`FaultLayer::http`](crate::FaultLayer::http).
    Truncate(u64),
}

/// The error of an injected fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Injected;

impl Fault {
    /// No fault yet; which calls a share hits is drawn from the seed.
    pub fn seeded(seed: u64) -> Self {
        let state = State {
            mode: Mode::None,
            share: Ratio::ONE,
            rng: fastrand::Rng::with_seed(seed),
            hit: 0,
        };
        Self { shared: Arc::new(Shared { state: Mutex::new(state), changed: Notify::new() }) }
    }

    /// From now on this goes wrong.
    pub fn set(&self, mode: Mode) {
        self.lock().mode = mode;
        self.shared.changed.notify_waiters();
    }

    /// Only this share of the calls is hit. Default: all.
    pub fn share(&self, share: Ratio) {
        self.lock().share = share;
    }

    /// From now on nothing goes wrong.
    pub fn clear(&self) {
        self.set(Mode::None);
    }

    /// How many calls were hit so far.
    pub fn hits(&self) -> u64 {
        self.lock().hit
    }

    /// What happens to the next call.
    pub(crate) fn draw(&self) -> Mode {
        let mut state = self.lock();
        if matches!(state.mode, Mode::None | Mode::Unready) {
            return Mode::None;
        }
        if state.rng.f64() >= state.share.get() {
            return Mode::None;
        }
        state.hit += 1;
        state.mode
    }

    /// Resolves once the service may be ready. Registers before it looks, so no change is missed.
    pub(crate) async fn until_ready(self) {
        loop {
            let changed = self.shared.changed.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            if self.lock().mode != Mode::Unready {
                return;
            }
            changed.await;
        }
    }

    pub(crate) fn is_unready(&self) -> bool {
        self.lock().mode == Mode::Unready
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Fault")
            .field("mode", &state.mode)
            .field("share", &state.share)
            .field("hit", &state.hit)
            .finish()
    }
}

impl fmt::Display for Injected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("injected fault")
    }
}

impl Error for Injected {}
