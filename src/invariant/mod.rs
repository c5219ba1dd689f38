//! Invariants: pure functions over the evidence of a run, one property a file.
//!
//! They know nothing of actors, servers or logs, so that any world that fills an [`Evidence`] can be judged, and
//! every verdict can be tested without one. A new invariant is one file, one line in [`CATALOGUE`] and two tests.

pub mod account;
pub mod answers;
pub mod attached_replicas;
pub mod availability;
pub mod candidates;
pub mod channels;
pub mod cluster_state;
pub mod config_epochs;
pub mod convergence_time;
pub mod data_consistency;
pub mod duties;
mod elections;
pub mod epochs;
pub mod evidence;
mod excuse;
pub mod expectation;
pub mod fail_undone;
pub mod failover_time;
pub mod failure_calls;
mod formation;
pub mod gather;
pub mod guests;
pub mod hand_over;
pub mod isolation;
pub mod layout;
pub mod links;
mod loss;
pub mod membership;
pub mod no_crash;
pub mod no_deadlock;
pub mod no_livelock;
pub mod one_story;
pub mod open_slots;
pub mod operations;
mod orphans;
pub mod persisted_epochs;
mod persistence;
pub mod promises;
pub mod reads;
pub mod replica_migration;
pub mod replica_sync;
pub mod replication_lag;
pub mod replication_stream;
pub mod replies;
pub mod resources;
pub mod roles;
#[cfg(test)]
pub(crate) mod sample;
pub mod security;
mod settings;
pub mod shard_ids;
pub mod single_owner;
pub mod slot_coverage;
pub mod standing;
pub mod stray_keys;
mod tracking;
pub mod two_writers;
pub mod verdict;
pub mod views_agree;
pub mod votes;
mod writers;

pub use evidence::Evidence;
pub use expectation::Expectation;
pub use verdict::Verdict;

use self::verdict::Findings;
use crate::fault::{Effect, Fault, FaultId};
use crate::id::NodeId;
use crate::plan::Limits;

/// When an invariant must hold, and so when nobody can know whether it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applies {
    /// At every moment of the run, or at those that it picks itself.
    Always,
    /// At any time, if the log tells what nodes claim on the cluster bus; one of an older program does not.
    WhereClaimsAreTold,
    /// After the last disturbance is over and the cluster had its time to settle: nobody knows before.
    OnceHealed,
}

/// What is judged: a run, and what its own plan allows to ask of it.
#[derive(Clone, Debug)]
pub struct Case<'a> {
    /// What is known of the run.
    pub evidence: &'a Evidence,
    /// What can be expected of it in the end.
    pub expectation: Expectation,
}

/// One property of a cluster.
#[derive(Clone, Copy, Debug)]
pub struct Invariant {
    /// Its key in `report.json` and in the log.
    pub name: &'static str,
    /// Its name in the report.
    pub title: &'static str,
    /// What it says, in one sentence.
    pub statement: &'static str,
    /// When it must hold.
    pub applies: Applies,
    /// Whether a plan asks for it.
    pub asked: fn(&Limits) -> bool,
    /// The judgement.
    pub check: fn(&Case) -> Verdict,
}

/// An invariant and what it answered.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Which one.
    pub invariant: &'static Invariant,
    /// Its answer.
    pub verdict: Verdict,
}

