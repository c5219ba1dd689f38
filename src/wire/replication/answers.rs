//! The primary's direction of a replication link: its answer to `PSYNC`, its data set, and the stream of commands.
//!
//! The protocol is that of `replication.c` (`replicationSetupReplicaForFullResync`, `primaryTryPartialResynchronization`,
//! `sendCurrentOffsetToReplica`) in Valkey 8.0 to 9.1 and Redis 7. Between the answer and the data set, and
//! before the answer, a primary sends line ends to show that it lives.

use memchr::memmem;
use xxhash_rust::xxh3::xxh3_64;

use super::command::{Broken, Commands, Whole};
use crate::event::{Answer, Command, Position, Replicated};
use crate::history::write_digest;

/// How long the mark is that ends a data set of unknown length (`RDB_EOF_MARK_SIZE`).
const MARK_BYTES: usize = 40;
/// The longest line of a handshake (`$ENDOFF` with its numbers is the longest).
const LINE_BYTES_MAX: usize = 256;

/// What a primary is expected to send next.
#[derive(Debug)]
enum State {
    /// Nothing of interest: a handshake, or an answer that leads nowhere.
    Idle,
    /// The answer to `PSYNC` from this offset, or to `SYNC`.
    Answer { line: Vec<u8>, from: Option<i64> },
    /// The first line of the data set; the stream follows from this offset, if one follows.
    Head { line: Vec<u8>, then: Option<u64> },
    /// So many bytes of the data set.
    Data { left: u64, then: Option<u64> },
    /// The data set, until the mark; the last bytes that may be its begin.
    Marked { mark: Vec<u8>, tail: Vec<u8>, then: Option<u64> },
    /// Commands, from this offset.
    Stream { commands: Commands, at: u64 },
}

/// What one end of a link sends to a replica.
#[derive(Debug)]
pub struct Answers(State);

impl Answers {
    /// Before anything was asked.
    pub fn new() -> Self {
        Answers(State::Idle)
    }

    /// The replica asked for the history from an offset on, or for the data set alone (`SYNC`).
    pub fn asked(&mut self, from: Option<i64>) {
        if !matches!(self.0, State::Stream { .. }) {
            self.0 = State::Answer { line: Vec::new(), from };
        }
    }

    /// What the next bytes say.
    pub fn read(&mut self, mut bytes: &[u8]) -> Replicated {
        let mut said = Replicated::default();
        while !bytes.is_empty() {
            let state = std::mem::replace(&mut self.0, State::Idle);
            let (next, taken) = state.step(bytes, &mut said);
            self.0 = next;
            bytes = &bytes[taken..];
        }
        said
    }
}

impl State {
    /// Takes some bytes: what is expected after them, and how many they are (at least one).
    fn step(self, bytes: &[u8], said: &mut Replicated) -> (State, usize) {
        match self {
            State::Idle => (State::Idle, bytes.len()),
            State::Answer { line, from } => {
                with_line(line, bytes, |line| State::Answer { line, from }, |line| answered(line, from, said))
            }
            State::Head { line, then } => {
                with_line(line, bytes, |line| State::Head { line, then }, |line| head(line, then))
            }
            State::Data { left, then } => {
                let taken = left.min(bytes.len() as u64);
                (State::data(left - taken, then, said), taken as usize)
            }
            State::Marked { mark, tail, then } => marked(mark, tail, bytes, then, said),
            State::Stream { commands, at } => (stream(commands, at, bytes, said), bytes.len()),
        }
    }

    fn data(left: u64, then: Option<u64>, said: &mut Replicated) -> State {
        if left > 0 { State::Data { left, then } } else { State::behind_data(then, said) }
    }

    fn behind_data(then: Option<u64>, said: &mut Replicated) -> State {
        said.whole = Some(true);
        then.map_or(State::Idle, |at| State::Stream { commands: Commands::default(), at })
    }
}

/// Adds to a line; what comes after it if it is whole. Empty lines are signs of life.
fn with_line(
    mut line: Vec<u8>,
    bytes: &[u8],
    again: impl FnOnce(Vec<u8>) -> State,
    whole: impl FnOnce(&str) -> State,
) -> (State, usize) {
    let end = memchr::memchr(b'\n', bytes);
    let taken = end.map_or(bytes.len(), |end| end + 1);
    line.extend_from_slice(&bytes[..end.unwrap_or(bytes.len())]);
    if line.len() > LINE_BYTES_MAX {
        return (State::Idle, taken);
    }
    let text = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
    match end {
        Some(_) if text.is_empty() => (again(Vec::new()), taken),
        Some(_) => (whole(&text), taken),
        None => (again(line), taken),
    }
}

