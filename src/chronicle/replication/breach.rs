//! What no replication may do, found while the chronicle is built.

use std::fmt;

use crate::id::NodeId;
use crate::time::SimTime;

/// A promise of replication that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// When.
    pub at: SimTime,
    /// Which replica is concerned.
    pub replica: NodeId,
    /// Its primary.
    pub primary: NodeId,
    /// What.
    pub what: What,
}

/// What was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Two streams of one history differ at an offset: a command is another one, is missing, or stands there twice.
    Differs {
        /// The offset behind the command.
        offset: u64,
    },
    /// What a primary sends is no command.
    NoCommand {
        /// The offset behind which it comes.
        offset: u64,
    },
    /// A replica acknowledges more than had reached it.
    AcksBeyond {
        /// What it acknowledges.
        acked: u64,
        /// What had reached it.
        arrived: u64,
    },
    /// What a replica acknowledges goes back on one connection.
    AcksBack {
        /// What it acknowledges.
        acked: u64,
        /// What it had acknowledged.
        before: u64,
    },
    /// A replica claims on the bus an offset far beyond anything that anybody ever had.
    ClaimsBeyond {
        /// What it claims.
        claimed: u64,
        /// The highest offset that was ever seen anywhere.
        highest: u64,
    },
    /// A replica goes on elsewhere than where it stopped: commands are executed twice, or never.
    GoesOnElsewhere {
        /// Where it goes on.
        from: u64,
        /// What it has executed at least.
        low: u64,
        /// What it can have executed at most.
        high: u64,
    },
    /// A replica may go on although it has something that its primary never had.
    Diverged {
        /// Where it goes on.
        from: u64,
        /// Up to where both have the same, if they ever had.
        common: Option<u64>,
    },
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Breach { at, replica, primary, what } = self;
        match what {
            What::Differs { offset } => write!(
                f,
                "{primary} sent {replica} at {at} another command up to offset {offset} than a replica before it"
            ),
            What::NoCommand { offset } => {
                write!(f, "{primary} sent {replica} at {at} what is no command, behind offset {offset}")
            }
            What::AcksBeyond { acked, arrived } => write!(
                f,
                "{replica} acknowledged offset {acked} to {primary} at {at}, and only {arrived} had reached it"
            ),
            What::ClaimsBeyond { claimed, highest } => {
                write!(
                    f,
                    "{replica} claims offset {claimed} at {at}, and nobody ever had more than {highest}"
                )
            }
            What::AcksBack { acked, before } => {
                write!(
                    f,
                    "{replica} acknowledged offset {acked} to {primary} at {at}, and {before} before that"
                )
            }
            What::GoesOnElsewhere { from, low, high } => write!(
                f,
                "{primary} let {replica} go on behind offset {from} at {at}, and it had executed {low} to {high}"
            ),
            What::Diverged { from, common: Some(common) } => write!(
                f,
                "{primary} let {replica} go on behind offset {from} at {at}, and they have the same up to {common} only"
            ),
            What::Diverged { from, common: None } => write!(
                f,
                "{primary} let {replica} go on behind offset {from} at {at}, and they have no history in common"
            ),
        }
    }
}
