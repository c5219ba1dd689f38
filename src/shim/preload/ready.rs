//! What is ready at a descriptor, and how a thread waits until something is.

use crate::Shared;
use crate::descriptor::{Kind, entry};
use crate::page::{
    Counter, PARTICIPANTS, PIPE_BYTES, Pipe, SHUT_READERS, SHUT_WRITERS, Socket, socket_state as state,
};
use crate::signal::Interrupt;
use crate::sys::sys;
use crate::thread::{self, Source, Wait};
use crate::{turn, unshared};

pub const IN: u32 = libc::POLLIN as u32;
pub const OUT: u32 = libc::POLLOUT as u32;
pub const ERR: u32 = libc::POLLERR as u32;
pub const HUP: u32 = libc::POLLHUP as u32;
pub const INVALID: u32 = libc::POLLNVAL as u32;
pub const RDHUP: u32 = libc::POLLRDHUP as u32;

/// A pipe can be written while so much room is left: less would split what must not be split.
const PIPE_ROOM: usize = libc::PIPE_BUF;
/// The highest value that a counter holds.
pub const COUNTER_MAX: u64 = u64::MAX - 1;

/// What is ready at a descriptor; an epoll instance knows for itself.
pub fn events_of(fd: i32) -> u32 {
    match entry(fd).kind {
        Kind::Real => real_events(fd),
        Kind::Fake(..) | Kind::Stat(..) | Kind::Random | Kind::Tasks(_) => IN | OUT,
        Kind::Socket(i) => socket_events(&turn::page().sockets[i]),
        Kind::PipeRead(i) => read_events(&turn::page().pipes[i]),
        Kind::PipeWrite(i) => write_events(&turn::page().pipes[i]),
        Kind::Pair(read, written) => pair_events(&turn::page().pipes[read], &turn::page().pipes[written]),
        Kind::Counter(i) => counter_events(&turn::page().counters[i]),
        Kind::Epoll(_) => 0,
    }
}

/// Whether a socket has nothing to read and nothing wrong with it: of those that nobody touched since it was found so nothing else is
/// looked at. A node of a large cluster has thousands.
pub fn is_still(fd: i32) -> bool {
    let Kind::Socket(i) = entry(fd).kind else { return false };
    let page = turn::page();
    let (stirred, bit) = (&page.stirred[i / 64], 1 << (i % 64));
    if stirred.get() & bit == 0 {
        return true;
    }
    let still = socket_events(&page.sockets[i]) & !OUT == 0;
    if still {
        stirred.update(|bits| bits & !bit);
    }
    still
}

/// What the kernel says of a descriptor of its own: files are always ready, and what is closed is not valid.
fn real_events(fd: i32) -> u32 {
    unshared::look(fd);
    let mut entry = libc::pollfd { fd, events: (IN | OUT) as i16, revents: 0 };
    // SAFETY: one whole entry, and no time to wait.
    unsafe { sys!(libc::SYS_poll as usize, &raw mut entry, 1, 0) };
    entry.revents as u16 as u32
}

/// Whether any process names an end of a pipe.
pub fn is_named(counts: &[Shared<u16>; PARTICIPANTS]) -> bool {
    counts[..turn::participants().len()].iter().any(|count| count.get() > 0)
}

/// Whether something can still be written to a pipe.
pub fn has_writers(pipe: &Pipe) -> bool {
    pipe.shut.get() & SHUT_WRITERS == 0 && is_named(&pipe.writers)
}

/// Whether something can still be read from a pipe.
pub fn has_readers(pipe: &Pipe) -> bool {
    pipe.shut.get() & SHUT_READERS == 0 && is_named(&pipe.readers)
}

fn when(condition: bool, events: u32) -> u32 {
    if condition { events } else { 0 }
}

fn read_events(pipe: &Pipe) -> u32 {
    when(pipe.len.get() > 0, IN) | when(!has_writers(pipe), HUP)
}

fn write_events(pipe: &Pipe) -> u32 {
    let room = PIPE_BYTES - pipe.len.get() as usize;
    when(room >= PIPE_ROOM, OUT) | when(!has_readers(pipe), ERR)
}

