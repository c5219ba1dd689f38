//! What the log says of a chunk between a replica and its primary.
//!
//! The bytes themselves are not in a log. This is what is left of them for whoever asks later which node had executed
//! which command: the steps of the handshake, and of the stream each command's length and digest.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a chunk says, as far as it is of the replication protocol (`replication.c`). A chunk may say several things; it
/// says them in the order of the fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replicated {
    /// From a replica: `PSYNC`, the history it has and the offset of the first byte it lacks; `?` and -1 if it has none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub asks: Option<Position>,
    /// From a replica: the last offset of a `REPLCONF ACK`, up to which it has executed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ack: Option<u64>,
    /// From a primary: what it answers to `PSYNC`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub answer: Option<Answer>,
    /// From a primary: the last byte of its data set is in the chunk.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub whole: Option<bool>,
    /// From a primary: the offset behind the last command that ends in the chunk.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub to: Option<u64>,
    /// From a primary: how many bytes of the chunk come after that command; absent if there are none.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub rest: u64,
    /// From a primary: the commands that end in the chunk.
    #[serde(skip_serializing_if = "Commands::is_empty", default)]
    pub commands: Commands,
    /// From a primary: the offset behind which comes what is no command. Nothing is told of the stream from there on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub no_command: Option<u64>,
}

/// A place in a replication history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The history's id: 40 hexadecimal digits, or `?`.
    pub id: String,
    /// The offset.
    pub offset: i64,
}

/// What a primary answers to a replica that asks for its history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// `+FULLRESYNC`: the data set as of this position follows, then the stream.
    Full(Position),
    /// `+CONTINUE`: the stream follows; the history's new id, empty if the server is too old to say it.
    Continue(String),
    /// `+DUALCHANNELSYNC`: the replica is to ask for the data set on another connection, and then again on this one.
    Dual,
    /// `$ENDOFF`: on that other connection the data set as of this position follows, and nothing else.
    Snapshot(Position),
}

/// One command of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// How many bytes it has.
    pub len: u64,
    /// Of a `SET` the digest of its key and value ([`write_digest`](crate::history::write_digest)), of another the digest
    /// of its bytes.
    pub digest: u64,
}

/// Commands in their order; in the log one text, `length:digest` each, hexadecimal, with blanks between.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Commands(pub Vec<Command>);

/// A text that lists no commands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} lists no commands")]
pub struct NoCommands(String);

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Replicated {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Replicated::default()
    }
}

impl Commands {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each command with the offset behind it, where the last one ends at `to`.
    pub fn ending_at(&self, to: u64) -> impl Iterator<Item = (u64, &Command)> {
        let all: u64 = self.0.iter().map(|command| command.len).sum();
        let begin = to.saturating_sub(all);
        self.0.iter().scan(begin, |at, command| {
            *at += command.len;
            Some((*at, command))
        })
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}:{:x}", self.len, self.digest)
    }
}

impl FromStr for Command {
    type Err = NoCommands;

    fn from_str(text: &str) -> Result<Self, NoCommands> {
        let number = |digits: &str| u64::from_str_radix(digits, 16).ok();
        let command = text
            .split_once(':')
            .and_then(|(len, digest)| Some(Command { len: number(len)?, digest: number(digest)? }));
        // Only the text that it is written as, so that what is read is written again.
        command.filter(|command| command.to_string() == text).ok_or_else(|| NoCommands(text.to_owned()))
    }
}

impl From<Commands> for String {
    fn from(commands: Commands) -> String {
        let words: Vec<String> = commands.0.iter().map(Command::to_string).collect();
        words.join(" ")
    }
}

impl TryFrom<String> for Commands {
    type Error = NoCommands;

    fn try_from(text: String) -> Result<Self, NoCommands> {
        text.split(' ').map(str::parse).collect::<Result<_, _>>().map(Commands)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands() -> Commands {
        Commands(vec![Command { len: 14, digest: 0xabc }, Command { len: 60, digest: u64::MAX }])
    }

    #[test]
    fn commands_are_one_text_and_read_again() {
        let said = Replicated { to: Some(100), commands: commands(), ..Replicated::default() };
        let text = serde_json::to_string(&said).expect("it is written");
        assert_eq!(text, r#"{"to":100,"commands":"e:abc 3c:ffffffffffffffff"}"#);
        assert_eq!(serde_json::from_str::<Replicated>(&text).expect("it is read"), said);
        for wrong in ["", "e", "e:", "0e:1", "e:1  e:1", "-1:2"] {
            assert!(Commands::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_handshake_is_told_by_its_steps() {
        let position = || Position { id: "?".to_owned(), offset: -1 };
        for (said, text) in [
            (
                Replicated { asks: Some(position()), ..Replicated::default() },
                r#"{"asks":{"id":"?","offset":-1}}"#,
            ),
            (Replicated { answer: Some(Answer::Dual), ..Replicated::default() }, r#"{"answer":"dual"}"#),
            (
                Replicated { answer: Some(Answer::Full(position())), ..Replicated::default() },
                r#"{"answer":{"full":{"id":"?","offset":-1}}}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&said).expect("it is written"), text);
            assert_eq!(serde_json::from_str::<Replicated>(text).expect("it is read"), said);
        }
    }

    #[test]
    fn each_command_ends_where_the_next_begins() {
        let ends: Vec<u64> = commands().ending_at(100).map(|(end, _)| end).collect();
        assert_eq!(ends, [40, 100]);
    }
}
