//! Between which two turns of which node each operation of a client was executed.
//!
//! A command cannot be executed before its last byte was delivered to its node, nor after the first byte of its reply was
//! sent; and a node that runs does both in one turn. So the order in which a node executed what clients asked is known
//! turn by turn, for replies that got lost too. An attempt that was redirected or put off did nothing: only the last one of an
//! operation counts.

use std::collections::BTreeMap;

use super::replication::{Copied, Cut, Extent, Replication};
use crate::event::{Body, Event};
use crate::fault::Channel;
use crate::history::Request;
use crate::id::{ActorId, ClientId, Host, NodeId};
use crate::model;
use crate::time::SimTime;

/// An event, and when it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// Its number.
    pub event: u64,
    /// When.
    pub at: SimTime,
}

/// Where an operation was executed, if it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Execution {
    /// Where.
    pub node: NodeId,
    /// Over which connection.
    pub conn: u64,
    /// When its last byte reached the node; nothing if it never did, so that it was not executed.
    pub from: Option<Moment>,
    /// The turn by which it was executed, if it was: the one that sent its reply, or the end of its connection or process.
    pub to: Option<Moment>,
    /// It had been asked over this connection before, and was refused.
    pub again: bool,
    /// What its node had meanwhile: the least of it when the operation reached it, and the most when it was replied to.
    pub data: Option<Cut>,
}

/// What a node had got and had not answered when its client left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// Whose.
    pub client: ClientId,
    /// Which of its operations.
    pub sequence: u64,
    /// Who had got it.
    pub node: NodeId,
    /// When, or when it said the last of what it answered.
    pub from: Moment,
    /// When the client left.
    pub left_at: SimTime,
    /// The node had begun to answer, and said no more since then.
    pub in_part: bool,
}

/// How many of them are kept: more tell nothing new.
const KEPT: usize = 64;

/// The operations of a run.
#[derive(Clone, Debug, Default)]
pub struct Executions {
    done: Done,
    /// The operation of each client that is open.
    open: BTreeMap<ClientId, Open>,
    /// What reached each client last, and over which connection.
    reached: BTreeMap<ClientId, (u64, u64)>,
    /// Operations whose clients gave up with this event, until it is seen which connection they gave up.
    given_up: BTreeMap<ClientId, (u64, Open)>,
    streams: BTreeMap<u64, Stream>,
    /// Up to which offset each node had sent its stream to a replica by which turn.
    streamed: BTreeMap<NodeId, Vec<(Moment, u64)>>,
    /// What had reached the replicas of a node when it answered a client that waits for them last.
    promised: BTreeMap<(ClientId, u64, NodeId), Vec<u64>>,
    /// What nodes had got and not answered when its client left.
    unanswered: Vec<Unanswered>,
    /// Attempts whose client does not wait any more, and that may still be executed: by connection.
    left: BTreeMap<u64, Vec<Attempt>>,
}

/// An open operation, with what was sent last on each connection since it was invoked: its last attempt is among it.
#[derive(Clone, Debug, Default)]
struct Open {
    /// Nothing when its client has none open.
    sequence: Option<u64>,
    /// It is more than one command, so that it may be executed bit by bit.
    is_several: bool,
    /// It waits for replicas.
    is_promise: bool,
    attempts: Attempts,
}

/// The last attempt on each connection, by connection: seldom more than one, for which a map would be dear.
#[derive(Clone, Debug, Default)]
struct Attempts(Vec<Attempt>);

/// What was executed, by client and number. Operations of a client end nearly in order.
#[derive(Clone, Debug, Default)]
struct Done(BTreeMap<ClientId, Vec<(u64, Execution)>>);

/// A request on its way, and what was seen of it.
#[derive(Clone, Copy, Debug)]
struct Attempt {
    who: (ClientId, u64),
    conn: u64,
    /// What the client had sent on the connection before it, in bytes.
    begin: u64,
    /// The same with it.
    end: u64,
    is_several: bool,
    execution: Execution,
}

/// How many bytes a connection carried.
#[derive(Clone, Debug, Default)]
struct Stream {
    /// Whose it is, once that has asked over it.
    client: Option<ClientId>,
    asked: u64,
    delivered: u64,
    replied: u64,
    received: u64,
    /// What the node sent and the client has not got: up to which byte, and the turn.
    under_way: Vec<(u64, Moment)>,
    /// The turn that sent what the client got last.
    got: Option<Moment>,
    /// The turn that sent last.
    said: Option<Moment>,
}

