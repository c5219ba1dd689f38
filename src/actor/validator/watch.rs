//! Surveys over and over: often while something may have changed, seldom once all live nodes agree.

use std::mem;

use super::super::session::Answer;
use super::journal::Journal;
use super::line::{Scene, Timer};
use super::resources::Resources;
use super::survey::{Survey, agreed, is_calm};
use crate::invariant::evidence::Agreement;
use crate::plan::ClusterPlan;
use crate::time::{SimDuration, SimTime};

/// How many surveys in a row must agree before the cluster counts as settled.
const SURVEYS_TO_SETTLE: u32 = 3;
/// How often a settled cluster is surveyed.
const SLOW: SimDuration = SimDuration::from_secs(2);
/// How long a survey waits for answers.
pub(super) const PATIENCE: SimDuration = SimDuration::from_ms(500);

/// The surveys of a run.
#[derive(Debug)]
pub(super) struct Watch {
    interval: SimDuration,
    survey: Option<Survey>,
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

    /// Since when all live nodes agree, if the cluster counts as settled.
    pub fn settled_since(&self) -> Option<SimTime> {
        self.is_settled().then_some(self.agreed_since)
    }

    /// Begins a survey.
    pub fn begin(&mut self, scene: &mut Scene) {
        self.asked_at = Some(scene.now);
        self.survey = Some(Survey::ask(scene));
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
        let interval = if self.is_settled() { SLOW } else { self.interval };
        scene.set(Timer::Survey, (survey.asked_at + interval).since(scene.now));
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
        self.survey = None;
        scene.line.cancel(Timer::Survey);
        scene.line.cancel(Timer::SurveyOverdue);
    }

    /// What all surveys showed.
    pub fn take_agreement(&mut self) -> Vec<Agreement> {
        mem::take(&mut self.agreement)
    }
}
