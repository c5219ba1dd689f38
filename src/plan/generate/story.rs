//! Stories: generated scenarios in which one thing happens to a cluster that is otherwise left alone.
//!
//! Faults that are drawn apart nearly always overlap, and then whatever bounds an election or a hand-over has an excuse. Half
//! of all seeds tell a story instead: few events, in an order and at a distance at which each matters to the next.

use std::collections::BTreeSet;

use super::{Shape, stream};
use crate::id::{NodeId, ShardId};
use crate::language::{Entry, Layout, Value, slots_value};
use crate::model::key_slot;
use crate::plan::Overrides;
use crate::plan::resolve::DEFAULT_NODE_TIMEOUT_MS;
use crate::rng::Stream;

/// What happens in a story.
#[derive(Debug, Default)]
pub(super) struct Story {
    pub operations: Vec<Value>,
    pub chaos: Vec<Value>,
    /// Seconds that clients have to work at least, so that they see its end.
    pub works_s: f64,
    /// How many keys clients use, if the story is about these.
    pub keys: Option<u64>,
}

/// The stories, and how many seeds in a hundred tell each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Everything drawn apart.
    None,
    /// A primary dies, or two one after the other.
    CalmDeath,
    /// Primaries hand over to replicas.
    HandOvers,
    /// A primary that votes is restarted between two elections of one shard.
    VoterRestarted,
    /// A primary that votes is restarted just before it is asked.
    FreshVoter,
    /// A replica does not hear of a hand-over, and then the primary dies.
    MissedHandOver,
    /// A primary that was replaced comes back, and does not hear of its successor by itself.
    StaleClaim,
    /// A replica stands for election while nobody hears it.
    LostElection,
    /// Two primaries take the same config epoch.
    Collision,
    /// Slots whose keys clients use stand half moved for a while.
    OpenSlots,
}

const SHARES: [(u64, Kind); 10] = [
    (4, Kind::OpenSlots),
    (2, Kind::FreshVoter),
    (36, Kind::None),
    (21, Kind::CalmDeath),
    (21, Kind::HandOvers),
    (3, Kind::VoterRestarted),
    (3, Kind::MissedHandOver),
    (4, Kind::StaleClaim),
    (4, Kind::LostElection),
    (2, Kind::Collision),
];

/// The story of a seed, if it tells one and its cluster can be made large enough; the cluster is made so.
pub(super) fn draw(seed: u64, overrides: Overrides, shape: &mut Shape) -> Option<Story> {
    let mut stream = stream(seed, "story");
    let kind = stream.weighted(&SHARES);
    let least: u64 = match kind {
        Kind::None => return None,
        Kind::OpenSlots => 0,
        Kind::CalmDeath
        | Kind::HandOvers
        | Kind::FreshVoter
        | Kind::StaleClaim
        | Kind::LostElection
        | Kind::Collision => 1,
        Kind::VoterRestarted | Kind::MissedHandOver => 2,
    };
    let (shards, replicas) = (stream.range(3..=5), stream.range(least..=3));
    // A failure is to be called without the one that was restarted.
    let shards = if kind == Kind::FreshVoter { 5 } else { shards };
    let replicas = overrides.replicas.map_or(replicas, u64::from);
    if replicas < least {
        return None;
    }
    (shape.shards, shape.replicas) = (overrides.shards.map_or(shards, u64::from), replicas);
    shape.spares = None;
    let timeout_ms = shape.node_timeout_ms.unwrap_or(DEFAULT_NODE_TIMEOUT_MS);
    let timeout_s = timeout_ms as f64 / 1000.0;
    let teller = Teller { stream, layout: shape.layout(), timeout_s };
    Some(teller.tell(kind))
}

/// Within how many seconds a replica goes to a primary that has none (`CLUSTER_REPLICA_MIGRATION_DELAY`), and is seen to.
const ORPHANED_S: f64 = 9.0;

/// How many keys there are where all of them are to be met.
const FEW_KEYS: u64 = 20;
/// The cells of such a workload, without their numbers: plain keys, tags that several keys share, and keys that expire.
const CELLS: [&str; 4] = ["key:", "str-", "txn-", "ttl:"];

/// Who tells a story.
struct Teller {
    stream: Stream,
    layout: Layout,
    timeout_s: f64,
}

