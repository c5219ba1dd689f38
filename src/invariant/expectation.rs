//! What a run can be asked for in the end, given what its own plan did to the cluster.
//!
//! A plan that kills both members of a shard, or most primaries at once, takes slots away for good; calling that a
//! find would be crying wolf. But "a shard is down" must not excuse itself either, or a server that never promotes
//! anybody would pass. So the fate of a shard is computed from what was done to it and from what the others were
//! still able to do, never from whether the promotion took place.

use std::collections::BTreeMap;

use super::evidence::{Evidence, NodeEvidence};
use super::layout::{is_emptied, last_primary, shard_served};
use super::settings::Settings;
use crate::id::{NodeId, ShardId};
use crate::time::{SimDuration, SimTime};

/// What became of a shard by the plan's own doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It must be served: its primary lives, or somebody had to be promoted.
    Served,
    /// Nobody could be promoted, for this reason.
    Lost(String),
    /// A promotion may or may not have been possible, for this reason.
    Open(String),
}

/// What `cluster_state` must say on every live node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// `ok`.
    Ok,
    /// `fail`: slots are lost, or there is no majority.
    Fail,
    /// Either.
    Open,
}

/// The fates of all shards.
#[derive(Clone, Debug)]
pub struct Expectation {
    fates: BTreeMap<ShardId, Fate>,
    state: State,
}

impl Expectation {
    /// Computes what can be expected in the end.
    pub fn of(evidence: &Evidence) -> Self {
        let shards = || evidence.plan.cluster.possible_shards();
        let fates: BTreeMap<_, _> = shards().map(|shard| (shard, fate(evidence, shard))).collect();
        let voters = owning(evidence).filter(|shard| has_live_primary(evidence, *shard)).count();
        let state = state(evidence, fates.values(), voters >= quorum(evidence));
        Expectation { fates, state }
    }

    /// What became of a shard. One that the plan does not have, since servers may claim anything, is excused by nothing.
    pub fn fate(&self, shard: ShardId) -> &Fate {
        self.fates.get(&shard).unwrap_or(&Fate::Served)
    }

    /// What every live node must say of the cluster.
    pub fn state(&self) -> State {
        self.state
    }

    /// The reasons of all losses, `expected: shard 2 lost all its members`; `None` if nothing is lost.
    pub fn losses(&self) -> Option<String> {
        let reasons = self.fates.values().filter_map(|fate| match fate {
            Fate::Lost(reason) => Some(reason.as_str()),
            _ => None,
        });
        let reasons = reasons.collect::<Vec<_>>();
        (!reasons.is_empty()).then(|| format!("expected: {}", reasons.join(", ")))
    }

    /// The reasons why nobody can know what to expect; `None` if everything is clear.
    pub fn doubts(&self) -> Option<String> {
        let reasons = self.fates.values().filter_map(|fate| match fate {
            Fate::Open(reason) => Some(reason.as_str()),
            _ => None,
        });
        let reasons = reasons.collect::<Vec<_>>();
        (!reasons.is_empty()).then(|| reasons.join(", "))
    }
}

/// Without a majority every node says `fail`. With one, a lost shard makes them say so only if all slots are
/// required, which is the server's default (`clusterUpdateState`).
fn state<'a>(evidence: &Evidence, fates: impl Iterator<Item = &'a Fate>, majority: bool) -> State {
    let end = evidence.ended_at;
    let needs_all = evidence.live().any(|n| Settings::at(evidence, n.node, end).needs_all_slots());
    let fates = fates.collect::<Vec<_>>();
    let any_lost = fates.iter().any(|f| matches!(f, Fate::Lost(_)));
    let any_open = fates.iter().any(|f| matches!(f, Fate::Open(_)));
    match (majority, any_lost && needs_all, any_open) {
        (_, true, _) => State::Fail,
        (_, _, true) => State::Open,
        (true, ..) => State::Ok,
        (false, ..) => State::Fail,
    }
}

/// How many primaries that own slots must vote: those of dead shards count too, since their slots are still theirs.
pub(super) fn quorum(evidence: &Evidence) -> usize {
    owning(evidence).count() / 2 + 1
}

/// The shards that own slots in the end.
pub(super) fn owning(evidence: &Evidence) -> impl Iterator<Item = ShardId> {
    evidence.plan.cluster.possible_shards().filter(|shard| !is_emptied(evidence, *shard))
}

fn has_live_primary(evidence: &Evidence, shard: ShardId) -> bool {
    let claims = |n: &NodeEvidence| !n.own_slots().is_empty() && shard_served(evidence, n) == shard;
    evidence.is_live(last_primary(evidence, shard)) || evidence.live().any(claims)
}

