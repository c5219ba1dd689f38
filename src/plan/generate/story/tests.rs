//! Stories as plans of many seeds tell them.

use super::*;
use crate::fault::{Effect, Fault};
use crate::plan::resolve::resolve;
use crate::plan::{Plan, generate};
use crate::time::SimDuration;

/// The plans of seeds that tell a story.
fn told(seeds: std::ops::Range<u64>) -> Vec<(Kind, Plan)> {
    let kind = |seed: u64| stream(seed, "story").weighted(&SHARES);
    let stories = seeds.filter(|seed| kind(*seed) != Kind::None);
    let plan = |seed| resolve(&generate(seed, &Overrides::default()), None).expect("a story is a plan");
    stories.map(|seed| (kind(seed), plan(seed))).collect()
}

#[test]
fn each_story_is_told_by_its_share_of_the_seeds() {
    let told = told(0..1_000);
    for (share, kind) in SHARES.into_iter().filter(|(_, kind)| *kind != Kind::None) {
        let count = told.iter().filter(|(other, _)| *other == kind).count() as u64;
        assert!((share * 5..share * 15).contains(&count), "{kind:?}: {count} in a thousand");
    }
}

#[test]
fn a_calm_death_is_all_that_happens_and_clients_see_its_end() {
    for (kind, plan) in told(0..300) {
        let deaths = plan.faults.iter().filter(|fault| fault.action.ends_process().is_some()).count();
        if kind == Kind::CalmDeath {
            assert!(plan.operations.is_empty() && (1..=2).contains(&deaths), "{plan:?}");
            let lags = plan.faults.len() - deaths;
            assert!(lags == 0 || lags == 1 && plan.cluster.replicas > 1, "{plan:?}");
        }
        let latest = plan.faults.iter().map(|fault| fault.trigger.longest_ns()).max();
        let workload = plan.workload.expect("clients work");
        assert!(latest.is_none_or(|latest| latest < workload.duration_ns), "{kind:?}");
    }
}

#[test]
fn a_cluster_without_replicas_tells_no_story() {
    let bare = Overrides { replicas: Some(0), ..Overrides::default() };
    for seed in 0..50 {
        let plan = resolve(&generate(seed, &bare), None).expect("a plan");
        assert!(!plan.operations.is_empty());
    }
}

#[test]
fn late_votes_are_later_than_the_next_election_begins() {
    for (_, plan) in told(0..1_000).into_iter().filter(|(kind, _)| *kind == Kind::LateVotes) {
        let retry_ms = 2 * (2 * plan.cluster.node_timeout_ms).max(2_000);
        let delay = |fault: &Fault| match fault.action.effect() {
            Effect::Bus { rule, .. } => rule.delay,
            _ => None,
        };
        let late = plan.faults.iter().find_map(delay);
        assert!(late.is_none_or(|late| late.min_ns > SimDuration::from_ms(retry_ms)), "{plan:?}");
    }
}

#[test]
fn clients_use_what_moves() {
    for (kind, plan) in told(0..1_000) {
        let mix = &plan.workload.expect("clients work").mix;
        let says = |name: &str| mix.contains_key(name);
        match kind {
            Kind::OpenSlots | Kind::BusyMove => assert!(says("expiry") && says("strings"), "{kind:?}"),
            Kind::Channels => assert!(says("channels"), "{kind:?}"),
            _ => {}
        }
    }
}
