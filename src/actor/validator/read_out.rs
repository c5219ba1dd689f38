//! The last look: what every live node says and stores, one question after the other, each with its time limit.
//!
//! First views, then what each node says of itself in one go, then offsets, then whether claimed slots are served, then the keys: reading keys changes a setting,
//! and so comes last. A node that does not answer is given up and has no more to say.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use super::super::session::Answer;
use super::census::Census;
use super::keys::KeyReader;
use super::line::{Scene, Timer};
use super::round::{Round, pause, primary_of};
use super::slots::SlotReader;
use super::survey::{Survey, unseen};
use crate::id::NodeId;
use crate::invariant::evidence::{NodeEvidence, Role};
use crate::time::{SimDuration, SimTime};
use crate::wire;

/// How long a node may take to answer anything at all.
const PATIENCE: SimDuration = SimDuration::from_secs(2);
/// How long all of it may take.
const TOTAL: SimDuration = SimDuration::from_secs(120);
/// How long links may take to be there in both directions: several node timeouts of the usual length.
const LINKING: SimDuration = SimDuration::from_secs(30);
/// How long after a census in which they were not the next one is held.
const CENSUS_AGAIN: SimDuration = SimDuration::from_secs(1);

/// A read-out under way.
#[derive(Debug)]
pub(super) struct ReadOut {
    until: SimTime,
    linked_by: SimTime,
    pause: SimDuration,
    replicas: BTreeSet<NodeId>,
    survey: Option<Survey>,
    census: Option<Census>,
    round: Option<Round>,
    slots: Option<SlotReader>,
    keys: Option<BTreeMap<NodeId, KeyReader>>,
}

impl ReadOut {
    /// Begins with the views. `replicas` are who was a replica when last asked.
    pub fn begin(replicas: BTreeSet<NodeId>, latency_max: SimDuration, scene: &mut Scene) -> Self {
        let survey = Some(Survey::ask(scene));
        scene.set(Timer::ReadOut, PATIENCE);
        let (until, linked_by) = (scene.now + TOTAL, scene.now + LINKING);
        let pause = pause(latency_max);
        ReadOut {
            until,
            linked_by,
            pause,
            replicas,
            survey,
            census: None,
            round: None,
            slots: None,
            keys: None,
        }
    }

    /// Takes an answer to one of its questions; others are passed over.
    pub fn answered(&mut self, answer: &Answer, scene: &mut Scene) {
        if let Some(survey) = &mut self.survey {
            survey.answered(answer, scene.members);
        }
        if let Some(census) = &mut self.census {
            census.answered(answer, scene);
        }
        if let Some(round) = &mut self.round {
            round.answered(answer);
        }
        if let Some(slots) = &mut self.slots {
            slots.answered(answer);
        }
        if let Some(reader) = self.keys.as_mut().and_then(|keys| keys.get_mut(&answer.node)) {
            reader.answered(answer, scene);
        }
    }

    /// A node's `nodes.conf` was read.
    pub fn read(&mut self, node: NodeId, text: Option<String>, scene: &mut Scene) {
        if let Some(census) = &mut self.census {
            census.read(node, text, scene);
        }
    }

    /// Asks what comes next once the question before is answered. True if nothing is left to ask.
    pub fn go_on(&mut self, scene: &mut Scene) -> bool {
        if let Some(keys) = &self.keys {
            return keys.values().all(KeyReader::is_done);
        }
        if self.is_waiting(scene) {
            return false;
        }
        match &self.census {
            None => {
                self.census = Some(Census::begin(scene));
                return self.go_on(scene);
            }
            Some(census) if !census.is_calm() && scene.now < self.linked_by => {
                scene.set(Timer::Census, CENSUS_AGAIN);
                return false;
            }
            Some(_) => {}
        }
        match (&mut self.round, &self.slots) {
            (None, _) => self.round = Some(Round::ask(&self.replicas, scene)),
            (Some(round), _) if !round.is_second() => scene.set(Timer::Replicas, self.pause),
            (_, None) => self.slots = Some(SlotReader::begin(&self.views(scene), scene)),
            (_, Some(_)) => self.keys = Some(readers(&self.views(scene), scene)),
        }
        // A question that nobody was asked is answered at once.
        !scene.line.runs(Timer::Replicas) && self.go_on(scene)
    }

