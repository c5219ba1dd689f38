//! What the operator asked of whom, as far as it bears on the cluster bus.

use super::handover::HAND_OVER_TIMEOUT;
use crate::event::{Body, Event};
use crate::id::{ActorId, NodeId};
use crate::language::Layout;
use crate::op::{ALL_SLOTS, CLUSTER_READS, Failover, FailoverMode, Op, OpAction, Slots, share_slots};
use crate::plan::Plan;
use crate::time::{SimDuration, SimTime};

/// Everything that was asked, in order.
#[derive(Clone, Debug)]
pub struct Asks {
    planned: Vec<Op>,
    layout: Layout,
    /// Whom the operator picked, until it sends what it picked somebody for.
    picked: Option<NodeId>,
    failovers: Vec<(SimTime, NodeId, FailoverMode)>,
    hands: Vec<Hand>,
    /// Who was told to take a new config epoch.
    bumps: Vec<(SimTime, NodeId)>,
    /// Who was told when to let its clients wait, and until when.
    stops: Vec<(SimTime, NodeId, SimTime)>,
    /// The longest and the shortest node timeout that counted so far.
    node_timeouts: (SimDuration, SimDuration),
    /// The shortest time that a hand-over could take so far, if it was ever set.
    hand_over_timeout: Option<SimDuration>,
    /// Since when servers may hand over by themselves before they end.
    hands_over_since: Option<SimTime>,
}

/// A command that changes by hand who belongs where.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hand {
    at: SimTime,
    what: Touched,
}

/// What such a command changes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Touched {
    /// What a node is: whom it follows, its epochs, its name.
    Node(NodeId),
    /// What a node believes of who owns what.
    Table(NodeId),
    /// Who owns these slots.
    Slots(Slots),
    /// Who belongs to the cluster.
    Members,
    /// Anything, as a script or a debugging command may.
    Anything,
}

impl Asks {
    pub(super) fn new(plan: &Plan) -> Self {
        let node_timeout = SimDuration::from_ms(plan.cluster.node_timeout_ms);
        let hands_over = plan.cluster.config.iter().any(|(name, value)| hands_over(name, value));
        let mut asks = Asks {
            planned: plan.operations.clone(),
            layout: plan.cluster.layout(),
            picked: None,
            failovers: Vec::new(),
            hands: Vec::new(),
            bumps: Vec::new(),
            stops: Vec::new(),
            node_timeouts: (node_timeout, node_timeout),
            hand_over_timeout: None,
            hands_over_since: hands_over.then_some(SimTime::ZERO),
        };
        plan.cluster.config.iter().for_each(|(name, value)| asks.times(name, value));
        asks
    }

    /// Takes an event; says whether other node timeouts count from now on.
    pub(super) fn see(&mut self, event: &Event) -> bool {
        let before = self.node_timeouts;
        match (event.actor, &event.body) {
            (ActorId::Operator, Body::Picked { node, .. }) => self.picked = Some(*node),
            (_, Body::Operation { op, .. }) => {
                if let Some(action) =
                    self.planned.iter().find(|known| known.id == *op).map(|op| op.action.clone())
                {
                    self.ask(event.at, &action);
                }
            }
            _ => {}
        }
        self.node_timeouts != before
    }

    fn ask(&mut self, at: SimTime, action: &OpAction) {
        if let Some(Failover { mode, to, .. }) = action.failovers().first() {
            let picked = self.picked.take();
            self.failovers.extend(to.or(picked).map(|node| (at, node, *mode)));
        }
        for typed in action.typed() {
            self.command(at, typed.node, &typed.args);
        }
        if action.reshapes(self.layout) {
            self.hands.push(Hand { at, what: Touched::Slots(vec![ALL_SLOTS]) });
        }
        // Who comes back empty is somebody else, and who comes and goes is made what it is by the operator.
        let taken_in = action.takes_in().into_iter().map(|(node, _)| node);
        let changed = action.sends_away(self.layout).into_iter().chain(taken_in);
        let touched = changed.flat_map(|node| [Touched::Node(node), Touched::Members]);
        self.hands.extend(touched.map(|what| Hand { at, what }));
    }

