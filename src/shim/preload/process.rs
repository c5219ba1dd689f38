//! Children: a forked process is one more participant that takes turns, in the same virtual time.

use crate::page::{record, state, Participant, PARTICIPANTS};
use crate::start::{alive, real};
use crate::sys::{self, fail, reported, sys};
use crate::thread::{wait, Wait};
use crate::{counter, descriptor, entropy, thread, turn};

const WNOHANG: i32 = 1;
const PR_SET_PDEATHSIG: usize = 1;
const SIGKILL: usize = 9;

fn participant(i: usize) -> &'static mut Participant {
    &mut turn::page().participants[i]
}

/// Which participant has this process id.
pub fn participant_of(pid: i32) -> Option<usize> {
    (0..PARTICIPANTS).find(|i| {
        let p = participant(*i);
        p.pid == pid as u32 && p.state != state::FREE && p.state != state::EXITED
    })
}

fn ended_child(pid: i32) -> Option<usize> {
    (1..PARTICIPANTS).find(|i| {
        let p = participant(*i);
        p.state == state::EXITED && (pid == -1 || p.pid == pid as u32)
    })
}

/// Whether a child with this process id (any if -1) has ended.
pub fn has_ended_child(pid: i32) -> bool {
    ended_child(pid).is_some() || !has_child(pid)
}

fn has_child(pid: i32) -> bool {
    (1..PARTICIPANTS).any(|i| {
        let p = participant(i);
        p.state != state::FREE && (pid == -1 || p.pid == pid as u32)
    })
}

#[no_mangle]
unsafe extern "C" fn fork() -> i32 {
    let fork = real!("fork" as fn() -> i32);
    if !alive() {
        return fork();
    }
    let Some(child) = (1..PARTICIPANTS).find(|i| participant(*i).state == state::FREE) else {
        return fail(sys::EAGAIN);
    };
    let pid = turn::page().next_pid;
    turn::page().next_pid += 1;
    core::ptr::write_bytes(participant(child) as *mut Participant, 0, 1);
    participant(child).pid = pid;
    participant(child).state = state::READY;
    descriptor::share_with(child);
    let real_pid = fork();
    if real_pid == 0 {
        become_child(child, pid);
        return 0;
    }
    if real_pid < 0 {
        participant(child).state = state::FREE;
        return real_pid;
    }
    participant(child).real_pid = real_pid as u32;
    turn::report(record::FORK, 0, child as u64, u64::from(pid));
    pid as i32
}

/// The child lives on alone: it gives itself a name and waits for its first turn.
unsafe fn become_child(child: usize, pid: u32) {
    sys!(sys::PRCTL, PR_SET_PDEATHSIG, SIGKILL);
    thread::forget_others();
    // The parent still has the turn: nothing of the page but this participant's own part may be touched yet.
    turn::adopt_waiting(child);
    entropy::fork(pid);
    counter::fault_on_read();
}

#[no_mangle]
unsafe extern "C" fn vfork() -> i32 {
    fork()
}

#[no_mangle]
unsafe extern "C" fn waitpid(pid: i32, status: *mut i32, options: i32) -> i32 {
    wait4(pid, status, options, core::ptr::null_mut())
}

#[no_mangle]
unsafe extern "C" fn wait3(status: *mut i32, options: i32, usage: *mut u8) -> i32 {
    wait4(-1, status, options, usage)
}

#[no_mangle]
unsafe extern "C" fn wait4(pid: i32, status: *mut i32, options: i32, usage: *mut u8) -> i32 {
    if !alive() {
        return reported(sys!(sys::WAIT4, pid, status, options, usage)) as i32;
    }
    if !has_child(pid) {
        return fail(sys::ECHILD);
    }
    while ended_child(pid).is_none() {
        if options & WNOHANG != 0 {
            return 0;
        }
        wait(Wait::Child(pid), u64::MAX);
    }
    match ended_child(pid) {
        Some(child) => reap(child, status),
        None => fail(sys::ECHILD),
    }
}

unsafe fn reap(child: usize, status: *mut i32) -> i32 {
    let mut real_status = 0i32;
    sys!(sys::WAIT4, participant(child).real_pid, &raw mut real_status, 0, 0);
    if !status.is_null() {
        *status = real_status;
    }
    participant(child).state = state::FREE;
    participant(child).pid as i32
}
