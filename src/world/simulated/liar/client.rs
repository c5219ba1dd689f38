//! Lies to clients and to whoever reads the cluster out.
//!
//! A client's command is replaced by one whose answer is the lie, so that the server answers in its own order and form.

use super::Liar;
use crate::fault::Lie;
use crate::id::Host;
use crate::wire::resp::pack;

/// How a client is told that what it has read is old.
const INVALIDATE: &[u8] = b">2\r\n$10\r\ninvalidate\r\n";
/// A command that every node answers with `OK` and that does nothing.
pub(super) const DOES_NOTHING: &str = "READWRITE";

impl Liar {
    /// What the server is asked in the place of a client's commands, which came together.
    pub(super) fn asked(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let commands = commands(bytes)?;
        let told = commands.iter().map(|words| self.instead(words)).collect::<Vec<_>>();
        if told.iter().all(Option::is_none) {
            return None;
        }
        let out = commands.iter().zip(told).map(|(words, told)| told.unwrap_or_else(|| pack(words)));
        Some(out.collect::<Vec<_>>().concat())
    }

    /// What the server is asked in the place of one command.
    fn instead(&mut self, words: &[&[u8]]) -> Option<Vec<u8>> {
        let name = words.first()?.to_ascii_uppercase();
        match (self.lie, &name[..], &words[1..]) {
            (Lie::LostWrite, b"SET", _) | (Lie::SelectKeeps, b"SELECT", _) => Some(pack(&[DOES_NOTHING])),
            (Lie::StaleRead, b"SET", [key, value, ..]) => {
                let values = self.values.entry(key.to_vec());
                values.or_insert_with(|| [value.to_vec(), value.to_vec()])[1] = value.to_vec();
                None
            }
            (Lie::StaleRead, b"GET", [key]) => {
                let [first, last] = self.values.get(*key)?;
                (first != last).then(|| pack(&[&b"ECHO"[..], first]))
            }
            (Lie::NilRead, b"GET", [key]) if !key.contains(&b'{') => {
                Some(pack(&[&b"GET"[..], &[b"{", *key, b"}absent"].concat()]))
            }
            (Lie::JunkRead, b"GET", _) => Some(pack(&["ECHO", "junk"])),
            (Lie::WrongMoved, b"GET" | b"SET", _) => {
                let address = Host::Node(self.about?).address();
                let answer = format!("return redis.error_reply('MOVED 0 {address}:6379')");
                Some(pack(&["EVAL", answer.as_str(), "0"]))
            }
            (Lie::AskNowhere, b"GET", _) => {
                let answer = "return redis.error_reply('ASK 0 10.0.0.250:6379')";
                Some(pack(&["EVAL", answer, "0"]))
            }
            (Lie::InvalidationLost, b"CLIENT", [b"TRACKING", ..]) => Some(pack(&[DOES_NOTHING])),
            (_, name, rest) => self.about_data(name, rest),
        }
    }

    /// What a client is told in the place of an answer.
    pub(super) fn tells_client(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        match self.lie {
            Lie::SwallowReply => Some(Vec::new()),
            Lie::DoubleReply => Some([bytes, bytes].concat()),
            Lie::InvalidationOther if bytes.starts_with(INVALIDATE) => {
                replaced(bytes, b"tracked:", b"tracker:")
            }
            Lie::SwallowMessage if is_unasked(bytes, b"message") => Some(Vec::new()),
            Lie::DoubleMessage if is_unasked(bytes, b"message") => Some([bytes, bytes].concat()),
            Lie::SwallowUnsubscribe if is_unasked(bytes, b"sunsubscribe") => Some(Vec::new()),
            _ => None,
        }
    }

    /// What the validator is told in the place of an answer.
    pub(super) fn tells_validator(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        match self.lie {
            Lie::SizeLie => replaced(bytes, b"cluster_size:3", b"cluster_size:2"),
            Lie::SlotsLie => replaced(bytes, b":5460\r\n", b":5459\r\n"),
            Lie::NodesLie => replaced(bytes, b"connected 0-5460", b"connected 0-5459"),
            Lie::FailKept => fail_kept(bytes),
            Lie::ClientsLie => nine_clients(bytes),
            Lie::IdLie => {
                let at = bytes.windows(5).position(|window| window == b"$40\r\n")? + 5;
                let mut out = bytes.to_vec();
                let digit = out.get_mut(at)?;
                *digit = if *digit == b'0' { b'1' } else { b'0' };
                Some(out)
            }
            _ => None,
        }
    }
}

/// Whether bytes begin with what is told unasked and has this word, or one of a shard.
fn is_unasked(bytes: &[u8], word: &[u8]) -> bool {
    let is_told = bytes.starts_with(b"*3\r\n") || bytes.starts_with(b">3\r\n");
    let lines = bytes.get(4..).and_then(|rest| rest.splitn(3, |byte| *byte == b'\n').nth(1));
    let told = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    is_told && told.is_some_and(|told| told == word || told.strip_prefix(b"s") == Some(word))
}

/// The first replica's row of `CLUSTER NODES` says that it failed, and is no longer for it: its last `PONG` has fewer digits.
fn fail_kept(bytes: &[u8]) -> Option<Vec<u8>> {
    const FLAGS: (&[u8], &[u8]) = (b" slave ", b" slave,fail ");
    let flags = bytes.windows(FLAGS.0.len()).position(|window| window == FLAGS.0)?;
    let (before, row) = (&bytes[..flags], &bytes[flags + FLAGS.0.len()..]);
    let fields: Vec<&[u8]> = row.splitn(4, |byte| *byte == b' ').collect();
    let &[primary, ping, pong, rest] = fields.as_slice() else { return None };
    let shorter = pong.get(..pong.len().checked_sub(FLAGS.1.len() - FLAGS.0.len())?)?;
    Some([before, FLAGS.1, primary, b" ", ping, b" ", shorter, b" ", rest].concat())
}

/// The words of each of bytes that are whole commands.
fn commands(mut bytes: &[u8]) -> Option<Vec<Vec<&[u8]>>> {
    let mut commands = Vec::new();
    while !bytes.is_empty() {
        let (count, mut rest) = line(bytes.strip_prefix(b"*")?)?;
        let mut words = Vec::new();
        for _ in 0..count {
            let (length, after) = line(rest.strip_prefix(b"$")?)?;
            let (word, after) = after.split_at_checked(length)?;
            words.push(word);
            rest = after.strip_prefix(b"\r\n")?;
        }
        commands.push(words);
        bytes = rest;
    }
    Some(commands).filter(|commands| !commands.is_empty())
}

/// The number on the first line, and what follows it.
fn line(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let end = bytes.windows(2).position(|window| window == b"\r\n")?;
    let number = std::str::from_utf8(&bytes[..end]).ok()?.parse().ok()?;
    Some((number, &bytes[end + 2..]))
}

/// There are nine clients, if there are fewer than ten.
fn nine_clients(bytes: &[u8]) -> Option<Vec<u8>> {
    const BEFORE: &[u8] = b"connected_clients:";
    let digit = bytes.windows(BEFORE.len()).position(|window| window == BEFORE)? + BEFORE.len();
    let mut out = bytes.to_vec();
    *out.get_mut(digit)? = b'9';
    (bytes.get(digit + 1) == Some(&b'\r')).then_some(out)
}

/// The bytes with one text, wherever it stands, replaced by another one of its length.
pub(super) fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Option<Vec<u8>> {
    let mut out = bytes.to_vec();
    let places: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    places.iter().for_each(|at| out[*at..*at + to.len()].copy_from_slice(to));
    (!places.is_empty()).then_some(out)
}
