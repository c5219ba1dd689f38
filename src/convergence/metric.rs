//! What is measured of a disruption, and by which sign.

use std::collections::BTreeMap;

use crate::time::SimDuration;

/// The figures of one disruption; a metric that is absent was not reached.
pub type Figures = BTreeMap<Metric, SimDuration>;

/// A duration of virtual time; less is better. Log lines are those of Valkey 8.0 to 9.1 and Redis 7 at their default
/// log level, and are dated with the end of the turn in which the server wrote them, which is microseconds after it acted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// From the disruption until the first node suspects the primary. A replica logs `NODE … possibly failing` when it
    /// does (from 8.1 on a voting primary does not: its suspicion counts when another node logs `reported node … as not
    /// reachable`, or when a survey of `CLUSTER NODES`, which is made every 100 ms of a disruption, shows it as `fail?`,
    /// whichever is first). So it is exact if a replica is first, and up to 100 ms late if a voting primary is.
    Pfail,
    /// From the disruption until the first node logs `Marking node … as failing (quorum reached)`. Exact.
    Fail,
    /// From the disruption until a node of the shard logs `Failover election won` (or `Taking over the primary`). Exact.
    VoteWon,
    /// From the first node's FAIL until a node of the shard has won the vote: what the election itself takes. Exact.
    Election,
    /// From the disruption until the new primary does what clients ask: the later of its vote and its log line `Cluster
    /// state changed: ok` (if it had called the cluster down), which counts once a client's `SET` was acknowledged by it.
    /// Exact: how long clients pause between two attempts is not in it, but in [`Metric::Unwritable`].
    Writable,
    /// From the disruption until the last live node knows the new primary as the owner of its slots: the node logs
    /// `Cluster state changed: ok`, which it does when the last uncovered slot has an owner again. Exact with
    /// `cluster-require-full-coverage yes`; a node whose state never was `fail` counts when a survey shows the new owner,
    /// up to 100 ms late.
    ViewsAgree,
    /// Until the shard has live replicas and each of them logged that it synchronised with the primary, from the
    /// disruption, or from the last start of a process of the shard if that was later. Exact.
    InSync,
    /// The longest time in which no client heard that a write to the shard was done: from one acknowledged `SET` to the
    /// next, beginning with the last one before the disruption. As fine as the shard is written often.
    Unwritable,
    /// From the disruption until the last read of the shard that returned a value older than one whose write had been
    /// acknowledged before the read was asked; zero if every read was fresh. A write that was lost counts until its key
    /// is written again.
    StaleReads,
    /// The longest time from a primary's writing a chunk of its replication stream to the chunk's arrival at a replica of
    /// the shard, among the chunks written since the disruption. Chunks that never arrive are not counted.
    Lag,
}

impl Metric {
    /// All of them, in the order in which they are reached.
    pub const ALL: [Metric; 10] = [
        Metric::Pfail,
        Metric::Fail,
        Metric::VoteWon,
        Metric::Election,
        Metric::Writable,
        Metric::ViewsAgree,
        Metric::InSync,
        Metric::Unwritable,
        Metric::StaleReads,
        Metric::Lag,
    ];

    /// Its name in files and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Metric::Pfail => "pfail",
            Metric::Fail => "fail",
            Metric::VoteWon => "vote_won",
            Metric::Election => "election",
            Metric::Writable => "writable",
            Metric::ViewsAgree => "views_agree",
            Metric::InSync => "in_sync",
            Metric::Unwritable => "unwritable",
            Metric::StaleReads => "stale_reads",
            Metric::Lag => "lag",
        }
    }

    /// What it is called in tables and plots.
    pub fn title(self) -> &'static str {
        match self {
            Metric::Pfail => "failure suspected (first PFAIL)",
            Metric::Fail => "failure agreed (first FAIL)",
            Metric::VoteWon => "vote won",
            Metric::Election => "election (first FAIL to vote won)",
            Metric::Writable => "new primary accepts writes",
            Metric::ViewsAgree => "all views agree",
            Metric::InSync => "replicas in sync",
            Metric::Unwritable => "writes unavailable to clients",
            Metric::StaleReads => "stale reads until",
            Metric::Lag => "replication lag, longest",
        }
    }

    /// What it is, in one sentence.
    pub fn definition(self) -> &'static str {
        match self {
            Metric::Pfail => {
                "disruption to the first node that suspects the primary: its own log line, or a report or survey that shows it (up to 100 ms late if a voting primary is first, which logs nothing from 8.1 on)"
            }
            Metric::Fail => "disruption to the first log line `Marking node ... as failing (quorum reached)`",
            Metric::VoteWon => "disruption to the log line `Failover election won`",
            Metric::Election => "first FAIL to the log line `Failover election won`",
            Metric::Writable => {
                "disruption to the moment the new primary serves clients (its vote and `Cluster state changed: ok`), if one then wrote"
            }
            Metric::ViewsAgree => {
                "disruption to the moment the last live node knows the new owner of the slots"
            }
            Metric::InSync => {
                "disruption, or the last start of a process of the shard, to the last of its replicas being in sync"
            }
            Metric::Unwritable => {
                "longest time between two acknowledged writes to the shard, from the last before the disruption on"
            }
            Metric::StaleReads => {
                "disruption to the last read of a value older than one acknowledged before; 0 if there is none"
            }
            Metric::Lag => "longest time a chunk of the replication stream took to a replica of the shard",
        }
    }

    /// The metric of that name.
    pub fn from_name(name: &str) -> Option<Metric> {
        Metric::ALL.into_iter().find(|metric| metric.name() == name)
    }
}