/// Every invariant, in the order of the report.
pub static CATALOGUE: &[Invariant] = &[
    slot_coverage::INVARIANT,
    replica_sync::INVARIANT,
    data_consistency::INVARIANT,
    operations::INVARIANT,
    convergence_time::INVARIANT,
    replication_lag::INVARIANT,
    replication_stream::INVARIANT,
    reads::INVARIANT,
    replies::INVARIANT,
    promises::INVARIANT,
    answers::INVARIANT,
    channels::INVARIANT,
    tracking::INVARIANT,
    availability::INVARIANT,
    single_owner::INVARIANT,
    views_agree::INVARIANT,
    cluster_state::INVARIANT,
    open_slots::INVARIANT,
    roles::INVARIANT,
    shard_ids::INVARIANT,
    config_epochs::INVARIANT,
    membership::INVARIANT,
    links::INVARIANT,
    fail_undone::INVARIANT,
    one_story::INVARIANT,
    attached_replicas::INVARIANT,
    stray_keys::INVARIANT,
    persistence::INVARIANT,
    candidates::INVARIANT,
    votes::INVARIANT,
    elections::INVARIANT,
    duties::INVARIANT,
    epochs::INVARIANT,
    persisted_epochs::INVARIANT,
    failure_calls::INVARIANT,
    failover_time::INVARIANT,
    replica_migration::INVARIANT,
    orphans::INVARIANT,
    hand_over::INVARIANT,
    isolation::INVARIANT,
    formation::INVARIANT,
    no_crash::INVARIANT,
    no_livelock::INVARIANT,
    no_deadlock::INVARIANT,
    guests::INVARIANT,
    resources::INVARIANT,
    security::INVARIANT,
];

/// What is asked even of a node that was set back to what it was in another cluster: it forgets so much and no more.
const HELD_AGAINST_THE_PAST: [&str; 6] =
    ["no_crash", "no_livelock", "no_deadlock", "votes", "epochs", "persisted_epochs"];

/// What a server owes whatever comes in: it neither ends nor stands still over bytes.
const HELD_AGAINST_ALL: [&str; 3] = ["no_crash", "no_livelock", "no_deadlock"];

/// Judges a run by every invariant that its plan asks for.
pub fn judge(evidence: &Evidence) -> Vec<Judged> {
    let case = Case::of(evidence);
    // Where there is no cluster, nothing is asked but what became of the guests.
    let is_cluster = evidence.plan.cluster.node_count() > 0;
    let has_subject = |invariant: &&Invariant| is_cluster || invariant.name == guests::INVARIANT.name;
    let asked = CATALOGUE.iter().filter(has_subject).filter(|i| (i.asked)(&evidence.plan.limits));
    asked.map(|invariant| Judged { invariant, verdict: invariant.judge(&case) }).collect()
}

impl<'a> Case<'a> {
    /// The case of a run.
    pub fn of(evidence: &'a Evidence) -> Self {
        Case { evidence, expectation: Expectation::of(evidence) }
    }

    /// Why nobody can judge what was said on the cluster bus, if nobody can.
    fn claims_untold(&self) -> Option<String> {
        let is_told = self.evidence.chronicle.tells_claims();
        (!is_told).then(|| "the log tells nothing of who claims what on the cluster bus".to_owned())
    }

    /// Why the end of the run cannot be judged, if it cannot: it was never left alone.
    fn not_healed(&self) -> Option<String> {
        if self.evidence.settle_began_at.is_none() {
            return Some("the run ended before its faults did".to_owned());
        }
        let open = self.evidence.disturbances.iter().find(|d| d.ended_at.is_none());
        open.map(|d| format!("{} was still under way at the end", d.what))
    }

    /// The first fault that did to messages of the bus what TCP rules out: servers need not bear that.
    fn tampered(&self) -> Option<FaultId> {
        let tampers = |fault: &&Fault| match fault.action.effect() {
            Effect::Bus { rule, .. } => !rule.act.is_lawful(),
            _ => false,
        };
        let fired =
            |id| self.evidence.faults.iter().any(|report| report.id == id && report.fired_at.is_some());
        self.evidence.plan.faults.iter().filter(tampers).map(|fault| fault.id).find(|id| fired(*id))
    }

    /// The first node that was set back to what it was while the cluster was another one: who it was then and who the others are
    /// now need not fit together, and what comes of that is the operator's doing.
    fn set_back(&self) -> Option<NodeId> {
        let copies = self.evidence.chronicle.copies.put_back();
        copies.iter().find(|back| back.of_another_cluster).map(|back| back.node)
    }

    /// Notes the live nodes whose view was not read, if there are any.
    fn note_unseen(&self, findings: &mut Findings) {
        let unseen = self.evidence.unseen();
        if !unseen.is_empty() {
            findings.missing(format!("no view of {unseen}"));
        }
    }

