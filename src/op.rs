//! What a plan lets the operator do to the cluster, each with every choice already made.
//!
//! Operations are what a person who runs the cluster would do on purpose; what is done to it is a fault
//! (`fault.rs`). A new operation is one variant of [`OpAction`] and one arm in the operator.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{NodeId, ShardId};
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

/// The answer that a plan wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Expect {
    /// Anything but an error.
    Ok,
    /// An error.
    Error,
    /// Any answer at all.
    Any,
    /// One whose text, or whose error, begins like this.
    Begins(String),
}

impl From<String> for Expect {
    fn from(text: String) -> Self {
        match text.as_str() {
            "ok" => Expect::Ok,
            "error" => Expect::Error,
            "any" => Expect::Any,
            _ => Expect::Begins(text),
        }
    }
}

impl From<Expect> for String {
    fn from(expect: Expect) -> Self {
        expect.to_string()
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Expect::Ok => "ok",
            Expect::Error => "error",
            Expect::Any => "any",
            Expect::Begins(text) => text,
        })
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

/// What an operation does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum OpAction {
    /// `CLUSTER FAILOVER` at a replica of the shard, which is looked up when the time comes.
    Failover {
        /// The shard whose primary is replaced.
        shard: ShardId,
        /// How the failover is asked for.
        mode: FailoverMode,
        /// The node that is to take over; the first healthy replica if absent.
        to: Option<NodeId>,
    },
    /// Any command to one node, as an operator or a saboteur would type it.
    Command {
        /// The node it is sent to.
        node: NodeId,
        /// The command's name and arguments; `{node-3}` stands for the cluster node id of node 3.
        args: Vec<String>,
    },
}

/// Commands whose first argument says what they do.
const CONTAINERS: [&str; 4] = ["CLIENT", "CLUSTER", "CONFIG", "DEBUG"];

impl OpAction {
    /// Its kind: as in a scenario, with the mode of a failover or the name of a command.
    pub fn kind(&self) -> String {
        match self {
            OpAction::Failover { mode: FailoverMode::Default, .. } => "failover".to_owned(),
            OpAction::Failover { mode: FailoverMode::Force, .. } => "failover force".to_owned(),
            OpAction::Failover { mode: FailoverMode::Takeover, .. } => "failover takeover".to_owned(),
            OpAction::Command { args, .. } => {
                let words: Vec<String> = args.iter().take(2).map(|word| word.to_uppercase()).collect();
                match words.as_slice() {
                    [name, what] if CONTAINERS.contains(&name.as_str()) => format!("command {name} {what}"),
                    [name, ..] => format!("command {name}"),
                    [] => "command".to_owned(),
                }
            }
        }
    }
}

/// Whether a command tells its node to end.
pub fn is_shutdown(args: &[String]) -> bool {
    let says = |word: &str| args.iter().any(|argument| argument.eq_ignore_ascii_case(word));
    args.first().is_some_and(|name| name.eq_ignore_ascii_case("SHUTDOWN")) && !says("ABORT")
}

/// The numbers in every `{node-3}` of a command's argument, as they are written.
pub fn nodes_named(argument: &str) -> impl Iterator<Item = &str> {
    let numbers = argument.split("{node-").skip(1).filter_map(|rest| rest.split_once('}'));
    numbers
        .map(|(number, _)| number)
        .filter(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A command's argument with the nodes that it names numbered anew.
pub fn renumber_nodes(argument: &str, new: impl Fn(NodeId) -> NodeId) -> String {
    let named: Vec<&str> = nodes_named(argument).collect();
    let mut parts = argument.split("{node-");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let number =
            named.iter().find(|number| part.strip_prefix(**number).is_some_and(|rest| rest.starts_with('}')));
        match number.and_then(|number| Some((number, number.parse().ok()?))) {
            Some((number, node)) => format!("{text}{{{}{}", new(NodeId(node)), &part[number.len()..]),
            None => format!("{text}{{node-{part}"),
        }
    })
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
