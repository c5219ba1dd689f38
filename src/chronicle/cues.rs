//! What faults and operations wait for, and whether it was seen.
//!
//! Every event is held against the cues that are still waited for, once the workload has begun. A run without cues pays
//! nothing. Whom a role means is told by what the nodes last said of themselves on the bus, so that nobody has to be asked
//! when something is seen: the fault comes before anything else happens.

mod sights;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::members::Members;
use crate::event::{Body, BusSummary, Event, MessageType, Phase};
use crate::fault::cue::{Becoming, Cue};
use crate::fault::{FaultId, Target};
use crate::id::{ActorId, NodeId, ShardId};
use crate::language::Layout;
use crate::op::OpId;
use crate::plan::Plan;

/// What is waited for.
#[derive(Clone, Debug)]
pub struct Cues {
    layout: Layout,
    /// The workload has begun.
    begun: bool,
    waiting: Vec<Waiting>,
    roles: BTreeMap<NodeId, Role>,
    failing: BTreeSet<NodeId>,
    met: VecDeque<Met>,
}

/// A fault or an operation that waits.
#[derive(Clone, Debug)]
struct Waiting {
    whom: Waiter,
    cue: Cue,
    targets: Vec<Target>,
    /// How many sights are left to be had.
    left: u64,
}

/// Who waits for a sight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiter {
    /// A fault.
    Fault(FaultId),
    /// An operation.
    Op(OpId),
}

/// What a fault or an operation waited for was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Met {
    /// Who waited.
    pub whom: Waiter,
    /// The event that it was.
    pub event: u64,
    /// Whom a fault's targets are, as far as the bus told: nothing at all if one of them is a role that nobody claims.
    pub nodes: Vec<Option<NodeId>>,
}

/// What a node said of itself last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Primary,
    Replica,
}

/// What an event shows beside what stands in it.
#[derive(Debug, Default)]
struct Shown {
    became: Option<(NodeId, Becoming)>,
}

impl Cues {
    pub(super) fn new(plan: &Plan) -> Self {
        let faults = plan.faults.iter().filter_map(|fault| {
            let (whom, cue) = (Waiter::Fault(fault.id), fault.trigger.cue()?.clone());
            Some(Waiting { whom, targets: fault.action.targets(), left: cue.nth, cue })
        });
        let operations = plan.operations.iter().filter_map(|op| {
            let (whom, cue) = (Waiter::Op(op.id), op.start.cue()?.clone());
            Some(Waiting { whom, targets: Vec::new(), left: cue.nth, cue })
        });
        Cues {
            layout: plan.cluster.layout(),
            begun: false,
            waiting: faults.chain(operations).collect(),
            roles: BTreeMap::new(),
            failing: BTreeSet::new(),
            met: VecDeque::new(),
        }
    }

    /// Whether anybody waits for a sight, or for its turn.
    pub fn are_waited_for(&self) -> bool {
        !self.waiting.is_empty() || !self.met.is_empty()
    }

    /// Whose sight has come next, for one event in the order of the plan, faults first.
    pub fn take(&mut self) -> Option<Met> {
        self.met.pop_front()
    }

    pub(super) fn see(&mut self, event: &Event, members: &Members) {
        if self.waiting.is_empty() {
            return;
        }
        let shown = Shown { became: self.became(event, members) };
        self.begun |= matches!(event.body, Body::Phase { phase: Phase::Run });
        if !self.begun {
            return;
        }
        for waiting in &mut self.waiting {
            if sights::is(&waiting.cue, event, &shown) {
                waiting.left -= 1;
            }
        }
        let (layout, i) = (self.layout, event.i);
        self.waiting.retain(|waiting| {
            if waiting.left == 0 {
                let nodes = nodes(&waiting.targets, layout, members);
                self.met.push_back(Met { whom: waiting.whom, event: i, nodes });
            }
            waiting.left > 0
        });
    }

