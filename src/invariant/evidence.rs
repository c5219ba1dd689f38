//! What a run left behind for the invariants: the only thing they see.
//!
//! Whoever ran the cluster fills it once, after the last probe; nothing here asks a server or knows an actor. A
//! field that could not be read is `None` or empty, and an invariant that needs it answers `Unknown`: evidence that
//! is missing must never look like evidence that is good.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::account::Account;
use crate::chronicle::Chronicle;
use crate::fault::FaultId;
use crate::history;
use crate::id::{NodeId, ShardId};
use crate::op::{Ending, Op, OpId};
use crate::plan::Plan;
use crate::time::{SimDuration, SimTime};
use crate::wire::cluster_file::NodesConf;

/// Everything that is known about a run when it is judged.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// What was to be done, and the limits.
    pub plan: Plan,
    /// When the last probe was answered.
    pub ended_at: SimTime,
    /// When faults were gone and the cluster was left alone; `None` if the run ended before that.
    pub settle_began_at: Option<SimTime>,
    /// Every node of the plan, in order, as the last probe found it.
    pub nodes: Vec<NodeEvidence>,
    /// What nodes said of themselves at the end, each in one go; empty where it was not asked.
    pub accounts: BTreeMap<NodeId, Account>,
    /// What stood in `nodes.conf` when a process had ended, in order of `at`.
    pub files: Vec<FileReport>,
    /// Votes that were given, in order of `at`.
    pub votes: Vec<Vote>,
    /// What nodes said of the cluster's state for longer than it takes to be looked at again.
    pub spans: Vec<ViewSpan>,
    /// Slots that the plan's own commands moved to another shard, and to which.
    pub moved: BTreeMap<u16, ShardId>,
    /// What was seen on the cluster bus, as timelines.
    pub chronicle: Chronicle,
    /// What clients asked for and were told.
    pub history: Vec<history::Entry>,
    /// What was done to the cluster, faults and operations alike, in order of `at`.
    pub disturbances: Vec<Disturbance>,
    /// Whether all live nodes agreed and were ok ([`agree`](super::views_agree::agree)), from the end of formation on, in order of `at`.
    pub agreement: Vec<Agreement>,
    /// Who became the primary of a shard after formation, in order of `at`.
    pub primary_changes: Vec<PrimaryChange>,
    /// How far replicas were behind, in order of `at`.
    pub lag_samples: Vec<LagSample>,
    /// What became of each fault of the plan, in the plan's order.
    pub faults: Vec<FaultReport>,
    /// What became of each operation of the plan, in the plan's order.
    pub operations: Vec<OperationReport>,
    /// What became of each guest of the plan, in the plan's order.
    pub guests: Vec<GuestReport>,
    /// The keys that guests may have changed.
    pub guest_keys: GuestKeys,
    /// What strangers were answered, in order of `at`.
    pub strangers: Vec<StrangerReport>,
    /// Every end of a server process before the harness itself ended the run, in order of `at`.
    pub exits: Vec<ExitReport>,
    /// What servers wrote to disk and read from it, in order of `at`.
    pub disk: Vec<DiskReport>,
    /// Processes that used the CPU without end.
    pub livelocks: Vec<StallReport>,
    /// Processes that could never go on.
    pub deadlocks: Vec<StallReport>,
    /// When forming the cluster was given up, and what was missing.
    pub unformed: Option<(SimTime, String)>,
    /// Log lines for which [`is_suspicious`](super::no_crash::is_suspicious) is true.
    pub suspicious_log_lines: Vec<LogLine>,
    /// The last lines of every node's log, for the report; in any order.
    pub log_tail: Vec<LogLine>,
    /// How often each replica had to synchronise again after formation.
    pub resyncs: BTreeMap<NodeId, Resyncs>,
    /// When each replica last got all that its primary had, by its own log.
    pub synchronised_at: BTreeMap<NodeId, SimTime>,
    /// The first event at an instant that is an operation, a fault, the end of a process or a takeover.
    pub notable: BTreeMap<SimTime, u64>,
}

/// What a server answered a stranger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StrangerReport {
    /// When it was there.
    pub at: SimTime,
    /// Who answered.
    pub node: NodeId,
    /// Whether at the port of the bus.
    pub bus: bool,
    /// The begin of the answer, an error after a `-`.
    pub text: String,
}

