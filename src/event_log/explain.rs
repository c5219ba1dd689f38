//! The first difference of two logs with what led to both sides.

use serde::{Deserialize, Serialize};

use super::indexed::{Chain, IndexedLog};
use super::{Difference, ReadError};
use crate::event::Event;

/// How many of the actor's last events are shown.
const LAST_EVENTS: usize = 8;
/// How much of a chain of causes is shown at its near and at its far end.
const CHAIN: (usize, usize) = (20, 5);

/// A difference, and the equal events before it as far as they matter.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Explanation {
    /// The two events.
    pub difference: Difference,
    /// What led to the first log's event and to the second's.
    pub chains: [Chain; 2],
    /// The last events, before the difference, of the actor in whose event it is.
    pub last: Vec<Event>,
}

impl Explanation {
    /// Explains a difference from one of the two logs; which one does not matter, as they are equal up to there.
    pub fn of(difference: Difference, log: &IndexedLog) -> Result<Self, ReadError> {
        let Difference { index, left, right } = &difference;
        // A log that somebody edited may name any number, so only what is equal is followed.
        let causes = |event: &Option<Event>| {
            let cause = event.as_ref().and_then(|event| event.cause).filter(|cause| cause < index);
            cause.map_or(Ok(Chain::default()), |cause| log.chain(cause, CHAIN.0, CHAIN.1))
        };
        let chains = [causes(left)?, causes(right)?];
        let event = left.as_ref().or(right.as_ref());
        let last = event.map_or(Ok(Vec::new()), |event| log.last_of(event.actor, *index, LAST_EVENTS))?;
        Ok(Explanation { difference, chains, last })
    }
}
