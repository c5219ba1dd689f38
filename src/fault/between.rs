//! Whose traffic a fault of links is about: two sides, a direction and channels, as a partition has them.

use std::ops::Not;

use serde::{Deserialize, Serialize};

use super::{Channel, Direction, Effect, Links, Swarm, Trouble, sides};
use crate::language::target::{self, Target};
use crate::language::{Entry, Form, Key, Reader, Value, Word, names};
use crate::rng::Stream;

/// The keys that say whose traffic; those of targets stand beside them.
pub(super) const DIRECTION: Key = Key::new(
    "direction",
    Form::Word(names::<Direction>),
    "`both` ways if absent; `one_way`: only from the first group to the second",
);
pub(super) const CHANNELS: Key =
    Key::new("channels", Form::Words(names::<Channel>), "which traffic; all of it if absent");

/// Whose traffic, and which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Between {
    /// The first group.
    pub a: Vec<Target>,
    /// The second group; everyone else if empty.
    pub b: Vec<Target>,
    /// Both ways, or only from `a` to `b`.
    pub direction: Direction,
    /// Which traffic; all of it if empty.
    pub channels: Vec<Channel>,
}

impl Between {
    /// Reads it.
    pub(super) fn read(reader: &mut Reader) -> Self {
        if reader.words::<Channel>("channels").is_some_and(|channels| channels.is_empty()) {
            reader.wrong_at("channels", "no channel is meant", "leave `channels` out for all of them");
        }
        let (a, b) = sides::read(reader);
        Between {
            a,
            b,
            direction: reader.word("direction").unwrap_or_default(),
            channels: reader.words("channels").unwrap_or_default(),
        }
    }

    /// Its keys, leaving nothing open.
    pub(super) fn write(&self) -> Entry {
        let channels = self.channels.is_empty().not().then(|| words(&self.channels));
        let direction = (self.direction != Direction::default()).then(|| self.direction.word());
        let own = Entry::default().maybe("direction", direction).maybe("channels", channels);
        sides::write(&self.a, &self.b).and(own)
    }

    /// Draws it: a role's links or those of a minority, all traffic more often than some; with a direction if it can have one.
    pub(super) fn draw(stream: &mut Stream, swarm: &Swarm, directed: bool) -> Entry {
        let channels: [(u64, Option<&[Channel]>); 4] = [
            (6, None),
            (2, Some(&[Channel::Bus])),
            (1, Some(&[Channel::Replication])),
            (1, Some(&[Channel::Client])),
        ];
        let direction = stream.weighted(&[(3, None), (2, Some(Direction::OneWay))]).map(Direction::word);
        let direction = direction.filter(|_| directed);
        let channels = stream.weighted(&channels).map(words);
        let whom = match stream.chance(2, 3) {
            true => target::draw(stream, swarm.layout),
            false => sides::draw(stream, swarm.layout),
        };
        whom.maybe("direction", direction).maybe("channels", channels)
    }

    /// Whom it is about, for the report of a plan.
    pub(super) fn in_words(&self) -> String {
        let all = |side: &[Target]| match side {
            [] => "everyone else".to_owned(),
            all => all.iter().map(|one| one.in_words()).collect::<Vec<_>>().join(" and "),
        };
        format!("{} and {}", all(&self.a), all(&self.b))
    }

    /// Both sides, one after the other.
    pub(super) fn targets(&self) -> Vec<Target> {
        self.a.iter().chain(&self.b).copied().collect()
    }

    /// The same, to be changed.
    pub(super) fn targets_mut(&mut self) -> Vec<&mut Target> {
        self.a.iter_mut().chain(&mut self.b).collect()
    }

    /// What a trouble does to this traffic.
    pub(super) fn effect(&self, trouble: Trouble) -> Effect {
        let links = Links { trouble, direction: self.direction, channels: self.channels.clone() };
        Effect::between(self.a.len(), self.a.len() + self.b.len(), links)
    }

    /// Whether a scenario has words for it.
    pub(super) fn can_be_said(&self) -> bool {
        sides::can_be_said(&self.a, &self.b)
    }
}

/// Channels as a list of their words.
pub(super) fn words(channels: &[Channel]) -> Vec<Value> {
    channels.iter().map(|channel| channel.word().into()).collect()
}
