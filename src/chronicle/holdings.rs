//! What each server's process holds: the connections that it has open and the children that it forked, as the wire and the kernel know
//! it, beside what it says itself whenever it is asked.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Body, ChildState, Closing, Event, LinkState, Said, Topic};
use crate::id::{ActorId, BUS_PORT, CLIENT_PORT, Host, NodeId};
use crate::time::{SimDuration, SimTime};

/// What changed less than this before a node was asked may stand either way in its answer.
pub const MARGIN: SimDuration = SimDuration::from_secs(5);

/// As many connections are kept at least, whether they are over or not.
const MANY: usize = 1_000;

/// The numbers that a node says of what it holds, by the names of `INFO`.
pub type Numbers = BTreeMap<String, i64>;

/// A node was asked what it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Whom.
    pub node: NodeId,
    /// When its answer was heard.
    pub at: SimTime,
    /// The event.
    pub event: u64,
    /// When its process began.
    pub started_at: SimTime,
    /// What it said.
    pub said: Numbers,
    /// How many connections to its port for clients it had at least, and at most; its own to other nodes' count for the most.
    pub clients: (usize, usize),
    /// Connections that it had though the other end was gone: who was there, and since when it had known.
    pub stale: Vec<(ActorId, SimTime)>,
    /// To whom it had more than one connection of the bus, none of them new.
    pub doubled: BTreeSet<Host>,
    /// Whether a child of its may have been there.
    pub has_child: bool,
}

/// All looks of a run, and what is open now.
#[derive(Clone, Debug, Default)]
pub struct Holdings {
    conns: BTreeMap<u64, Conn>,
    /// Whose ends they are.
    of: BTreeMap<ActorId, BTreeSet<u64>>,
    /// So many connections are kept before those that are over are forgotten.
    enough: usize,
    processes: BTreeMap<NodeId, Process>,
    looks: Vec<Look>,
}

#[derive(Clone, Debug)]
struct Conn {
    from: ActorId,
    to: Host,
    port: u16,
    dialler: End,
    acceptor: End,
}

/// One end of a connection.
#[derive(Clone, Copy, Debug, Default)]
struct End {
    opened_at: Option<SimTime>,
    /// When it was told that the other end is gone.
    gone_at: Option<SimTime>,
    closed_at: Option<SimTime>,
}

#[derive(Clone, Debug, Default)]
struct Process {
    started_at: SimTime,
    /// Since when it runs without a pause.
    awake_since: SimTime,
    children: BTreeSet<u32>,
    child_ended_at: Option<SimTime>,
}

impl End {
    /// Whether it was open all the time from a moment until now, as far as its owner may know.
    fn is_open_since(&self, at: SimTime) -> bool {
        self.opened_at.is_some_and(|opened| opened <= at)
            && self.gone_at.is_none()
            && self.closed_at.is_none()
    }

    /// Whether it was open at some time from a moment on.
    fn was_open_since(&self, at: SimTime) -> bool {
        self.opened_at.is_some() && self.closed_at.is_none_or(|closed| closed >= at)
    }

    /// Since when its owner has it though nobody is at the other end.
    fn stale_since(&self) -> Option<SimTime> {
        self.gone_at.filter(|_| self.opened_at.is_some() && self.closed_at.is_none())
    }
}

impl Conn {
    fn end_of(&mut self, owner: ActorId) -> &mut End {
        if owner == self.from { &mut self.dialler } else { &mut self.acceptor }
    }

    fn is_over(&self, at: SimTime) -> bool {
        let over = |end: &End| end.closed_at.is_some_and(|closed| closed + MARGIN < at);
        over(&self.dialler) && (self.acceptor.opened_at.is_none() || over(&self.acceptor))
    }
}

