//! The table of descriptors: which of them are simulated.
//!
//! A simulated descriptor is backed by a real one of the same kind (an unconnected socket, an unused pipe), so that
//! numbers are given out as the kernel does it, and that calls which nobody here knows fail as they should.

use core::cell::Cell;

use crate::Shared;
use crate::baton::Baton;
use crate::give_up::give_up;
use crate::life::alive;
use crate::page::{COUNTERS, PIPES, Socket};
use crate::sys::{self, sys};
use crate::turn;

/// As many as a process may have open on the host (`OPEN_FILES` in `spawn.rs`).
pub const DESCRIPTORS: usize = 8192;

/// What a descriptor is.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    /// The kernel's.
    Real,
    /// A socket of the page.
    Socket(usize),
    /// The reading end of a pipe of the page.
    PipeRead(usize),
    /// The writing end of a pipe of the page.
    PipeWrite(usize),
    /// One end of a pair of sockets: the pipe it reads, and the pipe it writes.
    Pair(usize, usize),
    /// A counter of the page.
    Counter(usize),
    /// An epoll instance of this process.
    Epoll(usize),
    /// A file with made-up content, and how far it was read.
    Fake(usize, usize),
    /// The figures of a thread, and how far they were read.
    Stat(usize, usize),
    /// The random device.
    Random,
    /// The list of this process's threads, and how far it was read.
    Tasks(usize),
}

#[derive(Clone, Copy)]
pub struct Entry {
    pub kind: Kind,
    pub nonblocking: bool,
    /// Other descriptors may name the same thing, and share its flags.
    copied: bool,
}

const REAL: Entry = Entry { kind: Kind::Real, nonblocking: false, copied: false };

struct State {
    entries: [Cell<Entry>; DESCRIPTORS],
    /// The null device, out of the way of the server's own numbers: what made-up files are backed by.
    null: Cell<i32>,
    /// A real socket, likewise: what a server's simulated ones are backed by.
    socket: Cell<i32>,
}

static STATE: Baton<State> = Baton::new(State {
    entries: [const { Cell::new(REAL) }; DESCRIPTORS],
    null: Cell::new(-1),
    socket: Cell::new(-1),
});

fn cell(fd: i32) -> Option<&'static Cell<Entry>> {
    STATE.entries.get(usize::try_from(fd).ok()?)
}

/// The entry of a descriptor; what is out of range is the kernel's.
pub fn entry(fd: i32) -> Entry {
    cell(fd).filter(|_| alive()).map_or(REAL, Cell::get)
}

fn set_entry(fd: i32, entry: Entry) {
    match cell(fd) {
        Some(cell) => cell.set(entry),
        None => give_up!("more than {DESCRIPTORS} descriptors are open"),
    }
}

/// A socket of the page, to do something with it.
pub fn socket(i: usize) -> &'static Socket {
    let page = turn::page();
    page.stirred[i / 64].update(|bits| bits | 1 << (i % 64));
    &page.sockets[i]
}

/// How many descriptors of this process name a socket.
pub fn socket_refs(i: usize) -> &'static Shared<u16> {
    &turn::page().socket_refs[turn::my_number()][i]
}

/// The same of every process.
pub fn all_socket_refs(i: usize) -> impl Iterator<Item = &'static Shared<u16>> {
    turn::page().socket_refs[..turn::participants().len()].iter().map(move |refs| &refs[i])
}

/// Which socket of the page a descriptor names.
pub fn socket_of(fd: i32) -> Option<usize> {
    match entry(fd).kind {
        Kind::Socket(i) => Some(i),
        _ => None,
    }
}

pub fn set_kind(fd: i32, kind: Kind) {
    set_entry(fd, Entry { kind, ..entry(fd) });
}

/// Sets the flag of whatever the descriptor names, under all its numbers.
pub fn set_nonblocking(fd: i32, nonblocking: bool) {
    let this = entry(fd);
    set_entry(fd, Entry { nonblocking, ..this });
    if this.copied {
        let same = STATE.entries.iter().filter(|entry| entry.get().kind == this.kind);
        same.for_each(|entry| entry.set(Entry { nonblocking, ..entry.get() }));
    }
}

/// The new real descriptor `fd` (or a negative `errno`, which is handed on) stands for something simulated.
pub fn adopt(fd: isize, kind: Kind, nonblocking: bool) -> i32 {
    let fd = fd as i32;
    if fd >= 0 {
        set_entry(fd, Entry { kind, nonblocking, copied: false });
    }
    fd
}

