//! What excuses an operation that was not done: only what was seen at its moment, and only what it needs.
//!
//! A hand-over needs the node that is to take over, the primary, and the votes of a majority; `FORCE` does without the
//! primary, `TAKEOVER` without anybody else. A node that was held counts as held until it was seen in order again: all
//! agreed, and a replica had everything. What comes after the server itself has given up excuses nothing.

use std::collections::BTreeSet;

use super::Evidence;
use super::evidence::OperationReport;
use super::expectation::{is_calm, moments, owning, primary_at, quorum};
use crate::chronicle::HAND_OVER_TIMEOUT;
use crate::id::{NodeId, ShardId};
use crate::op::{CLUSTER_READS, Failover, FailoverMode, Op, Typed};
use crate::time::{SimDuration, SimTime};

/// How many times a message has to cross the network, at most, until a hand-over is through.
const CROSSINGS: u64 = 8;

/// The time in which an operation should have been done.
#[derive(Clone, Copy)]
struct Span {
    from: SimTime,
    to: SimTime,
}

/// Why a failover may have failed, if it may.
pub(super) fn of_failover(
    evidence: &Evidence,
    op: &Op,
    report: &OperationReport,
    ended_at: SimTime,
) -> Option<String> {
    let Failover { shard, mode, to } = *op.action.as_failover()?;
    let from = report.sent_at.unwrap_or(ended_at.before(node_timeout(evidence)));
    let span = Span { from, to: ended_at.min(from + HAND_OVER_TIMEOUT) };
    // What was never sent is judged by who led when the operator had looked for the last time.
    let primary = primary_at(evidence, shard, report.sent_at.unwrap_or(ended_at));
    if to == Some(primary) {
        return Some(format!("{primary} led {shard} already"));
    }
    let asked = (mode == FailoverMode::Default).then_some(primary);
    meddled(evidence, op, span)
        .or_else(|| rivalled(evidence, op, span))
        .or_else(|| asked.and_then(|primary| held(evidence, primary, span)))
        .or_else(|| takers(evidence, shard, primary, to.or(report.target), span))
        .or_else(|| (mode != FailoverMode::Takeover).then(|| no_majority(evidence, span)).flatten())
        .or_else(|| slow_links(evidence))
}

/// Why a node may have given no answer, if it may.
pub(super) fn of_silence(
    evidence: &Evidence,
    node: NodeId,
    report: &OperationReport,
    ended_at: SimTime,
) -> Option<String> {
    let from = report.sent_at.unwrap_or(ended_at);
    let down = moments(evidence, from).into_iter().filter(|at| *at <= ended_at);
    let mut down = down.chain([from, ended_at]);
    down.any(|at| !is_calm(evidence, node, at)).then(|| format!("{node} was down or held"))
}

fn node_timeout(evidence: &Evidence) -> SimDuration {
    SimDuration::from_ms(evidence.plan.cluster.node_timeout_ms)
}

/// Whether the node that is to take over was held: the one that was asked, or each that could have been.
fn takers(
    evidence: &Evidence,
    shard: ShardId,
    primary: NodeId,
    target: Option<NodeId>,
    span: Span,
) -> Option<String> {
    let cluster = &evidence.plan.cluster;
    let could = |node: &NodeId| *node != primary && cluster.shard_of(*node) == shard;
    let takers: Vec<NodeId> = target.map_or_else(|| cluster.nodes().filter(could).collect(), |to| vec![to]);
    let reasons: Vec<String> = takers.iter().filter_map(|node| held(evidence, *node, span)).collect();
    (reasons.len() == takers.len()).then(|| reasons.join(", ")).filter(|text| !text.is_empty())
}

/// Why a node was not in order during the span, if it was not.
fn held(evidence: &Evidence, node: NodeId, span: Span) -> Option<String> {
    let overlaps = |from: SimTime, to: SimTime| from <= span.to && to >= span.from;
    let exits = evidence.exits.iter().filter(|exit| exit.node == node);
    let exits = exits.map(|exit| (exit.at, exit.restarted_at, "was down"));
    let faults = evidence.faults.iter().filter(|fault| fault.hit.contains(&node));
    let faults = faults.filter_map(|fault| Some((fault.fired_at?, fault.healed_at, "was held by a fault")));
    let mut all = exits.chain(faults);
    all.find_map(|(from, to, what)| {
        let until = to.map_or(SimTime::NEVER, |to| in_order_at(evidence, node, to));
        overlaps(from, until).then(|| format!("{node} {what} at {from}"))
    })
}