impl Teller {
    fn tell(mut self, kind: Kind) -> Story {
        let (operations, chaos, last_s) = match kind {
            Kind::None => return Story::default(),
            Kind::CalmDeath => self.calm_death(),
            Kind::HandOvers => self.hand_overs(),
            Kind::VoterRestarted => self.voter_restarted(),
            Kind::FreshVoter => self.fresh_voter(),
            Kind::MissedHandOver => self.missed_hand_over(),
            Kind::StaleClaim => self.stale_claim(),
            Kind::LostElection => self.lost_election(),
            Kind::Collision => self.collision(),
            Kind::OpenSlots => self.open_slots(),
        };
        let written = |entries: Vec<Entry>| entries.into_iter().map(Entry::written).collect();
        // After the last event a failure has to be found out, and clients are to see what came of it.
        let works_s = (last_s + 2.0 * self.timeout_s + 6.0).ceil();
        let keys = (kind == Kind::OpenSlots).then_some(FEW_KEYS);
        Story { operations: written(operations), chaos: written(chaos), works_s, keys }
    }

    /// One death, or a second one once the first is replaced; in some, a replica lags behind the others at the first.
    fn calm_death(&mut self) -> Told {
        let (shard, at) = (self.shard(), self.stream.tenths(25..=60));
        let lags = self.layout.replicas > 1 && self.stream.chance(1, 2);
        let mut chaos = Vec::new();
        if lags {
            chaos.push(self.lag(shard, at));
        }
        chaos.push(self.death(shard, lags).with("at", at));
        let mut last = at;
        if self.stream.chance(1, 3) {
            let same = self.layout.replicas > 1 && self.stream.chance(1, 3);
            let other = if same { shard } else { self.other(shard) };
            last = tenth(at + self.timeout_s + self.stream.tenths(40..=90));
            chaos.push(self.death(other, false).with("at", last));
            // Whoever is left without a replica is to get one.
            last += if same { ORPHANED_S } else { 0.0 };
        }
        (Vec::new(), chaos, last)
    }

    fn hand_overs(&mut self) -> Told {
        let (first, count) = (self.shard().0, self.stream.range(1..=3));
        let mut last = 0.0;
        let hand_over = |n: u64| {
            let shard = ShardId((first + n as u16 - 1) % self.layout.shards + 1);
            let delay = self.stream.tenths(20..=60);
            last += delay + self.timeout_s;
            let nth = self.stream.range(1..=u64::from(self.layout.replicas)) as u16;
            let to = self.stream.chance(1, 2).then(|| self.node(shard, nth));
            failover(shard).maybe("node", to).with("timing", "delayed").with("delay", delay)
        };
        let operations = (0..count).map(hand_over).collect();
        let chaos = match self.stream.below(3) {
            0 => Vec::new(),
            1 => vec![self.slow_links(ShardId(first), last)],
            _ => vec![self.late_stream(ShardId(first))],
        };
        (operations, chaos, last)
    }

    /// What the primary of a shard executed before its first hand-over reaches its replicas later than the offset at which it stands.
    fn late_stream(&mut self, shard: ShardId) -> Entry {
        let cut = Entry::of("network_partition").with("a", vec![Value::from(self.node(shard, 0))]);
        let cut = cut.with("b", self.replicas(shard)).with("channels", vec![Value::from("replication")]);
        tied(cut.with("duration", self.stream.tenths(5..=15)), "before_operation", 0.3)
    }

    /// Whatever the primary of a shard sends takes long, from the beginning on.
    fn slow_links(&mut self, shard: ShardId, last: f64) -> Entry {
        let least = self.stream.range(5..=60);
        let latency = Entry::default().with("min", least).with("max", least * self.stream.range(2..=4));
        let slow = Entry::of("network_latency").with("target", "primary").with("shard", shard);
        slow.with("latency_ms", latency.written()).with("duration", last).with("at", 0.5)
    }

    fn voter_restarted(&mut self) -> Told {
        let (shard, at) = (self.shard(), self.stream.tenths(25..=50));
        let voter = self.node(self.other(shard), 0);
        let between = tenth(at + self.timeout_s + self.stream.tenths(40..=60));
        let last = tenth(between + self.stream.tenths(40..=70));
        let signal = self.stream.weighted(&[(1, "SIGKILL"), (1, "SIGTERM")]);
        let restart = Entry::of("process_kill").with("target", "node").with("node", voter);
        let restart = restart.with("signal", signal).with("restart_after", self.stream.tenths(1..=8));
        let restart = restart.with("at", between);
        let first = self.death(shard, false).with("at", at);
        let second = self.death(shard, false).with("at", last);
        (Vec::new(), vec![first, restart, second], last)
    }