/// A new descriptor for a made-up file, or a negative `errno`.
pub fn new_file(kind: Kind, close_on_exec: bool) -> i32 {
    // SAFETY: opens the null device.
    let null = || unsafe {
        sys!(sys::OPENAT, libc::AT_FDCWD, c"/dev/null".as_ptr(), libc::O_RDWR | libc::O_CLOEXEC)
    };
    adopt(another(&STATE.null, null, close_on_exec), kind, false)
}

/// A new real descriptor for a simulated socket of a server, or a negative `errno`. All name one socket that is never connected: the
/// kernel keeps two kilobytes of each, and a large cluster has millions of ends.
pub fn new_socket(close_on_exec: bool) -> isize {
    another(&STATE.socket, || new_real_socket(true), close_on_exec)
}

/// A real socket that is never connected, or a negative `errno`.
pub fn new_real_socket(close_on_exec: bool) -> isize {
    let kind = libc::SOCK_STREAM | if close_on_exec { libc::SOCK_CLOEXEC } else { 0 };
    // SAFETY: numbers only.
    unsafe { sys!(libc::SYS_socket as usize, libc::AF_UNIX, kind, 0) }
}

/// A copy of the descriptor in `kept`, which is made the first time; or a negative `errno`.
fn another(kept: &Cell<i32>, make: impl FnOnce() -> isize, close_on_exec: bool) -> isize {
    /// Higher than servers' numbers commonly come, and lower than the lowest limits (256): a number that only some
    /// hosts grant would move all others elsewhere.
    const OUT_OF_THE_WAY: i32 = 250;
    if kept.get() < 0 {
        let low = make();
        if low < 0 {
            return low;
        }
        // SAFETY: copies the shim's own descriptor to another number, if there is one.
        kept.set(unsafe {
            let high = sys!(sys::FCNTL, low, libc::F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
            if high >= 0 {
                sys!(sys::CLOSE, low);
            }
            if high >= 0 { high as i32 } else { low as i32 }
        });
    }
    let duplicate = if close_on_exec { libc::F_DUPFD_CLOEXEC } else { libc::F_DUPFD };
    // SAFETY: a copy of the shim's own descriptor.
    unsafe { sys!(sys::FCNTL, kept.get(), duplicate, 0) }
}

/// Takes a descriptor out of the table; its number is the caller's business.
pub fn forget(fd: i32) {
    set_entry(fd, REAL);
}

/// The new number `copy` names what `fd` names.
pub fn copy(fd: i32, copy: i32) {
    let this = Entry { copied: true, ..entry(fd) };
    if this.kind != Kind::Real {
        set_entry(fd, this);
        set_entry(copy, this);
        add_reference(this.kind);
    }
}

fn increase(count: &Shared<u16>) {
    count.update(|count| count + 1);
}

/// Counts one more descriptor of this process that names the same thing.
fn add_reference(kind: Kind) {
    let (page, me) = (turn::page(), turn::my_number());
    match kind {
        Kind::Socket(i) => increase(socket_refs(i)),
        Kind::PipeRead(i) => increase(&page.pipes[i].readers[me]),
        Kind::PipeWrite(i) => increase(&page.pipes[i].writers[me]),
        Kind::Pair(read, written) => {
            increase(&page.pipes[read].readers[me]);
            increase(&page.pipes[written].writers[me]);
        }
        Kind::Counter(i) => increase(&page.counters[i].refs[me]),
        Kind::Real | Kind::Epoll(_) | Kind::Fake(..) | Kind::Stat(..) | Kind::Random | Kind::Tasks(_) => {}
    }
}

/// Whether another descriptor of this process names the same epoll instance or file.
pub fn is_named_elsewhere(fd: i32, kind: Kind) -> bool {
    let others = STATE.entries.iter().enumerate().filter(|(other, _)| *other != fd as usize);
    others.map(|(_, entry)| entry.get()).any(|entry| entry.kind == kind)
}

/// The child of a fork names everything its parent names.
pub fn share_with(child: usize) {
    let (page, me) = (turn::page(), turn::my_number());
    for (refs, own) in page.socket_refs[child].iter().zip(&page.socket_refs[me]).take(turn::sockets().len()) {
        refs.set(own.get());
    }
    for pipe in &page.pipes[..PIPES] {
        pipe.readers[child].set(pipe.readers[me].get());
        pipe.writers[child].set(pipe.writers[me].get());
    }
    for counter in &page.counters[..COUNTERS] {
        counter.refs[child].set(counter.refs[me].get());
    }
}
