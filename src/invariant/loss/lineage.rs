//! Whether a missing acknowledged write was lost lawfully, by where the data that survived came from.
//!
//! The survivor's data are a chain of reigns ([`Replication`]): each grew out of what its node had of the one before when it
//! took over, or got back from its disk. A write stands in one reign at one offset. If that is a part of the chain, the
//! survivor had it, and nothing excuses its loss. If not, there is one link of the chain that left it out, and that one
//! is asked:
//!
//! - **A takeover that was not coordinated** leaves out lawfully what its node had not executed.
//! - **A takeover with another shard's data** leaves out nothing lawfully: who copied nothing of a shard may not lead it.
//! - **A coordinated handover** leaves out nothing that was acknowledged before it.
//! - **What an old primary acknowledges after a takeover** is lost lawfully only as long as it could not know better: until
//!   it read a message of the new primary's, and not while it had heard nothing of a majority for so long that the
//!   server itself stops.
//! - **A restart** leaves out what the disk lawfully does not have.
//!
//! A write that no replica was sent stands nowhere; it was executed between its invocation and its completion. Each bound
//! is compared with the end that cannot accuse the server wrongly.

use std::cell::OnceCell;

use super::super::evidence::{Evidence, PrimaryChange};
use super::super::layout::shard_served;
use super::windows::{exit_before, kept};
use crate::chronicle::replication::{Begin, Copied, Cut, Extent, Reign, ReignId, Replication};
use crate::history::{Entry, Request, write_digest};
use crate::id::NodeId;
use crate::model::key_at;
use crate::time::SimTime;
use crate::wire::resp::key_slot;

/// What is to be said of a missing write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// It was lost lawfully, and why.
    Excused(String),
    /// It must be there, and why.
    Owed(String),
    /// Nobody can say.
    Unknown,
}

impl Ruling {
    /// How much it says against the server.
    fn severity(&self) -> u8 {
        match self {
            Ruling::Excused(_) => 0,
            Ruling::Unknown => 1,
            Ruling::Owed(_) => 2,
        }
    }
}

/// The lineages of a run.
pub(in super::super) struct Lineage<'e> {
    evidence: &'e Evidence,
    replication: &'e Replication,
    /// Every command of every stream, by its digest.
    index: OnceCell<Vec<(u64, ReignId, u64)>>,
}

/// Where a write stands: its reign, and its offset if any replica was sent it.
#[derive(Clone, Copy)]
struct Place {
    reign: ReignId,
    offset: Option<u64>,
}

/// Whether something is in a part of a history.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Yes,
    No,
    Maybe,
}

impl<'e> Lineage<'e> {
    /// Those of a run.
    pub fn of(evidence: &'e Evidence) -> Self {
        Lineage { evidence, replication: &evidence.chronicle.replication, index: OnceCell::new() }
    }

    /// What is to be said of an acknowledged write that the owner of its slot does not have in the end.
    pub fn of_write(&self, write: &Entry, owner: NodeId) -> Ruling {
        let slot = key_slot(write.request.key().as_bytes());
        // Slots that moved take their keys along by other ways than a stream.
        if !self.replication.is_told() || self.evidence.moved.contains_key(&slot) {
            return Ruling::Unknown;
        }
        let Some(data) = self.replication.data_of(owner, self.evidence.ended_at) else {
            return Ruling::Unknown;
        };
        let chain = self.chain(data);
        let rulings = self.places(write).into_iter().map(|place| self.along(&chain, place, write));
        // Where it may stand in several places, the one counts that cannot accuse the server wrongly.
        rulings.min_by_key(Ruling::severity).unwrap_or(Ruling::Unknown)
    }

    /// What is to be said of an acknowledged write whose slot nobody owns in the end: what is to be said of it by the data of
    /// each member of its shard that lives, the strictest of it.
    pub fn of_orphan(&self, write: &Entry) -> Ruling {
        let shard = self.evidence.shard_of_slot(key_slot(write.request.key().as_bytes()));
        let members = self.evidence.live().filter(|node| shard_served(self.evidence, node) == shard);
        let rulings = members.map(|node| self.of_write(write, node.node));
        let known = rulings.filter(|ruling| *ruling != Ruling::Unknown);
        known.max_by_key(Ruling::severity).unwrap_or(Ruling::Unknown)
    }

