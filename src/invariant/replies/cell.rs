//! One cell through a run: what it may hold in each reign, operation by operation.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Findings;
use super::ask::Ask;
use super::fork::Reigns;
use super::order::{Within, orders};
use super::passage::Passage;
use super::track::{States, Step, Track};
use crate::chronicle::Moment;
use crate::chronicle::replication::{Cut, Extent, ReignId};
use crate::model::{Cells, State};
use crate::time::{SimDuration, SimTime};

/// A cell while it is followed.
pub(super) struct Cell<'e> {
    pub name: &'e str,
    pub reigns: &'e Reigns<'e>,
    until: SimTime,
    /// How it came to another shard.
    passage: Option<Passage>,
    /// When it was asked last.
    came_at: SimTime,
    tracks: BTreeMap<ReignId, Track>,
    /// An operation was executed nobody knows where.
    is_astray: bool,
    /// Digests of writes of which nobody knows whether they were executed.
    untold: BTreeSet<u64>,
    /// Replies that its history explains.
    pub explained: u64,
    /// How old each was that a replica gave.
    pub copies: Vec<SimDuration>,
    /// Replies that were not asked about.
    pub not_followed: u64,
}

impl<'e> Cell<'e> {
    /// A cell that is followed until an instant, to another shard if it goes there.
    pub fn new(name: &'e str, reigns: &'e Reigns<'e>, (until, passage): (SimTime, Option<Passage>)) -> Self {
        Cell {
            name,
            reigns,
            until,
            passage,
            came_at: SimTime::ZERO,
            tracks: BTreeMap::new(),
            is_astray: false,
            untold: BTreeSet::new(),
            explained: 0,
            copies: Vec::new(),
            not_followed: 0,
        }
    }

    /// Follows its operations, which are in the order in which they reached their nodes.
    pub fn follow(&mut self, asks: &[Ask], findings: &mut Findings) {
        let mut left: VecDeque<&Ask> = asks.iter().collect();
        while let Some(first) = left.pop_front() {
            if first.copied.is_some() {
                self.read_copy(first, findings);
                continue;
            }
            let mut until = first.until();
            let (mut together, mut others) = (vec![first], Vec::new());
            while let Some(ask) = left.front().copied().filter(|ask| ask.from.event <= until) {
                left.pop_front();
                if ask.reign == first.reign && ask.copied.is_none() {
                    until = until.max(ask.until());
                    together.push(ask);
                } else {
                    others.push(ask);
                }
            }
            others.into_iter().rev().for_each(|ask| left.push_front(ask));
            self.take(&together, findings);
        }
    }

    /// A replica was asked, which has what it had copied by then and changes nothing.
    fn read_copy(&mut self, ask: &Ask, findings: &mut Findings) {
        let cut = ask.reign.zip(ask.copied).map(|(of, copied)| Cut { of, extent: Extent::Copied(copied) });
        let is_followed = !self.is_astray && ask.to.is_some_and(|to| to.at < self.until);
        let states = cut
            .filter(|cut| is_followed && !self.is_foreign(cut.of))
            .map(|cut| self.reigns.cut(cut, &self.tracks).elsewhere());
        let epoch_us = self.reigns.evidence.plan.epoch_us;
        let explains = |state: &State| ask.execute(state, epoch_us).map(|after| !after.is_empty());
        let known = states.as_ref().and_then(States::known);
        match known.and_then(|cells| cells.iter().map(explains).collect::<Option<Vec<_>>>()) {
            None => self.not_followed += 1,
            Some(explained) if explained.contains(&true) => {
                self.explained += 1;
                let age = ask.reign.map_or(SimDuration::ZERO, |reign| self.age(ask, reign, epoch_us));
                self.copies.push(age);
            }
            Some(_) => {
                let held = states.unwrap_or(States::none());
                findings.wrong(ask.from.at, self.unexplained(&held, &[ask]));
            }
        }
    }