fn fate(evidence: &Evidence, shard: ShardId) -> Fate {
    if is_emptied(evidence, shard) || has_live_primary(evidence, shard) {
        return Fate::Served;
    }
    let members = evidence.live().filter(|n| shard_served(evidence, n) == shard).collect::<Vec<_>>();
    if members.is_empty() {
        return Fate::Lost(format!("{shard} lost all its members"));
    }
    let gone = went_down_at(evidence, last_primary(evidence, shard));
    let chances = members.iter().map(|n| electable(evidence, shard, n.node, gone)).collect::<Vec<_>>();
    if chances.iter().all(|c| *c == Chance::No) {
        return Fate::Lost(format!("{shard} lost its primary and no replica that had its data"));
    }
    let able = members.iter().zip(&chances).filter(|(_, c)| **c == Chance::Yes).map(|(n, _)| n.node);
    promotion(evidence, shard, gone, &able.collect::<Vec<_>>())
}

/// Whether one of `able` had to be promoted after the primary of `shard` was gone.
///
/// It had to if it and a majority were left alone for as long as the plan's own limit of convergence, or all the time that
/// the server lets it stand. It had not if there is no majority in the end and never was for so long, or if none may stand
/// any more. In between nobody can know.
fn promotion(evidence: &Evidence, shard: ShardId, gone: SimTime, able: &[NodeId]) -> Fate {
    let votes = |at: SimTime| {
        let others = owning(evidence).filter(|s| *s != shard);
        others.filter(|s| is_calm(evidence, primary_at(evidence, *s, at), at)).count()
    };
    let possible = |node: NodeId, at: SimTime| is_calm(evidence, node, at) && votes(at) >= quorum(evidence);
    let had_its_time = |node: NodeId| {
        let until = stands_until(evidence, node, gone);
        let enough = evidence.plan.limits.max_convergence_ns.min(until.since(gone));
        longest_stretch(evidence, (gone, until.min(evidence.ended_at)), |at| possible(node, at)) >= enough
    };
    if able.iter().any(|node| had_its_time(*node)) {
        return Fate::Served;
    }
    let left = owning(evidence).filter(|s| has_live_primary(evidence, *s)).count();
    if left < quorum(evidence) {
        let total = owning(evidence).count();
        return Fate::Lost(format!("{shard} lost its primary with {left} of {total} primaries left to vote"));
    }
    let is_too_old = |node: &NodeId| stands_until(evidence, *node, gone) < evidence.ended_at;
    if !able.is_empty() && able.iter().all(is_too_old) {
        return Fate::Lost(format!(
            "{shard} lost its primary and no replica may stand any more, so old is its data"
        ));
    }
    Fate::Open(format!("{shard} lost its primary and may not have had the time to promote a replica"))
}

/// Until when a replica may stand that heard from its primary last at `gone` (`cluster-replica-validity-factor`).
fn stands_until(evidence: &Evidence, node: NodeId, gone: SimTime) -> SimTime {
    let timeout = SimDuration::from_ms(evidence.plan.cluster.node_timeout_ms);
    let age = Settings::at(evidence, node, evidence.ended_at).longest_data_age(timeout);
    age.map_or(SimTime::NEVER, |age| gone + age)
}

/// Whether a replica could stand for election.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chance {
    Yes,
    No,
    Maybe,
}

/// A replica that was started after its primary had died never heard from it, and the server does not let it stand:
/// its data age counts from the beginning of time (`clusterHandleReplicaFailover`, `cluster-replica-validity-factor`).
/// One that was seen in sync shortly before may stand; so may one that was left alone for long before.
fn electable(evidence: &Evidence, shard: ShardId, node: NodeId, gone: SimTime) -> Chance {
    let settings = Settings::at(evidence, node, evidence.ended_at);
    let started = started_at(evidence, node);
    if !settings.may_stand() || (started >= gone && !settings.may_stand_at_any_age()) {
        return Chance::No;
    }
    // The server's limit is ten node timeouts and more; half of it leaves room for what a sample does not tell.
    let timeout_ns = SimDuration::from_ms(evidence.plan.cluster.node_timeout_ms).as_ns();
    let fresh = gone.before(SimDuration::from_ns(timeout_ns * 5)).max(started);
    let primary = last_primary(evidence, shard);
    let mut samples = evidence.lag_samples.iter().filter(|s| s.node == node && s.primary == primary);
    let was_in_sync = samples.any(|s| s.at <= gone && s.at.before(s.lag) >= fresh);
    let calm_since = gone.before(evidence.plan.limits.max_convergence_ns);
    let whole = (calm_since, evidence.ended_at);
    let was_calm = || longest_stretch(evidence, whole, |at| at >= gone || is_calm(evidence, node, at));
    match was_in_sync || was_calm() >= evidence.ended_at.since(calm_since) {
        true => Chance::Yes,
        false => Chance::Maybe,
    }
}

