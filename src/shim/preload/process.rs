//! Children: a forked process is one more participant that takes turns, in the same virtual time.

use core::sync::atomic::Ordering;

use crate::give_up::give_up;
use crate::life::{alive, real};
use crate::page::{self, PARTICIPANTS, Participant, record, state};
use crate::signal::Interrupt;
use crate::sys::{self, fail, reported, sys};
use crate::thread::{NO_DEADLINE, Source, Wait, wait};
use crate::{alarm, counter, descriptor, random, thread, turn, unshared, work};

/// Who started the servers, as they see it.
const INIT: i32 = 1;
const KNOWN_OPTIONS: i32 = libc::WNOHANG | libc::WUNTRACED | libc::WCONTINUED;

/// The id of the process that forked this one.
pub fn parent() -> i32 {
    match turn::me().parent.get() {
        0 => INIT,
        parent => parent as i32,
    }
}

fn participant(i: usize) -> &'static Participant {
    &turn::page().participants[i]
}

/// The children that a wait for `pid` is about: that one, or all, which are one group.
fn children(pid: i32) -> impl Iterator<Item = usize> {
    let is_meant = move |i: &usize| pid <= 0 || participant(*i).pid.get() == pid as u32;
    let me = turn::me().pid.get();
    let is_mine =
        move |i: &usize| participant(*i).parent.get() == me && participant(*i).state.get() != state::FREE;
    (1..turn::participants().len()).filter(is_mine).filter(is_meant)
}

fn ended_child(pid: i32) -> Option<usize> {
    children(pid).find(|i| participant(*i).state.get() == state::EXITED)
}

/// Until a child with this process id (any if not positive) has ended, or there is none.
fn until_ended(pid: i32) -> Wait {
    let is_over = |pid: usize, _| ended_child(pid as i32).is_some() || children(pid as i32).next().is_none();
    Wait { source: Source::Outside, is_over, about: (pid as usize, 0) }
}

/// A place for a child that is about to be forked.
fn begin(place: &Participant, pid: u32) {
    place.turn.store(page::TURN_SCHEDULER, Ordering::SeqCst);
    place.turn_value.store(0, Ordering::SeqCst);
    for word in [&place.real_pid, &place.seen_activity, &place.poked, &place.waits] {
        word.set(0);
    }
    place.deadline_ns.set(0);
    place.programs.set(0);
    place.stopped.set(0);
    place.parent.set(turn::me().pid.get());
    place.signals.set(0);
    place.pid.set(pid);
    place.state.set(state::READY);
}

/// The first place that is free, if any is.
fn take_place() -> Option<usize> {
    let free = (1..PARTICIPANTS).find(|i| participant(*i).state.get() == state::FREE)?;
    turn::page().participants_used.update(|used| used.max(free as u32 + 1));
    Some(free)
}

/// Takes back what was prepared for a child that could not be forked.
fn forget(child: usize) {
    let used = turn::sockets().len();
    turn::page().socket_refs[child][..used].iter().for_each(|count| count.set(0));
    for pipe in &turn::page().pipes {
        pipe.readers[child].set(0);
        pipe.writers[child].set(0);
    }
    participant(child).state.set(state::FREE);
}

#[unsafe(no_mangle)]
pub extern "C" fn fork() -> i32 {
    let fork = real!("fork" as fn() -> i32);
    if !alive() {
        // SAFETY: a call without arguments.
        return unsafe { fork() };
    }
    let pid = turn::page().next_pid.get();
    let Some(child) = take_place() else {
        turn::report(record::FORK, 0, 0, u64::from(pid));
        return fail(sys::EAGAIN);
    };
    begin(participant(child), pid);
    descriptor::share_with(child);
    // SAFETY: of this process's threads all but this one wait, and hold nothing of the C library's.
    let real_pid = unsafe { fork() };
    if real_pid == 0 {
        become_child(child, pid);
        return 0;
    }
    if real_pid < 0 {
        forget(child);
        return real_pid;
    }
    turn::page().next_pid.set(pid + 1);
    participant(child).real_pid.set(real_pid as u32);
    turn::report(record::FORK, 0, child as u64, u64::from(pid));
    work::fork();
    pid as i32
}