impl Done {
    fn insert(&mut self, (client, sequence): (ClientId, u64), execution: Execution) {
        let own = self.0.entry(client).or_default();
        match own.last() {
            Some((last, _)) if *last >= sequence => {
                match own.binary_search_by_key(&sequence, |(sequence, _)| *sequence) {
                    Ok(place) => own[place].1 = execution,
                    Err(place) => own.insert(place, (sequence, execution)),
                }
            }
            _ => own.push((sequence, execution)),
        }
    }

    fn get(&self, (client, sequence): (ClientId, u64)) -> Option<Execution> {
        let own = self.0.get(&client)?;
        // Numbers that are not there make the place an earlier one.
        let at_most = usize::try_from(sequence.checked_sub(own.first()?.0)?).ok()?;
        let place = match own.get(at_most) {
            Some((there, _)) if *there == sequence => at_most,
            _ => own.binary_search_by_key(&sequence, |(sequence, _)| *sequence).ok()?,
        };
        Some(own[place].1)
    }
}

impl Open {
    /// Its client has none open; the room for attempts stays.
    fn close(&mut self) {
        self.sequence = None;
        self.attempts.0.clear();
    }
}

impl Attempts {
    fn put(&mut self, attempt: Attempt) {
        let place = self.0.partition_point(|other| other.conn < attempt.conn);
        match self.0.get_mut(place).filter(|other| other.conn == attempt.conn) {
            Some(before) => *before = attempt,
            None => self.0.insert(place, attempt),
        }
    }

    fn on(&self, conn: u64) -> Option<&Attempt> {
        self.0.iter().find(|attempt| attempt.conn == conn)
    }

    fn on_mut(&mut self, conn: u64) -> Option<&mut Attempt> {
        self.0.iter_mut().find(|attempt| attempt.conn == conn)
    }
}

impl Attempt {
    /// Whether a node that got so many bytes can have begun with it.
    fn has_begun(&self, delivered: u64) -> bool {
        if self.is_several { delivered > self.begin } else { delivered >= self.end }
    }
}

impl Executions {
    /// Takes the next event.
    pub(super) fn see(&mut self, event: &Event, replication: &Replication) {
        match (event.actor, &event.body) {
            (ActorId::Client(client), Body::Invoke { sequence, request }) => {
                let is_several = matches!(request, Request::Call { commands, .. } if commands.len() > 1);
                let is_promise = waits_for_replicas(request);
                let open = self.open.entry(client).or_default();
                open.close();
                (open.sequence, open.is_several, open.is_promise) = (Some(*sequence), is_several, is_promise);
            }
            (ActorId::Client(client), Body::Complete { sequence, .. }) => {
                self.complete(client, *sequence, event.cause);
            }
            (_, Body::Sent { from, conn, channel: Channel::Client, to, len, .. }) => {
                let turn = Moment { event: event.cause.unwrap_or(event.i), at: event.at };
                match (*from, *to) {
                    (ActorId::Client(client), Host::Node(node)) => self.asked(client, node, (*conn, *len)),
                    (ActorId::Node(node), Host::Client(client)) => {
                        self.replied((*conn, *len), turn, || replication.data_of(node, event.at));
                        self.promise(client, node, replication);
                    }
                    _ => {}
                }
            }
            (_, Body::Sent { from: ActorId::Node(node), repl: Some(said), .. }) => {
                if let Some(to) = said.to {
                    let turn = Moment { event: event.cause.unwrap_or(event.i), at: event.at };
                    self.streamed.entry(*node).or_default().push((turn, to));
                }
            }
            (ActorId::Node(node), Body::Deliver { conn, len }) => {
                let now = Moment { event: event.i, at: event.at };
                self.delivered((*conn, *len), now, || replication.data_of(node, event.at));
            }
            (ActorId::Client(client), Body::Deliver { conn, len }) => {
                self.reached.insert(client, (event.i, *conn));
                self.received(*conn, *len);
            }
            (ActorId::Client(client), Body::Link { conn, .. }) => {
                self.reached.insert(client, (event.i, *conn));
            }
            (_, Body::Closed { from: ActorId::Client(client), conn, .. }) => {
                self.leave(*conn, event.at);
                self.unanswered_in_part(*conn, event);
                self.dropped(*client, *conn, event.cause);
            }
            (_, Body::Closed { from: ActorId::Node(_), conn, .. }) => {
                self.over(*conn, Moment { event: event.cause.unwrap_or(event.i), at: event.at });
            }
            (ActorId::Node(node), Body::Exited { .. }) => {
                self.ended(node, Moment { event: event.i, at: event.at });
            }
            _ => {}
        }
    }

