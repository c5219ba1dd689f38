//! An operation of the plan is done, unless something that was seen at its moment excuses it.
//!
//! A failover may fail because a node that it needs was down or held, because no majority could vote, or because the cluster had not yet got over what hit it before; nothing else excuses it.
//! One that is done only long after the server had to give it up was done by somebody else, and is judged as one that failed. A command
//! is the plan's own doing: what it is answered is told, and judged only where the plan says what it wants.

use super::evidence::OperationReport;
use super::excuse;
use super::verdict::Findings;
use super::{Applies, Case, Evidence, Invariant, Verdict};
use crate::chronicle::HAND_OVER_TIMEOUT;
use crate::op::{Ending, Op};
use crate::time::SimTime;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "operations",
    title: "Operations",
    statement: "every operation is done, or something that was seen at its moment excuses it",
    applies: Applies::Always,
    asked: |limits| limits.operations,
    check,
};

/// What an operation came to.
enum Judgement {
    Done,
    /// It ended otherwise, and that is told.
    Told(String),
    /// It ended otherwise, and nothing excuses it.
    Wrong(String),
}

fn check(case: &Case) -> Verdict {
    let evidence = case.evidence;
    let (mut findings, mut told, mut done) = (Findings::default(), Vec::new(), 0);
    let ended = evidence.plan.operations.iter().zip(&evidence.operations);
    let ended = ended.filter_map(|(op, report)| Some((op, report, report.ended_at?)));
    for (op, report, ended_at) in ended {
        match judge(case, op, report, ended_at) {
            Judgement::Done => done += 1,
            Judgement::Told(text) => told.push(text),
            Judgement::Wrong(text) => findings.wrong(report.sent_at.unwrap_or(ended_at), text),
        }
    }
    findings.verdict(|| summary(done, &told))
}

fn summary(done: usize, told: &[String]) -> String {
    let mut text = match (done, told.len()) {
        (0, 0) => "No operation ended".to_owned(),
        (done, told) => format!("{done} of {} done", done + told),
    };
    told.iter().for_each(|one| text.push_str(&format!("; {one}")));
    text
}

fn judge(case: &Case, op: &Op, report: &OperationReport, ended_at: SimTime) -> Judgement {
    let what = format!("{}: {}", report.text, report.detail);
    let excuse = || excuse(case.evidence, op, report);
    if report.done {
        let is_wrong = came_late(op, report, ended_at) && excuse().is_none();
        let wrong = || Judgement::Wrong(format!("{what}, which the server has {HAND_OVER_TIMEOUT} for"));
        return if is_wrong { wrong() } else { Judgement::Done };
    }
    if report.ending == Some(Ending::Missed) {
        return Judgement::Told(what);
    }
    if op.action.as_failover().is_some() {
        return match excuse() {
            Some(why) => Judgement::Told(format!("{what} ({why})")),
            None => Judgement::Wrong(format!("{what}, and nothing excuses it")),
        };
    }
    let Some(wanted) = &op.expect else {
        return Judgement::Told(format!("{what} (the plan's own command)"));
    };
    if report.ending == Some(Ending::Unexpected) {
        return Judgement::Wrong(what);
    }
    match excuse() {
        Some(why) => Judgement::Told(format!("{what} ({why})")),
        None => Judgement::Wrong(format!("{what}, and the plan wants {wanted}")),
    }
}

/// What excuses an operation that ended and was not done: what was seen of the nodes that it needed.
pub fn excuse(evidence: &Evidence, op: &Op, report: &OperationReport) -> Option<String> {
    let ended_at = report.ended_at?;
    if op.action.as_failover().is_some() {
        return excuse::of_failover(evidence, op, report, ended_at);
    }
    let typed = op.action.typed();
    typed.iter().find_map(|typed| excuse::of_silence(evidence, typed.node, report, ended_at))
}

/// Whether the server had long given up a failover when what it should do was done: an election of the replica's own did it.
fn came_late(op: &Op, report: &OperationReport, ended_at: SimTime) -> bool {
    let took = report.sent_at.map(|sent| ended_at.since(sent));
    op.action.as_failover().is_some() && took.is_some_and(|took| took > HAND_OVER_TIMEOUT.times(2))
}

#[cfg(test)]
mod tests {
    use super::super::sample::{at, healthy, hit, kill, lag, looks, operation, promote};
    use super::*;
    use crate::id::{NodeId, ShardId};
    use crate::op::{Command, Expect, Failover, FailoverMode, OpAction};

    fn failover(mode: FailoverMode, to: Option<u16>) -> OpAction {
        OpAction::Failover(Failover { shard: ShardId(1), mode, to: to.map(NodeId) })
    }

    fn command(args: &[&str]) -> OpAction {
        OpAction::Command(Command { node: NodeId(1), args: args.iter().map(ToString::to_string).collect() })
    }

    fn verdict(evidence: &Evidence) -> Verdict {
        check(&Case::of(evidence))
    }