/// The keys that guests may have changed: what nobody else wrote there is theirs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GuestKeys {
    /// Words of their commands, among which are all keys that these name.
    pub named: BTreeSet<String>,
    /// Something that they asked may have changed any key.
    pub any: bool,
    /// They asked for something that may have moved slots.
    pub moved_slots: bool,
}

impl GuestKeys {
    /// Whether a guest may have changed a key.
    pub fn holds(&self, key: &str) -> bool {
        self.any || self.named.contains(key)
    }
}

/// What became of a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestReport {
    /// What it is called.
    pub name: String,
    /// Its program and arguments, in one line.
    pub text: String,
    /// When it was started, if it was.
    pub started_at: Option<SimTime>,
    /// When it ended, and how: `exit 0`, or the name of a signal.
    pub ended: Option<(SimTime, String)>,
    /// It was ended because its time was over.
    pub timed_out: bool,
    /// After how long it was to be killed on purpose.
    pub kill_after: Option<SimDuration>,
    /// The texts it was to write and has not written.
    pub missing: Vec<String>,
    /// How many lines it wrote.
    pub lines: u64,
}

/// What the validator saw with its own probes; the rest of the evidence is in the log.
#[derive(Clone, Debug)]
pub struct Findings {
    /// When the last probe was answered.
    pub ended_at: SimTime,
    /// When faults were gone and the cluster was left alone; `None` if the run ended before that.
    pub settle_began_at: Option<SimTime>,
    /// Every node of the plan, in order, as the last probe found it.
    pub nodes: Vec<NodeEvidence>,
    /// Whether all live nodes agreed and were ok, from the end of formation on, in order of `at`.
    pub agreement: Vec<Agreement>,
    /// How far replicas were behind, in order of `at`.
    pub lag_samples: Vec<LagSample>,
}

/// One node as the last probe found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeEvidence {
    /// Who it is.
    pub node: NodeId,
    /// Whether its process exists.
    pub alive: bool,
    /// Whether its process is stopped by a fault that has not ended.
    pub paused: bool,
    /// Whether it does not belong to the cluster: the plan kept it out or sent it away, and nobody else knows it.
    pub outside: bool,
    /// Whether it answered the last probe.
    pub reachable: bool,
    /// Its cluster node id, 40 hexadecimal digits.
    pub node_id: Option<String>,
    /// Its role as `INFO replication` (not `CLUSTER NODES`) says.
    pub role: Option<Role>,
    /// Whom it replicates as `INFO replication` says, found by address; `None` at a primary.
    pub primary: Option<NodeId>,
    /// `cluster_state` of `CLUSTER INFO` is `ok`.
    pub cluster_state_ok: Option<bool>,
    /// Its `CLUSTER NODES`, its own row included; empty if it could not be read.
    pub view: Vec<ViewEntry>,
    /// `master_link_status` of a replica is `up`; `None` at a primary.
    pub link_up: Option<bool>,
    /// `master_repl_offset` of a primary, `slave_repl_offset` of a replica. All primaries are asked before the first
    /// replica, so that a replica in sync can be ahead by what the primary sent meanwhile, and never behind.
    pub offset: Option<u64>,
    /// What it stores, by key.
    pub keys: Option<BTreeMap<String, Content>>,
    /// Its function libraries.
    pub functions: Option<Functions>,
    /// How many keys it evicted since it was started (`evicted_keys`).
    pub evicted_keys: Option<u64>,
    /// What a client got that asked a primary about the ranges it claims.
    pub slot_answers: Vec<SlotAnswer>,
}

/// What a node is to its shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It owns slots, or could.
    Primary,
    /// It copies a primary.
    Replica,
}

/// One row of `CLUSTER NODES`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewEntry {
    /// The cluster node id, 40 hexadecimal digits.
    pub id: String,
    /// The node with this id, if it is one of the plan's.
    pub node: Option<NodeId>,
    /// It is flagged `master`.
    pub is_primary: bool,
    /// The id of the primary it is said to replicate.
    pub primary_id: Option<String>,
    /// The flags as printed (`myself`, `fail?`, `handshake`).
    pub flags: Vec<String>,
    /// Its config epoch.
    pub config_epoch: u64,
    /// The slots it owns: first and last of each range.
    pub slots: Vec<(u16, u16)>,
    /// Slots on the move, as printed (`[93->-…]`); only in the node's own row.
    pub open_slots: Vec<String>,
    /// It is flagged `fail`: a majority says so.
    pub fail: bool,
    /// It is flagged `fail?`: this view suspects it.
    pub pfail: bool,
    /// `connected`.
    pub link_up: bool,
}

