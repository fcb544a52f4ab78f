//! How long an endpoint takes to answer: Peak-EWMA in one atomic word.

use crate::sync::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// The time scale of estimates: where it begins, and how fast what was seen loses its weight.
///
/// Time is counted in ticks of `decay / 1024`, which is as finely as a sample's weight needs to be known.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    base: Instant,
    tick_nanos: u64,
}

/// A response-time estimate that follows peaks at once and recovers slowly (Peak-EWMA).
///
/// After Finagle's `PeakEwma` (`finagle-core`, `loadbalancer/PeakEwma.scala`). With `w = e^(-dt / decay)`, `dt` being
/// the time since the last sample:
///
/// ```text
/// observe(rtt):  cost = rtt                         if rtt > cost
///                cost = cost * w + rtt * (1 - w)    otherwise
/// at_least(rtt): cost = rtt                         if rtt >= cost * w, else unchanged
/// fail(penalty): cost = max(penalty, cost * w), and the endpoint is failing
/// ```
///
/// What we changed, and why:
///
/// * Finagle lets an idle endpoint's cost decay to 0, so a slow host that was idle for a while looks like the fastest of
///   all. Here reading changes nothing: it says how much of the sample is still trusted, and
///   [`Policy::better`](crate::Policy::better) lets the rest of it fade to the *other* candidate's cost. A forgotten
///   host is then as good as its rival, never better.
/// * `at_least` is for what is known only in part: a call that was given up after 300 ms would have taken longer.
/// * `fail` is linkerd's penalty (`PenaltyPeakEwma`), with a way back. A penalty of 5 s would keep all calls away for five
///   times the decay, and then nobody would notice that the endpoint has recovered: not even its circuit, which needs a
///   call to close. So when a failing endpoint has been left alone for as long as its cost, it is due for one trial:
///   with nothing in flight there it counts as good as its rival. An answer to a call that began after the failure
///   replaces the penalty; another failure renews it.
/// * Of the samples within one tick only peaks count. A busy endpoint is sampled 1,024 times per `decay`.
///
/// # Memory ordering
///
/// Cost and time are one word, so a reader never sees the cost of one sample with the time of another, and no
/// ordering with other memory is needed: all operations are relaxed. Writers retry on a race; no peak is lost
/// (`tests/loom.rs`). A sample costs a load and a compare-exchange, a reading one load; 8 bytes an endpoint.
#[derive(Debug)]
pub struct Estimate {
    /// 24 bits of cost, one for "failing", 39 of tick. 0 while nothing was measured.
    word: AtomicU64,
}

/// What is known of an endpoint's response time at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// The estimate, in seconds.
    pub(crate) cost: f32,
    /// How much of it is still trusted: 1 just after a sample, 0 long after it.
    pub(crate) trust: f32,
    /// Whether it stands for a failure that is as long ago as it is high: time for a trial.
    pub(crate) due: bool,
}

/// What the word holds.
#[derive(Clone, Copy, Debug, PartialEq)]
struct State {
    cost: f32,
    failing: bool,
    /// The tick of the last sample.
    at: u64,
}

/// After 3.5 decays without a sample.
pub(crate) const FORGOTTEN: f32 = 1.0 / 32.0;
const TICKS_PER_DECAY: u64 = 1024;
const TICK_BITS: u32 = 39;
const TICK_MASK: u64 = (1 << TICK_BITS) - 1;
const FAILING: u64 = 1 << TICK_BITS;
const COST_SHIFT: u32 = TICK_BITS + 1;
/// An f32 above zero has 31 bits; 24 of them keep 16 bits of mantissa, a 65,536th of the value.
const DROPPED_BITS: u32 = 7;
/// 100 us: differences below it are noise, and a cost of 0 would hide the number of calls in flight.
const FLOOR_SECS: f32 = 100e-6;
/// 1 h: more says nothing new.
const CEILING_SECS: f32 = 3600.0;

impl Scale {
    /// A scale that begins now, with samples losing all but 1/e of their weight within `decay`.
    pub fn new(now: Instant, decay: Duration) -> Self {
        let nanos = u64::try_from(decay.as_nanos()).unwrap_or(u64::MAX);
        Self { base: now, tick_nanos: (nanos / TICKS_PER_DECAY).max(1) }
    }