/// The child lives on alone: it gives itself a name and waits for its first turn.
fn become_child(child: usize, pid: u32) {
    // What a guest starts may outlive whoever started it; its whole group ends with the guest.
    if !turn::is_guest() {
        // SAFETY: a flag of this process alone.
        unsafe { sys!(sys::PRCTL, libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    }
    thread::forget_others();
    unshared::share_all();
    alarm::forget();
    // The parent still has the turn: nothing of the page but this participant's own part may be touched yet.
    turn::adopt_waiting(child);
    random::fork(pid);
    work::begin_anew();
    counter::fault_on_read();
}

#[unsafe(no_mangle)]
extern "C" fn vfork() -> i32 {
    fork()
}

/// Waits for a child to end: its participant, nothing if none has ended and that is enough, or an `errno`.
fn await_child(pid: i32, options: i32) -> Result<Option<usize>, i32> {
    loop {
        if children(pid).next().is_none() {
            return Err(sys::ECHILD);
        }
        let ended = ended_child(pid);
        if ended.is_some() || options & libc::WNOHANG != 0 {
            return Ok(ended);
        }
        if wait_interrupted(pid) {
            return Err(sys::EINTR);
        }
    }
}

fn wait_interrupted(pid: i32) -> bool {
    wait(until_ended(pid), NO_DEADLINE) == Interrupt::Yes && ended_child(pid).is_none()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn waitpid(pid: i32, status: *mut i32, options: i32) -> i32 {
    // SAFETY: the caller's room.
    unsafe { wait4(pid, status, options, core::ptr::null_mut()) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn wait3(status: *mut i32, options: i32, usage: *mut u8) -> i32 {
    // SAFETY: the caller's room.
    unsafe { wait4(-1, status, options, usage) }
}

/// Waits for any child, under the C library's name for it.
#[unsafe(export_name = "wait")]
unsafe extern "C" fn wait_for_any(status: *mut i32) -> i32 {
    // SAFETY: the caller's room.
    unsafe { wait4(-1, status, 0, core::ptr::null_mut()) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn wait4(pid: i32, status: *mut i32, options: i32, usage: *mut u8) -> i32 {
    if !alive() {
        // SAFETY: the caller's arguments, handed on as they are.
        return reported(unsafe { sys!(sys::WAIT4, pid, status, options, usage) }) as i32;
    }
    if options & !KNOWN_OPTIONS != 0 {
        return fail(sys::EINVAL);
    }
    match await_child(pid, options) {
        Err(errno) => fail(errno),
        Ok(None) => 0,
        Ok(Some(child)) => {
            let ended = reap(child);
            // SAFETY: the caller's room, if there is any.
            if let Some(status) = unsafe { status.as_mut() } {
                *status = ended;
            }
            participant(child).pid.get() as i32
        }
    }
}

/// Buries a child that has ended; its status.
fn reap(child: usize) -> i32 {
    if unshared::has_children(participant(child).pid.get()) {
        unshared::share_all();
    }
    let mut status = 0i32;
    // SAFETY: a child of this process, and room for its status.
    unsafe { sys!(sys::WAIT4, participant(child).real_pid.get(), &raw mut status, 0, 0) };
    participant(child).state.set(state::FREE);
    status
}

#[unsafe(no_mangle)]
unsafe extern "C" fn waitid(kind: u32, id: i32, info: *mut ChildInfo, options: i32) -> i32 {
    const ALL: u32 = 0;
    const ONE: u32 = 1;
    if !alive() {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe {
            real!("waitid" as fn(u32, i32, *mut ChildInfo, i32) -> i32)(kind, id, info, options)
        };
    }
    if options & (libc::WSTOPPED | libc::WCONTINUED) != 0 || !matches!(kind, ALL | ONE) {
        give_up!("waitid for anything but the end of children is not simulated");
    }
    if options & libc::WEXITED == 0 || options & !(libc::WEXITED | libc::WNOHANG | libc::WNOWAIT) != 0 {
        return fail(sys::EINVAL);
    }
    let told = match await_child(if kind == ALL { -1 } else { id }, options) {
        Err(errno) => return fail(errno),
        Ok(None) => ChildInfo::default(),
        Ok(Some(child)) => {
            let told = told_of(child);
            if options & libc::WNOWAIT == 0 {
                reap(child);
            }
            told
        }
    };
    // SAFETY: the caller's room, if there is any.
    if let Some(info) = unsafe { info.as_mut() } {
        *info = told;
    }
    0
}

/// The part of `siginfo_t` that says what became of a child.
#[repr(C)]
#[derive(Default)]
struct ChildInfo {
    signal: i32,
    errno: i32,
    code: i32,
    pad: i32,
    pid: u32,
    user: u32,
    status: i32,
    rest: [u32; 25],
}

/// What the kernel says of a child that has ended and was not buried yet, under the number that the server knows.
fn told_of(child: usize) -> ChildInfo {
    const ONE: usize = 1;
    let mut told = ChildInfo::default();
    let options = libc::WEXITED | libc::WNOWAIT;
    // SAFETY: a child of this process, and room for what is said of it.
    unsafe { sys!(libc::SYS_waitid, ONE, participant(child).real_pid.get(), &raw mut told, options, 0) };
    told.pid = participant(child).pid.get();
    told
}
