//! The forked children of a node: known to the host as processes of somebody else, and to the page as participants.

use std::fs;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

use super::page::SharedPage;
use super::sockets::Sockets;
use crate::event::ChildState;
use crate::id::Host;
use crate::shim::page::{self, state};
use crate::world::Seen;

/// The children of one host's first process, and of each other, that have not ended.
#[derive(Default)]
pub struct Children {
    all: Vec<Child>,
    /// They are a user's programs: who forked them is told of their end, by the signal that he may wait for.
    of_guest: bool,
}

struct Child {
    participant: usize,
    pid: u32,
    handle: Handle,
    /// Its own parent sent it SIGKILL.
    doomed: bool,
}

/// How the end of somebody else's child is waited for.
enum Handle {
    Descriptor(OwnedFd),
    /// Where the host has no such descriptors, or denies them.
    Number(u32),
}

impl Children {
    /// No process of this host has a child yet.
    pub fn of(host: Host) -> Self {
        Children { all: Vec::new(), of_guest: matches!(host, Host::Guest(_)) }
    }

    /// Whether a child is dead already, where it may have died without its turn's end.
    pub fn is_dead(&self, page: &mut SharedPage, participant: usize) -> bool {
        let state = stat(page.participant(participant).real_pid).and_then(|fields| fields.into_iter().next());
        state.is_none_or(|state| state == "Z")
    }

    /// A child was forked, and its parent still has the turn.
    pub fn forked(&mut self, page: &mut SharedPage, participant: usize, pid: u32) -> Seen {
        let handle = Handle::of(page.participant(participant).real_pid);
        self.all.push(Child { participant, pid, handle, doomed: false });
        Seen::Child { pid, state: ChildState::Forked }
    }

    /// The server sent a signal to a child of its own.
    pub fn signalled(&mut self, pid: u32, number: i32) {
        let killed = self.all.iter_mut().filter(|child| child.pid == pid && number == libc::SIGKILL);
        killed.for_each(|child| child.doomed = true);
    }

    /// A child's turn ended with its life: its descriptors close, and its parent may reap it. Also whether it was
    /// killed by somebody outside the simulation.
    pub fn ended(
        &mut self,
        page: &mut SharedPage,
        sockets: &mut Sockets,
        participant: usize,
    ) -> (Vec<Seen>, bool) {
        let (mut seen, mut from_outside) = (Vec::new(), false);
        if let Some(i) = self.all.iter().position(|child| child.participant == participant) {
            let child = self.all.remove(i);
            child.handle.await_end();
            from_outside = !child.doomed && was_killed(page.participant(participant).real_pid);
            seen.push(Seen::Child { pid: child.pid, state: ChildState::Ended });
        }
        page.participant(participant).state = state::EXITED;
        if self.of_guest {
            tell_parent(page, participant);
        }
        release_pipes(page, participant);
        seen.extend(release_sockets(page, sockets, participant));
        page.participant(0).poked = 1;
        (seen, from_outside)
    }

    /// Waits until all are gone, after they were killed.
    pub fn await_all(&mut self) {
        for child in self.all.drain(..) {
            child.handle.await_end();
        }
    }
}

impl Handle {
    fn of(real_pid: u32) -> Self {
        // SAFETY: a plain system call that makes a descriptor of ours or fails.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, real_pid, 0) };
        match fd {
            // SAFETY: the descriptor was just made and belongs to nobody else.
            0.. => Handle::Descriptor(unsafe { OwnedFd::from_raw_fd(fd as i32) }),
            _ => Handle::Number(real_pid),
        }
    }

    /// Waits until the process is a zombie or gone.
    fn await_end(&self) {
        match self {
            Handle::Descriptor(process) => {
                let mut entry = libc::pollfd { fd: process.as_raw_fd(), events: libc::POLLIN, revents: 0 };
                // SAFETY: one valid entry.
                while unsafe { libc::poll(&raw mut entry, 1, -1) } < 0 {}
            }
            Handle::Number(pid) => await_number(*pid),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a process is waited for that has begun to die")]
fn await_number(pid: u32) {
    const LOOK: Duration = Duration::from_micros(100);
    while stat(pid).is_some_and(|fields| fields.first().is_some_and(|state| state != "Z")) {
        std::thread::sleep(LOOK);
    }
}

/// Whether a process that was not reaped yet died of SIGKILL, which the last field of its `stat` file tells.
fn was_killed(pid: u32) -> bool {
    let code = stat(pid).and_then(|fields| fields.last()?.parse::<i32>().ok());
    code.is_some_and(|code| libc::WIFSIGNALED(code) && libc::WTERMSIG(code) == libc::SIGKILL)
}

/// The fields of a process's `stat` file from its state on.
fn stat(pid: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    Some(fields.split_whitespace().map(str::to_owned).collect())
}

/// Who forked a child is told of its end; of a child whose parent is gone nobody asks any more.
fn tell_parent(page: &mut SharedPage, participant: usize) {
    let parent = page.participant(participant).parent;
    let lives = |p: &page::Participant| !matches!(p.state, state::FREE | state::EXITED) && p.pid == parent;
    match page.participants().iter().position(lives) {
        Some(parent) => {
            page.participant(parent).signals |= 1 << libc::SIGCHLD;
            page.participant(parent).poked = 1;
        }
        None => page.participant(participant).state = state::FREE,
    }
    // What it forked itself and did not wait for is nobody's either.
    let pid = page.participant(participant).pid;
    for orphan in page.participants() {
        if orphan.state == state::EXITED && orphan.parent == pid {
            orphan.state = state::FREE;
        }
    }
}

fn release_pipes(page: &mut SharedPage, participant: usize) {
    for pipe in &mut page.get().pipes {
        pipe.readers[participant] = 0;
        pipe.writers[participant] = 0;
        if pipe.used != 0 && pipe.readers.iter().chain(&pipe.writers).all(|count| *count == 0) {
            pipe.used = 0;
        }
    }
    for counter in &mut page.get().counters {
        counter.refs[participant] = 0;
    }
    page.get().pipe_activity += 1;
}

/// Closes the sockets that only this participant still named.
fn release_sockets(page: &mut SharedPage, sockets: &mut Sockets, participant: usize) -> Vec<Seen> {
    let mut seen = Vec::new();
    for slot in page.used_sockets() {
        let named = std::mem::take(&mut page.get().socket_refs[participant][slot]) > 0;
        if named && !page.is_named(slot) {
            let socket = page.look_at(slot);
            seen.extend(sockets.close_seen(socket.handle, socket.rx_end > socket.rx_start));
            page.set_free(slot);
        }
    }
    seen
}