/// What a key holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Content {
    /// A string.
    Text(String),
    /// Any other type, with a digest of its value that does not depend on its encoding.
    Other {
        /// The answer of `TYPE`.
        kind: String,
        /// `DEBUG DIGEST-VALUE`.
        digest: String,
    },
}

/// The code of function libraries, by name.
pub type Functions = BTreeMap<String, String>;

/// What a primary answered when it was asked about a range that it claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotAnswer {
    /// The first slot of the range.
    pub first: u16,
    /// The last slot of the range.
    pub last: u16,
    /// The error, if it did not serve the range (`CLUSTERDOWN …`, `MOVED …`, no answer).
    pub answer: Result<(), String>,
}

/// Something that was done to the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disturbance {
    /// When it began.
    pub at: SimTime,
    /// When it was over: a heal, a restart, the end of an operation, or `at` for a kill without restart. `None` if
    /// it went on when the run ended.
    pub ended_at: Option<SimTime>,
    /// What it was, as in the report.
    pub what: String,
}

/// What one look at all live nodes showed. Looks that repeat the one before may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// When they were asked.
    pub at: SimTime,
    /// All live nodes answered, say the cluster is ok, and describe the same cluster.
    pub agreed: bool,
}

/// A shard got another primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrimaryChange {
    /// When the new primary took over, by its own log.
    pub at: SimTime,
    /// The shard whose slots it took.
    pub shard: ShardId,
    /// The primary until then.
    pub from: NodeId,
    /// The primary from then on.
    pub to: NodeId,
    /// The old primary stopped its clients and the new one had all it wrote (`CLUSTER FAILOVER` without an argument,
    /// carried through to the end). An election after a timeout, `FORCE` and `TAKEOVER` are not coordinated.
    pub coordinated: bool,
    /// When the old primary became a replica, by its own log; `None` if it never did.
    pub stepped_down_at: Option<SimTime>,
}

/// How far a replica was behind its primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LagSample {
    /// When the *primary's* offset was read; the replica's was read then or later.
    pub at: SimTime,
    /// The replica.
    pub node: NodeId,
    /// The primary it was compared with, which must be the one it replicates.
    pub primary: NodeId,
    /// How many bytes the replica had not got.
    pub offset_behind_bytes: u64,
    /// How long before `at` the primary had what the replica has; zero if nothing was missing.
    pub lag: SimDuration,
}

/// What became of a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultReport {
    /// Which one.
    pub id: FaultId,
    /// In words, as in the report: `Process Kill (shard 2, primary, SIGKILL)`.
    pub text: String,
    /// When it fired; `None` if its moment never came.
    pub fired_at: Option<SimTime>,
    /// When it was undone; a kill is undone by the restart. `None` if it was not: the nodes it hit count as held by it
    /// until the end.
    pub healed_at: Option<SimTime>,
    /// The nodes it hit, looked up when it fired: both sides of a partition.
    pub hit: Vec<NodeId>,
    /// What else there is to say (`coordinated`, `missed: the operation was over`).
    pub note: String,
}

/// What became of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationReport {
    /// Which one.
    pub id: OpId,
    /// In words, as in the report: `Failover (shard 1, primary)`.
    pub text: String,
    /// When it was sent; `None` if it never was.
    pub sent_at: Option<SimTime>,
    /// When it was done or given up.
    pub ended_at: Option<SimTime>,
    /// It did what it was asked for.
    pub done: bool,
    /// How it ended; `None` if it did not.
    pub ending: Option<Ending>,
    /// The node it was sent to last, if the operator picked one.
    pub target: Option<NodeId>,
    /// Why it failed, or what else there is to say.
    pub detail: String,
}

/// A server process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExitReport {
    /// Whose.
    pub node: NodeId,
    /// When.
    pub at: SimTime,
    /// Its exit status or signal.
    pub status: String,
    /// A fault or the harness ended it, and it ended the way it was told to.
    pub expected: bool,
    /// What it wrote of its end: the assertion that failed and its place, or the function that it crashed in.
    pub reason: Option<String>,
    /// When it was started again; `None` if it was not.
    pub restarted_at: Option<SimTime>,
}

/// A stretch in which every look at a node found the same view and the same state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ViewSpan {
    /// Whose.
    pub node: NodeId,
    /// The first of the looks.
    pub from: SimTime,
    /// The first look that found something else.
    pub until: SimTime,
    /// Whether it said `ok`; nothing if it did not say.
    pub ok: Option<bool>,
    /// Whether its view gives every slot to a primary that it does not hold for failed.
    pub has_all_slots: bool,
    /// Whether it neither suspects nor holds for failed most primaries with slots.
    pub has_majority: bool,
}

