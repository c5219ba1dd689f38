//! The servers' settings, read as the servers read them: words in any case, sizes with units, what was set at run time.
//!
//! A `CONFIG SET` counts from its acknowledgement until the process ends, and longer only if a `CONFIG REWRITE` followed.
//! This is the one place that knows how a setting is written; everybody else asks for what it means.

use std::borrow::Cow;

use super::Evidence;
use super::evidence::{FaultReport, OperationReport};
use crate::chronicle::HAND_OVER_TIMEOUT;
use crate::fault::{Effect, Fault};
use crate::id::NodeId;
use crate::op::{Op, Typed};
use crate::time::{SimDuration, SimTime};

/// The settings of one node at an instant.
#[derive(Clone, Copy)]
pub(super) struct Settings<'e> {
    evidence: &'e Evidence,
    node: NodeId,
    at: SimTime,
}

/// When an append-only file is synchronised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AppendFsync {
    /// Before each answer.
    Always,
    /// Once a second; so it is if nothing is said.
    EverySecond,
    /// When the system likes.
    No,
}

impl<'e> Settings<'e> {
    /// Those of `node` at `at`.
    pub fn at(evidence: &'e Evidence, node: NodeId, at: SimTime) -> Self {
        Settings { evidence, node, at }
    }

    /// Whether writes go to an append-only file.
    pub fn appends(&self) -> bool {
        self.is_on(&["appendonly"], false)
    }

    /// When what is appended is synchronised.
    pub fn appendfsync(&self) -> AppendFsync {
        let text = self.text(&["appendfsync"]).map(|text| text.trim().to_ascii_lowercase());
        match text.as_deref() {
            Some("always") => AppendFsync::Always,
            Some("no") => AppendFsync::No,
            _ => AppendFsync::EverySecond,
        }
    }

    /// Whether all slots must be served for any to be.
    pub fn needs_all_slots(&self) -> bool {
        self.is_on(&["cluster-require-full-coverage"], true)
    }

    /// Whether reads are served while the cluster is down.
    pub fn reads_when_down(&self) -> bool {
        self.is_on(&["cluster-allow-reads-when-down"], false)
    }

    /// Whether a replica may stand for election.
    pub fn may_stand(&self) -> bool {
        !self.is_on(&["cluster-replica-no-failover", "cluster-slave-no-failover"], false)
    }

    /// Whether a replica may stand however old its data is.
    pub fn may_stand_at_any_age(&self) -> bool {
        let names = ["cluster-replica-validity-factor", "cluster-slave-validity-factor"];
        self.text(&names).and_then(|text| text.trim().parse::<i64>().ok()) == Some(0)
    }

    /// For how long a replica may have been without its primary and still stand, with the node timeout; nothing if it may stand
    /// at any age (`clusterHandleReplicaFailover`).
    pub fn longest_data_age(&self, node_timeout: SimDuration) -> Option<SimDuration> {
        let number = |names: &[&str]| self.text(names).and_then(|text| text.trim().parse::<u64>().ok());
        let factor =
            number(&["cluster-replica-validity-factor", "cluster-slave-validity-factor"]).unwrap_or(10);
        let ping = number(&["repl-ping-replica-period", "repl-ping-slave-period"]).unwrap_or(10);
        // The time until the primary is called failing is not held against it.
        let age = node_timeout.times(factor + 1);
        (factor > 0).then_some(SimDuration::from_secs(ping) + age)
    }

    /// How long a hand-over may take (`cluster-manual-failover-timeout`, from 9.0 on a setting).
    pub fn hand_over_timeout(&self) -> SimDuration {
        let ms =
            self.text(&["cluster-manual-failover-timeout"]).and_then(|text| text.trim().parse::<u64>().ok());
        ms.map_or(HAND_OVER_TIMEOUT, SimDuration::from_ms)
    }

    /// How often timers are looked at (`hz`), at most.
    pub fn cron_period(&self) -> SimDuration {
        let hz = self.text(&["hz"]).and_then(|text| text.trim().parse::<u64>().ok()).unwrap_or(10);
        SimDuration::from_ms(1_000 / hz.clamp(1, 10))
    }

    /// Whether replicas move to primaries that have none.
    pub fn migrates_replicas(&self) -> bool {
        self.is_on(&["cluster-allow-replica-migration"], true)
    }

    /// Whether it may take over its primary's slots by itself, as a replica.
    pub fn may_fail_over(&self) -> bool {
        !self.is_on(&["cluster-replica-no-failover", "cluster-slave-no-failover"], false)
    }

    /// How many replicas a primary keeps when one moves to another that has none.
    pub fn migration_barrier(&self) -> usize {
        let text = self.text(&["cluster-migration-barrier"]);
        text.and_then(|text| text.trim().parse().ok()).unwrap_or(1)
    }

    /// Whether clients may write to it while it is a replica.
    pub fn is_read_only(&self) -> bool {
        self.is_on(&["replica-read-only", "slave-read-only"], true)
    }

