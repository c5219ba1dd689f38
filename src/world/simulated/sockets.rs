//! A node's sockets as the network sees them: names, bytes that do not fit the window yet, and message boundaries.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddrV4;

use super::liar::{Liar, Place};
use super::page::SharedPage;
use crate::actor::message::{Arrival, Chunk, KeepAlive};
use crate::fault::Lie;
use crate::id::{BUS_PORT, Host, NodeId};
use crate::shim::page::{self, NOBODY, Socket, option_at, socket_state as state};
use crate::time::SimDuration;
use crate::wire::cluster_bus::{Framer, Teller};
use crate::wire::replication::LinkEnd;
use crate::world::Seen;

/// Bytes a reader takes before its peer is told that there is room again.
const CREDIT_STEP: u64 = page::WINDOW_BYTES / 4;

/// One open socket.
struct Link {
    slot: usize,
    /// The host at the other end.
    peer: Option<Host>,
    /// What arrived but does not fit the receive area.
    waiting: VecDeque<u8>,
    /// The end of the stream waits behind those bytes.
    ends: Option<Ending>,
    /// Read since the last credit.
    consumed: u64,
    /// Cuts what is sent on the cluster bus into messages.
    framer: Option<Framer>,
    /// Reads what passes between two nodes besides.
    replication: Option<LinkEnd>,
}

#[derive(Clone, Copy, PartialEq)]
enum Ending {
    Eof,
    Reset,
}

/// All open sockets of one host, by the names that the network knows.
#[derive(Default)]
pub struct Sockets {
    /// What is said there is none of a node's.
    of_guest: bool,
    /// A path of the run's own that may stand in what is sent, and what is told instead.
    hidden: Option<[String; 2]>,
    links: BTreeMap<u64, Link>,
    /// Those whose bytes did not all fit the receive area.
    full: BTreeSet<u64>,
    /// Who dials the host itself by a loopback address, by his port: the address that he called, and his own.
    calls_home: BTreeMap<u16, [u32; 2]>,
    /// What the process said on the bus so far.
    teller: Teller,
    /// Who make something else of what it says.
    liars: Vec<Liar>,
}

impl Sockets {
    /// No socket of this host's is open yet.
    pub fn of(host: Host, hidden: Option<&[String; 2]>) -> Self {
        Sockets { of_guest: matches!(host, Host::Guest(_)), hidden: hidden.cloned(), ..Sockets::default() }
    }

    /// What the log is told of these bytes, if it is something else: a path of the run's own stands in them. As many bytes are
    /// told as there are.
    fn told(&self, bytes: &[u8]) -> Option<Box<[u8]>> {
        let [path, name] = self.hidden.as_ref()?;
        let mut told: Box<[u8]> = memchr::memmem::find(bytes, path.as_bytes()).map(|_| bytes.into())?;
        let filled = name.bytes().chain(std::iter::repeat(b'.'));
        let shown: Vec<u8> = filled.take(path.len()).collect();
        for at in memchr::memmem::find_iter(bytes, path.as_bytes()) {
            told[at..at + path.len()].copy_from_slice(&shown);
        }
        Some(told)
    }

    fn add(&mut self, page: &mut SharedPage, handle: u64, slot: usize, end: fn() -> LinkEnd) {
        let socket = page.look_at(slot);
        let on_bus = !self.of_guest && (socket.peer_port == BUS_PORT || socket.local_port == BUS_PORT);
        let peer = Host::from_address(socket.peer_address.into());
        let is_between_nodes = !self.of_guest && matches!(peer, Some(Host::Node(_)));
        let link = Link {
            slot,
            peer,
            waiting: VecDeque::new(),
            ends: None,
            consumed: 0,
            framer: on_bus.then(Framer::new),
            replication: (is_between_nodes && !on_bus).then(end),
        };
        self.links.insert(handle, link);
    }

