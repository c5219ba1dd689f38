//! What a server answers about itself when it is read out, as the log has it: plain values, whatever the protocol.

use serde::{Deserialize, Serialize};

/// What a node is asked about itself at the end of a run, all in one go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// `CLUSTER NODES`.
    Nodes,
    /// `CLUSTER SLOTS`.
    Slots,
    /// `CLUSTER SHARDS`.
    Shards,
    /// `CLUSTER INFO`.
    Info,
    /// `CLUSTER LINKS`.
    Links,
    /// `CLUSTER MYID`.
    Id,
    /// `CLUSTER MYSHARDID`.
    ShardId,
    /// `ROLE`.
    Role,
    /// `INFO replication`.
    Replication,
    /// `CLUSTER GETSLOTMIGRATIONS`, an error where the server has none.
    SlotMigrations,
    /// What it holds, of several sections of `INFO`: a flat list of names and numbers.
    Resources,
    /// `PEXPIRETIME` of each key that expires, as a flat list of keys and instants.
    Expiries,
}

/// A server's answer: its texts, numbers and lists. Maps are flat lists of names and values, as in the second version
/// of the protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Said {
    /// Nil.
    Nothing,
    /// An integer.
    Number(i64),
    /// A text; bytes that are not UTF-8 are replaced.
    Text(String),
    /// A list.
    List(Vec<Said>),
    /// It answered with an error, or did not answer.
    Error {
        /// In its own words.
        error: String,
    },
}

impl Topic {
    /// All that a node is asked, in the order of asking.
    pub const ASKED: [Topic; 11] = [
        Topic::Nodes,
        Topic::Slots,
        Topic::Shards,
        Topic::Info,
        Topic::Links,
        Topic::Id,
        Topic::ShardId,
        Topic::Role,
        Topic::Replication,
        Topic::SlotMigrations,
        Topic::Resources,
    ];

    /// The command.
    pub fn command(self) -> &'static [&'static str] {
        match self {
            Topic::Nodes => &["CLUSTER", "NODES"],
            Topic::Slots => &["CLUSTER", "SLOTS"],
            Topic::Shards => &["CLUSTER", "SHARDS"],
            Topic::Info => &["CLUSTER", "INFO"],
            Topic::Links => &["CLUSTER", "LINKS"],
            Topic::Id => &["CLUSTER", "MYID"],
            Topic::ShardId => &["CLUSTER", "MYSHARDID"],
            Topic::Role => &["ROLE"],
            Topic::Replication => &["INFO", "replication"],
            Topic::SlotMigrations => &["CLUSTER", "GETSLOTMIGRATIONS"],
            Topic::Resources => {
                &["INFO", "clients", "memory", "persistence", "replication", "keyspace", "commandstats"]
            }
            Topic::Expiries => &["PEXPIRETIME"],
        }
    }
}

impl Said {
    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Said::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if it is one.
    pub fn number(&self) -> Option<i64> {
        match self {
            Said::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// The parts, if it is a list.
    pub fn list(&self) -> Option<&[Said]> {
        match self {
            Said::List(parts) => Some(parts),
            _ => None,
        }
    }

    /// The value after a name in a flat list of names and values.
    pub fn field(&self, name: &str) -> Option<&Said> {
        let mut pairs = self.list()?.chunks_exact(2);
        pairs.find(|pair| pair[0].text() == Some(name)).map(|pair| &pair[1])
    }

    /// Whether it is an error, or no answer.
    pub fn is_error(&self) -> bool {
        matches!(self, Said::Error { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let text = |text: &str| Said::Text(text.to_owned());
        let said = Said::List(vec![
            Said::Nothing,
            Said::Number(-1),
            text("a"),
            Said::List(vec![text("b"), Said::Number(7)]),
            Said::Error { error: "ERR".to_owned() },
        ]);
        let written = serde_json::to_string(&said).expect("plain data");
        assert_eq!(written, r#"[null,-1,"a",["b",7],{"error":"ERR"}]"#);
        assert_eq!(serde_json::from_str::<Said>(&written).expect("what was written"), said);
    }

    #[test]
    fn a_field_is_found_by_its_name() {
        let said: Said = serde_json::from_str(r#"["id","b","port",7,"id"]"#).expect("a list");
        assert_eq!(said.field("port").and_then(Said::number), Some(7));
        assert_eq!(said.field("7"), None);
    }
}
