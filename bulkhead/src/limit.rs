//! At most so many calls at a time, exactly.

use crate::{Settings, wakers::Wakers, word::Word};
use orlop_core::{
    Again, CallContext, End, Gate, Handle, Kind, Note, Now, Permit, Rejected, Settle,
};
use std::{
    fmt,
    sync::{Arc, OnceLock},
    task::Waker,
};

/// An exact limit of calls in flight: a gate that refuses what is too much, at once.
///
/// It is a handle; clones share the limit. One atomic word holds what is in flight and how much may be, so no race of
/// admissions, ends and [`set_limit`](Limit::set_limit) ever lets one too many in.
///
/// # Examples
///
/// ```
/// use orlop_bulkhead::Limit;
/// use orlop_bulkhead::core::Kind;
///
/// let limit = Limit::new(1).named("playback");
/// let permit = limit.try_enter()?;
/// assert_eq!(limit.try_enter().unwrap_err().kind(), Kind::Limit);
/// drop(permit);
/// assert!(limit.try_enter().is_ok());
/// # Ok::<(), orlop_bulkhead::core::Rejected>(())
/// ```
#[derive(Clone)]
pub struct Limit {
    shared: Arc<Shared>,
}

/// One place among the calls in flight. It comes from [`Limit`] and goes back to it.
#[derive(Debug)]
pub struct Slot(());

struct Shared {
    word: Word,
    wakers: Wakers,
    name: OnceLock<Arc<str>>,
}

impl Limit {
    /// What a larger limit counts as: 2^31 - 1, for "no limit, but count".
    pub const MAX: usize = Word::MAX_LIMIT;

    /// At most `limit` calls in flight. 0 refuses every call; more than [`MAX`](Limit::MAX) counts as that.
    pub fn new(limit: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                word: Word::new(limit),
                wakers: Wakers::new(),
                name: OnceLock::new(),
            }),
        }
    }

    /// The limit of these settings; what they say of waiting is [`Line`](crate::Line)'s.
    pub fn with_settings(settings: &Settings) -> Self {
        Self::new(settings.limit.get().try_into().unwrap_or(Self::MAX))
    }

    /// Names it in refusals, for all its handles. The first name given stays.
    #[must_use]
    pub fn named(self, name: impl Into<Arc<str>>) -> Self {
        // An error here only says that there is a name already.
        let _ = self.shared.name.set(name.into());
        self
    }

    /// Its name, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.shared.name.get().map(|name| &**name)
    }

    /// Lets a call in without tower: keep the permit for as long as the call takes.
    ///
    /// # Errors
    ///
    /// A refusal of kind [`Limit`](Kind::Limit) if all slots are taken.
    pub fn try_enter(&self) -> Result<Permit<Self>, Rejected> {
        match self.take() {
            Some(slot) => Ok(Permit::new(self.clone(), slot)),
            None => Err(self.refusal()),
        }
    }

    /// Calls in flight. Above [`limit`](Limit::limit) only while a lowered limit drains.
    pub fn in_flight(&self) -> usize {
        self.shared.word.in_flight()
    }

    /// Calls that may be in flight.
    pub fn limit(&self) -> usize {
        self.shared.word.limit()
    }

    /// Changes the limit, for all handles, from now on.
    ///
    /// It never blocks: with a lower limit, the calls in flight go on, and new ones are let in once fewer are in
    /// flight than the limit says. 0 and large values count as in [`new`](Limit::new).
    pub fn set_limit(&self, limit: usize) {
        if self.shared.word.set_limit(limit) {
            self.shared.wakers.wake_all(&self.shared.word);
        }
    }

    pub(crate) fn take(&self) -> Option<Slot> {
        self.shared.word.take().then_some(Slot(()))
    }

    pub(crate) fn give_back(&self, Slot(()): Slot) {
        if self.shared.word.give_back() {
            self.shared.wakers.wake_all(&self.shared.word);
        }
    }

    pub(crate) fn register_line(&self, waker: &Waker) {
        self.shared.wakers.register_line(waker, &self.shared.word);
    }

    fn refusal(&self) -> Rejected {
        self.name_in(Rejected::new(Kind::Limit))
    }

    pub(crate) fn name_in(&self, rejected: Rejected) -> Rejected {
        match self.shared.name.get() {
            Some(name) => rejected.named(Arc::clone(name)),
            None => rejected,
        }
    }
}

impl Handle for Limit {}

impl Settle for Limit {
    type Ticket = Slot;

    // The head of a response frees nothing: the slot is kept until the call's end.
    fn note(&self, _: Option<&mut Slot>, _: Note<'_>, _: &Now) {}

    fn end(&self, slot: Slot, _: End<'_>, _: &Now) {
        self.give_back(slot);
    }
}

impl<Req: ?Sized> Gate<Req> for Limit {
    fn enter(&self, _: &Req, _: Option<&CallContext>, _: &Now) -> Result<Slot, Rejected> {
        self.take().ok_or_else(|| self.refusal())
    }

    fn refusing(&self, _: &Now) -> Option<Rejected> {
        (!self.shared.word.has_room()).then(|| self.refusal())
    }

    /// Registers the waker, unless there is room; every registered waker is woken once when a slot frees, and must ask
    /// again. While 1,024 others are registered, the answer is a time instead.
    fn wake(&self, waker: &Waker, now: &Now) -> Again {
        if self.shared.word.has_room() {
            // It does not refuse. A slot that is taken before the caller asks again makes it come here once more.
            Again::Never
        } else if self.shared.wakers.register(waker, &self.shared.word) {
            Again::Registered
        } else {
            Again::At(now.get() + Wakers::ELSE_AFTER)
        }
    }
}

impl fmt::Debug for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limit")
            .field("name", &self.name())
            .field("in_flight", &self.in_flight())
            .field("limit", &self.limit())
            .finish()
    }
}
