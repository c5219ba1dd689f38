//! Holm's correction: of many comparisons some look significant by chance.

/// The p-values of several tests as they count together, each in its place: the smallest is multiplied by the number of
/// tests, the next by one less, and none counts less than the one before it. Rejecting those below `alpha` keeps the
/// chance of even one false alarm below `alpha`, whatever the tests have to do with each other.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut corrected = vec![1.0; p_values.len()];
    let mut least: f64 = 0.0;
    for (before, place) in order.into_iter().enumerate() {
        least = least.max(p_values[place] * (p_values.len() - before) as f64).min(1.0);
        corrected[place] = least;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::holm;

    #[test]
    fn each_counts_by_its_place_among_the_others() {
        let corrected = holm(&[0.01, 0.04, 0.03, 0.005]);
        for (found, expected) in corrected.into_iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
        }
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }
}