    /// Whether a node had an acknowledged write at an instant, and went on with the same data until another one.
    pub fn surely_had(&self, write: &Entry, node: NodeId, [from, to]: [SimTime; 2]) -> bool {
        let slot = key_slot(write.request.key().as_bytes());
        let last = self.replication.reigns().rfind(|(_, reign)| reign.node == node && reign.began_at <= to);
        let Some((of, _)) = last.filter(|(_, reign)| reign.began_at <= from) else {
            return false;
        };
        let chain = self.chain(Cut { of, extent: Extent::Until(from) });
        let has = |place: &Place| {
            chain.iter().any(|cut| cut.of == place.reign && within(cut.extent, *place, write) == Within::Yes)
        };
        let places = self.places(write);
        !self.evidence.moved.contains_key(&slot) && !places.is_empty() && places.iter().all(has)
    }

    /// Where a write stands, or can.
    fn places(&self, write: &Entry) -> Vec<Place> {
        let Request::Set { key, value } = &write.request else {
            return Vec::new();
        };
        let digest = write_digest(key_at(key).as_bytes(), value.as_bytes());
        let index = self.index.get_or_init(|| self.commands());
        let alike = &index[index.partition_point(|(d, ..)| *d < digest)..];
        let mut alike = alike.iter().take_while(|(d, ..)| *d == digest);
        let is_its =
            |(_, reign, _): &&(u64, ReignId, u64)| Some(self.replication.reign(*reign).node) == write.node;
        match alike.find(is_its) {
            Some((_, reign, offset)) => vec![Place { reign: *reign, offset: Some(*offset) }],
            None => self.unsent(write),
        }
    }

    fn commands(&self) -> Vec<(u64, ReignId, u64)> {
        let reigns = self.replication.reigns();
        let all = reigns.flat_map(|(id, reign)| reign.commands().iter().map(move |c| (c.digest, id, c.end)));
        let mut all = all.collect::<Vec<_>>();
        all.sort_unstable();
        all
    }

    /// A write that no replica was sent stands in the reign that its node had when it executed it.
    fn unsent(&self, write: &Entry) -> Vec<Place> {
        let (Some(node), Some(completed)) = (write.node, write.completed_at) else {
            return Vec::new();
        };
        let its = self.replication.reigns().filter(|(_, r)| r.node == node && r.began_at <= completed);
        let its = its.collect::<Vec<_>>();
        let first = its.partition_point(|(_, reign)| reign.began_at <= write.invoked_at).saturating_sub(1);
        its[first..].iter().map(|(reign, _)| Place { reign: *reign, offset: None }).collect()
    }

    /// The reigns that data grew out of, the first one first, and how much of each they have.
    fn chain(&self, data: Cut) -> Vec<Cut> {
        let mut chain = vec![data];
        let mut next = self.parent(data);
        while let Some(cut) = next {
            chain.push(cut);
            next = self.parent(cut);
        }
        chain.reverse();
        chain
    }

    /// What a part of a reign grew out of.
    fn parent(&self, Cut { of, extent }: Cut) -> Option<Cut> {
        let reign = self.replication.reign(of);
        match reign.by {
            Begin::Start { before } => before.and_then(|before| self.reloaded(reign, before)),
            Begin::Takeover(parent) => Some(match (parent.extent, extent) {
                // Offsets go on through a takeover, so that a replica may have less of the old reign than the new primary.
                (Extent::Copied(parents), Extent::Copied(own)) => {
                    let (low, high) = (parents.low.min(own.low), parents.high.min(own.high));
                    Cut { extent: Extent::Copied(Copied { low, high, ..parents }), ..parent }
                }
                _ => parent,
            }),
        }
    }

    /// What a process that was started again got back of what the one before it had.
    fn reloaded(&self, reign: &Reign, before: Cut) -> Option<Cut> {
        match exit_before(self.evidence, reign).and_then(|exit| kept(self.evidence, exit, reign.began_at)) {
            Some((after, _)) => self.as_of(before, after),
            None => Some(before),
        }
    }

