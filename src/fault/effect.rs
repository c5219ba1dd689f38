//! What a fault does, as data: a signal, a process that stands still, a rule of links.
//!
//! The injector of faults knows these few effects and how each is undone, and not a single kind of fault.

use super::{BusRule, Channel, Direction, LatencyRange, Lie, Signal};
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
    /// The links between the first `first` targets and the others, or everyone else, are changed until the heal.
    Links {
        /// How many of the targets are on the first side.
        first: usize,
        /// What becomes of the links.
        links: Links,
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
    /// The first target lies from now on, about the second one if there is one.
    Lie(Lie),
}

/// What becomes of links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Links {
    /// Bytes are held.
    Cut {
        /// Both ways, or only from the first side to the other.
        direction: Direction,
        /// Which traffic; all of it if empty.
        channels: Vec<Channel>,
    },
    /// Bytes take another time.
    Slow(LatencyRange),
}
