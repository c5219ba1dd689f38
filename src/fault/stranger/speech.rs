//! What a stranger says on one connection: bytes, drawn from a stream of the connection's own.

use serde::{Deserialize, Serialize};

use super::Port;
use crate::language::Word;
use crate::rng::Stream;

/// What kind of thing is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Says {
    /// Any bytes.
    Junk,
    /// The begin of something sound.
    Truncated,
    /// Something that begins soundly and lies about lengths, counts or types.
    Lying,
    /// A sound command that asks and changes nothing.
    Commands,
    /// Nothing.
    Silent,
}

impl Word for Says {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("junk", Says::Junk),
        ("truncated", Says::Truncated),
        ("lying", Says::Lying),
        ("commands", Says::Commands),
        ("silent", Says::Silent),
    ];
}

/// What is said at a port; nothing at all where nothing is.
pub fn bytes(says: Says, port: Port, stream: &mut Stream) -> Vec<u8> {
    match (says, port) {
        (Says::Silent, _) => Vec::new(),
        (Says::Junk, _) => junk(stream, 3_000),
        (Says::Truncated, Port::Client) => {
            let command = command(stream);
            cut(command, stream)
        }
        (Says::Truncated, Port::Bus) => {
            let message = message(stream, Type::Known);
            cut(message, stream)
        }
        (Says::Lying, Port::Client) => lying_request(stream),
        (Says::Lying, Port::Bus) => lying_message(stream),
        (Says::Commands, _) => command(stream),
    }
}

/// Up to `most` bytes, one at least.
fn junk(stream: &mut Stream, most: u64) -> Vec<u8> {
    let mut bytes = vec![0; stream.range(1..=most) as usize];
    stream.fill(&mut bytes);
    bytes
}

/// The begin of some bytes, without their last one at least.
fn cut(mut bytes: Vec<u8>, stream: &mut Stream) -> Vec<u8> {
    bytes.truncate(stream.range(1..=bytes.len() as u64 - 1) as usize);
    bytes
}

/// Questions that tell of data, settings and users where they are answered.
const QUESTIONS: [&[&str]; 12] = [
    &["GET", "key-1"],
    &["KEYS", "*"],
    &["DBSIZE"],
    &["INFO"],
    &["CONFIG", "GET", "*"],
    &["CLUSTER", "NODES"],
    &["CLUSTER", "SHARDS"],
    &["ACL", "LIST"],
    &["CLIENT", "LIST"],
    &["HELLO", "3"],
    &["COMMAND", "COUNT"],
    &["PING"],
];

fn command(stream: &mut Stream) -> Vec<u8> {
    let words = *stream.pick(&QUESTIONS).expect("there are questions");
    let head = format!("*{}\r\n", words.len());
    let words = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len()));
    std::iter::once(head).chain(words).collect::<String>().into_bytes()
}

/// Begins of requests whose lengths and counts no server can follow (`processMultibulkBuffer`, `networking.c`).
const LIES: [&[u8]; 14] = [
    b"*1000000000\r\n",
    b"*-10\r\n",
    b"*0\r\n*1\r\n$",
    b"*99999999999999999999\r\n",
    b"*2\r\n$2147483648\r\nx",
    b"*2\r\n$-5\r\nGET\r\n",
    b"*1\r\n$0\r\n\r\n",
    b"*3\r\n$3\r\nSET\r\n$536870913\r\n",
    b"*1\r\n:1\r\n",
    b"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPI",
    b"$5\r\nhello\r\n",
    b"\0\0\0\0\r\n",
    b"\"unbalanced 'quotes\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\n\r\n",
];

fn lying_request(stream: &mut Stream) -> Vec<u8> {
    let begin = *stream.pick(&LIES).expect("there are lies");
    let rest = match stream.below(4) {
        // No line of a request may be as long as this (`PROTO_INLINE_MAX_SIZE`).
        0 => vec![b'a'; 70_000],
        1 => junk(stream, 500),
        _ => Vec::new(),
    };
    [begin, &rest].concat()
}

/// Which type a message of the bus has.
enum Type {
    /// One that nodes send each other, but none that makes a stranger one of them.
    Known,
    /// Any number, with the bit for short headers or without.
    Any,
}