    /// Where an operation was executed; nothing if it never left its client.
    pub fn of(&self, client: ClientId, sequence: u64) -> Option<Execution> {
        self.done.get((client, sequence)).or_else(|| self.under_way(client, sequence))
    }

    fn under_way(&self, client: ClientId, sequence: u64) -> Option<Execution> {
        let given_up = self.given_up.get(&client).map(|(_, open)| open);
        let open = self.open.get(&client).into_iter().chain(given_up);
        let open = open.filter(|open| open.sequence == Some(sequence)).flat_map(|open| &open.attempts.0);
        let left = self.left.values().flatten().filter(|attempt| attempt.who == (client, sequence));
        Some(left.chain(open).max_by_key(|attempt| attempt.execution.from)?.execution)
    }

    /// What reached a client with which it did what has this cause: the event, and over which connection.
    pub(super) fn reached_with(&self, client: ClientId, cause: Option<u64>) -> Option<(u64, u64)> {
        self.reached.get(&client).copied().filter(|(event, _)| Some(*event) == cause)
    }

    /// What had reached the replicas of a node when it answered an operation that waits for them: offsets of its stream.
    pub fn promised(&self, client: ClientId, sequence: u64, node: NodeId) -> Option<&[u64]> {
        self.promised.get(&(client, sequence, node)).map(Vec::as_slice)
    }

    fn promise(&mut self, client: ClientId, node: NodeId, replication: &Replication) {
        if let Some(open) = self.open.get(&client).filter(|open| open.is_promise)
            && let Some(sequence) = open.sequence
        {
            self.promised.insert((client, sequence, node), replication.reached_from(node));
        }
    }

    /// Up to which offsets a node had sent its stream, by turn: what it executed later comes behind them.
    pub fn streamed(&self, node: NodeId) -> &[(Moment, u64)] {
        self.streamed.get(&node).map_or(&[], Vec::as_slice)
    }

    fn asked(&mut self, client: ClientId, node: NodeId, (conn, len): (u64, u64)) {
        let stream = self.streams.entry(conn).or_default();
        let begin = stream.asked;
        stream.asked += len;
        stream.client = Some(client);
        if let Some(open) = self.open.get_mut(&client)
            && let Some(sequence) = open.sequence
        {
            let again = open.attempts.on(conn).is_some();
            let execution = Execution { node, conn, from: None, to: None, again, data: None };
            let (who, is_several) = ((client, sequence), open.is_several);
            let attempt = Attempt { who, conn, begin, end: stream.asked, is_several, execution };
            open.attempts.put(attempt);
        }
    }

    /// The attempts that a connection carries.
    fn on(&mut self, conn: u64) -> impl Iterator<Item = &mut Attempt> {
        let client = self.streams.get(&conn).and_then(|stream| stream.client);
        let given_up = client.and_then(|client| Some(&mut self.given_up.get_mut(&client)?.1));
        let open = client.and_then(|client| self.open.get_mut(&client)).into_iter().chain(given_up);
        let open = open.filter_map(move |open| open.attempts.on_mut(conn));
        open.chain(self.left.get_mut(&conn).into_iter().flatten())
    }

    fn delivered(&mut self, (conn, len): (u64, u64), now: Moment, data: impl Fn() -> Option<Cut>) {
        let Some(stream) = self.streams.get_mut(&conn) else { return };
        stream.delivered += len;
        let delivered = stream.delivered;
        for attempt in self.on(conn).filter(|attempt| attempt.has_begun(delivered)) {
            if attempt.execution.from.is_none() {
                (attempt.execution.from, attempt.execution.data) = (Some(now), data());
            }
        }
    }

    fn replied(&mut self, (conn, len): (u64, u64), turn: Moment, data: impl Fn() -> Option<Cut>) {
        let Some(stream) = self.streams.get_mut(&conn) else { return };
        stream.replied += len;
        stream.said = Some(turn);
        stream.under_way.push((stream.replied, turn));
        let delivered = stream.delivered;
        for attempt in self.on(conn).filter(|attempt| attempt.end <= delivered) {
            if attempt.execution.to.is_none() {
                attempt.execution.to = Some(turn);
                attempt.execution.data = both(attempt.execution.data, data());
            }
        }
    }

