//! Draws that are the same on every machine and in every version of every library.
//!
//! Splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// A stream of draws.
#[derive(Debug)]
pub(super) struct Draws(u64);

impl Draws {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        finish(self.0)
    }

    /// A number below `end`, which is not 0. The bias of the high product is under 2^-32 for any list we have.
    pub(super) const fn below(&mut self, end: u64) -> u64 {
        ((self.next() as u128 * end as u128) >> 64) as u64
    }

    pub(super) const fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// 0..count in random order (Fisher and Yates).
    pub(super) fn permutation(&mut self, count: u32) -> Vec<u32> {
        let mut all: Vec<u32> = (0..count).collect();
        for at in (1..all.len()).rev() {
            let other = self.below(at as u64 + 1) as usize;
            all.swap(at, other);
        }
        all
    }
}

/// The `index`th draw of the stream that `seed` begins.
#[inline]
pub(super) const fn nth(seed: u64, index: u64) -> u64 {
    finish(seed.wrapping_add(GOLDEN.wrapping_mul(index.wrapping_add(1))))
}

#[inline]
const fn finish(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_splitmix64s() {
        // The first outputs for seed 1234567, as published with Java's SplittableRandom and in Rosetta Code.
        let mut draws = Draws::new(1_234_567);
        let first: [u64; 3] = std::array::from_fn(|_| draws.next());
        assert_eq!(
            first,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
        assert_eq!(nth(1_234_567, 2), first[2]);
    }

    #[test]
    fn permutation_has_each_number_once() {
        let mut all = Draws::new(9).permutation(1_000);
        assert_ne!(all[..4], [0, 1, 2, 3]);
        all.sort_unstable();
        assert!(all.into_iter().eq(0..1_000));
    }
}
