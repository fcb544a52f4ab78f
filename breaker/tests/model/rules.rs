//! Settings as plain numbers, and any of them.

use orlop_breaker::{
    Dropped, Ewma, Initial, OpenTime, Ramp, Recovery, Settings, Trip, Window, core::Ratio,
};
use proptest::prelude::*;
use std::{
    num::{NonZeroU8, NonZeroU16, NonZeroU32},
    time::Duration,
};

/// One version of the settings.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) trip: Vec<Rule>,
    pub(crate) trip_on_success: bool,
    pub(crate) open: Open,
    pub(crate) max_retry_after: Duration,
    pub(crate) probes: u16,
    pub(crate) recovery: Wanted,
    pub(crate) ramp: Option<Duration>,
    pub(crate) probe_timeout: Duration,
    pub(crate) drops: Drops,
    pub(crate) initial: Initial,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Rule {
    Consecutive(u32),
    Failures { failures: u32, past: Past },
    FailureRate { percent: u8, minimum: u32, past: Past },
    SlowRate { percent: u8, slower_than: Duration, minimum: u32, past: Past },
    SuccessRate { percent: u8, minimum: u32, mean: Mean },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Past {
    Last(u16),
    Within { length: Duration, buckets: u8 },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mean {
    Calls(u16),
    Time(Duration),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Open {
    Fixed(Duration),
    Advised(Duration),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted {
    Successes { needed: u32, of: u32 },
    Rate { percent: u8, calls: u32 },
}

/// What drops count as, and from which age.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Drops {
    pub(crate) count: Count,
    pub(crate) after: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Count {
    Neutral,
    Slow,
    Failure,
}

fn n(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).expect("not 0")
}

fn n16(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).expect("not 0")
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

impl Rules {
    pub(crate) fn settings(&self) -> Settings {
        let dropped = match self.drops.count {
            Count::Neutral => Dropped::neutral(),
            Count::Slow => Dropped::slow(),
            Count::Failure => Dropped::failure(),
        };
        Settings::default()
            .trip(self.trip.iter().map(|rule| rule.trip()))
            .trip_on_success(self.trip_on_success)
            .open(match self.open {
                Open::Fixed(time) => OpenTime::fixed(time),
                Open::Advised(otherwise) => OpenTime::advised(otherwise),
            })
            .max_retry_after(self.max_retry_after)
            .probes(n16(self.probes))
            .recovery(match self.recovery {
                Wanted::Successes { needed, of } => Recovery::successes_of(n(needed), n(of)),
                Wanted::Rate { percent, calls } => {
                    Recovery::failure_rate(Ratio::percent(percent), n(calls))
                }
            })
            .ramp(self.ramp.map_or(Ramp::NONE, |time| Ramp::over(time).expect("in range")))
            .dropped(dropped.after(self.drops.after))
            .initial(self.initial)
            .probe_timeout(self.probe_timeout)
            .expect("in range")
    }

    /// Whether both count the same.
    pub(crate) fn counts_as(&self, other: &Self) -> bool {
        self.trip == other.trip
            && self.trip_on_success == other.trip_on_success
            && self.drops == other.drops
    }

    /// How long the circuit stays open.
    pub(crate) fn open_time(&self, advice: Option<Duration>) -> Duration {
        let ignored = self.max_retry_after.is_zero();
        let advice = advice.filter(|_| !ignored).map(|wait| wait.min(self.max_retry_after));
        match self.open {
            Open::Fixed(time) => time.max(advice.unwrap_or_default()),
            Open::Advised(otherwise) => {
                advice.filter(|advice| !advice.is_zero()).unwrap_or(otherwise)
            }
        }
    }

    /// The least that any rule calls slow.
    fn slower_than(&self) -> Option<Duration> {
        self.trip.iter().filter_map(Rule::slower_than).min()
    }

    pub(crate) fn is_slow(&self, took: Option<Duration>) -> bool {
        matches!((self.slower_than(), took), (Some(slow), Some(took)) if took > slow)
    }

    /// What a call counts as that was dropped at this age.
    pub(crate) fn drop_counts(&self, took: Duration) -> Count {
        let after = self.slower_than().map_or(self.drops.after, |slow| slow.min(self.drops.after));
        match self.drops.count {
            Count::Slow if self.slower_than().is_none() => Count::Neutral,
            count if took >= after => count,
            _ => Count::Neutral,
        }
    }

    /// How many drops in a row are enough.
    pub(crate) fn drops_in_a_row(&self) -> u64 {
        self.trip.iter().map(|rule| rule.drops_in_a_row().into()).min().unwrap_or(u64::MAX)
    }

    pub(crate) fn any() -> impl Strategy<Value = Self> {
        let counting = (
            prop::collection::vec(Rule::any(), 0..4),
            prop::bool::weighted(0.25),
            prop_oneof![Just(Count::Neutral), Just(Count::Slow), Just(Count::Failure)],
            prop::sample::select(vec![0, 500, 1_000, 5_000]),
        );
        let opening = (
            prop::sample::select(vec![0, 1_000, 5_000]),
            prop::bool::weighted(0.25),
            prop::sample::select(vec![0, 10, 60]),
        );
        let recovery = prop_oneof![
            3 => (1..5_u32).prop_map(|n| Wanted::Successes { needed: n, of: n }),
            2 => (1..4_u32, 0..4_u32)
                .prop_map(|(needed, more)| Wanted::Successes { needed, of: needed + more }),
            2 => (prop::sample::select(vec![0, 30, 50, 100]), 1..6_u32)
                .prop_map(|(percent, calls)| Wanted::Rate { percent, calls }),
        ];
        let initial = prop_oneof![
            12 => Just(Initial::Closed),
            1 => Just(Initial::ForcedOpen),
            1 => Just(Initial::Disabled),
            3 => Just(Initial::Shadow),
        ];
        let closing = (
            1..5_u16,
            recovery,
            prop::option::weighted(0.4, prop::sample::select(vec![40, 1_000, 5_000, 10_001])),
            prop::sample::select(vec![1, 1_000, 5_000, 10_000]),
            initial,
        );
        (counting, opening, closing).prop_map(|(counting, opening, closing)| {
            let (trip, trip_on_success, count, after) = counting;
            let (time, advised, max_retry_after) = opening;
            let (probes, recovery, ramp, probe_timeout, initial) = closing;
            Self {
                trip,
                trip_on_success,
                open: if advised { Open::Advised(ms(time)) } else { Open::Fixed(ms(time)) },
                max_retry_after: Duration::from_secs(max_retry_after),
                probes,
                recovery,
                ramp: ramp.map(ms),
                probe_timeout: ms(probe_timeout),
                drops: Drops { count, after: ms(after) },
                initial,
            }
        })
    }
}

impl Rule {
    fn trip(&self) -> Trip {
        match *self {
            Self::Consecutive(failures) => Trip::consecutive_failures(n(failures)),
            Self::Failures { failures, past } => Trip::failures(n(failures), past.window()),
            Self::FailureRate { percent, minimum, past } => {
                Trip::failure_rate(Ratio::percent(percent), n(minimum), past.window())
            }
            Self::SlowRate { percent, slower_than, minimum, past } => {
                Trip::slow_rate(Ratio::percent(percent), slower_than, n(minimum), past.window())
                    .expect("in range")
            }
            Self::SuccessRate { percent, minimum, mean } => {
                let over = match mean {
                    Mean::Calls(calls) => Ewma::last(n16(calls)),
                    Mean::Time(time) => Ewma::within(time).expect("in range"),
                };
                Trip::success_rate(Ratio::percent(percent), n(minimum), over)
            }
        }
    }

    pub(crate) fn slower_than(&self) -> Option<Duration> {
        match *self {
            Self::SlowRate { slower_than, .. } => Some(slower_than),
            _ => None,
        }
    }

    fn drops_in_a_row(&self) -> u32 {
        let whole = |past, otherwise| match past {
            Past::Last(calls) => calls.into(),
            Past::Within { .. } => otherwise,
        };
        match *self {
            Self::Consecutive(failures) => failures.max(20),
            Self::Failures { failures, past } => whole(past, failures).max(20),
            Self::FailureRate { minimum, past, .. } | Self::SlowRate { minimum, past, .. } => {
                whole(past, minimum)
            }
            Self::SuccessRate { minimum, .. } => minimum,
        }
    }

    fn any() -> impl Strategy<Value = Self> {
        let percent = || prop::sample::select(vec![0, 30, 40, 50, 75, 100]);
        let slower_than = prop::sample::select(vec![1, 1_000, 5_000]).prop_map(ms);
        let mean = prop_oneof![
            (1..12_u16).prop_map(Mean::Calls),
            prop::sample::select(vec![1_000, 8_003]).prop_map(|time| Mean::Time(ms(time))),
        ];
        prop_oneof![
            3 => (1..7_u32).prop_map(Self::Consecutive),
            2 => (1..6_u32, Past::any())
                .prop_map(|(failures, past)| Self::Failures { failures, past }),
            4 => (percent(), 1..9_u32, Past::any())
                .prop_map(|(percent, minimum, past)| Self::FailureRate { percent, minimum, past }),
            3 => (percent(), slower_than, 1..9_u32, Past::any()).prop_map(
                |(percent, slower_than, minimum, past)| {
                    Self::SlowRate { percent, slower_than, minimum, past }
                }
            ),
            // No share that a few calls hit exactly: there a mean of floats may fall on either side.
            2 => (prop::sample::select(vec![0, 37, 53, 71, 100]), 1..9_u32, mean)
                .prop_map(|(percent, minimum, mean)| Self::SuccessRate { percent, minimum, mean }),
        ]
    }
}

impl Past {
    fn window(self) -> Window {
        match self {
            Self::Last(calls) => Window::last(n16(calls)),
            Self::Within { length, buckets } => {
                let buckets = NonZeroU8::new(buckets).expect("not 0");
                Window::within_buckets(length, buckets).expect("in range")
            }
        }
    }

    fn any() -> impl Strategy<Value = Self> {
        let within = [(10_000, 10), (3_000, 1), (100, 10), (1_000, 7)];
        prop_oneof![
            (1..10_u16).prop_map(Self::Last),
            prop::sample::select(within.to_vec())
                .prop_map(|(length, buckets)| Self::Within { length: ms(length), buckets }),
        ]
    }
}