    fn command(&mut self, at: SimTime, node: NodeId, args: &[String]) {
        let words: Vec<String> = args.iter().map(|word| word.to_ascii_lowercase()).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["cluster", "failover", how @ ..] => {
                self.failovers.push((at, node, mode(how.first().copied().unwrap_or_default())));
            }
            ["cluster", "bumpepoch"] => self.bumps.push((at, node)),
            ["cluster", word, rest @ ..] if !CLUSTER_READS.contains(word) => {
                self.hands.extend(touched(node, word, rest).into_iter().map(|what| Hand { at, what }));
            }
            ["config", "set", pairs @ ..] => self.settings(at, pairs),
            ["client", "pause", ms, ..] => {
                let until = ms.parse().map_or(SimTime::NEVER, |ms| at + SimDuration::from_ms(ms));
                self.stops.push((at, node, until));
            }
            ["shutdown", how @ ..] => {
                // Who ends waits for its replicas first, and its clients for it.
                self.stops.push((at, node, SimTime::NEVER));
                if how.contains(&"failover") {
                    self.hands_over_since_at(at);
                }
            }
            ["debug" | "eval" | "fcall" | "replicaof" | "slaveof", ..] => {
                self.hands.push(Hand { at, what: Touched::Anything });
            }
            _ => {}
        }
    }

    fn settings(&mut self, at: SimTime, pairs: &[&str]) {
        for pair in pairs.chunks_exact(2) {
            self.times(pair[0], pair[1]);
            if hands_over(pair[0], pair[1]) {
                self.hands_over_since_at(at);
            }
        }
    }

    /// Takes a setting by which nodes time each other.
    fn times(&mut self, name: &str, value: &str) {
        let Some(ms) = value.parse::<u64>().ok().filter(|ms| *ms > 0) else { return };
        // A ping is due after half a node timeout, or after the interval if there is one.
        let factor = match name {
            "cluster-node-timeout" => 1,
            "cluster-ping-interval" => 2,
            "cluster-manual-failover-timeout" => {
                let set = SimDuration::from_ms(ms);
                self.hand_over_timeout = Some(self.hand_over_timeout.map_or(set, |before| before.min(set)));
                return;
            }
            _ => return,
        };
        let (longest, shortest) = self.node_timeouts;
        let set = SimDuration::from_ms(ms * factor);
        self.node_timeouts = (longest.max(set), shortest.min(set));
    }

    fn hands_over_since_at(&mut self, at: SimTime) {
        self.hands_over_since = self.hands_over_since.or(Some(at));
    }

    /// Until when a node may let its clients wait by what it was told by an instant.
    pub(super) fn stops_clients_until(&self, node: NodeId, by: SimTime) -> SimTime {
        let stops = self.stops.iter().filter(|(at, of, _)| *at <= by && *of == node);
        stops.map(|(_, _, until)| *until).max().unwrap_or_default()
    }

    /// The last failover that was asked of a node, and when.
    pub fn failover_of(&self, node: NodeId) -> Option<(SimTime, FailoverMode)> {
        self.failovers.iter().rev().find(|(_, of, _)| *of == node).map(|(at, _, mode)| (*at, *mode))
    }

    /// How often a node was told by an instant to take a new config epoch.
    pub(super) fn bumps_of(&self, node: NodeId, by: SimTime) -> usize {
        self.bumps.iter().filter(|(at, of)| *of == node && *at <= by).count()
    }

    /// Whether a takeover was ever asked of a node.
    pub fn takeover_of(&self, node: NodeId) -> bool {
        self.failovers.iter().any(|(_, of, mode)| *of == node && *mode == FailoverMode::Takeover)
    }

    /// Whether a command may have changed by an instant what a node is.
    pub fn changed_node(&self, node: NodeId, by: SimTime) -> bool {
        self.changed(by, |what| matches!(what, Touched::Node(of) if *of == node))
    }

    /// Whether a command between two instants may have changed what a node is.
    pub fn changed_node_between(&self, node: NodeId, from: SimTime, by: SimTime) -> bool {
        let is_it = |hand: &Hand| hand.at >= from && hand.at <= by && hand.what == Touched::Node(node);
        self.changed(by, |what| *what == Touched::Anything) || self.hands.iter().any(is_it)
    }

    /// Whether a command between two instants may have changed anything of who belongs where.
    pub(super) fn touched_between(&self, from: SimTime, by: SimTime) -> bool {
        self.hands.iter().any(|hand| hand.at >= from && hand.at <= by)
    }

    /// Whether a command may have changed by an instant what a node believes of who owns what.
    pub fn changed_table(&self, node: NodeId, by: SimTime) -> bool {
        self.changed(by, |what| matches!(what, Touched::Table(of) if *of == node))
    }

    /// Whether a command may have changed by an instant who owns any of these slots.
    pub fn changed_slots(&self, slots: &[(u16, u16)], by: SimTime) -> bool {
        self.changed(by, |what| matches!(what, Touched::Slots(touched) if share_slots(touched, slots)))
    }

    /// Whether a command may ever have changed who belongs to the cluster.
    pub fn changed_members(&self) -> bool {
        self.changed(SimTime::NEVER, |what| *what == Touched::Members)
    }

    fn changed(&self, by: SimTime, is_it: impl Fn(&Touched) -> bool) -> bool {
        let mut before = self.hands.iter().take_while(|hand| hand.at <= by);
        before.any(|hand| hand.what == Touched::Anything || is_it(&hand.what))
    }

    /// The longest and the shortest node timeout that counted so far, of what the plan says and what was set.
    pub fn node_timeouts(&self) -> (SimDuration, SimDuration) {
        self.node_timeouts
    }

    /// How long a hand-over could take at least, by all that was set so far.
    pub(super) fn hand_over_timeout(&self) -> SimDuration {
        self.hand_over_timeout.unwrap_or(HAND_OVER_TIMEOUT)
    }

    /// Whether servers may have their replicas take over, by an instant, when they are told to end (from 9.0).
    pub fn hands_over_at_the_end(&self, by: SimTime) -> bool {
        self.hands_over_since.is_some_and(|since| since <= by)
            || self.changed(by, |what| *what == Touched::Anything)
    }
}