impl Holdings {
    /// Takes the next event.
    pub fn see(&mut self, event: &Event) {
        let at = event.at;
        match (event.actor, &event.body) {
            (_, Body::Dial { from, conn, to, port }) => {
                if self.conns.len() >= self.enough {
                    self.forget(at);
                    self.enough = MANY.max(2 * self.conns.len());
                }
                let (dialler, acceptor) = (End::default(), End::default());
                let dialled = Conn { from: *from, to: *to, port: *port, dialler, acceptor };
                self.conns.insert(*conn, dialled);
                for owner in [Some(*from), to.owner()].into_iter().flatten() {
                    self.of.entry(owner).or_default().insert(*conn);
                }
            }
            (owner, Body::Link { conn, state }) => self.changed(*conn, owner, *state, at),
            (_, Body::Closed { from, conn, how: Closing::Closed | Closing::Reset }) => {
                if let Some(conn) = self.conns.get_mut(conn) {
                    conn.end_of(*from).closed_at = Some(at);
                }
            }
            (ActorId::Node(node), Body::Start { .. }) => {
                let process = Process { started_at: at, awake_since: at, ..Process::default() };
                self.processes.insert(node, process);
            }
            (ActorId::Node(node), Body::Exited { .. }) => self.ended(node, at),
            (ActorId::Node(node), Body::Pause { paused: false }) => {
                self.processes.entry(node).or_default().awake_since = at;
            }
            (ActorId::Node(node), Body::Child { pid, state }) => {
                let process = self.processes.entry(node).or_default();
                match state {
                    ChildState::Forked => drop(process.children.insert(*pid)),
                    ChildState::Ended => {
                        process.children.remove(pid);
                        process.child_ended_at = Some(at);
                    }
                    ChildState::Refused => {}
                }
            }
            (_, Body::Account { node, topic: Topic::Resources, said }) => self.asked(event, *node, said),
            _ => {}
        }
    }

    fn changed(&mut self, conn: u64, owner: ActorId, state: LinkState, at: SimTime) {
        let Some(conn) = self.conns.get_mut(&conn) else { return };
        let end = conn.end_of(owner);
        match state {
            LinkState::Incoming | LinkState::Connected => end.opened_at = Some(at),
            LinkState::Refused | LinkState::Eof | LinkState::Reset | LinkState::TimedOut => {
                end.gone_at.get_or_insert(at);
            }
            LinkState::Credit | LinkState::Unheard => {}
        }
    }

    fn ended(&mut self, node: NodeId, at: SimTime) {
        self.processes.remove(&node);
        let me = ActorId::Node(node);
        for conn in self.of.get(&me).into_iter().flatten() {
            let Some(conn) = self.conns.get_mut(conn) else { continue };
            if conn.from == me {
                conn.dialler.closed_at.get_or_insert(at);
            }
            // One that has not arrived yet reaches the next process.
            if conn.to == Host::Node(node) && conn.acceptor.opened_at.is_some() {
                conn.acceptor.closed_at.get_or_insert(at);
            }
        }
    }

    /// What is over makes no difference any more.
    fn forget(&mut self, at: SimTime) {
        self.conns.retain(|_, conn| !conn.is_over(at));
        let kept = &self.conns;
        self.of.values_mut().for_each(|conns| conns.retain(|conn| kept.contains_key(conn)));
    }

    fn asked(&mut self, event: &Event, node: NodeId, said: &Said) {
        let at = event.at;
        let Some(said) = numbers(said) else { return };
        let me = ActorId::Node(node);
        let margin = at.before(MARGIN);
        let own = || self.of.get(&me).into_iter().flatten().filter_map(|conn| self.conns.get(conn));
        let accepted = || own().filter(|conn| conn.from != me);
        let dialled = || own().filter(|conn| conn.from == me);
        let by_clients = || accepted().filter(|conn| conn.port == CLIENT_PORT);
        let least = by_clients().filter(|conn| conn.acceptor.is_open_since(margin)).count();
        let most = by_clients().filter(|conn| conn.acceptor.was_open_since(margin)).count();
        let as_client =
            dialled().filter(|conn| conn.port == CLIENT_PORT && conn.dialler.was_open_since(margin));
        let stale = accepted().filter_map(|conn| Some((conn.from, conn.acceptor.stale_since()?)));
        let stale_own = dialled().filter_map(|conn| Some((conn.to.owner()?, conn.dialler.stale_since()?)));
        let process = self.processes.get(&node).cloned().unwrap_or_default();
        let known = |(peer, since): (ActorId, SimTime)| (peer, since.max(process.awake_since));
        let on_bus = dialled().filter(|conn| conn.port == BUS_PORT && conn.dialler.is_open_since(margin));
        let mut once = BTreeSet::new();
        let look = Look {
            node,
            at,
            event: event.i,
            started_at: process.started_at,
            said,
            clients: (least, most + as_client.count()),
            stale: stale.chain(stale_own).map(known).collect(),
            doubled: on_bus.filter(|conn| !once.insert(conn.to)).map(|conn| conn.to).collect(),
            has_child: !process.children.is_empty()
                || process.child_ended_at.is_some_and(|ended| ended >= margin),
        };
        self.looks.push(look);
    }

    /// Every answer, in order.
    pub fn looks(&self) -> &[Look] {
        &self.looks
    }
}

/// The numbers of a flat list of names and values.
fn numbers(said: &Said) -> Option<Numbers> {
    let number = |pair: &[Said]| Some((pair[0].text()?.to_owned(), pair[1].number()?));
    said.list()?.chunks_exact(2).map(number).collect()
}
