//! Finds what is well-formed and cannot be run: nodes that do not exist, times that are none, keys at odds.
//!
//! Every problem is found, not only the first, each with its path. What may happen to be hopeless (a failover
//! without a quorum) is no problem here: the plan says of such an operation that it is expected to fail.

mod chaos;
mod network;
mod workload;

use super::error::{Place, Problem};
use super::{Cluster, LatencyMs, Operation, OperationKind, Scenario, TargetKind, Timing, Validation};
use super::{directive, keys};
use crate::op::nodes_named;

/// How many shards a cluster has if the scenario does not say it.
pub const DEFAULT_SHARDS: u64 = 3;
/// How many replicas a shard has if the scenario does not say it.
pub const DEFAULT_REPLICAS: u64 = 1;
/// The most replicas a shard can have.
const MAX_REPLICAS: u64 = 5;
/// The longest time a scenario may name, in seconds: a day.
const MAX_SECONDS: f64 = 86_400.0;
/// The most operations, and the most faults.
const MAX_ENTRIES: usize = 1_000;
/// The most commands of clients.
const MAX_COMMANDS: usize = 100_000;
/// The most delays of single chunks.
const MAX_DELAYS: usize = 100_000;

/// All problems of a scenario; none if it can be run.
pub fn check(scenario: &Scenario) -> Vec<Problem> {
    let mut found = Finds { shape: Shape::of(&scenario.cluster), problems: Vec::new() };
    found.name(&scenario.head.name);
    found.cluster(&scenario.cluster);
    found.network(&scenario.network, scenario.workload.client_count());
    for (index, operation) in scenario.operations.iter().enumerate() {
        found.operation(&Place::of(&["operations"]).index(index), operation);
    }
    for (index, chaos) in scenario.chaos.iter().enumerate() {
        found.chaos(&Place::of(&["chaos"]).index(index), chaos, &scenario.operations);
    }
    found.count(&Place::of(&["operations"]), scenario.operations.len(), MAX_ENTRIES);
    found.count(&Place::of(&["chaos"]), scenario.chaos.len(), MAX_ENTRIES);
    found.workload(&scenario.workload);
    found.validation(&scenario.validation);
    found.problems
}

/// How large the cluster is, for the questions which shards and nodes there are.
#[derive(Clone, Copy)]
struct Shape {
    shards: u64,
    replicas: u64,
}

impl Shape {
    fn of(cluster: &Cluster) -> Shape {
        let shards = cluster.shards.unwrap_or(DEFAULT_SHARDS).min(16);
        Shape { shards, replicas: cluster.replicas.unwrap_or(DEFAULT_REPLICAS).min(MAX_REPLICAS) }
    }

    fn nodes(self) -> u64 {
        self.shards * (1 + self.replicas)
    }

    fn shard_of(self, node: u64) -> u64 {
        node.saturating_sub(1) / (1 + self.replicas) + 1
    }
}

