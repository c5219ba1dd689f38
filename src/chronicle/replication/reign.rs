//! Reigns: the stretches of history that one process writes, what each grew out of, and what was executed in it.
//!
//! A process begins one when it starts, and another when it takes over. Data are a reign and how much of it one has, so
//! that whoever followed the same primary has the same data as far as both have them; and what a reign grew out of says
//! which of the earlier ones it has, and up to where.

use crate::id::NodeId;
use crate::time::SimTime;

/// How many of a reign's last commands are looked at first.
const TAIL: usize = 64;

/// A reign's place among those of a run, in the order in which they began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReignId(pub usize);

/// A stretch of history that one process wrote.
#[derive(Clone, Debug)]
pub struct Reign {
    /// Whose.
    pub node: NodeId,
    /// When it began.
    pub began_at: SimTime,
    /// How it began.
    pub by: Begin,
    /// When somebody heard from the node first that it reigns, by the time at which he could read it.
    pub heard: Vec<(NodeId, SimTime)>,
    /// What other nodes had copied when its node took over.
    pub others: Vec<(NodeId, Cut)>,
    /// When a data set was begun for a replica, and at which offset its node stood then.
    pub snapshots: Vec<(SimTime, u64)>,
    /// The commands that any replica was sent, in order of their offsets.
    commands: Vec<Executed>,
}

/// How a reign begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begin {
    /// A process starts; what the one before it had, of which the disk gives something back or nothing.
    Start {
        /// Nothing for the first one.
        before: Option<Cut>,
    },
    /// A replica becomes a primary with what it has.
    Takeover(Cut),
}

/// So much of a reign, and of what that grew out of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The reign.
    pub of: ReignId,
    /// How much of it.
    pub extent: Extent,
}

/// How much of a reign somebody has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// What its own process executed until then.
    Until(SimTime),
    /// What a replica got.
    Copied(Copied),
}

/// What a replica got of a reign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// It has executed everything up to this offset: it said so, or began there.
    pub low: u64,
    /// It has executed nothing behind this offset: nothing more had reached it.
    pub high: u64,
    /// When the data set was begun that it started from.
    pub since: SimTime,
}

/// A command in a reign's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Executed {
    /// The offset behind it.
    pub end: u64,
    /// How many bytes it has.
    pub len: u64,
    /// Its digest, as the log has it.
    pub digest: u64,
}

/// Two replicas were sent different streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Differs {
    /// What an earlier one was sent there.
    pub earlier: Executed,
}

impl Reign {
    /// One that begins now.
    pub fn new(node: NodeId, began_at: SimTime, by: Begin) -> Self {
        Reign {
            node,
            began_at,
            by,
            heard: Vec::new(),
            others: Vec::new(),
            snapshots: Vec::new(),
            commands: Vec::new(),
        }
    }

    /// What it grew out of, if that is known.
    pub fn parent(&self) -> Option<Cut> {
        match self.by {
            Begin::Takeover(cut) => Some(cut),
            Begin::Start { before } => before,
        }
    }

    /// The commands that replicas were sent, in order.
    pub fn commands(&self) -> &[Executed] {
        &self.commands
    }

    /// When a node heard from it that it reigns.
    pub fn heard_by(&self, node: NodeId) -> Option<SimTime> {
        self.heard.iter().find(|(by, _)| *by == node).map(|(_, at)| *at)
    }

    /// Notes a command that a replica is sent; an error if another was sent something else there.
    pub fn execute(&mut self, command: Executed) -> Result<(), Differs> {
        let is_before = |other: &Executed| other.end < command.end;
        // Replicas are rarely far behind one another.
        let tail = self.commands.len().saturating_sub(TAIL);
        let first = self.commands.get(tail).filter(|other| is_before(other)).map_or(0, |_| tail);
        let at = first + self.commands[first..].partition_point(is_before);
        let begin = command.end.saturating_sub(command.len);
        let before = at.checked_sub(1).map(|before| self.commands[before]).filter(|other| other.end > begin);
        match self.commands.get(at) {
            Some(same) if *same == command => return Ok(()),
            Some(other) if other.end - other.len < command.end => return Err(Differs { earlier: *other }),
            _ => {}
        }
        if let Some(earlier) = before {
            return Err(Differs { earlier });
        }
        self.commands.insert(at, command);
        Ok(())
    }
}

impl Copied {
    /// Nothing but the data set as of an offset.
    pub fn from(offset: u64, since: SimTime) -> Self {
        Copied { low: offset, high: offset, since }
    }

    /// Whether it is known to the byte how much it is.
    pub fn is_exact(&self) -> bool {
        self.low == self.high
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(end: u64, len: u64, digest: u64) -> Executed {
        Executed { end, len, digest }
    }

    #[test]
    fn replicas_of_one_reign_are_sent_the_same() {
        let mut reign = Reign::new(NodeId(1), SimTime::ZERO, Begin::Start { before: None });
        for end in [10, 20, 30, 20, 60, 10] {
            assert_eq!(reign.execute(command(end, 10, end)), Ok(()));
        }
        assert_eq!(reign.commands().len(), 4);
        assert_eq!(reign.execute(command(40, 10, 40)), Ok(()), "a gap is filled");
        for wrong in [command(20, 10, 7), command(25, 10, 25), command(15, 5, 15), command(70, 20, 70)] {
            assert!(reign.execute(wrong).is_err(), "{wrong:?}");
        }
    }
}
