//! What liars make of messages, streams and commands, byte for byte.

use super::*;
use crate::wire::SlotMap;
use crate::wire::cluster_bus::{FullHeader, Gossip, Head, Message, NodeFlags, Payload, decode, encode};
use crate::wire::resp::pack;

const TO_TWO: Place = Place { handle: 5, peer: Some(Host::Node(NodeId(2))) };

fn message(payload: Payload) -> Vec<u8> {
    let mut header = FullHeader::new(NodeName([b'a'; 40]));
    header.flags = NodeFlags::PRIMARY;
    (header.current_epoch, header.config_epoch) = (7, 3);
    header.slots.insert(4);
    header.slots.insert(5);
    encode(&Message { head: Head::Full(Box::new(header)), payload })
}

fn ping() -> Vec<u8> {
    message(Payload::Ping(Gossip::default()))
}

/// What comes of messages to node 2, one after the other.
fn said(lie: Lie, messages: &[Vec<u8>]) -> Vec<Message> {
    let mut liar = Liar::new(lie, Some(NodeId(2)));
    let said =
        messages.iter().flat_map(|bytes| liar.message(TO_TWO, bytes).unwrap_or_else(|| vec![bytes.clone()]));
    said.collect::<Vec<_>>().iter().map(|bytes| decode(bytes).expect("a message")).collect()
}

fn header(message: &Message) -> &FullHeader {
    match &message.head {
        Head::Full(header) => header,
        Head::Light { .. } => unreachable!("all are full"),
    }
}

#[test]
fn a_vote_is_given_twice_or_unasked_or_not_at_all() {
    let vote = message(Payload::FailoverAuthAck);
    assert_eq!(said(Lie::VoteTwice, &[ping(), vote.clone()]).len(), 3);
    assert!(said(Lie::SwallowVotes, std::slice::from_ref(&vote)).is_empty());
    let unasked = said(Lie::VoteUnasked, &[ping(), ping()]);
    let votes: Vec<bool> = unasked.iter().map(|one| one.payload == Payload::FailoverAuthAck).collect();
    assert_eq!(votes, [false, true, false]);
}

#[test]
fn a_header_says_something_else() {
    let first = |lie| header(&said(lie, &[ping()])[0]).clone();
    assert_eq!(first(Lie::ConfigEpochAbove).config_epoch, 8);
    assert_eq!(first(Lie::ConfigEpochBack).config_epoch, 2);
    let raised = first(Lie::ConfigEpochRaised);
    assert_eq!((raised.current_epoch, raised.config_epoch), (8, 8));
    let only: SlotMap = [crate::wire::SlotRange { first: 5, last: 5 }].into_iter().collect();
    assert!(first(Lie::SlotTooFew).slots == only);
    assert!(first(Lie::SlotTooMany).slots.contains(0));
    assert_eq!(said(Lie::VoteTwice, &[ping()]), [decode(&ping()).expect("a message")]);
}

#[test]
fn a_lie_is_news_once() {
    let mut liar = Liar::new(Lie::Mute, None);
    assert_eq!(liar.news(), None);
    assert_eq!(liar.message(TO_TWO, &ping()), Some(Vec::new()));
    assert_eq!((liar.news(), liar.news()), (Some(Lie::Mute), None));
}

#[test]
fn a_stream_lacks_a_write_or_has_it_twice_and_receipts_go_too_far() {
    let write = pack(&["SET", "k", "v1"]);
    let sent = |lie, bytes: &[u8]| Liar::new(lie, None).sent(TO_TWO, bytes);
    assert_eq!(sent(Lie::SwallowStream, &write), Some(Vec::new()));
    assert_eq!(sent(Lie::RepeatStream, &write), Some([write.clone(), write.clone()].concat()));
    assert_eq!(sent(Lie::AlterStream, &write), Some(pack(&["SET", "k", "v0"])));
    assert_eq!(sent(Lie::SwallowStream, b"PING"), None);
    let mut liar = Liar::new(Lie::AckMore, None);
    let acks: Vec<_> = (0..4).map(|_| liar.sent(TO_TWO, &pack(&["REPLCONF", "ACK", "700"]))).collect();
    assert_eq!((&acks[2], &acks[3]), (&None, &Some(pack(&["REPLCONF", "ACK", "10700"]))));
}

