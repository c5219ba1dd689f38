//! Replication as it was seen on the wire: which node had executed which command when, and from whom it had it.
//!
//! Every byte between a replica and its primary passes through the simulated network, so what a replica has executed is
//! known: nothing that had not reached it, and everything that it said it had (`REPLCONF ACK`, the headers of the cluster
//! bus, what it asks for when it comes back). Mostly both are one offset; where they are not, whoever judges takes the
//! one that cannot accuse the server wrongly. Data of a node are told as a [`Cut`]: a reign, and how much of it.
//!
//! What is kept grows with nodes, takeovers and commands: 24 bytes for each command that any replica was sent, a tenth of what
//! the clients' history takes for it.

mod breach;
mod link;
mod reign;
mod silence;

use std::collections::BTreeMap;

pub use self::breach::{Breach, What};
use self::link::{Link, Step};
pub use self::reign::{Begin, Copied, Cut, Executed, Extent, Reign, ReignId};
pub use self::silence::{Silences, Slots, Span};
use crate::event::{Answer, Body, Event, Replicated};
use crate::fault::Channel;
use crate::id::{ActorId, NodeId};
use crate::time::{SimDuration, SimTime};
use crate::wire::server_log::{self, Said};

/// More than a primary can execute between two headers, or while nobody hears it.
const UNTOLD_BYTES: u64 = 1 << 30;

/// Replication of a run, as far as it was seen.
#[derive(Clone, Debug)]
pub struct Replication {
    reigns: Vec<Reign>,
    holders: BTreeMap<NodeId, Holder>,
    links: BTreeMap<u64, Link>,
    /// Who must have stopped serving when, because it heard nothing of a majority.
    pub silences: Silences,
    /// What was broken.
    pub breaches: Vec<Breach>,
    /// The highest offset that was seen anywhere.
    highest: u64,
    /// Up to which offset of each reign anything ever reached whom.
    reached: BTreeMap<(ReignId, NodeId), u64>,
    /// Nodes sent each other something off the bus.
    is_seen: bool,
    /// The log tells of replication; one of an older program does not.
    is_told: bool,
}

/// What a node has, and whether its process runs.
#[derive(Clone, Debug)]
struct Holder {
    /// The reign that it began last.
    reign: ReignId,
    /// What it got of another one since.
    copied: Option<(ReignId, Copied)>,
    /// A data set that is there and not loaded yet; until then the node has what it had before.
    loading: Option<(ReignId, Copied)>,
    /// Its process is stopped; what reaches it waits.
    is_paused: bool,
    waiting: Vec<Step>,
    unread: Vec<ReignId>,
    /// When its last full header was sent that called it a primary, and the offset in it.
    said: Option<(SimTime, u64)>,
}

impl Holder {
    /// Whoever has just begun a reign.
    fn of(reign: ReignId) -> Self {
        Holder {
            reign,
            copied: None,
            loading: None,
            is_paused: false,
            waiting: Vec::new(),
            unread: Vec::new(),
            said: None,
        }
    }
}

impl Replication {
    /// Nothing was seen yet of a cluster with this node timeout.
    pub fn new(node_timeout: SimDuration) -> Self {
        Replication {
            reigns: Vec::new(),
            holders: BTreeMap::new(),
            links: BTreeMap::new(),
            silences: Silences::new(node_timeout),
            breaches: Vec::new(),
            highest: 0,
            reached: BTreeMap::new(),
            is_seen: false,
            is_told: false,
        }
    }

    /// Takes the next event.
    pub fn see(&mut self, event: &Event) {
        match (event.actor, &event.body) {
            (ActorId::Node(node), body) => self.see_node(node, event.at, body),
            (_, Body::Sent { from, conn, channel: Channel::Replication, to, len, repl, .. }) => {
                if let Some((from, to)) = from.node().zip(to.node()) {
                    self.sent(event.at, (*conn, from, to), *len, repl.as_deref());
                }
            }
            (_, Body::Closed { from, conn, .. }) => {
                self.closed(*conn, from.node());
            }
            _ => {}
        }
    }

    /// Whoever is gone gets nothing more.
    fn closed(&mut self, conn: u64, by: Option<NodeId>) {
        if self.links.get(&conn).is_some_and(|link| Some(link.replica) == by) {
            self.links.remove(&conn);
        }
    }

