//! `network_latency`: the latency of a node's links, or of the links between two nodes, is another one for a while.

use serde::{Deserialize, Serialize};

use super::{Aim, Effect, FaultKind, LASTS, LatencyRange, Links, Swarm, Trouble, duration, peer};
use crate::language::target::{self, Target};
use crate::language::{Entry, Form, Key, Reader, Value};
use crate::rng::Stream;
use crate::time::SimDuration;

/// Links are slow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkLatency {
    /// The node whose links are slow.
    pub target: Target,
    /// The other end; every other host if absent.
    pub peer: Option<Target>,
    /// The latency meanwhile.
    pub latency: LatencyRange,
    /// For how long.
    pub duration_ns: SimDuration,
}

impl FaultKind for NetworkLatency {
    const NAME: &'static str = "network_latency";
    const ABOUT: &'static str =
        "The latency of a node's links, or of the links between two nodes, is another one for a while.";
    const KEYS: &'static [Key] = &[
        Key::new(
            "latency_ms",
            Form::Latency,
            "the latency meanwhile; each chunk draws its own. Must be there",
        ),
        Key::new("peer", Form::Node, "the node at the other end; every other host if absent"),
        LASTS,
    ];
    const AIM: Aim = Aim::Links;
    const EXAMPLE: &'static str = "type: network_latency\ntarget: primary\nshard: 2\nlatency_ms: {min: 50, max: 300}\nat: 2\nduration: 8";

    fn read(reader: &mut Reader) -> Option<Self> {
        let target = target::read(reader);
        if !reader.has("latency_ms") {
            reader.wrong("it is not said how slow", "add `latency_ms: {min: 50, max: 200}`, say");
        }
        let peer = peer::read(reader);
        let (min_ns, max_ns) = reader.latency("latency_ms")?;
        let latency = LatencyRange { min_ns, max_ns };
        Some(NetworkLatency { target, peer: peer.map(Target::Node), latency, duration_ns: duration(reader) })
    }

    fn write(&self) -> Entry {
        let own = Entry::default().with("latency_ms", self.latency.written());
        let peer = self.peer.and_then(Target::as_member);
        self.target.write().and(own).maybe("peer", peer).with("duration", self.duration_ns)
    }

    fn draw(_variant: usize, stream: &mut Stream, swarm: &Swarm) -> Entry {
        let latencies = [(3, (5.0, 50.0)), (3, (50.0, 300.0)), (2, (300.0, 900.0)), (1, (900.0, 2500.0))];
        let latency = stream.weighted(&latencies);
        let duration = stream.tenths(10..=150);
        let aimed = target::draw(stream, swarm.layout);
        let peer = Value::from(stream.range(1..=u64::from(swarm.layout.node_count())));
        let is_other = stream.chance(1, 4) && aimed.get("node") != Some(&peer);
        let own = aimed.with("latency_ms", super::latency_value(latency));
        own.maybe("peer", is_other.then_some(peer)).with("duration", duration)
    }

    fn in_words(&self) -> String {
        let to = self.peer.map_or(String::new(), |peer| format!(" to {}", peer.in_words()));
        let (min, max) = (self.latency.min_ns, self.latency.max_ns);
        format!("Network Latency ({}{to}, {min} to {max}, {})", self.target.in_words(), self.duration_ns)
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
        Effect::between(1, 1 + usize::from(self.peer.is_some()), Links::all(Trouble::Slow(self.latency)))
    }

    fn lasts(&self) -> SimDuration {
        self.duration_ns
    }
}
