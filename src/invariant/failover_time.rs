//! Failover time: a primary that ends in an otherwise calm cluster is called failing, and replaced, as soon as the server's own
//! timers say.
//!
//! Source: `clusterCron`, `markNodeAsFailingIfNeeded`, `clusterHandleReplicaFailover`. A ping is out half a node timeout after the
//! last answer, makes a suspect after one more, and every other node tells of its suspects within another half; then a replica
//! waits for its rank and asks once, or once more where votes may have been split or asked for before the call had reached all.
//! Judged is only where nothing else was going on, a majority was there, and a replica was in step.

use super::evidence::{ExitReport, FaultReport};
use super::expectation::{is_calm, primary_at, quorum};
use super::settings::Settings;
use super::verdict::Findings;
use super::{Applies, Case, Evidence, Invariant, Verdict, always_asked};
use crate::id::{NodeId, ShardId};
use crate::op::ALL_SLOTS;
use crate::time::{SimDuration, SimTime};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "failover_time",
    title: "Failover Time",
    statement: "a primary that ends in a calm cluster is called failing within two node timeouts, and replaced within what its \
                replicas' ranks make them wait",
    applies: Applies::WhereClaimsAreTold,
    asked: always_asked,
    check,
};

/// What is going on in a process beside its timers.
const ROOM: SimDuration = SimDuration::from_ms(300);
/// A kill and the end that it causes are one disturbance.
const AT_ONCE: SimDuration = SimDuration::from_ms(100);
/// For so long before the death nothing else may have gone on: whoever was started votes after two seconds.
const LEAD: SimDuration = SimDuration::from_secs(3);
/// Operations that keep nobody from anything.
const HARMLESS: [&str; 4] = ["save", "bgsave", "bgrewriteaof", "meet"];
/// How old a sample of replication may be that shows a replica in step.
const FRESH: SimDuration = SimDuration::from_secs(5);
/// The most that a first place makes a replica wait: half a second twice, and once more with an empty offset.
const FIRST_DELAY: SimDuration = SimDuration::from_ms(1_500);
/// What each rank adds to it.
const RANK_DELAY: SimDuration = SimDuration::from_ms(1_000);

/// The death of a primary that somebody had to notice.
struct Death {
    primary: NodeId,
    shard: ShardId,
    at: SimTime,
    /// By when it had to be called failing, and how long a replica may take from then on.
    noticed_by: SimTime,
    replaced_within: SimDuration,
}

fn check(case: &Case) -> Verdict {
    let evidence = case.evidence;
    let mut findings = Findings::default();
    let deaths: Vec<Death> = evidence.exits.iter().filter_map(|exit| death(evidence, exit)).collect();
    for death in &deaths {
        if let Some((due, what)) = late(evidence, death) {
            findings.wrong(due, what);
        }
    }
    findings.verdict(|| format!("{} primaries that ended in a calm cluster", deaths.len()))
}

fn death(evidence: &Evidence, exit: &ExitReport) -> Option<Death> {
    let (primary, at) = (exit.node, exit.at);
    let shard = evidence.plan.cluster.shards().find(|shard| primary_at(evidence, *shard, at) == primary)?;
    let (longest, shortest) = evidence.chronicle.asks.node_timeouts();
    let latency = slowest_link(evidence);
    let tick = Settings::at(evidence, primary, at).cron_period();
    let noticed_by = at + longest.times(2) + tick.times(4) + latency.times(6) + ROOM;
    let siblings = in_step(evidence, primary, at);
    let others = siblings.len().saturating_sub(1) as u64;
    let attempt = FIRST_DELAY + RANK_DELAY.times(others) + tick.times(4) + latency.times(8) + ROOM;
    // Servers from 9.0 on give the call of failure a thirtieth of the node timeout to reach everybody.
    let is_slow = latency.as_ns() * 4 >= shortest.as_ns() / 30;
    let retry = longest.times(4).max(SimDuration::from_secs(4)) + attempt;
    let replaced_within = if others > 0 || is_slow { attempt + retry } else { attempt };
    let death = Death { primary, shard, at, noticed_by, replaced_within };
    (is_alone(evidence, &death, noticed_by) && is_judged(evidence, &death, &siblings)).then_some(death)
}