    /// A failover of shard 1 from 40 s to 65 s that came to nothing, after `change`.
    fn timed_out(mode: FailoverMode, change: impl FnOnce(&mut Evidence)) -> Verdict {
        let mut evidence = healthy();
        change(&mut evidence);
        operation(&mut evidence, failover(mode, None), (40, 65), Ending::TimedOut);
        verdict(&evidence)
    }

    #[test]
    fn what_was_done_is_counted() {
        let mut evidence = healthy();
        operation(&mut evidence, failover(FailoverMode::Default, None), (10, 11), Ending::Done);
        assert_eq!(verdict(&evidence), Verdict::holds("1 of 1 done"));
    }

    #[test]
    fn a_failover_that_fails_in_a_healthy_cluster_is_a_violation_in_every_mode_and_way() {
        for mode in [FailoverMode::Default, FailoverMode::Force, FailoverMode::Takeover] {
            for ending in [Ending::Refused, Ending::NoEffect, Ending::TimedOut, Ending::NotSent] {
                let mut evidence = healthy();
                operation(&mut evidence, failover(mode, None), (40, 65), ending);
                let verdict = verdict(&evidence);
                assert!(
                    verdict.is_violated() && verdict.detail().ends_with("nothing excuses it"),
                    "{verdict:?}"
                );
            }
        }
    }

    #[test]
    fn a_hand_over_right_after_another_one_has_no_excuse() {
        let mut evidence = healthy();
        operation(&mut evidence, failover(FailoverMode::Default, None), (39, 40), Ending::Done);
        promote(&mut evidence, NodeId(2), 40, true);
        looks(&mut evidence, &[(1, true), (40, false), (42, true)]);
        operation(&mut evidence, failover(FailoverMode::Default, None), (40, 65), Ending::TimedOut);
        assert!(verdict(&evidence).is_violated());
    }

    #[test]
    fn failovers_side_by_side_excuse_each_other_as_far_as_they_ask_for_the_same_votes_or_slots() {
        let beside = |shard, mode, times| {
            let mut evidence = healthy();
            let rival = OpAction::Failover(Failover { shard: ShardId(shard), mode, to: None });
            operation(&mut evidence, rival, times, Ending::Done);
            operation(&mut evidence, failover(FailoverMode::Default, None), (40, 65), Ending::TimedOut);
            verdict(&evidence).is_violated()
        };
        assert!(!beside(2, FailoverMode::Force, (39, 41)), "both ask for votes");
        assert!(!beside(1, FailoverMode::Takeover, (42, 43)), "it took the same slots");
        assert!(beside(1, FailoverMode::Takeover, (50, 51)), "it came when the server had given up");
        assert!(beside(2, FailoverMode::Takeover, (39, 41)), "it asked for no vote");
        assert!(beside(2, FailoverMode::Force, (30, 35)), "it was over");
    }

    #[test]
    fn a_failover_excuses_another_one_no_longer_than_the_server_works_at_it() {
        let second_is_wrong = |rival: OpAction, from| {
            let mut evidence = healthy();
            operation(&mut evidence, rival, (from, 60), Ending::Done);
            operation(&mut evidence, failover(FailoverMode::Force, None), (40, 65), Ending::TimedOut);
            excuse::of_failover(&evidence, &evidence.plan.operations[1], &evidence.operations[1], at(65))
                .is_none()
        };
        let typed = || command(&["CLUSTER", "FAILOVER", "FORCE"]);
        for (from, is_wrong) in [(34, true), (38, false)] {
            assert_eq!(second_is_wrong(failover(FailoverMode::Force, None), from), is_wrong, "{from}");
            assert_eq!(second_is_wrong(typed(), from), is_wrong, "typed at {from}");
        }
    }

    #[test]
    fn what_is_done_long_after_the_server_gave_up_was_not_done_by_the_operation() {
        let done_at = |second, change: fn(&mut Evidence)| {
            let mut evidence = healthy();
            change(&mut evidence);
            operation(&mut evidence, failover(FailoverMode::Force, None), (40, second), Ending::Done);
            verdict(&evidence).is_violated()
        };
        assert!(done_at(55, |_| {}) && !done_at(48, |_| {}));
        assert!(!done_at(55, |e| hit(e, NodeId(2), 39, Some(50))), "its node was held");
    }

    #[test]
    fn what_was_never_sent_is_judged_by_who_led_at_its_end() {
        let mut evidence = healthy();
        operation(&mut evidence, failover(FailoverMode::Default, None), (38, 40), Ending::Done);
        promote(&mut evidence, NodeId(2), 40, true);
        hit(&mut evidence, NodeId(1), 39, Some(50));
        operation(&mut evidence, failover(FailoverMode::Force, None), (40, 42), Ending::NotSent);
        evidence.operations[1].sent_at = None;
        assert_eq!(verdict(&evidence).name(), "holds", "the one node that could take over was held");
    }

