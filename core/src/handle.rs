//! How services and calls hold a gate.

use std::sync::Arc;

/// A pointer to a gate: what a middleware clones.
///
/// Every call in flight holds one, so that the gate outlives the call. Where handles share one reference count, all
/// threads write that count for every call, and a second thread adds nothing. A handle can do better in
/// [`lend`](Handle::lend); [`Striped`](crate::Striped) does.
///
/// A type whose clones are cheap and rare enough implements it with an empty body; so does `Arc`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handle of a gate",
    note = "put a gate of your own into an `Arc`, or write `impl Handle for {Self} {{}}` where its clones are one gate"
)]
pub trait Handle: Clone {
    /// A handle for one call, or for a clone of a service that holds this one.
    ///
    /// It is the same gate. Unlike a clone it need not keep alive what only makes further handles cheap.
    #[must_use]
    fn lend(&self) -> Self {
        self.clone()
    }
}

impl Handle for () {}

impl<G: ?Sized> Handle for &G {}

impl<G: ?Sized> Handle for Arc<G> {}

impl<G: Handle> Handle for Option<G> {
    #[inline]
    fn lend(&self) -> Self {
        self.as_ref().map(G::lend)
    }
}

impl<A: Handle, B: Handle> Handle for (A, B) {
    #[inline]
    fn lend(&self) -> Self {
        (self.0.lend(), self.1.lend())
    }
}
