//! One cell through a run: what it may hold in each reign, operation by operation.

use std::collections::BTreeMap;

use super::Findings;
use super::ask::Ask;
use super::fork::{Place, Reigns};
use super::order::{Within, orders};
use crate::chronicle::Moment;
use crate::chronicle::replication::{Copied, Extent, ReignId};
use crate::model::{Cells, State};
use crate::time::SimTime;

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
    steps: Vec<Step>,
}

/// What an operation that may write made of a cell, or several that nobody can tell apart in time.
#[derive(Clone, Debug)]
struct Step {
    from: Moment,
    to: Option<Moment>,
    place: Place,
    /// What it may have held while they were executed.
    within: States,
    /// What it holds since.
    after: States,
}

/// A cell while it is followed.
pub(super) struct Cell<'e> {
    pub name: &'e str,
    pub reigns: &'e Reigns<'e>,
    until: SimTime,
    tracks: BTreeMap<ReignId, Track>,
    /// An operation was executed nobody knows where.
    is_astray: bool,
    /// Replies that its history explains.
    pub explained: u64,
    /// Replies that were not asked about.
    pub not_followed: u64,
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
        let both = self.0.zip(other.0).map(|(mut one, mut two)| {
            one.append(&mut two);
            one
        });
        both.map_or(States::unknown(), States::of)
    }

    /// The same on another node.
    pub fn elsewhere(&self) -> States {
        States(self.0.as_ref().map(|cells| cells.iter().map(State::elsewhere).collect()))
    }

    /// The states, if they are known.
    pub fn known(&self) -> Option<&Cells> {
        self.0.as_ref()
    }
}

impl Track {
    fn now(&self) -> &States {
        self.steps.last().map_or(&self.start, |last| &last.after)
    }

    fn now_mut(&mut self) -> &mut States {
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
        open.iter().fold(from, |states, step| states.or(step.within.clone()).or(step.after.clone()))
    }
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

impl<'e> Cell<'e> {
    /// A cell that is followed until an instant.
    pub fn new(name: &'e str, reigns: &'e Reigns<'e>, until: SimTime) -> Self {
        Cell { name, reigns, until, tracks: BTreeMap::new(), is_astray: false, explained: 0, not_followed: 0 }
    }

    /// Follows its operations, which are in the order in which they reached their nodes.
    pub fn follow(&mut self, asks: &[Ask], findings: &mut Findings) {
        let mut left: Vec<&Ask> = asks.iter().collect();
        while let Some(first) = left.first().copied() {
            let mut until = first.until();
            let mut together = Vec::new();
            left.retain(|ask| {
                let joins = ask.reign == first.reign && ask.from.event <= until;
                if joins {
                    until = until.max(ask.until());
                    together.push(*ask);
                }
                !joins
            });
            self.take(&together, findings);
        }
    }

    /// Takes operations of one reign whose order nobody knows.
    fn take(&mut self, asks: &[&Ask], findings: &mut Findings) {
        let told = asks.iter().filter(|ask| ask.is_told()).count() as u64;
        let is_late = asks.iter().any(|ask| ask.to.is_none_or(|to| to.at >= self.until));
        let Some(reign) = asks[0].reign.filter(|_| !self.is_astray) else {
            // It may have been executed anywhere.
            self.is_astray = true;
            self.not_followed += told;
            return;
        };
        if !self.tracks.contains_key(&reign) {
            let start = match self.is_foreign(reign) {
                true => States::unknown(),
                false => self.reigns.start(reign, &self.tracks).elsewhere(),
            };
            self.tracks.insert(reign, Track { start, steps: Vec::new() });
        }
        let before = self.tracks[&reign].now().clone();
        let epoch_us = self.reigns.evidence.plan.epoch_us;
        let within = match before.known().filter(|_| !is_late) {
            Some(cells) => orders(cells, asks, epoch_us),
            None => Within::unknown(),
        };
        match &within.after {
            Some(after) if after.is_empty() => {
                findings.wrong(asks[0].from.at, self.unexplained(&before, asks));
                self.note(reign, asks, Within::unknown());
            }
            Some(_) => {
                self.explained += told;
                self.note(reign, asks, within);
            }
            None => {
                self.not_followed += told;
                self.note(reign, asks, within);
            }
        }
    }

    /// What the cell may hold in a reign, or in one that has it as it was in the end.
    pub fn held(&self, reign: ReignId) -> States {
        let is_known = !self.is_astray && self.until == SimTime::NEVER;
        match self.tracks.get(&reign) {
            _ if !is_known => States::unknown(),
            Some(track) => track.now().clone(),
            None if self.is_foreign(reign) => States::unknown(),
            None => self.reigns.start(reign, &self.tracks),
        }
    }

    /// Whether the cell was used in reigns that this one did not grow out of, and never in one that it did.
    fn is_foreign(&self, reign: ReignId) -> bool {
        !self.tracks.is_empty() && !self.tracks.keys().any(|other| self.reigns.are_kin(reign, *other))
    }

    fn note(&mut self, reign: ReignId, asks: &[&Ask], within: Within) {
        let states = |cells: Option<Cells>| cells.map_or(States::unknown(), States::of);
        let (during, after) = (states(within.during), states(within.after));
        let track = self.tracks.get_mut(&reign).expect("the caller made it");
        if asks.iter().all(|ask| ask.reads()) {
            // What a read shows was so since the last write.
            *track.now_mut() = after;
            return;
        }
        let places = asks.iter().map(|ask| self.reigns.place(ask, reign)).collect::<Vec<_>>();
        let upto = places.iter().map(|place| place.upto).collect::<Option<Vec<_>>>();
        let place = Place {
            after: places.iter().map(|place| place.after).min().unwrap_or(0),
            upto: upto.and_then(|all| all.into_iter().max()),
        };
        let from = asks.iter().map(|ask| ask.from).min().expect("there is one at least");
        let to = asks.iter().map(|ask| ask.to).collect::<Option<Vec<_>>>();
        let to = to.and_then(|all| all.into_iter().max());
        track.steps.push(Step { from, to, place, within: during, after });
    }

    fn unexplained(&self, before: &States, asks: &[&Ask]) -> String {
        let told = asks.iter().map(|ask| ask.in_words()).collect::<Vec<_>>().join(", and ");
        let held = before.known().into_iter().flatten().take(3).map(State::to_string).collect::<Vec<_>>();
        format!("{told}; {} held {} before by what was executed", self.name, held.join(" or "))
    }
}