    /// `measured`, with the plan's own losses before it.
    fn with_losses(&self, measured: String) -> String {
        match self.expectation.losses() {
            Some(losses) => format!("{losses}; {measured}"),
            None => measured,
        }
    }
}

impl Invariant {
    /// Judges a run, or says why it cannot be judged.
    pub fn judge(&self, case: &Case) -> Verdict {
        let unknown = match self.applies {
            Applies::Always => None,
            Applies::WhereClaimsAreTold => case.claims_untold(),
            Applies::OnceHealed => case.not_healed(),
        };
        let verdict = unknown.map_or_else(|| (self.check)(case), Verdict::unknown);
        match verdict.is_violated().then(|| self.nobodys(case)).flatten() {
            Some(why) => Verdict::unknown(format!("{why}: {}", verdict.detail())),
            None => verdict,
        }
    }

    /// Why a violation of this invariant is nobody's, if it is.
    fn nobodys(&self, case: &Case) -> Option<String> {
        let past = || Some(format!("{} came back as it was in another cluster", case.set_back()?));
        let forged = || case.tampered().map(|FaultId(id)| format!("fault {id} tampered with the bus"));
        let is_asked = |held: &[&str]| held.contains(&self.name);
        let past = (!is_asked(&HELD_AGAINST_THE_PAST)).then(past).flatten();
        past.or_else(|| (!is_asked(&HELD_AGAINST_ALL)).then(forged).flatten())
    }
}

/// For invariants that every plan asks for.
fn always_asked(_: &Limits) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::sample::{at, disturb, healthy, lag, tell};
    use super::*;
    use crate::chronicle::PutBack;

    #[test]
    fn a_healthy_cluster_holds_everything_it_was_asked_for() {
        let mut evidence = healthy();
        evidence.lag_samples = vec![lag(2, 1, 10, 0)];
        evidence.plan.limits.max_lost_writes = Some(0);
        let limits = &mut evidence.plan.limits;
        (limits.guests, limits.security, limits.tracking) = (true, true, true);
        let judged = judge(&evidence);
        assert!(judged.iter().all(|j| j.verdict.name() == "holds") && judged.len() == CATALOGUE.len());
        evidence.plan.limits.data_consistency = false;
        assert!(judge(&evidence).iter().all(|j| j.invariant.name != "reads"));
    }

    #[test]
    fn what_must_hold_once_healed_is_unknown_while_something_is_under_way() {
        let mut evidence = healthy();
        disturb(&mut evidence, 10, 20);
        evidence.disturbances[0].ended_at = None;
        let coverage = slot_coverage::INVARIANT.judge(&Case::of(&evidence));
        assert_eq!(coverage, Verdict::unknown("disturbance was still under way at the end"));
        evidence.disturbances[0].ended_at = Some(at(20));
        evidence.settle_began_at = None;
        assert!(slot_coverage::INVARIANT.judge(&Case::of(&evidence)).is_unknown());
        assert_eq!(no_crash::INVARIANT.judge(&Case::of(&evidence)).name(), "holds");
    }

    #[test]
    fn what_a_node_from_another_cluster_breaks_nobody_can_judge() {
        let judged = |of_another_cluster| {
            let mut evidence = healthy();
            let (node, [as_of, at]) = (NodeId(2), [at(5), at(9)]);
            evidence.chronicle.copies.suppose(PutBack { node, at, as_of, of_another_cluster });
            evidence.nodes[0].view.retain(|row| row.node != Some(NodeId(6)));
            tell(&mut evidence);
            ["membership", "no_crash"].map(|name| {
                let judged = judge(&evidence);
                let one = judged.iter().find(|j| j.invariant.name == name).expect("it is asked");
                one.verdict.name()
            })
        };
        assert_eq!(judged(false), ["violated", "holds"]);
        assert_eq!(judged(true), ["unknown", "holds"]);
    }

    #[test]
    fn names_are_unique() {
        let names = CATALOGUE.iter().map(|i| i.name).collect::<std::collections::BTreeSet<_>>();
        assert_eq!(names.len(), CATALOGUE.len());
    }
}