    /// The tick of a moment, modulo 2^39: with a decay of 10 s that is 170 years, with one of 1 ms 6 days.
    fn tick(&self, at: Instant) -> u64 {
        let nanos = at.saturating_duration_since(self.base).as_nanos();
        (u64::try_from(nanos).unwrap_or(u64::MAX) / self.tick_nanos) & TICK_MASK
    }

    fn time(&self, ticks: u64) -> Duration {
        Duration::from_nanos(ticks.saturating_mul(self.tick_nanos))
    }

    fn seconds(&self, ticks: u64) -> f32 {
        self.time(ticks).as_secs_f32()
    }
}

impl Estimate {
    /// Nothing measured yet.
    pub fn new() -> Self {
        Self { word: AtomicU64::new(0) }
    }

    /// Takes in how long a call took that went well, and ends now.
    pub fn observe(&self, scale: &Scale, rtt: Duration, now: Instant) {
        let began = scale.tick(now.checked_sub(rtt).unwrap_or(now));
        self.change(scale, rtt, now, |old, rtt, weight| {
            if old.failing && ticks_between(old.at, began) > 0 {
                return Some((rtt, false));
            }
            let cost = if rtt > old.cost { rtt } else { old.cost * weight + rtt * (1.0 - weight) };
            Some((cost, old.failing))
        });
    }

    /// Takes in that a call went well, for an endpoint of which only failures are taken in: one that began after the
    /// failure ends the penalty, and the cost is then this.
    pub(crate) fn recover(&self, scale: &Scale, rtt: Duration, cost: Duration, now: Instant) {
        let began = scale.tick(now.checked_sub(rtt).unwrap_or(now));
        self.change(scale, cost, now, |old, cost, _| {
            (old.failing && ticks_between(old.at, began) > 0).then_some((cost, false))
        });
    }

    /// Takes in that a call took at least this long. It never lowers the estimate.
    pub fn at_least(&self, scale: &Scale, rtt: Duration, now: Instant) {
        self.change(scale, rtt, now, |old, rtt, weight| {
            (rtt >= old.cost * weight).then_some((rtt, old.failing))
        });
    }

    /// Takes in a failure, which costs this much. It never lowers the estimate.
    pub fn fail(&self, scale: &Scale, penalty: Duration, now: Instant) {
        self.change(scale, penalty, now, |old, penalty, weight| {
            Some((penalty.max(old.cost * weight), true))
        });
    }

    /// What is known now; `None` while nothing was measured.
    pub fn read(&self, scale: &Scale, now: Instant) -> Option<Reading> {
        let state = unpack(self.word.load(Ordering::Relaxed))?;
        let since = ticks_between(state.at, scale.tick(now));
        let due = state.failing && scale.seconds(since) >= state.cost;
        Some(Reading { cost: state.cost, trust: weight(since), due })
    }

    /// Whether anything was measured. Reads no clock.
    pub fn is_measured(&self) -> bool {
        self.word.load(Ordering::Relaxed) != 0
    }

    /// The estimate as it was after the last sample, and the time since.
    pub fn last(&self, scale: &Scale, now: Instant) -> Option<(Duration, Duration)> {
        let state = unpack(self.word.load(Ordering::Relaxed))?;
        let age = scale.time(ticks_between(state.at, scale.tick(now)));
        Some((Duration::from_secs_f32(state.cost), age))
    }

    /// `next` is given the state, the sample and the state's weight, and returns the new cost and whether the endpoint is
    /// failing, if anything is to change.
    fn change(
        &self,
        scale: &Scale,
        rtt: Duration,
        now: Instant,
        next: impl Fn(State, f32, f32) -> Option<(f32, bool)>,
    ) {
        let rtt = rtt.as_secs_f32().clamp(FLOOR_SECS, CEILING_SECS);
        let tick = scale.tick(now);
        let nothing = State { cost: FLOOR_SECS, failing: false, at: tick };
        let mut seen = self.word.load(Ordering::Relaxed);
        loop {
            let old = unpack(seen);
            let since = old.map_or(0, |old| ticks_between(old.at, tick));
            let weight = if old.is_some() { weight(since) } else { 0.0 };
            let Some((cost, failing)) = next(old.unwrap_or(nothing), rtt, weight) else { return };
            // A sample may come from a clock read before another thread's: time does not go back.
            let at = if since == 0 { old.map_or(tick, |old| old.at) } else { tick };
            let new = pack(State { cost, failing, at });
            if new == seen {
                return;
            }
            // Relaxed: the word is all there is. The partner is every other `change` and `read`.
            match self.word.compare_exchange_weak(seen, new, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return,
                Err(newer) => seen = newer,
            }
        }
    }
}

