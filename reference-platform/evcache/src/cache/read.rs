//! Local copy first, then others, within one deadline.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use orlop_core::{CallContext, Gate, Kind, Rejected, Sent};
use tokio::time::Instant;

use super::{
    Shared,
    error::{CacheError, NodeError},
    key::CacheKey,
    member::Member,
    settings::Fallback,
    topology::Topology,
};
use crate::Value;

/// One read under way.
struct Read<'a, G> {
    shared: &'a Shared<G>,
    key: &'a CacheKey,
    call: Option<&'a CallContext>,
    deadline: Instant,
    /// Reads that may still be sent.
    left: usize,
    missed: bool,
    error: Option<NodeError>,
}

/// What one copy said.
enum Step {
    Hit(Value),
    /// It does not have the key, and its word is enough.
    Miss,
    /// Ask another.
    Next,
}

pub(super) async fn read<G>(
    shared: &Shared<G>,
    key: &CacheKey,
    call: Option<&CallContext>,
) -> Result<Option<Value>, CacheError>
where
    G: Gate<str, Ticket: Send> + Send + Sync + 'static,
{
    let topology = shared.topology.load_full();
    let now = Instant::now();
    let own = now.checked_add(shared.settings.read_deadline);
    let deadline = [own, call.and_then(CallContext::deadline)].into_iter().flatten().min();
    let mut read = Read {
        shared,
        key,
        call,
        // Beyond the clock's end is a day as well as for ever.
        deadline: deadline.unwrap_or(now + Duration::from_secs(24 * 3600)),
        left: shared.settings.fallback_zones.saturating_add(1),
        missed: false,
        error: None,
    };
    let local = shared.local.as_deref().and_then(|zone| topology.owner(zone, &key.wire));
    if let Some(member) = local {
        match read.ask(member, true).await {
            Step::Hit(value) => return Ok(Some(value)),
            Step::Miss => return Ok(None),
            Step::Next => {}
        }
    }
    for member in others(shared, &topology, key) {
        if read.left == 0 || Instant::now() >= read.deadline {
            break;
        }
        match read.ask(&member, false).await {
            Step::Hit(value) => return Ok(Some(value)),
            Step::Miss => return Ok(None),
            Step::Next => {}
        }
    }
    read.end()
}

impl<G> Read<'_, G>
where
    G: Gate<str, Ticket: Send> + Send + Sync + 'static,
{
    async fn ask(&mut self, member: &Member<G>, local: bool) -> Step {
        let settings = &self.shared.settings;
        let own = if local { settings.local_timeout } else { settings.remote_timeout };
        let limit = own.min(self.deadline.saturating_duration_since(Instant::now()));
        let answer =
            member.ask(&self.key.text, self.call, limit, member.client.get(&self.key.wire)).await;
        let stored = match answer {
            Ok(stored) => stored,
            Err(error) => {
                // What was provably not sent cost nothing, so it does not use up a try.
                if error.verdict().sent() != Sent::No {
                    self.left -= 1;
                }
                self.error = Some(error);
                return Step::Next;
            }
        };
        self.left -= 1;
        let found = stored.is_some();
        if let Some(value) = stored.and_then(|stored| self.key.unwrap(stored)) {
            member.count(|c| if local { &c.hits_local } else { &c.hits_remote });
            return Step::Hit(value);
        }
        if found {
            member.count(|c| &c.collisions);
        }
        member.count(|c| &c.misses);
        self.missed = true;
        match settings.fallback {
            Fallback::OnError => Step::Miss,
            Fallback::OnErrorOrMiss => Step::Next,
        }
    }

    fn end(self) -> Result<Option<Value>, CacheError> {
        match self.error {
            _ if self.missed => Ok(None),
            Some(error) => Err(CacheError::unavailable(error)),
            None => {
                Err(CacheError::unavailable(NodeError::Rejected(Rejected::new(Kind::NoEndpoints))))
            }
        }
    }
}

/// The owners in other zones: first those that are likely to answer, each group from a random start, so that the
/// zones share what a dead one leaves.
fn others<G>(shared: &Shared<G>, topology: &Topology<G>, key: &CacheKey) -> Vec<Arc<Member<G>>>
where
    G: Gate<str, Ticket: Send> + Send + Sync + 'static,
{
    let owners =
        topology.owners(&key.wire).filter(|(zone, _)| shared.local.as_ref() != Some(*zone));
    let mut members: Vec<_> = owners.map(|(_, member)| Arc::clone(member)).collect();
    if members.len() > 1 {
        let start =
            shared.rng.lock().unwrap_or_else(PoisonError::into_inner).usize(..members.len());
        members.rotate_left(start);
        members.sort_by_cached_key(|member| member.is_unlikely());
    }
    members
}