/// What a `CLUSTER` command that is no question changes at the node that it is sent to.
fn touched(node: NodeId, word: &str, rest: &[&str]) -> Vec<Touched> {
    let numbers: Vec<u16> = rest.iter().filter_map(|word| word.parse().ok()).collect();
    let slots = |slots: Slots| vec![Touched::Table(node), Touched::Slots(slots)];
    match word {
        "addslots" | "delslots" => slots(numbers.iter().map(|slot| (*slot, *slot)).collect()),
        "setslot" => slots(numbers.iter().take(1).map(|slot| (*slot, *slot)).collect()),
        "addslotsrange" | "delslotsrange" => {
            slots(numbers.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
        }
        "flushslots" => slots(vec![ALL_SLOTS]),
        "forget" => [slots(vec![ALL_SLOTS]), vec![Touched::Members]].concat(),
        "migrateslots" | "cancelslotmigrations" => vec![Touched::Slots(vec![ALL_SLOTS])],
        "reset" => {
            vec![Touched::Node(node), Touched::Table(node), Touched::Slots(vec![ALL_SLOTS]), Touched::Members]
        }
        "replicate" | "set-config-epoch" => vec![Touched::Node(node)],
        "meet" | "bumpepoch" | "saveconfig" => Vec::new(),
        _ => vec![Touched::Anything],
    }
}

/// Whether a setting has servers hand over before they end.
fn hands_over(name: &str, value: &str) -> bool {
    let (name, value) = (name.to_ascii_lowercase(), value.to_ascii_lowercase());
    name.starts_with("shutdown-on-") && value.contains("failover")
}

fn mode(word: &str) -> FailoverMode {
    match word {
        "force" => FailoverMode::Force,
        "takeover" => FailoverMode::Takeover,
        _ => FailoverMode::Default,
    }
}