    fn see_node(&mut self, node: NodeId, at: SimTime, body: &Body) {
        match body {
            Body::Start { .. } => self.start(node, at),
            Body::Pause { paused } => self.pause(node, at, *paused),
            Body::Deliver { conn, len } => self.deliver(node, *conn, *len),
            Body::Log { line } if self.holders.contains_key(&node) => match server_log::read(line) {
                Some(Said::Elected | Said::TookOver) => self.take_over(node, at),
                Some(Said::Synced) => self.load(node),
                _ => {}
            },
            _ => {}
        }
    }

    /// A node sends a full header of the cluster bus, with its offset, as a primary or as a replica.
    pub fn said(&mut self, node: NodeId, at: SimTime, offset: u64, is_primary: bool) {
        self.measure(node, at, offset, is_primary);
        let Some(holder) = self.holders.get_mut(&node) else {
            return;
        };
        if !is_primary {
            holder.said = None;
            let copied = holder.copied.as_mut().filter(|(_, copied)| offset <= copied.high);
            copied.into_iter().for_each(|(_, copied)| copied.low = copied.low.max(offset));
            return;
        }
        let (before, reign) = (holder.said.replace((at, offset)), holder.reign);
        match holder.copied {
            None => self.fix(reign, at, offset),
            // It did not take over, and is a primary all the same: it was reset.
            Some(_) if before.is_some_and(|(before, _)| before < at) => self.reset(node, at),
            Some(_) => {}
        }
    }

    /// No replica has more than anybody ever had, but for what an old primary executed and told nobody of.
    fn measure(&mut self, node: NodeId, at: SimTime, offset: u64, is_primary: bool) {
        if offset <= self.highest {
            return;
        }
        let copied = self.holders.values().filter_map(|holder| holder.copied.as_ref());
        let highest = copied.map(|(_, copied)| copied.high).max().unwrap_or_default().max(self.highest);
        if is_primary || offset <= highest + UNTOLD_BYTES {
            self.highest = highest.max(offset);
            return;
        }
        self.highest = highest;
        let is_known =
            self.breaches.iter().any(|b| b.replica == node && matches!(b.what, What::ClaimsBeyond { .. }));
        if !is_known {
            let what = What::ClaimsBeyond { claimed: offset, highest };
            self.breaches.push(Breach { at, replica: node, primary: node, what });
        }
    }

    /// A replica is a primary without having taken over (`CLUSTER RESET`): it has nothing of what it had.
    fn reset(&mut self, node: NodeId, at: SimTime) {
        let reign = self.begin(node, at, Begin::Start { before: None });
        let holder = self.holders.get_mut(&node).expect("the caller found it");
        (holder.reign, holder.copied, holder.loading) = (reign, None, None);
    }

    /// `node` hears from `from`, with what that claims to own as a primary, if it says so.
    pub fn heard(
        &mut self,
        (node, from): (NodeId, NodeId),
        [sent_at, at]: [SimTime; 2],
        slots: Option<&Slots>,
        yields: bool,
    ) {
        self.silences.hear(node, from, at, slots);
        let reign = self.reign_since(from, sent_at);
        let (Some(holder), Some(reign)) = (self.holders.get_mut(&node), reign) else {
            return;
        };
        let claims = slots.is_some_and(|slots| !slots.is_empty());
        match claims && yields && self.reigns[reign.0].heard_by(node).is_none() {
            true if holder.is_paused => holder.unread.push(reign),
            true => self.reigns[reign.0].heard.push((node, at)),
            false => {}
        }
    }

    /// The run is over.
    pub fn end(&mut self, at: SimTime) {
        self.silences.end(at);
    }

    /// Whether the log tells of replication, if there was any.
    pub fn is_told(&self) -> bool {
        self.is_told || !self.is_seen
    }

    /// A reign.
    pub fn reign(&self, id: ReignId) -> &Reign {
        &self.reigns[id.0]
    }

    /// All reigns, in the order in which they began.
    pub fn reigns(&self) -> impl DoubleEndedIterator<Item = (ReignId, &Reign)> {
        self.reigns.iter().enumerate().map(|(index, reign)| (ReignId(index), reign))
    }

    /// Whether two reigns grew out of a common one, or one out of the other, whatever disks gave back between.
    pub fn are_kin(&self, one: ReignId, other: ReignId) -> bool {
        let (one, other) = (self.line(one), self.line(other));
        one.iter().any(|reign| other.contains(reign))
    }

    /// A reign and those that it grew out of.
    fn line(&self, id: ReignId) -> Vec<ReignId> {
        let parent = |id: &ReignId| self.reign(*id).parent().map(|cut| cut.of);
        std::iter::successors(Some(id), parent).collect()
    }

