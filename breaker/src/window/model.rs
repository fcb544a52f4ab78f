//! The windows against queues that keep every call.

use super::{CountWindow, Counts, Sample, TimeWindow};
use proptest::prelude::*;
use std::collections::VecDeque;

fn sample() -> impl Strategy<Value = Sample> {
    (prop::bool::weighted(0.3), prop::bool::weighted(0.2))
        .prop_map(|(failed, slow)| Sample { failed, slow })
}

fn sum<'a>(samples: impl Iterator<Item = &'a Sample>) -> Counts {
    samples.fold(Counts::default(), |sum, sample| Counts {
        calls: sum.calls + 1,
        failures: sum.failures + u64::from(sample.failed),
        slow: sum.slow + u64::from(sample.slow),
    })
}

proptest! {
    #[test]
    fn a_count_window_equals_a_queue_of_its_last_calls(
        size in 1_u16..20,
        samples in prop::collection::vec(sample(), 0..200),
    ) {
        let window = CountWindow::new(size);
        let mut queue = VecDeque::new();
        for sample in samples {
            window.record(sample, 0);
            queue.push_back(sample);
            if queue.len() > usize::from(size) {
                queue.pop_front();
            }
            prop_assert_eq!(window.counts(0), sum(queue.iter()));
        }
    }

    // The oracle quantises to the same ticks. Equal, forward and backward steps, silences longer than the window.
    #[test]
    fn a_time_window_equals_a_queue_of_the_calls_of_its_last_ticks(
        buckets in 1_u64..12,
        stripes in 1_usize..5,
        steps in prop::collection::vec(
            (
                prop_oneof![
                    4 => Just(0_i64), 4 => 0..3_000_i64, 1 => 0..200_000_i64, 2 => -30_000..0_i64,
                ],
                sample(),
                0_usize..10,
            ),
            0..200,
        ),
    ) {
        let (width, start) = (1_000, 500);
        let window = TimeWindow::new(width * buckets, buckets as usize, start, stripes);
        let mut queue: VecDeque<(usize, u64, Sample)> = VecDeque::new();
        let tick = |now: u64| (now - start) / width;
        let mut now = start;
        for (step, sample, stripe) in steps {
            now = now.saturating_add_signed(step).max(start);
            window.record(sample, 0, now, stripe);
            // A call is gone for good once a newer tick of its stripe needs its bucket; one that comes later still is dropped.
            let (stripe, at) = (stripe % stripes.next_power_of_two(), tick(now));
            let rivals = |one: u64, other: u64| one % buckets == other % buckets;
            let newer = |&(of, held, _): &(usize, u64, Sample)| {
                of == stripe && rivals(held, at) && held > at
            };
            if !queue.iter().any(newer) {
                queue.retain(|&(of, held, _)| of != stripe || !rivals(held, at) || held == at);
                queue.push_back((stripe, at, sample));
            }
            for read in [
                now,
                now + width,
                now + width * buckets / 2,
                now + width * buckets,
                now.saturating_sub(width).max(start),
                start,
            ] {
                let live = queue.iter().filter(|(_, held, _)| held + buckets > tick(read));
                let expected = sum(live.map(|(.., sample)| sample));
                prop_assert_eq!(window.counts(0, read), expected, "read at {}", read);
            }
        }
    }
}
