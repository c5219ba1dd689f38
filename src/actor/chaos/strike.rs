//! What the effects of faults do when they are fired, and what undoes them.

use std::collections::BTreeSet;

use super::fleet::Fleet;
use super::{disturbed, words};
use crate::actor::Out;
use crate::actor::message::{
    BusSides, ChaosMessage, Message, NetworkMessage, NodeMessage, Rule, ValidatorMessage,
};
use crate::event::Body;
use crate::fault::{BusRule, Effect, Fault, FaultId, Links, Signal, Target};
use crate::id::{ActorId, Host, NodeId};
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
    /// The process of that incarnation does not run.
    Paused(NodeId, u32),
    /// The network has a rule.
    Ruled,
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
    let (_, Some(delay)) = fault.action.ends_process()? else { return None };
    let restart = ChaosMessage::Restart { fault: fault.id, node };
    out.send_after(delay, ActorId::Chaos, Message::Chaos(restart));
    Some(Hit::Dead(node))
}

/// Undoes what a fault did.
pub(super) fn heal(fault: FaultId, hit: Hit, fleet: &mut Fleet, out: &mut Out) {
    let text = match hit {
        Hit::Dying(node) => {
            format!("{node} has not ended within {}: left alone", words::seconds(END_WITHIN))
        }
        Hit::Dead(node) if fleet.is_alive(node) => format!("{node} runs again already"),
        Hit::Dead(node) => {
            let incarnation = fleet.started(node);
            out.send(ActorId::Node(node), Message::Node(NodeMessage::Start { incarnation }));
            format!("{node} is started again")
        }
        Hit::Paused(node, incarnation) => unpause(node, incarnation, fleet, out),
        Hit::Ruled => {
            out.send(ActorId::Network, Message::Network(NetworkMessage::ClearRule { fault }));
            "links are as before".to_owned()
        }
    };
    disturbed(text.clone(), out);
    out.note(Body::Heal { fault, text });
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
            Effect::Lie(lie) => {
                let (node, about) = (self.living(fleet)?, self.nodes.get(1).copied().flatten());
                out.send(ActorId::Node(node), Message::Node(NodeMessage::Lie { lie, about }));
                Ok((format!("{} lies from now on", self.who()), None))
            }
            Effect::Bus { from, both_ways, rule } => self.bus(from, both_ways, rule, out),
            Effect::Links { first, links: Links::Cut { direction, channels } } => {
                let extent = words::extent(direction, &channels);
                let rule = |a, b| Rule::Cut { a, b, direction, channels };
                let text = |between: &str, s: &str| format!("links cut between {between} for {s}, {extent}");
                self.links(first, rule, text, fleet, out)
            }
            Effect::Links { first, links: Links::Slow(latency) } => {
                let (min_ms, max_ms) = (latency.min_ns.as_ms(), latency.max_ns.as_ms());
                let range = format!("latency of {min_ms} to {max_ms} ms");
                let text = |between: &str, s: &str| format!("{range} between {between} for {s}");
                self.links(first, |a, b| Rule::Slow { a, b, latency }, text, fleet, out)
            }
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

    /// Sets a rule for the links between the first targets and the others; `text` says it of whom and for how long.
    fn links(
        &self,
        first: usize,
        rule: impl FnOnce(Vec<Host>, Vec<Host>) -> Rule,
        text: impl FnOnce(&str, &str) -> String,
        fleet: &Fleet,
        out: &mut Out,
    ) -> Performed {
        let (a, b) = self.sides(first, fleet)?;
        let duration = self.fault.action.lasts();
        self.rule(rule(a, b), duration, out);
        Ok((text(&self.between(first), &words::seconds(duration)), Some(Hit::Ruled)))
    }

    fn rule(&self, rule: Rule, duration: SimDuration, out: &mut Out) {
        let set = NetworkMessage::SetRule { fault: self.fault.id, rule };
        out.send(ActorId::Network, Message::Network(set));
        self.heal_after(duration, out);
    }

    fn heal_after(&self, delay: SimDuration, out: &mut Out) {
        out.send_after(delay, ActorId::Chaos, Message::Chaos(ChaosMessage::Heal { fault: self.fault.id }));
    }

    /// The one node that is hit, if it has a process.
    fn living(&self, fleet: &Fleet) -> Result<NodeId, String> {
        let node = self.nodes.first().copied().flatten().ok_or_else(|| words::nobody(self.targets[0]))?;
        if fleet.is_alive(node) { Ok(node) } else { Err(format!("{} is down already", self.who())) }
    }

    fn who(&self) -> String {
        words::who(self.targets[0], self.nodes.first().copied().flatten())
    }

    /// The hosts of the first targets and those of the others, or everyone else's.
    fn sides(&self, a_count: usize, fleet: &Fleet) -> Result<(Vec<Host>, Vec<Host>), String> {
        let a = self.hosts(0..a_count, fleet);
        let mut b = self.hosts(a_count..self.targets.len(), fleet);
        if self.targets.len() == a_count {
            b = fleet.everyone_but(&a);
        }
        b.retain(|host| !a.contains(host));
        if a.is_empty() || b.is_empty() {
            return Err(format!("there are no links between {}", self.between(a_count)));
        }
        Ok((a.into_iter().collect(), b.into_iter().collect()))
    }

    fn hosts(&self, which: std::ops::Range<usize>, fleet: &Fleet) -> BTreeSet<Host> {
        let pairs = self.targets[which.clone()].iter().zip(&self.nodes[which]);
        pairs
            .flat_map(|(target, node)| match target {
                Target::Clients => fleet.clients().collect(),
                _ => node.map(Host::Node).into_iter().collect::<Vec<_>>(),
            })
            .collect()
    }

    fn between(&self, a_count: usize) -> String {
        let a = words::all(&self.targets[..a_count], self.nodes);
        match &self.targets[a_count..] {
            [] => format!("{a} and everyone else"),
            b => format!("{a} and {}", words::all(b, &self.nodes[a_count..])),
        }
    }
}
