//! `network_split`: a partition by the name of its shape.
//!
//! Shapes of nodes are said by nodes in a row; shapes of roles are looked up when the moment has come.

use serde::{Deserialize, Serialize};

use super::between::{CHANNELS, DIRECTION, words};
use super::shape::Shape;
use super::{Aim, Channel, Direction, Effect, FaultKind, LASTS, Links, Swarm, Trouble, duration};
use crate::id::{NodeId, ShardId};
use crate::language::target::{self, Target};
use crate::language::{Entry, Form, Key, Layout, Reader, Value, Word, names};
use crate::rng::Stream;
use crate::time::SimDuration;

/// Links are cut in a shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkSplit {
    /// The shape.
    pub shape: Shape,
    /// Who is in it, in the order that the shape needs.
    pub members: Vec<Target>,
    /// Both ways, or only from the first group of the shape to the second.
    pub direction: Direction,
    /// Which traffic; all of it if empty.
    pub channels: Vec<Channel>,
    /// For how long.
    pub duration_ns: SimDuration,
}

impl FaultKind for NetworkSplit {
    const NAME: &'static str = "network_split";
    const ABOUT: &'static str = "A partition by its shape. `isolated`: the first node of the row from everyone; `halves`: the first half of the row from the second; `ring`: each node of the row sees just a majority, no two the same one; `bridge`: two halves that only the first node of the row sees; `minority`: the primaries of less than half of the shards from everyone, `clients_with_minority`: the same with all clients on their side; `shards_apart`: nodes of different shards; `replicas_from_primaries`: all replicas from all primaries.";
    const KEYS: &'static [Key] = &[
        Key::new("shape", Form::Word(names::<Shape>), "the shape. Must be there"),
        Key::new(
            "row",
            Form::Nodes,
            "nodes in a row, for shapes of nodes; all nodes in a drawn order if absent",
        ),
        Key::new("shards", Form::Shards, "the shards of the minority; drawn if absent"),
        DIRECTION,
        CHANNELS,
        LASTS,
    ];
    const AIM: Aim = Aim::Links;
    const EXAMPLE: &'static str =
        "type: network_split\nshape: ring\nrow: [1, 3, 5, 2, 4, 6]\nat: 2\nduration: 8";

    fn read(reader: &mut Reader) -> Option<Self> {
        let Some(shape) = reader.word::<Shape>("shape") else {
            if !reader.has("shape") {
                reader.wrong(
                    "it is not said in which shape",
                    format!("add one of: {}", names::<Shape>().join(", ")),
                );
            }
            return None;
        };
        if reader.words::<Channel>("channels").is_some_and(|channels| channels.is_empty()) {
            reader.wrong_at("channels", "no channel is cut", "leave `channels` out to cut all of them");
        }
        check(reader, shape);
        let members = members(reader, shape);
        Some(NetworkSplit {
            shape,
            members,
            direction: reader.word("direction").unwrap_or_default(),
            channels: reader.words("channels").unwrap_or_default(),
            duration_ns: duration(reader),
        })
    }

    fn write(&self) -> Entry {
        let row: Vec<Value> = self.members.iter().filter_map(|target| target.as_member()).collect();
        let shards: Vec<Value> =
            self.members.iter().filter_map(|target| target.role_of()).map(Value::from).collect();
        let channels = (!self.channels.is_empty()).then(|| words(&self.channels));
        Entry::default()
            .with("shape", self.shape.word())
            .maybe("row", self.shape.is_of_row().then_some(row))
            .maybe("shards", self.shape.is_of_shards().then_some(shards))
            .with("direction", self.direction.word())
            .maybe("channels", channels)
            .with("duration", self.duration_ns)
    }

    fn draw(_variant: usize, stream: &mut Stream, swarm: &Swarm) -> Entry {
        let shapes: Vec<Shape> =
            Shape::WORDS.iter().map(|(_, shape)| *shape).filter(|shape| shape.fits(swarm.layout)).collect();
        let shape = stream.pick(&shapes).expect("three shards have halves").word();
        let channels: [(u64, Option<&[Channel]>); 3] =
            [(6, None), (2, Some(&[Channel::Bus])), (1, Some(&[Channel::Replication]))];
        let channels = stream.weighted(&channels).map(words);
        let direction = stream.weighted(&[(4, None), (1, Some(Direction::OneWay))]).map(Direction::word);
        let own = Entry::default().with("shape", shape).maybe("direction", direction);
        own.maybe("channels", channels).with("duration", stream.tenths(10..=150))
    }

    fn in_words(&self) -> String {
        let all = self.members.iter().map(|one| one.in_words()).collect::<Vec<_>>().join(" and ");
        format!("Network Split ({}: {all}, {})", self.shape.word(), self.duration_ns)
    }

    fn targets(&self) -> Vec<Target> {
        self.members.clone()
    }

    fn targets_mut(&mut self) -> Vec<&mut Target> {
        self.members.iter_mut().collect()
    }

    fn can_be_said(&self) -> bool {
        self.members.iter().enumerate().all(|(index, member)| !self.members[..index].contains(member))
    }

    fn effect(&self) -> Effect {
        let (direction, channels) = (self.direction, self.channels.clone());
        let links = Links { trouble: Trouble::Cut, direction, channels };
        let called = self.shape.word().replace('_', " ");
        Effect::at_once(self.shape.seams(&self.members), links, Some(called))
    }

    fn lasts(&self) -> SimDuration {
        self.duration_ns
    }

    fn victims<'h>(&self, hit: &'h [NodeId]) -> &'h [NodeId] {
        match self.shape {
            Shape::Isolated | Shape::Minority => hit,
            _ => &[],
        }
    }
}

