//! `network_swizzle`: nodes are clogged one after the other, and let go one after the other in another order.
//!
//! After FoundationDB's swizzle-clogging: what a clogged node sent and is sent comes once it is let go, and each node comes
//! back into a cluster in which others are still missing.

use serde::{Deserialize, Serialize};

use super::effect::{Seam, Stage};
use super::network_split::shuffle;
use super::{Aim, Effect, FaultKind, Links, Swarm, Trouble};
use crate::id::NodeId;
use crate::language::target::{self, Target};
use crate::language::{Entry, Form, Key, Reader, Value};
use crate::rng::Stream;
use crate::time::SimDuration;

/// Nodes are clogged and let go in turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkSwizzle {
    /// Who is clogged, in this order.
    pub clogged: Vec<Target>,
    /// In which order they are let go, by their places above.
    pub freed: Vec<u16>,
    /// How long after one the next one is clogged, or let go.
    pub gap_ns: SimDuration,
    /// How long all of them are clogged.
    pub hold_ns: SimDuration,
}

impl FaultKind for NetworkSwizzle {
    const NAME: &'static str = "network_swizzle";
    const ABOUT: &'static str = "Nodes are cut off from everyone one after the other, stay so together for a while, and are let go one after the other in another order.";
    const KEYS: &'static [Key] = &[
        Key::new("clog", Form::Nodes, "whom, in this order; drawn if absent"),
        Key::new("free", Form::Nodes, "in which order they are let go: the same nodes; drawn if absent"),
        Key::new("gap", Form::Duration, "seconds from one to the next; 0.05 to 1 are drawn if absent"),
        Key::new(
            "hold",
            Form::Duration,
            "seconds from the last one clogged to the first one let go; 1 to 8 are drawn if absent",
        ),
    ];
    const AIM: Aim = Aim::Links;
    const EXAMPLE: &'static str =
        "type: network_swizzle\nclog: [1, 4, 6]\nfree: [4, 6, 1]\ngap: 0.5\nhold: 3\nat: 2";

    fn read(reader: &mut Reader) -> Option<Self> {
        if target::KEYS.iter().any(|key| reader.has(key.name)) {
            reader.wrong("a swizzle has no target", "name the nodes in `clog:`, or none");
        }
        let clogged = reader.nodes("clog").unwrap_or_else(|| drawn(reader));
        let mut order: Vec<u16> = (0..clogged.len() as u16).collect();
        shuffle(&mut order, &mut reader.stream("free"));
        let freed = match reader.nodes("free") {
            Some(free) => places(reader, &clogged, &free)?,
            None => order,
        };
        if clogged.is_empty() {
            reader.wrong_at("clog", "nobody is clogged", "name some nodes");
        }
        let gap_ns = reader.seconds("gap").unwrap_or_else(|| reader.drawn_ms("gap", 50..=1_000));
        let hold_ns = reader.seconds("hold").unwrap_or_else(|| reader.drawn_ms("hold", 1_000..=8_000));
        Some(NetworkSwizzle {
            clogged: clogged.into_iter().map(Target::Node).collect(),
            freed,
            gap_ns,
            hold_ns,
        })
    }

    fn write(&self) -> Entry {
        let member = |place: &u16| self.clogged.get(usize::from(*place))?.as_member();
        let clog: Vec<Value> = self.clogged.iter().filter_map(|target| target.as_member()).collect();
        let free: Vec<Value> = self.freed.iter().filter_map(member).collect();
        Entry::default()
            .with("clog", clog)
            .with("free", free)
            .with("gap", self.gap_ns)
            .with("hold", self.hold_ns)
    }

    fn draw(_variant: usize, stream: &mut Stream, _swarm: &Swarm) -> Entry {
        let gap = stream.weighted(&[(1, 0.05), (2, 0.3), (2, 1.0)]);
        Entry::default().with("gap", gap).with("hold", stream.tenths(10..=100))
    }

    fn in_words(&self) -> String {
        let all = self.clogged.iter().map(|one| one.in_words()).collect::<Vec<_>>().join(" and ");
        format!("Network Swizzle ({all}, {})", self.lasts())
    }

    fn targets(&self) -> Vec<Target> {
        self.clogged.clone()
    }

    fn targets_mut(&mut self) -> Vec<&mut Target> {
        self.clogged.iter_mut().collect()
    }

    fn effect(&self) -> Effect {
        let alone = |place: usize| Seam { a: vec![place], b: None };
        let count = self.clogged.len();
        let after = |step: usize| self.gap_ns.times(step as u64);
        let clogging =
            (0..count).map(|last| Stage { after: after(last), seams: (0..=last).map(alone).collect() });
        let free_at = after(count.saturating_sub(1)) + self.hold_ns;
        let freeing = (1..count).map(|gone| {
            let left = self.freed.iter().skip(gone).map(|place| alone(usize::from(*place)));
            Stage { after: free_at + after(gone - 1), seams: left.collect() }
        });
        let called = Some("one after the other".to_owned());
        Effect::Links { stages: clogging.chain(freeing).collect(), links: Links::all(Trouble::Cut), called }
    }

    fn lasts(&self) -> SimDuration {
        self.gap_ns.times(2 * self.clogged.len().saturating_sub(1) as u64) + self.hold_ns
    }

    fn victims<'h>(&self, hit: &'h [NodeId]) -> &'h [NodeId] {
        hit
    }
}

/// Two nodes to half of them, in a drawn order.
fn drawn(reader: &Reader) -> Vec<NodeId> {
    let mut nodes: Vec<NodeId> = reader.layout.nodes().collect();
    let mut stream = reader.stream("clog");
    shuffle(&mut nodes, &mut stream);
    let most = (nodes.len() as u64 / 2).clamp(2, 8);
    nodes.truncate(stream.range(2..=most) as usize);
    nodes
}

/// The places of the nodes that are let go among those that were clogged.
fn places(reader: &mut Reader, clogged: &[NodeId], free: &[NodeId]) -> Option<Vec<u16>> {
    let sorted = |nodes: &[NodeId]| {
        let mut nodes = nodes.to_vec();
        nodes.sort_unstable();
        nodes
    };
    let mut distinct = sorted(clogged);
    distinct.dedup();
    if distinct.len() < clogged.len() {
        reader.wrong_at("clog", "a node stands twice", "name each node once");
    }
    if sorted(free) != sorted(clogged) {
        reader.wrong_at(
            "free",
            "these are not the nodes that are clogged",
            "name the same nodes in another order",
        );
        return None;
    }
    free.iter().map(|node| Some(clogged.iter().position(|other| other == node)? as u16)).collect()
}
