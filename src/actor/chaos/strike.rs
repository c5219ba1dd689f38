//! What the effects of faults do when they are fired, and what undoes them.

use std::collections::BTreeSet;

use super::fleet::Fleet;
use super::visits::Errand;
use super::{disturbed, words};
use crate::actor::Out;
use crate::actor::message::{
    BusSides, ChaosMessage, Message, NetworkMessage, NodeMessage, OperatorMessage, Rule, ValidatorMessage,
};
use crate::event::Body;
use crate::fault::{
    Affliction, BusRule, Effect, Fault, FaultId, Links, Remains, Seam, Signal, Stage, Step, Target,
};
use crate::id::{ActorId, Host, NodeId};
use crate::language::Word as _;
use crate::time::SimDuration;

/// After this long a process that was asked to end is taken to have refused.
const END_WITHIN: SimDuration = SimDuration::from_secs(60);

/// What a fault did, as far as it is to be undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hit {
    /// The process was sent a signal and has not ended.
    Dying(NodeId),
    /// The process ended and is to be started again.
    Dead(NodeId),
    /// The machine is gone and is to come back.
    Lost(NodeId),
    /// The machine is slow.
    Slowed(NodeId),
    /// The process of that incarnation does not run.
    Paused(NodeId, u32),
    /// The network has a rule.
    Ruled,
    /// The machine is to lose its power at a step.
    Awaited(NodeId),
    /// The machine has an affliction.
    Afflicted(NodeId),
    /// Strangers dial the node.
    Visited(NodeId),
    /// Its server has other settings.
    Adjusted(NodeId),
}

/// What there is to do, once it is clear whom it hits.
struct Strike<'a> {
    fault: &'a Fault,
    targets: Vec<Target>,
    nodes: &'a [Option<NodeId>],
}

/// Fires a fault; gives what is to be undone, if anything is.
pub(super) fn fire(fault: &Fault, nodes: &[Option<NodeId>], fleet: &mut Fleet, out: &mut Out) -> Option<Hit> {
    let strike = Strike { fault, targets: fault.action.targets(), nodes };
    let (text, hit, lasting) = match strike.perform(fleet, out) {
        // To the judge the server itself misbehaves: nothing was done to it.
        Ok((text, lasting)) if matches!(fault.action.effect(), Effect::Lie(_)) => (text, Vec::new(), lasting),
        Ok((text, lasting)) => {
            disturbed(text.clone(), out);
            (text, nodes.iter().flatten().copied().collect(), lasting)
        }
        Err(why) => (format!("hit nobody: {why}"), Vec::new(), None),
    };
    out.note(Body::Fault { fault: fault.id, text, hit });
    lasting
}

/// A process that was sent a signal ended; gives what is to be undone, if anything is.
pub(super) fn died(fault: &Fault, node: NodeId, out: &mut Out) -> Option<Hit> {
    if matches!(fault.action.effect(), Effect::Crash { step: Some(_), .. }) {
        relieve(node, fault.id, out);
    }
    let (_, Some(delay)) = fault.action.ends_process()? else { return None };
    let restart = ChaosMessage::Restart { fault: fault.id, node };
    out.send_after(delay, ActorId::Chaos, Message::Chaos(restart));
    match fault.action.effect() {
        Effect::Machine { .. } => Some(Hit::Lost(node)),
        _ => Some(Hit::Dead(node)),
    }
}

/// Undoes what a fault did.
pub(super) fn heal(fault: FaultId, hit: Hit, fleet: &mut Fleet, out: &mut Out) {
    let text = match hit {
        Hit::Dying(node) => {
            format!("{node} has not ended within {}: left alone", words::seconds(END_WITHIN))
        }
        Hit::Dead(node) if fleet.is_alive(node) => format!("{node} runs again already"),
        Hit::Dead(node) => {
            start(node, fleet, out);
            format!("{node} is started again")
        }
        Hit::Lost(node) if fleet.is_alive(node) => format!("{node} runs again already"),
        Hit::Lost(node) => {
            start(node, fleet, out);
            format!("the machine of {node} is back and starts its server")
        }
        Hit::Slowed(node) => {
            tell_speed(node, fleet.slow(node, fault, None), out);
            format!("{node} works as before")
        }
        Hit::Paused(node, incarnation) => unpause(node, incarnation, fleet, out),
        Hit::Awaited(node) => {
            relieve(node, fault, out);
            format!("the step has not come: {node} keeps its power")
        }
        Hit::Afflicted(node) => {
            relieve(node, fault, out);
            raise(node, fleet, out)
        }
        Hit::Adjusted(node) => format!("{node}'s settings are what they were"),
        Hit::Visited(node) => {
            fleet.visits.end(fault, out);
            format!("nobody strange dials {node} any more")
        }
        Hit::Ruled => {
            out.send(ActorId::Network, Message::Network(NetworkMessage::ClearRule { fault }));
            "links are as before".to_owned()
        }
    };
    disturbed(text.clone(), out);
    out.note(Body::Heal { fault, text });
}

