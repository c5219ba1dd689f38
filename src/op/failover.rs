//! `failover`: `CLUSTER FAILOVER` at a replica of a shard, which is looked up when the time comes.

use serde::{Deserialize, Serialize};

use super::{OpKind, Steps};
use crate::id::{NodeId, ShardId};
use crate::language::target::{Part, Target};
use crate::language::{Entry, Form, Key, Layout, Reader, Renumber, Word, names};
use crate::rng::Stream;

/// A replica takes its primary's place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failover {
    /// The shard whose primary is replaced.
    pub shard: ShardId,
    /// How the failover is asked for.
    pub mode: FailoverMode,
    /// The node that is to take over; the first healthy replica if absent.
    pub to: Option<NodeId>,
}

/// The argument of `CLUSTER FAILOVER`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailoverMode {
    /// The primary stops its clients and hands over; nothing is lost.
    #[default]
    Default,
    /// The primary is not asked; the other primaries vote.
    Force,
    /// Nobody is asked.
    Takeover,
}

impl Word for FailoverMode {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("default", FailoverMode::Default),
        ("force", FailoverMode::Force),
        ("takeover", FailoverMode::Takeover),
    ];
}

impl OpKind for Failover {
    const NAME: &'static str = "failover";
    const ABOUT: &'static str = "`CLUSTER FAILOVER` at a replica of a shard, which is looked up when the time comes. It is done once the replica owns the shard's slots under a new epoch.";
    const KEYS: &'static [Key] = &[
        Key::new("target", Form::Word(names::<Part>), "`primary`: the shard's primary is replaced"),
        Key::new("shard", Form::Shard, "the shard; the one of `node` if absent"),
        Key::new("node", Form::Node, "the node that takes over; the first healthy replica if absent"),
        Key::new(
            "mode",
            Form::Word(names::<FailoverMode>),
            "`default`: the primary hands over; `force`: the other primaries vote; `takeover`: nobody is asked",
        ),
    ];
    const EXAMPLE: &'static str = "type: failover\nshard: 1\nmode: force\ndelay: 2";
    const STEPS: Option<Steps> = Some(Steps::Shown(0, 3));

    fn read(reader: &mut Reader) -> Option<Self> {
        check(reader);
        let (shard, to) = (reader.shard("shard"), reader.node("node"));
        let shard = shard.or_else(|| to.map(|node| reader.layout.shard_of(node)))?;
        Some(Failover { shard, mode: reader.word("mode").unwrap_or_default(), to })
    }

    fn write(&self) -> Entry {
        let aimed = Entry::default().with("target", Part::Primary.word()).with("shard", self.shard);
        aimed.maybe("node", self.to).with("mode", self.mode.word())
    }

    fn weight(layout: Layout) -> u64 {
        if layout.replicas > 0 { 14 } else { 0 }
    }

    fn draw(stream: &mut Stream, layout: Layout) -> Entry {
        let shard = ShardId(stream.range(1..=u64::from(layout.shards)) as u16);
        let modes = [(6, None), (3, Some(FailoverMode::Force)), (1, Some(FailoverMode::Takeover))];
        let nth = stream.range(1..=u64::from(layout.replicas)) as u16;
        let replica = NodeId(layout.first_primary(shard).0 + nth);
        let to = stream.chance(1, 5).then_some(replica);
        let mode = stream.weighted(&modes).map(FailoverMode::word);
        let aimed = Entry::default().with("target", Part::Primary.word()).with("shard", shard);
        aimed.maybe("node", to).maybe("mode", mode)
    }

    fn in_words(&self) -> String {
        match self.mode {
            FailoverMode::Default => format!("Failover ({}, primary)", self.shard),
            FailoverMode::Force => format!("Failover ({}, primary, FORCE)", self.shard),
            FailoverMode::Takeover => format!("Failover ({}, primary, TAKEOVER)", self.shard),
        }
    }

    fn signature(&self) -> String {
        match self.mode {
            FailoverMode::Default => Self::NAME.to_owned(),
            mode => format!("{} {}", Self::NAME, mode.word()),
        }
    }

    fn targets(&self) -> Vec<Target> {
        [Target::Replica(self.shard, 0)].into_iter().chain(self.to.map(Target::Node)).collect()
    }

    fn renumber(&mut self, new: &dyn Renumber) {
        self.shard = new.shard(self.shard);
        self.to = self.to.map(|node| new.node(node));
    }

    fn steps(&self) -> Option<Steps> {
        Some(match self.mode {
            FailoverMode::Default => Steps::Shown(0, 3),
            FailoverMode::Force => Steps::Shown(2, 3),
            FailoverMode::Takeover => Steps::Silent,
        })
    }

    fn replaces_primary_of(&self) -> Option<ShardId> {
        Some(self.shard)
    }
}

fn check(reader: &mut Reader) {
    let (part, shard, node) = (reader.word::<Part>("target"), reader.shard("shard"), reader.node("node"));
    if reader.layout.replicas == 0 {
        reader.wrong("a failover needs replicas, and there are none", "set `cluster.replicas` to 1 or more");
    }
    if part == Some(Part::Random) {
        reader.wrong_at("target", "a failover names its shard", "write `target: primary` and `shard:`");
    }
    if part == Some(Part::Node) && !reader.has("node") {
        reader.wrong("it is not said which node", "add `node:`");
    } else if !reader.has("shard") && !reader.has("node") {
        reader.wrong("it is not said which shard", "add `shard:`, or `node:`");
    }
    if let (Some(shard), Some(node)) = (shard, node)
        && reader.layout.shard_of(node) != shard
    {
        let advice = format!("it is in shard {}", reader.layout.shard_of(node).0);
        reader.wrong_at("node", format!("node {} is not in shard {}", node.0, shard.0), advice);
    }
}
