//! The turning point is found exactly, within its bound of probes, and exceptions to it are told.

use proptest::prelude::*;

use super::super::{Answer, Progress, Search, TurningPoint, turning_point};
use super::{judge, known};

fn search(n: usize, jobs: usize, world: impl FnMut(&usize) -> Answer) -> anyhow::Result<TurningPoint> {
    let mut world = judge(jobs, world);
    let found = turning_point(n, &mut world, Search::default(), &mut |_| {})?;
    assert!(world.asked_nothing_twice());
    assert_eq!(found.probes, world.seen.len());
    Ok(found)
}

#[test]
fn every_turning_point_up_to_300_is_found_with_any_number_of_jobs() {
    for n in 0..=300_usize {
        for k in 0..=n {
            for jobs in 1..=4 {
                let found = search(n, jobs, |at| known(*at >= k)).expect("it fails at n");
                assert_eq!(found.position, k);
                assert_eq!(found.before, (k > 0).then_some(Answer::Passes));
                assert!(found.monotone() && found.unknown.is_empty());
                let serial = 2 + n.max(1).next_power_of_two().ilog2() as usize + 3;
                assert!(
                    found.probes <= if jobs == 1 { serial } else { 25 },
                    "{n} {k} {jobs}: {}",
                    found.probes
                );
            }
        }
    }
}

#[test]
fn a_million_events_take_25_probes_with_any_number_of_jobs() {
    for n in [1_000, 65_537, 524_288, 524_289, 999_999, 1_000_000] {
        for k in [1, 2, n / 3, n / 2, n / 2 + 1, n - 1, n] {
            for jobs in [1, 2, 3, 4, 8, 64] {
                let found = search(n, jobs, |at| known(*at >= k)).expect("it fails at n");
                assert_eq!(found.position, k);
                assert!(found.probes <= 25, "{n} {k} {jobs}: {}", found.probes);
            }
        }
    }
}

#[test]
fn more_jobs_take_fewer_rounds() {
    let rounds = |jobs| {
        let mut world = judge(jobs, |at: &usize| known(*at >= 700));
        turning_point(1000, &mut world, Search::default(), &mut |_| {}).expect("it fails at n");
        world.rounds
    };
    let counted: Vec<usize> = [1, 2, 3, 7].map(rounds).to_vec();
    expect_test::expect!["[15, 10, 7, 7]"].assert_eq(&format!("{counted:?}"));
}

#[test]
fn a_run_that_does_not_fail_again_is_refused() {
    for jobs in [1, 2] {
        let text = search(50, jobs, |_| Answer::Passes).expect_err("nothing fails").to_string();
        assert_eq!(text, "the failure is not reproduced: the whole run passes");
        let unknown = |_: &usize| Answer::Unknown("no quorum".to_owned());
        let text = search(50, jobs, unknown).expect_err("nothing fails").to_string();
        assert_eq!(text, "the failure is not reproduced: the whole run cannot be judged: no quorum");
    }
}

#[test]
fn what_fails_with_nothing_injected_turns_at_zero() {
    let found = search(1_000_000, 1, |_| Answer::Fails).expect("it fails");
    assert_eq!((found.position, found.before, found.probes), (0, None, 2));
}

#[test]
fn a_position_that_cannot_be_judged_is_no_failure_and_is_told() {
    let gap = |at: &usize| match at {
        ..60 => Answer::Passes,
        60..=63 => Answer::Unknown("the world failed".to_owned()),
        _ => Answer::Fails,
    };
    let found = search(100, 2, gap).expect("it fails at n");
    assert_eq!(found.position, 64);
    assert!(matches!(found.before, Some(Answer::Unknown(_))));
    assert!(found.unknown.contains(&(63, "the world failed".to_owned())));
    assert!(found.monotone());
}

#[test]
fn spare_probes_see_failures_below_and_passes_above() {
    for jobs in 1..=4 {
        let island =
            search(1000, jobs, |at| known((100..300).contains(at) || *at >= 900)).expect("it fails at n");
        assert!((900..=1000).contains(&island.position), "{island:?}");
        assert!(
            !island.monotone() && island.exceptions.iter().all(|at| (100..300).contains(at)),
            "{island:?}"
        );
        let hole =
            search(1000, jobs, |at| known(*at >= 100 && !(600..900).contains(at))).expect("it fails at n");
        assert!(!hole.monotone() && hole.exceptions.iter().all(|at| (600..900).contains(at)), "{hole:?}");
    }
}

#[test]
fn progress_counts_up_to_what_it_foretold() {
    let mut told = Vec::new();
    let world = judge(1, |at: &usize| known(*at >= 321));
    let found =
        turning_point(1000, world, Search::default(), &mut |progress| told.push(progress)).expect("found");
    assert_eq!(told[0], Progress { probes: 1, about: 15, best: 1000 });
    assert!(told.is_sorted_by_key(|progress| progress.probes));
    assert_eq!(told.last(), Some(&Progress { probes: 15, about: 15, best: 321 }));
    assert_eq!(found.probes, 15);
}

proptest! {
    /// Any world at all, not only monotone ones.
    #[test]
    fn the_position_fails_the_one_before_does_not_and_jobs_do_not_matter(
        mut fails in prop::collection::vec(any::<bool>(), 0..200),
        jobs in 2..9_usize,
    ) {
        fails.push(true);
        let n = fails.len() - 1;
        let one = search(n, 1, |at| known(fails[*at])).expect("it fails at n");
        let many = search(n, jobs, |at| known(fails[*at])).expect("it fails at n");
        prop_assert!(fails[one.position] && (one.position == 0 || !fails[one.position - 1]));
        prop_assert_eq!(one.position, many.position);
        for found in [one, many] {
            let contradicts = |at: &usize| fails[*at] == (*at < found.position);
            prop_assert!(found.exceptions.iter().all(contradicts));
        }
    }
}
