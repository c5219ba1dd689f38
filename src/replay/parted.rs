//! Where a replay parted from the recorded run: what was expected, what came, and what led to both.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Recording, ReplayError};
use crate::event::Event;
use crate::event_log::compare::Compared;
use crate::event_log::explain::Explanation;
use crate::event_log::{Chain, Difference, IndexedLog, event_line};
use crate::simulation::Outcome;

/// The first difference, with what led to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Parted(pub Explanation);

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

    /// Reads the recorded log once more, up to the difference: what comes after it may not be readable.
    fn explain(difference: Difference, recording: &Recording) -> Result<Self, ReplayError> {
        let log = IndexedLog::pass_through(&recording.path, difference.index)?;
        let explanation = Explanation::of(difference, &log);
        explanation.map(Parted).map_err(|source| recording.unreadable(source))
    }
}

impl fmt::Display for Parted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Explanation { difference, chains: [expected, got], last } = &self.0;
        let Difference { index, left, right } = difference;
        let fields = difference.fields().join(", ");
        let fields = if fields.is_empty() { String::new() } else { format!(" (differs in {fields})") };
        writeln!(f, "the replay parts from the recorded run at event {index}{fields}")?;
        write_side(f, "expected", left.as_ref(), expected)?;
        write_side(f, "got", right.as_ref(), got)?;
        if let Some(event) = last.last() {
            writeln!(f, "the last events of {}:", event.actor)?;
        }
        for event in last {
            writeln!(f, "  {}", event_line(event))?;
        }
        Ok(())
    }
}

/// One of the two events, and what led to it.
fn write_side(f: &mut fmt::Formatter<'_>, name: &str, event: Option<&Event>, causes: &Chain) -> fmt::Result {
    writeln!(f, "{name}:\n  {}", event.map_or("(the run ends)".to_owned(), event_line))?;
    for cause in &causes.near {
        writeln!(f, "    because of {}", event_line(cause))?;
    }
    if causes.left_out > 0 {
        writeln!(f, "    ({} causes left out)", causes.left_out)?;
    }
    for cause in &causes.far {
        writeln!(f, "    because of {}", event_line(cause))?;
    }
    Ok(())
}
