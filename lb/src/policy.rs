//! Which of two endpoints takes a call: pure, so that a simulator runs what ships.

use crate::Reading;
use std::{num::NonZeroU32, time::Duration};

/// What makes one endpoint better than another.
///
/// Both compare two endpoints drawn at random (power of two choices) and take the one with the lower
/// `cost * (in flight + 1) / weight`; they differ in what the cost is. So picking costs the same for 2 and for 10,000
/// endpoints.
///
/// A failure costs the [penalty](crate::Settings::penalty) under both: an endpoint that fails in a millisecond is not a
/// fast one. See [`Estimate`](crate::Estimate) for how it comes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Policy {
    /// The cost is the response time, as [`Estimate`](crate::Estimate) follows it. The default. It reads the clock when
    /// it picks and when the head of a response comes.
    #[default]
    PeakEwma,
    /// The cost is the same for all that do not fail. No clock is read where nothing has failed. For calls whose length
    /// depends on the request more than on the endpoint, such as streams.
    LeastInFlight,
}

/// The load of one endpoint at the moment of a pick.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// Calls admitted and not yet over.
    pub in_flight: u64,
    /// Its share relative to the others.
    pub weight: NonZeroU32,
    /// Its response time.
    pub reading: Reading,
}

impl Policy {
    /// Which of two is better; the first if they are equal.
    ///
    /// The pair comes in random order, so that a tie is broken by chance.
    pub fn better(self, first: &Load, second: &Load) -> Better {
        let score = |own: &Load, other: &Load| {
            own.reading.against(other.reading, own.in_flight == 0) * (own.in_flight as f32 + 1.0)
                / own.weight.get() as f32
        };
        if score(second, first) < score(first, second) { Better::Second } else { Better::First }
    }

    /// The position of the better of two, drawn from `n` by `random`; `None` if there are none.
    pub fn pick(self, n: usize, load: impl Fn(usize) -> Load, random: u64) -> Option<usize> {
        match n {
            0 => None,
            1 => Some(0),
            _ => {
                let (first, second) = two_of(n, random);
                Some(match self.better(&load(first), &load(second)) {
                    Better::First => first,
                    Better::Second => second,
                })
            }
        }
    }

    /// Whether response times of calls that went well matter.
    pub(crate) fn measures(self) -> bool {
        matches!(self, Self::PeakEwma)
    }
}

/// Which of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// The first.
    First,
    /// The second.
    Second,
}

impl Load {
    /// An endpoint of weight 1 with so many calls in flight and this response time, fully trusted.
    pub fn new(in_flight: u64, cost: Duration) -> Self {
        Self { in_flight, weight: NonZeroU32::MIN, reading: Reading::new(cost, 1.0) }
    }
}

/// Two different positions below `n`, each ordered pair equally likely. `n` must be at least 2.
///
/// One half of `random` draws each, by multiplication; what is not equally likely about it is `n` in 2^32.
pub(crate) fn two_of(n: usize, random: u64) -> (usize, usize) {
    debug_assert!(n >= 2, "there must be two to draw from");
    let draw = |half: u64, n: usize| ((half * n as u64) >> 32) as usize;
    let first = draw(random >> 32, n);
    let second = draw(random & 0xffff_ffff, n - 1);
    (first, if second >= first { second + 1 } else { second })
}

#[cfg(all(test, not(orlop_loom)))]
mod tests {
    use super::*;
    use fastrand::Rng;
    use proptest::prelude::*;

    #[test]
    fn each_ordered_pair_is_equally_likely() {
        let (mut rng, mut seen) = (Rng::with_seed(7), [[0u32; 5]; 5]);
        for _ in 0..200_000 {
            let (a, b) = two_of(5, rng.u64(..));
            seen[a][b] += 1;
        }
        for (a, row) in seen.iter().enumerate() {
            for (b, &count) in row.iter().enumerate() {
                // Binomial, n = 200,000 and p = 1/20: 10,000 expected, deviation 97; five of them allowed.
                let fair = if a == b { count == 0 } else { count.abs_diff(10_000) < 490 };
                assert!(fair, "pair ({a}, {b}) came {count} times of 200,000");
            }
        }
    }

