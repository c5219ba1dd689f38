//! Clients are answered in step, and by whom they must be: each question once, and a redirection names a node that can be right.
//!
//! A reply that nobody asked for breaks the protocol, whatever it says. `MOVED` names a node that has the slot or had it, or says
//! itself that it has; never the node that says it. Whoever serves a slot has it, or follows who has and was told `READONLY`; while
//! it gives it away it sends clients after the keys that are not there (any more). A question that reached a node is answered, and
//! to the end: that is asked only where nothing else was going on and the client had waited long, as a node may be stopped, or its
//! clients paused. A question that waits is answered once it has waited for as long as it says, unless it says for ever.
//!
//! Source: `getNodeByQuery`, `clusterRedirectClient`.

use super::verdict::Findings;
use super::{Applies, Case, Evidence, Invariant, Verdict, always_asked};
use crate::chronicle::{NoRight, Redirection, Served, Unanswered};
use crate::history::{Entry, Request};
use crate::model;
use crate::op::{Op, Typed};
use crate::time::{SimDuration, SimTime};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "answers",
    title: "Answers",
    statement: "each question of a client is answered once, by a node that has the slot or sends the client to one that can have it",
    applies: Applies::WhereClaimsAreTold,
    asked: always_asked,
    check,
};

/// How long a node may take to answer where nothing is going on.
const ANSWERS_WITHIN: SimDuration = SimDuration::from_secs(1);
/// How much longer a question may take that waits: whether its time is over may be looked at only once a second (`hz`).
const LOOKED_AT_WITHIN: SimDuration = SimDuration::from_secs(1);
/// For how long before a question nothing may have been going on: a manual failover that failed stops clients twice as long as it
/// was given, which is 5 s (`CLUSTER_MF_TIMEOUT`).
const QUIET: SimDuration = SimDuration::from_secs(12);

fn check(case: &Case) -> Verdict {
    let (evidence, mut findings) = (case.evidence, Findings::default());
    let answers = &evidence.chronicle.answers;
    for wrong in answers.out_of_step().iter().filter(|_| !says_any(evidence, &LISTENING)) {
        let what = format!("{} told {} what it had not asked: {}", wrong.node, wrong.client, wrong.detail);
        findings.broken_by((wrong.at, wrong.event), what);
    }
    let redirections = answers.redirections();
    for one in &redirections {
        if let Some(why) = misled(evidence, one) {
            findings.broken_by((one.at, one.event), redirected(one, why));
        }
    }
    let closes_by_hand = types_cluster(evidence);
    let served = evidence.chronicle.foreign.served().iter();
    for served in served.filter(|served| served.wrong != NoRight::GivesAway || !closes_by_hand) {
        findings.broken_by((served.at, served.event), foreign(served));
    }
    for open in evidence.chronicle.executions.unanswered().iter().filter(|open| is_owed(evidence, open)) {
        findings.wrong(open.left_at, unanswered(open));
    }
    findings
        .verdict(|| format!("clients were sent elsewhere in {} ways, all of them right", redirections.len()))
}

/// Why a redirection cannot be right, if it cannot.
fn misled(evidence: &Evidence, one: &Redirection) -> Option<&'static str> {
    let cluster = &evidence.plan.cluster;
    if one.to == one.node {
        return Some("itself");
    }
    if !cluster.hosts().any(|node| node == one.to) {
        return Some("which is no node");
    }
    let was_laid_out = cluster.first_primary(cluster.shard_of_slot(one.slot)) == one.to;
    let is_wrong = !one.ask
        && !was_laid_out
        && !moves_by_hand(evidence)
        && !evidence.chronicle.answers.ever_claimed(one.to, one.slot);
    is_wrong.then_some("which never had it")
}

/// Whether somebody may have told nodes of owners that these do not know of themselves.
fn moves_by_hand(evidence: &Evidence) -> bool {
    let moves = evidence.plan.operations.iter().any(|op| !op.action.moves_slots().is_empty());
    moves || types_cluster(evidence)
}

/// Whether somebody may have told nodes anything about the cluster word for word.
fn types_cluster(evidence: &Evidence) -> bool {
    let is_of_it = |word: &String| word.eq_ignore_ascii_case("cluster");
    let mut operations = evidence.plan.operations.iter();
    operations.any(|op| op.action.types(|typed| typed.args.iter().any(is_of_it)))
        || !evidence.plan.guests.is_empty()
}

fn redirected(one: &Redirection, why: &str) -> String {
    let Redirection { client, node, slot, to, ask, .. } = one;
    let word = if *ask { "ASK" } else { "MOVED" };
    format!("{node} sent {client} with slot {slot} to {to}, {why} ({word})")
}

fn foreign(served: &Served) -> String {
    let Served { client, node, slot, wrong, .. } = served;
    match wrong {
        NoRight::HasNot => {
            format!("{node} served {client} about slot {slot}, which neither it nor its primary had")
        }
        NoRight::GivesAway => {
            format!(
                "{node} told {client} that a key of slot {slot} is not there, and did not send it after it (ASK)"
            )
        }
        NoRight::Follows => {
            format!(
                "{node} served {client} about slot {slot}, which it only copies, and was not told READONLY"
            )
        }
    }
}

