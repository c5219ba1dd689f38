//! Faults that belong together: the second comes a drawn while after the first, or with what the first brings about.
//!
//! Single faults that are drawn apart seldom meet in the few seconds in which one makes the other matter. Each unit here is
//! known to have broken a cluster somewhere; the generator draws it as a whole.

use super::{Target, trigger};
use crate::id::{NodeId, ShardId};
use crate::language::{Entry, Layout, Value};
use crate::rng::Stream;

/// What a unit is drawn for.
pub(super) struct Draw<'d> {
    /// The unit's own stream.
    pub stream: &'d mut Stream,
    /// The cluster.
    pub layout: Layout,
    /// Of each operation, whether it is a failover.
    pub failovers: &'d [bool],
    /// The number that its first fault gets.
    pub first: u64,
}

/// Draws a unit: its faults, in the order in which they are numbered; none if the cluster has no room for what is drawn.
pub(super) fn draw(mut draw: Draw) -> Vec<Value> {
    let shard = ShardId(draw.stream.range(1..=u64::from(draw.layout.shards)) as u16);
    let entries = match draw.stream.below(7) {
        _ if draw.layout.replicas == 0 => Vec::new(),
        0 => replica_cut_off_then_primary_lost(&mut draw, shard),
        1 => replicas_slow_at_an_election(&mut draw, shard),
        2 => successor_cut_from_the_old_primary(&mut draw, shard),
        3 => graceful_stop_while_replication_is_cut(&mut draw, shard),
        4 if draw.layout.replicas > 1 => replica_misses_a_takeover(&mut draw, shard),
        5 => votes_withheld(&mut draw, shard),
        _ => one_primary_loses_sight_of_another(&mut draw, shard),
    };
    entries.into_iter().map(Entry::written).collect()
}

impl Draw<'_> {
    /// When the first fault fires.
    fn begin(&mut self) -> Entry {
        trigger::draw(self.stream, self.failovers)
    }

    /// So long after the first fault fired, up to so many milliseconds.
    fn after_first(&mut self, most_ms: u64) -> Entry {
        self.when(Entry::default().with("fault", self.first).with("fired", true), most_ms)
    }

    fn when(&mut self, cue: Entry, most_ms: u64) -> Entry {
        let gap = self.stream.range(0..=most_ms) as f64 / 1000.0;
        Entry::default().with("when", cue.written()).with("delay", gap)
    }

    fn lasts(&mut self, tenths: std::ops::RangeInclusive<u64>) -> f64 {
        self.stream.tenths(tenths)
    }

    /// A node of the shard as it was laid out: its primary, then its replicas.
    fn node(&self, shard: ShardId, place: u16) -> NodeId {
        NodeId(self.layout.first_primary(shard).0 + place)
    }

    /// The first primary of another shard.
    fn other_primary(&self, shard: ShardId) -> NodeId {
        self.layout.first_primary(ShardId(shard.0 % self.layout.shards + 1))
    }

    /// The primary's process or its machine, and its return.
    fn loss(&mut self, target: Target) -> Entry {
        let kind = if self.stream.chance(1, 2) { "process_kill" } else { "machine_loss" };
        let restart_after = self.lasts(10..=150);
        Entry::of(kind).and(target.write()).with("restart_after", restart_after)
    }
}

fn replica_cut_off_then_primary_lost(draw: &mut Draw, shard: ShardId) -> Vec<Entry> {
    let cut = Entry::of("network_partition").and(Target::Replica(shard, 0).write());
    let cut = cut.with("duration", draw.lasts(20..=120)).and(draw.begin());
    let loss = draw.loss(Target::Primary(shard)).and(draw.after_first(4_000));
    vec![cut, loss]
}

fn replicas_slow_at_an_election(draw: &mut Draw, shard: ShardId) -> Vec<Entry> {
    let loss = draw.loss(Target::Primary(shard)).and(draw.begin());
    let slow = |draw: &mut Draw, nth: u16| {
        let latency = draw.stream.weighted(&[(1, (100.0, 400.0)), (1, (400.0, 1200.0))]);
        let slow = Entry::of("network_latency").with("node", draw.node(shard, 1 + nth));
        let slow =
            slow.with("latency_ms", super::latency_value(latency)).with("duration", draw.lasts(50..=120));
        slow.and(draw.after_first(500))
    };
    let slow: Vec<Entry> = (0..draw.layout.replicas.min(2)).map(|nth| slow(draw, nth)).collect();
    std::iter::once(loss).chain(slow).collect()
}

fn successor_cut_from_the_old_primary(draw: &mut Draw, shard: ShardId) -> Vec<Entry> {
    let (old, successor) = (draw.node(shard, 0), draw.node(shard, 1));
    let pause =
        Entry::of("process_pause").with("node", old).with("duration", draw.lasts(60..=120)).and(draw.begin());
    let cut = Entry::of("network_partition")
        .with("a", vec![Value::from(successor)])
        .with("b", vec![Value::from(old)]);
    let cue = Entry::default().with("becomes", "primary").with("node", successor);
    let cut = cut.with("duration", draw.lasts(50..=200)).and(draw.when(cue, 500));
    vec![pause, cut]
}

fn graceful_stop_while_replication_is_cut(draw: &mut Draw, shard: ShardId) -> Vec<Entry> {
    let cut = Entry::of("network_partition").and(Target::Primary(shard).write());
    let cut = cut.with("channels", vec![Value::from("replication")]).with("duration", draw.lasts(40..=150));
    let cut = cut.and(draw.begin());
    let stop = Entry::of("process_kill").with("signal", "SIGTERM").and(Target::Primary(shard).write());
    let stop = stop.with("restart_after", draw.lasts(10..=100)).and(draw.after_first(3_000));
    vec![cut, stop]
}

fn replica_misses_a_takeover(draw: &mut Draw, shard: ShardId) -> Vec<Entry> {
    let cut = Entry::of("network_partition").with("a", vec![Value::from(draw.node(shard, 2))]);
    let cut = cut.with("duration", draw.lasts(80..=150)).and(draw.begin());
    let loss = draw.loss(Target::Primary(shard)).and(draw.after_first(1_000));
    let cue = Entry::default().with("fault", draw.first).with("healed", true);
    let again = draw.loss(Target::Primary(shard)).and(draw.when(cue, 1_000));
    vec![cut, loss, again]
}

fn votes_withheld(draw: &mut Draw, shard: ShardId) -> Vec<Entry> {
    let loss = draw.loss(Target::Primary(shard)).and(draw.begin());
    let jam = Entry::of("network_jam").with("a", vec![Value::from(draw.other_primary(shard))]);
    let jam = jam.with("b", vec![Value::from(draw.node(shard, 1))]).with("direction", "one_way");
    let jam = jam.with("channels", vec![Value::from("bus")]).with("duration", draw.lasts(10..=60));
    let cue = Entry::default().with("bus", "failover_auth_request").with("from", draw.node(shard, 1));
    vec![loss, jam.and(draw.when(cue, 0))]
}

fn one_primary_loses_sight_of_another(draw: &mut Draw, shard: ShardId) -> Vec<Entry> {
    let direction = draw.stream.weighted(&[(1, None), (1, Some("one_way"))]);
    let cut = Entry::of("network_partition").with("a", vec![Value::from(draw.node(shard, 0))]);
    let cut = cut.with("b", vec![Value::from(draw.other_primary(shard))]).maybe("direction", direction);
    let cut = cut.with("channels", vec![Value::from("bus")]).with("duration", draw.lasts(50..=200));
    vec![cut.and(draw.begin())]
}