/// When a node that came back was seen in order, or may be taken to be.
fn in_order_at(evidence: &Evidence, node: NodeId, back: SimTime) -> SimTime {
    let agreed = evidence.agreement.iter().find(|look| look.at >= back && look.agreed).map(|look| look.at);
    let was_agreed =
        evidence.agreement.iter().rev().find(|look| look.at <= back).is_some_and(|look| look.agreed);
    let agreed = if was_agreed { Some(back) } else { agreed };
    let has_all = evidence.lag_samples.iter().filter(|s| s.at >= back && s.offset_behind_bytes == 0);
    // A primary has no sample of its own; those of its replicas say that it is heard.
    let has_all = has_all.filter(|s| s.node == node || s.primary == node).map(|s| s.at).next();
    let latest = back + evidence.plan.limits.max_convergence_ns;
    agreed.zip(has_all).map_or(latest, |(agreed, has_all)| agreed.max(has_all).min(latest))
}

/// Whether fewer primaries than a majority were in order at some moment of the span.
fn no_majority(evidence: &Evidence, span: Span) -> Option<String> {
    let voters = |at: SimTime| {
        let leaders: BTreeSet<NodeId> =
            owning(evidence).map(|shard| primary_at(evidence, shard, at)).collect();
        let moment = Span { from: at, to: at };
        leaders.into_iter().filter(|node| held(evidence, *node, moment).is_none()).count()
    };
    let moments = moments(evidence, span.from).into_iter().filter(|at| *at <= span.to);
    let fewest = moments.chain([span.from, span.to]).map(voters).min().unwrap_or_default();
    let total = owning(evidence).count();
    (fewest < quorum(evidence)).then(|| format!("only {fewest} of {total} primaries could vote"))
}

/// Whether the network without faults is too slow for what was asked.
fn slow_links(evidence: &Evidence) -> Option<String> {
    let slowest = evidence.plan.network.latency.max_ns;
    let too_slow = slowest.times(CROSSINGS) >= HAND_OVER_TIMEOUT.min(node_timeout(evidence).times(2));
    too_slow.then(|| format!("links take up to {slowest}"))
}

/// Whether a command of the plan's before it meddled with what a failover needs.
fn meddled(evidence: &Evidence, op: &Op, span: Span) -> Option<String> {
    let mut sent = evidence
        .sent_operations()
        .filter(|(other, report)| other.id != op.id && report.sent_at.is_some_and(|at| at <= span.to));
    let layout = evidence.plan.cluster.layout();
    let regroups =
        |other: &Op| !other.action.sends_away(layout).is_empty() || !other.action.takes_in().is_empty();
    // A hand-over that was typed by hand meddles no longer than the server works at it.
    let is_over = |typed: &Typed, report: &OperationReport| {
        typed.is(&["cluster", "failover"])
            && report.sent_at.is_some_and(|at| at + HAND_OVER_TIMEOUT < span.from)
    };
    sent.find(|(other, report)| {
        regroups(other) || other.action.types(|typed| meddles(&typed.args) && !is_over(typed, report))
    })
    .map(|(_, report)| format!("the plan typed {}", report.text))
}

/// Whether another failover was under way at the same time, that of the same shard or one that asked for votes as well: each
/// voter has one vote an epoch, and both may ask in the same one. One that came to nothing is over when the server gives it up, however
/// long the operator waits for it.
fn rivalled(evidence: &Evidence, op: &Op, span: Span) -> Option<String> {
    let own = op.action.as_failover()?;
    let is_rival = |other: &Failover| {
        let both_ask = own.mode != FailoverMode::Takeover && other.mode != FailoverMode::Takeover;
        other.shard == own.shard || both_ask
    };
    let overlaps = |other: &Op, report: &OperationReport| {
        let began = report.sent_at.filter(|at| *at < span.to);
        let given_up =
            began.filter(|_| other.action.as_failover().is_some()).map(|at| at + HAND_OVER_TIMEOUT);
        let over = report.ended_at.into_iter().chain(given_up).min();
        began.is_some() && over.is_none_or(|at| at > span.from)
    };
    let mut others = evidence.sent_operations();
    let rival = others.find(|(other, report)| {
        other.id != op.id && overlaps(other, report) && other.action.failovers().iter().any(is_rival)
    });
    rival.map(|(_, report)| format!("{} was under way as well", report.text))
}

/// Whether a command may change roles, links, votes, or whether a node answers.
fn meddles(args: &[String]) -> bool {
    let word = |index: usize| args.get(index).map(|word| word.to_ascii_lowercase()).unwrap_or_default();
    match (word(0).as_str(), word(1).as_str()) {
        ("cluster", what) => !CLUSTER_READS.contains(&what),
        ("config", "set") => {
            ["cluster", "repl", "slave", "min-", "maxclients", "client-", "hz"].iter().any(|begin| {
                args[2..].iter().step_by(2).any(|name| name.to_ascii_lowercase().starts_with(begin))
            })
        }
        ("client", "pause" | "kill" | "no-evict") => true,
        (
            "debug" | "shutdown" | "replicaof" | "slaveof" | "failover" | "acl" | "module" | "psync" | "sync",
            _,
        ) => true,
        _ => false,
    }
}
