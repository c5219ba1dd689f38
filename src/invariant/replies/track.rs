//! What a cell holds in one reign, step by step: the states that may be the one, and where in the stream each change stands.

use std::borrow::Cow;

use crate::chronicle::Moment;
use crate::chronicle::replication::{Copied, Extent};
use crate::invariant::loss::Survived;
use crate::model::{Cells, Clock, State};
use crate::time::SimTime;

/// Where a write stands in its reign's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Behind this offset.
    pub after: u64,
    /// Up to this one, if that is known.
    pub upto: Option<u64>,
}

/// For how long, in milliseconds, a key is on its way to another shard: `MIGRATE` says how long it has to live still.
const CARRIED_MS: i64 = 1_000;

/// What a cell may hold, or that nobody knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct States(Option<Cells>);

/// How many states are followed at once.
const STATES_MAX: usize = 256;

/// What a cell held in one reign.
#[derive(Clone, Debug)]
pub(super) struct Track {
    /// When the reign began.
    pub start: States,
    pub steps: Vec<Step>,
}

/// What an operation that may write made of a cell, or several that nobody can tell apart in time.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub from: Moment,
    pub to: Option<Moment>,
    /// One of them was told that it is on its node's disk.
    pub synchronised: bool,
    pub place: Place,
    /// Whether it surely changed something.
    pub is_change: bool,
    /// What it may have held while they were executed.
    pub within: States,
    /// What it holds since.
    pub after: States,
}

impl States {
    /// Nobody knows.
    pub fn unknown() -> Self {
        States(None)
    }

    /// None at all, to add others to.
    pub fn none() -> Self {
        States(Some(Cells::new()))
    }

    /// Nothing is in the cell.
    pub fn empty() -> Self {
        States(Some(Cells::from([State::default()])))
    }

    /// These; unknown if they are too many to follow.
    pub fn of(cells: Cells) -> Self {
        States(Some(cells).filter(|cells| cells.len() <= STATES_MAX))
    }

    /// One of these or one of those.
    pub fn or(self, other: States) -> States {
        let both = self.0.zip(other.0).map(|(mut one, two)| {
            one.extend(two);
            one
        });
        both.map_or(States::unknown(), States::of)
    }

    /// The same on another node.
    pub fn elsewhere(&self) -> States {
        States(self.0.as_ref().map(|cells| cells.iter().map(State::elsewhere).collect()))
    }

    /// The same after each key may have been carried to another shard.
    pub fn carried(&self) -> States {
        States(self.0.as_ref().map(|cells| cells.iter().map(|state| state.later(CARRIED_MS)).collect()))
    }

    /// What may be left of these at an instant, by what expires until then.
    pub fn at(&self, now: Clock) -> Cow<'_, States> {
        let left = |cells: &Cells| cells.iter().flat_map(|state| state.clone().at(now)).collect();
        match &self.0 {
            Some(cells) if !cells.iter().all(State::lasts) => Cow::Owned(States::of(left(cells))),
            _ => Cow::Borrowed(self),
        }
    }

    /// Whether it is known that none of these is one of those.
    pub fn is_disjoint(&self, other: &States) -> bool {
        self.0.as_ref().zip(other.0.as_ref()).is_some_and(|(one, two)| one.is_disjoint(two))
    }

    /// The states, if they are known.
    pub fn known(&self) -> Option<&Cells> {
        self.0.as_ref()
    }
}

impl Track {
    pub fn now(&self) -> &States {
        self.steps.last().map_or(&self.start, |last| &last.after)
    }

    /// The offset behind which whatever comes next stands.
    pub fn floor(&self) -> u64 {
        let changes = self.steps.iter().rev().filter(|step| step.is_change);
        changes.filter_map(|step| step.place.upto).next().unwrap_or(0)
    }

    pub fn now_mut(&mut self) -> &mut States {
        self.steps.last_mut().map_or(&mut self.start, |last| &mut last.after)
    }

    /// Everything that it held.
    pub fn ever(&self) -> States {
        let all = self.steps.iter().flat_map(|step| [&step.within, &step.after]);
        all.fold(self.start.clone(), |states, more| states.or(more.clone()))
    }

    /// What it may have held when so much of the reign was executed.
    pub fn within(&self, extent: Extent) -> States {
        let surely = self.steps.iter().rposition(|step| step.is_in(extent));
        let maybe = self.steps.iter().rposition(|step| step.may_be_in(extent));
        let from = surely.map_or(self.start.clone(), |last| self.steps[last].after.clone());
        let first = surely.map_or(0, |last| last + 1);
        let open = maybe.map_or(&[][..], |last| self.steps.get(first..=last).unwrap_or_default());
        among(from, open)
    }

    /// What it may hold after its process was started again, if anything that was done to it surely survived.
    pub fn survivors(&self, survived: Survived) -> Option<States> {
        let surely = self.steps.iter().rposition(|step| {
            let is_told = step.to.is_some_and(|to| to.at < survived.until);
            is_told || survived.synchronised && step.synchronised
        })?;
        Some(among(self.steps[surely].after.clone(), &self.steps[surely + 1..]))
    }
}

/// These states, or those that it had during and after any of these steps.
fn among(states: States, steps: &[Step]) -> States {
    steps.iter().fold(states, |states, step| states.or(step.within.clone()).or(step.after.clone()))
}

impl Step {
    /// Whether all of it is in so much of its reign.
    fn is_in(&self, extent: Extent) -> bool {
        let by = |at: SimTime| self.to.is_some_and(|to| to.at < at);
        match extent {
            Extent::Until(at) => by(at),
            Extent::Copied(Copied { low, since, .. }) => {
                self.place.upto.is_some_and(|upto| upto <= low) || by(since)
            }
        }
    }

    /// Whether some of it may be in so much of its reign.
    fn may_be_in(&self, extent: Extent) -> bool {
        match extent {
            Extent::Until(at) => self.from.at <= at,
            Extent::Copied(Copied { high, .. }) => self.place.after < high,
        }
    }
}