/// A primary gave its vote away: `FAILOVER_AUTH_ACK` left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vote {
    /// Whose.
    pub node: NodeId,
    /// When.
    pub at: SimTime,
    /// In which epoch.
    pub epoch: u64,
}

/// What a process left in its `nodes.conf`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileReport {
    /// Whose.
    pub node: NodeId,
    /// When it had ended.
    pub at: SimTime,
    /// The file, or why it is none that a server starts with; `None` if there is no file.
    pub file: Option<Result<NodesConf, String>>,
}

/// What a server did with its disk, by its own log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskReport {
    /// Whose.
    pub node: NodeId,
    /// When it was told.
    pub at: SimTime,
    /// What.
    pub step: DiskStep,
}

/// What a server does with its disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskStep {
    /// A snapshot is whole; what was executed until `as_of` is in it.
    Saved {
        /// When it was begun.
        as_of: SimTime,
    },
    /// The last snapshot was loaded at the start.
    LoadedSnapshot,
    /// The append-only file was loaded at the start.
    LoadedAppendOnly,
    /// The append-only file could not be written to.
    AppendFailed,
    /// It can be again, and has everything.
    AppendSolved,
}

/// How often a replica lost its primary and synchronised again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Resyncs {
    /// It got the whole data set.
    pub full: u32,
    /// It got what it had missed.
    pub partial: u32,
    /// The link to its primary was lost.
    pub links_lost: u32,
}

/// A process used the CPU without end, or could never go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StallReport {
    /// Whose.
    pub node: NodeId,
    /// When it was found.
    pub at: SimTime,
    /// What is known of where it was, or of what it waited for.
    pub detail: String,
}

/// A line of a server's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Whose.
    pub node: NodeId,
    /// When it was written.
    pub at: SimTime,
    /// The line, as written.
    pub line: String,
}

impl Evidence {
    /// Whether nobody else than the workload's clients asks for anything: no guest, and nobody who types commands.
    pub fn is_all_asked_by_clients(&self) -> bool {
        let types = |op: &Op| !op.action.typed().is_empty();
        self.plan.guests.is_empty() && !self.plan.operations.iter().any(types)
    }

    /// When the first guest was started.
    pub fn first_guest_at(&self) -> Option<SimTime> {
        self.guests.iter().filter_map(|guest| guest.started_at).min()
    }

    /// The node's last probe.
    pub fn node(&self, node: NodeId) -> Option<&NodeEvidence> {
        self.nodes.iter().find(|n| n.node == node)
    }

    /// Whether a node's wall clock may have misled it at an instant: a fault made it wrong, or set it back since by so much
    /// that what it had noted is not yet the past, and the timers of the cluster that began then have not run out.
    pub fn clock_misled(&self, node: NodeId, at: SimTime) -> bool {
        const TIMERS: u64 = 4;
        let timers = SimDuration::from_ms(TIMERS * self.plan.cluster.node_timeout_ms);
        self.faults.iter().filter(|fault| fault.hit.contains(&node)).any(|fault| {
            let planned = self.plan.fault(fault.id);
            let ahead = planned.and_then(|planned| planned.action.clock_ahead_by());
            let ends = |ahead| fault.healed_at.map_or(SimTime::NEVER, |healed| healed + ahead + timers);
            fault.fired_at.is_some_and(|fired| fired <= at) && ahead.is_some_and(|ahead| at <= ends(ahead))
        })
    }

    /// When a wall clock was made wrong for the first time.
    pub fn first_wrong_clock(&self) -> Option<SimTime> {
        let is_of_clock = |fault: &&FaultReport| {
            let planned = self.plan.fault(fault.id);
            planned.is_some_and(|planned| planned.action.clock_ahead_by().is_some())
        };
        self.faults.iter().filter(is_of_clock).filter_map(|fault| fault.fired_at).min()
    }

    /// Nodes of the cluster whose process exists and runs, whether they answered or not.
    pub fn live(&self) -> impl Iterator<Item = &NodeEvidence> {
        self.nodes.iter().filter(|n| n.is_live())
    }

    /// The operations that were sent, with what became of them, in the plan's order.
    pub fn sent_operations(&self) -> impl Iterator<Item = (&Op, &OperationReport)> {
        let all = self.plan.operations.iter().zip(&self.operations);
        all.filter(|(_, report)| report.sent_at.is_some())
    }

