//! A subscriber of node 1 who is told a message, and what may be wrong with that.

use super::super::sample::{at, healthy};
use super::*;
use crate::chronicle::sample::{Says, event, of_type};
use crate::chronicle::{Execution, Moment};
use crate::event::{Body, Event, MessageType, Published};
use crate::fault::Channel;
use crate::history::{Entry, Outcome, Reply, Request};
use crate::id::{ActorId, ClientId, Host, NodeId};

/// The connections of the subscriber and of the publisher.
const EAR: u64 = 50;
const MOUTH: u64 = 60;

struct Told {
    evidence: Evidence,
}

impl Told {
    /// Client 1 subscribes at node 1 and client 2 publishes `m` there, for so many.
    fn of(count: i64) -> Self {
        let mut told = Told { evidence: healthy() };
        told.does(1, (2, 3), EAR, "SUBSCRIBE news", Reply::List(vec![]));
        told.does(2, (10, 11), MOUTH, "PUBLISH news m", Reply::Int(count));
        told
    }

    fn does(
        &mut self,
        client: u16,
        (from, to): (u64, u64),
        conn: u64,
        command: &str,
        reply: Reply,
    ) -> &mut Self {
        let commands = vec![command.split(' ').map(str::to_owned).collect::<Vec<_>>()];
        let request = Request::Call { key: "k".to_owned(), commands };
        let (client, sequence, node) = (ClientId(client), self.evidence.history.len() as u64 + 1, NodeId(1));
        self.see(from, ActorId::Client(client), Body::Invoke { sequence, request: request.clone() });
        let moment = |event| Some(Moment { event, at: at(event) });
        let execution =
            Execution { node, conn, from: moment(from), to: moment(to), again: false, data: None };
        self.evidence.chronicle.executions.insert_for_test(client, sequence, execution);
        let outcome = Some(Outcome::Replied(vec![reply]));
        let (invoked_at, completed_at, node) = (at(from), Some(at(to)), Some(node));
        self.evidence.history.push(Entry {
            client,
            sequence,
            request,
            database: 0,
            invoked_at,
            completed_at,
            outcome,
            node,
        });
        self
    }

    fn see(&mut self, s: u64, actor: ActorId, body: Body) -> &mut Self {
        self.evidence.chronicle.see(&event(s, actor, body));
        self
    }

    /// The subscriber is told this.
    fn push(&mut self, s: u64, words: &str) -> &mut Self {
        let client = ActorId::Client(ClientId(1));
        let push = words.split(' ').map(str::to_owned).collect();
        let body = Body::Pushed { node: NodeId(1), push };
        self.see(s, client, Body::Deliver { conn: EAR, len: 1 });
        self.evidence.chronicle.see(&Event { i: s, cause: Some(s), ..event(s, client, body) });
        self
    }

    /// Node 1 goes on, and answers the subscriber's last question.
    fn hears_out(&mut self) -> &mut Self {
        for s in 30..35 {
            let (from, to, channel) = (ActorId::Node(NodeId(1)), Host::Node(NodeId(2)), Channel::Bus);
            let digest = String::new();
            let sent = Body::Sent { from, conn: 7, channel, to, len: 1, digest, bus: None, repl: None };
            self.see(s, ActorId::Network, sent);
        }
        self.see(40, ActorId::Node(NodeId(1)), Body::Deliver { conn: EAR, len: 1 });
        self.push(42, "pong")
    }

    fn verdict(&self) -> Verdict {
        check(&Case::of(&self.evidence))
    }

    fn assert_wrong(&self, what: &str) {
        let verdict = self.verdict();
        assert!(verdict.is_violated() && verdict.detail().contains(what), "{verdict:?}");
    }
}

#[test]
fn a_message_is_told_once_or_missed_by_what_comes_behind_it() {
    let told = Told::of(1).push(12, "message news m").hears_out().verdict();
    assert_eq!(
        told.detail(),
        "1 messages published and 1 told to subscribers; 1 could be missed and were not"
    );
    Told::of(1).hears_out().assert_wrong("client-1 was never told \"m\" by node-1");
    assert_eq!(Told::of(1).verdict().name(), "holds", "it may be under way");
    Told::of(1).push(12, "message news m").push(13, "message news m").assert_wrong("m by node-1 twice");
}

#[test]
fn nobody_is_told_what_nobody_published_or_what_he_did_not_ask_for() {
    Told::of(1)
        .push(12, "message news n")
        .assert_wrong("message news n by node-1, which nobody had published");
    Told::of(1).push(12, "message other m").assert_wrong("and had not subscribed");
}

#[test]
fn a_publisher_is_told_how_many_subscribers_its_node_has() {
    Told::of(2).push(12, "message news m").assert_wrong("had 2 subscribers there, who were 1 to 1");
    Told::of(0).push(12, "message news m").assert_wrong("had 0 subscribers there, who were 1 to 1");
    let mut gone = Told::of(0);
    let client = ActorId::Client(ClientId(1));
    gone.see(
        9,
        ActorId::Network,
        Body::Closed { from: client, conn: EAR, how: crate::event::Closing::Closed },
    );
    assert_eq!(gone.verdict().name(), "holds", "its connection was ending");
}

#[test]
fn messages_of_one_publisher_are_told_in_order() {
    let mut told = Told::of(1);
    told.does(2, (14, 15), MOUTH, "PUBLISH news n", Reply::Int(1));
    told.push(16, "message news n").push(17, "message news m").assert_wrong("published later");
}

#[test]
fn a_message_goes_over_every_connection_that_stands() {
    let ping = |s| of_type(MessageType::PING, Says::primary(1, 1, (0, 5_460)), 3, s);
    let mut told = Told::of(1);
    told.push(12, "message news m");
    (4..6).for_each(|s| told.evidence.chronicle.take(ping(s)));
    told.hears_out().evidence.chronicle.take(ping(36));
    told.assert_wrong("node-1 never sent node-3 \"m\"");
    let published = Some(Published("news".to_owned(), "m".to_owned()));
    let carried = of_type(MessageType::PUBLISH, Says::primary(1, 1, (0, 5_460)), 3, 11);
    told.evidence.chronicle.take(crate::chronicle::Message { header: None, published, ..carried });
    assert_eq!(told.verdict().name(), "holds");
}

#[test]
fn who_subscribed_in_a_slot_is_told_that_its_node_lost_it() {
    let claims = |slots| of_type(MessageType::PING, Says::primary(1, 1, slots), 2, 20);
    let lost = |push: Option<&str>| {
        let mut told = Told::of(1);
        told.does(1, (4, 5), EAR, "SSUBSCRIBE {06S}", Reply::List(vec![]));
        told.evidence.chronicle.take(claims((1, 9)));
        if let Some(push) = push {
            told.push(22, push);
        }
        told.push(23, "message news m").hears_out().verdict()
    };
    let verdict = lost(None);
    assert!(verdict.detail().contains("subscribed to {06S} no more, whose slot node-1 lost"), "{verdict:?}");
    assert_eq!(lost(Some("sunsubscribe {06S} 0")).name(), "holds");
}
