//! `setslot`: `CLUSTER SETSLOT` in all its forms, at one, some or all nodes.

use serde::{Deserialize, Serialize};

use super::recipients::{self, NODE, NODES};
use super::{OpKind, Sign, Typed, name_of};
use crate::id::NodeId;
use crate::language::target::Target;
use crate::language::{Entry, Form, Key, Reader, Renumber, Word, names};

/// Nodes are told of one slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setslot {
    /// The nodes.
    pub nodes: Vec<NodeId>,
    /// The slot.
    pub slot: u16,
    /// What becomes of it.
    pub state: SlotState,
    /// The node at the other end, or the new owner; nobody for `stable`.
    pub peer: Option<NodeId>,
}

/// What `CLUSTER SETSLOT` makes of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotState {
    /// It comes from the peer.
    Importing,
    /// It goes to the peer.
    Migrating,
    /// It is held open no more.
    Stable,
    /// It belongs to the peer.
    Node,
}

impl Word for SlotState {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("importing", SlotState::Importing),
        ("migrating", SlotState::Migrating),
        ("stable", SlotState::Stable),
        ("node", SlotState::Node),
    ];
}

impl OpKind for Setslot {
    const NAME: &'static str = "setslot";
    const ABOUT: &'static str = "`CLUSTER SETSLOT` at one, some or all nodes: the slot is held open, closed, or given to a node, whoever has its keys. It is done once the nodes say so.";
    const KEYS: &'static [Key] = &[
        NODE,
        NODES,
        Key::new("slot", Form::Whole(0, 16_383), "the slot. Must be there"),
        Key::new("state", Form::Word(names::<SlotState>), "what becomes of it. Must be there"),
        Key::new("peer", Form::Node, "the node that it comes from, goes to or belongs to; none for `stable`"),
    ];
    const EXAMPLE: &'static str = "type: setslot\nnode: 1\nslot: 7\nstate: migrating\npeer: 3";
    const EXPECTS: bool = true;

    fn read(reader: &mut Reader) -> Option<Self> {
        let nodes = recipients::read(reader);
        for (key, example) in [("slot", "slot: 7"), ("state", "state: stable")] {
            if !reader.has(key) {
                reader.wrong(format!("there is no `{key}`"), format!("add `{example}`, say"));
            }
        }
        let (slot, state, peer) = (reader.small("slot")?, reader.word("state")?, reader.node("peer"));
        match (state, peer) {
            (SlotState::Stable, Some(_)) => {
                reader.wrong_at("peer", "a stable slot has no peer", "leave `peer` out");
            }
            (SlotState::Stable, None) | (_, Some(_)) => {}
            (_, None) => reader.wrong("it is not said which node", "add `peer:`"),
        }
        Some(Setslot { nodes, slot, state, peer })
    }

    fn write(&self) -> Entry {
        let own = recipients::write(&self.nodes).with("slot", self.slot).with("state", self.state.word());
        own.maybe("peer", self.peer)
    }

    fn targets(&self) -> Vec<Target> {
        self.nodes.iter().copied().chain(self.peer).map(Target::Node).collect()
    }

    fn renumber(&mut self, new: &dyn Renumber) {
        self.nodes = recipients::renumbered(&self.nodes, new);
        self.peer = self.peer.map(|peer| new.node(peer));
    }

    fn typed(&self) -> Vec<Typed<'_>> {
        self.nodes.iter().map(|node| self.typed_at(*node)).collect()
    }
}

impl Setslot {
    fn typed_at(&self, node: NodeId) -> Typed<'static> {
        let (slot, state) = (self.slot.to_string(), self.state.word().to_uppercase());
        let typed = Typed::of(node, &["CLUSTER", "SETSLOT", &slot, &state]).with(self.peer.map(name_of));
        match (self.state, self.peer) {
            (SlotState::Importing | SlotState::Migrating, Some(peer)) => {
                typed.shown_by(Sign::Open(self.slot, peer))
            }
            (SlotState::Node, Some(peer)) => typed.shown_by(Sign::GivesTo(self.slot, peer)),
            _ => typed.shown_by(Sign::Closed(self.slot)),
        }
    }
}