impl Default for Estimate {
    fn default() -> Self {
        Self::new()
    }
}

impl Reading {
    /// An estimate, and how much of it is still trusted, within 0 to 1.
    pub fn new(cost: Duration, trust: f32) -> Self {
        let trust = if trust >= 0.0 { trust.min(1.0) } else { 0.0 };
        Self { cost: cost.as_secs_f32().clamp(FLOOR_SECS, CEILING_SECS), trust, due: false }
    }

    /// What to assume of an endpoint that was never measured.
    pub fn assumed(cost: Duration) -> Self {
        Self::new(cost, 0.0)
    }

    /// The cost when compared with `other`: what is no longer trusted has faded to the other's cost.
    ///
    /// Only downwards: that a rival is failing makes nobody slower. An `idle` endpoint that is due for a trial is as good
    /// as its rival, and so is one whose sample is all but forgotten: what only comes closer and closer would never be
    /// asked again where calls are few.
    pub(crate) fn against(self, other: Self, idle: bool) -> f32 {
        let forgotten = self.trust < FORGOTTEN;
        let trust = if forgotten || (self.due && idle) { 0.0 } else { self.trust };
        if self.cost > other.cost {
            other.cost + (self.cost - other.cost) * trust
        } else {
            self.cost
        }
    }
}

fn ticks_between(from: u64, to: u64) -> u64 {
    let between = to.wrapping_sub(from) & TICK_MASK;
    // More than half the circle is a step back, by a clock read before another thread's.
    if between > TICK_MASK / 2 { 0 } else { between }
}

fn weight(ticks: u64) -> f32 {
    (-(ticks as f32) / TICKS_PER_DECAY as f32).exp()
}

fn pack(state: State) -> u64 {
    let cost = state.cost.clamp(FLOOR_SECS, CEILING_SECS).to_bits();
    // To the nearest: always down would drag a busy endpoint's estimate.
    let cost = (cost + (1 << (DROPPED_BITS - 1))) >> DROPPED_BITS;
    let failing = if state.failing { FAILING } else { 0 };
    u64::from(cost) << COST_SHIFT | failing | state.at & TICK_MASK
}

fn unpack(word: u64) -> Option<State> {
    (word != 0).then(|| State {
        cost: f32::from_bits(((word >> COST_SHIFT) as u32) << DROPPED_BITS),
        failing: word & FAILING != 0,
        at: word & TICK_MASK,
    })
}

