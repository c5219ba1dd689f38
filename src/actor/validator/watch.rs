//! Surveys over and over: often while something may have changed, seldom once all live nodes agree.

use std::collections::BTreeSet;
use std::mem;

use super::super::Act;
use super::super::session::Answer;
use super::journal::Journal;
use super::line::{Scene, Timer};
use super::resources::Resources;
use super::survey::{Survey, agreed, is_calm};
use crate::id::NodeId;
use crate::invariant::evidence::Agreement;
use crate::plan::ClusterPlan;
use crate::time::{SimDuration, SimTime};

/// How many surveys in a row must agree before the cluster counts as settled.
const SURVEYS_TO_SETTLE: u32 = 3;
/// For how long a node that does not stir need not be asked, in surveys.
const SURVEYS_UNASKED: u64 = 5;
/// How often a settled cluster is surveyed.
const SLOW: SimDuration = SimDuration::from_secs(2);
/// How long a survey waits for answers.
pub(super) const PATIENCE: SimDuration = SimDuration::from_ms(500);

/// The surveys of a run.
#[derive(Debug)]
pub(super) struct Watch {
    interval: SimDuration,
    survey: Option<Survey>,
    /// The one before.
    last: Option<Survey>,
    asked_at: Option<SimTime>,
    /// How many surveys in a row agreed and were calm.
    streak: u32,
    /// When the first of them was asked for.
    agreed_since: SimTime,
    agreement: Vec<Agreement>,
    journal: Journal,
    resources: Resources,
}

impl Watch {
    /// Nobody was asked yet. The more nodes there are, the less often they are asked.
    pub fn new(cluster: &ClusterPlan) -> Self {
        let sixth = u64::from(cluster.node_count() / 6).max(1);
        Watch {
            interval: SimDuration::from_ms(100 * sixth),
            survey: None,
            last: None,
            asked_at: None,
            streak: 0,
            agreed_since: SimTime::ZERO,
            agreement: Vec::new(),
            journal: Journal::default(),
            resources: Resources::default(),
        }
    }

    /// The cluster may have to converge again.
    pub fn unsettle(&mut self, scene: &mut Scene) {
        self.streak = 0;
        if self.survey.is_none() {
            let next = self.asked_at.map_or(scene.now, |at| at + self.interval);
            scene.set(Timer::Survey, next.since(scene.now));
        }
    }

    /// Whether enough surveys in a row agreed.
    fn is_settled(&self) -> bool {
        self.streak >= SURVEYS_TO_SETTLE
    }

    /// How long after one survey the next one is due.
    fn pause(&self) -> SimDuration {
        if self.is_settled() { SLOW } else { self.interval }
    }

    /// Since when all live nodes agree, if the cluster counts as settled.
    pub fn settled_since(&self) -> Option<SimTime> {
        self.is_settled().then_some(self.agreed_since)
    }

    /// It is time for a survey. Only that which would settle the cluster needs everybody, the others those who may have
    /// changed their minds.
    pub fn due(&mut self, scene: &mut Scene) {
        if self.streak + 1 == SURVEYS_TO_SETTLE || self.last.is_none() {
            let survey = Survey::ask(scene);
            return self.begin(survey, scene);
        }
        scene.out.act(Act::AskWhoStirred);
    }

    /// Begins a survey, now that it is known who stirred since the last.
    pub fn stirred(&mut self, nodes: &BTreeSet<NodeId>, scene: &mut Scene) {
        let within = self.pause().times(SURVEYS_UNASKED);
        let survey = match self.last.take() {
            Some(last) => last.ask_again(nodes, within, scene),
            None => Survey::ask(scene),
        };
        self.begin(survey, scene);
    }

    /// What a node said holds no more: its process ended, was started or stopped, or runs again.
    pub fn forget(&mut self, node: NodeId) {
        [&mut self.survey, &mut self.last].into_iter().flatten().for_each(|survey| survey.forget(node));
    }

    fn begin(&mut self, survey: Survey, scene: &mut Scene) {
        scene.line.cancel(Timer::Survey);
        self.asked_at = Some(scene.now);
        self.survey = Some(survey);
        scene.set(Timer::SurveyOverdue, PATIENCE);
        self.end_if_done(scene);
    }

    /// Takes an answer, which may end the survey.
    pub fn answered(&mut self, answer: &Answer, scene: &mut Scene) {
        self.resources.answered(answer, scene);
        if let Some(survey) = &mut self.survey {
            survey.answered(answer, scene.members);
            self.end_if_done(scene);
        }
    }

    /// Gives up nodes that did not answer, and tells what was open on their connections.
    pub fn overdue(&mut self, scene: &mut Scene) -> Vec<Answer> {
        let late = self.survey.as_ref().map(Survey::unanswered).unwrap_or_default();
        late.into_iter().flat_map(|node| scene.give_up(node)).collect()
    }

    fn end_if_done(&mut self, scene: &mut Scene) {
        let Some(survey) = self.survey.take_if(|survey| survey.is_done()) else {
            return;
        };
        scene.line.cancel(Timer::SurveyOverdue);
        self.conclude(&survey, scene);
        if self.streak == SURVEYS_TO_SETTLE {
            self.resources.ask(scene);
        }
        scene.set(Timer::Survey, (survey.asked_at + self.pause()).since(scene.now));
        self.last = Some(survey);
    }

    /// Records what a survey showed.
    pub fn conclude(&mut self, survey: &Survey, scene: &mut Scene) {
        let nodes = survey.evidence(scene.members);
        let agreed = agreed(&nodes);
        self.journal.note(&nodes, scene.out);
        if self.streak == 0 {
            self.agreed_since = survey.asked_at;
        }
        self.streak = if agreed && is_calm(&nodes) { self.streak + 1 } else { 0 };
        if self.agreement.last().is_none_or(|last| last.agreed != agreed) {
            self.agreement.push(Agreement { at: survey.asked_at, agreed });
        }
    }

    /// Ends the surveys.
    pub fn stop(&mut self, scene: &mut Scene) {
        (self.survey, self.last) = (None, None);
        scene.line.cancel(Timer::Survey);
        scene.line.cancel(Timer::SurveyOverdue);
    }

    /// What all surveys showed.
    pub fn take_agreement(&mut self) -> Vec<Agreement> {
        mem::take(&mut self.agreement)
    }
}