    /// The server dials: its socket gets a name in the network.
    pub fn dialled(&mut self, page: &mut SharedPage, handle: u64) {
        if let Some(slot) = page.used_sockets().find(|slot| {
            let socket = page.look_at(*slot);
            socket.state != state::FREE && socket.handle == handle
        }) {
            let Socket { local_port, peer_address, local_address, .. } = *page.look_at(slot);
            match page::is_loopback(peer_address) {
                true => self.calls_home.insert(local_port, [peer_address, local_address]),
                false => self.calls_home.remove(&local_port),
            };
            self.add(page, handle, slot, LinkEnd::dialled);
        }
    }

    /// The chunks that a write makes: on the bus one a message, elsewhere the bytes as they are.
    pub fn sent(&mut self, page: &mut SharedPage, handle: u64, bytes: Vec<u8>) -> Vec<Chunk> {
        let Some(link) = self.links.get_mut(&handle) else {
            return vec![Chunk::plain(bytes)];
        };
        let place = Place { handle, peer: link.peer };
        if let Some(framer) = &mut link.framer {
            framer.push(&bytes);
            let (chunks, lost) = cut(framer, &mut self.teller, (place, &mut self.liars));
            page.socket(link.slot).credit += lost;
            return chunks;
        }
        let bytes = match self.liars.iter_mut().find_map(|liar| liar.sent(place, &bytes)) {
            None => bytes,
            Some(lie) if lie.is_empty() => {
                page.socket(link.slot).credit += bytes.len() as u64;
                return Vec::new();
            }
            Some(lie) => lie,
        };
        let repl = link.replication.as_mut().and_then(|end| end.sent(&bytes)).map(Box::new);
        vec![Chunk { repl, told: self.told(&bytes), ..Chunk::plain(bytes) }]
    }

    /// From now on the node lies, about another one if there is one.
    pub fn lie(&mut self, page: &mut SharedPage, lie: Lie, about: Option<NodeId>) {
        let liar = Liar::new(lie, about);
        liar.instructs(page.get());
        self.liars.push(liar);
    }

    /// The lies that were told for the first time since the last look.
    pub fn lied(&mut self, page: &mut SharedPage) -> Vec<Seen> {
        self.liars.iter_mut().for_each(|liar| liar.looks_at(page.get()));
        self.liars.iter_mut().filter_map(Liar::news).map(|lie| Seen::Lied { lie }).collect()
    }

    /// The server read: how much room that makes for the peer, once it is worth telling.
    pub fn consumed(&mut self, handle: u64, len: u64) -> Option<u64> {
        let link = self.links.get_mut(&handle)?;
        link.consumed += len;
        (link.consumed >= CREDIT_STEP).then(|| std::mem::take(&mut link.consumed))
    }

    /// The server closed: what it had not completed, and whether its peer must see a reset.
    fn closed(&mut self, handle: u64, unread: bool) -> (Vec<Chunk>, bool) {
        let Some(mut link) = self.links.remove(&handle) else {
            return (Vec::new(), unread);
        };
        let rest = link.framer.as_mut().map(Framer::take_rest).unwrap_or_default();
        let chunks = if rest.is_empty() { Vec::new() } else { vec![Chunk::plain(rest)] };
        (chunks, unread || !link.waiting.is_empty())
    }

    /// Something happens at a socket; it is lost if the socket is gone by now.
    pub fn arrive(&mut self, page: &mut SharedPage, handle: u64, arrival: Arrival) {
        if let Arrival::Incoming { port, peer } = arrival {
            return self.incoming(page, handle, port, peer);
        }
        let Some(link) = self.links.get_mut(&handle) else {
            return;
        };
        let slot = link.slot;
        match arrival {
            Arrival::Connected => {
                page.socket(slot).state = state::CONNECTED;
                page.socket(slot).credit = page::WINDOW_BYTES;
            }
            Arrival::Refused => die(page.socket(slot), libc::ECONNREFUSED),
            Arrival::TimedOut => die(page.socket(slot), libc::ETIMEDOUT),
            Arrival::Data(chunk) => {
                let place = Place { handle, peer: link.peer };
                let lie = self.liars.iter_mut().find_map(|liar| liar.arrives(place, &chunk.bytes));
                link.receive(page, lie.as_deref().unwrap_or(&chunk.bytes));
            }
            Arrival::Eof => link.ends = Some(Ending::Eof),
            Arrival::Reset => link.ends = Some(Ending::Reset),
            Arrival::Credit { len } => page.socket(slot).credit += len,
            Arrival::Incoming { .. } | Arrival::Unheard => unreachable!("handled elsewhere"),
        }
        if !link.refill(page) {
            self.full.insert(handle);
        }
        self.poke(page, slot);
    }

