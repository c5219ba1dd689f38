//! Duties: nodes do what the protocol of the cluster bus has them do next.
//!
//! Source: `clusterCron`, `clusterProcessPacket`, `clusterHandleReplicaFailover`, `manualFailoverCheckTimeout`. Each duty has the
//! server's own timers as its bound, with room for crons at one hertz; nodes whose clock or machine a fault made wrong or slow are
//! not held to them.

use super::settings::Settings;
use super::verdict::Findings;
use super::{Applies, Case, Evidence, Invariant, Verdict, always_asked};
use crate::chronicle::{Duty, Neglect};
use crate::fault::Effect;
use crate::time::SimDuration;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "duties",
    title: "Protocol Duties",
    statement: "nodes doubt who is silent, heed calls of failure, announce victories, correct and give up stale claims, part equal \
                epochs, ask again after a lost election, end what a hand-over began, answer clients that write, and renew dead connections",
    applies: Applies::WhereClaimsAreTold,
    asked: always_asked,
    check,
};

/// What a hand-over may last beyond its time-out until it is noticed.
const ROOM: SimDuration = SimDuration::from_ms(1_500);

fn check(case: &Case) -> Verdict {
    let evidence = case.evidence;
    let mut findings = Findings::default();
    let neglected = evidence.chronicle.duties.neglected().iter();
    for neglect in neglected.filter(|neglect| is_held_to_it(neglect, evidence)) {
        findings.broken_by((neglect.at, neglect.event), what(neglect));
    }
    findings.verdict(|| "Nobody neglected anything".to_owned())
}

fn is_held_to_it(neglect: &Neglect, evidence: &Evidence) -> bool {
    let settings = Settings::at(evidence, neglect.node, neglect.at);
    let (longest, _) = evidence.chronicle.asks.node_timeouts();
    let owed = match &neglect.duty {
        Duty::Retry { fresh_at, .. } => {
            let age = fresh_at.map(|fresh_at| neglect.at.since(fresh_at));
            let may_be_too_old =
                settings.longest_data_age(longest).is_some_and(|most| age.is_none_or(|age| age > most));
            settings.may_stand() && !may_be_too_old
        }
        Duty::Resume { asked_at } => {
            asked_at.is_none_or(|asked_at| neglect.at.since(asked_at) > settings.hand_over_timeout() + ROOM)
        }
        // What a guest asks of a node nobody follows.
        Duty::Answer => evidence.plan.guests.is_empty(),
        _ => true,
    };
    owed && evidence.plan.cluster.cpu == 1
        && !evidence.clock_misled(neglect.node, neglect.at)
        && !evidence.clock_misled(neglect.node, neglect.since)
        && !was_slow(neglect, evidence)
}

/// Whether a fault made the node's machine slow since it owed.
fn was_slow(neglect: &Neglect, evidence: &Evidence) -> bool {
    evidence.faults.iter().filter(|fault| fault.hit.contains(&neglect.node)).any(|fault| {
        let planned = evidence.plan.fault(fault.id);
        let slows = planned.is_some_and(|planned| {
            matches!(planned.action.effect(), Effect::Afflict(_) | Effect::Slow { .. })
        });
        let began = fault.fired_at.is_some_and(|fired| fired <= neglect.at);
        slows && began && fault.healed_at.is_none_or(|healed| healed + ROOM >= neglect.since)
    })
}

fn what(neglect: &Neglect) -> String {
    let Neglect { node, since, duty, .. } = neglect;
    match duty {
        Duty::Doubt(other) => {
            format!("{node} does not doubt {other}, of which nobody has heard since {since}")
        }
        Duty::Heed(other) => {
            format!("{node} was told at {since} that {other} is failing, and does not call it so")
        }
        Duty::Announce(other) => format!("{node} won at {since} and does not tell {other}"),
        Duty::Correct(other) => {
            format!(
                "{node} heard a stale claim of {other} at {since} and does not tell it whose the slots are"
            )
        }
        Duty::GiveUp(other) => {
            format!("{node} claims slots that {other} claims in a newer epoch, as it was told at {since}")
        }
        Duty::Part(other) => {
            format!("{node} keeps its config epoch, which {other} has too, as it was told at {since}")
        }
        Duty::Resume { asked_at: None } => {
            format!("{node} has stopped its clients for a hand-over that nobody asked for")
        }
        Duty::Resume { asked_at: Some(asked_at) } => {
            format!("{node} has its clients stopped for a hand-over that was asked for at {asked_at}")
        }
        Duty::Answer => format!("{node} has answered no write since {since}, and nothing stops it"),
        Duty::Reconnect(other) => {
            format!("{node} keeps a connection to {other} that should have been made anew at {since}")
        }
        Duty::Retry { of, .. } => {
            format!("{node} lost an election in the place of {of} at {since} and does not ask again")
        }
    }
}
