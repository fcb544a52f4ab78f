//! A deterministic log of what happened, to compare two runs of one seed.

use std::fmt;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::ctx::stable_hash;

/// Lines kept: enough for minutes of a simulated graph, 10 MiB at most with lines of usual length.
const KEEP: usize = 1 << 16;

/// Events in the order they happened. Clones share one log; give one to all instances of a simulation.
///
/// The first 65,536 lines are kept; later ones only change [`digest`](Self::digest) and [`len`](Self::len).
#[derive(Clone, Default)]
pub struct Trace(Arc<Mutex<Log>>);

#[derive(Default)]
struct Log {
    kept: Vec<String>,
    total: u64,
    digest: u64,
}

impl Trace {
    /// An empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends `at instance kind key=value ..`.
    pub fn push(&self, at: Duration, who: &str, kind: &str, fields: &[(&str, &dyn fmt::Display)]) {
        let mut line = format!("{:.6} {who} {kind}", at.as_secs_f64());
        for (key, value) in fields {
            // Writing to a string does not fail.
            let _ = write!(line, " {key}={value}");
        }
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.digest = stable_hash(&[&log.digest.to_le_bytes(), line.as_bytes()]);
        log.total += 1;
        if log.kept.len() < KEEP {
            log.kept.push(line);
        }
    }

    /// The lines kept so far.
    pub fn lines(&self) -> Vec<String> {
        let log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.kept.clone()
    }

    /// How many events there were, kept or not.
    pub fn len(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).total
    }

    /// Whether nothing has happened yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One number that covers every event, kept or not: equal runs have equal digests.
    pub fn digest(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).digest
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace").field("len", &self.len()).field("digest", &self.digest()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_depends_on_order_and_content() {
        let (one, two, three) = (Trace::new(), Trace::new(), Trace::new());
        for (trace, kinds) in
            [(&one, ["up", "down"]), (&two, ["up", "down"]), (&three, ["down", "up"])]
        {
            for kind in kinds {
                trace.push(Duration::ZERO, "playback-a", kind, &[("n", &1)]);
            }
        }
        assert_eq!(one.lines(), ["0.000000 playback-a up n=1", "0.000000 playback-a down n=1"]);
        assert_eq!(one.digest(), two.digest());
        assert_ne!(one.digest(), three.digest(), "the order is part of the trace");
    }

    #[test]
    fn log_is_bounded_and_still_counts() {
        let trace = Trace::new();
        for n in 0..KEEP + 10 {
            trace.push(Duration::ZERO, "x", "e", &[("n", &n)]);
        }
        assert_eq!(trace.lines().len(), KEEP);
        assert_eq!(trace.len(), KEEP as u64 + 10);
    }
}