    fn received(&mut self, conn: u64, len: u64) {
        let Some(stream) = self.streams.get_mut(&conn) else { return };
        stream.received += len;
        let whole = stream.under_way.partition_point(|(end, _)| *end < stream.received);
        stream.got = stream.under_way.get(whole).map(|(_, turn)| *turn).or(stream.got);
        let over = stream.under_way.partition_point(|(end, _)| *end <= stream.received);
        stream.under_way.drain(..over);
    }

    /// What reached the client with this event completed its operation, or it gave up by itself.
    fn complete(&mut self, client: ClientId, sequence: u64, cause: Option<u64>) {
        let reached = self.reached_with(client, cause);
        let Some(open) = self.open.get_mut(&client) else { return };
        let is_this = open.sequence == Some(sequence);
        match (reached, cause) {
            (Some((_, conn)), _) if is_this => {
                let attempt = open.attempts.on(conn).copied();
                open.close();
                attempt.into_iter().for_each(|attempt| self.settle(attempt));
            }
            (None, Some(cause)) if is_this => {
                self.given_up.insert(client, (cause, std::mem::take(open)));
            }
            _ => open.close(),
        }
    }

    /// What nodes had got and not answered when its client left.
    pub fn unanswered(&self) -> &[Unanswered] {
        &self.unanswered
    }

    fn leave(&mut self, conn: u64, left_at: SimTime) {
        let open = |attempt: &mut Attempt| {
            let ((client, sequence), Execution { node, from, .. }) = (attempt.who, attempt.execution);
            let from = from.filter(|_| attempt.execution.to.is_none())?;
            Some(Unanswered { client, sequence, node, from, left_at, in_part: false })
        };
        let new = self.on(conn).filter_map(open).collect::<Vec<_>>();
        self.keep(new);
    }

    /// A client closes a connection: it may have given up an operation of whose answer it has all that was sent.
    fn unanswered_in_part(&mut self, conn: u64, closed: &Event) {
        let of_this = self.given_up.values().filter(|(event, _)| Some(*event) == closed.cause);
        let Some(attempt) = of_this.filter_map(|(_, open)| open.attempts.on(conn)).next() else { return };
        let Some(stream) = self.streams.get(&conn).filter(|stream| stream.under_way.is_empty()) else {
            return;
        };
        let ((client, sequence), Execution { node, from, to, .. }) = (attempt.who, attempt.execution);
        let begun = stream.said.filter(|said| to.is_some() && from.is_some_and(|from| from <= *said));
        let cut =
            begun.map(|from| Unanswered { client, sequence, node, from, left_at: closed.at, in_part: true });
        self.keep(cut.into_iter().collect());
    }

    fn keep(&mut self, new: Vec<Unanswered>) {
        let room = KEPT.saturating_sub(self.unanswered.len());
        self.unanswered.extend(new.into_iter().take(room));
    }

    /// A client that gives an operation up drops its connection at once.
    fn dropped(&mut self, client: ClientId, conn: u64, cause: Option<u64>) {
        let given_up = self.given_up.get(&client).filter(|(event, _)| Some(*event) == cause);
        if let Some(attempt) = given_up.and_then(|(_, open)| open.attempts.on(conn)).copied() {
            self.given_up.remove(&client);
            self.settle(attempt);
        }
    }

    /// This was the last attempt of an operation.
    fn settle(&mut self, mut attempt: Attempt) {
        // Of several replies the first is sent first; all were executed by the turn that sent the last.
        let got = self.streams.get(&attempt.conn).and_then(|stream| stream.got);
        if let (Some(to), Some(got)) = (&mut attempt.execution.to, got) {
            *to = (*to).max(got);
        }
        if attempt.execution.to.is_some() {
            self.done.insert(attempt.who, attempt.execution);
        } else {
            self.left.entry(attempt.conn).or_default().push(attempt);
        }
    }

    /// Nothing more is executed of what a connection carried.
    fn over(&mut self, conn: u64, turn: Moment) {
        for attempt in self.on(conn) {
            attempt.execution.to.get_or_insert(turn);
        }
        for attempt in self.left.remove(&conn).unwrap_or_default() {
            self.done.insert(attempt.who, attempt.execution);
        }
        self.streams.remove(&conn);
    }

