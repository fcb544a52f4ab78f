//! Where a call was when its caller gave it up.
//!
//! Who gives a call up drops its future, and a dropped future returns nothing; so a time-out could not say which endpoint
//! it was that did not answer, unless every healthy call wrote down where it goes. A drop runs to its end on the thread
//! that begins it, so the place is told there, and a call that ends well pays nothing.

use crate::Endpoint;
use std::cell::RefCell;

thread_local! {
    /// `None` while nobody asks. Borrowed only within a function of this module that calls nobody else's code.
    static ASKED: RefCell<Option<Place>> = const { RefCell::new(None) };
}

#[derive(Default)]
struct Place(Option<Endpoint>);

/// Gives a call up: runs `give_up`, which drops it, and returns the endpoint that it was at, if a balancer below says so.
///
/// Of several balancers, one below the other, the outermost is believed.
///
/// # Examples
///
/// ```
/// use orlop_core::{Endpoint, cause};
///
/// /// What a balancer holds for a call in flight.
/// struct InFlight(Endpoint);
/// impl Drop for InFlight {
///     fn drop(&mut self) {
///         cause::was_at(&self.0);
///     }
/// }
///
/// let call = InFlight(Endpoint::new("playback-1", ([127, 0, 0, 1], 9110)));
/// let at = cause::given_up(|| drop(call));
/// assert_eq!(at.map(|endpoint| endpoint.id().to_string()).as_deref(), Some("playback-1"));
/// ```
pub fn given_up(give_up: impl FnOnce()) -> Option<Endpoint> {
    let asked = Asked(swap(Some(Place::default())));
    give_up();
    // By the guard, so that a drop that panics leaves nobody asking either.
    asked.answer()
}

/// Says where a call was that is being dropped. Costs nothing to speak of where nobody asks.
pub fn was_at(endpoint: &Endpoint) {
    // An error here says that the thread is at its end, and nobody asks any more.
    let before = ASKED.try_with(|asked| {
        let place = &mut asked.borrow_mut();
        place.as_mut().and_then(|place| place.0.replace(endpoint.clone()))
    });
    // What the last reference to an endpoint takes along is dropped when nothing is borrowed.
    drop(before);
}

/// What was asked before, to be put back.
struct Asked(Option<Place>);

impl Asked {
    fn answer(mut self) -> Option<Endpoint> {
        let place = swap(self.0.take());
        std::mem::forget(self);
        place.and_then(|place| place.0)
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        drop(swap(self.0.take()));
    }
}

fn swap(place: Option<Place>) -> Option<Place> {
    ASKED.try_with(|asked| std::mem::replace(&mut *asked.borrow_mut(), place)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    fn endpoint(id: &str) -> Endpoint {
        Endpoint::new(id, ([127, 0, 0, 1], 9))
    }

    fn name(endpoint: Option<Endpoint>) -> Option<String> {
        endpoint.map(|endpoint| endpoint.id().to_string())
    }

    #[test]
    fn the_outermost_balancer_speaks_last_and_is_believed() {
        let at = given_up(|| {
            was_at(&endpoint("inner"));
            was_at(&endpoint("outer"));
        });
        assert_eq!(name(at).as_deref(), Some("outer"));
    }

    #[test]
    fn nobody_asks_outside_and_nothing_is_kept() {
        was_at(&endpoint("before"));
        assert_eq!(name(given_up(|| {})), None);
        was_at(&endpoint("after"));
        assert_eq!(name(given_up(|| {})), None);
    }

    #[test]
    fn one_drop_within_another_answers_for_itself() {
        let at = given_up(|| {
            was_at(&endpoint("outer"));
            assert_eq!(name(given_up(|| was_at(&endpoint("inner")))).as_deref(), Some("inner"));
        });
        assert_eq!(name(at).as_deref(), Some("outer"));
    }

    #[test]
    fn a_drop_that_panics_leaves_nobody_asking() {
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            given_up(|| {
                was_at(&endpoint("a"));
                panic!("the call's own");
            })
        }));
        assert!(panicked.is_err());
        assert!(swap(None).is_none());
    }
}