/// Whether a majority was there, and every replica that followed could stand.
fn is_judged(evidence: &Evidence, death: &Death, siblings: &[NodeId]) -> bool {
    let looks = evidence.agreement.iter().rev();
    // The death itself is looked at in the same instant.
    let agreed = looks.clone().find(|look| look.at < death.at).is_some_and(|look| look.agreed);
    let layout_stands =
        evidence.moved.is_empty() && !evidence.chronicle.asks.changed_slots(&[ALL_SLOTS], death.noticed_by);
    let calm = |node: NodeId| is_calm(evidence, node, death.at);
    let leaders = evidence.plan.cluster.shards().map(|shard| primary_at(evidence, shard, death.at));
    let voters = leaders.filter(|leader| *leader != death.primary && calm(*leader)).count();
    let may_stand = |node: &NodeId| calm(*node) && Settings::at(evidence, *node, death.at).may_stand();
    agreed
        && layout_stands
        && evidence.plan.cluster.cpu == 1
        && voters >= quorum(evidence)
        && !siblings.is_empty()
        && siblings.iter().all(may_stand)
}

/// Whether nothing but the death was going on, from shortly before it until `until`, and it lasted as long.
fn is_alone(evidence: &Evidence, death: &Death, until: SimTime) -> bool {
    let from = death.at.before(LEAD);
    let overlaps =
        |began: SimTime, ended: Option<SimTime>| began <= until && ended.is_none_or(|end| end >= from);
    let is_own = |exit: &ExitReport| exit.node == death.primary && exit.at == death.at;
    let own = |fault: &FaultReport, at: SimTime| {
        fault.hit == [death.primary] && at <= death.at && death.at.since(at) <= AT_ONCE
    };
    let mut faults = evidence.faults.iter().filter_map(|fault| Some((fault, fault.fired_at?)));
    let exits = &evidence.exits;
    let stays_away =
        exits.iter().any(|exit| is_own(exit) && exit.restarted_at.is_none_or(|back| back > until));
    let mut other_exits = exits.iter().filter(|exit| !is_own(exit));
    let mut operations =
        evidence.sent_operations().filter(|(op, _)| !HARMLESS.contains(&op.action.kind().as_str()));
    until < evidence.ended_at
        && stays_away
        && !faults.any(|(fault, at)| !own(fault, at) && overlaps(at, fault.healed_at))
        && !other_exits.any(|exit| overlaps(exit.at, exit.restarted_at))
        && !operations.any(|(_, report)| report.sent_at.is_some_and(|at| overlaps(at, report.ended_at)))
}

/// The replicas that followed a primary shortly before an instant.
fn in_step(evidence: &Evidence, primary: NodeId, at: SimTime) -> Vec<NodeId> {
    let since = at.before(FRESH);
    let samples = evidence.lag_samples.iter().filter(|s| s.primary == primary && s.at >= since && s.at <= at);
    let mut nodes: Vec<NodeId> = samples.map(|sample| sample.node).collect();
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}

fn slowest_link(evidence: &Evidence) -> SimDuration {
    let network = &evidence.plan.network;
    network
        .delays
        .iter()
        .map(|delay| delay.delay_ns)
        .chain([network.latency.max_ns])
        .max()
        .unwrap_or_default()
}

