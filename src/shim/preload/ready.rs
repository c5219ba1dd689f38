//! What is ready at a descriptor, and how a thread waits until something is.

use crate::Shared;
use crate::descriptor::{Kind, entry};
use crate::page::{PARTICIPANTS, PIPE_BYTES, Pipe, Socket, socket_state as state};
use crate::thread::{self, Source, Wait};
use crate::turn;

pub const IN: u32 = 1;
pub const OUT: u32 = 4;
pub const ERR: u32 = 8;
pub const HUP: u32 = 16;
pub const RDHUP: u32 = 0x2000;

/// A pipe can be written while so much room is left: less would split what must not be split.
const PIPE_ROOM: usize = 4096;

/// What is ready at a descriptor.
pub fn events_of(fd: i32) -> u32 {
    match entry(fd).kind {
        Kind::Real | Kind::Fake(..) | Kind::Tasks(_) => IN | OUT,
        Kind::Socket(i) => socket_events(&turn::page().sockets[i]),
        Kind::PipeRead(i) => read_events(&turn::page().pipes[i]),
        Kind::PipeWrite(i) => write_events(&turn::page().pipes[i]),
        Kind::Epoll(_) => 0,
    }
}

/// Whether any process names an end of a pipe.
pub fn is_named(counts: &[Shared<u16>; PARTICIPANTS]) -> bool {
    counts.iter().any(|count| count.get() > 0)
}

fn when(condition: bool, events: u32) -> u32 {
    if condition { events } else { 0 }
}

fn read_events(pipe: &Pipe) -> u32 {
    when(pipe.len.get() > 0, IN) | when(!is_named(&pipe.writers), HUP)
}

fn write_events(pipe: &Pipe) -> u32 {
    let room = PIPE_BYTES - pipe.len.get() as usize;
    when(room >= PIPE_ROOM, OUT) | when(!is_named(&pipe.readers), ERR)
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
        state::DEAD => IN | OUT | ERR | HUP | RDHUP,
        state::FRESH => OUT | HUP,
        _ => 0,
    }
}

/// Blocks this thread until one of `events`, an error or the other side's end shows at a descriptor, or `deadline_ns`.
pub fn wait_for(fd: i32, events: u32, deadline_ns: u64) {
    let is_over = |fd: usize, events: usize| events_of(fd as i32) & (events as u32 | ERR | HUP) != 0;
    thread::wait(
        Wait { source: Source::Outside, is_over, about: (fd as usize, events as usize) },
        deadline_ns,
    );
}
