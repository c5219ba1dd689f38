//! `network_partition`: bytes between two groups of hosts are held back, as TCP does when packets are lost, and released at
//! the heal.

use std::ops::Not;

use serde::{Deserialize, Serialize};

use super::between::words;
use super::{Aim, Channel, Effect, FaultKind, LASTS, Links, Swarm, Trouble, duration, sides};
use crate::id::NodeId;
use crate::language::target::{self, Target};
use crate::language::{Entry, Form, Key, Reader, Word, names};
use crate::rng::Stream;
use crate::time::SimDuration;

/// Links are cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkPartition {
    /// The first group.
    pub a: Vec<Target>,
    /// The second group; everyone else if empty.
    pub b: Vec<Target>,
    /// Both ways, or only from `a` to `b`.
    pub direction: Direction,
    /// Which traffic; all of it if empty.
    pub channels: Vec<Channel>,
    /// For how long.
    pub duration_ns: SimDuration,
}

/// Which way a partition cuts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Neither side hears the other.
    #[default]
    Both,
    /// The second group does not hear the first.
    OneWay,
}

impl Word for Direction {
    const WORDS: &'static [(&'static str, Self)] =
        &[("both", Direction::Both), ("one_way", Direction::OneWay)];
}

impl FaultKind for NetworkPartition {
    const NAME: &'static str = "network_partition";
    const ABOUT: &'static str = "Bytes between two groups of hosts are held back, as TCP does when packets are lost, and released at the heal.";
    const KEYS: &'static [Key] = &[
        sides::A,
        sides::B,
        Key::new(
            "direction",
            Form::Word(names::<Direction>),
            "`both` ways if absent; `one_way`: the second group does not hear the first",
        ),
        Key::new("channels", Form::Words(names::<Channel>), "which traffic; all of it if absent"),
        LASTS,
    ];
    const AIM: Aim = Aim::Links;
    const EXAMPLE: &'static str =
        "type: network_partition\na: [1, 2, clients]\nchannels: [bus, client]\nat: 2\nduration: 8";

    fn read(reader: &mut Reader) -> Option<Self> {
        if reader.words::<Channel>("channels").is_some_and(|channels| channels.is_empty()) {
            let advice = "leave `channels` out to cut all of them";
            reader.wrong_at("channels", "no channel is cut", advice);
        }
        let (a, b) = sides::read(reader);
        Some(NetworkPartition {
            a,
            b,
            direction: reader.word("direction").unwrap_or_default(),
            channels: reader.words("channels").unwrap_or_default(),
            duration_ns: duration(reader),
        })
    }

    fn write(&self) -> Entry {
        let channels = self.channels.is_empty().not().then(|| words(&self.channels));
        let own = Entry::default().with("direction", self.direction.word()).maybe("channels", channels);
        sides::write(&self.a, &self.b).and(own).with("duration", self.duration_ns)
    }

    fn draw(_variant: usize, stream: &mut Stream, swarm: &Swarm) -> Entry {
        let directions = [(3, None), (2, Some(Direction::OneWay))];
        let channels: [(u64, Option<&[Channel]>); 4] = [
            (6, None),
            (2, Some(&[Channel::Bus])),
            (1, Some(&[Channel::Replication])),
            (1, Some(&[Channel::Bus, Channel::Replication])),
        ];
        let direction = stream.weighted(&directions).map(Direction::word);
        let channels = stream.weighted(&channels).map(words);
        let duration = stream.tenths(10..=150);
        let whom = match stream.chance(1, 2) {
            true => target::draw(stream, swarm.layout),
            false => sides::draw(stream, swarm.layout),
        };
        whom.maybe("direction", direction).maybe("channels", channels).with("duration", duration)
    }

    fn in_words(&self) -> String {
        let (a, b) = (all(&self.a), all(&self.b));
        format!("Network Partition ({a} from {b}, {})", self.duration_ns)
    }

    fn targets(&self) -> Vec<Target> {
        self.a.iter().chain(&self.b).copied().collect()
    }

    fn targets_mut(&mut self) -> Vec<&mut Target> {
        self.a.iter_mut().chain(&mut self.b).collect()
    }

    fn can_be_said(&self) -> bool {
        sides::can_be_said(&self.a, &self.b)
    }

    fn effect(&self) -> Effect {
        let (direction, channels) = (self.direction, self.channels.clone());
        let links = Links { trouble: Trouble::Cut, direction, channels };
        Effect::between(self.a.len(), self.a.len() + self.b.len(), links)
    }

    fn lasts(&self) -> SimDuration {
        self.duration_ns
    }

    /// Without those on the other side.
    fn victims<'h>(&self, hit: &'h [NodeId]) -> &'h [NodeId] {
        let nodes = self.a.iter().filter(|target| !matches!(target, Target::Clients)).count();
        &hit[..nodes.min(hit.len())]
    }
}

fn all(side: &[Target]) -> String {
    match side {
        [] => "everyone else".to_owned(),
        all => all.iter().map(|one| one.in_words()).collect::<Vec<_>>().join(" and "),
    }
}
