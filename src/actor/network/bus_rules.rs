//! Rules for messages of the cluster bus: which of them a message matches, and what it says of it.
//!
//! The first rule that matches and is not spent decides. What a rule draws comes from a stream of its own, and where an
//! earlier run decides, from its log. It does not know connections: what becomes of a message is the network's to do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::actor::message::BusSides as Sides;
use crate::event::{BusSummary, Claim, Gossiped, MessageType};
use crate::fault::{Age, BusRule, Dialler, FaultId, Says};
use crate::id::NodeId;
use crate::op::share_slots;
use crate::rng::Stream;

/// Which rules hit what, by fault and by the number of the match.
pub type Recorded = BTreeSet<(FaultId, u64)>;

/// The way of a message.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// Who sends it.
    pub from: NodeId,
    /// Who is to receive it.
    pub to: NodeId,
    /// Who dialled the connection.
    pub dialler: NodeId,
}

/// All rules in force, and what nodes said of themselves.
pub struct BusRules {
    seed: u64,
    rules: BTreeMap<FaultId, Active>,
    faces: BTreeMap<NodeId, Face>,
    recorded: Option<Recorded>,
    ceased: bool,
}

/// A rule in force.
struct Active {
    sides: Sides,
    rule: BusRule,
    matched: u64,
    stream: Stream,
}

/// What a node said of itself last.
#[derive(Default)]
struct Face {
    current_epoch: u64,
    config_epoch: u64,
    claim: Option<Arc<Claim>>,
}

/// What a rule says of a message.
pub struct Hit<'r> {
    /// Whose rule it is.
    pub fault: FaultId,
    /// How many messages it has matched, with this one.
    pub nth: u64,
    /// The rule.
    pub rule: &'r BusRule,
    /// For what is drawn about the message.
    pub stream: &'r mut Stream,
}

impl BusRules {
    /// No rule yet, in a run with this seed.
    pub fn new(seed: u64) -> Self {
        BusRules { seed, rules: BTreeMap::new(), faces: BTreeMap::new(), recorded: None, ceased: false }
    }

    /// From now on what an earlier run hit is hit.
    pub fn guide(&mut self, recorded: Recorded) {
        self.recorded = Some(recorded);
    }

    /// Nothing is drawn any more.
    pub fn cease(&mut self) {
        self.ceased = true;
        self.recorded = None;
    }

    /// A fault sets a rule.
    pub fn set(&mut self, fault: FaultId, sides: Sides, rule: BusRule) {
        let stream = Stream::new(self.seed, "network", &format!("bus rule {}", fault.0));
        self.rules.insert(fault, Active { sides, rule, matched: 0, stream });
    }

    /// A fault heals.
    pub fn clear(&mut self, fault: FaultId) {
        self.rules.remove(&fault);
    }

    /// A node's process is gone, and what it said with it.
    pub fn forget(&mut self, node: NodeId) {
        self.faces.remove(&node);
    }

    /// A node sends a message: what it says of itself is known from now on.
    pub fn see(&mut self, from: NodeId, bus: &BusSummary) {
        if let (Some(current_epoch), Some(config_epoch)) = (bus.current_epoch, bus.config_epoch) {
            let face = self.faces.entry(from).or_default();
            (face.current_epoch, face.config_epoch) = (current_epoch, config_epoch);
            if let Some(claim) = &bus.claim {
                face.claim = Some(Arc::new((**claim).clone()));
            }
        }
    }

    /// What the rules say of a message; nothing if it is to pass.
    pub fn judge(&mut self, way: Way, bus: &BusSummary) -> Option<Hit<'_>> {
        let BusRules { rules, faces, recorded, ceased, .. } = self;
        let asked = Asked { way, bus, faces };
        rules.iter_mut().find_map(|(fault, active)| {
            let hits = asked.matches(active) && {
                active.matched += 1;
                let recorded = recorded.as_ref().map(|hit| hit.contains(&(*fault, active.matched)));
                active.is_hit(recorded, *ceased)
            };
            let Active { rule, matched, stream, .. } = active;
            hits.then_some(Hit { fault: *fault, nth: *matched, rule, stream })
        })
    }
}

