//! The table of descriptors: which of them are simulated.
//!
//! A simulated descriptor is backed by a real one (of the null device), so that numbers never collide with files.

use core::cell::Cell;

use crate::Shared;
use crate::baton::Baton;
use crate::give_up::give_up;
use crate::life::alive;
use crate::page::{PIPES, SOCKETS};
use crate::sys::{self, sys};
use crate::turn;

pub const DESCRIPTORS: usize = 4096;

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
    /// An epoll instance of this process.
    Epoll(usize),
    /// A file with made-up content, and how far it was read.
    Fake(usize, usize),
    /// The list of this process's threads, and how far it was read.
    Tasks(usize),
}

#[derive(Clone, Copy)]
pub struct Entry {
    pub kind: Kind,
    pub nonblocking: bool,
}

const REAL: Entry = Entry { kind: Kind::Real, nonblocking: false };

struct State {
    entries: [Cell<Entry>; DESCRIPTORS],
    /// A real descriptor that is kept for the next simulated one, so that opening one needs no system call.
    spare: Cell<i32>,
}

static STATE: Baton<State> =
    Baton::new(State { entries: [const { Cell::new(REAL) }; DESCRIPTORS], spare: Cell::new(-1) });

fn cell(fd: i32) -> Option<&'static Cell<Entry>> {
    STATE.entries.get(usize::try_from(fd).ok()?)
}

/// The entry of a descriptor; what is out of range is the kernel's.
pub fn entry(fd: i32) -> Entry {
    cell(fd).filter(|_| alive()).map_or(REAL, Cell::get)
}

pub fn set_entry(fd: i32, entry: Entry) {
    match cell(fd) {
        Some(cell) => cell.set(entry),
        None => give_up!("more than {DESCRIPTORS} descriptors are open"),
    }
}

pub fn set_kind(fd: i32, kind: Kind) {
    set_entry(fd, Entry { kind, ..entry(fd) });
}

pub fn set_nonblocking(fd: i32, nonblocking: bool) {
    set_entry(fd, Entry { nonblocking, ..entry(fd) });
}

/// A new descriptor of this kind, or a negative `errno`.
pub fn new(kind: Kind, nonblocking: bool) -> i32 {
    const AT_FDCWD: isize = -100;
    const O_RDWR_CLOEXEC: usize = 0o2000002;
    let mut fd = STATE.spare.replace(-1);
    if fd < 0 {
        // SAFETY: opens the null device.
        fd = unsafe { sys!(sys::OPENAT, AT_FDCWD, c"/dev/null".as_ptr(), O_RDWR_CLOEXEC) } as i32;
    }
    if fd >= 0 {
        set_entry(fd, Entry { kind, nonblocking });
    }
    fd
}

/// Takes a simulated descriptor out of the table; its real one is kept or closed.
pub fn release(fd: i32) {
    set_kind(fd, Kind::Real);
    if STATE.spare.get() < 0 {
        STATE.spare.set(fd);
    } else {
        // SAFETY: the descriptor was the shim's own.
        unsafe { sys!(sys::CLOSE, fd) };
    }
}

/// Forgets a kept descriptor whose number is about to be somebody else's; whether it was kept.
pub fn forget_spare(fd: i32) -> bool {
    let kept = STATE.spare.get() == fd;
    if kept {
        STATE.spare.set(-1);
    }
    kept
}

fn increase(count: &Shared<u16>) {
    count.update(|count| count + 1);
}

/// Counts one more descriptor of this process that names the same thing.
pub fn add_reference(kind: Kind) {
    let (page, me) = (turn::page(), turn::my_number());
    match kind {
        Kind::Socket(i) => increase(&page.sockets[i].refs[me]),
        Kind::PipeRead(i) => increase(&page.pipes[i].readers[me]),
        Kind::PipeWrite(i) => increase(&page.pipes[i].writers[me]),
        Kind::Real | Kind::Epoll(_) | Kind::Fake(..) | Kind::Tasks(_) => {}
    }
}

/// The child of a fork names everything its parent names.
pub fn share_with(child: usize) {
    let (page, me) = (turn::page(), turn::my_number());
    for socket in &page.sockets[..SOCKETS] {
        socket.refs[child].set(socket.refs[me].get());
    }
    for pipe in &page.pipes[..PIPES] {
        pipe.readers[child].set(pipe.readers[me].get());
        pipe.writers[child].set(pipe.writers[me].get());
    }
}
