//! A gate that writes down all it hears.
#![allow(dead_code)] // each test file uses its part

use orlop_core::{
    Again, CallContext, Class, End, Gate, Handle, Kind, Note, Now, Rejected, Settle, Verdict,
};
use std::{
    sync::{Arc, Mutex},
    task::Waker,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    Entered(u32),
    Head(u32, Option<Class>),
    Unready(Class),
    Ended(u32, Verdict),
    Refunded(u32),
}

#[derive(Clone, Debug, Default)]
pub struct Recorder {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    next: u32,
    refuse: Option<Rejected>,
    refusing: bool,
    panic_on_end: bool,
    heard: Vec<Heard>,
}

impl Recorder {
    pub fn new() -> Self {
        Self::default()
    }

    /// Refuses in `enter` only.
    pub fn refuse(&self, kind: Kind) {
        self.state.lock().unwrap().refuse = Some(Rejected::new(kind));
    }

    /// Refuses, and says so before a call is seen.
    pub fn refuse_early(&self, kind: Kind) {
        self.refuse(kind);
        self.state.lock().unwrap().refusing = true;
    }

    pub fn admit(&self) {
        let mut state = self.state.lock().unwrap();
        state.refuse = None;
        state.refusing = false;
    }

    pub fn panic_on_end(&self) {
        self.state.lock().unwrap().panic_on_end = true;
    }

    pub fn heard(&self) -> Vec<Heard> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).heard.clone()
    }

    pub fn ends(&self) -> Vec<Verdict> {
        let ended = |heard: &Heard| match heard {
            Heard::Ended(_, verdict) => Some(*verdict),
            _ => None,
        };
        self.heard().iter().filter_map(ended).collect()
    }

    /// Every ticket handed out has come back exactly once.
    pub fn assert_balanced(&self) {
        let heard = self.heard();
        for entered in &heard {
            let Heard::Entered(id) = *entered else { continue };
            let ends = heard
                .iter()
                .filter(|heard| match heard {
                    Heard::Ended(ended, _) | Heard::Refunded(ended) => *ended == id,
                    _ => false,
                })
                .count();
            assert_eq!(ends, 1, "call {id} must end exactly once: {heard:?}");
        }
    }
}

impl Handle for Recorder {}

impl Settle for Recorder {
    type Ticket = u32;

    fn note(&self, ticket: Option<&mut u32>, note: Note<'_>, _: &Now) {
        let heard = match (ticket, note) {
            (Some(id), Note::Head(verdict)) => Heard::Head(*id, verdict.map(Verdict::class)),
            (_, Note::Unready(verdict)) => Heard::Unready(verdict.class()),
            other => panic!("unexpected note {other:?}"),
        };
        self.state.lock().unwrap().heard.push(heard);
    }

    fn end(&self, id: u32, end: End<'_>, _: &Now) {
        let panic_on_end = {
            let mut state = self.state.lock().unwrap();
            state.heard.push(match end {
                End::Verdict(verdict) => Heard::Ended(id, *verdict),
                End::Refund => Heard::Refunded(id),
                other => panic!("unexpected end {other:?}"),
            });
            state.panic_on_end
        };
        assert!(!panic_on_end, "as asked");
    }
}

impl<Req: ?Sized> Gate<Req> for Recorder {
    fn enter(&self, _: &Req, _: Option<&CallContext>, _: &Now) -> Result<u32, Rejected> {
        let mut state = self.state.lock().unwrap();
        if let Some(rejected) = &state.refuse {
            return Err(rejected.clone());
        }
        let id = state.next;
        state.next += 1;
        state.heard.push(Heard::Entered(id));
        Ok(id)
    }

    fn refusing(&self, _: &Now) -> Option<Rejected> {
        let state = self.state.lock().unwrap();
        state.refuse.clone().filter(|_| state.refusing)
    }

    fn wake(&self, _: &Waker, _: &Now) -> Again {
        Again::Never
    }
}
