//! Stories: generated scenarios in which one thing happens to a cluster that is otherwise left alone.
//!
//! Faults that are drawn apart nearly always overlap, and then whatever bounds an election or a hand-over has an excuse. Half
//! of all seeds tell a story instead: few events, in an order and at a distance at which each matters to the next.

mod elections;
mod slots;
#[cfg(test)]
mod tests;

use super::{Shape, later, stream};
use crate::id::{NodeId, ShardId};
use crate::language::{Entry, Layout, Value};
use crate::plan::Overrides;
use crate::plan::resolve::DEFAULT_NODE_TIMEOUT_MS;
use crate::rng::Stream;
use crate::scenario::{Intensity, LatencyMs};

/// What happens in a story.
#[derive(Debug, Default)]
pub(super) struct Story {
    pub operations: Vec<Value>,
    pub chaos: Vec<Value>,
    /// Seconds that clients have to work at least, so that they see its end.
    pub works_s: f64,
    /// How many keys clients use, if the story is about these.
    pub keys: Option<u64>,
    /// What clients say, if the story is about that.
    pub mix: &'static [(&'static str, u64)],
    /// How much they say.
    pub intensity: Option<Intensity>,
    /// How many of them there are.
    pub clients: Option<u64>,
    /// The latency of links.
    pub latency_ms: Option<LatencyMs>,
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
    /// All slots that clients use in a shard move while they write.
    BusyMove,
    /// Slots of channels move.
    Channels,
    /// Votes, or what they are asked for with, are late by an election.
    LateVotes,
    /// A shard is left without replicas.
    Orphan,
    /// Two replicas of one primary take over without a vote, while they do not hear of each other.
    TwoTakeovers,
}

const SHARES: [(u64, Kind); 15] = [
    (5, Kind::OpenSlots),
    (3, Kind::BusyMove),
    (2, Kind::Channels),
    (4, Kind::LateVotes),
    (3, Kind::Orphan),
    (2, Kind::FreshVoter),
    (33, Kind::None),
    (2, Kind::TwoTakeovers),
    (16, Kind::CalmDeath),
    (16, Kind::HandOvers),
    (3, Kind::VoterRestarted),
    (3, Kind::MissedHandOver),
    (4, Kind::StaleClaim),
    (4, Kind::LostElection),
    (2, Kind::Collision),
];

/// The story of a seed, if it tells one and its cluster can be made large enough; the cluster is made so.
pub(super) fn draw(seed: u64, overrides: &Overrides, shape: &mut Shape) -> Option<Story> {
    let mut stream = stream(seed, "story");
    let kind = stream.weighted(&SHARES);
    let least: u64 = match kind {
        Kind::None => return None,
        Kind::OpenSlots | Kind::BusyMove | Kind::Channels => 0,
        Kind::CalmDeath
        | Kind::HandOvers
        | Kind::FreshVoter
        | Kind::StaleClaim
        | Kind::LostElection
        | Kind::LateVotes
        | Kind::Collision => 1,
        Kind::VoterRestarted | Kind::MissedHandOver | Kind::Orphan | Kind::TwoTakeovers => 2,
    };
    let (shards, replicas) = (stream.range(3..=5), stream.range(least..=3));
    // A failure is to be called without the one that was restarted.
    let shards = if kind == Kind::FreshVoter { 5 } else { shards };
    // Those that are left are as many as a barrier may keep.
    let replicas = if kind == Kind::Orphan { 2 } else { replicas };
    let replicas = overrides.replicas.map_or(replicas, u64::from);
    if replicas < least {
        return None;
    }
    (shape.shards, shape.replicas) = (overrides.shards.map_or(shards, u64::from), replicas);
    shape.spares = None;
    suit(kind, &mut stream, shape);
    let timeout_ms = shape.node_timeout_ms.unwrap_or(DEFAULT_NODE_TIMEOUT_MS);
    let timeout_s = timeout_ms as f64 / 1000.0;
    let teller = Teller { stream, layout: shape.layout(), timeout_s };
    Some(teller.tell(kind))
}

/// Makes the cluster one in which a story comes to its end, or ends one way or the other.
fn suit(kind: Kind, stream: &mut Stream, shape: &mut Shape) {
    match kind {
        // An election lasts four node timeouts.
        Kind::LateVotes => shape.node_timeout_ms = stream.pick(&[1_000, 2_000]).copied(),
        Kind::Orphan => {
            let barrier = ("cluster-migration-barrier", "2");
            let forbids = ("cluster-allow-replica-migration", "no");
            let set = stream.weighted(&[(2, None), (2, Some(barrier)), (1, Some(forbids))]);
            shape.config.extend(set.map(|(name, value)| (name.to_owned(), value.to_owned())));
        }
        _ => {}
    }
}

