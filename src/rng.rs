//! Seeded random streams, one per (seed, actor, purpose).
//!
//! A stream of its own for each purpose means that one draw more in one place moves nothing elsewhere. The
//! derivation is fixed here, byte by byte, so that a seed means the same run in every version that keeps it.
//! Probabilities are ratios of integers: floating point rounds differently where one least expects it.

use std::ops::RangeInclusive;

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256StarStar;
use sha2::{Digest, Sha256};

/// A random stream that belongs to one purpose of one actor in one run.
#[derive(Clone, Debug)]
pub struct Stream(Xoshiro256StarStar);

impl Stream {
    /// The stream of `purpose` of `owner` under `seed`: SHA-256 over the three, as the generator's state.
    pub fn new(seed: u64, owner: &str, purpose: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(seed.to_le_bytes());
        for part in [owner, purpose] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        Stream(Xoshiro256StarStar::from_seed(hash.finalize().into()))
    }

    /// A uniformly drawn 64-bit number.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A uniformly drawn number below `bound` (which is not 0), by multiplication with rejection of the biased part.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "a number below zero was asked for");
        loop {
            let product = u128::from(self.bits()) * u128::from(bound);
            if product as u64 >= bound.wrapping_neg() % bound {
                return (product >> 64) as u64;
            }
        }
    }

    /// A uniformly drawn number of `range`, both ends included.
    pub fn range(&mut self, range: RangeInclusive<u64>) -> u64 {
        let (low, high) = range.into_inner();
        match (high - low).checked_add(1) {
            Some(width) => low + self.below(width),
            None => self.bits(),
        }
    }

    /// True in `numerator` of `denominator` draws on average.
    pub fn chance(&mut self, numerator: u64, denominator: u64) -> bool {
        self.below(denominator) < numerator
    }

    /// One of `choices`, as likely as its weight; the weights must not all be zero.
    pub fn weighted<T: Copy>(&mut self, choices: &[(u64, T)]) -> T {
        let mut drawn = self.below(choices.iter().map(|(weight, _)| weight).sum());
        for (weight, choice) in choices {
            match drawn.checked_sub(*weight) {
                Some(rest) => drawn = rest,
                None => return *choice,
            }
        }
        unreachable!("a number below the sum of the weights falls to one of them")
    }

    /// Seconds in steps of a tenth, both ends included.
    pub fn tenths(&mut self, range: RangeInclusive<u64>) -> f64 {
        self.range(range) as f64 / 10.0
    }

    /// One of `items`, each as likely, or nothing if there is none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        (!items.is_empty()).then(|| &items[self.below(items.len() as u64) as usize])
    }

    /// Fills `bytes` with random ones.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}

/// A seed that nobody chose, for a run that names none; short enough to type. It comes from the system's randomness
/// by way of the standard library's hasher, and is printed with the run.
pub fn fresh_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::process::id()) % 1_000_000_000
}

#[cfg(test)]
mod tests {
    use super::Stream;

    #[test]
    fn a_stream_is_a_function_of_seed_owner_and_purpose() {
        let mut stream = Stream::new(42, "network", "latency");
        let drawn: Vec<u64> = (0..3).map(|_| stream.range(1..=1000)).collect();
        expect_test::expect!["[391, 957, 896]"].assert_eq(&format!("{drawn:?}"));
        assert_ne!(stream.bits(), Stream::new(42, "network", "drop").bits());
    }

    #[test]
    fn owner_and_purpose_do_not_run_into_each_other() {
        assert_ne!(Stream::new(1, "ab", "c").bits(), Stream::new(1, "a", "bc").bits());
    }

    #[test]
    fn a_range_reaches_both_of_its_ends() {
        let mut stream = Stream::new(7, "test", "range");
        let drawn: Vec<u64> = (0..200).map(|_| stream.range(3..=5)).collect();
        for end in 3..=5 {
            assert!(drawn.contains(&end));
        }
        assert!(drawn.iter().all(|n| (3..=5).contains(n)));
    }
}