    /// How a socket keeps its connection alive, if it does.
    pub fn kept_alive(&self, page: &mut SharedPage, handle: u64) -> Option<Seen> {
        let options = page.look_at(self.links.get(&handle)?.slot).options;
        let seconds = |at: usize| SimDuration::from_secs(options[at].max(0) as u64);
        let how = KeepAlive {
            idle: seconds(option_at::KEEP_IDLE),
            interval: seconds(option_at::KEEP_INTERVAL),
            count: options[option_at::KEEP_COUNT].max(0) as u64,
        };
        (options[option_at::KEEP_ALIVE] != 0).then_some(Seen::KeepsAlive { handle, how })
    }

    /// A new connection waits at a listening port.
    fn incoming(&mut self, page: &mut SharedPage, handle: u64, port: u16, peer: SocketAddrV4) {
        let listening = |page: &mut SharedPage, slot: &usize| {
            page.look_at(*slot).state == state::LISTENING && page.look_at(*slot).local_port == port
        };
        let Some(listener) = page.used_sockets().find(|slot| listening(page, slot)) else {
            return;
        };
        let Some(slot) = page.take_free() else {
            return;
        };
        // What was set at the listening socket holds for those accepted, as on Linux.
        let Socket { options, receive_timeout_ns, send_timeout_ns, linger_abort, .. } =
            *page.look_at(listener);
        let ours = page.get().address;
        let calls_home =
            (u32::from(*peer.ip()) == ours).then(|| self.calls_home.remove(&peer.port())).flatten();
        let [local_address, peer_address] = calls_home.unwrap_or([ours, u32::from(*peer.ip())]);
        *page.socket(slot) = Socket {
            handle,
            credit: page::WINDOW_BYTES,
            state: state::CONNECTED,
            error: 0,
            local_address,
            peer_address,
            local_port: port,
            peer_port: peer.port(),
            pending: NOBODY,
            pending_last: NOBODY,
            pending_count: 0,
            rx_area: 0,
            rx_start: 0,
            rx_end: 0,
            rx_eof: 0,
            tx_shut: 0,
            rx_more: 0,
            linger_abort,
            options,
            receive_timeout_ns,
            send_timeout_ns,
        };
        enqueue(page, listener, slot);
        self.add(page, handle, slot, LinkEnd::accepted);
        self.poke(page, listener);
    }

    /// Whoever names the socket looks again in the host's next turn.
    fn poke(&self, page: &mut SharedPage, slot: usize) {
        for i in 0..page.participants().len() {
            // A connection that waits to be accepted is named by nobody yet; a server is woken for it.
            let is_server = i == 0 && !self.of_guest;
            if is_server || page.get().socket_refs[i][slot] > 0 {
                page.participant(i).poked = 1;
            }
        }
    }

    /// Moves waiting bytes up into every receive area that has room.
    pub fn refill(&mut self, page: &mut SharedPage) {
        let links = &mut self.links;
        self.full.retain(|handle| links.get_mut(handle).is_some_and(|link| !link.refill(page)));
    }