    /// What somebody had of some data at an earlier instant.
    fn as_of(&self, data: Cut, at: SimTime) -> Option<Cut> {
        let reign = self.replication.reign(data.of);
        if at < reign.began_at {
            return reign.parent().and_then(|parent| self.as_of(parent, at));
        }
        let extent = match data.extent {
            Extent::Until(until) => Extent::Until(until.min(at)),
            // Where in the stream a replica was then is not known.
            Extent::Copied(copied) => {
                Extent::Copied(Copied { low: 0, since: copied.since.min(at), ..copied })
            }
        };
        Some(Cut { extent, ..data })
    }

    /// What is to be said of a write that stands somewhere, by the chain of the data that survived.
    fn along(&self, chain: &[Cut], place: Place, write: &Entry) -> Ruling {
        let is_in = |reign: ReignId| chain.iter().position(|cut| cut.of == reign);
        if let Some(at) = is_in(place.reign) {
            return match (within(chain[at].extent, place, write), chain.get(at + 1)) {
                (Within::Yes, next) => Ruling::Owed(self.had(chain[at], next)),
                (_, Some(next)) => self.left_out(next.of, place, write),
                (_, None) => self.not_followed(place),
            };
        }
        // It stands in a branch that came to nothing.
        let mut earlier = self.replication.reign(place.reign).parent();
        while let Some(cut) = earlier {
            if let Some(at) = is_in(cut.of) {
                let next = chain.get(at + 1);
                return next
                    .map_or_else(|| self.not_followed(place), |next| self.left_out(next.of, place, write));
            }
            earlier = self.replication.reign(cut.of).parent();
        }
        let foreign = self.foreign(chain, place).map(Ruling::Owed);
        let by_first = || chain.first().map(|first| self.left_out(first.of, place, write));
        foreign.or_else(by_first).unwrap_or(Ruling::Unknown)
    }

    /// Who took over with a copy of data that have nothing in common with those in which a write stands, and whose they were.
    fn foreign(&self, chain: &[Cut], place: Place) -> Option<String> {
        let brought = |cut: &Cut| match self.replication.reign(cut.of) {
            Reign {
                by: Begin::Takeover(data @ Cut { extent: Extent::Copied(_), .. }),
                node,
                began_at,
                ..
            } => Some((*node, *began_at, data.of)),
            _ => None,
        };
        let mut takeovers = chain.iter().filter_map(brought);
        let (node, at, of) = takeovers.find(|(_, _, of)| !self.replication.are_kin(*of, place.reign))?;
        let whose = self.replication.reign(of).node;
        Some(format!(
            "{node} took over at {at} with what it had copied from {whose}, and nothing of the shard's"
        ))
    }

    /// What is to be said of a write that stands where nobody went on from.
    fn not_followed(&self, place: Place) -> Ruling {
        let node = self.replication.reign(place.reign).node;
        match self.evidence.is_live(node) {
            true => Ruling::Unknown,
            false => {
                Ruling::Excused(format!("only {node} had it, which is gone, and nobody took over from it"))
            }
        }
    }

    /// Who had a write, in words.
    fn had(&self, cut: Cut, next: Option<&Cut>) -> String {
        let next = next.map(|next| self.replication.reign(next.of));
        match (cut.extent, next) {
            (_, Some(next)) if matches!(next.by, Begin::Takeover(_)) => {
                format!("{} had it when it took over at {}", next.node, next.began_at)
            }
            (_, Some(next)) => {
                format!("{} had it on disk when it was restarted at {}", next.node, next.began_at)
            }
            (_, None) => {
                format!("{} executed it and kept its data since", self.replication.reign(cut.of).node)
            }
        }
    }

    /// What is to be said of a write that a link of the chain left out.
    fn left_out(&self, by: ReignId, place: Place, write: &Entry) -> Ruling {
        let reign = self.replication.reign(by);
        match reign.by {
            Begin::Start { .. } => self.by_restart(reign, write),
            Begin::Takeover(_) => self.by_takeover(reign, place, write),
        }
    }

