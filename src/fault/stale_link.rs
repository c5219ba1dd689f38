//! `stale_link`: one of the two connections between two nodes is held while the other one goes on, then it is released.
//!
//! Each node of a pair dials the other, and what one says reaches the other on both connections. They may lawfully overtake
//! each other: what was held comes when its receiver has heard newer things long since.

use serde::{Deserialize, Serialize};

use super::bus_rule::{BusAct, BusRule, Dialler};
use super::{Aim, Effect, FaultKind, LASTS, Swarm, duration, peer};
use crate::language::target::{self, Target};
use crate::language::{Entry, Form, Key, Reader, Value};
use crate::rng::Stream;
use crate::time::SimDuration;

/// One of two connections is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaleLink {
    /// Who dialled the connection that is held.
    pub target: Target,
    /// Whom it dialled; everyone if absent.
    pub peer: Option<Target>,
    /// For how long.
    pub duration_ns: SimDuration,
}

impl FaultKind for StaleLink {
    const NAME: &'static str = "stale_link";
    const ABOUT: &'static str = "Of the two bus connections between the target and another node, the one that the target dialled is held, both ways, and released at the end; the other one goes on.";
    const KEYS: &'static [Key] =
        &[Key::new("peer", Form::Node, "the node at the other end; every other node if absent"), LASTS];
    const AIM: Aim = Aim::Links;
    const EXAMPLE: &'static str = "type: stale_link\nnode: 1\npeer: 2\nat: 2\nduration: 8";

    fn read(reader: &mut Reader) -> Option<Self> {
        let target = target::read(reader);
        let peer = peer::read(reader);
        // A target that was left to chance may turn out to be the peer.
        let peer = peer.map(Target::Node).filter(|peer| *peer != target);
        Some(StaleLink { target, peer, duration_ns: duration(reader) })
    }

    fn write(&self) -> Entry {
        let peer = self.peer.and_then(Target::as_member);
        self.target.write().maybe("peer", peer).with("duration", self.duration_ns)
    }

    fn draw(_variant: usize, stream: &mut Stream, swarm: &Swarm) -> Entry {
        let aimed = target::draw(stream, swarm.layout);
        let peer = Value::from(stream.range(1..=u64::from(swarm.layout.node_count())));
        let is_one = stream.chance(2, 3) && aimed.get("node") != Some(&peer);
        aimed.maybe("peer", is_one.then_some(peer)).with("duration", stream.tenths(10..=150))
    }

    fn in_words(&self) -> String {
        let peer = self.peer.map_or("everyone".to_owned(), Target::in_words);
        format!("Stale Link ({} to {peer}, {})", self.target.in_words(), self.duration_ns)
    }

    fn targets(&self) -> Vec<Target> {
        peer::targets(self.target, self.peer)
    }

    fn targets_mut(&mut self) -> Vec<&mut Target> {
        peer::targets_mut(&mut self.target, &mut self.peer)
    }

    fn can_be_said(&self) -> bool {
        peer::can_be_said(self.target, self.peer)
    }

    fn effect(&self) -> Effect {
        let rule = BusRule { dialled_by: Some(Dialler::From), ..BusRule::every(BusAct::Hold) };
        Effect::Bus { from: 1, both_ways: true, rule }
    }

    fn lasts(&self) -> SimDuration {
        self.duration_ns
    }
}
