//! The forked children of a node: known to the host as processes of somebody else, and to the page as participants.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::page::SharedPage;
use super::sockets::Sockets;
use crate::event::ChildState;
use crate::shim::page::{socket_state, state};
use crate::world::Seen;

/// The children of one node that have not ended.
#[derive(Default)]
pub struct Children(Vec<Child>);

struct Child {
    participant: usize,
    pid: u32,
    handle: OwnedFd,
}

impl Children {
    /// A child was forked, and its parent still has the turn.
    pub fn forked(&mut self, page: &mut SharedPage, participant: usize, pid: u32) -> Seen {
        let real = page.participant(participant).real_pid;
        // SAFETY: a plain system call that makes a descriptor of ours or fails.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, real, 0) };
        assert!(fd >= 0, "a child that its parent has not reaped has a descriptor");
        // SAFETY: the descriptor was just made and belongs to nobody else.
        let handle = unsafe { OwnedFd::from_raw_fd(fd as i32) };
        self.0.push(Child { participant, pid, handle });
        Seen::Child { pid, state: ChildState::Forked }
    }

    /// A child's turn ended with its life: its descriptors close, and its parent may reap it.
    pub fn ended(&mut self, page: &mut SharedPage, sockets: &mut Sockets, participant: usize) -> Vec<Seen> {
        let mut seen = Vec::new();
        if let Some(i) = self.0.iter().position(|child| child.participant == participant) {
            let child = self.0.remove(i);
            await_end(&child.handle);
            seen.push(Seen::Child { pid: child.pid, state: ChildState::Ended });
        }
        page.participant(participant).state = state::EXITED;
        release_pipes(page, participant);
        seen.extend(release_sockets(page, sockets, participant));
        page.participant(0).poked = 1;
        seen
    }

    /// Waits until all are gone, after they were killed.
    pub fn await_all(&mut self) {
        for child in self.0.drain(..) {
            await_end(&child.handle);
        }
    }
}

fn release_pipes(page: &mut SharedPage, participant: usize) {
    for pipe in &mut page.get().pipes {
        pipe.readers[participant] = 0;
        pipe.writers[participant] = 0;
        if pipe.readers.iter().chain(&pipe.writers).all(|count| *count == 0) {
            pipe.used = 0;
        }
    }
    page.get().pipe_activity += 1;
}

/// Closes the sockets that only this participant still named.
fn release_sockets(page: &mut SharedPage, sockets: &mut Sockets, participant: usize) -> Vec<Seen> {
    let mut seen = Vec::new();
    for socket in &mut page.get().sockets {
        let named = std::mem::take(&mut socket.refs[participant]) > 0;
        if named && socket.refs.iter().all(|count| *count == 0) {
            socket.state = socket_state::FREE;
            seen.extend(sockets.close_seen(socket.handle, socket.rx_end > socket.rx_start));
        }
    }
    seen
}

/// Waits until a process that is not our child is a zombie or gone.
fn await_end(process: &OwnedFd) {
    let mut entry = libc::pollfd { fd: process.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one valid entry.
    while unsafe { libc::poll(&raw mut entry, 1, -1) } < 0 {}
}
