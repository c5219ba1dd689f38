//! Clocks: virtual time plus a small cost for each look, so that a loop that waits for time to pass does end.

use crate::page::Page;
use crate::start::alive;
use crate::sys::{self, reported, sys};
use crate::{thread, turn};

#[repr(C)]
pub struct Timespec {
    pub seconds: i64,
    pub nanoseconds: i64,
}

#[repr(C)]
pub struct Timeval {
    pub seconds: i64,
    pub microseconds: i64,
}

pub const CLOCK_REALTIME: i32 = 0;
const CLOCK_PROCESS_CPUTIME_ID: i32 = 2;
const CLOCK_THREAD_CPUTIME_ID: i32 = 3;
const CLOCK_REALTIME_COARSE: i32 = 5;
const CLOCK_TAI: i32 = 11;
pub const BILLION: u64 = 1_000_000_000;

/// Nothing to prepare but that the page has a time.
pub fn start() {
    debug_assert!(turn::page().clock_cost_ns < BILLION);
}

/// Virtual time, after the cost of looking.
pub fn now_ns() -> u64 {
    let page: &mut Page = turn::page();
    page.now_ns += page.clock_cost_ns;
    page.busy_ns += page.clock_cost_ns;
    page.now_ns
}

/// The reading of clock `id`.
fn reading_ns(id: i32) -> u64 {
    let now = now_ns();
    match id {
        CLOCK_REALTIME | CLOCK_REALTIME_COARSE | CLOCK_TAI => turn::page().epoch_ns + now,
        CLOCK_PROCESS_CPUTIME_ID | CLOCK_THREAD_CPUTIME_ID => turn::page().busy_ns,
        _ => turn::page().monotonic_base_ns + now,
    }
}

/// The virtual instant at which clock `id` shows `time`.
pub fn instant_of(id: i32, time: &Timespec) -> u64 {
    let shown = (time.seconds.max(0) as u64).saturating_mul(BILLION).saturating_add(time.nanoseconds as u64);
    let base = match id {
        CLOCK_REALTIME | CLOCK_REALTIME_COARSE | CLOCK_TAI => turn::page().epoch_ns,
        _ => turn::page().monotonic_base_ns,
    };
    shown.saturating_sub(base)
}

/// A length of time in nanoseconds.
pub fn length_of(time: &Timespec) -> u64 {
    (time.seconds.max(0) as u64).saturating_mul(BILLION).saturating_add(time.nanoseconds as u64)
}

#[no_mangle]
unsafe extern "C" fn clock_gettime(id: i32, time: *mut Timespec) -> i32 {
    if !alive() {
        return reported(sys!(sys::CLOCK_GETTIME, id, time)) as i32;
    }
    let ns = reading_ns(id);
    *time = Timespec { seconds: (ns / BILLION) as i64, nanoseconds: (ns % BILLION) as i64 };
    0
}

#[no_mangle]
unsafe extern "C" fn clock_getres(_id: i32, resolution: *mut Timespec) -> i32 {
    if !resolution.is_null() {
        *resolution = Timespec { seconds: 0, nanoseconds: 1 };
    }
    0
}

unsafe fn wall_ns() -> u64 {
    let mut time = Timespec { seconds: 0, nanoseconds: 0 };
    clock_gettime(CLOCK_REALTIME, &mut time);
    length_of(&time)
}

#[no_mangle]
unsafe extern "C" fn gettimeofday(time: *mut Timeval, _zone: *mut u8) -> i32 {
    let ns = wall_ns();
    if !time.is_null() {
        *time = Timeval { seconds: (ns / BILLION) as i64, microseconds: (ns % BILLION / 1000) as i64 };
    }
    0
}

#[no_mangle]
unsafe extern "C" fn time(seconds: *mut i64) -> i64 {
    let now = (wall_ns() / BILLION) as i64;
    if !seconds.is_null() {
        *seconds = now;
    }
    now
}

#[no_mangle]
unsafe extern "C" fn clock() -> i64 {
    if alive() { (turn::page().busy_ns / 1000) as i64 } else { 0 }
}

#[no_mangle]
unsafe extern "C" fn times(_ticks: *mut u8) -> i64 {
    (wall_ns() / 10_000_000) as i64
}

/// `struct rusage`: user time, system time, and fourteen counters.
#[repr(C)]
struct Usage {
    user: Timeval,
    system: Timeval,
    counters: [i64; 14],
}

#[no_mangle]
unsafe extern "C" fn getrusage(_who: i32, usage: *mut u8) -> i32 {
    let busy = if alive() { turn::page().busy_ns } else { 0 };
    *usage.cast::<Usage>() = Usage {
        user: Timeval { seconds: (busy / BILLION) as i64, microseconds: (busy % BILLION / 1000) as i64 },
        system: Timeval { seconds: 0, microseconds: 0 },
        counters: [0; 14],
    };
    0
}

unsafe fn sleep_ns(ns: u64) {
    thread::sleep_until(turn::page().now_ns.saturating_add(ns));
}

#[no_mangle]
unsafe extern "C" fn nanosleep(time: *const Timespec, remaining: *mut Timespec) -> i32 {
    clock_nanosleep(1, 0, time, remaining)
}

#[no_mangle]
unsafe extern "C" fn clock_nanosleep(id: i32, flags: i32, time: *const Timespec, remaining: *mut Timespec) -> i32 {
    const CLOCK_NANOSLEEP: usize = 230;
    if !alive() {
        return sys!(CLOCK_NANOSLEEP, id, flags, time, remaining) as i32;
    }
    if flags & 1 == 1 {
        thread::sleep_until(instant_of(id, &*time));
    } else {
        sleep_ns(length_of(&*time));
    }
    0
}

#[no_mangle]
unsafe extern "C" fn usleep(microseconds: u32) -> i32 {
    let ns = u64::from(microseconds) * 1000;
    let time = Timespec { seconds: (ns / BILLION) as i64, nanoseconds: (ns % BILLION) as i64 };
    clock_nanosleep(1, 0, &time, core::ptr::null_mut())
}

#[no_mangle]
unsafe extern "C" fn sleep(seconds: u32) -> u32 {
    let time = Timespec { seconds: i64::from(seconds), nanoseconds: 0 };
    clock_nanosleep(1, 0, &time, core::ptr::null_mut());
    0
}

#[no_mangle]
unsafe extern "C" fn setitimer(which: i32, new: *const u8, old: *mut u8) -> i32 {
    const SETITIMER: usize = 38;
    if alive() {
        // The software watchdog alone uses it; in virtual time a slow command is a livelock, which the scheduler sees.
        return 0;
    }
    reported(sys!(SETITIMER, which, new, old)) as i32
}