    fn ended(&mut self, node: NodeId, now: Moment) {
        let given_up = self.given_up.values_mut().map(|(_, open)| open);
        let open = self.open.values_mut().chain(given_up).flat_map(|open| &mut open.attempts.0);
        let all = open.chain(self.left.values_mut().flatten());
        for attempt in all.filter(|attempt| attempt.execution.node == node) {
            attempt.execution.to.get_or_insert(now);
        }
    }
}

/// Whether a client waits for replicas to have what it wrote.
fn waits_for_replicas(request: &Request) -> bool {
    let Request::Call { commands, .. } = request else { return false };
    commands.last().is_some_and(|command| model::waits_for_replicas(command))
}

/// What a node had at some time between two looks; nothing if it got what it has elsewhere meanwhile.
fn both(earlier: Option<Cut>, later: Option<Cut>) -> Option<Cut> {
    let (earlier, later) = (earlier?, later?);
    match (earlier.extent, later.extent) {
        _ if earlier.of != later.of => None,
        (Extent::Copied(from), Extent::Copied(to)) => {
            let copied = Copied { low: from.low.min(to.low), high: from.high.max(to.high), ..to };
            Some(Cut { extent: Extent::Copied(copied), ..later })
        }
        (Extent::Until(_), Extent::Until(_)) => Some(later),
        _ => None,
    }
}

#[cfg(test)]
impl Executions {
    /// Adds an execution that no event told of.
    pub fn insert_for_test(&mut self, client: ClientId, sequence: u64, execution: Execution) {
        self.done.insert((client, sequence), execution);
    }

