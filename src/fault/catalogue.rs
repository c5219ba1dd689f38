//! The kinds of faults, one a line, and what is asked of any of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Affliction, Aim, BusMessages, Children, Clock, ConnectionRefused, ConnectionReset, Cue, Descriptors,
    Disk, DiskCrash, Effect, Fault, FaultId, FaultKind, FileRule, FileVerdict, MachineLoss, MemoryLimit,
    NetworkBandwidth, NetworkJam, NetworkLatency, NetworkLoss, NetworkPartition, NetworkSplit,
    NetworkSwizzle, NetworkTail, ProcessKill, ProcessPause, ProcessSlow, Sabotage, Signal, StaleLink,
    Starved, Stranger, Swarm, Target, Ties, compound, trigger,
};
use crate::id::{NodeId, ShardId};
use crate::language::target;
use crate::language::{About, Entry, Key, Layout, Place, Problem, Reader, Value, kind_of};
use crate::op::OpId;
use crate::rng::Stream;
use crate::time::SimDuration;

/// Makes the enum of all kinds, and hands every question on to the kind it is about.
macro_rules! catalogue {
    ($($kind:ident),* $(,)?) => {
        /// What a fault does.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "type", rename_all = "snake_case")]
        pub enum FaultAction {
            $(
                #[doc = concat!("See [`", stringify!($kind), "`].")]
                $kind($kind),
            )*
        }

        $(
            impl From<$kind> for FaultAction {
                fn from(kind: $kind) -> Self {
                    FaultAction::$kind(kind)
                }
            }
        )*

        /// The names of all kinds.
        const NAMES: &[&str] = &[$($kind::NAME),*];

        /// What the swarm can switch on or off: kinds, and variants of them.
        fn swarm() -> Vec<(&'static str, usize)> {
            let kinds = [$(($kind::NAME, $kind::VARIANTS)),*];
            kinds.into_iter().flat_map(|(name, count)| (0..count).map(move |n| (name, n))).collect()
        }

        fn own_keys(name: &str) -> Vec<Key> {
            match name {
                $($kind::NAME => $kind::KEYS.to_vec(),)*
                _ => Vec::new(),
            }
        }

        fn read_action(name: &str, reader: &mut Reader) -> Option<FaultAction> {
            match name {
                $($kind::NAME => $kind::read(reader).map(FaultAction::from),)*
                _ => None,
            }
        }

        fn draw_action(name: &str, variant: usize, stream: &mut Stream, swarm: &Swarm) -> Entry {
            match name {
                $($kind::NAME => $kind::draw(variant, stream, swarm),)*
                _ => Entry::default(),
            }
        }

        /// What the reference tells of all kinds.
        pub fn abouts() -> Vec<About> {
            vec![$(About {
                name: $kind::NAME,
                about: $kind::ABOUT,
                keys: own_keys($kind::NAME),
                example: $kind::EXAMPLE,
            }),*]
        }

        impl FaultAction {
            /// Its kind, as in a scenario.
            pub fn kind(&self) -> &'static str {
                match self {
                    $(FaultAction::$kind(_) => $kind::NAME,)*
                }
            }

            /// Its keys and its target's, leaving nothing open.
            pub(super) fn write(&self) -> Entry {
                let own = match self {
                    $(FaultAction::$kind(kind) => kind.write(),)*
                };
                Entry::of(self.kind()).and(own)
            }

            /// What is planned, for the report.
            pub fn in_words(&self) -> String {
                match self {
                    $(FaultAction::$kind(kind) => kind.in_words(),)*
                }
            }

            /// Whom it hits, in the order in which they are looked up.
            pub fn targets(&self) -> Vec<Target> {
                match self {
                    $(FaultAction::$kind(kind) => kind.targets(),)*
                }
            }

            /// All of its targets, to be changed.
            pub fn targets_mut(&mut self) -> Vec<&mut Target> {
                match self {
                    $(FaultAction::$kind(kind) => kind.targets_mut(),)*
                }
            }

            /// What it does.
            pub fn effect(&self) -> Effect {
                match self {
                    $(FaultAction::$kind(kind) => kind.effect(),)*
                }
            }

            /// The longest time from its begin to its end.
            pub fn lasts(&self) -> SimDuration {
                match self {
                    $(FaultAction::$kind(kind) => kind.lasts(),)*
                }
            }

            /// Whether a scenario has words for whom it hits.
            pub fn can_be_said(&self) -> bool {
                match self {
                    $(FaultAction::$kind(kind) => kind.can_be_said(),)*
                }
            }

            /// Those of the nodes it hit that cannot serve meanwhile: their shards need another primary.
            pub fn victims<'h>(&self, hit: &'h [NodeId]) -> &'h [NodeId] {
                match self {
                    $(FaultAction::$kind(kind) => kind.victims(hit),)*
                }
            }

            /// Whether a server that ends while this lasts, with these as its last words, ends by a rule of its own.
            pub fn excuses_end(&self, last_words: &str) -> bool {
                match self {
                    $(FaultAction::$kind(kind) => kind.excuses_end(last_words),)*
                }
            }

            fn aim(&self) -> Aim {
                match self {
                    $(FaultAction::$kind(_) => $kind::AIM,)*
                }
            }
        }
    };
}