    fn fresh_voter(&mut self) -> Told {
        let (shard, at) = (self.shard(), self.stream.tenths(25..=50));
        let doubted = Entry::default().with("log", "possibly failing");
        let restart =
            Entry::of("process_kill").with("target", "node").with("node", self.node(self.other(shard), 0));
        let restart =
            restart.with("restart_after", self.stream.tenths(1..=6)).with("when", doubted.written());
        let death = self.death(shard, false).with("at", at);
        (Vec::new(), vec![death, restart], at + 2.0 * self.timeout_s)
    }

    fn missed_hand_over(&mut self) -> Told {
        let (shard, delay) = (self.shard(), self.stream.tenths(30..=50));
        let (to, deaf) = (self.node(shard, 1), self.node(shard, 2));
        let operation = failover(shard).with("node", to).with("timing", "delayed").with("delay", delay);
        let cut = Entry::of("network_partition").with("a", vec![Value::from(deaf)]);
        let cut = cut.with("duration", self.stream.tenths(30..=120));
        let death = self.death(shard, false);
        let chaos = vec![tied(cut, "before_operation", 0.5), tied(death, "after_operation", 0.5)];
        (vec![operation], chaos, delay + self.timeout_s)
    }

    fn stale_claim(&mut self) -> Told {
        let (shard, at) = (self.shard(), self.stream.tenths(25..=50));
        let away = tenth(self.timeout_s + self.stream.tenths(40..=80));
        let lasts = tenth(away + self.stream.tenths(30..=80));
        let old = self.node(shard, 0);
        let death = Entry::of("process_kill").with("target", "node").with("node", old);
        let death = death.with("restart_after", away).with("at", at);
        let cut = Entry::of("network_partition").with("a", vec![Value::from(old)]);
        let cut = cut.with("b", self.replicas(shard)).with("channels", vec![Value::from("bus")]);
        let cut = cut.with("duration", lasts).with("at", tenth(at + 0.5));
        (Vec::new(), vec![death, cut], at + lasts)
    }

    fn lost_election(&mut self) -> Told {
        let (shard, at) = (self.shard(), self.stream.tenths(25..=50));
        let lasts = self.stream.tenths(20..=60);
        let starts = Entry::default().with("log", "Starting a failover election");
        let cut = Entry::of("network_partition").with("a", self.replicas(shard));
        let cut = cut.with("channels", vec![Value::from("bus")]).with("duration", lasts);
        let death = Entry::of("process_kill").with("target", "node").with("node", self.node(shard, 0));
        let chaos = vec![death.with("at", at), cut.with("when", starts.written())];
        (Vec::new(), chaos, at + 3.0 * self.timeout_s + lasts)
    }

    fn collision(&mut self) -> Told {
        let delay = self.stream.tenths(20..=60);
        let bump = |node| Entry::of("bumpepoch").with("node", node);
        // The highest epoch is not raised, and the first shards have the lowest ones.
        let first = bump(self.node(ShardId(1), 0)).with("timing", "delayed").with("delay", delay);
        let second = bump(self.node(ShardId(2), 0)).with("timing", "parallel");
        // Neither is to hear of the other's before it has its own.
        let cut = Entry::of("network_partition").with("a", vec![Value::from(self.node(ShardId(1), 0))]);
        let cut = cut.with("channels", vec![Value::from("bus")]).with("duration", self.stream.tenths(8..=12));
        (vec![first, second], vec![tied(cut, "before_operation", 0.3)], delay)
    }

    /// A few slots of keys that clients use move one after the other, each standing open for a while.
    fn open_slots(&mut self) -> Told {
        let (from, delay) = (self.shard(), self.stream.tenths(20..=50));
        let (mut slots, open_for) = (Vec::new(), self.stream.tenths(8..=20));
        let mut cells = self.cells_of(from);
        for _ in 0..self.stream.range(1..=3).min(cells.len() as u64) {
            let nth = self.stream.below(cells.len() as u64) as usize;
            slots.push(cells.swap_remove(nth));
        }
        let ranges: Vec<(u16, u16)> = slots.iter().map(|slot| (*slot, *slot)).collect();
        let moves = Entry::of("reshard").with("from", from).with("to", self.other(from));
        let moves = moves.with("slots", slots_value(&ranges)).with("method", "legacy");
        let moves = moves.with("open_for", open_for).with("timing", "delayed").with("delay", delay);
        (vec![moves], Vec::new(), delay + slots.len() as f64 * (2.0 * open_for + 1.0))
    }

    /// The slots of a shard that hold what clients use.
    fn cells_of(&self, shard: ShardId) -> Vec<u16> {
        let names = CELLS.iter().flat_map(|cell| (0..FEW_KEYS).map(move |n| format!("{cell}{n}")));
        let slots: BTreeSet<u16> = names.map(|name| key_slot(name.as_bytes())).collect();
        slots.into_iter().filter(|slot| self.layout.shard_of_slot(*slot) == shard).collect()
    }

