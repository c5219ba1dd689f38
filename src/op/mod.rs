//! What a plan lets the operator do to the cluster, each with every choice already made.
//!
//! Operations are what a person who runs the cluster would do on purpose; what is done to it is a fault. Each kind has its
//! room, a file with all that is known of it: a new kind is a file that implements [`OpKind`] and a line of the catalogue.
//! How an operation goes about its work is the operator's (`actor::operator`, a file of the same name).

mod catalogue;
mod command;
mod expect;
mod failover;
pub mod timing;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

pub(crate) use catalogue::operations;
pub use catalogue::{OpAction, abouts, draw, read, steps_of_entry};
pub use command::{Command, is_shutdown};
pub use expect::Expect;
pub use failover::{Failover, FailoverMode};

use crate::id::{NodeId, ShardId};
use crate::language::target::Target;
use crate::language::{Entry, Key, Layout, Reader, Renumber, Value};
use crate::rng::Stream;
use crate::time::SimDuration;

/// The number of an operation in its plan, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OpId(pub u16);

/// One operation of a plan. Operations run one after the other, in the plan's order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Op {
    /// Its place in the plan.
    pub id: OpId,
    /// How long after the end of the operation before it (or the start of the workload) its time comes.
    pub delay_ns: SimDuration,
    /// What is done.
    pub action: OpAction,
    /// Why the plan itself makes this operation impossible, if it does: it is then expected to fail.
    pub expected_to_fail: Option<String>,
    /// What the plan wants a command to be answered; without it any answer will do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expect>,
}

impl Op {
    /// The operation as an entry of a scenario, leaving nothing open.
    pub fn write(&self) -> Value {
        let expect = self.expect.as_ref().map(ToString::to_string);
        let own = self.action.write().maybe("expect", expect);
        own.with("delay", self.delay_ns).written()
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
}

/// A command as it is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed<'o> {
    /// The node it is sent to.
    pub node: NodeId,
    /// Its name and arguments; `{node-3}` stands for the cluster node id of node 3.
    pub args: Cow<'o, [String]>,
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
    /// An entry that can be run in a cluster of three shards with one replica each.
    const EXAMPLE: &'static str;
    /// Whether `expect:` can say what it is to be answered.
    const EXPECTS: bool = false;
    /// The steps that operations of the kind can show on the cluster bus; nothing if they are no failovers.
    const STEPS: Option<Steps> = None;

    /// Reads and checks it; nothing if it needs what is missing.
    fn read(reader: &mut Reader) -> Option<Self>;
    /// Its own keys, leaving nothing open.
    fn write(&self) -> Entry;
    /// How often it is drawn, compared with other kinds.
    fn weight(layout: Layout) -> u64;
    /// Draws an entry as a person would have written it.
    fn draw(stream: &mut Stream, layout: Layout) -> Entry;
    /// What is planned, for the report.
    fn in_words(&self) -> String;
    /// Everybody it names.
    fn targets(&self) -> Vec<Target>;
    /// Gives everybody it names the number that they have in a smaller cluster.
    fn renumber(&mut self, new: &dyn Renumber);

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
}

/// A kind that does no more than to type commands.
pub trait Raw: OpKind {}