catalogue! {
    ProcessKill,
    ProcessPause,
    NetworkPartition,
    NetworkLatency,
    Disk,
    DiskCrash,
    Clock,
    Children,
    Descriptors,
    MemoryLimit,
    BusMessages,
    StaleLink,
    NetworkSplit,
    NetworkJam,
    NetworkSwizzle,
    NetworkLoss,
    NetworkTail,
    NetworkBandwidth,
    ConnectionReset,
    ConnectionRefused,
    MachineLoss,
    ProcessSlow,
    Sabotage,
    Stranger,
    Starved,
}

impl FaultAction {
    /// Whether it changes links and no node by itself.
    pub fn is_of_links(&self) -> bool {
        self.aim() == Aim::Links
    }

    /// Whether a node lies, which excuses nothing.
    pub fn lies(&self) -> bool {
        matches!(self.effect(), Effect::Lie(_))
    }

    /// Whether it is a rule for messages, so that what it hit is what they were.
    pub fn is_of_messages(&self) -> bool {
        matches!(self.effect(), Effect::Bus { .. })
    }

    /// How it ends a process, and how long after the end the process is started again; nothing if it ends none.
    pub fn ends_process(&self) -> Option<(Signal, Option<SimDuration>)> {
        match self.effect() {
            Effect::Signal { signal, restart_after } => Some((signal, restart_after)),
            Effect::Crash { restart_after, .. } | Effect::Machine { restart_after, .. } => {
                Some((Signal::Kill, restart_after))
            }
            Effect::Pause
            | Effect::Afflict(_)
            | Effect::Slow { .. }
            | Effect::Links { .. }
            | Effect::Bus { .. }
            | Effect::Visit { .. }
            | Effect::Set(_)
            | Effect::Lie(_) => None,
        }
    }

    /// How much longer synchronising takes with it; zero if it does nothing to that.
    pub fn slows_disk_by(&self) -> SimDuration {
        match self.effect() {
            Effect::Afflict(Affliction::Files(FileRule { verdict: FileVerdict::Slow(by), .. })) => by,
            _ => SimDuration::ZERO,
        }
    }

    /// How far ahead the wall clock is at most that it makes wrong; nothing if it is of no clock.
    pub fn clock_ahead_by(&self) -> Option<SimDuration> {
        match self.effect() {
            Effect::Afflict(Affliction::Clock(clock)) => Some(clock.ahead_at_most(self.lasts())),
            _ => None,
        }
    }

    /// Whether it takes a machine's power away, so that what is on its disk for sure matters.
    pub fn loses_power(&self) -> bool {
        matches!(self.effect(), Effect::Crash { .. } | Effect::Machine { leaves: Some(_), .. })
    }

    /// The shard it is aimed at, as far as the cluster is as it was laid out.
    fn shard(&self, layout: Layout) -> Option<ShardId> {
        self.targets().into_iter().find_map(|target| target.shard(layout))
    }
}

