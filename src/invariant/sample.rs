//! Small builders of evidence for the tests: a healthy cluster, and what can happen to it. Instants are in seconds.

mod accounts;

use std::collections::BTreeMap;

pub use self::accounts::tell;
use super::evidence::{
    Agreement, Content, Disturbance, Evidence, ExitReport, FaultReport, LagSample, NodeEvidence,
    OperationReport, PrimaryChange, Role, SlotAnswer, ViewEntry,
};
use super::{Case, Verdict};
use crate::chronicle::Chronicle;
use crate::chronicle::sample::{Says, message};
use crate::fault::{FaultId, LatencyRange};
use crate::history::{Entry, Outcome, Request};
use crate::id::{ClientId, NodeId};
use crate::op::{Ending, Op, OpAction, OpId, Start};
use crate::plan::{ClusterPlan, Limits, NetworkPlan, Plan};
use crate::time::{SimDuration, SimTime};
use crate::wire::resp::key_slot;

/// How an invariant is violated by a healthy cluster that was changed.
pub fn violation(check: fn(&Case) -> Verdict, change: impl FnOnce(&mut Evidence)) -> String {
    let mut evidence = healthy();
    change(&mut evidence);
    let verdict = check(&Case::of(&evidence));
    assert!(verdict.is_violated(), "{verdict:?}");
    verdict.detail().to_owned()
}

/// An instant.
pub fn at(s: u64) -> SimTime {
    SimTime::ZERO + SimDuration::from_secs(s)
}

/// Three shards of a primary and a replica, untouched, after 100 s. The node timeout is 2 s, the limits 30 s and 5 s.
pub fn healthy() -> Evidence {
    healthy_of(3, 1)
}

/// A healthy cluster of another size.
pub fn healthy_of(shards: u16, replicas: u16) -> Evidence {
    let plan = plan(shards, replicas);
    let nodes = plan.cluster.nodes().map(|node| healthy_node(&plan.cluster, node)).collect();
    let mut evidence = Evidence {
        chronicle: chronicle(&plan),
        plan,
        ended_at: at(100),
        settle_began_at: Some(at(60)),
        nodes,
        accounts: BTreeMap::new(),
        files: vec![],
        votes: vec![],
        spans: vec![],
        moved: BTreeMap::new(),
        history: vec![],
        disturbances: vec![],
        agreement: vec![Agreement { at: at(1), agreed: true }],
        primary_changes: vec![],
        lag_samples: vec![],
        faults: vec![],
        operations: vec![],
        guests: vec![],
        guest_keys: Default::default(),
        strangers: vec![],
        exits: vec![],
        disk: vec![],
        livelocks: vec![],
        deadlocks: vec![],
        unformed: None,
        suspicious_log_lines: vec![],
        log_tail: vec![],
        resyncs: BTreeMap::new(),
        synchronised_at: BTreeMap::new(),
        notable: BTreeMap::new(),
    };
    tell(&mut evidence);
    evidence
}

/// Every primary has spoken once, of its shard's number as its epoch.
fn chronicle(plan: &Plan) -> Chronicle {
    let mut chronicle = Chronicle::new(plan);
    for shard in plan.cluster.shards() {
        let (node, slots) = (plan.cluster.first_primary(shard), plan.cluster.slots_of(shard));
        chronicle.take(message(Says::primary(node.0, u64::from(shard.0), slots), 99, 0));
    }
    chronicle
}

fn plan(shards: u16, replicas: u16) -> Plan {
    let latency = LatencyRange { min_ns: SimDuration::from_us(100), max_ns: SimDuration::from_us(500) };
    Plan {
        name: "sample".to_owned(),
        seed: 42,
        epoch_us: 0,
        cluster: ClusterPlan { node_timeout_ms: 2_000, ..ClusterPlan::of(shards, replicas) },
        network: NetworkPlan { latency, delays: Vec::new() },
        operations: vec![],
        faults: vec![],
        workload: None,
        guests: Vec::new(),
        limits: Limits {
            slot_coverage: true,
            replica_sync: true,
            data_consistency: true,
            max_convergence_ns: SimDuration::from_secs(30),
            max_replication_lag_ns: SimDuration::from_secs(5),
            ..Limits::default()
        },
    }
}

fn hex(node: NodeId) -> String {
    format!("{:040x}", node.0)
}

