//! The set of endpoints at one moment: immutable, ordered so that those to prefer come first.

use crate::{
    Load, Node, Settings, Tried,
    error::Refused,
    order::first_to_admit,
    snapshot::{Failing, Staleness},
};
use fastrand::Rng;
use orlop_core::{CallContext, Endpoint, Gate, Health, Now, Permit, Picks, Rejected};
use std::{ops::Range, ptr, sync::Arc, time::Duration};

/// One endpoint in the set, with what discovery last said of it.
pub(crate) struct Entry<S, G> {
    pub(crate) endpoint: Endpoint,
    pub(crate) service: S,
    pub(crate) node: Arc<Node<G>>,
}

pub(crate) struct Set<S, G> {
    /// Sorted by tier.
    entries: Vec<Entry<S, G>>,
    /// Where each tier ends in `entries`.
    tier_ends: [usize; TIERS],
    /// Endpoints that have no service because `connect` failed.
    pub(crate) failing: Vec<Failing>,
    pub(crate) staleness: Staleness,
}

/// What keeps a call from some endpoints.
#[derive(Default)]
pub(crate) struct Avoid<'a> {
    /// Where earlier attempts of the call went.
    tried: Vec<Endpoint>,
    /// What this attempt moved on from: out of the question.
    passed: &'a [Endpoint],
    zones: bool,
}

/// Why nothing was picked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Nothing {
    /// There is no endpoint to ask.
    Empty { retry_after: Option<Duration> },
    /// All that were asked refused; with the refusal that ends soonest.
    Refused(Option<Refused>),
}

/// Healthy here, healthy elsewhere, degraded here, degraded elsewhere, and those that should take no calls.
const TIERS: usize = 5;
/// Asked only where there is nothing else at all.
const LAST_RESORT: usize = 4;

/// How welcome an endpoint is to an attempt, best first.
const RANKS: [Rank; 3] = [Rank::NewZone, Rank::New, Rank::Tried];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rank {
    /// No attempt went to it, nor to its zone.
    NewZone,
    /// No attempt went to it.
    New,
    Tried,
    Passed,
}

impl<S, G> Set<S, G> {
    /// Nothing known yet.
    pub(crate) fn unresolved() -> Self {
        Self {
            entries: Vec::new(),
            tier_ends: [0; TIERS],
            failing: Vec::new(),
            staleness: Staleness::default(),
        }
    }

    pub(crate) fn new(
        mut entries: Vec<Entry<S, G>>,
        failing: Vec<Failing>,
        staleness: Staleness,
        local_zone: Option<&str>,
    ) -> Self {
        // Stable, so the order within a tier is the caller's, and picks repeat under the same seed.
        entries.sort_by_key(|entry| tier_of(&entry.endpoint, local_zone));
        let mut tier_ends = [0; TIERS];
        for entry in &entries {
            tier_ends[tier_of(&entry.endpoint, local_zone)] += 1;
        }
        for tier in 1..TIERS {
            tier_ends[tier] += tier_ends[tier - 1];
        }
        Self { entries, tier_ends, failing, staleness }
    }

    pub(crate) fn entries(&self) -> &[Entry<S, G>] {
        &self.entries
    }

    /// The positions of the tiers that calls may go to, best first.
    fn tiers(&self) -> impl Iterator<Item = Range<usize>> {
        let regular = self.tier_ends[LAST_RESORT - 1];
        // Panic: better a call to an endpoint said to be unhealthy than none.
        let last = if regular == 0 { TIERS } else { LAST_RESORT };
        let start = move |tier: usize| if tier == 0 { 0 } else { self.tier_ends[tier - 1] };
        (0..last).map(move |tier| start(tier)..self.tier_ends[tier]).filter(|tier| !tier.is_empty())
    }

    /// The endpoints that calls may go to.
    pub(crate) fn candidates(&self) -> impl Iterator<Item = &Entry<S, G>> {
        self.tiers().flat_map(|tier| &self.entries[tier])
    }

    /// Whether a further attempt can go to an endpoint that none has gone to, `picked` being where this one goes.
    ///
    /// Gates are not asked: when the next attempt is made, they may say something else.
    pub(crate) fn holds_another(&self, picked: &Entry<S, G>, avoid: &Avoid<'_>) -> bool {
        self.candidates().any(|entry| !ptr::eq(entry, picked) && !avoid.tried(&entry.endpoint))
    }