    /// Adds what had reached the replicas when an operation was told for how many it had waited.
    pub fn promise_for_test(&mut self, (client, sequence): (ClientId, u64), node: NodeId, reached: Vec<u64>) {
        self.promised.insert((client, sequence, node), reached);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Outcome;
    use crate::time::SimDuration;

    /// Tells events of one client and node 1 over connection 7; each is its own cause.
    struct Teller {
        executions: Executions,
        next: u64,
    }

    impl Teller {
        fn new() -> Self {
            Teller { executions: Executions::default(), next: 0 }
        }

        fn tell(&mut self, actor: ActorId, body: Body) -> &mut Self {
            let (i, at) = (self.next, SimTime::from_ns(self.next));
            let event = Event { i, at, actor, kind: body.kind(), cause: Some(i), body };
            self.next += 1;
            self.executions.see(&event, &Replication::new(SimDuration::from_secs(1)));
            self
        }

        fn client(&mut self, body: Body) -> &mut Self {
            self.tell(ActorId::Client(ClientId(1)), body)
        }

        fn invoke(&mut self, sequence: u64) -> &mut Self {
            self.client(Body::Invoke { sequence, request: Request::Get { key: "k".to_owned() } })
        }

        fn complete(&mut self, sequence: u64) -> &mut Self {
            self.client(Body::Complete { sequence, outcome: Outcome::Ok(None), node: None })
        }

        fn sent(&mut self, from: ActorId, to: Host, len: u64) -> &mut Self {
            self.sent_on(7, from, to, len)
        }

        fn sent_on(&mut self, conn: u64, from: ActorId, to: Host, len: u64) -> &mut Self {
            let (digest, channel) = (String::new(), Channel::Client);
            let sent = Body::Sent { from, conn, channel, to, len, digest, bus: None, repl: None };
            self.tell(ActorId::Network, sent)
        }

        /// What reached the client last completes its operation.
        fn told(&mut self, sequence: u64) -> &mut Self {
            let (i, at, actor) = (self.next, SimTime::from_ns(self.next), ActorId::Client(ClientId(1)));
            let body = Body::Complete { sequence, outcome: Outcome::Ok(None), node: None };
            let event = Event { i, at, actor, kind: body.kind(), cause: Some(i - 1), body };
            self.executions.see(&event, &Replication::new(SimDuration::from_secs(1)));
            self.next += 1;
            self
        }

        fn ask(&mut self) -> &mut Self {
            self.sent(ActorId::Client(ClientId(1)), Host::Node(NodeId(1)), 10)
        }

        fn arrive(&mut self) -> &mut Self {
            self.tell(ActorId::Node(NodeId(1)), Body::Deliver { conn: 7, len: 10 })
        }

        fn reply(&mut self) -> &mut Self {
            self.sent(ActorId::Node(NodeId(1)), Host::Client(ClientId(1)), 5)
        }

        fn between(&self, sequence: u64) -> Option<(Option<u64>, Option<u64>)> {
            let execution = self.executions.of(ClientId(1), sequence)?;
            Some((execution.from.map(|from| from.event), execution.to.map(|to| to.event)))
        }
    }

    #[test]
    fn an_operation_is_executed_between_its_delivery_and_its_reply() {
        let mut teller = Teller::new();
        teller.invoke(1).ask().arrive().reply().client(Body::Deliver { conn: 7, len: 5 }).told(1);
        assert_eq!(teller.between(1), Some((Some(2), Some(3))));
        teller.invoke(2).ask().arrive().reply().client(Body::Deliver { conn: 7, len: 5 }).told(2);
        assert_eq!(teller.between(2), Some((Some(8), Some(9))));
    }

    #[test]
    fn what_is_asked_again_over_its_connection_was_refused_before() {
        let mut teller = Teller::new();
        teller.invoke(1).ask().arrive().reply().client(Body::Deliver { conn: 7, len: 5 });
        teller.ask().arrive().reply().client(Body::Deliver { conn: 7, len: 5 }).told(1);
        teller.invoke(2).ask().arrive().reply().client(Body::Deliver { conn: 7, len: 5 }).told(2);
        let again = |sequence| teller.executions.of(ClientId(1), sequence).map(|execution| execution.again);
        assert_eq!((again(1), again(2)), (Some(true), Some(false)));
    }

    #[test]
    fn a_request_that_never_arrived_was_not_executed() {
        let mut teller = Teller::new();
        teller.invoke(1).ask().complete(1);
        assert_eq!(teller.between(1), Some((None, None)));
        assert_eq!(teller.invoke(2).complete(2).between(2), None);
    }

    #[test]
    fn what_a_client_asks_beside_its_operation_is_none_of_its_attempts() {
        let mut teller = Teller::new();
        teller.invoke(1).ask().sent_on(8, ActorId::Client(ClientId(1)), Host::Node(NodeId(2)), 28);
        teller.arrive().reply().client(Body::Deliver { conn: 7, len: 5 });
        teller.told(1);
        let execution = teller.executions.of(ClientId(1), 1).expect("it was executed");
        assert_eq!((execution.node, execution.from.map(|from| from.event)), (NodeId(1), Some(3)));
    }

    #[test]
    fn what_a_client_gave_up_may_still_be_executed_until_its_connection_is_gone() {
        let mut teller = Teller::new();
        teller.invoke(1).ask().complete(1).arrive();
        assert_eq!(teller.between(1), Some((Some(3), None)));
        teller.tell(
            ActorId::Network,
            Body::Closed { from: ActorId::Node(NodeId(1)), conn: 7, how: crate::event::Closing::Closed },
        );
        assert_eq!(teller.between(1), Some((Some(3), Some(4))));
    }

    /// Client 1 closes its connection because of the event before the last one.
    fn closes(teller: &mut Teller) -> Vec<Unanswered> {
        let (i, at) = (teller.next, SimTime::from_ns(teller.next));
        let (from, how) = (ActorId::Client(ClientId(1)), crate::event::Closing::Closed);
        let body = Body::Closed { from, conn: 7, how };
        let event = Event { i, at, actor: from, kind: body.kind(), cause: Some(i - 1), body };
        teller.executions.see(&event, &Replication::new(SimDuration::from_secs(1)));
        teller.executions.unanswered().to_vec()
    }

    #[test]
    fn what_was_answered_in_part_and_given_up_is_unanswered() {
        let mut teller = Teller::new();
        teller.invoke(1).ask().arrive().reply().client(Body::Deliver { conn: 7, len: 5 }).complete(1);
        let unanswered = closes(&mut teller);
        assert_eq!(unanswered.len(), 1);
        assert!(unanswered[0].in_part && unanswered[0].from.event == 3, "{unanswered:?}");
    }

    #[test]
    fn what_is_under_way_or_was_answered_is_not_answered_in_part() {
        let mut teller = Teller::new();
        teller.invoke(1).ask().arrive().reply().complete(1);
        assert_eq!(closes(&mut teller), [], "the rest may be under way");
        let mut teller = Teller::new();
        teller.invoke(1).ask().arrive().reply().client(Body::Deliver { conn: 7, len: 5 }).told(1);
        assert_eq!(closes(&mut teller), []);
    }
}
