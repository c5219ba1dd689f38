//! What clients were told: which writes were done, and which reads were stale.
//!
//! A read is stale if a write to its key, begun after the write that it returns was done, had been acknowledged before the
//! read was asked. That is told without knowing in which order the server executed anything, so it accuses nobody
//! wrongly. Keys and values are kept as digests.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::history::{Outcome, Request};
use crate::id::{ClientId, ShardId};
use crate::plan::ClusterPlan;
use crate::time::SimTime;
use crate::wire::resp::key_slot;

/// A client and the number of its operation.
pub(super) type Who = (ClientId, u64);

/// The operations of a run.
#[derive(Debug)]
pub(super) struct Clients {
    /// The last slot of each shard.
    shards: Vec<(u16, ShardId)>,
    open: BTreeMap<Who, Open>,
    /// For each key, when the latest begun of its acknowledged writes was begun.
    fresh_since: BTreeMap<u64, SimTime>,
    /// For each value, when its write was acknowledged.
    written_at: BTreeMap<u64, SimTime>,
}

#[derive(Debug)]
struct Open {
    shard: ShardId,
    key: u64,
    /// The digest of the value that is written; nothing for a read.
    value: Option<u64>,
    invoked_at: SimTime,
    /// Of a read: what was acknowledged of the key by then.
    fresh_since: Option<SimTime>,
}

/// An operation that is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Done {
    /// The shard that its slot was laid out in.
    pub shard: ShardId,
    pub what: What,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Written,
    NotWritten,
    Read { stale: bool },
    NotRead,
}

impl Clients {
    pub fn new(cluster: &ClusterPlan) -> Self {
        Clients {
            shards: cluster.shards().map(|shard| (cluster.slots_of(shard).1, shard)).collect(),
            open: BTreeMap::new(),
            fresh_since: BTreeMap::new(),
            written_at: BTreeMap::new(),
        }
    }

    /// An operation is asked at `at`.
    pub fn invoke(&mut self, who: Who, request: &Request, at: SimTime) {
        let key = digest(request.key(), 0);
        let value = match request {
            Request::Set { value, .. } => Some(digest(value, key)),
            Request::Get { .. } => None,
            Request::Call { .. } => return,
        };
        let slot = key_slot(request.key().as_bytes());
        let shard = self.shards[self.shards.partition_point(|(last, _)| *last < slot)].1;
        let fresh_since = self.fresh_since.get(&key).copied();
        self.open.insert(who, Open { shard, key, value, invoked_at: at, fresh_since });
    }

    /// An operation that was asked is complete.
    pub fn complete(&mut self, who: Who, outcome: &Outcome, at: SimTime) -> Option<Done> {
        let open = self.open.remove(&who)?;
        let what = match (open.value, outcome) {
            (Some(value), Outcome::Ok(_)) => self.written(&open, value, at),
            (Some(_), _) => What::NotWritten,
            (None, Outcome::Ok(value)) => What::Read { stale: self.is_stale(&open, value.as_deref()) },
            (None, _) => What::NotRead,
        };
        Some(Done { shard: open.shard, what })
    }

    fn written(&mut self, open: &Open, value: u64, at: SimTime) -> What {
        self.written_at.insert(value, at);
        let fresh_since = self.fresh_since.entry(open.key).or_insert(open.invoked_at);
        *fresh_since = open.invoked_at.max(*fresh_since);
        What::Written
    }

    /// Of a value whose write was never acknowledged nobody knows its age; nothing at all is older than every write.
    fn is_stale(&self, read: &Open, value: Option<&str>) -> bool {
        let Some(fresh_since) = read.fresh_since else {
            return false;
        };
        let written_at = |value| self.written_at.get(&digest(value, read.key));
        value.is_none_or(|value| written_at(value).is_some_and(|at| *at < fresh_since))
    }
}

fn digest(text: &str, seed: u64) -> u64 {
    xxh3_64_with_seed(text.as_bytes(), seed)
}
