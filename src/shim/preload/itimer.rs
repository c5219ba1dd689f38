//! The calls that set the process's alarm.

use crate::alarm;
use crate::clock::{BILLION, Timeval};
use crate::give_up::give_up;
use crate::life::{alive, real};
use crate::sys::{self, fail, kernel};

const REAL: i32 = 0;
const LAST: i32 = 2;
const MILLION: u64 = 1_000_000;

/// `struct itimerval`: the interval first.
#[repr(C)]
struct Interval {
    again: Timeval,
    value: Timeval,
}

impl Timeval {
    fn of_ns(ns: u64) -> Self {
        Timeval { seconds: (ns / BILLION) as i64, microseconds: (ns % BILLION / 1000) as i64 }
    }

    fn ns(&self) -> Option<u64> {
        let is_time = self.seconds >= 0 && (0..MILLION as i64).contains(&self.microseconds);
        is_time.then(|| (self.seconds as u64).saturating_mul(BILLION) + self.microseconds as u64 * 1000)
    }
}

/// Why a timer is none that is simulated.
fn refuse(which: i32) -> i32 {
    if (0..=LAST).contains(&which) && which != REAL {
        give_up!("timers of processor time are not simulated");
    }
    if which == REAL { 0 } else { fail(sys::EINVAL) }
}

fn state() -> Interval {
    let (value, again) = alarm::state();
    Interval { again: Timeval::of_ns(again), value: Timeval::of_ns(value) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn setitimer(which: i32, new: *const u8, old: *mut u8) -> i32 {
    if !alive() {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { kernel!(SYS_setitimer, which, new, old) as i32 };
    }
    if refuse(which) != 0 {
        return -1;
    }
    // SAFETY: the caller's times are whole, where there are any.
    let (new, old) = unsafe { (new.cast::<Interval>().as_ref(), old.cast::<Interval>().as_mut()) };
    let wanted = new.map(|new| (new.value.ns(), new.again.ns()));
    let before = state();
    match wanted {
        Some((Some(value), Some(again))) => alarm::set(value, again),
        Some(_) => return fail(sys::EINVAL),
        None => alarm::set(0, 0),
    }
    if let Some(old) = old {
        *old = before;
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getitimer(which: i32, now: *mut u8) -> i32 {
    if !alive() {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { kernel!(SYS_getitimer, which, now) as i32 };
    }
    if refuse(which) != 0 {
        return -1;
    }
    // SAFETY: the caller's room.
    unsafe { now.cast::<Interval>().write(state()) };
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn alarm(seconds: u32) -> u32 {
    if !alive() {
        // SAFETY: the caller's argument, handed on as it is.
        return unsafe { real!("alarm" as fn(u32) -> u32)(seconds) };
    }
    let (left, _) = alarm::state();
    alarm::set(u64::from(seconds) * BILLION, 0);
    left.div_ceil(BILLION) as u32
}

#[unsafe(no_mangle)]
unsafe extern "C" fn timer_create(id: i32, event: *mut u8, timer: *mut u8) -> i32 {
    if alive() {
        give_up!("timer_create is not simulated");
    }
    // SAFETY: the caller's arguments, handed on as they are.
    unsafe { real!("timer_create" as fn(i32, *mut u8, *mut u8) -> i32)(id, event, timer) }
}
