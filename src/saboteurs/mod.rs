//! Saboteurs: clusters of real servers that misbehave, and which invariants must see it. A judge that cannot fail proves nothing.
//!
//! No binary is changed: a node's words are altered at its sockets (`sabotage` of a scenario), or somebody types commands
//! behind everybody's back. To the judge the servers themselves do it.

mod bus;
mod clients;
mod commands;
mod data;
mod replication;

use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::AtomicBool;

use crate::event::{Body, Event, Told};
use crate::plan::Plan;
use crate::plan::resolve::resolve;
use crate::report::RunReport;
use crate::scenario;
use crate::servers::Server;
use crate::simulation::{Log, Simulation, SimulationError};

/// One way to make a cluster misbehave.
#[derive(Clone, Copy, Debug)]
pub struct Saboteur {
    /// Its name.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    /// The invariants that must see it.
    pub catches: &'static [&'static str],
    /// Its scenario without the head.
    body: &'static str,
}

/// What came of a saboteur.
#[derive(Clone, Debug)]
pub struct Tried {
    /// Whether it did anything.
    pub fired: bool,
    /// Every invariant that was violated.
    pub violated: Vec<&'static str>,
}

/// Whether a saboteur was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// By all that must see it.
    Caught,
    /// Not by all of them.
    Missed,
    /// It did nothing.
    NeverFired,
}

/// Every saboteur.
pub fn all() -> impl Iterator<Item = &'static Saboteur> {
    [bus::ALL, replication::ALL, clients::ALL, data::ALL, commands::ALL].into_iter().flatten()
}

impl Saboteur {
    /// Its scenario as a person would have written it.
    pub fn scenario(&self) -> String {
        let or_else =
            |key: &str, text: &str| if self.body.contains(key) { String::new() } else { text.to_owned() };
        let cluster = or_else("cluster:", "cluster: {node_timeout_ms: 2000, formation: preset}\n");
        let limits = or_else("validation:", "\nvalidation: {max_convergence_time: 6}");
        format!("scenario: {{name: {}, seed: 1}}\n{cluster}{}{limits}\n", self.name, self.body)
    }

    /// Its plan.
    pub fn plan(&self) -> Plan {
        let scenario = scenario::parse_str(self.name, &self.scenario());
        let scenario = scenario.unwrap_or_else(|error| panic!("a saboteur's scenario is good: {error}"));
        resolve(&scenario, None).unwrap_or_else(|error| panic!("a saboteur's scenario has a plan: {error}"))
    }

    /// Whether a server can do what it takes.
    pub fn suits(&self, server: &Server) -> bool {
        self.plan().cluster.databases == 1 || server.has_databases()
    }

    /// Lets it try on a server, with what it leaves in a folder.
    pub fn try_on(&self, server: &Server, out: &Path, stop: &AtomicBool) -> Result<Tried, SimulationError> {
        let plan = self.plan();
        let lied = Rc::new(Cell::new(false));
        let seen = Rc::clone(&lied);
        let observer = Box::new(move |event: &Event| {
            let is_lie = matches!(event.body, Body::Tell { message: Told::Lied { .. } });
            seen.set(seen.get() || is_lie);
        });
        let simulation =
            Simulation { log: Log::Dropped, observer: Some(observer), ..Simulation::new(&plan, server, out) };
        let report = simulation.run(stop, &mut |_| {})?.report;
        let violated = report.validations.iter().filter(|validation| validation.verdict.is_violated());
        let violated = violated.map(|validation| validation.name).collect();
        Ok(Tried { fired: fired(&plan, &report, lied.get()), violated })
    }

    /// Whether it was seen.
    pub fn verdict(&self, tried: &Tried) -> Verdict {
        match tried.fired {
            false => Verdict::NeverFired,
            true if self.catches.iter().all(|name| tried.violated.contains(name)) => Verdict::Caught,
            true => Verdict::Missed,
        }
    }
}

/// Who lies has to be heard; anybody else has to have done all that its plan says.
fn fired(plan: &Plan, report: &RunReport, lied: bool) -> bool {
    let lies = plan.faults.iter().any(|fault| fault.action.lies());
    let did_all = || report.operations.iter().chain(&report.faults).all(|action| action.began_s.is_some());
    if lies { lied } else { did_all() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::invariant::CATALOGUE;

    #[test]
    fn every_invariant_is_hit_and_every_saboteur_has_a_plan() {
        let known: BTreeSet<&str> = CATALOGUE.iter().map(|invariant| invariant.name).collect();
        let hit: BTreeSet<&str> = all().flat_map(|saboteur| saboteur.catches).copied().collect();
        let missing: Vec<_> = known.difference(&hit).collect();
        assert!(missing.is_empty(), "nobody hits {missing:?}");
        assert!(hit.is_subset(&known), "{hit:?}");
        let names: BTreeSet<&str> = all().map(|saboteur| saboteur.name).collect();
        assert!(all().all(|saboteur| !saboteur.plan().name.is_empty() && !saboteur.catches.is_empty()));
        assert_eq!(names.len(), all().count());
        assert!(names.len() >= 50, "{}", names.len());
    }
}