    #[test]
    fn a_dead_or_held_node_that_is_needed_is_an_excuse_and_another_shards_is_none() {
        for node in [1, 2] {
            assert_eq!(timed_out(FailoverMode::Default, |e| kill(e, NodeId(node), 20)).name(), "holds");
            assert_eq!(
                timed_out(FailoverMode::Default, |e| hit(e, NodeId(node), 41, Some(43))).name(),
                "holds"
            );
        }
        assert!(timed_out(FailoverMode::Default, |e| kill(e, NodeId(4), 5)).is_violated());
        assert!(
            timed_out(FailoverMode::Default, |e| hit(e, NodeId(1), 55, Some(60))).is_violated(),
            "too late"
        );
    }

    #[test]
    fn whoever_does_not_ask_the_primary_is_not_excused_by_its_death() {
        assert!(timed_out(FailoverMode::Force, |e| hit(e, NodeId(1), 5, None)).is_violated());
        assert!(timed_out(FailoverMode::Takeover, |e| hit(e, NodeId(1), 41, Some(60))).is_violated());
        assert_eq!(timed_out(FailoverMode::Takeover, |e| hit(e, NodeId(2), 39, Some(60))).name(), "holds");
    }

    #[test]
    fn without_a_majority_nobody_is_elected_but_a_takeover_needs_none() {
        let no_majority = |e: &mut Evidence| {
            hit(e, NodeId(3), 38, Some(60));
            hit(e, NodeId(5), 38, Some(60));
        };
        assert_eq!(timed_out(FailoverMode::Default, no_majority).name(), "holds");
        assert_eq!(timed_out(FailoverMode::Force, no_majority).name(), "holds");
        assert!(timed_out(FailoverMode::Takeover, no_majority).is_violated());
    }

    #[test]
    fn a_node_that_came_back_is_an_excuse_until_it_was_seen_in_order() {
        let came_back = |e: &mut Evidence| {
            hit(e, NodeId(2), 20, Some(35));
            looks(e, &[(1, true), (21, false), (36, true)]);
        };
        assert_eq!(timed_out(FailoverMode::Default, came_back).name(), "holds");
        let in_sync = |e: &mut Evidence| {
            came_back(e);
            e.lag_samples = vec![lag(2, 1, 37, 0)];
        };
        assert!(timed_out(FailoverMode::Default, in_sync).is_violated());
    }

    #[test]
    fn what_the_plan_did_with_its_own_commands_is_excused() {
        for (args, excuses) in [
            (&["CLIENT", "PAUSE", "9000", "WRITE"][..], true),
            (&["cluster", "forget", "{node-2}"], true),
            (&["CONFIG", "SET", "cluster-replica-no-failover", "yes"], true),
            (&["DEBUG", "SLEEP", "8"], true),
            (&["EVAL", "return 1", "0"], false),
            (&["CLUSTER", "NODES"], false),
            (&["FLUSHALL"], false),
        ] {
            let mut evidence = healthy();
            operation(&mut evidence, command(args), (30, 31), Ending::Done);
            operation(&mut evidence, failover(FailoverMode::Default, None), (40, 65), Ending::TimedOut);
            assert_eq!(verdict(&evidence).is_violated(), !excuses, "{args:?}");
        }
    }

    #[test]
    fn a_node_that_leads_already_may_refuse() {
        let mut evidence = healthy();
        operation(&mut evidence, failover(FailoverMode::Default, Some(1)), (40, 41), Ending::Refused);
        assert_eq!(verdict(&evidence).name(), "holds");
    }

    #[test]
    fn a_commands_answer_is_told_unless_the_plan_says_what_it_wants() {
        let judged = |ending, expect: Option<Expect>| {
            let mut evidence = healthy();
            operation(&mut evidence, command(&["GET", "k"]), (40, 41), ending);
            evidence.plan.operations[0].expect = expect;
            verdict(&evidence)
        };
        assert_eq!(judged(Ending::Refused, None).name(), "holds");
        assert!(judged(Ending::Refused, None).detail().ends_with("(the plan's own command)"));
        assert_eq!(judged(Ending::TimedOut, None).name(), "holds");
        assert!(judged(Ending::Unexpected, Some(Expect::Ok)).is_violated());
        assert!(judged(Ending::TimedOut, Some(Expect::Error)).is_violated());
    }

    #[test]
    fn an_answer_that_a_dead_node_owes_is_excused() {
        let mut evidence = healthy();
        kill(&mut evidence, NodeId(1), 20);
        operation(&mut evidence, command(&["PING"]), (40, 41), Ending::NotSent);
        evidence.plan.operations[0].expect = Some(Expect::Ok);
        assert_eq!(verdict(&evidence).name(), "holds");
    }

    #[test]
    fn an_operation_that_never_ended_is_not_judged() {
        let mut evidence = healthy();
        operation(&mut evidence, failover(FailoverMode::Default, None), (40, 65), Ending::TimedOut);
        evidence.operations[0].ended_at = None;
        assert_eq!(verdict(&evidence), Verdict::holds("No operation ended"));
        assert_eq!(at(40), evidence.operations[0].sent_at.expect("it was sent"));
    }
}
