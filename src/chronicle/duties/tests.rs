//! Histories in which somebody neglects something, each beside one in which nobody does.

use super::*;
use crate::chronicle::Chronicle;
use crate::chronicle::bus::Message;
use crate::chronicle::sample::{Says, at, event, id, message, of_type, works};
use crate::event::{LinkState, MessageType};
use crate::fault::Channel;
use crate::history::Request;
use crate::id::{ActorId, ClientId, Host};
use crate::invariant::sample::healthy;

/// The node timeout of the plan is 2 s.
struct Told(Chronicle);

fn owner(node: u16) -> Says {
    Says::primary(node, u64::from(node), (node * 10, node * 10 + 9))
}

fn pong(says: Says, to: u16, s: u64) -> Message {
    // The answer comes on the connection that was asked on.
    let conn = u64::from(to) * 1000 + u64::from(says.node);
    Message { conn, ..of_type(MessageType::PONG, says, to, s) }
}

fn fails(by: u16, about: u16, to: u16, s: u64) -> Message {
    Message { about: Some(id(about)), ..of_type(MessageType::FAIL, owner(by), to, s) }
}

impl Told {
    /// Three primaries are started and have made their connections.
    fn new() -> Self {
        let mut told = Told(Chronicle::new(&healthy().plan));
        for from in 1..=3u16 {
            told.0.see(&event(0, ActorId::Node(NodeId(from)), Body::Start { incarnation: 1 }));
        }
        for (from, to) in (1..=3u16).flat_map(|from| (1..=3).map(move |to| (from, to))) {
            let conn = u64::from(from) * 1000 + u64::from(to);
            let dial = Body::Dial {
                from: ActorId::Node(NodeId(from)),
                conn,
                to: Host::Node(NodeId(to)),
                port: 16_379,
            };
            told.0.see(&event(0, ActorId::Network, dial));
        }
        told
    }

    /// All three talk to each other from second to second; those that are `silent` say nothing.
    fn talk(mut self, seconds: std::ops::RangeInclusive<u64>, silent: &[u16]) -> Self {
        for s in seconds {
            for from in (1..=3).filter(|from| !silent.contains(from)) {
                self.works(from, s);
                for to in (1..=3).filter(|to| *to != from) {
                    self.0.take(message(owner(from), to, s));
                    if !silent.contains(&to) {
                        self.0.take(pong(owner(to), from, s));
                    }
                }
            }
        }
        self
    }

    /// A process shows that it is not busy.
    fn works(&mut self, node: u16, s: u64) {
        self.0.see(&works(node, s));
    }

    fn works_until(mut self, node: u16, seconds: std::ops::RangeInclusive<u64>) -> Self {
        seconds.for_each(|s| self.works(node, s));
        self
    }

    fn says(mut self, message: Message) -> Self {
        (1..=3).for_each(|node| self.works(node, message.at.as_ns() / 1_000_000_000));
        self.0.take(message);
        self
    }

    fn closed(mut self, conn: u64, s: u64) -> Self {
        let link = Body::Link { conn, state: LinkState::Eof };
        self.0.see(&event(s, ActorId::Node(NodeId(1)), link));
        self
    }

    fn neglected(&self) -> Vec<(u16, Duty)> {
        let mut found: Vec<(u16, Duty)> =
            self.0.duties.neglected().iter().map(|neglect| (neglect.node.0, neglect.duty.clone())).collect();
        found.dedup();
        found
    }
}

#[test]
fn who_talks_and_answers_neglects_nothing() {
    assert_eq!(Told::new().talk(1..=60, &[]).neglected(), []);
}

#[test]
fn who_is_silent_is_doubted() {
    let third = Duty::Doubt(NodeId(3));
    let silent = || Told::new().talk(1..=20, &[]).closed(1003, 21).talk(21..=26, &[3]);
    assert_eq!(silent().neglected(), []);
    let found = silent().talk(27..=30, &[3]).neglected();
    assert!(found.contains(&(1, third.clone())) && !found.contains(&(3, third.clone())), "{found:?}");
    let doubts = Says { gossip: vec![(3, 5)], ..owner(1) };
    let found = silent().says(message(doubts, 2, 26)).talk(27..=30, &[3]).neglected();
    assert!(!found.contains(&(1, third)), "{found:?}");
}

