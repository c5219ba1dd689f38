//! When a fault fires: the keys that say so, how they are read, written and drawn.
//!
//! A trigger is a moment of the run, or one of an operation, or the sight of something. Which operations there are is told by [`Ties`]: a fault knows
//! of them no more than their names, shards and steps.

use serde::{Deserialize, Serialize};

use super::FaultId;
use super::cue::{self, Cue};
use crate::id::ShardId;
use crate::language::{Entry, Form, Key, Reader, Word, names};
use crate::op::{OpId, Steps};
use crate::rng::Stream;
use crate::time::SimDuration;

/// When a fault fires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "when", rename_all = "snake_case")]
pub enum Trigger {
    /// So long after the workload began.
    At {
        /// The delay from the beginning of the workload.
        delay_ns: SimDuration,
    },
    /// When the operation's time has come; the operation then starts `lead_ns` later.
    BeforeOp {
        /// The operation.
        op: OpId,
        /// How long the operation waits after the fault.
        lead_ns: SimDuration,
    },
    /// After the operation was accepted and before it completed.
    DuringOp {
        /// The operation.
        op: OpId,
        /// Which moment of that window.
        moment: Moment,
    },
    /// So long after the operation completed or failed.
    AfterOp {
        /// The operation.
        op: OpId,
        /// The delay from its end.
        delay_ns: SimDuration,
    },
    /// So long after something was seen; before anything else happens if that is no time at all.
    Seen {
        /// What.
        cue: Cue,
        /// The delay from the sight.
        delay_ns: SimDuration,
    },
}

/// A moment between an operation's acceptance and its completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// So long after it was accepted; missed if it completed earlier.
    After {
        /// The delay from the acceptance.
        delay_ns: SimDuration,
    },
    /// When the n-th step of the operation shows on the cluster bus (from 0: asked, paused, votes asked for, first vote).
    BusStep {
        /// Which step.
        step: u8,
    },
}

/// How a fault is tied to an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coordination {
    /// The fault fires, and `delay` seconds later the operation starts.
    BeforeOperation,
    /// The same, for operations that are failovers.
    BeforeFailover,
    /// While the operation goes on.
    DuringOperation,
    /// `delay` seconds after the operation ended.
    AfterOperation,
}

impl Word for Coordination {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("before_operation", Coordination::BeforeOperation),
        ("before_failover", Coordination::BeforeFailover),
        ("during_operation", Coordination::DuringOperation),
        ("after_operation", Coordination::AfterOperation),
    ];
}

/// What the cluster bus shows of a failover, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BusStep {
    /// The replica asks its primary to stop its clients.
    Asked,
    /// The primary has stopped them.
    Paused,
    /// The replica asks for votes.
    VotesAsked,
    /// It gets the first one.
    FirstVote,
}

impl Word for BusStep {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("asked", BusStep::Asked),
        ("paused", BusStep::Paused),
        ("votes_asked", BusStep::VotesAsked),
        ("first_vote", BusStep::FirstVote),
    ];
}

/// The keys that say when a fault fires.
pub const KEYS: &[Key] = &[
    Key::new(
        "coordination",
        Form::Word(names::<Coordination>),
        "how it is tied to an operation; not at all if absent. Before it, the operation starts `delay` seconds later",
    ),
    Key::new("operation", Form::Whole(0, u64::MAX), "the operation, from 1; the first that fits if absent"),
    Key::new(
        "delay",
        Form::Seconds,
        "seconds before the operation starts, after it was accepted, after it ended, or after `when` was seen",
    ),
    Key::new(
        "step",
        Form::Word(names::<BusStep>),
        "the moment of `during_operation`: when the failover shows this",
    ),
    Key::new(
        "when",
        Form::Keys,
        "what is to be seen first, by the keys below; with a `delay` of 0, which holds if absent, the fault comes before \
         anything else happens",
    ),
    Key::new(
        "at",
        Form::Seconds,
        "seconds after the workload began, without `coordination` and `when`; drawn if absent",
    ),
];

/// What a fault may be tied to, and how long the run works.
#[derive(Clone, Debug)]
pub struct Ties {
    /// The operations, in the order they run.
    pub operations: Vec<Tie>,
    /// How long the workload lasts.
    pub working_ms: u64,
}

/// An operation, as far as faults are tied to it.
#[derive(Clone, Debug)]
pub struct Tie {
    /// Its place in the plan.
    pub id: OpId,
    /// The shard it works on.
    pub shard: Option<ShardId>,
    /// The steps it shows on the cluster bus, first and last; nothing if it is no failover.
    pub steps: Option<Steps>,
}

