//! The entries of a scenario's lists of single things: commands of clients, delays of chunks.

use serde::{Deserialize, Serialize};

use super::text::{lists_of_words, words};
use crate::id::Host;

/// One entry of `workload.commands`: what a client asks, and when.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "the keys of a command")]
pub struct Command {
    /// The client's number, from 1.
    pub client: u64,
    /// Seconds after the workload began; later if the client's command before it is still open.
    pub at: f64,
    /// The key that is written.
    pub set: Option<String>,
    /// The key that is read.
    pub get: Option<String>,
    /// What is written; `c2:5` for the fifth command of client 2 if absent.
    pub value: Option<String>,
    /// Any other command, word by word.
    #[serde(default, deserialize_with = "words")]
    pub cmd: Option<Vec<String>>,
    /// Several commands, sent in one go.
    #[serde(default, deserialize_with = "lists_of_words")]
    pub pipeline: Option<Vec<Vec<String>>>,
    /// Several commands between `MULTI` and `EXEC`, sent in one go.
    #[serde(default, deserialize_with = "lists_of_words")]
    pub multi: Option<Vec<Vec<String>>>,
}

impl Command {
    /// The commands of `cmd`, `pipeline` or `multi`, as they are sent.
    pub fn commands(&self) -> Vec<Vec<String>> {
        let word = |word: &str| vec![vec![word.to_owned()]];
        match (&self.cmd, &self.pipeline, &self.multi) {
            (Some(cmd), ..) => vec![cmd.clone()],
            (None, Some(commands), _) => commands.clone(),
            (None, None, Some(commands)) => [word("MULTI"), commands.clone(), word("EXEC")].concat(),
            (None, None, None) => Vec::new(),
        }
    }

    /// The entry that asks for these commands.
    pub fn calling(self, commands: Vec<Vec<String>>) -> Command {
        match commands.as_slice() {
            [one] => Command { cmd: Some(one.clone()), ..self },
            [first, inner @ .., last] if first[..] == ["MULTI"] && last[..] == ["EXEC"] => {
                Command { multi: Some(inner.to_vec()), ..self }
            }
            _ => Command { pipeline: Some(commands), ..self },
        }
    }
}

/// One entry of `network.delays`: how long one chunk takes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "the keys of a delay")]
pub struct Delay {
    /// The host that sends: `node-1`, or `client-1`.
    pub from: Host,
    /// The host that receives.
    pub to: Host,
    /// The how manieth time something goes this way, from 1.
    pub nth: u64,
    /// Milliseconds.
    pub ms: f64,
}