/// Within how many seconds a replica goes to a primary that has none (`CLUSTER_REPLICA_MIGRATION_DELAY`), and is seen to.
const ORPHANED_S: f64 = 9.0;

/// How many keys there are where all of them are to be met.
const FEW_KEYS: u64 = 20;
/// What is said of these keys, also of several at once, and of some that expire.
const ALL_OF_THEM: &[(&str, u64)] = &[("plain", 4), ("strings", 2), ("transactions", 2), ("expiry", 3)];
/// What is said where channels are used.
const MESSAGES: &[(&str, u64)] = &[("channels", 3), ("plain", 1)];

/// What clients say in a story, where it is about that.
fn said_in(kind: Kind) -> Story {
    let of_few_keys = Story {
        keys: Some(FEW_KEYS),
        mix: ALL_OF_THEM,
        intensity: Some(Intensity::Medium),
        ..Story::default()
    };
    match kind {
        Kind::OpenSlots => of_few_keys,
        // What clients write is to come between the steps of the move.
        Kind::BusyMove => {
            Story { clients: Some(16), latency_ms: Some(LatencyMs { min: 20.0, max: 40.0 }), ..of_few_keys }
        }
        Kind::Channels => Story { mix: MESSAGES, intensity: Some(Intensity::Low), ..Story::default() },
        _ => Story::default(),
    }
}

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
            Kind::OpenSlots if self.stream.chance(1, 4) => self.changed_mind(),
            Kind::OpenSlots => self.open_slots(),
            Kind::BusyMove => self.busy_move(),
            Kind::Channels => self.channels(),
            Kind::LateVotes => self.late_votes(),
            Kind::Orphan => self.orphan(),
            Kind::TwoTakeovers => self.two_takeovers(),
        };
        let written = |entries: Vec<Entry>| entries.into_iter().map(Entry::written).collect();
        // After the last event a failure has to be found out, and clients are to see what came of it.
        let works_s = (last_s + 2.0 * self.timeout_s + 6.0).ceil();
        let (operations, chaos) = (written(operations), written(chaos));
        Story { operations, chaos, works_s, ..said_in(kind) }
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
            later(failover(shard).maybe("node", to), delay)
        };
        let operations = (0..count).map(hand_over).collect();
        let chaos = match self.stream.below(7) {
            0 | 1 => Vec::new(),
            2 | 3 => vec![self.slow_links(ShardId(first), last)],
            4 | 5 => vec![self.late_stream(ShardId(first))],
            _ => vec![self.lost_votes()],
        };
        (operations, chaos, last)
    }

    /// What the primary of a shard executed before its first hand-over reaches its replicas later than the offset at which it stands.
    fn late_stream(&mut self, shard: ShardId) -> Entry {
        let cut = Entry::of("network_partition").with("a", vec![Value::from(self.node(shard, 0))]);
        let cut = cut.with("b", self.replicas(shard)).with("channels", vec![Value::from("replication")]);
        tied(cut.with("duration", self.stream.tenths(5..=15)), "before_operation", 0.3)
    }

    /// Nobody's vote for the first hand-over arrives, and its time runs out.
    fn lost_votes(&mut self) -> Entry {
        let rule = Entry::of("bus_messages").with("do", "drop");
        let rule = rule.with("types", vec![Value::from("failover_auth_ack")]);
        tied(rule.with("duration", self.stream.tenths(60..=80)), "before_operation", 0.3)
    }

    /// Whatever the primary of a shard sends takes long, from the beginning on.
    fn slow_links(&mut self, shard: ShardId, last: f64) -> Entry {
        let least = self.stream.range(5..=60);
        let latency = Entry::default().with("min", least).with("max", least * self.stream.range(2..=4));
        let slow = Entry::of("network_latency").with("target", "primary").with("shard", shard);
        slow.with("latency_ms", latency.written()).with("duration", last).with("at", 0.5)
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

    fn collision(&mut self) -> Told {
        let delay = self.stream.tenths(20..=60);
        let bump = |node| Entry::of("bumpepoch").with("node", node);
        // The highest epoch is not raised, and the first shards have the lowest ones.
        let first = later(bump(self.node(ShardId(1), 0)), delay);
        let second = bump(self.node(ShardId(2), 0)).with("timing", "parallel");
        // Neither is to hear of the other's before it has its own.
        let cut = Entry::of("network_partition").with("a", vec![Value::from(self.node(ShardId(1), 0))]);
        let cut = cut.with("channels", vec![Value::from("bus")]).with("duration", self.stream.tenths(8..=12));
        (vec![first, second], vec![tied(cut, "before_operation", 0.3)], delay)
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