    /// The primary of a shard dies by itself or with its machine; with what its links held if `silent`.
    fn death(&mut self, shard: ShardId, silent: bool) -> Entry {
        let kinds = [(if silent { 0 } else { 2 }, "process_kill"), (1, "machine_loss")];
        let death = Entry::of(self.stream.weighted(&kinds)).with("target", "primary").with("shard", shard);
        let stays = self.stream.chance(1, 4);
        let away = tenth(self.timeout_s + self.stream.tenths(50..=120));
        death.maybe("restart_after", (!stays).then_some(away))
    }

    /// A replica's link to its primary is cut until just before the primary dies.
    fn lag(&mut self, shard: ShardId, death: f64) -> Entry {
        let nth = self.stream.range(1..=u64::from(self.layout.replicas)) as u16;
        let begin = self.stream.tenths(5..=15);
        let cut = Entry::of("network_partition").with("a", vec![Value::from(self.node(shard, nth))]);
        let cut = cut.with("b", vec![Value::from(self.node(shard, 0))]);
        let cut = cut.with("channels", vec![Value::from("replication")]);
        cut.with("duration", begin + 0.1).with("at", tenth(death - begin))
    }

    fn shard(&mut self) -> ShardId {
        ShardId(self.stream.range(1..=u64::from(self.layout.shards)) as u16)
    }

    fn other(&self, shard: ShardId) -> ShardId {
        ShardId(shard.0 % self.layout.shards + 1)
    }

    /// The replicas of a shard as it was laid out.
    fn replicas(&self, shard: ShardId) -> Vec<Value> {
        (1..=self.layout.replicas).map(|nth| Value::from(self.node(shard, nth))).collect()
    }

    /// A node of a shard as it was laid out: its primary, then its replicas.
    fn node(&self, shard: ShardId, place: u16) -> NodeId {
        NodeId(self.layout.first_primary(shard).0 + place)
    }
}

/// Operations, faults, and when the last of them comes, in seconds.
type Told = (Vec<Entry>, Vec<Entry>, f64);

fn failover(shard: ShardId) -> Entry {
    Entry::of("failover").with("target", "primary").with("shard", shard)
}

/// A fault that is tied to the first operation.
fn tied(fault: Entry, coordination: &str, delay: f64) -> Entry {
    fault.with("coordination", coordination).with("operation", 1_u64).with("delay", delay)
}

/// Seconds, in whole tenths.
fn tenth(seconds: f64) -> f64 {
    (seconds * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::resolve::resolve;
    use crate::plan::{Plan, generate};

    /// The plans of seeds that tell a story.
    fn told(seeds: std::ops::Range<u64>) -> Vec<(Kind, Plan)> {
        let kind = |seed: u64| stream(seed, "story").weighted(&SHARES);
        let stories = seeds.filter(|seed| kind(*seed) != Kind::None);
        let plan = |seed| resolve(&generate(seed, Overrides::default()), None).expect("a story is a plan");
        stories.map(|seed| (kind(seed), plan(seed))).collect()
    }

    #[test]
    fn each_story_is_told_by_its_share_of_the_seeds() {
        let told = told(0..1_000);
        for (share, kind) in SHARES.into_iter().filter(|(_, kind)| *kind != Kind::None) {
            let count = told.iter().filter(|(other, _)| *other == kind).count() as u64;
            assert!((share * 5..share * 15).contains(&count), "{kind:?}: {count} in a thousand");
        }
    }

    #[test]
    fn a_calm_death_is_all_that_happens_and_clients_see_its_end() {
        for (kind, plan) in told(0..300) {
            let deaths = plan.faults.iter().filter(|fault| fault.action.ends_process().is_some()).count();
            if kind == Kind::CalmDeath {
                assert!(plan.operations.is_empty() && (1..=2).contains(&deaths), "{plan:?}");
                let lags = plan.faults.len() - deaths;
                assert!(lags == 0 || lags == 1 && plan.cluster.replicas > 1, "{plan:?}");
            }
            let latest = plan.faults.iter().map(|fault| fault.trigger.longest_ns()).max();
            let workload = plan.workload.expect("clients work");
            assert!(latest.is_none_or(|latest| latest < workload.duration_ns), "{kind:?}");
        }
    }

    #[test]
    fn a_cluster_without_replicas_tells_no_story() {
        let bare = Overrides { shards: None, replicas: Some(0) };
        for seed in 0..50 {
            let plan = resolve(&generate(seed, bare), None).expect("a plan");
            assert!(!plan.operations.is_empty());
        }
    }
}