/// What follows an answer.
fn answered(line: &str, from: Option<i64>, said: &mut Replicated) -> State {
    let words: Vec<&str> = line.split(' ').collect();
    match words[..] {
        ["+FULLRESYNC", id, offset] => {
            let Ok(offset) = offset.parse::<u64>() else {
                return State::Idle;
            };
            said.answer = Some(Answer::Full(position(id, offset)));
            State::Head { line: Vec::new(), then: Some(offset) }
        }
        ["+CONTINUE", ref id @ ..] => {
            said.answer = Some(Answer::Continue(id.concat()));
            // The replica names the first byte that it lacks.
            let at = from.and_then(|from| u64::try_from(from - 1).ok());
            at.map_or(State::Idle, |at| State::Stream { commands: Commands::default(), at })
        }
        ["+DUALCHANNELSYNC"] => {
            said.answer = Some(Answer::Dual);
            State::Idle
        }
        // Only `SYNC` is answered with the data set at once: on the second channel behind its position.
        [first, id, ..] if from.is_none() && first.starts_with("$ENDOFF:") => {
            let offset = first.trim_start_matches("$ENDOFF:").parse::<u64>();
            said.answer = offset.ok().map(|offset| Answer::Snapshot(position(id, offset)));
            State::Head { line: Vec::new(), then: None }
        }
        // A late answer to what came before the question.
        [first, ..] if first.starts_with('+') => State::Answer { line: Vec::new(), from },
        [_] if from.is_none() => head(line, None),
        _ => State::Idle,
    }
}

fn position(id: &str, offset: u64) -> Position {
    Position { id: id.to_owned(), offset: offset as i64 }
}

/// What follows the first line of a data set: its length, or the mark at its end.
fn head(line: &str, then: Option<u64>) -> State {
    let Some(rest) = line.strip_prefix('$') else {
        return State::Idle;
    };
    match (rest.strip_prefix("EOF:"), rest.parse::<u64>()) {
        (Some(mark), _) if mark.len() == MARK_BYTES => {
            State::Marked { mark: mark.as_bytes().to_vec(), tail: Vec::new(), then }
        }
        (_, Ok(left)) => State::Data { left, then },
        _ => State::Idle,
    }
}

fn marked(
    mark: Vec<u8>,
    mut tail: Vec<u8>,
    bytes: &[u8],
    then: Option<u64>,
    said: &mut Replicated,
) -> (State, usize) {
    let kept = tail.len();
    // The mark may have begun in the bytes before: look where the two meet, then in what is new.
    tail.extend_from_slice(&bytes[..bytes.len().min(MARK_BYTES - 1)]);
    let found = memmem::find(&tail, &mark).map(|at| at + MARK_BYTES - kept);
    let found = found.or_else(|| memmem::find(bytes, &mark).map(|at| at + MARK_BYTES));
    if let Some(taken) = found {
        return (State::behind_data(then, said), taken);
    }
    tail.truncate(kept);
    tail.extend_from_slice(&bytes[bytes.len().saturating_sub(MARK_BYTES - 1)..]);
    let surplus = tail.len().saturating_sub(MARK_BYTES - 1);
    tail.drain(..surplus);
    (State::Marked { mark, tail, then }, bytes.len())
}

fn stream(mut commands: Commands, mut at: u64, bytes: &[u8], said: &mut Replicated) -> State {
    commands.push(bytes);
    loop {
        match commands.pop() {
            Ok(Some(command)) => {
                let len = command.bytes.len() as u64;
                at += len;
                said.to = Some(at);
                said.commands.0.push(Command { len, digest: digest(&command) });
            }
            Ok(None) => {
                said.rest = commands.rest() * u64::from(said.to.is_some());
                return State::Stream { commands, at };
            }
            Err(Broken) => {
                said.no_command = Some(at);
                return State::Idle;
            }
        }
    }
}

