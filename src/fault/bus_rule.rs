//! A rule of the cluster bus as data: which messages it is about, and what becomes of them.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::LatencyRange;
use crate::event::MessageType;
use crate::language::Word;
use crate::time::SimDuration;

/// Which messages, and what becomes of them. A message must be all that the rule says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusRule {
    /// Their types; all of them if empty.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub types: Vec<MessageType>,
    /// Which of a pair's two connections carries them; either if absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub dialled_by: Option<Dialler>,
    /// What their senders say in them.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub says: Vec<Says>,
    /// Their current epoch against the receiver's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub epoch: Option<Age>,
    /// Their config epoch against the receiver's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub config_epoch: Option<Age>,
    /// The first of them that is hit, from 1.
    pub nth: u64,
    /// How many are hit from then on; all if absent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub count: Option<u64>,
    /// How many of a hundred of those are.
    pub percent: u64,
    /// What becomes of them.
    pub act: BusAct,
    /// How much later they arrive, if they are delayed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub delay: Option<LatencyRange>,
    /// How much later they arrive once more, if they are replayed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after_ns: Option<SimDuration>,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BusAct {
    /// It is gone.
    Drop,
    /// It is gone, and its connection with it.
    Reset,
    /// It comes later, and what follows on its connection not before it.
    Delay,
    /// It waits until the rule is gone, and what follows on its connection behind it.
    Hold,
    /// It comes twice.
    Duplicate,
    /// The next one on its connection overtakes it.
    Swap,
    /// It comes once more, later.
    Replay,
    /// One bit of it is another.
    Flip,
    /// Its end is missing.
    Truncate,
    /// Its length is not what it says.
    Lie,
}

impl Word for BusAct {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("drop", BusAct::Drop),
        ("reset", BusAct::Reset),
        ("delay", BusAct::Delay),
        ("hold", BusAct::Hold),
        ("duplicate", BusAct::Duplicate),
        ("swap", BusAct::Swap),
        ("replay", BusAct::Replay),
        ("flip", BusAct::Flip),
        ("truncate", BusAct::Truncate),
        ("lie", BusAct::Lie),
    ];
}

impl BusAct {
    /// Whether a network or a server at its limits may do so. Anything else breaks what TCP promises, and servers need not
    /// bear it.
    pub fn is_lawful(self) -> bool {
        matches!(self, BusAct::Drop | BusAct::Reset | BusAct::Delay | BusAct::Hold)
    }

    /// Whether the message itself never reaches anybody.
    pub fn loses(self) -> bool {
        matches!(self, BusAct::Drop | BusAct::Reset)
    }
}

/// Who dialled a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dialler {
    /// The side that the rule names first.
    From,
    /// The other one.
    To,
}

impl Word for Dialler {
    const WORDS: &'static [(&'static str, Self)] = &[("from", Dialler::From), ("to", Dialler::To)];
}

/// An epoch against the receiver's own, as that said it last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Age {
    /// A lower one.
    Older,
    /// The same.
    Same,
    /// A higher one.
    Newer,
}

impl Word for Age {
    const WORDS: &'static [(&'static str, Self)] =
        &[("older", Age::Older), ("same", Age::Same), ("newer", Age::Newer)];
}

/// What the header or the gossip of a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Says {
    /// The sender is a primary.
    Primary,
    /// The sender is a replica.
    Replica,
    /// The sender sees the cluster down.
    ClusterDown,
    /// The sender has stopped its clients for a hand-over.
    Paused,
    /// A vote is asked for although the primary may be well.
    Forced,
    /// Somebody is suspected or failing.
    Doubts,
    /// The sender, as a primary, owns a slot that the receiver owns by its own word.
    ReceiversSlots,
}

impl Word for Says {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("primary", Says::Primary),
        ("replica", Says::Replica),
        ("cluster_down", Says::ClusterDown),
        ("paused", Says::Paused),
        ("forced", Says::Forced),
        ("doubts", Says::Doubts),
        ("receivers_slots", Says::ReceiversSlots),
    ];
}

impl BusRule {
    /// A rule for every message.
    pub fn every(act: BusAct) -> Self {
        BusRule {
            types: Vec::new(),
            dialled_by: None,
            says: Vec::new(),
            epoch: None,
            config_epoch: None,
            nth: 1,
            count: None,
            percent: 100,
            act,
            delay: None,
            after_ns: None,
        }
    }

    /// Which messages and what becomes of them, between nodes that the caller names: `failover_auth_ack: drop`.
    pub fn in_words(&self) -> String {
        let types: Vec<String> = self.types.iter().map(MessageType::to_string).collect();
        let mut text = if types.is_empty() { "all".to_owned() } else { types.join(" and ") };
        if let Some(dialler) = self.dialled_by {
            let _ = write!(text, " on links dialled by `{}`", dialler.word());
        }
        for says in &self.says {
            let _ = write!(text, ", {}", says.word());
        }
        for (name, age) in [("epoch", self.epoch), ("config epoch", self.config_epoch)] {
            let _ = age.map(|age| write!(text, ", {} {name}", age.word()));
        }
        match (self.nth, self.count) {
            (1, None) => {}
            (nth, None) => drop(write!(text, ", from the {nth}. on")),
            (1, Some(count)) => drop(write!(text, ", the first {count}")),
            (nth, Some(count)) => drop(write!(text, ", {count} from the {nth}. on")),
        }
        if self.percent < 100 {
            let _ = write!(text, ", {} of 100", self.percent);
        }
        let _ = write!(text, ": {}", self.act.word());
        text
    }
}
