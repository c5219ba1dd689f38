//! `shutdown`: `SHUTDOWN` with its options; the node's end is the answer.

use serde::{Deserialize, Serialize};

use super::recipients::{self, ONE_NODE};
use super::{OpKind, Typed};
use crate::id::NodeId;
use crate::language::target::Target;
use crate::language::{Entry, Form, Key, Reader, Renumber, Value, Word, names};

/// A node is told to end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shutdown {
    /// The node.
    pub node: NodeId,
    /// How.
    pub options: Vec<ShutdownOption>,
}

/// An option of `SHUTDOWN`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShutdownOption {
    /// Nothing is saved.
    Nosave,
    /// Everything is saved.
    Save,
    /// Lagging replicas are not waited for.
    Now,
    /// What fails does not keep it from ending.
    Force,
    /// In a cluster, a replica takes over first (from 9.1).
    Failover,
}

impl Word for ShutdownOption {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("nosave", ShutdownOption::Nosave),
        ("save", ShutdownOption::Save),
        ("now", ShutdownOption::Now),
        ("force", ShutdownOption::Force),
        ("failover", ShutdownOption::Failover),
    ];
}

impl OpKind for Shutdown {
    const NAME: &'static str = "shutdown";
    const ABOUT: &'static str = "`SHUTDOWN`: the node ends, and stays down. A primary waits for lagging replicas first. It is done once the process has ended.";
    const KEYS: &'static [Key] =
        &[ONE_NODE, Key::new("options", Form::Words(names::<ShutdownOption>), "its options; none if absent")];
    const EXAMPLE: &'static str = "type: shutdown\nnode: 2\noptions: [nosave, now]\ndelay: 1";
    const EXPECTS: bool = true;

    fn read(reader: &mut Reader) -> Option<Self> {
        let node = recipients::read_one(reader, "node")?;
        Some(Shutdown { node, options: reader.words("options").unwrap_or_default() })
    }

    fn write(&self) -> Entry {
        let options: Vec<Value> = self.options.iter().map(|option| option.word().into()).collect();
        Entry::default().with("node", self.node).with("options", options)
    }

    fn targets(&self) -> Vec<Target> {
        vec![Target::Node(self.node)]
    }

    fn renumber(&mut self, new: &dyn Renumber) {
        self.node = new.node(self.node);
    }

    fn typed(&self) -> Vec<Typed<'_>> {
        let options = self.options.iter().map(|option| option.word().to_uppercase());
        vec![Typed::of(self.node, &["SHUTDOWN"]).with(options)]
    }
}
