//! What a fault does, as data: a signal, a process that stands still, a rule of links.
//!
//! The injector of faults knows these few effects and how each is undone, and not a single kind of fault.

use super::stranger::{Port, Says};
use super::{Affliction, BusRule, Channel, Direction, LatencyRange, Lie, Remains, Signal, Step};
use crate::time::SimDuration;

/// What is done to those that a fault hits, and undone at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The first target's process is sent a signal, and started again so long after its end.
    Signal {
        /// Which signal.
        signal: Signal,
        /// How long after its end; never if absent.
        restart_after: Option<SimDuration>,
    },
    /// The first target's process does not run until the heal.
    Pause,
    /// Something is wrong with the first target's machine until the heal.
    Afflict(Affliction),
    /// The first target's machine loses its power at a step of its files, or at once, and its server is started again so
    /// long after that.
    Crash {
        /// At which step.
        step: Option<Step>,
        /// What its disk has then.
        leaves: Remains,
        /// How long after its end; never if absent.
        restart_after: Option<SimDuration>,
    },
    /// The first target's machine works so many times slower until the heal.
    Slow {
        /// How many times.
        times: u64,
    },
    /// The first target's machine is gone without a word, and comes back so long after.
    Machine {
        /// How long after; never if absent.
        restart_after: Option<SimDuration>,
        /// What its disk has then; all that was written if absent.
        leaves: Option<Remains>,
    },
    /// Links between targets, or between targets and everyone else, are changed until the heal.
    Links {
        /// Which links, one stage after another; each takes the place of the one before.
        stages: Vec<Stage>,
        /// What becomes of the links.
        links: Links,
        /// What is said of whom they are between; the targets if absent.
        called: Option<String>,
    },
    /// Messages of the bus are treated by a rule until the heal.
    Bus {
        /// How many of the targets send them; the others receive them. Whoever is not named is anybody.
        from: usize,
        /// Also those from the second side to the first.
        both_ways: bool,
        /// Which messages, and what becomes of them.
        rule: BusRule,
    },
    /// Settings of the first target's server are others until the heal, or until its process ends.
    Set(Vec<(&'static str, String)>),
    /// A stranger dials the first target and speaks to it; what is left of the connections is closed with the heal.
    Visit {
        /// At which port.
        port: Port,
        /// What is said.
        says: Says,
        /// How many connections.
        connections: u16,
        /// What the words are drawn from.
        words: u64,
    },
    /// The first target lies from now on, about the second one if there is one.
    Lie(Lie),
}

/// Which links are changed from some moment on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// How long after the fault's begin.
    pub after: SimDuration,
    /// Between whom.
    pub seams: Vec<Seam>,
}

/// Links between two groups of a fault's targets, by their places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seam {
    /// The first group.
    pub a: Vec<usize>,
    /// The second group; everyone else if absent.
    pub b: Option<Vec<usize>>,
}

/// What becomes of which traffic on links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Links {
    /// What becomes of it.
    pub trouble: Trouble,
    /// Both ways, or only from the first side to the other.
    pub direction: Direction,
    /// Which traffic; all of it if empty.
    pub channels: Vec<Channel>,
}

/// What becomes of traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Bytes are held, and come with TCP's next attempt after the heal.
    Cut,
    /// Bytes take another time.
    Slow(LatencyRange),
    /// One chunk in so many takes so much longer.
    Tail {
        /// One in how many.
        one_in: u64,
        /// How much longer.
        longer: LatencyRange,
    },
    /// No more bytes a second go through, in each direction between two hosts.
    Narrow {
        /// How many.
        bytes_per_s: u64,
    },
    /// Bytes are held, and all come at once with the heal.
    Jam,
    /// One chunk in so many is lost on each of its attempts, and comes with TCP's next one.
    Lossy {
        /// One in how many.
        one_in: u64,
    },
    /// New connections are refused.
    Refuse,
    /// Connections end, and both ends are told so.
    Reset,
}

impl Effect {
    /// Links between the first `first` of `count` targets and the others, or everyone else if there are no others.
    pub fn between(first: usize, count: usize, links: Links) -> Effect {
        let b = (first < count).then(|| (first..count).collect());
        let seams = vec![Seam { a: (0..first).collect(), b }];
        Effect::at_once(seams, links, None)
    }

    /// Links that are changed from the begin to the heal.
    pub fn at_once(seams: Vec<Seam>, links: Links, called: Option<String>) -> Effect {
        Effect::Links { stages: vec![Stage { after: SimDuration::ZERO, seams }], links, called }
    }
}

impl Links {
    /// All traffic, both ways.
    pub fn all(trouble: Trouble) -> Links {
        Links { trouble, direction: Direction::Both, channels: Vec::new() }
    }
}
