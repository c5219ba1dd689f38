//! What delta debugging leaves fails, and nothing of it can be spared.

use proptest::prelude::*;

use super::super::{Answer, Minimal, ddmin, ddmin_by_stage};
use super::{judge, known};

fn reduce(n: u32, jobs: usize, world: impl FnMut(&Vec<u32>) -> Answer) -> anyhow::Result<Minimal<u32>> {
    let items: Vec<u32> = (0..n).collect();
    let mut world = judge(jobs, world);
    let found = ddmin(&items, &mut world, usize::MAX, &mut |_| {})?;
    assert!(world.asked_nothing_twice());
    assert_eq!(found.probes, world.seen.len());
    Ok(found)
}

/// Whether a set holds all of `causes`.
fn holds(set: &[u32], causes: &[u32]) -> bool {
    causes.iter().all(|cause| set.contains(cause))
}

/// All sets with one item less.
fn one_less<T: Clone>(items: &[T]) -> impl Iterator<Item = Vec<T>> {
    (0..items.len()).map(|index| [&items[..index], &items[index + 1..]].concat())
}

#[test]
fn a_single_cause_takes_about_two_probes_a_halving() {
    let found = reduce(4096, 1, |set| known(set.contains(&1234))).expect("it fails");
    assert_eq!(found.items, [1234]);
    assert!(found.complete && found.unsure.is_empty());
    assert!(found.probes <= 2 + 2 * 12, "{}", found.probes);
}

#[test]
fn causes_far_apart_are_found_together() {
    let found = reduce(1000, 4, |set| known(holds(set, &[3, 500, 998]))).expect("it fails");
    assert_eq!(found.items, [3, 500, 998]);
    let serial = reduce(1000, 1, |set| known(holds(set, &[3, 500, 998]))).expect("it fails");
    assert!(serial.probes < 150, "{}", serial.probes);
}

#[test]
fn what_fails_without_anything_needs_nothing() {
    let found = reduce(10, 1, |_| Answer::Fails).expect("it fails");
    assert_eq!((found.items.len(), found.complete, found.probes), (0, true, 2));
    let found = reduce(0, 3, |_| Answer::Fails).expect("it fails");
    assert_eq!((found.items.len(), found.complete), (0, true));
}

#[test]
fn what_does_not_fail_together_is_refused() {
    let text = reduce(10, 2, |_| Answer::Passes).expect_err("nothing fails").to_string();
    assert_eq!(text, "the failure is not reproduced: the whole run passes");
}

#[test]
fn a_set_that_cannot_be_judged_is_not_taken() {
    let found = reduce(8, 2, |set| match (set.contains(&5), set.contains(&2)) {
        (true, true) => Answer::Fails,
        (true, false) => Answer::Unknown("no quorum".to_owned()),
        _ => Answer::Passes,
    });
    let found = found.expect("it fails");
    assert_eq!((found.items, found.unsure, found.complete), (vec![2, 5], vec![2], true));
    assert!(found.unknown > 0);
}

#[test]
fn earlier_stages_go_first_and_what_they_leave_is_tried_again() {
    // Item 1 stands in for item 10 of the later stage: either does, so the one that is dropped first goes.
    let world = |set: &Vec<u32>| known(set.contains(&15) && (set.contains(&1) || set.contains(&10)));
    let items: Vec<u32> = (0..20).collect();
    let by_stage = |lowest: fn(&u32) -> u8| {
        let found = ddmin_by_stage(&items, lowest, judge(1, world), usize::MAX, &mut |_| {});
        found.expect("it fails").items
    };
    assert_eq!(by_stage(|item| u8::from(*item >= 10)), [10, 15]);
    assert_eq!(by_stage(|item| u8::from(*item < 10)), [1, 15]);
}

#[test]
fn an_item_made_needless_by_a_later_stage_goes_at_last() {
    // 1 is needed only as long as 10 is there.
    let world = |set: &Vec<u32>| known(set.contains(&15) && (!set.contains(&10) || set.contains(&1)));
    let items: Vec<u32> = (0..20).collect();
    let stage = |item: &u32| u8::from(*item >= 10);
    let found = ddmin_by_stage(&items, stage, judge(1, world), usize::MAX, &mut |_| {}).expect("it fails");
    assert_eq!(found.items, [15]);
}

proptest! {
    /// Monotone worlds: any of some sets of causes is enough.
    #[test]
    fn of_causes_exactly_one_set_remains(
        causes in prop::collection::vec(prop::collection::btree_set(0..120_u32, 1..6), 1..4),
        jobs in 2..9_usize,
    ) {
        let causes: Vec<Vec<u32>> = causes.into_iter().map(|set| set.into_iter().collect()).collect();
        let world = |set: &Vec<u32>| known(causes.iter().any(|cause| holds(set, cause)));
        let one = reduce(120, 1, world).expect("it fails");
        prop_assert!(one.complete && causes.contains(&one.items));
        prop_assert_eq!(one.items, reduce(120, jobs, world).expect("it fails").items);
    }

    /// Worlds of no order at all: sets fail by chance, some cannot be judged.
    #[test]
    fn what_remains_fails_and_no_single_item_can_be_spared(
        n in 1..40_u32,
        salt in any::<u64>(),
        failing in 1..200_u64,
        jobs in 1..6_usize,
        stages in 1..4_u32,
        budget in prop_oneof![Just(usize::MAX), 0..60_usize],
    ) {
        let world = |set: &Vec<u32>| {
            let bytes: Vec<u8> = set.iter().flat_map(|item| item.to_le_bytes()).collect();
            match xxhash_rust::xxh3::xxh3_64_with_seed(&bytes, salt) % 256 {
                _ if set.len() == n as usize => Answer::Fails,
                _ if set.is_empty() => Answer::Passes,
                drawn if drawn < failing => Answer::Fails,
                drawn if drawn < failing + 20 => Answer::Unknown("chance".to_owned()),
                _ => Answer::Passes,
            }
        };
        let items: Vec<u32> = (0..n).collect();
        let run = |jobs| {
            let mut world = judge(jobs, world);
            let stage = |item: &u32| (item % stages) as u8;
            let found = ddmin_by_stage(&items, stage, &mut world, budget, &mut |_| {}).expect("it fails");
            assert!(world.asked_nothing_twice());
            found
        };
        let (found, serial) = (run(jobs), run(1));
        prop_assert!(world(&found.items).fails());
        prop_assert!(found.items.is_sorted());
        if found.complete {
            let rest: Vec<Answer> = one_less(&found.items).map(|set| world(&set)).collect();
            prop_assert!(!rest.contains(&Answer::Fails));
            let unknown = rest.iter().filter(|answer| matches!(answer, Answer::Unknown(_))).count();
            prop_assert_eq!(unknown, found.unsure.len());
        }
        prop_assert!(serial.probes <= budget.saturating_add(2));
        prop_assert_eq!((found.items, found.complete), (serial.items, serial.complete));
    }
}
