//! What a cell may hold when a reign begins: what its node had of the reign before, by the offsets that it had executed.
//!
//! A write of which it is known where it stands in the stream is in or out. Of another one only this is known: it came behind
//! everything that was sent before its turn. Where a process was started again, its disk may have given anything back that
//! the cell ever held in its lineage, but for what surely stood there.

use std::collections::{BTreeMap, BTreeSet};

use super::Evidence;
use super::ask::Ask;
use super::track::{Place, States, Track};
use crate::chronicle::replication::{Begin, Copied, Cut, Extent, ReignId, Replication};
use crate::id::NodeId;
use crate::invariant::loss::{Survived, survived};
use crate::time::SimTime;

/// The reigns of a run, with what is known of where clients' writes stand in their streams.
pub(super) struct Reigns<'e> {
    pub evidence: &'e Evidence,
    pub replication: &'e Replication,
    by_digest: BTreeMap<ReignId, ByDigest>,
    /// For each reign up to where its stream had been sent by which event; both grow.
    streamed: BTreeMap<ReignId, Vec<(u64, u64)>>,
    /// For each reign that began with a restart what is known of that.
    survived: BTreeMap<ReignId, Survived>,
}

/// The commands of a reign: their digests with the offsets behind them, in order.
struct ByDigest {
    commands: Vec<(u64, u64)>,
    /// For the first bits of a digest where its commands begin; as many as make a few commands each.
    begins: Vec<usize>,
    bits: u32,
}

impl ByDigest {
    fn of(mut commands: Vec<(u64, u64)>) -> Self {
        commands.sort_unstable();
        let bits = commands.len().max(2).ilog2();
        let mut begins = vec![0; (1 << bits) + 1];
        for (digest, _) in &commands {
            begins[first_bits(*digest, bits) + 1] += 1;
        }
        for place in 1..begins.len() {
            begins[place] += begins[place - 1];
        }
        ByDigest { commands, begins, bits }
    }

    /// The first offset beyond another one behind which a command of this digest stands.
    fn next(&self, digest: u64, after: u64) -> Option<u64> {
        let place = first_bits(digest, self.bits);
        let alike = &self.commands[self.begins[place]..self.begins[place + 1]];
        let (of, end) = alike.get(alike.partition_point(|command| *command <= (digest, after)))?;
        (*of == digest).then_some(*end)
    }
}

fn first_bits(digest: u64, bits: u32) -> usize {
    (digest >> (u64::BITS - bits)) as usize
}

impl<'e> Reigns<'e> {
    /// Those of a run.
    pub fn of(evidence: &'e Evidence) -> Self {
        let replication = &evidence.chronicle.replication;
        let mut reigns = Reigns {
            evidence,
            replication,
            by_digest: BTreeMap::new(),
            streamed: BTreeMap::new(),
            survived: BTreeMap::new(),
        };
        for (id, reign) in replication.reigns() {
            let commands = reign.commands().iter().map(|command| (command.digest, command.end));
            reigns.by_digest.insert(id, ByDigest::of(commands.collect()));
            reigns.streamed.insert(id, reigns.sent(id));
            reigns.survived.extend(survived(evidence, reign).map(|survived| (id, survived)));
        }
        reigns
    }

    /// Up to where a reign's stream had been sent, turn by turn.
    fn sent(&self, id: ReignId) -> Vec<(u64, u64)> {
        let reign = self.replication.reign(id);
        let next = self.replication.reigns().find(|(later, other)| *later > id && other.node == reign.node);
        let end = next.map_or(SimTime::NEVER, |(_, next)| next.began_at);
        let all = self.evidence.chronicle.executions.streamed(reign.node).iter();
        let mut most = 0;
        let its = all.filter(|(turn, _)| (reign.began_at..end).contains(&turn.at)).map(|(turn, to)| {
            most = most.max(*to);
            (turn.event, most)
        });
        its.collect()
    }

    /// The last reign of a node.
    pub fn last_of(&self, node: NodeId) -> Option<ReignId> {
        self.replication.reigns().rfind(|(_, reign)| reign.node == node).map(|(id, _)| id)
    }