fn digest(command: &Whole) -> u64 {
    match (command.parts[1], command.parts[2]) {
        (Some(key), Some(value)) if command.says(0, "SET") => write_digest(key, value),
        _ => xxh3_64(command.bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SET: &[u8] = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n";
    const ID: &str = "aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd";

    /// What all pieces say together, each a byte long.
    fn read(answers: &mut Answers, bytes: &[u8]) -> Vec<Replicated> {
        let all = bytes.chunks(1).map(|byte| answers.read(byte));
        all.filter(|said| !said.is_empty()).collect()
    }

    fn asked(from: Option<i64>) -> Answers {
        let mut answers = Answers::new();
        answers.asked(from);
        answers
    }

    fn set_ends_at(to: u64) -> Replicated {
        let commands = vec![Command { len: SET.len() as u64, digest: write_digest(b"k", b"v") }];
        Replicated { to: Some(to), commands: crate::event::Commands(commands), ..Replicated::default() }
    }

    fn answer(answer: Answer) -> Replicated {
        Replicated { answer: Some(answer), ..Replicated::default() }
    }

    fn whole() -> Replicated {
        Replicated { whole: Some(true), ..Replicated::default() }
    }

    #[test]
    fn a_data_set_of_known_length_is_passed_over() {
        let bytes = [format!("\n\n+FULLRESYNC {ID} 100\r\n\n$5\r\n").as_bytes(), b"*1\r\n$", SET].concat();
        let position = Position { id: ID.to_owned(), offset: 100 };
        let expected = [answer(Answer::Full(position)), whole(), set_ends_at(100 + SET.len() as u64)];
        assert_eq!(read(&mut asked(Some(-1)), &bytes), expected);
        let at_once = asked(Some(-1)).read(&bytes);
        assert!(at_once.answer.is_some() && at_once.whole == Some(true) && at_once.to == expected[2].to);
    }

    #[test]
    fn what_follows_the_last_whole_command_is_counted() {
        let mut answers = asked(Some(1));
        let said = answers.read(&[b"+CONTINUE\r\n", SET, &SET[..7]].concat());
        assert_eq!((said.to, said.rest), (Some(SET.len() as u64), 7));
        assert!(answers.read(&SET[7..9]).is_empty());
        let said = answers.read(&SET[9..]);
        assert_eq!((said.to, said.rest), (Some(2 * SET.len() as u64), 0));
    }

    #[test]
    fn a_data_set_ends_with_its_mark() {
        let data = format!("+FULLRESYNC {ID} 100\r\n$EOF:{ID}\r\n{}half {}{ID}", &ID[..20], &ID[..39]);
        for size in 1..60 {
            let mut answers = asked(Some(-1));
            let bytes = [data.as_bytes(), SET].concat();
            let said: Vec<Replicated> = bytes.chunks(size).map(|piece| answers.read(piece)).collect();
            let ends: Vec<u64> = said.iter().filter_map(|said| said.to).collect();
            assert_eq!(ends, [100 + SET.len() as u64], "pieces of {size}");
            assert_eq!(said.iter().filter(|said| said.whole == Some(true)).count(), 1);
        }
    }

    #[test]
    fn a_partial_synchronisation_goes_on_before_the_byte_that_was_asked_for() {
        let bytes = [format!("+CONTINUE {ID}\r\n").as_bytes(), SET].concat();
        let expected = [answer(Answer::Continue(ID.to_owned())), set_ends_at(41 + SET.len() as u64)];
        assert_eq!(read(&mut asked(Some(42)), &bytes), expected);
    }

    #[test]
    fn with_two_channels_the_stream_begins_with_the_second_question() {
        let mut stream = asked(Some(-1));
        assert_eq!(read(&mut stream, b"+DUALCHANNELSYNC\r\n"), [answer(Answer::Dual)]);
        stream.asked(Some(8));
        let bytes = [format!("+CONTINUE {ID}\r\n").as_bytes(), SET].concat();
        assert_eq!(read(&mut stream, &bytes)[1], set_ends_at(7 + SET.len() as u64));
        let mut data = asked(None);
        let bytes = format!("$ENDOFF:7 {ID} 0 23\r\n$EOF:{ID}\r\nREDIS{ID}trailing");
        let position = Position { id: ID.to_owned(), offset: 7 };
        assert_eq!(read(&mut data, bytes.as_bytes()), [answer(Answer::Snapshot(position)), whole()]);
    }

    #[test]
    fn what_leads_nowhere_says_nothing() {
        for bytes in ["-NOMASTERLINK Can't SYNC\r\n", "-ERR no\r\n", "+FULLRESYNC x\r\n", "+OK\r\n"] {
            assert!(read(&mut asked(Some(5)), bytes.as_bytes()).is_empty(), "{bytes}");
        }
        assert!(Answers::new().read(SET).is_empty(), "nobody asked");
    }

    #[test]
    fn a_stream_that_is_none_of_commands_says_no_more() {
        let mut answers = asked(Some(1));
        let bytes = [b"+CONTINUE\r\n", SET, b"garbage\r\n", SET].concat();
        let said = answers.read(&bytes);
        assert_eq!((said.commands.0.len(), said.no_command), (1, said.to));
        assert!(answers.read(SET).is_empty());
    }
}