/// Reads the fault of an entry, drawing what is left open from the streams of `seed`.
pub fn read(
    id: FaultId,
    entry: (&Value, Place),
    layout: Layout,
    ties: &Ties,
    seed: u64,
) -> Result<Fault, Vec<Problem>> {
    let (value, place) = entry;
    let name = kind_of(value, &place, "a fault", NAMES).map_err(|problem| vec![problem])?;
    let keys = [own_keys(name), target::KEYS.to_vec(), trigger::KEYS.to_vec()].concat();
    let elsewhere: Vec<&str> = NAMES.iter().flat_map(|name| own_keys(name)).map(|key| key.name).collect();
    let reader = Reader::new(name, (value, place), keys, &elsewhere, layout);
    let mut reader = reader.drawing(seed, format!("fault {}", id.0));
    let action = read_action(name, &mut reader);
    // A fault whose target was left open is in no shard that anybody meant.
    let named = ["shard", "node", "a"].iter().any(|key| reader.has(key));
    let shard = action.as_ref().filter(|_| named).and_then(|action| action.shard(layout));
    let trigger = trigger::read(&mut reader, shard, ties);
    let problems = reader.into_problems();
    match (action, trigger) {
        (Some(action), Some(trigger)) if problems.is_empty() => Ok(Fault { id, trigger, action }),
        _ => Err(problems),
    }
}

/// Why what a cue waits for never comes, with advice: there is no such fault, or it is never undone.
pub fn never_comes(cue: &Cue, faults: &[Fault]) -> Option<(String, String)> {
    let wanted = cue.fault()?;
    let Some(other) = faults.iter().find(|fault| fault.id == wanted) else {
        let advice = format!("the faults are 1 to {}", faults.len());
        return Some((format!("there is no fault {}", wanted.0), advice));
    };
    cue.never(&other.action).map(|why| (why.to_owned(), "write `fired`, or let it be healed".to_owned()))
}

/// Whether a fault waits for itself, by way of others and of operations; `waits` tells which fault an operation waits for.
pub fn waits_for_itself(fault: &Fault, faults: &[Fault], waits: &BTreeMap<OpId, FaultId>) -> bool {
    let before = |fault: &Fault| {
        let of_op = fault.trigger.op().and_then(|op| waits.get(&op).copied());
        let next = fault.trigger.fault().or(of_op)?;
        faults.iter().find(|other| other.id == next)
    };
    let mut chain = std::iter::successors(before(fault), |fault| before(fault)).take(faults.len());
    chain.any(|before| before.id == fault.id)
}

/// Draws the faults of a generated scenario, none at all in some. `failovers` tells of each operation whether it is one.
pub fn draw(seed: u64, layout: Layout, failovers: &[bool]) -> Vec<Value> {
    let stream = |purpose: &str| Stream::new(seed, "generator", purpose);
    let counts = [(10, 0), (25, 1), (30, 2), (20, 3), (10, 4), (5, 5)];
    let count: u64 = stream("fault count").weighted(&counts);
    let (kinds, swarm) = (drawn_kinds(&mut stream("fault kinds")), Swarm { seed, layout });
    let nodes = u64::from(layout.node_count());
    // One fault in five waits for something to be seen: most of that is elections, which need replicas.
    let seen = |number: u64| {
        let mut stream = stream(&format!("fault {number} cue"));
        (layout.replicas > 0 && stream.chance(1, 5)).then(|| trigger::draw_seen(&mut stream, nodes))
    };
    let fault = |number: u64| {
        let mut stream = stream(&format!("fault {number}"));
        let (name, variant) = *stream.pick(&kinds).expect("a seed has at least one kind of fault");
        let action = draw_action(name, variant, &mut stream, &swarm);
        let trigger = seen(number).unwrap_or_else(|| trigger::draw(&mut stream, failovers));
        Entry::of(name).and(action).and(trigger).written()
    };
    // One in six is a unit of faults that belong together, if the cluster has room for it.
    let unit = |number: u64, first: u64| {
        let mut stream = stream(&format!("fault {number} unit"));
        let is_drawn = stream.chance(1, 6);
        is_drawn.then(|| compound::draw(compound::Draw { stream: &mut stream, layout, failovers, first }))
    };
    let mut drawn = Vec::new();
    for number in 1..=count {
        let unit = unit(number, drawn.len() as u64 + 1).unwrap_or_default();
        if unit.is_empty() {
            drawn.push(fault(number));
        }
        drawn.extend(unit);
    }
    drawn
}

/// What one seed does at all.
fn drawn_kinds(draw: &mut Stream) -> Vec<(&'static str, usize)> {
    let all = swarm();
    let mut kinds: Vec<_> = all.iter().copied().filter(|_| draw.chance(1, 2)).collect();
    if kinds.is_empty() {
        kinds.extend(draw.pick(&all));
    }
    kinds
}
