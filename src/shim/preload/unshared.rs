//! Pipes of the kernel's that no other process has: what happens at them is their own process's doing.
//!
//! A guest's process that waits for what others may do at the kernel's pipes looks again whenever another one blocked. A
//! server has a pipe for its own threads, and nothing else of the kernel's to wait for: fifty servers on one host would wake each other all the
//! time. A pipe is a program's own if it was made since the program began, and while no child lives that may have it. So is a socket of
//! the host's own (`AF_UNIX`), until the first time that any process calls another by one.

use core::cell::Cell;

use crate::baton::Baton;
use crate::page::{Participant, state};
use crate::turn;

/// The lowest descriptors, one bit each.
const WORDS: usize = 8;

struct State {
    /// The ends of pipes that this program made.
    made: [Cell<u64>; WORDS],
    /// It has sockets of the host's own, on which others may call.
    has_local: Cell<bool>,
    /// Other processes may have them, for ever.
    is_shared: Cell<bool>,
    /// Somebody looked at what others may have.
    has_looked: Cell<bool>,
}

static STATE: Baton<State> = Baton::new(State {
    made: [const { Cell::new(0) }; WORDS],
    has_local: Cell::new(false),
    is_shared: Cell::new(false),
    has_looked: Cell::new(false),
});

fn word_of(fd: i32) -> Option<(&'static Cell<u64>, u64)> {
    let fd = usize::try_from(fd).ok()?;
    Some((STATE.made.get(fd / 64)?, 1 << (fd % 64)))
}

/// This program made a pipe, and `fd` is an end of it.
pub fn made(fd: i32) {
    if let Some((word, bit)) = word_of(fd) {
        word.update(|made| made | bit);
    }
}

/// This program made a socket of the host's own; a stream's is nobody else's as long as nobody calls.
pub fn made_local(fd: i32, is_stream: bool) {
    if is_stream {
        made(fd);
        STATE.has_local.set(true);
    } else {
        share_all();
    }
}

/// A process is about to call another one of its host: from now on everybody looks.
pub fn call_locally() {
    if turn::is_guest() && turn::page().local_calls.replace(1) == 0 {
        turn::participants().iter().for_each(|it| it.poked.set(1));
    }
}

/// A descriptor is something else from now on.
pub fn forget(fd: i32) {
    if let Some((word, bit)) = word_of(fd) {
        word.update(|made| made & !bit);
    }
}

/// From now on another process may have whatever this one has.
pub fn share_all() {
    STATE.is_shared.set(true);
}

/// A descriptor of the kernel's is looked at.
pub fn look(fd: i32) {
    if word_of(fd).is_none_or(|(word, bit)| word.get() & bit == 0) {
        STATE.has_looked.set(true);
    }
}

/// Nobody waits for what was looked at so far.
pub fn forget_looks() {
    STATE.has_looked.set(false);
}

/// Whether what others do may end the waiting of whoever looked last.
pub fn is_others() -> bool {
    let is_called = STATE.has_local.get() && turn::page().local_calls.get() != 0;
    STATE.has_looked.get() || is_called || STATE.is_shared.get() || has_children(turn::me().pid.get())
}

/// Whether any process lives that `pid` forked, or waits to be buried.
pub fn has_children(pid: u32) -> bool {
    let is_child = |it: &Participant| it.parent.get() == pid && it.state.get() != state::FREE;
    turn::participants().iter().any(is_child)
}
