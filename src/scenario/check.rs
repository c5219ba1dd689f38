//! Finds what is well-formed and cannot be run: nodes that do not exist, times that are none, keys at odds.
//!
//! Every problem is found, not only the first, each with its path. What may happen to be hopeless (a failover
//! without a quorum) is no problem here: what is seen then excuses such an operation.

mod guests;
mod network;
mod workload;

use super::actions::{self, Draws};
use super::{Cluster, LatencyMs, Scenario, Validation};
use crate::language::{Layout, MAX_LATENCY_MS, MAX_SECONDS, Place, Problem, directive};

/// How many shards a cluster has if the scenario does not say it.
pub const DEFAULT_SHARDS: u64 = 3;
/// How many replicas a shard has if the scenario does not say it.
pub const DEFAULT_REPLICAS: u64 = 1;
/// The most shards a cluster can have.
const MAX_SHARDS: u64 = 500;
/// The most nodes that can stand beside a cluster.
const MAX_SPARES: u64 = 16;
/// The most databases a node can have.
const MAX_DATABASES: u64 = 64;
/// The most replicas a shard can have.
const MAX_REPLICAS: u64 = 5;
/// The most operations, and the most faults.
const MAX_ENTRIES: usize = 1_000;
/// The most commands of clients.
const MAX_COMMANDS: usize = 100_000;
/// The most delays of single chunks.
const MAX_DELAYS: usize = 100_000;

/// All problems of a scenario; none if it can be run.
pub fn check(scenario: &Scenario) -> Vec<Problem> {
    let databases = scenario.cluster.databases.unwrap_or(1);
    let mut found = Finds { layout: layout(&scenario.cluster), databases, problems: Vec::new() };
    found.name(&scenario.head.name);
    found.cluster(&scenario.cluster);
    found.network(&scenario.network, scenario.workload.client_count());
    if is_absent(&scenario.cluster) {
        found.nothing_but_guests(scenario);
    } else if let Err(problems) = actions::read(scenario, found.layout, Draws::default()) {
        found.problems.extend(problems);
    }
    found.count(&Place::of(&["operations"]), scenario.operations.len(), MAX_ENTRIES);
    found.count(&Place::of(&["chaos"]), scenario.chaos.len(), MAX_ENTRIES);
    found.workload(&scenario.workload);
    found.guests(&scenario.guests, &scenario.workload);
    found.validation(&scenario.validation);
    found.problems
}

/// Whether there is to be no cluster.
fn is_absent(cluster: &Cluster) -> bool {
    cluster.shards == Some(0)
}

/// The shape of the cluster; where it says something that cannot be, as near as can be.
pub(super) fn layout(cluster: &Cluster) -> Layout {
    let shards = cluster.shards.unwrap_or(DEFAULT_SHARDS).min(MAX_SHARDS) as u16;
    let replicas = cluster.replicas.unwrap_or(DEFAULT_REPLICAS).min(MAX_REPLICAS) as u16;
    Layout { shards, replicas, spares: cluster.spares.unwrap_or(0).min(MAX_SPARES) as u16 }
}

/// The problems found so far.
struct Finds {
    layout: Layout,
    databases: u64,
    problems: Vec<Problem>,
}

impl Finds {
    fn add(&mut self, place: &Place, message: impl Into<String>, advice: impl Into<String>) {
        self.problems.push(place.problem(message, advice));
    }