#[test]
fn a_call_of_failure_is_heeded() {
    let told = || Told::new().talk(1..=20, &[]).says(fails(2, 3, 1, 21));
    let doubts = |flags| message(Says { gossip: vec![(3, flags)], ..owner(1) }, 2, 22);
    assert_eq!(told().says(doubts(5)).neglected(), [(1, Duty::Heed(NodeId(3)))]);
    assert_eq!(told().says(doubts(9)).neglected(), []);
    let again = told().says(message(owner(3), 1, 21)).says(doubts(5));
    assert_eq!(again.neglected(), [], "it was heard again");
}

#[test]
fn a_winner_tells_everybody_at_once() {
    let wins = || Says { epochs: (9, 9), ..Says::primary(1, 9, (20, 29)) };
    let won = || {
        let replica = || Says { slots: vec![(20, 29)], epochs: (9, 2), ..Says::replica(1, 2) };
        Told::new().talk(1..=20, &[]).says(message(replica(), 2, 20)).says(message(wins(), 2, 21))
    };
    assert_eq!(won().says(message(wins(), 2, 22)).neglected(), [(1, Duty::Announce(NodeId(3)))]);
    assert_eq!(won().says(message(wins(), 3, 21)).says(message(wins(), 2, 22)).neglected(), []);
    assert_eq!(won().closed(1003, 21).says(message(wins(), 2, 22)).neglected(), []);
    let queued = Says { slots: vec![(20, 29)], epochs: (9, 2), ..Says::replica(1, 2) };
    let told = won().says(message(wins(), 3, 21)).says(message(queued, 2, 21)).says(message(wins(), 2, 21));
    assert_eq!(told.says(message(wins(), 2, 22)).neglected(), [], "what waited was made before");
}

#[test]
fn an_update_ends_the_claim_of_one_that_does_not_hear_the_owner() {
    let newer = Says { epochs: (9, 9), ..Says::primary(2, 9, (10, 19)) };
    let known = || Told::new().talk(1..=20, &[]).says(message(newer.clone(), 3, 21));
    assert_eq!(known().says(message(owner(1), 3, 23)).neglected(), []);
    let update = Message { about: Some(id(2)), ..of_type(MessageType::UPDATE, owner(3), 1, 22) };
    let updated = || known().says(update.clone());
    assert_eq!(updated().says(message(owner(1), 3, 23)).neglected(), [(1, Duty::GiveUp(NodeId(2)))]);
    assert_eq!(updated().says(message(Says::replica(1, 2), 3, 23)).neglected(), []);
    // An UPDATE of the owner's own tells its epoch, and makes those of all others nothing new.
    let own = Message { about: Some(id(2)), ..of_type(MessageType::UPDATE, newer.clone(), 1, 21) };
    let before = known().says(own).says(update.clone());
    assert_eq!(before.says(message(owner(1), 3, 23)).neglected(), []);
}

#[test]
fn a_newer_claim_ends_an_older_one_and_a_stale_one_is_corrected() {
    let newer = Says { epochs: (9, 9), ..Says::primary(2, 9, (10, 19)) };
    let claimed = || Told::new().talk(1..=20, &[]).says(message(newer.clone(), 1, 21));
    let found = claimed().says(message(owner(1), 3, 22)).neglected();
    assert_eq!(found, [(1, Duty::GiveUp(NodeId(2)))]);
    let gave_up = Says { slots: vec![], ..owner(1) };
    assert_eq!(claimed().says(message(gave_up, 3, 22)).neglected(), []);

    let stale = || {
        let told = Told::new().talk(1..=20, &[]).says(message(newer.clone(), 3, 21));
        told.says(message(owner(1), 3, 22)).works_until(3, 22..=24)
    };
    let update = Message { about: Some(id(2)), ..of_type(MessageType::UPDATE, owner(3), 1, 22) };
    assert_eq!(stale().says(message(owner(3), 1, 24)).neglected(), [(3, Duty::Correct(NodeId(1)))]);
    assert_eq!(stale().says(update).says(message(owner(3), 1, 24)).neglected(), []);
}

#[test]
fn the_smaller_id_parts_from_an_epoch_that_two_have() {
    let collides = |who: u16| Says { epochs: (9, 5), ..owner(who) };
    let told = |from, to| {
        Told::new().talk(1..=20, &[]).says(message(collides(to), 3, 20)).says(message(collides(from), to, 21))
    };
    assert_eq!(told(2, 1).says(message(collides(1), 3, 22)).neglected(), [(1, Duty::Part(NodeId(2)))]);
    let parted = Says { epochs: (10, 10), ..owner(1) };
    assert_eq!(told(2, 1).says(message(parted, 3, 22)).neglected(), []);
    assert_eq!(told(1, 2).says(message(collides(2), 3, 22)).neglected(), []);
}