    /// How long what a replica told had been old: since the write was acknowledged that came next.
    fn age(&self, ask: &Ask, reign: ReignId, epoch_us: u64) -> SimDuration {
        let steps = self.tracks.get(&reign).map_or(&[][..], |track| &track.steps);
        let shows = |step: &Step| {
            let cells = step.after.known().into_iter().flatten();
            cells.into_iter().any(|state| ask.execute(state, epoch_us).is_some_and(|after| !after.is_empty()))
        };
        let next = steps.iter().rposition(shows).map_or(0, |last| last + 1);
        let newer = steps.get(next).and_then(|step| step.to).map(|to| to.at);
        let at = ask.to.map_or(ask.from.at, |to| to.at);
        newer.filter(|newer| *newer < at).map_or(SimDuration::ZERO, |newer| at.since(newer))
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
        let came_at = std::mem::replace(&mut self.came_at, asks[0].from.at);
        let is_on_its_way =
            self.passage.is_some_and(|passage| passage.is_under_way(came_at, asks[0].from.at));
        let before = self.tracks[&reign].now();
        let before = if is_on_its_way { Cow::Owned(before.carried()) } else { Cow::Borrowed(before) };
        let epoch_us = self.reigns.evidence.plan.epoch_us;
        let within = match before.known().filter(|_| !is_late) {
            Some(cells) => orders(cells, asks, epoch_us),
            None => Within::unknown(),
        };
        match &within.after {
            Some(after) if after.is_empty() => {
                let what = self.unexplained(&before, asks);
                findings.wrong(asks[0].from.at, what);
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
        let reign = self.passage.map_or(reign, |passage| passage.leads_from(reign));
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
        !self.tracks.is_empty()
            && !self.tracks.keys().any(|other| self.reigns.replication.are_kin(reign, *other))
    }

    fn note(&mut self, reign: ReignId, asks: &[&Ask], within: Within) {
        let states = |cells: Option<Cells>| cells.map_or(States::unknown(), States::of);
        let (during, after) = (states(within.during), states(within.after));
        let track = self.tracks.get_mut(&reign).expect("the caller made it");
        if asks.iter().all(|ask| ask.only_reads) {
            // What a read shows was so since the last write.
            *track.now_mut() = after;
            return;
        }
        let epoch_us = self.reigns.evidence.plan.epoch_us;
        let clocks = asks.iter().map(|ask| ask.clock(epoch_us));
        let now = clocks.reduce(|one, two| (one.0.min(two.0), one.1.max(two.1)));
        // What expires is gone by another command than theirs.
        let before = track.now().at(now.expect("there is one at least"));
        // Only what changed something is sure to stand in the stream.
        let is_change = before.is_disjoint(&after);
        let mut place = self.reigns.place_of(asks, reign, track.floor());
        self.untold.extend(asks.iter().filter(|ask| ask.told.is_none()).filter_map(|ask| ask.digest));
        if asks.iter().filter_map(|ask| ask.digest).any(|digest| self.untold.contains(&digest)) {
            // The command in the stream may be the other one.
            place.upto = None;
        }
        let from = asks.iter().map(|ask| ask.from).min().expect("there is one at least");
        let later = |one: Option<Moment>, two: Option<Moment>| Some(one?.max(two?));
        let to = asks.iter().map(|ask| ask.to).reduce(later).expect("there is one at least");
        let synchronised = asks.iter().any(|ask| ask.is_synchronised());
        track.steps.push(Step { from, to, synchronised, place, is_change, within: during, after });
    }

    fn unexplained(&self, before: &States, asks: &[&Ask]) -> String {
        let told = asks.iter().map(|ask| ask.in_words()).collect::<Vec<_>>().join(", and ");
        let held = before.known().into_iter().flatten().take(3).map(State::to_string).collect::<Vec<_>>();
        format!("{told}; {} held {} before by what was executed", self.name, held.join(" or "))
    }
}