    /// The rule in plain words: the lower product wins, the first on a tie.
    fn slow_score(own: &Load, other: &Load) -> f64 {
        let (own_cost, other_cost) = (f64::from(own.reading.cost), f64::from(other.reading.cost));
        let trust = f64::from(own.reading.trust);
        let forgotten = trust < f64::from(crate::estimate::FORGOTTEN);
        let due = own.reading.due && own.in_flight == 0;
        let trust = if forgotten || due { 0.0 } else { trust };
        let faded = own_cost.min(other_cost * (1.0 - trust) + own_cost * trust);
        faded * (own.in_flight as f64 + 1.0) / f64::from(own.weight.get())
    }

    fn load() -> impl Strategy<Value = Load> {
        (0u64..50, 1u32..20, 1u64..6_000, 0.0f32..=1.0, any::<bool>()).prop_map(
            |(in_flight, weight, ms, trust, due)| {
                let weight = NonZeroU32::new(weight).unwrap();
                let reading = Reading { due, ..Reading::new(Duration::from_millis(ms), trust) };
                Load { in_flight, weight, reading }
            },
        )
    }

    proptest! {
        #[test]
        fn pick_agrees_with_the_rule_in_plain_words(
            loads in prop::collection::vec(load(), 1..40), random: u64, policy in prop_oneof![
                Just(Policy::PeakEwma), Just(Policy::LeastInFlight)
            ]
        ) {
            let picked = policy.pick(loads.len(), |i| loads[i], random).unwrap();
            if loads.len() == 1 {
                prop_assert_eq!(picked, 0);
                return Ok(());
            }
            let (a, b) = two_of(loads.len(), random);
            prop_assert!(a != b && (picked == a || picked == b));
            let (a_score, b_score) =
                (slow_score(&loads[a], &loads[b]), slow_score(&loads[b], &loads[a]));
            // Single precision decides differently only where the two are as good as equal.
            let close = (a_score - b_score).abs() < 1e-5 * (a_score + b_score);
            prop_assert!(close || (picked == b) == (b_score < a_score), "{a_score} and {b_score}");
        }

        #[test]
        fn the_busier_of_equals_is_never_picked(in_flight in 0u64..1000, ms in 1u64..5000) {
            let idle = Load::new(in_flight, Duration::from_millis(ms));
            let busy = Load::new(in_flight + 1, Duration::from_millis(ms));
            for policy in [Policy::PeakEwma, Policy::LeastInFlight] {
                prop_assert_eq!(policy.better(&idle, &busy), Better::First);
                prop_assert_eq!(policy.better(&busy, &idle), Better::Second);
            }
        }
    }

    #[test]
    fn nothing_to_pick_from_is_no_pick() {
        let never = |_| unreachable!("there is nothing to look at");
        assert_eq!(Policy::PeakEwma.pick(0, never, 1), None);
    }

    #[test]
    fn load_spreads_as_weights_say_under_saturation() {
        // Calls never end, so the numbers in flight approach the weights: 1, 2, 3 and 4 tenths.
        let (mut rng, mut in_flight) = (Rng::with_seed(11), [0u64; 4]);
        for _ in 0..10_000 {
            let load = |i: usize| Load {
                weight: NonZeroU32::new(i as u32 + 1).unwrap(),
                ..Load::new(in_flight[i], Duration::from_millis(30))
            };
            let picked = Policy::LeastInFlight.pick(4, load, rng.u64(..)).unwrap();
            in_flight[picked] += 1;
        }
        for (i, &got) in in_flight.iter().enumerate() {
            let want = 1000 * (i as u64 + 1);
            assert!(got.abs_diff(want) < 50, "weight {}: {got} of 10,000, not {want}", i + 1);
        }
    }
}