    /// Where operations that nobody can tell apart in time stand in their reign's stream: behind the least, up to the last.
    pub fn place_of(&self, asks: &[&Ask], reign: ReignId, floor: u64) -> Place {
        if let [ask] = asks {
            return self.place(ask, reign, floor);
        }
        let places = asks.iter().map(|ask| self.place(ask, reign, floor)).collect::<Vec<_>>();
        let upto = places.iter().map(|place| place.upto).collect::<Option<Vec<_>>>();
        // Two that look alike would be taken for the same command.
        let is_told_apart =
            upto.as_ref().is_some_and(|all| all.iter().collect::<BTreeSet<_>>().len() == all.len());
        Place {
            after: places.iter().map(|place| place.after).min().unwrap_or(0),
            upto: upto.filter(|_| is_told_apart).and_then(|all| all.into_iter().max()),
        }
    }

    /// Where a write stands in its reign's stream, which is behind an offset that is known.
    pub fn place(&self, ask: &Ask, reign: ReignId, floor: u64) -> Place {
        let streamed = &self.streamed[&reign];
        let before = streamed.partition_point(|(event, _)| *event < ask.from.event);
        let after = before.checked_sub(1).map_or(0, |last| streamed[last].1).max(floor);
        let upto = ask.digest.and_then(|digest| self.by_digest[&reign].next(digest, after));
        // What was executed before a data set was begun is in it, and stands at no higher offset.
        let ended_at = ask.to.map_or(SimTime::NEVER, |to| to.at);
        let snapshots = self.replication.reign(reign).snapshots.iter();
        let bound = snapshots.filter(|(since, _)| ended_at < *since).map(|(_, offset)| *offset).min();
        Place { after, upto: upto.filter(|upto| bound.is_none_or(|bound| *upto <= bound)) }
    }

    /// What a cell may hold when a reign begins, by its tracks so far; nothing if nobody knows.
    pub fn start(&self, id: ReignId, tracks: &BTreeMap<ReignId, Track>) -> States {
        match self.replication.reign(id).by {
            Begin::Start { before: None } => States::empty(),
            Begin::Start { before: Some(cut) } => {
                let kept = self.restarted(id, cut, tracks);
                kept.unwrap_or_else(|| self.ever(cut.of, tracks).or(States::empty()))
            }
            Begin::Takeover(cut) => self.cut(cut, tracks),
        }
    }

    /// What a cell may hold in a process that was started again, if it has for sure what the one before did to it.
    fn restarted(&self, id: ReignId, cut: Cut, tracks: &BTreeMap<ReignId, Track>) -> Option<States> {
        let (reign, before) = (self.replication.reign(id), self.replication.reign(cut.of));
        let is_own = reign.node == before.node && matches!(cut.extent, Extent::Until(_));
        let survived = self.survived.get(&id).filter(|_| is_own)?;
        tracks.get(&cut.of)?.survivors(*survived)
    }

    /// What a cell held at some time in a reign, or in those that it grew out of.
    fn ever(&self, id: ReignId, tracks: &BTreeMap<ReignId, Track>) -> States {
        let own = tracks.get(&id).map_or(States::none(), Track::ever);
        let parent = self.replication.reign(id).parent();
        parent.into_iter().fold(own.or(States::empty()), |states, cut| states.or(self.ever(cut.of, tracks)))
    }

    /// What a cell may hold by so much of a reign.
    pub fn cut(&self, cut: Cut, tracks: &BTreeMap<ReignId, Track>) -> States {
        let own = match tracks.get(&cut.of) {
            Some(track) => track.within(cut.extent),
            None => self.start(cut.of, tracks),
        };
        // Offsets go on through a takeover: a replica may have less of the reign before than the one that took over.
        match (&self.replication.reign(cut.of).by, cut.extent) {
            (Begin::Takeover(Cut { of, extent: Extent::Copied(had) }), Extent::Copied(copied))
                if copied.low < had.high =>
            {
                let high = copied.high.min(had.high);
                let part = Cut { of: *of, extent: Extent::Copied(Copied { high, ..copied }) };
                own.or(self.cut(part, tracks))
            }
            _ => own,
        }
    }
}