    /// Everything is gone with the process: what each peer sees of it, in the order of the names.
    pub fn abandon(&mut self, page: &mut SharedPage) -> Vec<Seen> {
        let handles: Vec<u64> = self.links.keys().copied().collect();
        let mut seen = Vec::new();
        for handle in handles {
            let slot = self.links[&handle].slot;
            let unread = page.look_at(slot).rx_end > page.look_at(slot).rx_start;
            seen.extend(self.close_seen(handle, unread));
        }
        for slot in page.used_sockets() {
            if page.look_at(slot).state == state::LISTENING {
                seen.push(Seen::Unlisten { port: page.look_at(slot).local_port });
            }
        }
        seen
    }

    /// What is seen when a socket closes.
    pub fn close_seen(&mut self, handle: u64, unread: bool) -> Vec<Seen> {
        let (chunks, reset) = self.closed(handle, unread);
        let mut seen: Vec<Seen> = chunks.into_iter().map(|chunk| Seen::Sent { handle, chunk }).collect();
        seen.push(Seen::Closed { handle, reset });
        seen
    }
}

impl Link {
    /// Takes bytes: straight into the receive area, unless others wait for room there.
    fn receive(&mut self, page: &mut SharedPage, bytes: &[u8]) {
        if let Some(end) = &mut self.replication {
            end.arrived(bytes);
        }
        let taken = if self.waiting.is_empty() { page.fill_window(self.slot, bytes) } else { 0 };
        self.waiting.extend(&bytes[taken..]);
    }

    /// Moves what waits into the receive area, and the end of the stream behind it; whether everything fitted.
    fn refill(&mut self, page: &mut SharedPage) -> bool {
        while !self.waiting.is_empty() {
            let (front, _) = self.waiting.as_slices();
            let moved = page.fill_window(self.slot, front);
            if moved == 0 {
                break;
            }
            self.waiting.drain(..moved);
        }
        if self.waiting.is_empty() {
            // Tens of thousands of links would keep what each of them needed once.
            self.waiting = VecDeque::new();
        }
        let socket = page.socket(self.slot);
        socket.rx_more = u32::from(!self.waiting.is_empty());
        match self.ends {
            Some(Ending::Eof) if self.waiting.is_empty() => socket.rx_eof = 1,
            // A reset overtakes nothing: what arrived before it can still be read.
            Some(Ending::Reset) if self.waiting.is_empty() && socket.state != state::DEAD => {
                // Whoever has read the end already learns that nobody reads any more.
                die(socket, if socket.rx_eof == 0 { libc::ECONNRESET } else { libc::EPIPE });
            }
            _ => {}
        }
        self.waiting.is_empty()
    }
}

/// The messages of a stream that are whole by now, and how many bytes liars made away with.
fn cut(
    framer: &mut Framer,
    teller: &mut Teller,
    (place, liars): (Place, &mut Vec<Liar>),
) -> (Vec<Chunk>, u64) {
    let (mut chunks, mut lost) = (Vec::new(), 0);
    while let Some(Ok(bytes)) = framer.next_message() {
        let lie = liars.iter_mut().find_map(|liar| liar.message(place, &bytes));
        let wrote = bytes.len();
        let out = lie.unwrap_or_else(|| vec![bytes]);
        lost += wrote.saturating_sub(out.iter().map(Vec::len).sum()) as u64;
        for bytes in out {
            let bus = teller.tell(&bytes).map(Box::new);
            chunks.push(Chunk { bus, ..Chunk::plain(bytes) });
        }
    }
    if framer.is_broken() {
        chunks.push(Chunk::plain(framer.take_rest()));
    }
    (chunks, lost)
}

fn die(socket: &mut Socket, error: i32) {
    socket.state = state::DEAD;
    socket.error = error;
}

fn enqueue(page: &mut SharedPage, listener: usize, slot: usize) {
    let last = std::mem::replace(&mut page.socket(listener).pending_last, slot as u16);
    if last == NOBODY {
        page.socket(listener).pending = slot as u16;
    } else {
        page.socket(usize::from(last)).pending = slot as u16;
    }
    page.socket(listener).pending_count += 1;
}