fn unanswered(open: &Unanswered) -> String {
    let Unanswered { client, sequence, node, from, in_part, .. } = open;
    match in_part {
        true => {
            format!("{node} answered {client} #{sequence} only in part, and said no more after {}", from.at)
        }
        false => format!("{node} never answered {client} #{sequence}, which it had since {}", from.at),
    }
}

/// Whether a node owed an answer: it lived, nothing was going on, and the question had not to wait for so long.
fn is_owed(evidence: &Evidence, open: &Unanswered) -> bool {
    if !evidence.plan.guests.is_empty() || says_any(evidence, &STOPPING) || ended(evidence, open) {
        return false;
    }
    let entry = evidence.history.iter().find(|e| (e.client, e.sequence) == (open.client, open.sequence));
    let owed_after = entry.and_then(longest).zip(quiet_from(evidence, open));
    owed_after.is_some_and(|(longest, quiet)| open.left_at >= quiet + longest)
}

/// Whether the process that had the question came to its end meanwhile.
fn ended(evidence: &Evidence, open: &Unanswered) -> bool {
    let mut exits = evidence.exits.iter().filter(|exit| exit.node == open.node);
    exits.any(|exit| open.from.at <= exit.at && exit.at <= open.left_at)
}

/// How long a question may take where nothing is going on; nothing if it may wait for ever, or nobody knows.
fn longest(entry: &Entry) -> Option<SimDuration> {
    let Request::Call { commands, .. } = &entry.request else { return Some(ANSWERS_WITHIN) };
    // Within a transaction nothing waits.
    let at_once = commands.first().is_some_and(|command| command[0].eq_ignore_ascii_case("MULTI"));
    commands.iter().try_fold(ANSWERS_WITHIN, |longest, command| {
        model::sent_of(command)?;
        Some(if at_once { longest } else { longest + waits(command)? })
    })
}

/// How long a command may wait by its own words; nothing if for ever.
fn waits(command: &[String]) -> Option<SimDuration> {
    let for_replicas = model::waits_for_replicas(command);
    if !for_replicas && !model::waits(command) {
        return Some(SimDuration::ZERO);
    }
    let said = command.last()?.parse::<f64>().ok().filter(|said| *said > 0.0)?;
    let said = SimDuration::from_secs_f64(if for_replicas { said / 1000.0 } else { said });
    Some(said + LOOKED_AT_WITHIN)
}

/// From when on nothing was going on any more while a question was open; nothing if there was something to its end. What a fault did
/// may last, as a clock that was wrong does in what waits: so there must have been none.
fn quiet_from(evidence: &Evidence, open: &Unanswered) -> Option<SimTime> {
    let honest = |id| evidence.plan.faults.iter().any(|fault| fault.id == id && !fault.action.lies());
    let faults = evidence.faults.iter().filter(|report| honest(report.id));
    let mut disturbed = faults.filter_map(|report| Some((report.fired_at?, report.healed_at)));
    let overlaps = |(began, ended): (SimTime, Option<SimTime>)| {
        began <= open.left_at && ended.is_none_or(|ended| open.from.at < ended + QUIET)
    };
    if disturbed.any(overlaps) {
        return None;
    }
    let operated = evidence.sent_operations().filter_map(|(op, report)| {
        let began = report.sent_at.filter(|began| *began <= open.left_at)?;
        Some(report.ended_at.map(|ended| ended.max(began + paused_for(op))))
    });
    operated.into_iter().try_fold(open.from.at, |quiet, ended| Some(quiet.max(ended? + QUIET)))
}

/// For how long an operation stops clients by its own words.
fn paused_for(op: &Op) -> SimDuration {
    let said = |typed: &Typed| typed.args.get(2).filter(|_| typed.is(&["client", "pause"]))?.parse().ok();
    SimDuration::from_ms(op.action.typed().iter().filter_map(said).max().unwrap_or(0))
}

