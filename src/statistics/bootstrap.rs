//! The bootstrap: how much the difference of two quantiles would vary if the runs were drawn again.

use super::quantile;
use crate::rng::Stream;

/// How often each sample is drawn again.
const RESAMPLES: usize = 2_000;

/// An interval of differences, second sample minus first, that covers the true one in 99 of 100 cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// Its lower end.
    pub low: i64,
    /// Its upper end.
    pub high: i64,
}

impl Interval {
    /// Whether no difference at all is not among what may be.
    pub fn excludes_zero(self) -> bool {
        self.low > 0 || self.high < 0
    }
}

/// The intervals of the differences of several quantiles, by the percentiles of resampled differences; nothing without
/// values on both sides. The same samples, quantiles and stream give the same intervals.
pub fn difference<const N: usize>(
    a: &[u64],
    b: &[u64],
    quantiles: [f64; N],
    mut stream: Stream,
) -> Option<[Interval; N]> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let mut differences = [(); N].map(|()| Vec::with_capacity(RESAMPLES));
    for _ in 0..RESAMPLES {
        let (a, b) = (resample(a, &mut stream), resample(b, &mut stream));
        for (differences, at) in differences.iter_mut().zip(quantiles) {
            let of = |sample: &[u64]| quantile(sample, at).map_or(0, |value| value as i64);
            differences.push(of(&b) - of(&a));
        }
    }
    Some(differences.map(interval))
}

/// As many values, each drawn from all; ascending.
fn resample(sample: &[u64], stream: &mut Stream) -> Vec<u64> {
    let mut drawn: Vec<u64> =
        sample.iter().map(|_| sample[stream.below(sample.len() as u64) as usize]).collect();
    drawn.sort_unstable();
    drawn
}

/// The middle 99 of 100 differences.
fn interval(mut differences: Vec<i64>) -> Interval {
    differences.sort_unstable();
    let cut = differences.len() / 200;
    Interval { low: differences[cut], high: differences[differences.len() - 1 - cut] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Stream {
        Stream::new(1, "test", "bootstrap")
    }

    fn sample(shift: u64) -> Vec<u64> {
        (0..400).map(|i| (i * i * 37) % 1009 + shift).collect()
    }

    #[test]
    fn a_shift_is_inside_its_interval_and_zero_is_not() {
        let [median, tail] = difference(&sample(0), &sample(300), [0.5, 0.99], stream()).expect("values");
        for interval in [median, tail] {
            assert!(interval.low <= 300 && interval.high >= 300, "{interval:?}");
            assert!(interval.excludes_zero());
        }
    }

    #[test]
    fn equal_samples_may_have_no_difference() {
        let [median] = difference(&sample(0), &sample(0), [0.5], stream()).expect("values");
        assert!(!median.excludes_zero(), "{median:?}");
        assert_eq!(difference::<1>(&[], &[1], [0.5], stream()), None);
    }

    #[test]
    fn one_stream_gives_one_interval() {
        let twice = [(); 2].map(|()| difference(&sample(0), &sample(9), [0.5], stream()));
        assert_eq!(twice[0], twice[1]);
    }
}
