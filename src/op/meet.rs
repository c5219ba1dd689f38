//! `meet`: `CLUSTER MEET`, one node introduces itself to another.

use serde::{Deserialize, Serialize};

use super::recipients::{self, ONE_NODE};
use super::{OpKind, Sign, Typed};
use crate::id::{CLIENT_PORT, Host, NodeId};
use crate::language::target::Target;
use crate::language::{Entry, Form, Key, Layout, Reader, Renumber};
use crate::rng::Stream;

/// A node meets another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meet {
    /// Who is told to.
    pub node: NodeId,
    /// Whom it meets.
    pub with: NodeId,
}

impl OpKind for Meet {
    const NAME: &'static str = "meet";
    const ABOUT: &'static str = "`CLUSTER MEET`: a node introduces itself to another, known to it or not. It is done once the node knows the other as a member.";
    const KEYS: &'static [Key] =
        &[ONE_NODE, Key::new("with", Form::Node, "the node that it meets. Must be there")];
    const EXAMPLE: &'static str = "type: meet\nnode: 1\nwith: 6\ndelay: 1";
    const EXPECTS: bool = true;

    fn read(reader: &mut Reader) -> Option<Self> {
        let (node, with) = (recipients::read_one(reader, "node"), recipients::read_one(reader, "with"));
        Some(Meet { node: node?, with: with? })
    }

    fn write(&self) -> Entry {
        Entry::default().with("node", self.node).with("with", self.with)
    }

    fn weight(_layout: Layout) -> u64 {
        1
    }

    fn draw(stream: &mut Stream, layout: Layout) -> Entry {
        let nodes = u64::from(layout.node_count());
        let node = stream.range(1..=nodes);
        let others: Vec<u64> = (1..=nodes).filter(|other| *other != node).collect();
        Entry::default().with("node", node).maybe("with", stream.pick(&others).copied())
    }

    fn targets(&self) -> Vec<Target> {
        vec![Target::Node(self.node), Target::Node(self.with)]
    }

    fn renumber(&mut self, new: &dyn Renumber) {
        (self.node, self.with) = (new.node(self.node), new.node(self.with));
    }

    fn typed(&self) -> Vec<Typed<'_>> {
        let (ip, port) = (Host::Node(self.with).address().to_string(), CLIENT_PORT.to_string());
        vec![Typed::of(self.node, &["CLUSTER", "MEET", &ip, &port]).shown_by(Sign::Knows(self.with))]
    }
}