/// What was not done in time, and when it was due.
fn late(evidence: &Evidence, death: &Death) -> Option<(SimTime, String)> {
    let Death { primary, shard, at, noticed_by, replaced_within } = *death;
    let changes = evidence.primary_changes.iter();
    let replaced_at =
        changes.filter(|change| change.shard == shard && change.at >= at).map(|change| change.at).next();
    let calls = evidence.chronicle.suspicions.calls().iter();
    let called_at = calls.filter(|call| call.about == primary && call.at >= at).map(|call| call.at).next();
    let noticed_at = called_at.into_iter().chain(replaced_at).min();
    let Some(noticed_at) = noticed_at.filter(|noticed_at| *noticed_at <= noticed_by) else {
        let within = noticed_by.since(at);
        return Some((noticed_by, format!("nobody called {primary} failing within {within} of its end")));
    };
    let due = noticed_at + replaced_within;
    if !is_alone(evidence, death, due) {
        return None;
    }
    replaced_at
        .is_none_or(|replaced_at| replaced_at > due)
        .then(|| (due, format!("nobody leads {shard} {replaced_within} after {primary} was called failing")))
}

#[cfg(test)]
mod tests {
    use super::super::evidence::{Agreement, LagSample, PrimaryChange};
    use super::super::sample::healthy;
    use super::*;
    use crate::chronicle::Chronicle;
    use crate::chronicle::Message;
    use crate::chronicle::sample::{Says, at, id, message, of_type};
    use crate::event::MessageType;
    use crate::fault::FaultId;

    /// Node 1 ends at 100 s, is called failing, and replaced by node 2.
    fn judged(called_at: Option<u64>, replaced_at: Option<u64>, also: Option<FaultReport>) -> Verdict {
        let mut evidence = healthy();
        evidence.chronicle = Chronicle::new(&evidence.plan);
        evidence.ended_at = at(200);
        evidence.agreement = vec![Agreement { at: at(50), agreed: true }];
        evidence.faults = also.into_iter().collect();
        evidence.operations.clear();
        evidence.primary_changes.clear();
        let (node, primary) = (NodeId(2), NodeId(1));
        evidence.lag_samples =
            vec![LagSample { at: at(98), node, primary, offset_behind_bytes: 0, lag: SimDuration::ZERO }];
        evidence.exits = vec![ExitReport {
            node: primary,
            at: at(100),
            status: "signal 9".to_owned(),
            expected: true,
            reason: None,
            restarted_at: None,
        }];
        evidence.chronicle.take(message(Says::primary(1, 1, (0, 9)), 3, 1));
        if let Some(s) = called_at {
            let fail = of_type(MessageType::FAIL, Says::primary(3, 2, (10, 19)), 5, s);
            evidence.chronicle.take(Message { about: Some(id(1)), ..fail });
        }
        evidence.primary_changes.extend(replaced_at.map(|s| PrimaryChange {
            at: at(s),
            shard: ShardId(1),
            from: primary,
            to: node,
            coordinated: false,
            stepped_down_at: None,
        }));
        check(&Case::of(&evidence))
    }

    fn detail(verdict: Verdict) -> Option<String> {
        match verdict {
            Verdict::Violated { detail, .. } => Some(detail),
            _ => None,
        }
    }

    #[test]
    fn a_death_that_is_noticed_and_mended_in_time_is_fine() {
        let verdict = judged(Some(104), Some(105), None);
        assert_eq!(verdict, Verdict::holds("1 primaries that ended in a calm cluster"));
    }

    #[test]
    fn a_death_that_nobody_calls_in_time_is_a_violation() {
        assert!(
            detail(judged(None, None, None))
                .is_some_and(|text| text.contains("nobody called node-1 failing"))
        );
        assert!(detail(judged(Some(130), Some(131), None)).is_some());
    }

    #[test]
    fn a_shard_that_nobody_takes_over_in_time_is_a_violation() {
        assert!(detail(judged(Some(104), None, None)).is_some_and(|text| text.contains("nobody leads")));
    }

    #[test]
    fn whatever_else_goes_on_leaves_it_open() {
        let also = FaultReport {
            id: FaultId(1),
            text: "a cut".to_owned(),
            fired_at: Some(at(101)),
            healed_at: Some(at(102)),
            hit: vec![NodeId(3)],
            note: String::new(),
        };
        assert_eq!(detail(judged(None, None, Some(also))), None);
    }
}
