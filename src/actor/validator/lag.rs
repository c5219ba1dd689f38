//! How far replicas are behind, in bytes and in time.
//!
//! A server tells bytes. The time comes from what a primary's offset was at earlier looks: between two of them it is
//! taken to have grown evenly. Replicas are asked as soon as their primaries have answered, so a lag is told too short by
//! that round trip (2 ms at most), and too long or too short by how unevenly a primary wrote between two looks.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::mem;

use super::super::session::Answer;
use super::line::{Scene, Timer};
use super::round::{Pair, Round};
use crate::id::NodeId;
use crate::invariant::evidence::LagSample;
use crate::time::{SimDuration, SimTime};
use crate::wire::info::Replication;

/// How often replication is looked at.
const INTERVAL: SimDuration = SimDuration::from_secs(1);
/// How often, once the run only waits for replicas to catch up.
const INTERVAL_SETTLING: SimDuration = SimDuration::from_ms(300);
/// How many earlier offsets of a primary are kept.
const OFFSETS_MAX: usize = 4096;

/// The looks at replication of a run.
#[derive(Debug)]
pub(super) struct Lag {
    interval: SimDuration,
    round: Option<Round>,
    /// Who was a replica at the last look.
    replicas: BTreeSet<NodeId>,
    offsets: BTreeMap<NodeId, Offsets>,
    samples: Vec<LagSample>,
    /// When the last look was asked for, if it found everybody quiet.
    quiet_at: Option<SimTime>,
}

/// The offsets of a primary at earlier looks, oldest first; both parts ascend.
#[derive(Debug, Default)]
struct Offsets {
    replid: String,
    looks: VecDeque<(SimTime, u64)>,
}

impl Lag {
    /// Nobody was asked yet.
    pub fn new() -> Self {
        Lag {
            interval: INTERVAL,
            round: None,
            replicas: BTreeSet::new(),
            offsets: BTreeMap::new(),
            samples: Vec::new(),
            quiet_at: None,
        }
    }

    /// From now on it matters whether replicas have everything; what was seen before does not.
    pub fn settle(&mut self, scene: &mut Scene) {
        self.interval = INTERVAL_SETTLING;
        self.quiet_at = None;
        self.stop(scene);
        scene.set(Timer::Offsets, SimDuration::ZERO);
    }

    /// Whether the last look, which began at `since` or later, found that every replica had all that its primary had.
    pub fn is_quiet_since(&self, since: SimTime) -> bool {
        self.quiet_at.is_some_and(|at| at >= since)
    }

    /// Who was a replica at the last look.
    pub fn replicas(&self) -> &BTreeSet<NodeId> {
        &self.replicas
    }

    /// Asks the primaries, or whoever was not a replica when last heard of.
    pub fn begin(&mut self, scene: &mut Scene) {
        self.round = Some(Round::ask(&self.replicas, scene));
        self.go_on(scene);
    }

    /// Asks the replicas.
    fn ask_replicas(&mut self, scene: &mut Scene) {
        if let Some(round) = &mut self.round {
            round.ask_replicas(scene);
            self.go_on(scene);
        }
    }

    /// Takes an answer, which may end a wave.
    pub fn answered(&mut self, answer: &Answer, scene: &mut Scene) {
        if self.round.as_mut().is_some_and(|round| round.answered(answer)) {
            self.go_on(scene);
        }
    }

    /// Gives up nodes that did not answer, and tells what was open on their connections.
    pub fn overdue(&mut self, scene: &mut Scene) -> Vec<Answer> {
        let late = self.round.as_ref().map(Round::unanswered).unwrap_or_default();
        late.into_iter().flat_map(|node| scene.give_up(node)).collect()
    }

    fn go_on(&mut self, scene: &mut Scene) {
        let Some(round) = self.round.take_if(|round| round.is_wave_done()) else {
            return;
        };
        scene.line.cancel(Timer::OffsetsOverdue);
        if round.is_second() {
            self.conclude(&round, scene);
        } else {
            self.round = Some(round);
            self.ask_replicas(scene);
        }
    }

    fn conclude(&mut self, round: &Round, scene: &mut Scene) {
        self.quiet_at = round.is_quiet(&scene.members.live()).then_some(round.asked_at);
        self.replicas = round.replicas();
        for (node, said) in round.primaries() {
            self.offsets.entry(node).or_default().add(round.asked_at, said);
        }
        let samples = round.pairs().filter_map(|pair| self.sample(round.asked_at, &pair));
        let samples = samples.collect::<Vec<_>>();
        self.samples.extend(samples);
        scene.set(Timer::Offsets, (round.asked_at + self.interval).since(scene.now));
    }

    fn sample(&self, at: SimTime, pair: &Pair) -> Option<LagSample> {
        let offset_behind_bytes = pair.behind().filter(|_| pair.is_comparable())?;
        let lag = match offset_behind_bytes {
            0 => SimDuration::ZERO,
            _ => at.since(self.offsets.get(&pair.primary)?.had_at(pair.of_replica.replica_repl_offset?)?),
        };
        Some(LagSample { at, node: pair.replica, primary: pair.primary, offset_behind_bytes, lag })
    }

    /// Ends the looks.
    pub fn stop(&mut self, scene: &mut Scene) {
        self.round = None;
        for timer in [Timer::Offsets, Timer::OffsetsOverdue] {
            scene.line.cancel(timer);
        }
    }

    /// All samples.
    pub fn take_samples(&mut self) -> Vec<LagSample> {
        mem::take(&mut self.samples)
    }
}

impl Offsets {
    fn add(&mut self, at: SimTime, said: &Replication) {
        let offset = said.primary_repl_offset;
        let went_back = self.looks.back().is_some_and(|(_, last)| *last > offset);
        if said.replid != self.replid || went_back {
            *self = Offsets { replid: said.replid.clone(), looks: VecDeque::new() };
        }
        // Of looks with the same offset the latest says most.
        if self.looks.back().is_some_and(|(_, last)| *last == offset) {
            self.looks.pop_back();
        }
        self.looks.push_back((at, offset));
        if self.looks.len() > OFFSETS_MAX {
            self.looks.pop_front();
        }
    }

    /// When the primary had just `offset`, between the looks around it.
    fn had_at(&self, offset: u64) -> Option<SimTime> {
        let next = self.looks.partition_point(|(_, had)| *had <= offset);
        let (before, had) = *self.looks.get(next.checked_sub(1)?)?;
        let Some((after, grown)) = self.looks.get(next) else {
            return Some(before);
        };
        let share =
            u128::from(after.since(before).as_ns()) * u128::from(offset - had) / u128::from(grown - had);
        Some(before + SimDuration::from_ns(share as u64))
    }
}
