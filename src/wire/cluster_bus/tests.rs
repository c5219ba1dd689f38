//! Round trips, offsets taken from the server's header file, and streams in pieces.

use expect_test::{Expect, expect};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::wire::{SlotMap, SlotRange};

fn check(actual: impl fmt::Debug, expected: Expect) {
    expected.assert_eq(&format!("{actual:?}"));
}

/// A message built by offsets alone, as the server's `static_assert`s give them.
fn raw(r#type: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; FULL_HEADER_BYTES];
    bytes.extend(payload);
    let length = (bytes.len() as u32).to_be_bytes();
    for (at, field) in [
        (0, &b"RCmb"[..]),
        (4, &length),
        (8, &[0, 1]),
        (10, &6379u16.to_be_bytes()),
        (12, &r#type.to_be_bytes()),
        (16, &7u64.to_be_bytes()),
        (24, &5u64.to_be_bytes()),
        (32, &1234u64.to_be_bytes()),
        (40, &[b'a'; 40]),
        (80, &[0b111]),
        (2128, &[b'b'; 40]),
        (2168, b"10.0.0.4"),
        (2246, &6380u16.to_be_bytes()),
        (2248, &16379u16.to_be_bytes()),
        (2250, &0x2402u16.to_be_bytes()),
        (2252, &[1, 0b11]),
    ] {
        bytes[at..at + field.len()].copy_from_slice(field);
    }
    bytes
}

/// A light message, as 8.0 sends PUBLISH.
fn raw_light(r#type: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = b"RCmb".to_vec();
    bytes.extend((16 + payload.len() as u32).to_be_bytes());
    for field in [1, 0, r#type | 0x8000, 0] {
        bytes.extend(u16::to_be_bytes(field));
    }
    bytes.extend(payload);
    bytes
}

#[test]
fn every_field_is_read_where_the_server_puts_it() {
    let message = decode(&raw(5, &[])).expect("a vote is asked for");
    let Head::Full(header) = &message.head else { panic!("a light header") };
    assert!(header.message_flags.paused() && header.message_flags.force_ack());
    assert_eq!(header.announced_ip(), "10.0.0.4");
    check(
        (header.port, header.other_port, header.bus_port, header.state, header.offset, header.flags),
        expect!["(6379, 6380, 16379, 1, 1234, NodeFlags(replica,extensions,my_primary_fail))"],
    );
    check(
        (header.sender, header.replica_of, &header.slots, &message.payload),
        expect![
            "(NodeName(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa), NodeName(bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb), SlotMap(0-2), FailoverAuthRequest)"
        ],
    );
}

#[test]
fn a_summary_says_type_and_epochs_and_light_messages_have_none() {
    check(
        summarise(&raw(6, &[])),
        expect![
            "Some(BusSummary { type: MessageType(6), current_epoch: Some(7), config_epoch: Some(5), paused: Some(true), forced: Some(true), offset: None, claim: None, about: None, gossip: [], published: None })"
        ],
    );
    check(
        summarise(&raw_light(10, &[0; 8])),
        expect![
            "Some(BusSummary { type: MessageType(10), current_epoch: None, config_epoch: None, paused: None, forced: None, offset: None, claim: None, about: None, gossip: [], published: None })"
        ],
    );
    check(summarise(&raw(11, &[])[..32]).map(|summary| summary.r#type), expect!["None"]);
    assert_eq!((summarise(&raw(0, &[])[..31]), summarise(b"PING")), (None, None));
    assert_eq!(sender_of(&raw(0, &[])), Some(NodeName([b'a'; 40])));
    assert_eq!(sender_of(&raw_light(4, &[0; 100])), None);
}

#[test]
fn gossip_and_extensions_are_read_and_unknown_ones_kept() {
    let mut payload = vec![b'c'; 40];
    payload.extend([0, 0, 0, 9, 0, 0, 0, 8]);
    payload.extend(b"10.0.0.2");
    payload.resize(94, 0);
    payload.extend([0x18, 0xeb, 0x3f, 0xfb, 0, 0b1001, 0, 0, 0xee, 0xff]);
    payload.extend([0, 0, 0, 16, 0, 0, 0, 0]);
    payload.extend(b"host-1\0\xaa");
    payload.extend([0, 0, 0, 16, 0, 99, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    let mut bytes = raw(0, &payload);
    bytes[15] = 1;
    bytes[2215] = 2;
    let message = decode(&bytes).expect("a ping");
    let gossip = message.payload.gossip().expect("pings have gossip");
    let entry = &gossip.entries[0];
    check(
        (entry.address(), entry.port, entry.bus_port, entry.flags, entry.ping_sent_s),
        expect![[r#"("10.0.0.2", 6379, 16379, NodeFlags(primary,fail), 9)"#]],
    );
    let values: Vec<_> = gossip.extensions.iter().map(Extension::value).collect();
    check(values, expect![[r#"[Hostname("host-1"), Other]"#]]);
    assert_eq!(encode(&message), bytes);
}

#[test]
fn what_the_server_would_not_accept_is_refused_by_name() {
    let mut version = raw(0, &[]);
    version[9] = 2;
    let mut entries = raw(0, &[]);
    entries[15] = 1;
    let mut short = raw(5, &[]);
    short.truncate(100);
    short[4..8].copy_from_slice(&100u32.to_be_bytes());
    let cases = [
        b"*1\r\n$4\r\nPING\r\n".to_vec(),
        b"RCmb\0\0\0\x0f".to_vec(),
        b"RCmb\xff\xff\xff\xff".to_vec(),
        raw(0, &[])[..50].to_vec(),
        version,
        entries,
        short,
        raw(5, &[0]),
        raw_light(0, &[]),
        raw_light(4, &[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0]),
        Vec::new(),
    ];
    let errors: Vec<String> =
        cases.iter().map(|bytes| decode(bytes).expect_err("refused").to_string()).collect();
    expect![[r#"
        bad signature on the cluster bus
        bad length 15 on the cluster bus
        bad length 4294967295 on the cluster bus
        message of 2256 bytes comes with 50
        unknown cluster bus version 2
        ping whose payload does not fit its length
        message of 2256 bytes comes with 100
        failover_auth_request whose payload does not fit its length
        ping with a light header
        publish whose payload does not fit its length
        message of 16 bytes comes with 0"#]]
    .assert_eq(&errors.join("\n"));
}

#[test]
fn a_framer_hands_on_the_rest_of_a_stream_that_is_no_bus() {
    let mut framer = Framer::new();
    let good = raw(8, &[]);
    framer.push(&good);
    framer.push(b"RCxx and more");
    assert_eq!(framer.next_message(), Some(Ok(good)));
    assert_eq!(framer.next_message(), Some(Err(BusError::BadSignature)));
    assert_eq!(framer.next_message(), None);
    assert!(framer.is_broken());
    framer.push(b" bytes");
    assert_eq!(framer.take_rest(), b"RCxx and more bytes");
    assert_eq!(framer.take_rest(), b"");
}

#[test]
fn a_framer_refuses_lengths_nobody_sends_before_it_waits_for_them() {
    for length in [0u32, 15, (64 << 20) + 1, u32::MAX] {
        let mut framer = Framer::new();
        framer.push(b"RCmb");
        assert_eq!(framer.next_message(), None);
        framer.push(&length.to_be_bytes());
        assert_eq!(framer.next_message(), Some(Err(BusError::BadLength(length))));
    }
}

#[test]
fn types_are_named_both_ways() {
    for n in 0..11 {
        assert_eq!(MessageType(n).to_string().parse(), Ok(MessageType(n)));
    }
    for text in ["pang", "type_3", "type_"] {
        assert!(text.parse::<MessageType>().is_err(), "{text}");
    }
}

fn names() -> impl Strategy<Value = NodeName> {
    any::<[u8; 20]>().prop_map(|half| {
        let mut name = [b'0'; 40];
        name[..20].copy_from_slice(&half);
        NodeName(name)
    })
}

fn slots() -> impl Strategy<Value = SlotMap> {
    vec((0u16..16_384, 0u16..500), 0..4).prop_map(|ranges| {
        ranges.into_iter().map(|(first, n)| SlotRange { first, last: (first + n).min(16_383) }).collect()
    })
}

fn address() -> impl Strategy<Value = [u8; 46]> {
    any::<[u8; 16]>().prop_map(|part| {
        let mut field = [0; 46];
        field[..16].copy_from_slice(&part);
        field
    })
}

fn headers() -> impl Strategy<Value = FullHeader> {
    let numbers = (any::<[u16; 6]>(), any::<[u64; 3]>(), any::<[u8; 3]>(), any::<u8>());
    (numbers, names(), names(), slots(), address(), any::<[u8; 30]>()).prop_map(
        |((short, long, message_flags, state), sender, replica_of, slots, ip, unused)| FullHeader {
            port: short[0],
            count: short[1],
            extensions: short[2],
            other_port: short[3],
            bus_port: short[4],
            flags: NodeFlags(short[5]),
            current_epoch: long[0],
            config_epoch: long[1],
            offset: long[2],
            sender,
            slots,
            replica_of,
            ip,
            unused,
            state,
            message_flags: MessageFlags(message_flags),
        },
    )
}

fn gossip() -> impl Strategy<Value = Gossip> {
    let entry = (names(), any::<[u32; 2]>(), address(), any::<[u16; 4]>(), any::<[u8; 2]>()).prop_map(
        |(name, seconds, ip, short, unused)| GossipEntry {
            name,
            ping_sent_s: seconds[0],
            pong_received_s: seconds[1],
            ip,
            port: short[0],
            bus_port: short[1],
            flags: NodeFlags(short[2]),
            other_port: short[3],
            unused,
        },
    );
    let extension = (0u16..12, any::<[u8; 2]>(), vec(any::<u8>(), 0..60))
        .prop_map(|(r#type, unused, data)| Extension { unused, ..Extension::new(r#type, &data) });
    (vec(entry, 0..5), vec(extension, 0..5)).prop_map(|(entries, extensions)| Gossip { entries, extensions })
}

fn payloads() -> impl Strategy<Value = Payload> {
    let publication = || {
        (vec(any::<u8>(), 0..20), vec(any::<u8>(), 0..50))
            .prop_map(|(channel, message)| Publication { channel, message })
    };
    prop_oneof![
        gossip().prop_map(Payload::Ping),
        gossip().prop_map(Payload::Pong),
        gossip().prop_map(Payload::Meet),
        names().prop_map(Payload::Fail),
        publication().prop_map(Payload::Publish),
        Just(Payload::FailoverAuthRequest),
        Just(Payload::FailoverAuthAck),
        (any::<u64>(), names(), slots()).prop_map(|(config_epoch, name, slots)| Payload::Update(Box::new(
            Update { config_epoch, name, slots }
        ))),
        Just(Payload::MfStart),
        (any::<u64>(), any::<u8>(), vec(any::<u8>(), 0..50))
            .prop_map(|(module, r#type, bytes)| Payload::Module(ModuleData { module, r#type, bytes })),
        publication().prop_map(Payload::PublishShard),
        (11u16..0x8000, vec(any::<u8>(), 0..50))
            .prop_map(|(n, bytes)| Payload::Unknown { r#type: MessageType(n), bytes }),
    ]
}

fn messages() -> impl Strategy<Value = Message> {
    (headers(), payloads(), any::<bool>(), any::<[[u8; 2]; 2]>()).prop_map(
        |(mut header, payload, light, unused)| {
            if let Some(gossip) = payload.gossip() {
                header.count = gossip.entries.len() as u16;
                header.extensions = gossip.extensions.len() as u16;
            }
            let head = match light && payload.r#type().may_be_light() {
                true => Head::Light { unused },
                false => Head::Full(Box::new(header)),
            };
            Message { head, payload }
        },
    )
}

proptest! {
    #[test]
    fn messages_come_back_as_they_were(message in messages()) {
        let bytes = encode(&message);
        prop_assert_eq!(decode(&bytes), Ok(message.clone()));
        let summary = summarise(&bytes).expect("a message has a summary");
        prop_assert_eq!(summary.r#type, message.r#type());
        prop_assert_eq!(sender_of(&bytes), message.sender());
    }

    #[test]
    fn bytes_that_are_a_message_come_back_as_they_were(
        message in messages(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        near in vec((0usize..17, any::<u8>()), 0..2),
    ) {
        let mut bytes = encode(&message);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        for (at, byte) in near.into_iter().filter(|(at, _)| *at < 16) {
            bytes[at] = byte;
        }
        summarise(&bytes);
        if let Ok(message) = decode(&bytes) {
            prop_assert_eq!(encode(&message), bytes);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..400), cut in 0usize..3000) {
        let _ = (decode(&bytes), summarise(&bytes), sender_of(&bytes));
        let mut message = raw(0, &bytes);
        let _ = decode(&message);
        message.truncate(cut);
        let _ = (decode(&message), summarise(&message), sender_of(&message));
        let mut framer = Framer::new();
        framer.push(&bytes);
        while framer.next_message().is_some() {}
        prop_assert!(framer.take_rest().len() <= bytes.len());
    }

    #[test]
    fn a_stream_is_cut_into_the_same_messages_however_it_arrives(
        messages in vec(messages(), 1..5),
        pieces in vec(1usize..4000, 1..12),
    ) {
        let whole: Vec<Vec<u8>> = messages.iter().map(encode).collect();
        let stream = whole.concat();
        let (mut framer, mut rest, mut got) = (Framer::new(), &stream[..], Vec::new());
        for piece in pieces.into_iter().cycle() {
            let (now, later) = rest.split_at(piece.min(rest.len()));
            framer.push(now);
            got.extend(std::iter::from_fn(|| framer.next_message()).map(|message| message.expect("whole")));
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(got, whole);
        prop_assert_eq!(framer.take_rest(), Vec::<u8>::new());
    }
}
