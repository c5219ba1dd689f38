//! Sending signals: to threads and processes of this node, and to nobody else.
//!
//! A server knows itself and its children by simulated numbers. Such a number may be anybody's on the host, so none of
//! them ever reaches the kernel: it is looked up among the node's own, and is nobody's otherwise.

use crate::give_up::give_up;
use crate::life::{alive, real};
use crate::page::{Participant, record, state};
use crate::signal::{self, post, run_due};
use crate::sys::{self, fail, reported, sys};
use crate::{thread, turn};

const LAST_SIGNAL: i32 = 64;

fn participant(i: usize) -> &'static Participant {
    &turn::page().participants[i]
}

/// Whether a process of the node has this id, alive or not reaped yet.
pub fn is_known(pid: i32) -> bool {
    turn::participants().iter().any(|it| it.pid.get() == pid as u32 && it.state.get() != state::FREE)
}

/// Which living participants a `kill` of `pid` is for: one, or all, which are one group.
fn receivers(pid: i32) -> impl Iterator<Item = usize> {
    let group = participant(0).pid.get() as i32;
    let is_alive = |i: usize| !matches!(participant(i).state.get(), state::FREE | state::EXITED);
    let is_meant = move |i: usize| match pid {
        0 | -1 => true,
        _ if pid < 0 => -pid == group,
        _ => participant(i).pid.get() == pid as u32,
    };
    (0..turn::participants().len()).filter(move |i| (is_alive(*i) || *i == turn::my_number()) && is_meant(*i))
}

/// Stops another process of a guest, or lets it go on; whether there is nothing more to the signal.
fn stops(i: usize, number: i32) -> bool {
    match number {
        libc::SIGSTOP if turn::is_guest() => participant(i).stopped.set(1),
        libc::SIGCONT | libc::SIGKILL => participant(i).stopped.set(0),
        _ => {}
    }
    number == libc::SIGSTOP && turn::is_guest()
}

/// Sends a signal to another process of the node; it gets the turn for it.
fn send_to(i: usize, number: i32) {
    if stops(i, number) {
        return;
    }
    participant(i).signals.update(|signals| signals | 1 << number);
    participant(i).senders[number as usize].set(turn::me().pid.get());
    participant(i).poked.set(1);
    turn::report(record::SIGNAL, 0, number as u64, u64::from(participant(i).pid.get()));
}

/// Sends a signal to this process: a thread that does not block it takes it, this one before the call returns.
fn send_to_self(number: i32) {
    turn::me().signals.update(|signals| signals | 1 << number);
    turn::me().senders[number as usize].set(turn::me().pid.get());
    let me = thread::current();
    signal::assign(core::iter::once(me).chain(thread::living().filter(move |other| *other != me)));
    run_due(me);
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn kill(pid: i32, number: i32) -> i32 {
    if !alive() {
        // SAFETY: the caller's arguments, handed on as they are.
        return reported(unsafe { sys!(sys::KILL, pid, number) }) as i32;
    }
    if !(0..=LAST_SIGNAL).contains(&number) {
        return fail(sys::EINVAL);
    }
    let (me, everybody) = (turn::my_number(), pid == -1);
    let mut others = 0;
    for i in receivers(pid).filter(|i| *i != me) {
        others += 1;
        if number != 0 {
            send_to(i, number);
        }
    }
    let is_meant = !everybody && receivers(pid).any(|i| i == me);
    if is_meant && number != 0 {
        send_to_self(number);
    }
    let is_found = others > 0 || is_meant || (number == 0 && is_known(pid));
    if is_found { 0 } else { fail(libc::ESRCH) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn killpg(group: i32, number: i32) -> i32 {
    if group < 0 {
        return fail(sys::EINVAL);
    }
    // SAFETY: two numbers.
    unsafe { kill(-group, number) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sigqueue(pid: i32, number: i32, value: usize) -> i32 {
    if !alive() {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { real!("sigqueue" as fn(i32, i32, usize) -> i32)(pid, number, value) };
    }
    if value != 0 {
        give_up!("a signal that carries a value is not simulated");
    }
    // SAFETY: two numbers.
    unsafe { kill(pid, number) }
}

/// Sends a signal to a thread of this process; an `errno` or 0.
fn send_to_thread(other: usize, number: i32) -> i32 {
    if !(0..=LAST_SIGNAL).contains(&number) {
        return sys::EINVAL;
    }
    if number != 0 {
        turn::me().senders[number as usize].set(turn::me().pid.get());
        post(other, number);
    }
    if other == thread::current() {
        run_due(other);
    }
    0
}

/// Sends a signal to the thread that the server knows by the number `tid`.
pub fn send_to_tid(pid: i32, tid: i32, number: i32) -> i32 {
    let mine = turn::me().pid.get() as i32;
    if pid <= 0 || tid <= 0 {
        return fail(sys::EINVAL);
    }
    let other = thread::by_number((tid - mine + 1).max(0) as usize).filter(|_| pid == mine);
    match other.map(|other| send_to_thread(other, number)) {
        None => fail(libc::ESRCH),
        Some(0) => 0,
        Some(errno) => fail(errno),
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn tgkill(pid: i32, tid: i32, number: i32) -> i32 {
    if !alive() {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { real!("tgkill" as fn(i32, i32, i32) -> i32)(pid, tid, number) };
    }
    send_to_tid(pid, tid, number)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_kill(handle: usize, number: i32) -> i32 {
    if !alive() {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { real!("pthread_kill" as fn(usize, i32) -> i32)(handle, number) };
    }
    match thread::by_handle(handle) {
        Some(other) => send_to_thread(other, number),
        None => libc::ESRCH,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn raise(number: i32) -> i32 {
    if !alive() {
        // SAFETY: the caller's argument, handed on as it is.
        return unsafe { real!("raise" as fn(i32) -> i32)(number) };
    }
    match send_to_thread(thread::current(), number) {
        0 => 0,
        errno => fail(errno),
    }
}

/// Signals that would go to whom only a real number names.
macro_rules! refused {
    ($($name:ident)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(a: usize, b: usize, c: usize, d: usize, e: usize, f: usize) -> isize {
            if !alive() {
                // SAFETY: the caller's arguments, handed on as they are; none of these takes more than six.
                return unsafe {
                    real!("syscall" as fn(i64, usize, usize, usize, usize, usize, usize) -> isize)(
                        refused_number(stringify!($name)), a, b, c, d, e, f)
                };
            }
            give_up!("{} is not simulated", stringify!($name));
        }
    )*};
}

refused!(pidfd_open pidfd_send_signal pidfd_getfd process_vm_readv process_vm_writev);

fn refused_number(name: &str) -> i64 {
    match name {
        "pidfd_open" => libc::SYS_pidfd_open,
        "pidfd_send_signal" => libc::SYS_pidfd_send_signal,
        "pidfd_getfd" => libc::SYS_pidfd_getfd,
        "process_vm_readv" => libc::SYS_process_vm_readv,
        _ => libc::SYS_process_vm_writev,
    }
}