/// Reads when the fault of a reader fires, which hits `shard`.
pub(super) fn read(reader: &mut Reader, shard: Option<ShardId>, ties: &Ties) -> Option<Trigger> {
    if reader.has("when") {
        return seen(reader);
    }
    let Some(coordination) = reader.word::<Coordination>("coordination") else {
        return Some(uncoordinated(reader, ties));
    };
    if reader.has("at") {
        reader.wrong_at("at", "the fault is tied to an operation", "keep `at` or `coordination`");
    }
    let tie = tied_to(reader, coordination, shard, ties)?;
    check_step(reader, coordination, tie);
    let (op, delay) = (tie.id, reader.seconds("delay"));
    let delay_ns = delay.unwrap_or_default();
    Some(match coordination {
        Coordination::BeforeOperation | Coordination::BeforeFailover => {
            Trigger::BeforeOp { op, lead_ns: delay_ns }
        }
        Coordination::DuringOperation => Trigger::DuringOp {
            op,
            moment: match (delay, reader.word::<BusStep>("step")) {
                (Some(delay_ns), _) => Moment::After { delay_ns },
                (None, Some(step)) => Moment::BusStep { step: step as u8 },
                (None, None) => drawn_moment(reader, tie),
            },
        },
        Coordination::AfterOperation => Trigger::AfterOp { op, delay_ns },
    })
}

/// What a fault waits for is said by `when` alone.
fn seen(reader: &mut Reader) -> Option<Trigger> {
    for key in ["coordination", "operation", "step", "at"] {
        if reader.has(key) {
            reader.wrong_at(key, "the fault waits for a sight", format!("keep `when` or `{key}`"));
        }
    }
    let delay_ns = reader.seconds("delay").unwrap_or_default();
    cue::read(reader).map(|cue| Trigger::Seen { cue, delay_ns })
}

fn uncoordinated(reader: &mut Reader, ties: &Ties) -> Trigger {
    for key in ["operation", "delay", "step"] {
        if reader.has(key) && !reader.has("coordination") {
            let advice = "add `coordination:`, or write `at:` (seconds after the workload began)";
            reader.wrong_at(key, "the fault is tied to no operation", advice);
        }
    }
    // A fault without a time fires in the first three quarters of the workload.
    let drawn = || reader.drawn_ms("at", 0..=ties.working_ms / 4 * 3);
    Trigger::At { delay_ns: reader.seconds("at").unwrap_or_else(drawn) }
}

/// The operation named by number, else the first that fits and is in the fault's shard, else the first that fits.
fn tied_to<'t>(
    reader: &mut Reader,
    coordination: Coordination,
    shard: Option<ShardId>,
    ties: &'t Ties,
) -> Option<&'t Tie> {
    let operations = &ties.operations;
    if operations.is_empty() {
        let advice = "add one to `operations`, or write `at:` instead";
        reader.wrong_at("coordination", "there is no operation to be tied to", advice);
        return None;
    }
    if let Some(number) = reader.whole("operation") {
        let named = operations.iter().find(|tie| u64::from(tie.id.0) == number);
        match named {
            None => {
                let advice = format!("the operations are 1 to {}", operations.len());
                reader.wrong_at("operation", format!("there is no operation {number}"), advice);
            }
            Some(tie) if coordination == Coordination::BeforeFailover && tie.steps.is_none() => {
                reader.wrong_at("coordination", "there is no such failover", "write `before_operation`");
            }
            Some(_) => {}
        }
        return named;
    }
    let any_will_do = coordination != Coordination::BeforeFailover && !reader.has("step");
    let mut fitting = operations.iter().filter(|tie| any_will_do || tie.steps.is_some());
    let same_shard = fitting.clone().find(|tie| shard.is_some() && tie.shard == shard);
    let found = same_shard.or_else(|| fitting.next());
    match coordination {
        Coordination::BeforeFailover if found.is_none() => {
            reader.wrong_at("coordination", "there is no such failover", "write `before_operation`");
            None
        }
        _ => found.or(operations.first()),
    }
}

fn check_step(reader: &mut Reader, coordination: Coordination, tie: &Tie) {
    if !reader.has("step") {
        return;
    }
    if coordination != Coordination::DuringOperation {
        let advice = "write `during_operation`, or no `step`";
        reader.wrong_at("step", "a step is a moment within an operation", advice);
    } else if tie.steps.is_none() {
        reader.wrong_at("step", "only a failover has steps", "write `delay:` instead");
    }
    if reader.has("delay") {
        reader.wrong_at("step", "there is a delay too", "keep `delay` or `step`");
    }
}

/// A step that the operation shows on the bus: without a hand-over no pause, without a vote nothing at all.
fn drawn_moment(reader: &Reader, tie: &Tie) -> Moment {
    match tie.steps {
        Some(Steps::Shown(first, last)) => {
            let drawn = reader.stream("moment").range(first.into()..=last.into());
            Moment::BusStep { step: drawn as u8 }
        }
        Some(Steps::Silent) | None => Moment::After { delay_ns: SimDuration::ZERO },
    }
}

