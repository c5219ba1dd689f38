//! Whether two samples differ, and by how much, without a belief about how they are distributed.
//!
//! Convergence times are bounded below, skewed and stepped by timers, so means and normal errors say little: ranks
//! and resampling are used. Nothing here knows what is measured. Floating point enters only judgements, never a run.

mod bootstrap;
mod holm;
mod mann_whitney;
mod spread;

pub use bootstrap::{Interval, difference};
pub use holm::holm;
pub use mann_whitney::{RankTest, mann_whitney};
pub use spread::Spread;

/// The value below or at which a share `quantile` of an ascending sample lies, as a histogram counts: the smallest value
/// whose rank reaches the share. Nothing if the sample is empty.
pub fn quantile(ascending: &[u64], quantile: f64) -> Option<u64> {
    let rank = (quantile * ascending.len() as f64).ceil() as usize;
    ascending.get(rank.clamp(1, ascending.len().max(1)) - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::quantile;

    #[test]
    fn a_quantile_is_a_value_of_the_sample() {
        let sample: Vec<u64> = (1..=1000).collect();
        let at = |q| quantile(&sample, q);
        assert_eq!([at(0.0), at(0.5), at(0.99), at(0.999), at(1.0)], [1, 500, 990, 999, 1000].map(Some));
        assert_eq!(quantile(&[], 0.5), None);
    }
}
