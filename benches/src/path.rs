//! What is measured.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// Makes so many calls, one after the other, and says how many ended as they should.
pub type Run = Box<dyn FnMut(u64) -> u64 + Send>;

/// The rows of one crate, and of the peers that offer the same.
#[derive(Debug)]
pub struct Part {
    pub(crate) name: &'static str,
    pub(crate) rows: Vec<Row>,
}

/// One line of the table.
pub struct Row {
    pub(crate) name: String,
    pub(crate) peer: bool,
    /// The row that does the same work without what is measured.
    pub(crate) bare: Option<&'static str>,
    set_up: Box<dyn Fn() -> Path>,
}

/// A thing to call: one handle of it, and more where it can be shared.
pub struct Path {
    first: Option<Run>,
    another: Option<Box<dyn Fn() -> Run>>,
    check: Option<Box<dyn Fn(u64)>>,
    waits: bool,
}

/// A path that has been set up, with all its calls counted.
pub(crate) struct Ready {
    name: String,
    first: Option<Run>,
    another: Option<Box<dyn Fn() -> Run>>,
    check: Option<Box<dyn Fn(u64)>>,
    /// A thread that stands still may be waiting for the other, not for a processor.
    pub(crate) waits: bool,
    made: Arc<AtomicU64>,
}

/// One handle on a path.
pub(crate) struct Handle {
    name: String,
    run: Run,
    made: Arc<AtomicU64>,
}

// ===== impl Part =====

impl Part {
    /// Named after the folder of the crate.
    pub fn new(name: &'static str, rows: impl IntoIterator<Item = Vec<Row>>) -> Self {
        Self { name, rows: rows.into_iter().flatten().collect() }
    }
}

// ===== impl Row =====

impl Row {
    /// A path of ours. `set_up` runs once for each measurement, in a fresh process for the instructions.
    pub fn new(name: impl Into<String>, set_up: impl Fn() -> Path + 'static) -> Self {
        Self { name: name.into(), peer: false, bare: None, set_up: Box::new(set_up) }
    }

    /// A path of somebody else's, to compare with.
    pub fn peer(name: impl Into<String>, set_up: impl Fn() -> Path + 'static) -> Self {
        Self { peer: true, ..Self::new(name, set_up) }
    }

    /// The row of this name is the same without what this one adds: the difference is told too.
    #[must_use]
    pub fn above(mut self, bare: &'static str) -> Self {
        self.bare = Some(bare);
        self
    }

    pub(crate) fn set_up(&self) -> Ready {
        let Path { first, another, check, waits } = (self.set_up)();
        Ready { name: self.name.clone(), first, another, check, waits, made: Arc::default() }
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Row").field(&self.name).finish()
    }
}

// ===== impl Path =====

impl Path {
    /// Something that threads share: each call of `handle` makes one more handle on it.
    pub fn shared(handle: impl Fn() -> Run + 'static) -> Self {
        Self { first: None, another: Some(Box::new(handle)), check: None, waits: false }
    }

    /// Something of which there is one handle only.
    pub fn alone(run: Run) -> Self {
        Self { first: Some(run), another: None, check: None, waits: false }
    }

    /// Where threads meet, one sleeps: that is part of the path's cost.
    #[must_use]
    pub fn waiting(mut self) -> Self {
        self.waits = true;
        self
    }

    /// What must hold when all calls are over, given how many there were. It panics if it does not.
    #[must_use]
    pub fn checked(mut self, check: impl Fn(u64) + 'static) -> Self {
        self.check = Some(Box::new(check));
        self
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Path").field("shared", &self.another.is_some()).finish_non_exhaustive()
    }
}

// ===== impl Ready =====

impl Ready {
    /// The first handle; the only one, where the path is not shared.
    pub(crate) fn first(&mut self) -> Handle {
        let run = self.first.take().or_else(|| self.another.as_ref().map(|another| another()));
        self.handle(run.expect("the one handle of a path is taken once"))
    }

    /// A handle for another thread.
    pub(crate) fn another(&self) -> Option<Handle> {
        let another = self.another.as_ref()?;
        Some(self.handle(another()))
    }

    /// Checks what the set-up wants checked.
    pub(crate) fn check(&self) {
        if let Some(check) = &self.check {
            check(self.made.load(Relaxed));
        }
    }

    fn handle(&self, run: Run) -> Handle {
        Handle { name: self.name.clone(), run, made: Arc::clone(&self.made) }
    }
}

// ===== impl Handle =====

impl Handle {
    /// Makes so many calls.
    ///
    /// # Panics
    ///
    /// If they did not all end as the row says.
    pub(crate) fn make(&mut self, calls: u64) {
        let good = (self.run)(calls);
        assert_eq!(good, calls, "{}: calls that ended as they should, of all calls", self.name);
        self.made.fetch_add(calls, Relaxed);
    }
}