    /// Who became what by an event.
    fn became(&mut self, event: &Event, members: &Members) -> Option<(NodeId, Becoming)> {
        match (event.actor, &event.body) {
            (ActorId::Node(node), Body::Exited { .. } | Body::Livelock { .. } | Body::Deadlock { .. }) => {
                Some((node, Becoming::Down))
            }
            (ActorId::Node(node), Body::Start { .. }) => {
                self.failing.remove(&node);
                Some((node, Becoming::Up))
            }
            (_, Body::Sent { from: ActorId::Node(node), bus: Some(bus), .. }) => {
                self.failed(bus, members).or_else(|| self.changed(*node, bus))
            }
            (_, Body::Log { line }) => {
                self.recovered(line, members);
                None
            }
            _ => None,
        }
    }

    /// Who is called failing for the first time since it was not.
    fn failed(&mut self, bus: &BusSummary, members: &Members) -> Option<(NodeId, Becoming)> {
        let is_fail = bus.r#type == MessageType::FAIL;
        let node = members.named(bus.about.as_ref().filter(|_| is_fail)?)?;
        self.failing.insert(node).then_some((node, Becoming::Failing))
    }

    /// Whose role is another one than when it spoke last; a process that was started anew has the one of before.
    fn changed(&mut self, node: NodeId, bus: &BusSummary) -> Option<(NodeId, Becoming)> {
        let claim = bus.claim.as_ref()?;
        let (role, becoming) = match claim.is_primary() {
            true => (Role::Primary, Becoming::Primary),
            false => (Role::Replica, Becoming::Replica),
        };
        let before = self.roles.insert(node, role)?;
        (before != role).then_some((node, becoming))
    }

    /// A node is called failing no more (`clearNodeFailureIfNeeded`).
    fn recovered(&mut self, line: &str, members: &Members) {
        if let Some((_, rest)) = line.split_once("Clear FAIL state for node ")
            && let Some(node) = rest.get(..40).and_then(|id| members.named(id))
        {
            self.failing.remove(&node);
        }
    }
}

/// Whom targets mean right now, if the bus tells of all of them.
fn nodes(targets: &[Target], layout: Layout, members: &Members) -> Vec<Option<NodeId>> {
    let node = |target: &Target| match target {
        Target::Node(node) => Some(Some(*node)),
        Target::Clients => Some(None),
        Target::Primary(shard) => primary(*shard, layout, members).map(Some),
        Target::Replica(shard, nth) => {
            let replicas = replicas(primary(*shard, layout, members)?, members);
            let place = usize::from(*nth).checked_rem(replicas.len())?;
            Some(Some(replicas[place]))
        }
    };
    targets.iter().map(node).collect::<Option<Vec<_>>>().unwrap_or_default()
}

/// Who claims most of the slots that a shard was given, under the highest epoch.
fn primary(shard: ShardId, layout: Layout, members: &Members) -> Option<NodeId> {
    let (first, last) = layout.slots_of(shard);
    let claims = members.all().filter_map(|(node, member)| {
        let header = member.header().filter(|header| header.claim.is_primary())?;
        let common = header.claim.slots.iter().map(|(from, to)| (*from.max(&first), *to.min(&last)));
        let share: u32 =
            common.filter(|(from, to)| from <= to).map(|(from, to)| u32::from(to - from) + 1).sum();
        (share > 0).then_some((share, header.config_epoch, node))
    });
    claims.max().map(|(_, _, node)| node)
}

/// Who says that it follows a primary, those with a process first.
fn replicas(primary: NodeId, members: &Members) -> Vec<NodeId> {
    let id = members.get(primary).and_then(|member| Some(member.header()?.claim.id.clone()));
    let mut replicas: Vec<(bool, NodeId)> = members
        .all()
        .filter(|(_, member)| id.is_some() && member.header().is_some_and(|header| header.claim.of == id))
        .map(|(node, member)| (member.started_at.is_none(), node))
        .collect();
    replicas.sort_unstable();
    replicas.into_iter().map(|(_, node)| node).collect()
}

#[cfg(test)]
mod tests;