/// With what clients stop a node, or its clients.
const STOPPING: [&str; 4] = ["CLIENT", "DEBUG", "CONFIG", "SHUTDOWN"];
/// What clients ask once to be told often.
const LISTENING: [&str; 5] = ["CLIENT", "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "MONITOR"];

/// Whether clients ask anything of these names.
fn says_any(evidence: &Evidence, names: &[&str]) -> bool {
    let is_one = |command: &Vec<String>| names.iter().any(|name| command[0].eq_ignore_ascii_case(name));
    // Who subscribes and does nothing else has connections of his own for it.
    let is_apart = |commands: &[Vec<String>]| commands.len() == 1 && model::is_of_channel(&commands[0]);
    let calls = evidence.history.iter().filter_map(|entry| match &entry.request {
        Request::Call { commands, .. } => Some(commands).filter(|commands| !is_apart(commands)),
        Request::Set { .. } | Request::Get { .. } => None,
    });
    calls.flatten().any(is_one)
}

#[cfg(test)]
mod tests {
    use super::super::sample::{at, healthy, operation, read};
    use super::*;
    use crate::event::{Body, Event};
    use crate::id::{ActorId, ClientId, NodeId};
    use crate::op::{ClientPause, Command, Ending, OpAction};

    const CLIENT: ActorId = ActorId::Client(ClientId(1));

    /// The verdict on a healthy run with one more event of a client's.
    fn with(body: Body) -> Verdict {
        let mut evidence = healthy();
        let (i, kind) = (1_000_000, body.kind());
        evidence.chronicle.see(&Event { i, at: at(5), actor: CLIENT, kind, cause: None, body });
        check(&Case::of(&evidence))
    }

    fn redirect(to: u16, ask: bool) -> Verdict {
        with(Body::Redirect { node: NodeId(3), slot: 7, to: NodeId(to), ask })
    }

    #[test]
    fn a_redirection_names_a_node_that_can_be_right() {
        assert_eq!(redirect(1, false).detail(), "clients were sent elsewhere in 1 ways, all of them right");
        assert!(redirect(3, false).detail().contains("itself (MOVED)"));
        assert!(redirect(5, false).detail().contains("which never had it (MOVED)"));
        assert_eq!(redirect(5, true).name(), "holds", "it may be about to have it");
        assert!(redirect(250, true).detail().contains("which is no node (ASK)"));
    }

    #[test]
    fn a_reply_to_nothing_is_out_of_step() {
        let verdict = with(Body::OutOfStep { node: NodeId(3), detail: "a second one".to_owned() });
        assert!(verdict.detail().contains("node-3 told client-1 what it had not asked: a second one"));
    }

    /// Client 1's question to node 1, which had it at 10 s, given up so many seconds later.
    fn given_up_after(seconds: u64) -> Unanswered {
        let from = crate::chronicle::Moment { event: 1, at: at(10) };
        let (client, node) = (ClientId(1), NodeId(1));
        Unanswered { client, sequence: 1, node, from, left_at: at(10 + seconds), in_part: false }
    }

    fn asked(commands: &[&[&str]]) -> Evidence {
        let words = |words: &&[&str]| words.iter().map(ToString::to_string).collect();
        let request = Request::Call { key: "k".to_owned(), commands: commands.iter().map(words).collect() };
        let mut evidence = healthy();
        evidence.history = vec![Entry { request, client: ClientId(1), sequence: 1, ..read("k", None, 12) }];
        evidence
    }

    #[test]
    fn an_answer_is_owed_while_nothing_goes_on() {
        let open = given_up_after(2);
        assert!(!is_owed(&healthy(), &open), "nobody asked");
        let evidence = asked(&[&["GET", "k"]]);
        assert!(is_owed(&evidence, &open));
        assert!(!is_owed(&evidence, &given_up_after(0)), "it left at once");
        let mut ended = asked(&[&["GET", "k"]]);
        super::super::sample::kill(&mut ended, NodeId(1), 11);
        assert!(!is_owed(&ended, &open), "it could not answer any more");
    }

    #[test]
    fn what_waits_is_owed_an_answer_when_its_time_is_over() {
        let pop = asked(&[&["BLPOP", "k", "2.5"]]);
        assert!(!is_owed(&pop, &given_up_after(4)) && is_owed(&pop, &given_up_after(5)));
        assert!(is_owed(&asked(&[&["SET", "k", "v"], &["WAIT", "1", "500"]]), &given_up_after(3)));
        assert!(!is_owed(&asked(&[&["BLPOP", "k", "0"]]), &given_up_after(600)), "it waits for ever");
        assert!(!is_owed(&asked(&[&["NOBODYKNOWS", "k"]]), &given_up_after(600)));
        let transaction = asked(&[&["MULTI"], &["BLPOP", "k", "0"], &["EXEC"]]);
        assert!(is_owed(&transaction, &given_up_after(2)), "nothing waits in a transaction");
    }

    #[test]
    fn an_answer_is_owed_once_an_operation_and_what_it_stopped_are_over() {
        let mut evidence = asked(&[&["BLPOP", "k", "1"]]);
        let (nodes, duration_ns) = (vec![NodeId(1)], SimDuration::from_secs(20));
        let pause = ClientPause { nodes, duration_ns, writes_only: false };
        operation(&mut evidence, OpAction::ClientPause(pause), (9, 10), Ending::Done);
        assert!(!is_owed(&evidence, &given_up_after(20)), "clients were stopped until 29 s");
        assert!(is_owed(&evidence, &given_up_after(34)));
        let action = OpAction::Command(Command { node: NodeId(1), args: vec!["PING".to_owned()] });
        operation(&mut evidence, action, (40, 43), Ending::Done);
        assert!(!is_owed(&evidence, &given_up_after(34)), "something went on");
    }
}