    /// Whether keys without an expiry were evicted by then when memory was short: there was a limit, and a policy for all keys.
    pub fn has_evicted_any_key(&self) -> bool {
        self.has_evicted(|policy| policy.starts_with("allkeys-"))
    }

    /// Whether keys of any kind were evicted by then when memory was short.
    pub fn has_evicted_keys(&self) -> bool {
        self.has_evicted(|policy| policy.starts_with("allkeys-") || policy.starts_with("volatile-"))
    }

    fn has_evicted(&self, by: impl Fn(&str) -> bool) -> bool {
        let evicts = |at: SimTime| {
            let then = Settings { at, ..*self };
            let limit = then.text(&["maxmemory"]).and_then(|text| bytes(&text)).unwrap_or(0);
            let policy = then.text(&["maxmemory-policy"]).unwrap_or_default().to_ascii_lowercase();
            limit > 0 && by(&policy)
        };
        let changes = self.steps().into_iter().map(|(at, _)| at);
        changes.chain([SimTime::ZERO, self.at]).any(evicts)
    }

    fn is_on(&self, names: &[&str], otherwise: bool) -> bool {
        self.text(names).map_or(otherwise, |text| text.trim().eq_ignore_ascii_case("yes"))
    }

    /// What stands under one of a setting's names.
    fn text(&self, names: &[&str]) -> Option<String> {
        let is_it = |name: &str| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        let mut written = self.evidence.plan.cluster.directive(names).map(str::to_owned);
        let (mut current, mut before) = (written.clone(), written.clone());
        for (_, step) in self.steps() {
            match step {
                Step::Started => current.clone_from(&written),
                Step::Typed(args) if is_config(&args, "rewrite") => written.clone_from(&current),
                Step::Typed(args) if is_config(&args, "set") => {
                    let mut pairs = args[2..].chunks_exact(2).filter(|pair| is_it(&pair[0]));
                    current = pairs.next_back().map(|pair| pair[1].clone()).or(current);
                }
                Step::Typed(_) => {}
                Step::Adjusted(set) => {
                    if let Some((_, value)) = set.into_iter().find(|(name, _)| is_it(name)) {
                        before = current.replace(value);
                    }
                }
                Step::Restored(set) => {
                    if set.iter().any(|(name, _)| is_it(name)) {
                        current.clone_from(&before);
                    }
                }
            }
        }
        current
    }

    /// What happened to the node until then that settings depend on, in order.
    fn steps(&self) -> Vec<(SimTime, Step<'e>)> {
        let starts = self.evidence.exits.iter().filter(|exit| exit.node == self.node);
        let starts = starts.filter_map(|exit| Some((exit.restarted_at?, Step::Started)));
        let typed = self.evidence.plan.operations.iter().zip(&self.evidence.operations);
        let typed = typed.filter_map(|(op, report)| self.typed(op, report));
        let faults = self.evidence.plan.faults.iter().zip(&self.evidence.faults);
        let starved = faults.filter(|(_, report)| report.hit.contains(&self.node)).flat_map(adjusted);
        let all = starts.chain(typed).chain(starved);
        let mut steps: Vec<(SimTime, Step)> = all.filter(|(at, _)| *at <= self.at).collect();
        steps.sort_by_key(|(at, _)| *at);
        steps
    }

    fn typed(&self, op: &'e Op, report: &OperationReport) -> Option<(SimTime, Step<'e>)> {
        let typed = op.action.typed().into_iter().find(|typed| typed.node == self.node && report.done)?;
        Some((report.ended_at?, Step::Typed(typed.args)))
    }
}

/// Every command that the plan had typed and that was done, in the plan's order.
pub(super) fn typed(evidence: &Evidence) -> impl Iterator<Item = Typed<'_>> {
    let pairs = evidence.plan.operations.iter().zip(&evidence.operations).filter(|(_, report)| report.done);
    pairs.flat_map(|(op, _)| op.action.typed())
}