/// Where the fields of a message's header are that a lie is told in (`clusterMsg`, `cluster_legacy.h`).
const LENGTH: usize = 4;
const VERSION: usize = 8;
const TYPE: usize = 12;
const COUNT: usize = 14;
const SENDER: std::ops::Range<usize> = 40..80;
const EXTENSIONS: usize = 2214;
const FLAGS: usize = 2250;
const MARKS: usize = 2253;
const HEADER_BYTES: usize = 2256;
/// The type that asks to be taken in, which is no lie.
const MEET: u16 = 2;

/// A message as a node sends it, from nobody that anybody knows.
fn message(stream: &mut Stream, r#type: Type) -> Vec<u8> {
    let mut bytes = vec![0; HEADER_BYTES];
    bytes[..LENGTH].copy_from_slice(b"RCmb");
    put(&mut bytes, VERSION, 1);
    let number = match r#type {
        Type::Known => stream.weighted(&[(1, 0_u16), (1, 1), (1, 3), (1, 4), (1, 5), (1, 6), (1, 7), (1, 8)]),
        Type::Any => stream.below(1 << 16) as u16,
    };
    put(&mut bytes, TYPE, if number & 0x7fff == MEET { MEET + 1 } else { number });
    for byte in &mut bytes[SENDER] {
        *byte = b"0123456789abcdef"[stream.below(16) as usize];
    }
    put(&mut bytes, FLAGS, stream.below(1 << 14) as u16);
    let drawn = stream.range(0..=2_500) as usize;
    let room = if stream.chance(1, 2) { room_of(number) } else { drawn };
    let mut rest = vec![0; room];
    stream.fill(&mut rest);
    bytes.extend(rest);
    let len = bytes.len() as u32;
    bytes[LENGTH..VERSION].copy_from_slice(&len.to_be_bytes());
    bytes
}

/// How many bytes belong behind the header of a message without gossip (`clusterIsValidPacket`).
fn room_of(number: u16) -> usize {
    match number {
        3 => 40,
        7 => 2_096,
        _ => 0,
    }
}

fn lying_message(stream: &mut Stream) -> Vec<u8> {
    let r#type = if stream.chance(1, 4) { Type::Any } else { Type::Known };
    let mut bytes = message(stream, r#type);
    match stream.below(6) {
        0 => {
            let lengths = [(1, 0_u32), (1, 8), (1, 16), (1, 2_256), (1, 0x7fff_ffff), (1, u32::MAX)];
            let length = stream.weighted(&lengths);
            bytes[LENGTH..VERSION].copy_from_slice(&length.to_be_bytes());
        }
        1 => put(&mut bytes, COUNT, stream.weighted(&[(1, 1), (1, 20), (1, 21), (2, u16::MAX)])),
        2 => {
            bytes[MARKS] = 0xff;
            put(&mut bytes, EXTENSIONS, stream.weighted(&[(1, 1), (1, 300), (1, u16::MAX)]));
        }
        3 => put(&mut bytes, VERSION, stream.below(1 << 16) as u16),
        4 => {
            let short = u16::from_be_bytes([bytes[TYPE], bytes[TYPE + 1]]) | 0x8000;
            put(&mut bytes, TYPE, short);
        }
        _ => bytes[SENDER].fill(0),
    }
    bytes
}

/// Writes a number of two bytes, the higher one first.
fn put(bytes: &mut [u8], at: usize, number: u16) {
    bytes[at..at + 2].copy_from_slice(&number.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(says: Says, port: Port, n: u64) -> Vec<u8> {
        bytes(says, port, &mut Stream::new(n, "test", "speech"))
    }

    #[test]
    fn the_same_connection_says_the_same_and_others_say_something_else() {
        for (_, says) in Says::WORDS.iter().filter(|(_, says)| *says != Says::Silent) {
            for (_, port) in Port::WORDS {
                assert_eq!(said(*says, *port, 1), said(*says, *port, 1));
                let distinct: std::collections::BTreeSet<_> =
                    (0..50).map(|n| said(*says, *port, n)).collect();
                assert!(distinct.len() > 5, "{says:?} {port:?}");
                assert!(distinct.iter().all(|bytes| !bytes.is_empty()));
            }
        }
        assert_eq!(said(Says::Silent, Port::Client, 1), b"");
    }

    #[test]
    fn nobody_is_asked_to_be_taken_in() {
        for n in 0..2_000 {
            let bytes = said(Says::Lying, Port::Bus, n);
            let kind = u16::from_be_bytes([bytes[TYPE], bytes[TYPE + 1]]) & 0x7fff;
            assert_ne!(kind, MEET, "{n}");
        }
    }
}