/// The problems found so far.
struct Finds {
    shape: Shape,
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
        if !(0.0..=60_000.0).contains(&ms) {
            self.add(place, format!("{ms} is no latency"), "write milliseconds from 0 to 60000");
        }
    }

    fn cluster(&mut self, cluster: &Cluster) {
        let place = Place::of(&["cluster"]);
        self.range(&place.key("shards"), cluster.shards, 3, 16);
        self.range(&place.key("replicas"), cluster.replicas, 0, MAX_REPLICAS);
        self.range(&place.key("node_timeout_ms"), cluster.node_timeout_ms, 100, 3_600_000);
        for (name, value) in &cluster.config {
            self.directive(&place.key("config").key(name), name, value);
        }
    }

    fn directive(&mut self, place: &Place, name: &str, value: &str) {
        if let Some(reason) = directive::refusal(name, value) {
            self.add(place, format!("a scenario must not set `{name}`"), reason);
        } else if !directive::is_name(name) {
            self.add(
                place,
                format!("`{name}` is no directive"),
                "directives are lower-case words joined by hyphens",
            );
        }
        if value.len() > 1_000 || value.chars().any(char::is_control) {
            self.add(place, "this value cannot stand in a configuration", "write one short line");
        }
    }

    fn shard(&mut self, place: &Place, shard: Option<u64>) {
        if let Some(shard) = shard.filter(|shard| !(1..=self.shape.shards).contains(shard)) {
            let advice = format!("the shards are 1 to {}", self.shape.shards);
            self.add(&place.key("shard"), format!("there is no shard {shard}"), advice);
        }
    }

    fn node(&mut self, place: &Place, node: Option<u64>) {
        if let Some(node) = node.filter(|node| !(1..=self.shape.nodes()).contains(node)) {
            let advice = format!("the nodes are 1 to {}", self.shape.nodes());
            self.add(place, format!("there is no node {node}"), advice);
        }
    }

    fn operation(&mut self, place: &Place, operation: &Operation) {
        self.problems.extend(keys::stray_in_operation(place, operation));
        self.shard(place, operation.shard);
        self.node(&place.key("node"), operation.node);
        self.seconds(&place.key("delay"), operation.delay);
        if operation.timing == Some(Timing::Immediate) && operation.delay.is_some() {
            self.add(
                &place.key("delay"),
                "an immediate operation has no delay",
                "write `timing: delayed`, or no delay",
            );
        }
        match operation.kind {
            OperationKind::Failover => self.failover(place, operation),
            OperationKind::Command => self.command(place, operation),
        }
    }

    fn failover(&mut self, place: &Place, operation: &Operation) {
        if self.shape.replicas == 0 {
            self.add(
                place,
                "a failover needs replicas, and there are none",
                "set `cluster.replicas` to 1 or more",
            );
        }
        if operation.target == Some(TargetKind::Random) {
            self.add(
                &place.key("target"),
                "a failover names its shard",
                "write `target: primary` and `shard:`",
            );
        }
        match (operation.shard, operation.node) {
            (None, None) => self.add(place, "it is not said which shard", "add `shard:`, or `node:`"),
            (_, None) if operation.target == Some(TargetKind::Node) => {
                self.add(place, "it is not said which node", "add `node:`");
            }
            (Some(shard), Some(node)) if self.shape.shard_of(node) != shard => {
                let message = format!("node {node} is not in shard {shard}");
                let advice = format!("it is in shard {}", self.shape.shard_of(node));
                self.add(&place.key("node"), message, advice);
            }
            _ => {}
        }
    }

    fn command(&mut self, place: &Place, operation: &Operation) {
        if operation.expect.as_ref().is_some_and(String::is_empty) {
            let advice = "write `ok`, `error`, `any`, or how the answer begins";
            self.add(&place.key("expect"), "this expects nothing", advice);
        }
        if operation.node.is_none() {
            self.add(place, "it is not said which node gets the command", "add `node:`");
        }
        match operation.args.as_deref() {
            None | Some([]) => self.add(place, "there is no command", "add `args: [PING]`, say"),
            Some(args) => {
                self.config_set(&place.key("args"), args);
                self.node_names(&place.key("args"), args);
            }
        }
    }

    /// `{node-3}` is filled in only if there is a node 3.
    fn node_names(&mut self, place: &Place, args: &[String]) {
        for (index, argument) in args.iter().enumerate() {
            let exists = |name: &&str| (1..=self.shape.nodes()).any(|node| node.to_string() == **name);
            let unknown: Vec<&str> = nodes_named(argument).filter(|name| !exists(name)).collect();
            for name in unknown {
                let advice = format!("the nodes are 1 to {}", self.shape.nodes());
                self.add(&place.index(index), format!("there is no node {name}"), advice);
            }
        }
    }

    /// What must not stand in the configuration must not come in by `CONFIG SET` either.
    fn config_set(&mut self, place: &Place, args: &[String]) {
        let [config, set, pairs @ ..] = args else { return };
        if config.eq_ignore_ascii_case("config") && set.eq_ignore_ascii_case("set") {
            for pair in pairs.chunks_exact(2) {
                if let Some(reason) = directive::refusal(&pair[0], &pair[1]) {
                    self.add(place, format!("a scenario must not set `{}`", pair[0]), reason);
                }
            }
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
