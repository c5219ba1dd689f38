//! `client_kill`: `CLIENT KILL TYPE`, nodes close connections of one sort.

use serde::{Deserialize, Serialize};

use super::recipients::{self, NODE, NODES};
use super::{OpKind, Typed};
use crate::id::NodeId;
use crate::language::target::Target;
use crate::language::{Entry, Form, Key, Layout, Reader, Renumber, Word, names};
use crate::rng::Stream;

/// Connections are closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientKill {
    /// The nodes that close them.
    pub nodes: Vec<NodeId>,
    /// Whose.
    pub whose: Whose,
}

/// Whose connections are closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Whose {
    /// Those of clients; the one that asks stays.
    Normal,
    /// Those of replicas, at their primary.
    Replica,
    /// That to the primary, at a replica.
    Primary,
    /// Those of subscribers.
    Pubsub,
}

impl Word for Whose {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("normal", Whose::Normal),
        ("replica", Whose::Replica),
        ("primary", Whose::Primary),
        ("pubsub", Whose::Pubsub),
    ];
}

impl OpKind for ClientKill {
    const NAME: &'static str = "client_kill";
    const ABOUT: &'static str = "`CLIENT KILL TYPE`: nodes close the connections of clients, of replicas, or to their primary. The answer says how many.";
    const KEYS: &'static [Key] = &[
        NODE,
        NODES,
        Key::new("whose", Form::Word(names::<Whose>), "whose connections; `normal` if absent"),
    ];
    const EXAMPLE: &'static str = "type: client_kill\nnode: 1\nwhose: replica";
    const EXPECTS: bool = true;

    fn read(reader: &mut Reader) -> Option<Self> {
        let whose = reader.word("whose").unwrap_or(Whose::Normal);
        Some(ClientKill { nodes: recipients::read(reader), whose })
    }

    fn write(&self) -> Entry {
        recipients::write(&self.nodes).with("whose", self.whose.word())
    }

    fn weight(_layout: Layout) -> u64 {
        1
    }

    fn draw(stream: &mut Stream, layout: Layout) -> Entry {
        let node = stream.range(1..=u64::from(layout.node_count()));
        let whose = stream.weighted(&[(1, Whose::Normal), (2, Whose::Replica), (1, Whose::Primary)]);
        Entry::default().with("node", node).with("whose", whose.word())
    }

    fn targets(&self) -> Vec<Target> {
        self.nodes.iter().copied().map(Target::Node).collect()
    }

    fn renumber(&mut self, new: &dyn Renumber) {
        self.nodes = recipients::renumbered(&self.nodes, new);
    }

    fn typed(&self) -> Vec<Typed<'_>> {
        // `master` is the server's older word, which every version takes.
        let whose = if self.whose == Whose::Primary { "master" } else { self.whose.word() };
        self.nodes.iter().map(|node| Typed::of(*node, &["CLIENT", "KILL", "TYPE", whose])).collect()
    }
}
