//! The decisions of a recorded run: everything that was drawn while it ran, in the order it is asked for again.
//!
//! A replay takes them from here instead of drawing, so that a log can be run again when streams are long derived in
//! another way. What was chosen before the run is in the header's plan.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::BufRead;

use super::error::ReadError;
use super::format::Format;
use super::glance::{Glance, Sight};
use super::lines::Lines;
use crate::event::{Body, Event, Told};
use crate::fault::FaultId;
use crate::history::Request;
use crate::id::{ActorId, ClientId, NodeId};
use crate::time::{SimDuration, SimTime};

/// What a run decided, as far as its log goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decisions {
    /// How long each step of a connection took, by the connection's number.
    pub latencies: BTreeMap<u64, VecDeque<SimDuration>>,
    /// Bytes of the first piece of each chunk that was split, by the connection's number and by how many latencies it had
    /// had before.
    pub splits: BTreeMap<(u64, u64), u64>,
    /// Which messages of the bus a rule hit, by its fault and by the number of the match.
    pub ruled: BTreeSet<(FaultId, u64)>,
    /// What the order of each node's turns was shuffled by, by the turn's number.
    pub orders: BTreeMap<NodeId, BTreeMap<u64, u64>>,
    /// What each client drew.
    pub clients: BTreeMap<ClientId, ClientDecisions>,
    /// How many events the log has before its verdicts.
    pub events: u64,
    /// The last line was cut off.
    pub truncated: bool,
}

/// What one client drew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientDecisions {
    /// What it asked.
    pub requests: VecDeque<Request>,
    /// How long after each operation the next one was due.
    pub gaps: VecDeque<SimDuration>,
    /// Whom it turned to when it knew no better.
    pub nodes: VecDeque<NodeId>,
    /// The same as told by the moments at which it was due, which is all that a log of format 1 has.
    due: VecDeque<SimDuration>,
    /// The invocation whose successor's due time is not known yet.
    open: Option<SimTime>,
    lacks_gaps: bool,
}

