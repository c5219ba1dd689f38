//! Children: a forked process is one more participant that takes turns, in the same virtual time.

use core::sync::atomic::Ordering;

use crate::life::{alive, real};
use crate::page::{self, PARTICIPANTS, Participant, record, state};
use crate::sys::{self, fail, reported, sys};
use crate::thread::{NO_DEADLINE, Source, Wait, wait};
use crate::{counter, descriptor, random, signal, thread, turn};

const WNOHANG: i32 = 1;
const PR_SET_PDEATHSIG: usize = 1;
const SIGKILL: usize = 9;

fn participant(i: usize) -> &'static Participant {
    &turn::page().participants[i]
}

/// Which participant has this process id.
fn participant_of(pid: i32) -> Option<usize> {
    (0..PARTICIPANTS).find(|i| {
        let p = participant(*i);
        p.pid.get() == pid as u32 && p.state.get() != state::FREE && p.state.get() != state::EXITED
    })
}

fn ended_child(pid: i32) -> Option<usize> {
    (1..PARTICIPANTS).find(|i| {
        let p = participant(*i);
        p.state.get() == state::EXITED && (pid == -1 || p.pid.get() == pid as u32)
    })
}

/// Until a child with this process id (any if -1) has ended, or there is none.
fn until_ended(pid: i32) -> Wait {
    let is_over = |pid: usize, _| ended_child(pid as i32).is_some() || !has_child(pid as i32);
    Wait { source: Source::Outside, is_over, about: (pid as usize, 0) }
}

/// A place for a child that is about to be forked.
fn begin(place: &Participant, pid: u32) {
    place.turn.store(page::TURN_SCHEDULER, Ordering::SeqCst);
    place.turn_value.store(0, Ordering::SeqCst);
    for word in [&place.real_pid, &place.seen_activity, &place.poked, &place.waits_io] {
        word.set(0);
    }
    place.deadline_ns.set(0);
    place.signals.set(0);
    place.pid.set(pid);
    place.state.set(state::READY);
}

fn has_child(pid: i32) -> bool {
    (1..PARTICIPANTS).any(|i| {
        let p = participant(i);
        p.state.get() != state::FREE && (pid == -1 || p.pid.get() == pid as u32)
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fork() -> i32 {
    unsafe {
        let fork = real!("fork" as fn() -> i32);
        if !alive() {
            return fork();
        }
        let Some(child) = (1..PARTICIPANTS).find(|i| participant(*i).state.get() == state::FREE) else {
            return fail(sys::EAGAIN);
        };
        let pid = turn::page().next_pid.get();
        turn::page().next_pid.set(pid + 1);
        begin(participant(child), pid);
        descriptor::share_with(child);
        let real_pid = fork();
        if real_pid == 0 {
            become_child(child, pid);
            return 0;
        }
        if real_pid < 0 {
            participant(child).state.set(state::FREE);
            return real_pid;
        }
        participant(child).real_pid.set(real_pid as u32);
        turn::report(record::FORK, 0, child as u64, u64::from(pid));
        pid as i32
    }
}

/// The child lives on alone: it gives itself a name and waits for its first turn.
unsafe fn become_child(child: usize, pid: u32) {
    unsafe {
        sys!(sys::PRCTL, PR_SET_PDEATHSIG, SIGKILL);
        thread::forget_others();
        // The parent still has the turn: nothing of the page but this participant's own part may be touched yet.
        turn::adopt_waiting(child);
        random::fork(pid);
        counter::fault_on_read();
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn vfork() -> i32 {
    unsafe { fork() }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn waitpid(pid: i32, status: *mut i32, options: i32) -> i32 {
    unsafe { wait4(pid, status, options, core::ptr::null_mut()) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wait3(status: *mut i32, options: i32, usage: *mut u8) -> i32 {
    unsafe { wait4(-1, status, options, usage) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wait4(pid: i32, status: *mut i32, options: i32, usage: *mut u8) -> i32 {
    unsafe {
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
            wait(until_ended(pid), NO_DEADLINE);
        }
        match ended_child(pid) {
            Some(child) => reap(child, status),
            None => fail(sys::ECHILD),
        }
    }
}

unsafe fn reap(child: usize, status: *mut i32) -> i32 {
    unsafe {
        let mut real_status = 0i32;
        sys!(sys::WAIT4, participant(child).real_pid.get(), &raw mut real_status, 0, 0);
        if !status.is_null() {
            *status = real_status;
        }
        participant(child).state.set(state::FREE);
        participant(child).pid.get() as i32
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn kill(pid: i32, number: i32) -> i32 {
    const ESRCH: i32 = 3;
    if !alive() {
        // SAFETY: the caller's arguments, handed on as they are.
        return reported(unsafe { sys!(sys::KILL, pid, number) }) as i32;
    }
    if pid as u32 == turn::me().pid.get() {
        if number != 0 {
            signal::handle(number);
        }
        return 0;
    }
    let Some(other) = participant_of(pid) else {
        return fail(ESRCH);
    };
    if number != 0 {
        participant(other).signals.update(|signals| signals | 1 << number);
        participant(other).poked.set(1);
        turn::report(record::SIGNAL, 0, number as u64, pid as u64);
    }
    0
}