/// What a fault did to a machine is undone.
fn relieve(node: NodeId, fault: FaultId, out: &mut Out) {
    let message = NodeMessage::Afflict { fault, affliction: None };
    out.send(ActorId::Node(node), Message::Node(message));
}

/// Starts a server that ended by itself, as whoever looks after it does once its machine is in order.
fn raise(node: NodeId, fleet: &mut Fleet, out: &mut Out) -> String {
    if !fleet.has_fallen(node) {
        return format!("{node}'s machine is in order");
    }
    let incarnation = fleet.started(node);
    out.send(ActorId::Node(node), Message::Node(NodeMessage::Start { incarnation }));
    format!("{node}'s machine is in order, and it is started again")
}

/// Starts a node that has no process, on a machine that is there.
pub(super) fn start(node: NodeId, fleet: &mut Fleet, out: &mut Out) {
    if fleet.find_again(node) {
        out.send(ActorId::Network, Message::Network(NetworkMessage::Machine { node, lost: false }));
    }
    let incarnation = fleet.started(node);
    out.send(ActorId::Node(node), Message::Node(NodeMessage::Start { incarnation }));
}

fn unpause(node: NodeId, incarnation: u32, fleet: &mut Fleet, out: &mut Out) -> String {
    if !fleet.is_alive(node) || fleet.incarnation(node) != incarnation {
        return format!("{node} ended while it was paused");
    }
    if !fleet.unpause(node) {
        return format!("{node} stays paused by another fault");
    }
    out.send(ActorId::Node(node), Message::Node(NodeMessage::Unpause));
    tell_paused(node, false, out);
    format!("{node} runs again")
}

fn tell_speed(node: NodeId, times_slower: u64, out: &mut Out) {
    out.send(ActorId::Node(node), Message::Node(NodeMessage::Slow { times_slower }));
}

fn tell_paused(node: NodeId, paused: bool, out: &mut Out) {
    out.send(ActorId::Validator, Message::Validator(ValidatorMessage::NodePaused { node, paused }));
}

type Performed = Result<(String, Option<Hit>), String>;