    fn name(&mut self, name: &str) {
        if name.trim().is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
            self.add(
                &Place::of(&["scenario", "name"]),
                "this is no name",
                "a name has 1 to 100 characters on one line",
            );
        }
    }

    fn count(&mut self, list: &Place, length: usize, most: usize) {
        if length > most {
            self.add(list, format!("{length} entries are too many"), format!("at most {most}"));
        }
    }

    fn range(&mut self, place: &Place, value: Option<u64>, least: u64, most: u64) {
        if let Some(value) = value.filter(|value| !(least..=most).contains(value)) {
            self.add(
                place,
                format!("{value} is out of range"),
                format!("write a whole number from {least} to {most}"),
            );
        }
    }

    /// A length of time that may be zero.
    fn seconds(&mut self, place: &Place, value: Option<f64>) {
        if let Some(value) = value.filter(|value| !(0.0..=MAX_SECONDS).contains(value)) {
            self.add(
                place,
                format!("{value} is no length of time"),
                format!("write seconds from 0 to {MAX_SECONDS}"),
            );
        }
    }

    /// A length of time that must not be zero; the least is a millisecond.
    fn duration(&mut self, place: &Place, value: Option<f64>) {
        if let Some(value) = value.filter(|value| !(0.001..=MAX_SECONDS).contains(value)) {
            self.add(
                place,
                format!("{value} cannot be a duration"),
                format!("write seconds from 0.001 to {MAX_SECONDS}"),
            );
        }
    }

    fn latency(&mut self, place: &Place, latency: &LatencyMs) {
        self.latency_of(&place.key("min"), latency.min);
        self.latency_of(&place.key("max"), latency.max);
        if latency.min > latency.max {
            self.add(
                place,
                format!("`min` is {} and `max` is {}", latency.min, latency.max),
                "the least comes first",
            );
        }
    }

    /// One number of milliseconds.
    fn latency_of(&mut self, place: &Place, ms: f64) {
        if !(0.0..=MAX_LATENCY_MS).contains(&ms) {
            let advice = format!("write milliseconds from 0 to {MAX_LATENCY_MS}");
            self.add(place, format!("{ms} is no latency"), advice);
        }
    }

    fn cluster(&mut self, cluster: &Cluster) {
        let place = Place::of(&["cluster"]);
        if !is_absent(cluster) {
            self.range(&place.key("shards"), cluster.shards, 3, MAX_SHARDS);
        }
        self.range(&place.key("replicas"), cluster.replicas, 0, MAX_REPLICAS);
        self.range(&place.key("spares"), cluster.spares, 0, MAX_SPARES);
        self.range(&place.key("databases"), cluster.databases, 1, MAX_DATABASES);
        self.range(&place.key("node_timeout_ms"), cluster.node_timeout_ms, 100, 3_600_000);
        self.range(&place.key("cpu"), cluster.cpu, 1, 1_000);
        for node in cluster.servers.keys() {
            self.node(&place.key("servers"), *node);
        }
        for (name, value) in &cluster.config {
            self.directive(&place.key("config").key(name), name, value);
        }
    }

    /// Without a cluster nothing can be asked of one.
    fn nothing_but_guests(&mut self, scenario: &Scenario) {
        let cluster = Place::of(&["cluster", "shards"]);
        if scenario.guests.is_empty() && scenario.workload.tool.is_none() {
            self.add(&cluster, "there is neither a cluster nor a guest", "add `guests`, or 3 or more shards");
        }
        if scenario.cluster.spares.is_some_and(|spares| spares > 0) {
            let place = Place::of(&["cluster", "spares"]);
            self.add(&place, "there is no cluster to stand beside", "leave `spares` out");
        }
        for (key, is_empty) in
            [("operations", scenario.operations.is_empty()), ("chaos", scenario.chaos.is_empty())]
        {
            if !is_empty {
                self.add(&Place::of(&[key]), "there is no cluster for this", "leave it out");
            }
        }
        if scenario.workload.enabled.unwrap_or(scenario.workload.tool.is_none()) {
            let place = Place::of(&["workload", "enabled"]);
            self.add(&place, "there is no cluster for clients", "write `workload: {enabled: false}`");
        }
    }

    fn directive(&mut self, place: &Place, name: &str, value: &str) {
        self.problems.extend(directive::problem(place, name, value));
    }

    fn node(&mut self, place: &Place, node: u64) {
        let last = self.layout.host_count();
        if !(1..=u64::from(last)).contains(&node) {
            self.add(place, format!("there is no node {node}"), format!("the nodes are 1 to {last}"));
        }
    }

    fn validation(&mut self, validation: &Validation) {
        let place = Place::of(&["validation"]);
        self.duration(&place.key("max_convergence_time"), validation.max_convergence_time);
        self.duration(&place.key("max_replication_lag"), validation.max_replication_lag);
        self.duration(&place.key("max_write_gap"), validation.max_write_gap);
        if let Some(rate) = validation.min_success_rate.filter(|rate| !(0.0..=100.0).contains(rate)) {
            let advice = "write percent from 0 to 100";
            self.add(&place.key("min_success_rate"), format!("{rate} is no share"), advice);
        }
    }
}
