//! What a plan lets the operator do to the cluster, each with every choice already made.
//!
//! Operations are what a person who runs the cluster would do on purpose; what is done to it is a fault. Each kind has its
//! room, a file with all that is known of it: a new kind is a file that implements [`OpKind`] and a line of the catalogue.
//! How an operation goes about its work is the operator's (`actor::operator`, a file of the same name).

mod add_replica;
mod addslots;
mod bgrewriteaof;
mod bgsave;
mod bumpepoch;
mod catalogue;
mod client_kill;
mod client_pause;
mod command;
mod configuration_change;
mod confusion;
mod delslots;
mod expect;
mod failover;
mod flushslots;
mod forget;
mod full_resync;
mod meet;
mod move_replica;
mod rebalance;
mod recipients;
mod remove_replica;
mod replicate;
mod reset;
mod reshard;
mod restart;
mod restart_empty;
mod restart_old_copy;
mod rolling_restart;
mod rolling_upgrade;
mod save;
mod scale_in;
mod scale_out;
mod set_config_epoch;
mod setslot;
mod shutdown;
mod sign;
mod slots_at;
pub mod timing;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

pub use add_replica::AddReplica;
pub use addslots::Addslots;
pub use bgrewriteaof::Bgrewriteaof;
pub use bgsave::Bgsave;
pub use bumpepoch::Bumpepoch;
pub use catalogue::{OpAction, abouts, draw, draw_kind, read, steps_of_entry};
pub use client_kill::ClientKill;
pub use client_pause::ClientPause;
pub use command::{CLUSTER_READS, Command, is_shutdown};
pub use configuration_change::ConfigurationChange;
pub use delslots::Delslots;
pub use expect::Expect;
pub use failover::{Failover, FailoverMode};
pub use flushslots::Flushslots;
pub use forget::Forget;
pub use full_resync::FullResync;
pub use meet::Meet;
pub use move_replica::MoveReplica;
pub use rebalance::Rebalance;
pub use remove_replica::RemoveReplica;
pub use replicate::Replicate;
pub use reset::Reset;
pub use reshard::{Method, Reshard, Which};
pub use restart::Restart;
pub use restart_empty::RestartEmpty;
pub use restart_old_copy::RestartOldCopy;
pub use rolling_restart::RollingRestart;
pub use rolling_upgrade::RollingUpgrade;
pub use save::Save;
pub use scale_in::ScaleIn;
pub use scale_out::ScaleOut;
pub use set_config_epoch::SetConfigEpoch;
pub use setslot::Setslot;
pub use shutdown::{Shutdown, ShutdownOption};
pub use sign::{Sign, Slots, share_slots};
pub use slots_at::SlotsAt;
pub use timing::{Start, leader};

use crate::id::{Host, NodeId, ShardId};
use crate::language::target::Target;
use crate::language::{Entry, Form, Key, Layout, Reader, Renumber, Value};
use crate::rng::Stream;
use crate::time::SimDuration;

/// The number of an operation in its plan, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OpId(pub u16);

/// One operation of a plan. Operations run one after the other in the plan's order, unless [`start`](Op::start) says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Op {
    /// Its place in the plan.
    pub id: OpId,
    /// What the delay counts from.
    #[serde(default, skip_serializing_if = "Start::is_after")]
    pub start: Start,
    /// How long after that its time comes.
    pub delay_ns: SimDuration,
    /// What is done.
    pub action: OpAction,
    /// What the plan wants a command to be answered; without it any answer will do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expect>,
}

impl Op {
    /// The operation as an entry of a scenario, leaving nothing open.
    pub fn write(&self) -> Value {
        let expect = self.expect.as_ref().map(ToString::to_string);
        let own = self.action.write().maybe("expect", expect);
        own.and(timing::write(self)).written()
    }