    fn is_waiting(&self, scene: &Scene) -> bool {
        self.survey.as_ref().is_some_and(|survey| !survey.is_done())
            || self.census.as_ref().is_some_and(|census| !census.is_done())
            || self.round.as_ref().is_some_and(|round| !round.is_wave_done())
            || scene.line.runs(Timer::Replicas)
            || scene.line.runs(Timer::Census)
            || self.slots.as_ref().is_some_and(|slots| !slots.is_done())
    }

    fn views(&self, scene: &Scene) -> Vec<NodeEvidence> {
        self.survey.iter().flat_map(|survey| survey.evidence(scene.members)).collect()
    }

    /// Holds the census once more.
    pub fn ask_again(&mut self, scene: &mut Scene) {
        self.census = Some(Census::begin(scene));
    }

    /// The replicas' turn to be asked for their offsets.
    pub fn ask_replicas(&mut self, scene: &mut Scene) {
        if let Some(round) = &mut self.round {
            round.ask_replicas(scene);
        }
    }

    /// Gives up nodes that do not answer, all of them if the time is over, and tells what was open on their
    /// connections.
    pub fn overdue(&mut self, scene: &mut Scene) -> Vec<Answer> {
        let mut late = BTreeSet::new();
        late.extend(self.survey.iter().flat_map(Survey::unanswered));
        late.extend(self.census.iter().flat_map(Census::unanswered));
        late.extend(self.round.iter().flat_map(Round::unanswered));
        late.extend(self.slots.iter().flat_map(SlotReader::unanswered));
        let over = scene.now >= self.until;
        for (node, reader) in self.keys.iter_mut().flatten() {
            if reader.is_stuck() || over && !reader.is_done() {
                late.insert(*node);
            }
        }
        scene.set(Timer::ReadOut, PATIENCE);
        late.into_iter().flat_map(|node| scene.give_up(node)).collect()
    }

    /// The views, for the last survey.
    pub fn take_survey(&mut self) -> Option<Survey> {
        self.survey.take()
    }

    /// Everything that was read.
    pub fn finish(&mut self, scene: &Scene) -> Vec<NodeEvidence> {
        let mut keys = mem::take(&mut self.keys).unwrap_or_default();
        let mut nodes = self.views(scene);
        for node in nodes.iter_mut() {
            if node.is_live() {
                self.add(node);
                if let Some(reader) = keys.remove(&node.node) {
                    reader.add_to(node);
                }
            } else if !(node.outside && scene.members.outsiders().stays_out(node.node)) {
                *node = unseen(node.node, scene.members);
            }
        }
        nodes
    }

    /// Adds what was read of a live node beside its view and its keys.
    fn add(&self, node: &mut NodeEvidence) {
        node.slot_answers = self.slots.as_ref().map(|slots| slots.of(node.node)).unwrap_or_default();
        let Some((round, said)) = self.round.as_ref().and_then(|r| Some((r, r.said(node.node)?))) else {
            return;
        };
        node.role = Some(match said.role {
            wire::Role::Primary => Role::Primary,
            wire::Role::Replica => Role::Replica,
        });
        node.primary = primary_of(said);
        node.link_up = said.primary_link_up;
        node.offset = round.offset(node.node);
    }
}

fn readers(nodes: &[NodeEvidence], scene: &mut Scene) -> BTreeMap<NodeId, KeyReader> {
    let asked = nodes.iter().filter(|n| n.is_live() && n.reachable).map(|n| n.node).collect::<Vec<_>>();
    asked.into_iter().map(|node| (node, KeyReader::begin(node, scene))).collect()
}
