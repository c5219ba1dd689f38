//! The sequential test keeps its bounds of error, and intervals cover.

use super::super::{Answer, Decision, Prober, Rate, Repeated, SequentialTest, Tally, Trial, ddmin};
use super::{judge, known};
use crate::rng::Stream;

const TEST: SequentialTest =
    SequentialTest { low_rate: 0.05, high_rate: 0.15, false_fail: 0.05, false_pass: 0.02, runs_max: 10_000 };

/// How many of `of` candidates with a rate of `per_mille` are called failing, and how many runs each took on average.
fn called_failing(per_mille: u64, of: u64) -> (u64, u64) {
    let (mut failing, mut runs) = (0, 0);
    for candidate in 0..of {
        let mut stream = Stream::new(per_mille, "test", &format!("candidate {candidate}"));
        let mut tally = Tally::default();
        let decision = loop {
            tally.add(&known(stream.chance(per_mille, 1000)));
            if let Some(decision) = TEST.judge(&tally) {
                break decision;
            }
        };
        failing += u64::from(decision.answer.fails());
        runs += tally.runs();
    }
    (failing, runs / of)
}

#[test]
fn errors_stay_within_their_bounds_and_runs_near_what_was_expected() {
    // Three standard deviations of the count of 4000 draws at the bound.
    let (failing, runs) = called_failing(50, 4000);
    assert!(failing <= 200 + 41, "{failing} of 4000 called failing at the low rate");
    let expected = TEST.expected_runs(0.05);
    assert!((expected / 2..expected * 2).contains(&runs), "{runs} runs, {expected} expected");
    let (failing, runs) = called_failing(150, 4000);
    assert!(4000 - failing <= 80 + 27, "{} of 4000 called passing at the high rate", 4000 - failing);
    let expected = TEST.expected_runs(0.15);
    assert!((expected / 2..expected * 2).contains(&runs), "{runs} runs, {expected} expected");
}

#[test]
fn intervals_are_those_of_clopper_and_pearson() {
    // Figures of R's binom.test.
    for (fails, passes, low, high) in [
        (0, 10, 0.0, 0.308_497_1),
        (10, 0, 0.691_502_9, 1.0),
        (1, 19, 0.001_265_089, 0.248_732_8),
        (20, 980, 0.012_258_25, 0.030_720_44),
    ] {
        let rate = Rate::from(Tally { fails, passes, unknown: 3 });
        assert!((rate.low - low).abs() < 1e-6 && (rate.high - high).abs() < 1e-6, "{rate:?}");
    }
}

#[test]
fn intervals_cover_at_least_as_often_as_they_say() {
    for per_mille in [5, 20, 300, 950] {
        let covers = |sample: &u64| {
            let mut stream = Stream::new(*sample, "test", &format!("rate {per_mille}"));
            let mut tally = Tally::default();
            (0..100).for_each(|_| tally.add(&known(stream.chance(per_mille, 1000))));
            let rate = Rate::from(tally);
            (rate.low..=rate.high).contains(&(per_mille as f64 / 1000.0))
        };
        let covered = (0..2000).filter(covers).count();
        assert!(covered >= 1900 - 30, "{covered} of 2000 at {per_mille} of 1000");
    }
}

#[test]
fn a_test_gives_up_after_its_runs_and_says_so() {
    let test = SequentialTest { runs_max: 30, ..TEST };
    let decided = |fails, passes| test.judge(&Tally { fails, passes, unknown: 0 });
    assert_eq!(decided(2, 27), None);
    assert_eq!(decided(2, 28), Some(Decision { answer: Answer::Passes, decided: false }));
    assert_eq!(decided(4, 26), Some(Decision { answer: Answer::Fails, decided: false }));
}

#[test]
fn a_candidate_that_cannot_be_judged_is_unknown() {
    let world = judge(2, |_: &Trial<u32>| Answer::Unknown("no quorum".to_owned()));
    let mut repeated = Repeated::new(world, TEST);
    let answers = repeated.probe(&[1_u32]).expect("an answer");
    assert_eq!(answers, [Answer::Unknown("21 of 21 runs could not be judged".to_owned())]);
    assert_eq!(repeated.undecided(), 1);
}

#[test]
fn a_minimal_cause_is_found_where_it_fails_every_fifth_time() {
    let items: Vec<u32> = (0..60).collect();
    let run = |trial: &Trial<Vec<u32>>| {
        let holds = [7, 33, 34].iter().all(|cause| trial.candidate.contains(cause));
        let mut stream = Stream::new(5, &format!("{:?}", trial.candidate), &trial.run.to_string());
        known(holds && stream.chance(1, 5))
    };
    let test = SequentialTest { false_fail: 0.0005, false_pass: 0.0005, ..TEST };
    let found = ddmin(&items, Repeated::new(judge(2, run), test), usize::MAX, &mut |_| {});
    assert_eq!(found.expect("it fails").items, [7, 33, 34]);
}

#[test]
fn a_rate_reads_as_people_write_it() {
    let text = Rate::from(Tally { fails: 3, passes: 17, unknown: 1 }).to_string();
    expect_test::expect!["15.0 % (3 of 20 runs; 95 %: 3.2 to 37.9 %)"].assert_eq(&text);
    let text = Rate::from(Tally { fails: 0, passes: 0, unknown: 4 }).to_string();
    expect_test::expect!["unknown: none of 4 runs was judged"].assert_eq(&text);
}