impl Decisions {
    /// Reads the decisions of a log whose header is good. Lines that decide nothing are not looked into: whoever needs
    /// them reads them.
    pub fn load(input: impl BufRead) -> Result<Self, ReadError> {
        let mut lines = Lines::new(input);
        let mut decisions = Decisions::default();
        lines.advance()?;
        let format = Format::of_header(&lines.text)?;
        while lines.advance()? {
            if decisions.takes(&lines.text, lines.terminated) {
                continue;
            }
            match format.parse_event(&lines.text, lines.number) {
                Ok(Event { body: Body::Verdict { .. }, .. }) => break,
                Ok(Event { i, .. }) if i != decisions.events => {
                    return Err(ReadError::WrongIndex {
                        line: lines.number,
                        expected: decisions.events,
                        found: i,
                    });
                }
                Ok(Event { at, actor, body, .. }) => decisions.see(at, actor, body),
                Err(_) if !lines.terminated => {
                    decisions.truncated = true;
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        decisions.truncated |= lines.cut;
        // A client that does what a script says has no gaps to note.
        if matches!(format, Format::One) {
            decisions.clients.values_mut().for_each(ClientDecisions::finish);
        }
        Ok(decisions)
    }

    /// Whether they are of a log: then nothing is drawn in the place of a decision that is not among them, where there may
    /// be none.
    pub fn are_recorded(&self) -> bool {
        self.events > 0
    }

    /// Takes a line if a glance at it is enough. Its number must be the next one, or a few compressed bytes that stand
    /// for one line again and again would fill the memory.
    fn takes(&mut self, line: &[u8], is_whole: bool) -> bool {
        let Some(glance) = Glance::at(line).filter(|glance| glance.i == self.events) else { return false };
        match glance.sight() {
            Sight::Nothing if is_whole => self.events += 1,
            Sight::Decision(actor, body) => self.see(glance.at, actor, body),
            Sight::Nothing | Sight::Unclear => return false,
        }
        true
    }

    /// Takes what the next event decides.
    fn see(&mut self, at: SimTime, actor: ActorId, body: Body) {
        self.events += 1;
        match (actor, body) {
            (_, Body::Latency { conn, ns }) => self.latencies.entry(conn).or_default().push_back(ns),
            (_, Body::Split { conn, first }) => {
                let step = self.latencies.get(&conn).map_or(0, VecDeque::len) as u64;
                self.splits.insert((conn, step), first);
            }
            (_, Body::Ruled { fault, nth, .. }) => {
                self.ruled.insert((fault, nth));
            }
            (ActorId::Node(node), Body::Order { turn, draw }) => {
                self.orders.entry(node).or_default().insert(turn, draw);
            }
            (ActorId::Client(client), body) => self.clients.entry(client).or_default().see(at, body),
            _ => {}
        }
    }
}

impl ClientDecisions {
    /// Whether the log has no notes of gaps. A replay writes none either, so that its events have the log's numbers.
    pub fn lacks_gaps(&self) -> bool {
        self.lacks_gaps
    }

    /// Takes the gaps from elsewhere if the log has no notes of them.
    fn finish(&mut self) {
        let due = std::mem::take(&mut self.due);
        self.lacks_gaps = self.gaps.is_empty() && !due.is_empty();
        if self.lacks_gaps {
            self.gaps = due;
        }
    }

    fn see(&mut self, at: SimTime, body: Body) {
        match body {
            Body::Invoke { request, .. } => {
                self.requests.push_back(request);
                self.open = Some(at);
            }
            Body::Gap { ns } => self.gaps.push_back(ns),
            Body::Tell { message: Told::Next } => {
                self.due.extend(self.open.take().map(|invoked| at.since(invoked)));
            }
            Body::Picked { node, .. } => self.nodes.push_back(node),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decisions(lines: &str) -> Result<Decisions, ReadError> {
        Decisions::load(format!("{{\"format\":1}}\n{lines}").as_bytes())
    }

    const LOG: &str = r#"{"i":0,"at":5,"actor":"network","kind":"decision","cause":null,"what":"latency","conn":3,"ns":700}
{"i":1,"at":6,"actor":"client-2","kind":"effect","cause":null,"what":"tell","text":"Next"}
{"i":2,"at":6,"actor":"client-2","kind":"observation","cause":1,"what":"invoke","sequence":1,"request":{"get":{"key":"k"}}}
{"i":3,"at":7,"actor":"network","kind":"decision","cause":null,"what":"latency","conn":3,"ns":900}
{"i":4,"at":16,"actor":"client-2","kind":"effect","cause":1,"what":"tell","text":"Next"}
{"i":5,"at":17,"actor":"client-2","kind":"effect","cause":1,"what":"tell","text":"Next"}
{"i":6,"at":17,"actor":"client-2","kind":"decision","cause":1,"what":"picked","node":4,"why":"no owner"}
"#;

    #[test]
    fn latencies_requests_gaps_and_nodes_come_in_order() {
        let found = decisions(LOG).expect("the log is good");
        assert_eq!(found.latencies[&3], [700, 900].map(SimDuration::from_ns));
        let client = &found.clients[&ClientId(2)];
        assert_eq!(client.requests, [Request::Get { key: "k".to_owned() }]);
        assert_eq!(client.gaps, [SimDuration::from_ns(10)]);
        assert_eq!(client.nodes, [NodeId(4)]);
        assert_eq!((found.events, found.truncated), (7, false));
    }

    #[test]
    fn noted_gaps_are_taken_and_those_of_format_1_follow_from_the_moments() {
        let client = |text: &str| {
            Decisions::load(text.as_bytes()).expect("the log is good").clients[&ClientId(2)].clone()
        };
        let first = client(&format!("{{\"format\":1}}\n{LOG}"));
        assert!(first.lacks_gaps());
        let text = LOG.replace("\"text\":\"Next\"", "\"message\":\"next\"");
        let gap = r#""kind":"decision","cause":null,"what":"gap","ns":33}"#;
        let second =
            client(&format!("{{\"format\":2}}\n{text}{{\"i\":7,\"at\":17,\"actor\":\"client-2\",{gap}\n"));
        assert_eq!(
            (second.gaps.clone().into(), second.lacks_gaps()),
            (vec![SimDuration::from_ns(33)], false)
        );
        assert_eq!((&second.requests, &second.nodes), (&first.requests, &first.nodes));
        let scripted = client(&format!("{{\"format\":2}}\n{text}"));
        assert!(scripted.gaps.is_empty() && !scripted.lacks_gaps());
    }

    #[test]
    fn splits_are_known_by_their_step_and_orders_by_their_turn() {
        let lines = r#"{"i":7,"at":20,"actor":"network","kind":"decision","cause":null,"what":"split","conn":3,"first":5}
{"i":8,"at":20,"actor":"node-4","kind":"decision","cause":null,"what":"order","turn":9,"draw":77}
"#;
        let found = decisions(&format!("{LOG}{lines}")).expect("the log is good");
        assert_eq!(found.splits, BTreeMap::from([((3, 2), 5)]));
        assert_eq!(found.orders, BTreeMap::from([(NodeId(4), BTreeMap::from([(9, 77)]))]));
        assert!(found.are_recorded() && !Decisions::default().are_recorded());
    }

    #[test]
    fn spaces_in_the_lines_change_nothing() {
        let spaced = LOG.replace(':', ": ").replace('{', "{ ");
        assert_eq!(decisions(&spaced).expect("the log is good"), decisions(LOG).expect("the log is good"));
    }

    #[test]
    fn a_line_that_stands_twice_or_is_missing_is_named() {
        let lines: Vec<&str> = LOG.lines().collect();
        for (lines, said) in [
            ([lines[0], lines[0]], "line 3 of the event log has event 0 where 1 should be"),
            ([lines[1], lines[2]], "line 2 of the event log has event 1 where 0 should be"),
        ] {
            assert_eq!(decisions(&lines.join("\n")).expect_err("it is refused").to_string(), said);
        }
    }

    #[test]
    fn verdicts_and_a_cut_off_line_are_no_events_of_the_run() {
        let verdict = r#"{"i":7,"at":18,"actor":"validator","kind":"verdict","cause":null,"what":"verdict","invariant":"reads","verdict":"holds","detail":""}"#;
        assert_eq!(decisions(&format!("{LOG}{verdict}\n")).expect("the log is good").events, 7);
        let cut = decisions(&LOG[..LOG.len() - 20]).expect("the log is good");
        assert_eq!((cut.events, cut.truncated), (6, true));
    }
}