    /// Picks an endpoint whose gate admits the call.
    pub(crate) fn pick<'a, Req: ?Sized>(
        &'a self,
        settings: &Settings,
        req: &Req,
        call: Option<&CallContext>,
        avoid: &Avoid<'_>,
        now: &Now,
        rng: &mut Rng,
    ) -> Result<(&'a Entry<S, G>, Permit<Arc<Node<G>>>), Nothing>
    where
        G: Gate<Req>,
    {
        let mut refused: Option<(&Entry<S, G>, Rejected)> = None;
        let mut ask = |entry: &'a Entry<S, G>| match entry.node.enter(req, call, now) {
            Ok(ticket) => Some(Permit::new(Arc::clone(&entry.node), ticket)),
            Err(rejected) => {
                entry.node.count_refusal();
                let best = refused.as_ref().map(|(_, best)| best.retry_after());
                if best.is_none_or(|best| is_sooner(rejected.retry_after(), best)) {
                    refused = Some((entry, rejected));
                }
                None
            }
        };
        for &rank in avoid.ranks(settings.tried) {
            for tier in self.tiers() {
                let entries = &self.entries[tier];
                let load = |i: usize| load(&entries[i], now);
                let picked = first_to_admit(
                    entries.len(),
                    |i| avoid.is_nothing() || avoid.rank(&entries[i].endpoint) == rank,
                    |a, b| settings.policy.better(&load(a), &load(b)),
                    rng,
                    |i| ask(&entries[i]).map(|permit| (&entries[i], permit)),
                );
                if let Some(picked) = picked {
                    return Ok(picked);
                }
            }
        }
        Err(if self.entries.is_empty() {
            let next = self.failing.iter().map(|failing| failing.retry_at).min();
            Nothing::Empty { retry_after: next.map(|at| at.saturating_duration_since(now.get())) }
        } else {
            Nothing::Refused(refused.map(|(entry, rejected)| {
                let rejected = rejected.stamped(call.and_then(CallContext::attempt_id));
                Refused { endpoint: entry.endpoint.clone(), rejected }
            }))
        })
    }
}

impl<'a> Avoid<'a> {
    pub(crate) fn new(settings: &Settings, picks: Option<&Picks>, passed: &'a [Endpoint]) -> Self {
        // Empty on a first attempt, and then nothing is allocated.
        let tried = picks.map(Picks::endpoints).unwrap_or_default();
        Self { tried, passed, zones: settings.avoid_tried_zones }
    }

    fn is_nothing(&self) -> bool {
        self.tried.is_empty() && self.passed.is_empty()
    }

    /// The ranks to go through. With nothing to avoid there is one.
    fn ranks(&self, tried: Tried) -> &'static [Rank] {
        match tried {
            _ if self.is_nothing() => &RANKS[..1],
            Tried::Last => &RANKS,
            Tried::Never => &RANKS[..2],
        }
    }

    fn tried(&self, endpoint: &Endpoint) -> bool {
        self.tried.iter().any(|seen| seen.id() == endpoint.id())
    }

    fn rank(&self, endpoint: &Endpoint) -> Rank {
        let is = |seen: &Endpoint| seen.id() == endpoint.id();
        let same_zone = |seen: &Endpoint| seen.zone().is_some() && seen.zone() == endpoint.zone();
        if self.passed.iter().any(is) {
            Rank::Passed
        } else if self.tried(endpoint) {
            Rank::Tried
        } else if self.zones && self.tried.iter().any(same_zone) {
            Rank::New
        } else {
            Rank::NewZone
        }
    }
}

fn tier_of(endpoint: &Endpoint, local_zone: Option<&str>) -> usize {
    let elsewhere = local_zone.is_some() && endpoint.zone() != local_zone;
    match endpoint.health() {
        Health::Healthy => usize::from(elsewhere),
        Health::Degraded => 2 + usize::from(elsewhere),
        _ => LAST_RESORT,
    }
}

fn load<S, G>(entry: &Entry<S, G>, now: &Now) -> Load {
    entry.node.load(entry.endpoint.weight(), now)
}

/// Whether advice `a` ends sooner than `b`. None is later than any.
fn is_sooner(a: Option<Duration>, b: Option<Duration>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a < b,
        (a, None) => a.is_some(),
        (None, Some(_)) => false,
    }
}