/// Draws when a fault fires. Half of the faults are tied to an operation, where they do most harm; the others come when
/// they come. `failovers` tells of each operation whether it is one.
pub(super) fn draw(stream: &mut Stream, failovers: &[bool]) -> Entry {
    if failovers.is_empty() || stream.chance(1, 2) {
        return Entry::default().with("at", stream.tenths(0..=150));
    }
    let number = stream.range(1..=failovers.len() as u64);
    let before = match failovers[number as usize - 1] {
        true => Coordination::BeforeFailover,
        false => Coordination::BeforeOperation,
    };
    let coordinations = [(2, before), (4, Coordination::DuringOperation), (2, Coordination::AfterOperation)];
    let coordination = stream.weighted(&coordinations);
    let delay = match coordination {
        Coordination::DuringOperation => stream.chance(1, 4).then(|| stream.range(0..=300) as f64 / 1000.0),
        _ => Some(stream.tenths(0..=60)),
    };
    let entry = Entry::default().with("coordination", coordination.word());
    entry.with("operation", number).maybe("delay", delay)
}

/// Draws what a fault waits for, and how long it lets pass then.
pub(super) fn draw_seen(stream: &mut Stream, nodes: u64) -> Entry {
    let cue = cue::draw(stream, nodes);
    let delay = stream.weighted(&[(3, None), (1, Some(50)), (1, Some(300)), (1, Some(2_000))]);
    let delay = delay.map(|most| stream.range(1..=most) as f64 / 1000.0);
    Entry::default().with("when", cue).maybe("delay", delay)
}

impl Trigger {
    /// The keys that say it.
    pub(super) fn write(&self) -> Entry {
        let tied = |coordination: Coordination, OpId(op): OpId| {
            Entry::default().with("coordination", coordination.word()).with("operation", op)
        };
        match *self {
            Trigger::At { delay_ns } => Entry::default().with("at", delay_ns),
            Trigger::BeforeOp { op, lead_ns } => {
                tied(Coordination::BeforeOperation, op).with("delay", lead_ns)
            }
            Trigger::DuringOp { op, moment: Moment::After { delay_ns } } => {
                tied(Coordination::DuringOperation, op).with("delay", delay_ns)
            }
            Trigger::DuringOp { op, moment: Moment::BusStep { step } } => {
                let word = names::<BusStep>().get(usize::from(step)).copied();
                tied(Coordination::DuringOperation, op).maybe("step", word)
            }
            Trigger::AfterOp { op, delay_ns } => {
                tied(Coordination::AfterOperation, op).with("delay", delay_ns)
            }
            Trigger::Seen { ref cue, delay_ns } => {
                Entry::default().with("when", cue.write()).with("delay", delay_ns)
            }
        }
    }

    /// How long it waits at most from the moment it is armed, its operation's own time aside.
    pub fn longest_ns(&self) -> SimDuration {
        match *self {
            Trigger::At { delay_ns } | Trigger::AfterOp { delay_ns, .. } | Trigger::Seen { delay_ns, .. } => {
                delay_ns
            }
            Trigger::BeforeOp { lead_ns, .. } => lead_ns,
            Trigger::DuringOp { moment: Moment::After { delay_ns }, .. } => delay_ns,
            Trigger::DuringOp { moment: Moment::BusStep { .. }, .. } => SimDuration::ZERO,
        }
    }
}

impl Trigger {
    /// The operation it is tied to, if it is tied to one.
    pub fn op(&self) -> Option<OpId> {
        match *self {
            Trigger::At { .. } | Trigger::Seen { .. } => None,
            Trigger::BeforeOp { op, .. } | Trigger::DuringOp { op, .. } | Trigger::AfterOp { op, .. } => {
                Some(op)
            }
        }
    }

    /// What it waits for.
    pub fn cue(&self) -> Option<&Cue> {
        match self {
            Trigger::Seen { cue, .. } => Some(cue),
            _ => None,
        }
    }

    /// What it waits for, to be changed.
    pub fn cue_mut(&mut self) -> Option<&mut Cue> {
        match self {
            Trigger::Seen { cue, .. } => Some(cue),
            _ => None,
        }
    }

    /// The other fault that it waits for.
    pub fn fault(&self) -> Option<FaultId> {
        self.cue().and_then(Cue::fault)
    }

    /// The same moment of another operation.
    pub fn tied_to(self, op: OpId) -> Self {
        match self {
            Trigger::At { .. } | Trigger::Seen { .. } => self,
            Trigger::BeforeOp { lead_ns, .. } => Trigger::BeforeOp { op, lead_ns },
            Trigger::DuringOp { moment, .. } => Trigger::DuringOp { op, moment },
            Trigger::AfterOp { delay_ns, .. } => Trigger::AfterOp { op, delay_ns },
        }
    }
}