/// When the process that a node runs now was started: zero for the first one.
fn started_at(evidence: &Evidence, node: NodeId) -> SimTime {
    let restarts = evidence.exits.iter().filter(|e| e.node == node).filter_map(|e| e.restarted_at);
    restarts.max().unwrap_or(SimTime::ZERO)
}

/// When a node that is not live went down: at its last exit, or when a fault that did not end hit it.
fn went_down_at(evidence: &Evidence, node: NodeId) -> SimTime {
    let exits = evidence.exits.iter().filter(|e| e.node == node && e.restarted_at.is_none()).map(|e| e.at);
    let pauses = evidence.faults.iter().filter(|f| f.hit.contains(&node) && f.healed_at.is_none());
    exits.max().or_else(|| pauses.filter_map(|f| f.fired_at).max()).unwrap_or(evidence.ended_at)
}

pub(super) fn primary_at(evidence: &Evidence, shard: ShardId, at: SimTime) -> NodeId {
    let changes = evidence.primary_changes.iter().rev();
    let last = changes.filter(|c| c.shard == shard && c.at <= at).map(|c| c.to).next();
    last.unwrap_or_else(|| evidence.plan.cluster.first_primary(shard))
}

/// Whether a node's process ran at an instant and no fault held it.
pub(super) fn is_calm(evidence: &Evidence, node: NodeId, at: SimTime) -> bool {
    let within = |from: SimTime, to: Option<SimTime>| from <= at && to.is_none_or(|to| at < to);
    let down = evidence.exits.iter().any(|e| e.node == node && within(e.at, e.restarted_at));
    let hit = |f: &&super::evidence::FaultReport| f.hit.contains(&node);
    let held = evidence
        .faults
        .iter()
        .filter(hit)
        .any(|f| f.fired_at.is_some_and(|fired| within(fired, f.healed_at)));
    !down && !held
}

/// The longest time within `from` and `until` during which `so` is true. It can change only when something happens.
fn longest_stretch(
    evidence: &Evidence,
    (from, until): (SimTime, SimTime),
    so: impl Fn(SimTime) -> bool,
) -> SimDuration {
    let mut longest = SimDuration::ZERO;
    let mut since = None;
    let mut moments = moments(evidence, from);
    moments.retain(|at| *at < until);
    moments.push(until);
    for pair in moments.windows(2) {
        since = if so(pair[0]) { since.or(Some(pair[0])) } else { None };
        longest = longest.max(since.map_or(SimDuration::ZERO, |s| pair[1].since(s)));
    }
    longest
}

