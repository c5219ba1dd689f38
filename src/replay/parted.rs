//! Where a replay parted from the recorded run: what was expected, what came, and what led to both.

use std::fmt;

use super::{Recording, ReplayError};
use crate::event::Event;
use crate::event_log::compare::Compared;
use crate::event_log::{self, Difference, chain, event_line};
use crate::simulation::Outcome;

/// How many of the actor's last events are shown.
const LAST_EVENTS: usize = 8;

/// The first difference, with what led to it.
#[derive(Clone, Debug)]
pub struct Parted {
    /// The two events.
    pub difference: Difference,
    /// What was recorded before them, as far as it matters: the chains of causes of both.
    chains: [Vec<Event>; 2],
    /// The last recorded events of the actor.
    last: Vec<Event>,
}

impl Parted {
    /// What is to be told of a comparison; nothing if the two are equal as far as both go.
    pub(super) fn of(
        compared: Compared,
        outcome: &Outcome,
        recording: &Recording,
    ) -> Result<Option<Self>, ReplayError> {
        let ended_early = compared.left_over.filter(|_| !outcome.interrupted);
        let difference = compared.difference.or_else(|| {
            ended_early.map(|event| Difference { index: event.i, left: Some(event), right: None })
        });
        difference.map(|difference| Parted::explain(difference, recording)).transpose()
    }

    fn explain(difference: Difference, recording: &Recording) -> Result<Self, ReplayError> {
        let log = event_log::open(&recording.path)?;
        let equal: Vec<Event> = log
            .take(difference.index as usize)
            .collect::<Result<_, _>>()
            .map_err(|source| recording.unreadable(source))?;
        let causes = |event: &Option<Event>| {
            let cause = event.as_ref().and_then(|event| event.cause);
            cause.map(|cause| chain(&equal, cause).into_iter().cloned().collect()).unwrap_or_default()
        };
        let actor = difference.left.as_ref().or(difference.right.as_ref()).map(|event| event.actor);
        let mut last: Vec<Event> = equal
            .iter()
            .rev()
            .filter(|event| Some(event.actor) == actor)
            .take(LAST_EVENTS)
            .cloned()
            .collect();
        last.reverse();
        let chains = [causes(&difference.left), causes(&difference.right)];
        Ok(Parted { difference, chains, last })
    }
}

impl fmt::Display for Parted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { index, left, right } = &self.difference;
        let fields = self.difference.fields().join(", ");
        let fields = if fields.is_empty() { String::new() } else { format!(" (differs in {fields})") };
        writeln!(f, "the replay parts from the recorded run at event {index}{fields}")?;
        for (name, event, causes) in [("expected", left, &self.chains[0]), ("got", right, &self.chains[1])] {
            let line = event.as_ref().map_or("(the run ends)".to_owned(), event_line);
            writeln!(f, "{name}:\n  {line}")?;
            for cause in causes {
                writeln!(f, "    because of {}", event_line(cause))?;
            }
        }
        if let Some(event) = self.last.last() {
            writeln!(f, "the last events of {}:", event.actor)?;
        }
        for event in &self.last {
            writeln!(f, "  {}", event_line(event))?;
        }
        Ok(())
    }
}
