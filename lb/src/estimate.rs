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
/// ```
///
/// What we changed, and why:
///
/// * Finagle lets an idle endpoint's cost decay to 0, so a slow host that was idle for a while looks like the fastest of
///   all. Here reading changes nothing: it says how much of the sample is still trusted, and
///   [`Policy::better`](crate::Policy::better) lets the rest of it fade to the *other* candidate's cost. A forgotten
///   host is then as good as its rival, never better.
/// * `at_least` is for what is known only in part: a call that was given up after 300 ms would have taken longer, and a
///   failure costs its penalty whatever it took.
/// * Of the samples within one tick only peaks count. A busy endpoint is sampled 1,024 times per `decay`.
///
/// # Memory ordering
///
/// Cost and time are one word, so a reader never sees the cost of one sample with the time of another, and no
/// ordering with other memory is needed: all operations are relaxed. Writers retry on a race; no peak is lost
/// (`tests/loom.rs`). A sample costs a load and a compare-exchange, a reading one load; 8 bytes an endpoint.
#[derive(Debug)]
pub struct Estimate {
    /// 24 bits of cost, 40 bits of tick. 0 while nothing was measured.
    word: AtomicU64,
}

/// What is known of an endpoint's response time at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// The estimate, in seconds.
    pub(crate) cost: f32,
    /// How much of it is still trusted: 1 just after a sample, 0 long after it.
    pub(crate) trust: f32,
}

const TICKS_PER_DECAY: u64 = 1024;
const TICK_BITS: u32 = 40;
const TICK_MASK: u64 = (1 << TICK_BITS) - 1;
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

    /// The tick of a moment, modulo 2^40: with a decay of 10 s that is 340 years, with one of 1 ms 12 days.
    fn tick(&self, at: Instant) -> u64 {
        let nanos = at.saturating_duration_since(self.base).as_nanos();
        (u64::try_from(nanos).unwrap_or(u64::MAX) / self.tick_nanos) & TICK_MASK
    }

    fn time_between(&self, from: u64, to: u64) -> Duration {
        Duration::from_nanos(ticks_between(from, to).saturating_mul(self.tick_nanos))
    }
}

impl Estimate {
    /// Nothing measured yet.
    pub fn new() -> Self {
        Self { word: AtomicU64::new(0) }
    }

    /// Takes in how long a call took.
    pub fn observe(&self, scale: &Scale, rtt: Duration, now: Instant) {
        self.change(scale, rtt, now, |cost, rtt, weight| {
            Some(if rtt > cost { rtt } else { cost * weight + rtt * (1.0 - weight) })
        });
    }

    /// Takes in that a call took, or counts as, at least this long. It never lowers the estimate.
    pub fn at_least(&self, scale: &Scale, rtt: Duration, now: Instant) {
        self.change(scale, rtt, now, |cost, rtt, weight| (rtt >= cost * weight).then_some(rtt));
    }

    /// What is known now; `None` while nothing was measured.
    pub fn read(&self, scale: &Scale, now: Instant) -> Option<Reading> {
        let (cost, at) = unpack(self.word.load(Ordering::Relaxed))?;
        Some(Reading { cost, trust: weight(ticks_between(at, scale.tick(now))) })
    }

    /// Whether anything was measured. Reads no clock.
    pub fn is_measured(&self) -> bool {
        self.word.load(Ordering::Relaxed) != 0
    }

    /// The estimate as it was after the last sample, and the time since.
    pub fn last(&self, scale: &Scale, now: Instant) -> Option<(Duration, Duration)> {
        let (cost, at) = unpack(self.word.load(Ordering::Relaxed))?;
        Some((Duration::from_secs_f32(cost), scale.time_between(at, scale.tick(now))))
    }