    /// What a node has now.
    pub fn data_of(&self, node: NodeId, now: SimTime) -> Option<Cut> {
        self.holders.get(&node).map(|holder| match holder.copied {
            Some((of, copied)) => Cut { of, extent: Extent::Copied(copied) },
            None => Cut { of: holder.reign, extent: Extent::Until(now) },
        })
    }

    /// The reign that a node had begun last at an instant, if it was none of an older one's.
    fn reign_since(&self, node: NodeId, at: SimTime) -> Option<ReignId> {
        let holder = self.holders.get(&node)?;
        (self.reigns[holder.reign.0].began_at <= at).then_some(holder.reign)
    }

    fn begin(&mut self, node: NodeId, at: SimTime, by: Begin) -> ReignId {
        self.reigns.push(Reign::new(node, at, by));
        ReignId(self.reigns.len() - 1)
    }

    fn start(&mut self, node: NodeId, at: SimTime) {
        let before = self.data_of(node, at);
        let reign = self.begin(node, at, Begin::Start { before });
        self.holders.insert(node, Holder::of(reign));
        self.silences.begin_anew(node, at);
    }

    fn take_over(&mut self, node: NodeId, at: SimTime) {
        let data = self.data_of(node, at).expect("it was started");
        let reign = self.begin(node, at, Begin::Takeover(data));
        self.reigns[reign.0].others = self.copies_beside(node);
        let holder = self.holders.get_mut(&node).expect("it was started");
        (holder.reign, holder.copied, holder.loading) = (reign, None, None);
        if let Some((said_at, offset)) = holder.said {
            self.fix(reign, said_at, offset);
        }
    }

    /// What all nodes but one have copied.
    fn copies_beside(&self, node: NodeId) -> Vec<(NodeId, Cut)> {
        let others = self.holders.iter().filter(|(other, _)| **other != node);
        let copies = others.filter_map(|(other, holder)| {
            let (of, copied) = holder.copied?;
            Some((*other, Cut { of, extent: Extent::Copied(copied) }))
        });
        copies.collect()
    }

    /// A new primary says up to where it has got: in the very turn in which it took over exactly that, and later no less.
    fn fix(&mut self, reign: ReignId, said_at: SimTime, offset: u64) {
        let reign = &mut self.reigns[reign.0];
        if let Begin::Takeover(Cut { extent: Extent::Copied(copied), .. }) = &mut reign.by
            && (copied.low..=copied.high).contains(&offset)
        {
            copied.high = offset;
            if said_at == reign.began_at {
                copied.low = offset;
            }
        }
    }

    fn pause(&mut self, node: NodeId, at: SimTime, is_paused: bool) {
        let Some(holder) = self.holders.get_mut(&node) else {
            return;
        };
        holder.is_paused = is_paused;
        let (waiting, unread) = (std::mem::take(&mut holder.waiting), std::mem::take(&mut holder.unread));
        waiting.into_iter().for_each(|step| self.take(node, step));
        unread.into_iter().for_each(|reign| self.reigns[reign.0].heard.push((node, at)));
        self.silences.begin_anew(node, at);
    }

    fn deliver(&mut self, node: NodeId, conn: u64, len: u64) {
        let Some(link) = self.links.get_mut(&conn).filter(|link| link.replica == node) else {
            return;
        };
        for step in link.arrive(len) {
            match self.holders.get_mut(&node) {
                Some(holder) if holder.is_paused => holder.waiting.push(step),
                _ => self.take(node, step),
            }
        }
    }

    /// Up to which offset of a primary's stream anything ever reached each of its replicas.
    pub fn reached_from(&self, primary: NodeId) -> Vec<u64> {
        let reign = self.holders.get(&primary).map(|holder| holder.copied.map_or(holder.reign, |(of, _)| of));
        let own = self.reached.iter().filter(|((of, _), _)| Some(*of) == reign);
        own.map(|(_, offset)| *offset).collect()
    }