#[test]
fn a_client_is_answered_something_else() {
    let place = Place { handle: 9, peer: Some(Host::Client(crate::id::ClientId(1))) };
    let set = |value: &str| pack(&["SET", "k", value]);
    assert_eq!(Liar::new(Lie::LostWrite, None).arrives(place, &set("a")), Some(pack(&["READWRITE"])));
    assert_eq!(Liar::new(Lie::LostWrite, None).arrives(TO_TWO, &set("a")), None);
    let mut liar = Liar::new(Lie::StaleRead, None);
    let asked = [set("a"), set("b"), pack(&["GET", "k"])].map(|bytes| liar.arrives(place, &bytes));
    assert_eq!(asked, [None, None, Some(pack(&["ECHO", "a"]))]);
    let validator = Place { handle: 9, peer: Some(Host::Validator) };
    let told = Liar::new(Lie::SizeLie, None).sent(validator, b"cluster_size:3\r\n");
    assert_eq!(told, Some(b"cluster_size:2\r\n".to_vec()));
    let rows = b"b 1.1.1.1:1 slave a 0 1700000000123 1 connected\n";
    let told = Liar::new(Lie::FailKept, None).sent(validator, rows).expect("it lies");
    assert_eq!(told, b"b 1.1.1.1:1 slave,fail a 0 17000000 1 connected\n".to_vec());
    assert_eq!(told.len(), rows.len(), "the reply is as long as it says");
}

#[test]
fn commands_about_data_are_replaced_and_those_beside_them_are_not() {
    let place = Place { handle: 9, peer: Some(Host::Client(crate::id::ClientId(1))) };
    let go = |texts: &[&str]| {
        texts.iter().flat_map(|text| pack(&text.split(' ').collect::<Vec<_>>())).collect::<Vec<_>>()
    };
    let asked = |lie, texts: &[&str]| Liar::new(lie, None).arrives(place, &go(texts));
    let cases: [(Lie, &[&str], &[&str]); 10] = [
        (Lie::PushTwice, &["RPUSH k a"], &["RPUSH k a a"]),
        (Lie::PopKeeps, &["LPOP k"], &["LINDEX k 0"]),
        (Lie::DelKeeps, &["DEL a b", "GET c"], &["EXISTS a b", "GET c"]),
        (Lie::NxOverwrites, &["SET k v NX"], &["SET k v"]),
        (Lie::NeverExpires, &["SET k v PX 5"], &["SET k v"]),
        (Lie::ExecHalf, &["MULTI", "SET k v", "EXEC"], &["MULTI", "READWRITE", "EXEC"]),
        (Lie::WatchBlind, &["WATCH k", "GET k"], &["READWRITE", "GET k"]),
        (Lie::ScanLess, &["SCAN 0 MATCH {t}* COUNT 9"], &["SCAN 0 MATCH {t}[a-c] COUNT 9"]),
        (Lie::PopForgets, &["BLPOP k 1"], &["BLPOP {k}nowhere 1"]),
        (Lie::InvalidationLost, &["HELLO 3", "CLIENT TRACKING ON"], &["HELLO 3", "READWRITE"]),
    ];
    for (lie, before, after) in cases {
        assert_eq!(asked(lie, before), Some(go(after)), "{lie:?}");
        assert_eq!(asked(lie, &["PING"]), None, "{lie:?}");
    }
    assert_eq!(asked(Lie::ExecHalf, &["SET k v"]), None, "it stands alone");
    let mut liar = Liar::new(Lie::TwiceSeldom, None);
    let told = (1..=300).map(|_| liar.arrives(place, &go(&["INCR n"]))).collect::<Vec<_>>();
    assert_eq!(told[299], Some(go(&["INCRBY n 2"])));
    assert!(told[..299].iter().all(Option::is_none));
}

#[test]
fn a_replica_is_not_told_of_deletions_and_of_deadlines_too_late() {
    let sent =
        |lie, text: &str| Liar::new(lie, None).sent(TO_TWO, &pack(&text.split(' ').collect::<Vec<_>>()));
    assert_eq!(sent(Lie::DelUntold, "DEL k"), Some(pack(&["GET", "k"])));
    assert_eq!(sent(Lie::DelUntold, "SET k v"), None);
    assert_eq!(sent(Lie::SelectUntold, "SELECT 1"), Some(pack(&["SELECT", "0"])));
    assert_eq!(sent(Lie::SelectUntold, "SELECT 2"), None);
    let later = sent(Lie::ExpiryUntold, "SET k v PXAT 1700000000000");
    assert_eq!(later, Some(pack(&["SET", "k", "v", "PXAT", "2700000000000"])));
}

#[test]
fn a_client_is_told_that_another_key_changed() {
    let place = Place { handle: 9, peer: Some(Host::Client(crate::id::ClientId(1))) };
    let sent = |text: &str| Liar::new(Lie::InvalidationOther, None).sent(place, text.as_bytes());
    let told = |key: &str| format!(">2\r\n$10\r\ninvalidate\r\n*1\r\n$9\r\n{key}:1\r\n$1\r\nv\r\n");
    assert_eq!(sent(&told("tracked")), Some(told("tracker").into_bytes()));
    assert_eq!(sent("$9\r\ntracked:1\r\n"), None);
}