    /// `next` is given cost, sample and the cost's weight, and returns the new cost, if it is to change.
    fn change(
        &self,
        scale: &Scale,
        rtt: Duration,
        now: Instant,
        next: impl Fn(f32, f32, f32) -> Option<f32>,
    ) {
        let rtt = rtt.as_secs_f32().clamp(FLOOR_SECS, CEILING_SECS);
        let tick = scale.tick(now);
        let mut seen = self.word.load(Ordering::Relaxed);
        loop {
            let new = match unpack(seen) {
                None => pack(rtt, tick),
                Some((cost, at)) => {
                    let since = ticks_between(at, tick);
                    let Some(cost) = next(cost, rtt, weight(since)) else { return };
                    // A sample may come from a clock read before another thread's: time does not go back.
                    pack(cost, if since == 0 { at } else { tick })
                }
            };
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
        Self { cost: cost.as_secs_f32().clamp(FLOOR_SECS, CEILING_SECS), trust }
    }

    /// What to assume of an endpoint that was never measured.
    pub fn assumed(cost: Duration) -> Self {
        Self::new(cost, 0.0)
    }

    /// The cost when compared with `other`: what is no longer trusted has faded to the other's cost.
    ///
    /// Only downwards: that a rival is failing makes nobody slower.
    pub(crate) fn against(self, other: Self) -> f32 {
        if self.cost > other.cost {
            other.cost + (self.cost - other.cost) * self.trust
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

fn pack(cost: f32, tick: u64) -> u64 {
    // To the nearest: always down would drag a busy endpoint's estimate.
    let cost = (cost.clamp(FLOOR_SECS, CEILING_SECS).to_bits() + (1 << (DROPPED_BITS - 1)))
        >> DROPPED_BITS;
    u64::from(cost) << TICK_BITS | tick & TICK_MASK
}

fn unpack(word: u64) -> Option<(f32, u64)> {
    (word != 0)
        .then(|| (f32::from_bits(((word >> TICK_BITS) as u32) << DROPPED_BITS), word & TICK_MASK))
}

#[cfg(all(test, not(orlop_loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DECAY: Duration = Duration::from_secs(10);

    /// The formula with plain numbers, and the same rule that only peaks count within a tick.
    #[derive(Default)]
    struct Model {
        cost: Option<f64>,
        tick: u64,
    }

    impl Model {
        fn step(&mut self, peak_only: bool, rtt: f64, tick: u64) {
            let Some(cost) = self.cost else {
                (self.cost, self.tick) = (Some(rtt), tick);
                return;
            };
            let w = (-((tick - self.tick) as f64) / 1024.0).exp();
            let next = match peak_only {
                true if rtt >= cost * w => rtt,
                true => return,
                false if rtt > cost => rtt,
                false => cost * w + rtt * (1.0 - w),
            };
            (self.cost, self.tick) = (Some(next), tick);
        }
    }

    proptest! {
        #[test]
        fn estimate_follows_the_formula(
            samples in prop::collection::vec((any::<bool>(), 1u64..20_000, 0u64..30_000), 1..60)
        ) {
            let base = Instant::now();
            let scale = Scale::new(base, DECAY);
            let (estimate, mut model, mut at) = (Estimate::new(), Model::default(), 0);
            for (peak_only, rtt_ms, step_ms) in samples {
                at += step_ms;
                let now = base + Duration::from_millis(at);
                let rtt = Duration::from_millis(rtt_ms);
                if peak_only {
                    estimate.at_least(&scale, rtt, now);
                } else {
                    estimate.observe(&scale, rtt, now);
                }
                model.step(peak_only, rtt.as_secs_f64(), scale.tick(now));
                let (got, want) = (estimate.read(&scale, now).unwrap(), model.cost.unwrap());
                let error = (f64::from(got.cost) - want).abs() / want;
                // 60 samples, each rounded to a 65,536th.
                prop_assert!(error < 2e-3, "got {}, want {want}", got.cost);
            }
        }

        #[test]
        fn packing_keeps_cost_and_tick(micros in 100u64..3_600_000_000, tick in 0u64..=TICK_MASK) {
            let cost = micros as f32 / 1e6;
            let (back, at) = unpack(pack(cost, tick)).unwrap();
            prop_assert_eq!(at, tick);
            prop_assert!(((back - cost) / cost).abs() < 1.6e-5, "{} became {}", cost, back);
        }
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
        assert!((slow(1.0).against(fast) - 0.5).abs() < 1e-6);
        assert!((slow(0.0).against(fast) - 0.03).abs() < 1e-6);
        assert!((fast.against(slow(1.0)) - 0.03).abs() < 1e-6, "a slow rival makes nobody slower");
    }
}