    /// A replica has got on.
    fn take(&mut self, node: NodeId, step: Step) {
        let (Step::Whole { reign, offset, .. }
        | Step::Continues { reign, offset }
        | Step::Stream { reign, offset }) = step;
        let reached = self.reached.entry((reign, node)).or_default();
        *reached = (*reached).max(offset);
        let Some(holder) = self.holders.get_mut(&node) else {
            return;
        };
        let loading = holder.loading.is_some();
        match (step, if loading { &mut holder.loading } else { &mut holder.copied }) {
            (Step::Whole { reign, offset, since }, _) => {
                self.reigns[reign.0].snapshots.push((since, offset));
                holder.loading = Some((reign, Copied::from(offset, since)));
                self.data_is_there(node);
            }
            (Step::Continues { reign, offset }, copied) => {
                let since = copied.map_or(self.reigns[holder.reign.0].began_at, |(_, copied)| copied.since);
                *copied = Some((reign, Copied::from(offset, since)));
            }
            (Step::Stream { reign, offset }, Some((of, copied))) => {
                (*of, copied.high) = (reign, copied.high.max(offset));
            }
            // It is none that follows anybody.
            (Step::Stream { .. }, None) => {}
        }
    }

    /// A replica has loaded the data set that had reached it; it says so, or acknowledges what came after it. From 9.0 on a
    /// thread of its own writes the data set to disk first, so that this may take a while.
    fn load(&mut self, node: NodeId) {
        let holder = self.holders.get_mut(&node);
        if let Some((holder, loaded)) =
            holder.and_then(|holder| holder.loading.take().map(|data| (holder, data)))
        {
            holder.copied = Some(loaded);
        }
    }

    /// The data set came on a connection of its own; the stream waited for it on another one.
    fn data_is_there(&mut self, node: NodeId) {
        let waiting = self.links.values_mut().filter(|link| link.replica == node && link.waits_for_data);
        let steps: Vec<Step> = waiting.filter_map(Link::data_is_there).collect();
        steps.into_iter().for_each(|step| self.take(node, step));
    }

    fn sent(
        &mut self,
        at: SimTime,
        (conn, from, to): (u64, NodeId, NodeId),
        len: u64,
        said: Option<&Replicated>,
    ) {
        self.is_seen = true;
        if let Some(asks) = said.and_then(|said| said.asks.as_ref()) {
            let link = self.links.entry(conn).or_insert_with(|| Link::new(from, to));
            link.asked = Some(asks.offset).filter(|offset| *offset >= 0);
            // Whoever asks anew has given up what it was about to load, unless the stream is to come beside the data set, which
            // may be there by then.
            if !link.is_beside_data {
                self.holders.get_mut(&from).into_iter().for_each(|holder| holder.loading = None);
            }
        }
        // On the connection for the data set alone nothing is asked for that names a history.
        let begins = said.is_some_and(|said| matches!(said.answer, Some(Answer::Snapshot(_))));
        if begins {
            self.links.insert(conn, Link::new(to, from));
        }
        let Some(link) = self.links.get_mut(&conn) else {
            return;
        };
        match (link.primary == from, said) {
            (true, said) => {
                link.send(len);
                said.into_iter().for_each(|said| self.answer(at, conn, said));
            }
            (false, Some(said)) => said.ack.into_iter().for_each(|ack| self.acknowledge(at, conn, ack)),
            (false, None) => {}
        }
    }

    fn acknowledge(&mut self, at: SimTime, conn: u64, acked: u64) {
        let link = self.links.get_mut(&conn).expect("the caller found it");
        let (replica, primary, before) = (link.replica, link.primary, link.acked);
        link.acked = acked;
        self.load(replica);
        let mut breach = |what| self.breaches.push(Breach { at, replica, primary, what });
        if acked < before {
            breach(What::AcksBack { acked, before });
        }
        let copied = self.holders.get_mut(&replica).and_then(|holder| holder.copied.as_mut());
        if let Some((_, copied)) = copied {
            if acked > copied.high {
                breach(What::AcksBeyond { acked, arrived: copied.high });
            }
            copied.low = copied.low.max(acked.min(copied.high));
        }
    }

    /// What a primary sends to its replica.
    fn answer(&mut self, at: SimTime, conn: u64, said: &Replicated) {
        self.is_told = true;
        let link = &self.links[&conn];
        let (primary, replica, asked) = (link.primary, link.replica, link.asked);
        let what = said.no_command.map(|offset| What::NoCommand { offset });
        self.breaches.extend(what.map(|what| Breach { at, replica, primary, what }));
        let Some(reign) = self.data_of(primary, at).map(|data| data.of) else {
            return;
        };
        match &said.answer {
            Some(Answer::Full(position) | Answer::Snapshot(position)) => {
                let offset = u64::try_from(position.offset).unwrap_or(0);
                self.link(conn).data_set = Some((reign, offset, at));
            }
            Some(Answer::Dual) => self.link(conn).expect_data(),
            Some(Answer::Continue(_)) => {
                if let Some(offset) = asked.and_then(|asked| u64::try_from(asked - 1).ok()) {
                    self.go_on(at, (conn, said), reign, offset);
                }
            }
            None => {}
        }
        if said.whole == Some(true) {
            self.whole(conn, said);
        }
        for (before_end, command) in link::commands(said) {
            self.execute(at, (conn, before_end), reign, command);
        }
    }