#[cfg(all(test, not(orlop_loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DECAY: Duration = Duration::from_secs(10);

    #[derive(Clone, Copy, Debug)]
    enum Sample {
        Took,
        AtLeast,
        Failed,
    }

    /// The formula with plain numbers, and the same rule that only peaks count within a tick.
    #[derive(Default)]
    struct Model {
        cost: Option<f64>,
        failing: bool,
        tick: u64,
    }

    impl Model {
        fn step(&mut self, sample: Sample, rtt: f64, began: u64, tick: u64) {
            let w = (-((tick - self.tick) as f64) / 1024.0).exp();
            let old = self.cost;
            let cost = match (sample, old) {
                (Sample::Took, _) if self.failing && began > self.tick => {
                    self.failing = false;
                    rtt
                }
                (Sample::AtLeast, Some(cost)) if rtt < cost * w => return,
                (Sample::Took, Some(cost)) if rtt <= cost => cost * w + rtt * (1.0 - w),
                (Sample::Failed, Some(cost)) => rtt.max(cost * w),
                _ => rtt,
            };
            self.failing |= matches!(sample, Sample::Failed);
            (self.cost, self.tick) = (Some(cost), tick);
        }
    }

    fn sample() -> impl Strategy<Value = Sample> {
        prop_oneof![
            4 => Just(Sample::Took),
            1 => Just(Sample::AtLeast),
            1 => Just(Sample::Failed),
        ]
    }

    proptest! {
        #[test]
        fn estimate_follows_the_formula(
            samples in prop::collection::vec((sample(), 1u64..20_000, 0u64..30_000), 1..60)
        ) {
            let base = Instant::now();
            let scale = Scale::new(base, DECAY);
            let (estimate, mut model, mut at) = (Estimate::new(), Model::default(), 60_000);
            for (sample, rtt_ms, step_ms) in samples {
                at += step_ms;
                let now = base + Duration::from_millis(at);
                let rtt = Duration::from_millis(rtt_ms);
                match sample {
                    Sample::Took => estimate.observe(&scale, rtt, now),
                    Sample::AtLeast => estimate.at_least(&scale, rtt, now),
                    Sample::Failed => estimate.fail(&scale, rtt, now),
                }
                model.step(sample, rtt.as_secs_f64(), scale.tick(now - rtt), scale.tick(now));
                let (got, want) = (estimate.read(&scale, now).unwrap(), model.cost.unwrap());
                let error = (f64::from(got.cost) - want).abs() / want;
                // 60 samples, each rounded to a 65,536th.
                prop_assert!(error < 2e-3, "got {}, want {want}", got.cost);
                let failing = unpack(estimate.word.load(Ordering::Relaxed)).unwrap().failing;
                prop_assert_eq!(failing, model.failing);
            }
        }

        #[test]
        fn packing_keeps_everything(
            micros in 100u64..3_600_000_000, failing: bool, at in 0u64..=TICK_MASK
        ) {
            let state = State { cost: micros as f32 / 1e6, failing, at };
            let back = unpack(pack(state)).unwrap();
            prop_assert_eq!((back.failing, back.at), (failing, at));
            let off = (back.cost - state.cost) / state.cost;
            prop_assert!(off.abs() < 1.6e-5, "{:?} became {:?}", state, back);
        }
    }

    #[test]
    fn a_failing_endpoint_is_due_for_a_trial_after_its_penalty() {
        let base = Instant::now();
        let (scale, estimate) = (Scale::new(base, DECAY), Estimate::new());
        let penalty = Duration::from_secs(5);
        let at = |ms| base + Duration::from_millis(ms);
        let due = |ms| estimate.read(&scale, at(ms)).unwrap().due;
        estimate.fail(&scale, penalty, at(1_000));
        assert!(!due(5_900) && due(6_100), "5 s later");
        // A call that began before the failure proves nothing.
        estimate.observe(&scale, Duration::from_secs(3), at(3_500));
        assert!(estimate.read(&scale, at(3_500)).unwrap().cost > 4.0);
        estimate.fail(&scale, penalty, at(6_100));
        assert!(!due(11_000) && due(11_200), "the trial failed: another 5 s");
        estimate.observe(&scale, Duration::from_millis(30), at(11_300));
        let reading = estimate.read(&scale, at(11_300)).unwrap();
        assert!(reading.cost < 0.031 && !due(20_000), "an answer ends the penalty: {reading:?}");
    }

    #[test]
    fn reading_changes_nothing() {
        let base = Instant::now();
        let scale = Scale::new(base, DECAY);
        let estimate = Estimate::new();
        assert_eq!(estimate.read(&scale, base), None, "nothing was measured");
        estimate.observe(&scale, Duration::from_millis(500), base);
        let later = base + Duration::from_secs(60);
        let first = estimate.read(&scale, later);
        assert_eq!(first, estimate.read(&scale, later));
        let reading = first.unwrap();
        assert!((reading.cost - 0.5).abs() < 1e-4, "the sample itself stays: {reading:?}");
        assert!(
            reading.trust < 0.01,
            "but is hardly trusted after six times the decay: {reading:?}"
        );
    }

    #[test]
    fn a_sample_from_an_older_clock_reading_does_not_turn_time_back() {
        let base = Instant::now();
        let scale = Scale::new(base, DECAY);
        let estimate = Estimate::new();
        let now = base + Duration::from_secs(5);
        estimate.observe(&scale, Duration::from_millis(30), now);
        estimate.observe(&scale, Duration::from_millis(20), base);
        let reading = estimate.read(&scale, now).unwrap();
        assert!(reading.trust == 1.0 && (reading.cost - 0.03).abs() < 1e-5, "{reading:?}");
    }

    #[test]
    fn what_is_forgotten_fades_to_the_rival_and_never_below() {
        let slow = |trust| Reading::new(Duration::from_millis(500), trust);
        let fast = Reading::new(Duration::from_millis(30), 1.0);
        assert!((slow(1.0).against(fast, true) - 0.5).abs() < 1e-6);
        assert!((slow(0.0).against(fast, true) - 0.03).abs() < 1e-6);
        assert!(
            (fast.against(slow(1.0), true) - 0.03).abs() < 1e-6,
            "a slow rival makes nobody slower"
        );
    }
}