    /// Live nodes whose view was read.
    pub fn seen(&self) -> impl Iterator<Item = &NodeEvidence> {
        self.live().filter(|n| n.reachable && !n.view.is_empty())
    }

    /// Live nodes whose view was not read, by name; empty if there are none.
    pub fn unseen(&self) -> String {
        let unseen = self.live().filter(|n| !n.reachable || n.view.is_empty());
        unseen.map(|n| n.node.to_string()).collect::<Vec<_>>().join(", ")
    }

    /// Whether the node's process exists and runs, and it belongs to the cluster.
    pub fn is_live(&self, node: NodeId) -> bool {
        self.node(node).is_some_and(NodeEvidence::is_live)
    }

    /// When the last disturbance was over; `None` if there was none.
    pub fn last_disturbance_ended_at(&self) -> Option<SimTime> {
        self.disturbances.iter().map(|d| d.ended_at.unwrap_or(self.ended_at)).max()
    }

    /// The first look from which on all live nodes agreed; `None` if the last look found them disagreeing.
    pub fn converged_at(&self) -> Option<SimTime> {
        let after = self.agreement.iter().rposition(|a| !a.agreed).map_or(0, |last| last + 1);
        self.agreement.get(after).map(|a| a.at)
    }

    /// What broke a property that is judged at the end: the last thing that happened before the look that first found the
    /// live nodes disagreeing for good, or that look if nothing did; the end of the run if they agreed then.
    pub fn broken_since(&self) -> SimTime {
        let after = self.agreement.iter().rposition(|a| a.agreed).map_or(0, |last| last + 1);
        let Some(look) = self.agreement.get(after) else {
            return self.ended_at;
        };
        let agreed = after.checked_sub(1).map_or(SimTime::ZERO, |before| self.agreement[before].at);
        let happened = self.happened().filter(|at| *at >= agreed && *at <= look.at);
        happened.max().unwrap_or(look.at)
    }

    /// When operations were sent, faults fired, processes ended and primaries changed; in any order.
    fn happened(&self) -> impl Iterator<Item = SimTime> {
        let operations = self.operations.iter().filter_map(|operation| operation.sent_at);
        let faults = self.faults.iter().filter_map(|fault| fault.fired_at);
        let exits = self.exits.iter().map(|exit| exit.at);
        operations.chain(faults).chain(exits).chain(self.primary_changes.iter().map(|change| change.at))
    }

    /// The shard that a slot belongs to in the end.
    pub fn shard_of_slot(&self, slot: u16) -> ShardId {
        self.moved.get(&slot).copied().unwrap_or_else(|| self.plan.cluster.shard_of_slot(slot))
    }

    /// The shard that the plan gives a slot to, and the one that has it in the end, which may be the same.
    pub fn shards_of_slot(&self, slot: u16) -> [ShardId; 2] {
        [self.plan.cluster.shard_of_slot(slot), self.shard_of_slot(slot)]
    }
}

impl NodeEvidence {
    /// A node of which nothing could be read.
    pub fn unread(node: NodeId, alive: bool) -> Self {
        NodeEvidence {
            node,
            alive,
            paused: false,
            outside: false,
            reachable: false,
            node_id: None,
            role: None,
            primary: None,
            cluster_state_ok: None,
            view: Vec::new(),
            link_up: None,
            offset: None,
            keys: None,
            functions: None,
            evicted_keys: None,
            slot_answers: Vec::new(),
        }
    }

    /// Whether its process exists and runs, and it belongs to the cluster.
    pub fn is_live(&self) -> bool {
        self.alive && !self.paused && !self.outside
    }

    /// Its own row of its view.
    pub fn own_row(&self) -> Option<&ViewEntry> {
        self.view.iter().find(|row| row.is_myself())
    }

    /// The slots it claims for itself, as a primary.
    pub fn own_slots(&self) -> &[(u16, u16)] {
        match self.own_row() {
            Some(row) if row.is_primary => &row.slots,
            _ => &[],
        }
    }
}

impl ViewEntry {
    /// Whether this is the row of the node that was asked.
    pub fn is_myself(&self) -> bool {
        self.flags.iter().any(|flag| flag == "myself")
    }

    /// Whether the row is of a node that is not a member yet, or whose address is lost.
    pub fn is_stranger(&self) -> bool {
        self.flags.iter().any(|flag| flag == "handshake" || flag == "noaddr")
    }
}