    /// What is planned, for the report.
    pub fn in_words(&self) -> String {
        self.action.in_words() + &timing::in_words(self)
    }
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It did what it was asked for, or was answered as the plan wants.
    Done,
    /// A server answered with an error.
    Refused,
    /// A server answered otherwise than the plan wants.
    Unexpected,
    /// It was taken on, and something else came of it.
    NoEffect,
    /// Nothing came of it in time, or the connection was lost before an answer came.
    TimedOut,
    /// There was nobody to send it to.
    NotSent,
    /// What it waits for was never seen, so that it was never begun.
    Missed,
}

/// A command as it is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed<'o> {
    /// The node it is sent to.
    pub node: NodeId,
    /// Its name and arguments; `{node-3}` stands for the cluster node id of node 3.
    pub args: Cow<'o, [String]>,
    /// What shows in the node's own view once it took effect; the answer alone counts if absent.
    pub sign: Option<Sign>,
}

impl Typed<'_> {
    /// The same command, borrowed from nobody.
    fn owned(self) -> Typed<'static> {
        Typed { node: self.node, args: self.args.into_owned().into(), sign: self.sign }
    }

    /// A command that is answered, and nothing is to be seen of it.
    fn of(node: NodeId, args: &[&str]) -> Typed<'static> {
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        Typed { node, args: args.into(), sign: None }
    }

    /// The command with further arguments.
    fn with(mut self, more: impl IntoIterator<Item = String>) -> Self {
        self.args.to_mut().extend(more);
        self
    }

    /// The node that it takes out of the cluster, or away from its place there: who is forgotten, or reset.
    fn sends_away(&self) -> Option<NodeId> {
        match self.words().as_slice() {
            [cluster, forget, whom, ..] if cluster == "cluster" && forget == "forget" => node_named(whom),
            [cluster, reset, ..] if cluster == "cluster" && reset == "reset" => Some(self.node),
            _ => None,
        }
    }

    /// The nodes that it makes members of one cluster: who is told to meet whom.
    pub fn introduces(&self) -> Option<[NodeId; 2]> {
        match self.words().as_slice() {
            [cluster, meet, ip, ..] if cluster == "cluster" && meet == "meet" => {
                match Host::from_address(ip.parse().ok()?)? {
                    Host::Node(other) => Some([self.node, other]),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// Whom the node is told to replicate, as far as that is said by the node's name in the plan.
    pub fn follows(&self) -> Option<NodeId> {
        match self.words().as_slice() {
            [cluster, replicate, of, ..] if cluster == "cluster" && replicate == "replicate" => {
                node_named(of)
            }
            _ => None,
        }
    }

    /// Whether the node is told to forget the cluster.
    pub fn resets(&self) -> bool {
        self.words().starts_with(&["cluster".to_owned(), "reset".to_owned()])
    }

    /// Whether it begins with these words, in any case.
    pub fn is(&self, words: &[&str]) -> bool {
        let same = |(arg, word): (&String, &&str)| arg.eq_ignore_ascii_case(word);
        self.args.len() >= words.len() && self.args.iter().zip(words).all(same)
    }

    /// Its words in small letters.
    fn words(&self) -> Vec<String> {
        self.args.iter().map(|arg| arg.to_ascii_lowercase()).collect()
    }

    /// The command with what shows that it took effect.
    fn shown_by(self, sign: Sign) -> Self {
        Typed { sign: Some(sign), ..self }
    }
}

/// What stands in a command's argument for what a node calls itself in the cluster.
fn name_of(node: NodeId) -> String {
    format!("{{{node}}}")
}

/// The node that such a name stands for.
fn node_named(name: &str) -> Option<NodeId> {
    let number = name.strip_prefix("{node-")?.strip_suffix('}')?;
    number.parse().ok().map(NodeId)
}

/// Slots that a command names.
const SLOTS: Key = Key::new("slots", Form::Slots, "the slots. Must be there");
/// Every slot there is.
pub const ALL_SLOTS: (u16, u16) = (0, 16_383);

/// Slots as arguments: each by itself, or the ends of each range.
fn slot_words(slots: &[(u16, u16)], ranges: bool) -> Vec<String> {
    let words = |(first, last): &(u16, u16)| match ranges {
        true => vec![first.to_string(), last.to_string()],
        false => (*first..=*last).map(|slot| slot.to_string()).collect(),
    };
    slots.iter().flat_map(words).collect()
}

/// The steps that an operation shows on the cluster bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Steps {
    /// From the first to the last that shows for certain, if nothing goes wrong.
    Shown(u8, u8),
    /// None: nobody is asked.
    Silent,
}

/// All that is known of a kind of operation, apart from when it starts.
pub trait OpKind: Sized {
    /// Its name, as in a scenario.
    const NAME: &'static str;
    /// What it does, in a sentence or two, for the reference of the language.
    const ABOUT: &'static str;
    /// Its own keys.
    const KEYS: &'static [Key];
    /// An entry that can be run in a cluster of three shards with one replica each, and two spare nodes.
    const EXAMPLE: &'static str;
    /// Whether `expect:` can say what it is to be answered.
    const EXPECTS: bool = false;
    /// The steps that operations of the kind can show on the cluster bus; nothing if they are no failovers.
    const STEPS: Option<Steps> = None;

    /// Reads and checks it; nothing if it needs what is missing.
    fn read(reader: &mut Reader) -> Option<Self>;
    /// Its own keys, leaving nothing open.
    fn write(&self) -> Entry;
    /// Everybody it names.
    fn targets(&self) -> Vec<Target>;
    /// Gives everybody it names the number that they have in a smaller cluster.
    fn renumber(&mut self, new: &dyn Renumber);

    /// How often it is drawn, compared with other kinds; never if it is 0.
    fn weight(_layout: Layout) -> u64 {
        0
    }

    /// Draws an entry as a person would have written it; only asked where the weight is above 0, or by name.
    fn draw(_stream: &mut Stream, _layout: Layout) -> Entry {
        Entry::default()
    }

    /// What is planned, for the report.
    fn in_words(&self) -> String {
        recipients::in_words(self)
    }

    /// What operations that break the same thing have in common.
    fn signature(&self) -> String {
        Self::NAME.to_owned()
    }

    /// The shard it works on, as far as the cluster is as it was laid out.
    fn shard(&self, layout: Layout) -> Option<ShardId> {
        self.targets().into_iter().find_map(|target| target.shard(layout))
    }

    /// The steps that it shows on the cluster bus; nothing if it is no failover.
    fn steps(&self) -> Option<Steps> {
        None
    }

    /// The shard that gets another primary by it.
    fn replaces_primary_of(&self) -> Option<ShardId> {
        None
    }

    /// The commands that it types as they stand, if that is all it does.
    fn typed(&self) -> Vec<Typed<'_>> {
        Vec::new()
    }

    /// The operations that it consists of, one after the other, if that is all it is.
    fn parts(&self) -> Vec<OpAction> {
        Vec::new()
    }

    /// The shard whose slots it gives to another.
    fn moves_slots(&self) -> Option<ShardId> {
        None
    }

    /// Whether keys of its slots may stay behind at both ends, even if it ends as it should.
    fn may_split_slots(&self) -> bool {
        false
    }

    /// The first version of the server that can do it, if older ones cannot.
    fn since(&self) -> Option<&'static str> {
        None
    }

    /// The nodes whose data directories it wipes, so that they come back as others.
    fn wipes(&self) -> Vec<NodeId> {
        Vec::new()
    }

    /// The server that it gives to nodes, a version or a path.
    fn installs(&self) -> Option<&str> {
        None
    }

    /// The nodes that it tells to end, beside those at which it types that; in a cluster of this shape.
    fn shuts_down(&self, _layout: Layout) -> Vec<NodeId> {
        Vec::new()
    }

    /// The nodes that it takes out of the cluster, beside those that its typed commands do; in a cluster of this shape.
    fn sends_away(&self, _layout: Layout) -> Vec<NodeId> {
        Vec::new()
    }

    /// The nodes that it takes into the cluster, each with its shard, beside those that its typed commands do.
    fn takes_in(&self) -> Vec<(NodeId, ShardId)> {
        Vec::new()
    }
}
