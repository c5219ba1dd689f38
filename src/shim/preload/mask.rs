//! What threads block, and waits for signals.

use crate::clock::{self, Timespec};
use crate::give_up::give_up;
use crate::life::{alive, real};
use crate::signal::{self, change_mask};
use crate::sys::{self, fail};
use crate::thread::{self, NO_DEADLINE, Source, Wait};
use crate::turn;

/// Changes the running thread's mask, and runs at once what is blocked no more; an `errno` or 0.
unsafe fn change(how: i32, new: *const u64, old: *mut u64) -> i32 {
    // SAFETY: the caller's sets.
    let result = unsafe { change_mask(thread::current(), how, new, old) };
    if result == 0 {
        // One of the thread's own and one of the process's may have the same number: they come one after the other.
        loop {
            signal::assign(thread::living());
            if signal::run_due(thread::current()) == signal::Interrupt::No {
                break;
            }
        }
    }
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_sigmask(how: i32, new: *const u64, old: *mut u64) -> i32 {
    if !alive() {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { real!("pthread_sigmask" as fn(i32, *const u64, *mut u64) -> i32)(how, new, old) };
    }
    // SAFETY: the caller's sets.
    unsafe { change(how, new, old) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sigprocmask(how: i32, new: *const u64, old: *mut u64) -> i32 {
    if !alive() {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { real!("sigprocmask" as fn(i32, *const u64, *mut u64) -> i32)(how, new, old) };
    }
    // SAFETY: the caller's sets.
    match unsafe { change(how, new, old) } {
        0 => 0,
        errno => fail(errno),
    }
}

/// The masks of old, which hold the first 32 signals.
macro_rules! of_old {
    ($($name:ident $text:literal $how:expr;)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(mask: i32) -> i32 {
            if !alive() {
                // SAFETY: the caller's argument, handed on as it is.
                return unsafe { real!($text as fn(i32) -> i32)(mask) };
            }
            let (new, mut old) = (u64::from(mask as u32), 0);
            // SAFETY: sets of this function's own.
            unsafe { change($how, &raw const new, &raw mut old) };
            old as i32
        }
    )*};
}

of_old! {
    sigsetmask "sigsetmask" libc::SIG_SETMASK;
    sigblock "sigblock" libc::SIG_BLOCK;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sigpending(set: *mut u64) -> i32 {
    if !alive() {
        // SAFETY: the caller's argument, handed on as it is.
        return unsafe { real!("sigpending" as fn(*mut u64) -> i32)(set) };
    }
    signal::assign(thread::living());
    // SAFETY: the caller's set.
    unsafe { *set = signal::waiting_for(thread::current()) };
    0
}

/// Waits until a handler has run.
fn wait_for_handler() -> i32 {
    let never = Wait { source: Source::Outside, is_over: |_, _| false, about: (0, 0) };
    while thread::wait(never, NO_DEADLINE) == signal::Interrupt::No {}
    fail(sys::EINTR)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pause() -> i32 {
    if !alive() {
        // SAFETY: a call without arguments.
        return unsafe { real!("pause" as fn() -> i32)() };
    }
    wait_for_handler()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sigsuspend(mask: *const u64) -> i32 {
    if !alive() {
        // SAFETY: the caller's argument, handed on as it is.
        return unsafe { real!("sigsuspend" as fn(*const u64) -> i32)(mask) };
    }
    let mut before = 0;
    // SAFETY: the caller's set, and room for the old one.
    unsafe { change_mask(thread::current(), libc::SIG_SETMASK, mask, &raw mut before) };
    signal::assign(thread::living());
    let result = match signal::run_due(thread::current()) {
        signal::Interrupt::No => wait_for_handler(),
        _ => fail(sys::EINTR),
    };
    // SAFETY: the set from before.
    unsafe { change_mask(thread::current(), libc::SIG_SETMASK, &raw const before, core::ptr::null_mut()) };
    result
}

/// Waits until a signal of `set` comes, and takes it; an `errno` if a handler runs or `deadline_ns` comes first.
fn take_signal(set: u64, deadline_ns: u64) -> Result<i32, i32> {
    let me = thread::current();
    let is_over = |set: usize, me: usize| signal::waiting_for(me) & set as u64 != 0;
    let waits = Wait { source: Source::Outside, is_over, about: (set as usize, me) };
    loop {
        signal::assign(thread::living());
        if let Some(number) = signal::take(me, set) {
            return Ok(number);
        }
        if turn::page().now_ns.get() >= deadline_ns {
            return Err(sys::EAGAIN);
        }
        if thread::wait(waits, deadline_ns) != signal::Interrupt::No {
            return Err(sys::EINTR);
        }
    }
}

/// Tells whoever waited for a signal what came; its number, or -1.
unsafe fn told(taken: Result<i32, i32>, info: *mut [u32; 32]) -> i32 {
    let number = match taken {
        Ok(number) => number,
        Err(errno) => return fail(errno),
    };
    // SAFETY: the caller's room, if there is any.
    if let Some(info) = unsafe { info.as_mut() } {
        *info = [0; 32];
        info[0] = number as u32;
        info[4] = turn::me().senders[number as usize].get();
    }
    number
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sigwait(set: *const u64, number: *mut i32) -> i32 {
    if !alive() {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { real!("sigwait" as fn(*const u64, *mut i32) -> i32)(set, number) };
    }
    loop {
        // SAFETY: the caller's set and room.
        if let Ok(taken) = take_signal(unsafe { *set }, NO_DEADLINE) {
            // SAFETY: as above.
            unsafe { *number = taken };
            return 0;
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sigwaitinfo(set: *const u64, info: *mut [u32; 32]) -> i32 {
    if !alive() {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { real!("sigwaitinfo" as fn(*const u64, *mut [u32; 32]) -> i32)(set, info) };
    }
    // SAFETY: the caller's set and room.
    unsafe { told(take_signal(*set, NO_DEADLINE), info) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sigtimedwait(set: *const u64, info: *mut [u32; 32], time: *const Timespec) -> i32 {
    if !alive() {
        let next = real!("sigtimedwait" as fn(*const u64, *mut [u32; 32], *const Timespec) -> i32);
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { next(set, info, time) };
    }
    // SAFETY: the caller's time, if there is one.
    let length = unsafe { time.as_ref() }.map(clock::length_of);
    let deadline = length.map_or(NO_DEADLINE, |ns| turn::page().now_ns.get().saturating_add(ns));
    // SAFETY: the caller's set and room.
    unsafe { told(take_signal(*set, deadline), info) }
}

/// Signals as bytes of a descriptor.
#[unsafe(no_mangle)]
unsafe extern "C" fn signalfd(fd: i32, set: *const u64, flags: i32) -> i32 {
    if alive() {
        give_up!("signalfd is not simulated");
    }
    // SAFETY: the caller's arguments, handed on as they are.
    unsafe { real!("signalfd" as fn(i32, *const u64, i32) -> i32)(fd, set, flags) }
}
