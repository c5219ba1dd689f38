//! What threads block, and waits for signals.

use crate::give_up::give_up;
use crate::life::{alive, real};
use crate::signal::{self, change_mask};
use crate::sys::{self, fail};
use crate::thread::{self, NO_DEADLINE, Source, Wait};

/// Changes the running thread's mask, and runs at once what is blocked no more; an `errno` or 0.
unsafe fn change(how: i32, new: *const u64, old: *mut u64) -> i32 {
    // SAFETY: the caller's sets.
    let result = unsafe { change_mask(thread::current(), how, new, old) };
    if result == 0 {
        signal::assign(thread::living());
        signal::run_due(thread::current());
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

/// Waits for signals by other means than a handler.
macro_rules! refused {
    ($($name:ident)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(a: usize, b: usize, c: usize) -> i32 {
            if alive() {
                give_up!("{} is not simulated", stringify!($name));
            }
            // SAFETY: the caller's arguments, handed on as they are; none of these takes more than three.
            unsafe { real_of(stringify!($name), a, b, c) }
        }
    )*};
}

/// # Safety
/// The arguments are what the function takes.
unsafe fn real_of(name: &str, a: usize, b: usize, c: usize) -> i32 {
    // SAFETY: as the caller says.
    unsafe {
        match name {
            "sigwait" => real!("sigwait" as fn(usize, usize) -> i32)(a, b),
            "sigwaitinfo" => real!("sigwaitinfo" as fn(usize, usize) -> i32)(a, b),
            "sigtimedwait" => real!("sigtimedwait" as fn(usize, usize, usize) -> i32)(a, b, c),
            _ => real!("signalfd" as fn(usize, usize, usize) -> i32)(a, b, c),
        }
    }
}

refused!(sigwait sigwaitinfo sigtimedwait signalfd);