/// Something that settings depend on.
enum Step<'e> {
    Started,
    Typed(Cow<'e, [String]>),
    /// A fault set these.
    Adjusted(Vec<(&'static str, String)>),
    /// A fault that set these was healed.
    Restored(Vec<(&'static str, String)>),
}

/// What a fault did to settings, and when.
fn adjusted<'e>((fault, report): (&Fault, &FaultReport)) -> Vec<(SimTime, Step<'e>)> {
    let Effect::Set(set) = fault.action.effect() else { return Vec::new() };
    let begun = report.fired_at.map(|at| (at, Step::Adjusted(set.clone())));
    let over = report.healed_at.map(|at| (at, Step::Restored(set)));
    begun.into_iter().chain(over).collect()
}

fn is_config(args: &[String], what: &str) -> bool {
    let says = |index: usize, word: &str| args.get(index).is_some_and(|arg| arg.eq_ignore_ascii_case(word));
    says(0, "config") && says(1, what)
}

/// A size as `memtoull` of the server reads it: `10mb` are 10 · 1024², `10m` are 10 · 1000².
fn bytes(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit = match &text[digits..] {
        "" | "b" => 1,
        "k" => 1_000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return None,
    };
    text[..digits].parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::super::sample::{at, healthy, hit, kill, operation};
    use super::*;
    use crate::fault::{FaultId, Policy, Resource, Starved, Target, Trigger};
    use crate::op::{Command, Ending, OpAction};

    fn configured(pairs: &[(&str, &str)]) -> Evidence {
        let mut evidence = healthy();
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        evidence.plan.cluster.config.extend(pairs);
        evidence
    }

    fn typed(evidence: &mut Evidence, node: u16, s: u64, text: &str) {
        let args = text.split(' ').map(str::to_owned).collect();
        operation(evidence, OpAction::Command(Command { node: NodeId(node), args }), (s, s), Ending::Done);
    }

    fn appends(evidence: &Evidence, node: u16, s: u64) -> bool {
        Settings::at(evidence, NodeId(node), at(s)).appends()
    }

    #[test]
    fn words_are_read_in_any_case() {
        for (value, is_on) in [("yes", true), ("YES", true), ("Yes", true), ("no", false), ("NO", false)] {
            assert_eq!(appends(&configured(&[("appendonly", value)]), 1, 1), is_on, "{value}");
        }
        assert!(!appends(&healthy(), 1, 1));
        assert!(Settings::at(&healthy(), NodeId(1), at(1)).needs_all_slots());
        let old = configured(&[("cluster-slave-no-failover", "YES"), ("cluster-slave-validity-factor", "0")]);
        let old = Settings::at(&old, NodeId(1), at(1));
        assert!(!old.may_stand() && old.may_stand_at_any_age());
    }

    #[test]
    fn what_is_set_at_run_time_counts_for_its_node_until_it_ends_or_is_written() {
        let mut evidence = healthy();
        typed(&mut evidence, 1, 10, "config set hz 20 APPENDONLY YES");
        kill(&mut evidence, NodeId(1), 20);
        evidence.exits[0].restarted_at = Some(at(21));
        assert!(!appends(&evidence, 1, 9) && appends(&evidence, 1, 10) && !appends(&evidence, 2, 15));
        assert!(!appends(&evidence, 1, 22));
        typed(&mut evidence, 1, 11, "CONFIG REWRITE");
        assert!(appends(&evidence, 1, 22));
    }

    #[test]
    fn what_a_fault_sets_counts_until_it_is_healed_and_evictions_are_remembered() {
        let mut evidence = healthy();
        let starved = Starved {
            target: Target::Node(NodeId(1)),
            of: Resource::Memory,
            policy: Policy::VolatileLru,
            to_kib: 100,
            duration_ns: SimDuration::from_secs(5),
        };
        let trigger = Trigger::At { delay_ns: SimDuration::ZERO };
        evidence.plan.faults.push(Fault { id: FaultId(1), trigger, action: starved.into() });
        hit(&mut evidence, NodeId(1), 10, Some(15));
        let limit = |s: u64| Settings::at(&evidence, NodeId(1), at(s)).text(&["maxmemory"]);
        assert_eq!([limit(9), limit(12), limit(16)], [None, Some("102400".to_owned()), None]);
        let evicted = |node: u16, s: u64| Settings::at(&evidence, NodeId(node), at(s)).has_evicted_keys();
        assert_eq!(
            [evicted(1, 9), evicted(1, 12), evicted(1, 90), evicted(2, 90)],
            [false, true, true, false]
        );
        assert!(!Settings::at(&evidence, NodeId(1), at(90)).has_evicted_any_key());
    }

    #[test]
    fn a_refused_setting_changes_nothing() {
        let mut evidence = healthy();
        typed(&mut evidence, 1, 10, "CONFIG SET appendonly yes");
        evidence.operations[0].done = false;
        assert!(!appends(&evidence, 1, 11));
    }

    #[test]
    fn sizes_have_the_servers_units() {
        let read = ["1024", "1k", "1KB", "10mb", "10m", "2gb", "1G", "7b", "x", "1tb"].map(bytes);
        let million = 1_000_000;
        assert_eq!(
            read,
            [
                Some(1024),
                Some(1000),
                Some(1024),
                Some(10 << 20),
                Some(10 * million),
                Some(2 << 30),
                Some(1000 * million),
                Some(7),
                None,
                None
            ]
        );
    }

    #[test]
    fn a_cache_is_one_that_has_a_limit_and_may_evict_any_key() {
        for (limit, policy, evicts) in [
            ("3500000", "allkeys-lru", true),
            ("10mb", "ALLKEYS-LFU", true),
            ("10mb", "volatile-lru", false),
            ("10mb", "noeviction", false),
            ("0", "allkeys-random", false),
        ] {
            let evidence = configured(&[("maxmemory", limit), ("maxmemory-policy", policy)]);
            assert_eq!(
                Settings::at(&evidence, NodeId(1), at(1)).has_evicted_any_key(),
                evicts,
                "{limit} {policy}"
            );
        }
    }
}