impl Active {
    /// Whether the message that was just matched is hit.
    fn is_hit(&mut self, recorded: Option<bool>, ceased: bool) -> bool {
        let before = self.matched - 1;
        let first = self.rule.nth - 1;
        let is_due = before >= first && self.rule.count.is_none_or(|count| before - first < count);
        is_due
            && match (self.rule.percent, recorded) {
                (100, _) => true,
                (_, Some(recorded)) => recorded,
                (_, None) if ceased => false,
                (percent, None) => self.stream.chance(percent, 100),
            }
    }
}

/// A message that rules are asked about.
struct Asked<'a> {
    way: Way,
    bus: &'a BusSummary,
    faces: &'a BTreeMap<NodeId, Face>,
}

impl Asked<'_> {
    fn matches(&self, active: &Active) -> bool {
        let Active { sides, rule, .. } = active;
        self.is_between(sides, rule.dialled_by)
            && (rule.types.is_empty() || rule.types.contains(&self.bus.r#type))
            && rule.says.iter().all(|says| self.says(*says))
            && self.is_of_age(rule.epoch, self.bus.current_epoch, |face| face.current_epoch)
            && self.is_of_age(rule.config_epoch, self.bus.config_epoch, |face| face.config_epoch)
    }

    fn is_between(&self, sides: &Sides, dialled_by: Option<Dialler>) -> bool {
        let Way { from, to, dialler } = self.way;
        let is_way = |a: NodeId, b: NodeId| {
            let is_dialled = match dialled_by {
                None => true,
                Some(Dialler::From) => dialler == a,
                Some(Dialler::To) => dialler == b,
            };
            let is_among = |side: &[NodeId], node| side.is_empty() || side.contains(&node);
            is_dialled && is_among(&sides.from, a) && is_among(&sides.to, b)
        };
        is_way(from, to) || (sides.both_ways && is_way(to, from))
    }

    fn is_of_age(&self, wanted: Option<Age>, epoch: Option<u64>, own: impl Fn(&Face) -> u64) -> bool {
        let Some(wanted) = wanted else { return true };
        let own = self.faces.get(&self.way.to).map(own);
        epoch.zip(own).is_some_and(|(epoch, own)| match wanted {
            Age::Older => epoch < own,
            Age::Same => epoch == own,
            Age::Newer => epoch > own,
        })
    }

    fn says(&self, says: Says) -> bool {
        let claim = self.claim_of(self.way.from).filter(|_| self.bus.current_epoch.is_some());
        match says {
            Says::Paused => self.bus.paused == Some(true),
            Says::Forced => self.bus.forced == Some(true),
            Says::Doubts => {
                self.bus.r#type == MessageType::FAIL || self.bus.gossip.iter().any(Gossiped::is_doubt)
            }
            Says::Primary => claim.is_some_and(Claim::is_primary),
            Says::Replica => claim.is_some_and(|claim| !claim.is_primary()),
            Says::ClusterDown => claim.is_some_and(|claim| !claim.ok),
            Says::ReceiversSlots => {
                let own = self.claim_of(self.way.to);
                claim.zip(own).is_some_and(|(claim, own)| both_claim(claim, own))
            }
        }
    }

    fn claim_of(&self, node: NodeId) -> Option<&Claim> {
        self.faces.get(&node)?.claim.as_deref()
    }
}

/// Whether two primaries claim a slot both.
fn both_claim(one: &Claim, other: &Claim) -> bool {
    one.is_primary() && other.is_primary() && share_slots(&one.slots, &other.slots)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::BusAct;

    const WAY: Way = Way { from: NodeId(1), to: NodeId(2), dialler: NodeId(1) };
    const FAULT: FaultId = FaultId(3);

    fn anybody() -> Sides {
        Sides { from: Vec::new(), to: Vec::new(), both_ways: false }
    }

    fn of(types: &[MessageType]) -> BusRule {
        BusRule { types: types.to_vec(), ..BusRule::every(BusAct::Drop) }
    }

    fn rules(sides: Sides, rule: BusRule) -> BusRules {
        let mut rules = BusRules::new(7);
        rules.set(FAULT, sides, rule);
        rules
    }

    fn message(r#type: MessageType, epochs: (u64, u64)) -> BusSummary {
        BusSummary {
            current_epoch: Some(epochs.0),
            config_epoch: Some(epochs.1),
            ..BusSummary::of_type(r#type)
        }
    }

    /// Which of some pings are hit, from 1.
    fn hits(rules: &mut BusRules, count: u64) -> Vec<u64> {
        let ping = message(MessageType::PING, (1, 1));
        (1..=count).filter(|_| rules.judge(WAY, &ping).is_some()).collect()
    }

    #[test]
    fn a_type_a_sender_a_receiver_and_who_dialled_are_matched() {
        let ping = message(MessageType::PING, (1, 1));
        let back = Way { from: NodeId(2), to: NodeId(1), ..WAY };
        for (sides, dialled_by, hit) in [
            (anybody(), None, [true, true]),
            (Sides { from: vec![NodeId(1)], ..anybody() }, None, [true, false]),
            (Sides { to: vec![NodeId(1)], ..anybody() }, None, [false, true]),
            (Sides { to: vec![NodeId(1)], both_ways: true, ..anybody() }, None, [true, true]),
            (anybody(), Some(Dialler::From), [true, false]),
            (anybody(), Some(Dialler::To), [false, true]),
            (
                Sides { from: vec![NodeId(1)], both_ways: true, ..anybody() },
                Some(Dialler::From),
                [true, true],
            ),
            (
                Sides { from: vec![NodeId(2)], both_ways: true, ..anybody() },
                Some(Dialler::From),
                [false, false],
            ),
        ] {
            let mut rules = rules(sides.clone(), BusRule { dialled_by, ..of(&[MessageType::PING]) });
            let found = [WAY, back].map(|way| rules.judge(way, &ping).is_some());
            assert_eq!(found, hit, "{sides:?} {dialled_by:?}");
            assert!(rules.judge(WAY, &message(MessageType::PONG, (1, 1))).is_none());
        }
    }

    #[test]
    fn the_nth_and_so_many_after_it_are_hit() {
        let rule = BusRule { nth: 3, count: Some(2), ..of(&[]) };
        assert_eq!(hits(&mut rules(anybody(), rule), 8), [3, 4]);
    }

    #[test]
    fn a_share_is_drawn_under_the_seed_or_taken_from_a_log() {
        let rule = || BusRule { percent: 30, ..of(&[]) };
        let drawn = hits(&mut rules(anybody(), rule()), 1000);
        assert!((200..400).contains(&drawn.len()), "{}", drawn.len());
        assert_eq!(hits(&mut rules(anybody(), rule()), 1000), drawn);
        let mut guided = rules(anybody(), rule());
        guided.guide([(FAULT, 2), (FAULT, 5)].into());
        assert_eq!(hits(&mut guided, 9), [2, 5]);
        guided.cease();
        assert!(hits(&mut guided, 9).is_empty());
    }

    #[test]
    fn epochs_are_held_against_what_the_receiver_said_last() {
        let mut rules = rules(anybody(), BusRule { epoch: Some(Age::Older), ..of(&[]) });
        let mut is_hit = |current| rules.judge(WAY, &message(MessageType::PING, (current, 1))).is_some();
        assert!(!is_hit(4), "nothing is known of the receiver");
        rules.see(NodeId(2), &message(MessageType::PING, (5, 2)));
        let mut is_hit = |current| rules.judge(WAY, &message(MessageType::PING, (current, 1))).is_some();
        assert_eq!([4, 5, 6].map(&mut is_hit), [true, false, false]);
        rules.forget(NodeId(2));
        assert!(rules.judge(WAY, &message(MessageType::PING, (4, 1))).is_none());
    }

    #[test]
    fn what_a_sender_says_of_itself_is_matched_as_it_said_it_last() {
        let claim =
            |flags, slots| Some(Box::new(Claim { id: String::new(), flags, of: None, slots, ok: true }));
        let says = |claim| BusSummary { claim, ..message(MessageType::PING, (1, 1)) };
        let mut rules = rules(anybody(), BusRule { says: vec![Says::ReceiversSlots], ..of(&[]) });
        rules.see(NodeId(2), &says(claim(1, vec![(5, 9)])));
        for (flags, slots, hit) in [(1, (9, 12), true), (1, (10, 12), false), (2, (9, 12), false)] {
            rules.see(NodeId(1), &says(claim(flags, vec![slots])));
            assert_eq!(
                rules.judge(WAY, &message(MessageType::PING, (1, 1))).is_some(),
                hit,
                "{flags} {slots:?}"
            );
        }
    }
}