fn check(reader: &mut Reader, shape: Shape) {
    if target::KEYS.iter().any(|key| reader.has(key.name)) {
        reader.wrong("a shape has no target", "name the nodes of the shape in `row:`, or none");
    }
    for (key, fits) in [("row", shape.is_of_row()), ("shards", shape.is_of_shards())] {
        if reader.has(key) && !fits {
            reader.wrong_at(
                key,
                format!("the shape `{}` has none", shape.word()),
                format!("leave `{key}` out"),
            );
        }
    }
    if !shape.fits(reader.layout) {
        reader.wrong_at("shape", "the cluster is too small for it", "write another shape, or more replicas");
    }
    if let Some(row) = reader.nodes("row") {
        let mut distinct = row.clone();
        distinct.sort_unstable();
        distinct.dedup();
        if distinct.len() < row.len() {
            reader.wrong_at("row", "a node stands twice", "name each node once");
        }
        if row.len() < shape.least() {
            reader.wrong_at("row", "the row is too short", format!("name {} nodes at least", shape.least()));
        }
    }
    if let Some(shards) = reader.shards("shards") {
        let most = usize::from(reader.layout.shards - 1) / 2;
        if shards.is_empty() || shards.len() > most {
            let advice = format!("name 1 to {most} of {} shards", reader.layout.shards);
            reader.wrong_at("shards", "that is no minority", advice);
        }
    }
}

fn members(reader: &Reader, shape: Shape) -> Vec<Target> {
    let Layout { replicas, .. } = reader.layout;
    let (mut nodes, mut shards): (Vec<NodeId>, Vec<ShardId>) =
        (reader.layout.nodes().collect(), reader.layout.shards().collect());
    match shape {
        Shape::ShardsApart | Shape::ReplicasFromPrimaries => {
            let of = |shard| {
                std::iter::once(Target::Primary(shard))
                    .chain((0..replicas).map(move |nth| Target::Replica(shard, nth)))
            };
            shards.into_iter().flat_map(of).collect()
        }
        Shape::Minority | Shape::ClientsWithMinority => {
            shuffle(&mut shards, &mut reader.stream("shards"));
            shards.truncate(usize::from(reader.layout.shards - 1) / 2);
            let shards = reader.shards("shards").unwrap_or(shards);
            let clients = (shape == Shape::ClientsWithMinority).then_some(Target::Clients);
            shards.into_iter().map(Target::Primary).chain(clients).collect()
        }
        _ => {
            shuffle(&mut nodes, &mut reader.stream("row"));
            reader.nodes("row").unwrap_or(nodes).into_iter().map(Target::Node).collect()
        }
    }
}

/// Puts things in a drawn order.
pub(super) fn shuffle<T>(things: &mut [T], stream: &mut Stream) {
    for last in (1..things.len()).rev() {
        things.swap(last, stream.range(0..=last as u64) as usize);
    }
}