#[test]
fn clients_are_stopped_for_a_hand_over_that_was_asked_for_and_not_for_ever() {
    let paused = |s| message(Says { paused: true, ..owner(1) }, 2, s);
    let asked = |s| of_type(MessageType::MFSTART, Says::replica(3, 1), 1, s);
    let quiet = || Told::new().talk(1..=20, &[]);
    assert_eq!(quiet().says(paused(21)).neglected(), [(1, Duty::Resume { asked_at: None })]);
    assert_eq!(quiet().says(asked(20)).says(paused(21)).neglected(), []);
    let late = quiet().says(asked(20)).talk(21..=27, &[]).says(paused(27));
    assert_eq!(late.neglected(), [(1, Duty::Resume { asked_at: Some(at(20)) })]);
    // Its asking had waited until long after it went elsewhere.
    let left = |s| message(Says::replica(3, 2), 1, s);
    let stopped = |left_at| {
        let told = quiet().works_until(1, 21..=left_at).says(left(left_at)).works_until(1, left_at..=23);
        let told = told.says(asked(23)).says(paused(24));
        told.neglected().contains(&(1, Duty::Resume { asked_at: None }))
    };
    assert_eq!((stopped(21), stopped(22)), (true, false));
}

#[test]
fn a_connection_without_an_answer_is_made_anew() {
    let asked = || Told::new().talk(1..=20, &[]).talk(21..=21, &[3]);
    let found = |told: Told| {
        let found = told.works_until(1, 21..=30).says(message(owner(1), 2, 30)).neglected();
        found.contains(&(1, Duty::Reconnect(NodeId(3))))
    };
    assert!(found(asked()));
    assert!(!found(asked().closed(1003, 22)));
}

#[test]
fn who_lost_an_election_asks_again() {
    let replica = || Says { slots: vec![(20, 29)], ..Says::replica(1, 2) };
    let asked = |epoch, s| {
        of_type(MessageType::FAILOVER_AUTH_REQUEST, Says { epochs: (epoch, 2), ..replica() }, 3, s)
    };
    let lost = || Told::new().talk(1..=20, &[]).says(asked(9, 21));
    let late = |told: Told| {
        let found = told.works_until(1, 21..=60).says(message(replica(), 3, 60)).neglected();
        found.iter().any(|(_, duty)| matches!(duty, Duty::Retry { of: NodeId(2), .. }))
    };
    assert!(late(lost()));
    assert!(!late(lost().works_until(1, 21..=50).says(asked(10, 50))));
    assert!(!late(lost().says(message(owner(2), 1, 30))), "its primary is back");
}

/// Writes reach node 1 from 21 s to 30 s, which logs so much and answers all of them or none; since when it neglects that.
fn silent(answers: bool, said: &[(u64, &str)]) -> Vec<SimTime> {
    let client = ClientId(1);
    let mut told = Told::new().talk(1..=20, &[]);
    for s in 21..=30 {
        for (_, line) in said.iter().filter(|(at, _)| *at == s) {
            told.0.see(&event(s, ActorId::Node(NodeId(1)), Body::Log { line: (*line).to_owned() }));
        }
        let (conn, channel, digest) = (100 + s, Channel::Client, String::new());
        let request = Request::Set { key: "k".to_owned(), value: "v".to_owned() };
        told.0.see(&event(s, ActorId::Client(client), Body::Invoke { sequence: s, request }));
        let sent = |from, to| {
            let digest = digest.clone();
            event(
                s,
                ActorId::Network,
                Body::Sent { from, conn, channel, to, len: 1, digest, bus: None, repl: None },
            )
        };
        told.0.see(&sent(ActorId::Client(client), Host::Node(NodeId(1))));
        told.0.see(&event(s, ActorId::Node(NodeId(1)), Body::Deliver { conn, len: 1 }));
        if answers {
            told.0.see(&sent(ActorId::Node(NodeId(1)), Host::Client(client)));
        }
        told = told.talk(s..=s, &[]);
    }
    let neglected = told.0.duties.neglected().iter();
    neglected.filter(|neglect| neglect.duty == Duty::Answer).map(|neglect| neglect.since).collect()
}

#[test]
fn who_answers_no_write_has_a_reason() {
    assert_eq!(silent(false, &[]), [at(21)]);
    assert_eq!(silent(true, &[]), []);
    let pauses = (21, "Slot migration x state transition: waiting-to-pause -> failover-paused");
    let goes_on = (23, "Slot migration x state transition: failover-granted -> success");
    assert_eq!(silent(false, &[pauses]), []);
    assert_eq!(silent(false, &[pauses, goes_on]), [at(23)]);
}