    fn link(&mut self, conn: u64) -> &mut Link {
        self.links.get_mut(&conn).expect("the caller found it")
    }

    /// The last byte of a data set is sent; commands may follow it in the same chunk.
    fn whole(&mut self, conn: u64, said: &Replicated) {
        let link = self.link(conn);
        if let Some((reign, offset, since)) = link.data_set.take() {
            link.mark(behind(said), Step::Whole { reign, offset, since });
        }
    }

    fn execute(&mut self, at: SimTime, (conn, before_end): (u64, u64), reign: ReignId, command: Executed) {
        let home = self.home(reign, command.end);
        let differs = self.reigns[home.0].execute(command).is_err();
        let link = self.link(conn);
        link.mark(before_end, Step::Stream { reign, offset: command.end });
        if differs {
            let (replica, primary) = (link.replica, link.primary);
            let what = What::Differs { offset: command.end };
            self.breaches.push(Breach { at, replica, primary, what });
        }
    }

    /// The reign in which a command was executed that stands at an offset of a later one's stream.
    fn home(&self, mut reign: ReignId, offset: u64) -> ReignId {
        while let Begin::Takeover(Cut { of, extent: Extent::Copied(copied) }) = self.reigns[reign.0].by
            && offset <= copied.high
        {
            reign = of;
        }
        reign
    }

    /// A primary lets a replica go on behind an offset: both must have the same up to there.
    fn go_on(&mut self, at: SimTime, (conn, said): (u64, &Replicated), reign: ReignId, from: u64) {
        let link = self.link(conn);
        let (replica, primary, is_beside_data) = (link.replica, link.primary, link.is_beside_data);
        link.mark(behind(said), Step::Continues { reign, offset: from });
        let what = if is_beside_data { None } else { self.misplaced(replica, (reign, from), at) };
        self.breaches.extend(what.map(|what| Breach { at, replica, primary, what }));
    }

    /// Why a replica must not go on behind an offset of a reign, if it must not. What a process has that was just started is
    /// on its disk, and not known here.
    fn misplaced(&self, replica: NodeId, (reign, from): (ReignId, u64), at: SimTime) -> Option<What> {
        let data = self.data_of(replica, at)?;
        let of_process = matches!(self.reigns[data.of.0].by, Begin::Start { .. });
        if let Extent::Copied(copied) = data.extent
            && !(copied.low..=copied.high).contains(&from)
        {
            return Some(What::GoesOnElsewhere { from, low: copied.low, high: copied.high });
        }
        if of_process && matches!(data.extent, Extent::Until(_)) {
            return None;
        }
        let common = self.common(reign, data.of);
        (common.is_none_or(|common| from > common)).then_some(What::Diverged { from, common })
    }

    /// Up to where a reign has the same as an earlier one; without end if it is the same one, or a disk lies between.
    fn common(&self, mut reign: ReignId, earlier: ReignId) -> Option<u64> {
        let mut common = u64::MAX;
        while reign != earlier {
            match self.reigns[reign.0].by {
                Begin::Takeover(Cut { of, extent: Extent::Copied(copied) }) => {
                    common = common.min(copied.high);
                    reign = of;
                }
                Begin::Takeover(Cut { of, .. }) => reign = of,
                Begin::Start { before } => return before.map(|_| common),
            }
        }
        Some(common)
    }
}

#[cfg(test)]
impl Replication {
    /// Adds a reign that no event told of.
    pub fn begin_for_test(&mut self, reign: Reign) {
        self.holders.insert(reign.node, Holder::of(ReignId(self.reigns.len())));
        self.reigns.push(reign);
    }

    /// A reign, to be changed.
    pub fn reign_for_test(&mut self, id: ReignId) -> &mut Reign {
        &mut self.reigns[id.0]
    }
}

/// How many bytes of a chunk belong to the stream: they come after everything else in it.
fn behind(said: &Replicated) -> u64 {
    said.commands.0.iter().map(|command| command.len).sum::<u64>() + said.rest
}

#[cfg(test)]
mod tests;