/// Every instant from `from` to the end at which something changed, both included, in order.
pub(super) fn moments(evidence: &Evidence, from: SimTime) -> Vec<SimTime> {
    let exits = evidence.exits.iter().flat_map(|e| [Some(e.at), e.restarted_at]);
    let faults = evidence.faults.iter().flat_map(|f| [f.fired_at, f.healed_at]);
    let changes = evidence.primary_changes.iter().map(|c| Some(c.at));
    let inside =
        exits.chain(faults).chain(changes).flatten().filter(|at| *at > from && *at < evidence.ended_at);
    let mut all = inside.chain([from, evidence.ended_at]).collect::<Vec<_>>();
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::super::sample::{at, healthy, healthy_of, hit, kill, kill_both, lag, promote};
    use super::*;

    fn fate_of(evidence: &Evidence, shard: u16) -> Fate {
        Expectation::of(evidence).fate(ShardId(shard)).clone()
    }

    fn is_lost(fate: &Fate) -> bool {
        matches!(fate, Fate::Lost(_))
    }

    #[test]
    fn everything_is_expected_of_a_cluster_that_was_left_alone() {
        let expectation = Expectation::of(&healthy());
        assert_eq!(
            (expectation.losses(), expectation.doubts(), expectation.state()),
            (None, None, State::Ok)
        );
    }

    #[test]
    fn a_shard_whose_members_all_died_is_lost() {
        let mut evidence = healthy();
        kill_both(&mut evidence, NodeId(3), 20);
        assert_eq!(fate_of(&evidence, 2), Fate::Lost("shard 2 lost all its members".to_owned()));
        assert_eq!(Expectation::of(&evidence).state(), State::Fail);
        let partial = ("cluster-require-full-coverage".to_owned(), "no".to_owned());
        evidence.plan.cluster.config.extend([partial]);
        assert_eq!(Expectation::of(&evidence).state(), State::Ok);
    }

    #[test]
    fn a_shard_without_replicas_is_lost_with_its_primary() {
        let mut evidence = healthy_of(3, 0);
        kill(&mut evidence, NodeId(2), 20);
        assert!(is_lost(&fate_of(&evidence, 2)));
    }

    #[test]
    fn a_promotion_that_a_majority_had_time_for_is_owed() {
        let mut evidence = healthy();
        kill(&mut evidence, NodeId(3), 20);
        assert_eq!(fate_of(&evidence, 2), Fate::Served);
    }

    #[test]
    fn a_majority_that_died_at_once_owes_nothing() {
        let mut evidence = healthy();
        kill(&mut evidence, NodeId(1), 20);
        kill(&mut evidence, NodeId(3), 21);
        assert!(is_lost(&fate_of(&evidence, 1)) && is_lost(&fate_of(&evidence, 2)));
        assert_eq!(fate_of(&evidence, 3), Fate::Served);
        assert_eq!(Expectation::of(&evidence).state(), State::Fail);
    }

    #[test]
    fn a_majority_that_died_long_after_does_not_excuse_the_first_shard() {
        let mut evidence = healthy();
        kill(&mut evidence, NodeId(1), 20);
        kill(&mut evidence, NodeId(3), 60);
        assert_eq!(fate_of(&evidence, 1), Fate::Served);
        assert!(is_lost(&fate_of(&evidence, 2)));
    }

    #[test]
    fn primaries_that_died_one_after_the_other_were_replaced_and_so_is_the_last() {
        let mut evidence = healthy();
        kill(&mut evidence, NodeId(1), 10);
        promote_dead(&mut evidence, NodeId(2), 15);
        kill(&mut evidence, NodeId(3), 50);
        assert_eq!(fate_of(&evidence, 1), Fate::Served);
        assert_eq!(fate_of(&evidence, 2), Fate::Served);
    }

    /// A replica takes over from a primary that is dead.
    fn promote_dead(evidence: &mut Evidence, node: NodeId, s: u64) {
        let dead = evidence.nodes[usize::from(node.0) - 2].clone();
        promote(evidence, node, s, false);
        evidence.nodes[usize::from(node.0) - 2] = dead;
    }

    #[test]
    fn a_promotion_that_had_too_little_time_is_neither_owed_nor_excused() {
        let mut evidence = healthy();
        kill(&mut evidence, NodeId(3), 95);
        assert!(matches!(fate_of(&evidence, 2), Fate::Open(_)));
        assert_eq!(Expectation::of(&evidence).state(), State::Open);
    }

    #[test]
    fn a_replica_that_came_back_after_its_primary_had_died_cannot_stand() {
        let mut evidence = healthy();
        kill(&mut evidence, NodeId(3), 20);
        let back =
            super::super::evidence::ExitReport { node: NodeId(4), at: at(15), ..evidence.exits[0].clone() };
        evidence.exits.push(super::super::evidence::ExitReport { restarted_at: Some(at(25)), ..back });
        assert!(is_lost(&fate_of(&evidence, 2)));
        evidence.exits[1].restarted_at = Some(at(17));
        assert!(matches!(fate_of(&evidence, 2), Fate::Open(_)), "it may not have had the time to copy");
        evidence.lag_samples = vec![lag(4, 3, 19, 0)];
        assert_eq!(fate_of(&evidence, 2), Fate::Served);
    }

    #[test]
    fn a_majority_that_was_always_disturbed_owes_nothing_yet_and_then_no_more() {
        let mut evidence = healthy();
        kill(&mut evidence, NodeId(3), 20);
        hit(&mut evidence, NodeId(1), 20, Some(80));
        // Two seconds eleven times, and ten: from 52 s on it may not stand.
        let too_old = "shard 2 lost its primary and no replica may stand any more, so old is its data";
        assert_eq!(fate_of(&evidence, 2), Fate::Lost(too_old.to_owned()));
        let at_any_age = ("cluster-replica-validity-factor".to_owned(), "0".to_owned());
        evidence.plan.cluster.config.extend([at_any_age]);
        assert!(matches!(fate_of(&evidence, 2), Fate::Open(_)));
    }

    #[test]
    fn a_replica_that_was_left_alone_all_the_time_that_it_may_stand_had_to() {
        let mut evidence = healthy();
        let young = [("cluster-replica-validity-factor", "1"), ("repl-ping-replica-period", "1")];
        let young = young.map(|(name, value)| (name.to_owned(), value.to_owned()));
        evidence.plan.cluster.config.extend(young);
        kill(&mut evidence, NodeId(3), 20);
        assert_eq!(fate_of(&evidence, 2), Fate::Served);
        hit(&mut evidence, NodeId(4), 22, Some(24));
        assert!(matches!(fate_of(&evidence, 2), Fate::Lost(_)));
    }
}