fn pair_events(read: &Pipe, written: &Pipe) -> u32 {
    let (ends, broken) = (!has_writers(read), !has_readers(written));
    when(read.len.get() > 0 || ends, IN)
        | when(ends, RDHUP)
        | when(ends && broken, HUP)
        | write_events(written) & OUT
}

/// How often a timer's time has come since it was last read.
pub fn count_of(counter: &Counter) -> u64 {
    let (now, next) = (turn::page().now_ns.get(), counter.next_ns.get());
    match counter.interval_ns.get() {
        _ if counter.is_timer.get() == 0 || next == 0 || now < next => counter.value.get(),
        0 => counter.value.get() + 1,
        interval => counter.value.get() + 1 + (now - next) / interval,
    }
}

fn counter_events(counter: &Counter) -> u32 {
    let count = count_of(counter);
    when(count > 0, IN) | when(counter.is_timer.get() == 0 && count < COUNTER_MAX, OUT)
}

fn socket_events(s: &Socket) -> u32 {
    match s.state.get() {
        state::LISTENING => when(s.pending_count.get() > 0, IN),
        state::CONNECTED => {
            let (eof, shut) = (s.rx_eof.get() != 0, s.tx_shut.get() != 0);
            let unread = s.rx_end.get() > s.rx_start.get() || s.rx_more.get() != 0 || eof;
            when(unread, IN)
                | when(s.credit.get() > 0 || shut, OUT)
                | when(eof, RDHUP)
                | when(eof && shut, HUP)
        }
        state::DEAD => IN | OUT | HUP | RDHUP | when(s.error.get() != 0, ERR),
        state::FRESH => OUT | HUP,
        _ => 0,
    }
}

/// When the next timer of the node comes; nobody may wait longer without looking again.
pub fn next_timer() -> u64 {
    let now = turn::page().now_ns.get();
    let coming = turn::page().counters.iter().filter(|counter| counter.next_ns.get() != 0);
    coming.map(next_after(now)).min().unwrap_or(thread::NO_DEADLINE)
}

pub fn next_after(now: u64) -> impl Fn(&Counter) -> u64 {
    move |counter| match (counter.next_ns.get(), counter.interval_ns.get()) {
        (next, _) if next > now => next,
        // What came once and not again is ready already.
        (_, 0) => thread::NO_DEADLINE,
        (next, interval) => next + ((now - next) / interval + 1) * interval,
    }
}

/// Blocks this thread until `wait` is over, a timer's time came, or `deadline_ns`; an `errno` if a signal came first,
/// whatever its handler says of calls that start again: multiplexers never do.
pub fn wait_until(wait: Wait, deadline_ns: u64) -> Result<(), i32> {
    match thread::wait(wait, deadline_ns.min(next_timer())) {
        Interrupt::No => Ok(()),
        Interrupt::Yes | Interrupt::Restart => Err(libc::EINTR),
    }
}

/// Blocks this thread until one of `events`, an error or the other side's end shows at a descriptor; an `errno` if a
/// signal comes first, or `deadline_ns`. A call without a deadline starts again where the signal's handler lets it.
pub fn wait_for(fd: i32, events: u32, deadline_ns: u64) -> Result<(), i32> {
    let is_over = |fd: usize, events: usize| events_of(fd as i32) & (events as u32 | ERR | HUP) != 0;
    let about = (fd as usize, events as usize);
    let wait = Wait { source: Source::Outside, is_over, about };
    match thread::wait(wait, deadline_ns.min(next_timer())) {
        Interrupt::Yes => return Err(libc::EINTR),
        Interrupt::Restart if deadline_ns != thread::NO_DEADLINE => return Err(libc::EINTR),
        Interrupt::Restart | Interrupt::No => {}
    }
    let late = turn::page().now_ns.get() >= deadline_ns && !is_over(about.0, about.1);
    if late { Err(libc::EAGAIN) } else { Ok(()) }
}

/// When a call that begins now and may block for `timeout_ns` (zero is for ever) ends.
pub fn deadline_of(timeout_ns: u64) -> u64 {
    if timeout_ns == 0 { thread::NO_DEADLINE } else { turn::page().now_ns.get().saturating_add(timeout_ns) }
}