fn healthy_node(cluster: &ClusterPlan, node: NodeId) -> NodeEvidence {
    let shard = cluster.shard_of(node);
    let primary = Some(cluster.first_primary(shard)).filter(|primary| *primary != node);
    let (first, last) = cluster.slots_of(shard);
    let answer = SlotAnswer { first, last, answer: Ok(()) };
    NodeEvidence {
        node,
        alive: true,
        paused: false,
        outside: false,
        reachable: true,
        node_id: Some(hex(node)),
        role: Some(if primary.is_none() { Role::Primary } else { Role::Replica }),
        primary,
        cluster_state_ok: Some(true),
        view: cluster.nodes().map(|of| row(cluster, node, of)).collect(),
        link_up: primary.map(|_| true),
        offset: Some(1_000),
        keys: Some(BTreeMap::new()),
        functions: None,
        evicted_keys: None,
        slot_answers: if primary.is_none() { vec![answer] } else { vec![] },
    }
}

fn row(cluster: &ClusterPlan, viewer: NodeId, of: NodeId) -> ViewEntry {
    let shard = cluster.shard_of(of);
    let primary = cluster.first_primary(shard);
    let is_primary = primary == of;
    ViewEntry {
        id: hex(of),
        node: Some(of),
        is_primary,
        primary_id: (!is_primary).then(|| hex(primary)),
        flags: if viewer == of { vec!["myself".to_owned()] } else { vec![] },
        config_epoch: u64::from(shard.0),
        slots: if is_primary { vec![cluster.slots_of(shard)] } else { vec![] },
        open_slots: vec![],
        fail: false,
        pfail: false,
        link_up: true,
    }
}

/// Applies `change` to the row of `of` in every view.
fn in_all_views(evidence: &mut Evidence, of: NodeId, change: impl Fn(&mut ViewEntry)) {
    let rows = evidence.nodes.iter_mut().flat_map(|n| &mut n.view);
    rows.filter(|row| row.node == Some(of)).for_each(change);
}

/// The node's process is killed for good and everybody notices.
pub fn kill(evidence: &mut Evidence, node: NodeId, s: u64) {
    let dead = evidence.nodes.iter_mut().find(|n| n.node == node).expect("a node of the sample");
    (dead.alive, dead.reachable) = (false, false);
    dead.view.clear();
    (dead.keys, dead.role, dead.link_up, dead.offset) = (None, None, None, None);
    dead.slot_answers.clear();
    in_all_views(evidence, node, |row| row.fail = true);
    let (status, what) = ("SIGKILL".to_owned(), format!("Process Kill ({node})"));
    let (expected, reason, restarted_at) = (true, None, None);
    evidence.exits.push(ExitReport { node, at: at(s), status, expected, reason, restarted_at });
    evidence.disturbances.push(Disturbance { at: at(s), ended_at: Some(at(s)), what });
    hit(evidence, node, s, None);
}

/// A primary and the replica after it are killed for good; the others stop serving.
pub fn kill_both(evidence: &mut Evidence, primary: NodeId, s: u64) {
    kill(evidence, primary, s);
    kill(evidence, NodeId(primary.0 + 1), s);
    evidence.nodes.iter_mut().for_each(|n| n.cluster_state_ok = Some(false));
}

/// A fault hits a node.
pub fn hit(evidence: &mut Evidence, node: NodeId, s: u64, healed: Option<u64>) {
    let id = FaultId(evidence.faults.len() as u16 + 1);
    let (fired_at, healed_at) = (Some(at(s)), healed.map(at));
    let text = format!("fault {}", id.0);
    evidence.faults.push(FaultReport { id, text, fired_at, healed_at, hit: vec![node], note: String::new() });
}

/// A replica becomes the primary of its shard, and the old primary and all others learn of it.
pub fn promote(evidence: &mut Evidence, node: NodeId, s: u64, coordinated: bool) {
    let shard = evidence.plan.cluster.shard_of(node);
    let from = evidence.plan.cluster.first_primary(shard);
    let to = node;
    evidence.primary_changes.push(PrimaryChange {
        at: at(s),
        shard,
        from,
        to,
        coordinated,
        stepped_down_at: None,
    });
    let slots = vec![evidence.plan.cluster.slots_of(shard)];
    let answers = std::mem::take(&mut evidence.nodes[usize::from(from.0) - 1].slot_answers);
    replicate(evidence, from, to);
    in_all_views(evidence, to, |row| {
        (row.is_primary, row.primary_id, row.slots) = (true, None, slots.clone());
        row.config_epoch = 10;
    });
    let new = &mut evidence.nodes[usize::from(to.0) - 1];
    (new.role, new.primary, new.link_up, new.slot_answers) = (Some(Role::Primary), None, None, answers);
}