impl Strike<'_> {
    fn perform(&self, fleet: &mut Fleet, out: &mut Out) -> Performed {
        match self.fault.action.effect() {
            Effect::Signal { signal, restart_after } => {
                self.kill(signal, restart_after.is_some(), fleet, out)
            }
            Effect::Pause => self.pause(fleet, out),
            Effect::Afflict(affliction) => self.afflict(affliction, out),
            Effect::Crash { step, leaves, restart_after } => {
                self.crash(step, leaves, restart_after.is_some(), fleet, out)
            }
            Effect::Lie(lie) => {
                let (node, about) = (self.living(fleet)?, self.nodes.get(1).copied().flatten());
                out.send(ActorId::Node(node), Message::Node(NodeMessage::Lie { lie, about }));
                Ok((format!("{} lies from now on", self.who()), None))
            }
            Effect::Bus { from, both_ways, rule } => self.bus(from, both_ways, rule, out),
            Effect::Set(set) => self.adjust(set, fleet, out),
            Effect::Visit { port, says, connections, words } => {
                let errand = Errand { fault: self.fault.id, node: self.node()?, port, says, words };
                Ok(self.visit(errand, connections, fleet, out))
            }
            Effect::Slow { times } => self.slow(times, fleet, out),
            Effect::Machine { restart_after, leaves } => {
                self.lose(restart_after.is_some(), leaves, fleet, out)
            }
            Effect::Links { stages, links, called } => self.links(&stages, &links, called, fleet, out),
        }
    }

    /// Sets a rule for messages between the first targets and the others, or anybody.
    fn bus(&self, from: usize, both_ways: bool, rule: BusRule, out: &mut Out) -> Performed {
        let (a, b) = self.nodes.split_at(from.min(self.nodes.len()));
        let named = |side: &[Option<NodeId>]| side.iter().flatten().copied().collect::<Vec<_>>();
        if let Some(missing) = self.targets.iter().zip(self.nodes).find(|(_, node)| node.is_none()) {
            return Err(words::nobody(*missing.0));
        }
        let whom = |targets: &[Target], nodes: &[Option<NodeId>]| match targets {
            [] => "anybody".to_owned(),
            some => words::all(some, nodes),
        };
        let (first, second) = self.targets.split_at(a.len());
        let (way, duration) = (if both_ways { "and" } else { "to" }, self.fault.action.lasts());
        let between = format!("{} {way} {}", whom(first, a), whom(second, b));
        let text = format!("bus messages of {between} for {}, {}", words::seconds(duration), rule.in_words());
        let sides = BusSides { from: named(a), to: named(b), both_ways };
        let set = NetworkMessage::SetBusRule { fault: self.fault.id, sides, rule: Box::new(rule) };
        out.send(ActorId::Network, Message::Network(set));
        self.heal_after(duration, out);
        Ok((text, Some(Hit::Ruled)))
    }

    fn kill(&self, signal: Signal, restarts: bool, fleet: &Fleet, out: &mut Out) -> Performed {
        let node = self.living(fleet)?;
        out.send(ActorId::Node(node), Message::Node(NodeMessage::Signal { signal }));
        if signal == Signal::Term && restarts {
            self.heal_after(END_WITHIN, out);
        }
        let text = format!("{} to {}", signal.name(), self.who());
        Ok((text, restarts.then_some(Hit::Dying(node))))
    }

    fn pause(&self, fleet: &mut Fleet, out: &mut Out) -> Performed {
        let node = self.living(fleet)?;
        if fleet.pause(node) {
            out.send(ActorId::Node(node), Message::Node(NodeMessage::Pause));
            tell_paused(node, true, out);
        }
        self.heal_after(self.fault.action.lasts(), out);
        let text = format!("pause of {} for {}", self.who(), words::seconds(self.fault.action.lasts()));
        Ok((text, Some(Hit::Paused(node, fleet.incarnation(node)))))
    }

    fn afflict(&self, affliction: Affliction, out: &mut Out) -> Performed {
        let node = self.node()?;
        let duration = self.fault.action.lasts();
        self.heal_after(duration, out);
        let text = format!("{} at {} for {}", affliction.in_words(), self.who(), words::seconds(duration));
        self.tell(node, affliction, out);
        Ok((text, Some(Hit::Afflicted(node))))
    }

    /// The power goes at once, or at a step that the machine is told of.
    fn crash(
        &self,
        step: Option<Step>,
        leaves: Remains,
        restarts: bool,
        fleet: &Fleet,
        out: &mut Out,
    ) -> Performed {
        let node = self.living(fleet)?;
        let Some(step) = step else {
            let message = NodeMessage::LosePower { remains: leaves };
            out.send(ActorId::Node(node), Message::Node(message));
            return Ok((format!("power of {} lost", self.who()), restarts.then_some(Hit::Dying(node))));
        };
        self.tell(node, Affliction::Files(step.rule(leaves)), out);
        self.heal_after(self.fault.action.lasts(), out);
        let text = format!("{} loses its power {}", self.who(), step.in_words());
        Ok((text, Some(Hit::Awaited(node))))
    }

    fn tell(&self, node: NodeId, affliction: Affliction, out: &mut Out) {
        let message = NodeMessage::Afflict { fault: self.fault.id, affliction: Some(affliction) };
        out.send(ActorId::Node(node), Message::Node(message));
    }

    /// The one node that is hit, whether it has a process or not.
    fn node(&self) -> Result<NodeId, String> {
        self.nodes.first().copied().flatten().ok_or_else(|| words::nobody(self.targets[0]))
    }

    fn adjust(&self, set: Vec<(&'static str, String)>, fleet: &Fleet, out: &mut Out) -> Performed {
        let (node, lasts) = (self.living(fleet)?, self.fault.action.lasts());
        let words: Vec<String> = set.iter().map(|(name, value)| format!("{name} {value}")).collect();
        let text = format!("{} at {} for {}", words.join(", "), self.who(), words::seconds(lasts));
        let adjust = OperatorMessage::Adjust { fault: self.fault.id, node, set };
        out.send(ActorId::Operator, Message::Operator(adjust));
        self.heal_after(lasts, out);
        Ok((text, Some(Hit::Adjusted(node))))
    }

    /// A stranger dials the node, whether it has a process or not.
    fn visit(
        &self,
        errand: Errand,
        connections: u16,
        fleet: &mut Fleet,
        out: &mut Out,
    ) -> (String, Option<Hit>) {
        let lasts = self.fault.action.lasts();
        fleet.visits.begin(errand, connections, lasts, out);
        self.heal_after(lasts, out);
        let (port, says) = (errand.port.word(), errand.says.word());
        let lasts = words::seconds(lasts);
        let text =
            format!("{connections} strangers at the {port} port of {}, {says}, within {lasts}", self.who());
        (text, Some(Hit::Visited(errand.node)))
    }

    fn slow(&self, times: u64, fleet: &mut Fleet, out: &mut Out) -> Performed {
        let node = self.living(fleet)?;
        tell_speed(node, fleet.slow(node, self.fault.id, Some(times)), out);
        self.heal_after(self.fault.action.lasts(), out);
        let lasts = words::seconds(self.fault.action.lasts());
        Ok((format!("{} works {times} times slower for {lasts}", self.who()), Some(Hit::Slowed(node))))
    }

    /// The machine goes, and the process with it, before anybody can be told.
    fn lose(&self, returns: bool, leaves: Option<Remains>, fleet: &mut Fleet, out: &mut Out) -> Performed {
        let node = self.living(fleet)?;
        fleet.lose(node);
        out.send(ActorId::Network, Message::Network(NetworkMessage::Machine { node, lost: true }));
        let end = match leaves {
            Some(remains) => NodeMessage::LosePower { remains },
            None => NodeMessage::Signal { signal: Signal::Kill },
        };
        out.send(ActorId::Node(node), Message::Node(end));
        Ok((format!("loss of the machine of {}", self.who()), returns.then_some(Hit::Dying(node))))
    }

    /// Sets a rule for links, stage by stage.
    fn links(
        &self,
        stages: &[Stage],
        links: &Links,
        called: Option<String>,
        fleet: &Fleet,
        out: &mut Out,
    ) -> Performed {
        let duration = self.fault.action.lasts();
        let first = stages.first().and_then(|stage| stage.seams.first()).ok_or("there are no links")?;
        let between = self.between(first.a.len());
        for stage in stages {
            let seams: Vec<_> = stage.seams.iter().filter_map(|seam| self.seam(seam, fleet)).collect();
            if seams.is_empty() {
                return Err(format!("there are no links between {between}"));
            }
            let set =
                NetworkMessage::SetRule { fault: self.fault.id, rule: Rule { seams, links: links.clone() } };
            out.send_after(stage.after, ActorId::Network, Message::Network(set));
        }
        self.heal_after(duration, out);
        let between = match called {
            Some(called) => format!("{}: {called}", words::all(&self.targets, self.nodes)),
            None => format!("between {between}"),
        };
        Ok((words::links(links, &between, duration), Some(Hit::Ruled)))
    }

    fn heal_after(&self, delay: SimDuration, out: &mut Out) {
        out.send_after(delay, ActorId::Chaos, Message::Chaos(ChaosMessage::Heal { fault: self.fault.id }));
    }

    /// The one node that is hit, if it has a process.
    fn living(&self, fleet: &Fleet) -> Result<NodeId, String> {
        let node = self.node()?;
        if fleet.is_alive(node) { Ok(node) } else { Err(format!("{} is down already", self.who())) }
    }

    fn who(&self) -> String {
        words::who(self.targets[0], self.nodes.first().copied().flatten())
    }

    /// The hosts of two groups of targets, or of a group and of everyone else; nothing if there are no links between them.
    fn seam(&self, seam: &Seam, fleet: &Fleet) -> Option<(Vec<Host>, Vec<Host>)> {
        let a = self.hosts(&seam.a, fleet);
        let mut b = match &seam.b {
            Some(b) => self.hosts(b, fleet),
            None => fleet.everyone_but(&a),
        };
        b.retain(|host| !a.contains(host));
        (!a.is_empty() && !b.is_empty()).then(|| (a.into_iter().collect(), b.into_iter().collect()))
    }

    fn hosts(&self, which: &[usize], fleet: &Fleet) -> BTreeSet<Host> {
        let hosts = |place: &usize| match (self.targets.get(*place), self.nodes.get(*place)) {
            (Some(Target::Clients), _) => fleet.clients().collect(),
            (_, Some(node)) => node.map(Host::Node).into_iter().collect::<Vec<_>>(),
            _ => Vec::new(),
        };
        which.iter().flat_map(hosts).collect()
    }

    fn between(&self, a_count: usize) -> String {
        let a = words::all(&self.targets[..a_count], self.nodes);
        match &self.targets[a_count..] {
            [] => format!("{a} and everyone else"),
            b => format!("{a} and {}", words::all(b, &self.nodes[a_count..])),
        }
    }
}
