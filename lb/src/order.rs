//! In which order endpoints are asked to admit a call.

use crate::policy::{Better, two_of};
use fastrand::Rng;

/// How often a pair is drawn anew because it held somebody not wanted. With half of them unwanted, 16 draws leave
/// one call in 100 with a pair that holds but one wanted, or none.
const DRAWS: usize = 16;

/// Asks positions below `n` until one admits: first the better of two random ones, then the other, then the rest in
/// random order. Unwanted ones are never asked, and none is asked twice.
///
/// Costs two looks where the first admits; all `n` where none does.
pub(crate) fn first_to_admit<T>(
    n: usize,
    wanted: impl Fn(usize) -> bool,
    better: impl Fn(usize, usize) -> Better,
    rng: &mut Rng,
    mut ask: impl FnMut(usize) -> Option<T>,
) -> Option<T> {
    if n < 2 {
        return (n == 1 && wanted(0)).then(|| ask(0)).flatten();
    }
    let asked = pair(n, &wanted, better, rng);
    for position in asked.into_iter().flatten() {
        if let Some(admitted) = ask(position) {
            return Some(admitted);
        }
    }
    shuffled(n, rng)
        .filter(|&position| wanted(position) && !asked.contains(&Some(position)))
        .find_map(ask)
}

/// The wanted ones of a random pair, the better one first.
fn pair(
    n: usize,
    wanted: impl Fn(usize) -> bool,
    better: impl Fn(usize, usize) -> Better,
    rng: &mut Rng,
) -> [Option<usize>; 2] {
    let mut pair = [None, None];
    for _ in 0..DRAWS {
        let (a, b) = two_of(n, rng.u64(..));
        match (wanted(a), wanted(b)) {
            (true, true) => {
                return match better(a, b) {
                    Better::First => [Some(a), Some(b)],
                    Better::Second => [Some(b), Some(a)],
                };
            }
            // Only one to choose from, if no draw brings more.
            (true, false) => pair = [Some(a), None],
            (false, true) => pair = [Some(b), None],
            (false, false) => {}
        }
    }
    pair
}

/// All positions below `n`, each once: from a random start in steps that share no factor with `n`. It needs no memory.
fn shuffled(n: usize, rng: &mut Rng) -> impl Iterator<Item = usize> + use<> {
    let start = rng.usize(..n);
    let step = loop {
        let step = rng.usize(1..n);
        if gcd(step, n) == 1 {
            break step;
        }
    };
    (0..n as u64).map(move |i| ((start as u64 + i * step as u64) % n as u64) as usize)
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(all(test, not(orlop_loom)))]
mod tests {
    use super::{Better, first_to_admit};
    use fastrand::Rng;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn asks_each_wanted_once_and_nobody_else(
            wanted in prop::collection::vec(any::<bool>(), 0..50), seed: u64
        ) {
            let mut asked = Vec::new();
            let admitted = first_to_admit(
                wanted.len(), |i| wanted[i], |_, _| Better::First, &mut Rng::with_seed(seed),
                |i| { asked.push(i); None::<()> },
            );
            prop_assert_eq!(admitted, None);
            let expected: BTreeSet<_> = (0..wanted.len()).filter(|&i| wanted[i]).collect();
            prop_assert_eq!(asked.len(), expected.len(), "somebody was asked twice, or not at all");
            prop_assert_eq!(asked.into_iter().collect::<BTreeSet<_>>(), expected);
        }

        #[test]
        fn finds_the_only_one_that_admits(n in 1usize..60, one in 0usize..60, seed: u64) {
            let one = one % n;
            let found = first_to_admit(
                n, |_| true, |_, _| Better::Second, &mut Rng::with_seed(seed),
                |i| (i == one).then_some(i),
            );
            prop_assert_eq!(found, Some(one));
        }
    }

    #[test]
    fn those_after_the_pair_are_asked_in_no_fixed_order() {
        let (mut rng, mut third) = (Rng::with_seed(3), [0u32; 7]);
        for _ in 0..7_000 {
            let mut asked = 0;
            first_to_admit(
                7,
                |_| true,
                |_, _| Better::First,
                &mut rng,
                |i| {
                    asked += 1;
                    (asked == 3).then(|| third[i] += 1)
                },
            );
        }
        for (i, &count) in third.iter().enumerate() {
            // 1,000 expected, deviation 29.
            assert!(count.abs_diff(1_000) < 150, "{i} was third {count} times of 7,000");
        }
    }
}