/// A node becomes a replica of `of`.
pub fn replicate(evidence: &mut Evidence, node: NodeId, of: NodeId) {
    in_all_views(evidence, node, |row| {
        (row.is_primary, row.primary_id, row.slots) = (false, Some(hex(of)), vec![]);
    });
    let changed = &mut evidence.nodes[usize::from(node.0) - 1];
    (changed.role, changed.primary, changed.link_up) = (Some(Role::Replica), Some(of), Some(true));
}

/// Something is done to the cluster from one second to another.
pub fn disturb(evidence: &mut Evidence, from: u64, to: u64) {
    let what = "disturbance".to_owned();
    evidence.disturbances.push(Disturbance { at: at(from), ended_at: Some(at(to)), what });
}

/// An operation from one second to another, and how it ended.
pub fn operation(evidence: &mut Evidence, action: OpAction, (from, to): (u64, u64), ending: Ending) {
    let id = OpId(evidence.operations.len() as u16 + 1);
    let (sent_at, ended_at, done) = (Some(at(from)), Some(at(to)), ending == Ending::Done);
    let (text, detail) = (action.kind(), format!("{ending:?}"));
    let (ending, target) = (Some(ending), None);
    evidence.operations.push(OperationReport {
        id,
        text: text.clone(),
        sent_at,
        ended_at,
        done,
        ending,
        target,
        detail,
    });
    evidence.disturbances.push(Disturbance { at: at(from), ended_at, what: text });
    let delay_ns = SimDuration::ZERO;
    evidence.plan.operations.push(Op { id, start: Start::After, delay_ns, action, expect: None });
}

/// Replaces what the looks at all nodes showed.
pub fn looks(evidence: &mut Evidence, looks: &[(u64, bool)]) {
    evidence.agreement = looks.iter().map(|(s, agreed)| Agreement { at: at(*s), agreed: *agreed }).collect();
}

/// A replica was so many milliseconds behind.
pub fn lag(node: u16, primary: u16, s: u64, lag_ms: u64) -> LagSample {
    LagSample {
        at: at(s),
        node: NodeId(node),
        primary: NodeId(primary),
        offset_behind_bytes: lag_ms,
        lag: SimDuration::from_ms(lag_ms),
    }
}

/// All members of the key's shard hold a value.
pub fn fill(evidence: &mut Evidence, key: &str, value: &str) {
    let shard = evidence.shard_of_slot(key_slot(key.as_bytes()));
    let cluster = evidence.plan.cluster.clone();
    for node in evidence.nodes.iter_mut().filter(|n| cluster.shard_of(n.node) == shard) {
        let keys = node.keys.get_or_insert_default();
        keys.insert(key.to_owned(), Content::Text(value.to_owned()));
    }
}

fn entry(request: Request, (invoked, completed): (u64, Option<u64>), outcome: Option<Outcome>) -> Entry {
    Entry {
        client: ClientId(1),
        sequence: 1,
        request,
        database: 0,
        invoked_at: at(invoked),
        completed_at: completed.map(at),
        outcome,
        node: Some(NodeId(1)),
    }
}

fn set(key: &str, value: &str) -> Request {
    Request::Set { key: key.to_owned(), value: value.to_owned() }
}

/// A write that node-1 acknowledged.
pub fn ok(key: &str, value: &str, invoked: u64, completed: u64) -> Entry {
    entry(set(key, value), (invoked, Some(completed)), Some(Outcome::Ok(None)))
}

/// A write that another node acknowledged.
pub fn ok_at(key: &str, value: &str, node: u16, invoked: u64, completed: u64) -> Entry {
    Entry { node: Some(NodeId(node)), ..ok(key, value, invoked, completed) }
}

/// A write of which nobody knows.
pub fn info(key: &str, value: &str, invoked: u64) -> Entry {
    entry(set(key, value), (invoked, Some(invoked + 1)), Some(Outcome::Info("connection reset".to_owned())))
}

/// A write that was refused.
pub fn refused(key: &str, value: &str, invoked: u64, completed: u64) -> Entry {
    entry(set(key, value), (invoked, Some(completed)), Some(Outcome::Fail("CLUSTERDOWN".to_owned())))
}

/// A read that saw a value.
pub fn read(key: &str, value: Option<&str>, completed: u64) -> Entry {
    let outcome = Outcome::Ok(value.map(str::to_owned));
    entry(Request::Get { key: key.to_owned() }, (completed, Some(completed)), Some(outcome))
}