    fn by_restart(&self, reign: &Reign, write: &Entry) -> Ruling {
        let Some(exit) = exit_before(self.evidence, reign) else {
            return Ruling::Unknown;
        };
        let (node, back) = (reign.node, reign.began_at);
        match kept(self.evidence, exit, back) {
            Some((after, what)) if completed(write) > after || !self.wrote_by_itself(reign, after) => {
                Ruling::Excused(format!("{node} was restarted at {back} {what}"))
            }
            _ => Ruling::Owed(format!("{node} had it on disk when it was restarted at {back}")),
        }
    }

    /// Whether what a node had at an instant before its restart was its own doing, and not what had reached it.
    fn wrote_by_itself(&self, restarted: &Reign, at: SimTime) -> bool {
        let had = restarted.parent().and_then(|before| self.as_of(before, at));
        had.is_some_and(|had| matches!(had.extent, Extent::Until(_)))
    }

    fn by_takeover(&self, reign: &Reign, place: Place, write: &Entry) -> Ruling {
        let change = self.change(reign);
        let excused = || {
            let why = match change {
                Some(PrimaryChange { at, shard, from, to, .. }) => {
                    format!("{to} took {shard} over from {from} at {at}")
                }
                None => format!("{} took over at {}", reign.node, reign.began_at),
            };
            let better = self.better(reign, place, write);
            Ruling::Excused(better.map_or(why.clone(), |other| format!("{why}, though {other} had more")))
        };
        if completed(write) > reign.began_at {
            return self.too_late(reign, place, write).map_or_else(excused, Ruling::Owed);
        }
        match change {
            Some(change) if change.coordinated => {
                Ruling::Owed(format!("the handover to {} at {} was coordinated", change.to, change.at))
            }
            _ => excused(),
        }
    }

    /// A replica that had a write when another one took over without it. The server's rank lets the one with more ask for votes
    /// earlier, and promises no more than that; so this is told, and it is no violation by itself.
    fn better(&self, reign: &Reign, place: Place, write: &Entry) -> Option<NodeId> {
        let has = |cut: &Cut| {
            let chain = self.chain(*cut);
            chain.iter().any(|cut| cut.of == place.reign && within(cut.extent, place, write) == Within::Yes)
        };
        reign.others.iter().find(|(_, cut)| has(cut)).map(|(node, _)| *node)
    }

    /// Why an old primary must not have acknowledged a write any more, if it must not.
    fn too_late(&self, taken_by: &Reign, place: Place, write: &Entry) -> Option<String> {
        let old = self.replication.reign(place.reign).node;
        let read = taken_by.heard_by(old).filter(|read| write.invoked_at > *read);
        if let Some(read) = read {
            return Some(format!("{old} had read at {read} that {} had taken over", taken_by.node));
        }
        let spans = self.replication.silences.of(old).iter();
        let mut spans = spans.filter(|span| span.from < write.invoked_at && completed(write) <= span.to);
        spans
            .next()
            .map(|span| format!("{old} was out of touch with a majority and had to stop by {}", span.from))
    }

    /// The change of primary that a takeover is.
    fn change(&self, reign: &Reign) -> Option<&'e PrimaryChange> {
        self.evidence
            .primary_changes
            .iter()
            .find(|change| change.to == reign.node && change.at == reign.began_at)
    }
}

fn completed(write: &Entry) -> SimTime {
    write.completed_at.unwrap_or(SimTime::NEVER)
}

/// Whether a write of a reign is in a part of it.
fn within(extent: Extent, place: Place, write: &Entry) -> Within {
    match (extent, place.offset) {
        (Extent::Copied(copied), Some(offset)) if offset <= copied.low => Within::Yes,
        (Extent::Copied(copied), Some(offset)) if offset > copied.high => Within::No,
        (Extent::Copied(_), Some(_)) => Within::Maybe,
        (Extent::Copied(Copied { since: until, .. }) | Extent::Until(until), _) => {
            if completed(write) <= until {
                Within::Yes
            } else if write.invoked_at > until {
                Within::No
            } else {
                Within::Maybe
            }
        }
    }
}

#[cfg(test)]
mod tests;
