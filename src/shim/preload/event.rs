//! Descriptors that count: `eventfd`, and `timerfd` in virtual time.

use crate::clock::{BILLION, Timespec, instant_of};
use crate::descriptor::{self, Kind, entry};
use crate::life::alive;
use crate::page::{COUNTERS, Counter};
use crate::ready::{self, COUNTER_MAX, count_of, is_named, wait_for};
use crate::sys::{fail, kernel, reported, sys};
use crate::thread::NO_DEADLINE;
use crate::turn;

/// The bytes that a count takes.
const COUNT_BYTES: usize = 8;

fn at(i: usize) -> &'static Counter {
    &turn::page().counters[i]
}

/// Whoever waits for a counter looks again.
fn note_activity() {
    turn::page().pipe_activity.update(|count| count.wrapping_add(1));
}

/// A free counter behind the new real descriptor `fd`, or a negative `errno`, reported.
fn begin(fd: isize, nonblocking: bool, is_timer: bool) -> Option<&'static Counter> {
    if fd < 0 {
        fail(-fd as i32);
        return None;
    }
    let Some(i) = (0..COUNTERS).find(|i| !is_named(&at(*i).refs)) else {
        // SAFETY: the descriptor was just made for this.
        unsafe { kernel!(SYS_close, fd) };
        fail(libc::ENFILE);
        return None;
    };
    let counter = at(i);
    for word in [&counter.value, &counter.next_ns, &counter.interval_ns] {
        word.set(0);
    }
    counter.semaphore.set(0);
    counter.is_timer.set(u32::from(is_timer));
    counter.refs.iter().for_each(|count| count.set(0));
    counter.refs[turn::my_number()].set(1);
    descriptor::adopt(fd, Kind::Counter(i), nonblocking);
    Some(counter)
}

pub fn close(i: usize) {
    at(i).refs[turn::my_number()].update(|count| count - 1);
    if !is_named(&at(i).refs) {
        at(i).next_ns.set(0);
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn eventfd(value: u32, flags: i32) -> i32 {
    // SAFETY: numbers only.
    let fd = unsafe { sys!(libc::SYS_eventfd2 as usize, value, flags) };
    if !alive() {
        return reported(fd) as i32;
    }
    let Some(counter) = begin(fd, flags & libc::EFD_NONBLOCK != 0, false) else { return -1 };
    counter.value.set(u64::from(value));
    counter.semaphore.set(u32::from(flags & libc::EFD_SEMAPHORE != 0));
    fd as i32
}

#[unsafe(no_mangle)]
unsafe extern "C" fn timerfd_create(clock: i32, flags: i32) -> i32 {
    // SAFETY: numbers only.
    let fd = unsafe { sys!(libc::SYS_timerfd_create as usize, clock, flags) };
    if !alive() {
        return reported(fd) as i32;
    }
    let Some(counter) = begin(fd, flags & libc::TFD_NONBLOCK != 0, true) else { return -1 };
    // Absolute times of the real-time clock count from another instant.
    counter.value.set(0);
    counter.semaphore.set(u32::from(clock == libc::CLOCK_REALTIME));
    fd as i32
}

fn timer_of(fd: i32) -> Option<&'static Counter> {
    match entry(fd).kind {
        Kind::Counter(i) if at(i).is_timer.get() != 0 => Some(at(i)),
        _ => None,
    }
}

/// What is left of a timer's time.
fn setting_of(timer: &Counter) -> libc::itimerspec {
    let now = turn::page().now_ns.get();
    let interval = timer.interval_ns.get();
    let left = match timer.next_ns.get() {
        0 => 0,
        next if next > now => next - now,
        _ if interval == 0 => 0,
        next => interval - (now - next) % interval,
    };
    let time = |ns: u64| libc::timespec { tv_sec: (ns / BILLION) as i64, tv_nsec: (ns % BILLION) as i64 };
    libc::itimerspec { it_interval: time(interval), it_value: time(left) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn timerfd_settime(
    fd: i32,
    flags: i32,
    new: *const libc::itimerspec,
    old: *mut libc::itimerspec,
) -> i32 {
    let Some(timer) = timer_of(fd) else {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { kernel!(SYS_timerfd_settime, fd, flags, new, old) as i32 };
    };
    // SAFETY: the caller's setting is whole, and so is the room for the old one.
    let given = unsafe {
        if !old.is_null() {
            *old = setting_of(timer);
        }
        *new
    };
    let ns = |time: libc::timespec| time.tv_sec as u64 * BILLION + time.tv_nsec as u64;
    let (first, interval) = (ns(given.it_value), ns(given.it_interval));
    timer.value.set(0);
    timer.interval_ns.set(interval);
    timer.next_ns.set(match first {
        0 => 0,
        at if flags & libc::TFD_TIMER_ABSTIME != 0 => virtual_time(timer, at),
        after => turn::page().now_ns.get() + after,
    });
    note_activity();
    0
}

/// The instant of virtual time that a clock of the server calls `at`.
fn virtual_time(timer: &Counter, at: u64) -> u64 {
    let clock = if timer.semaphore.get() != 0 { libc::CLOCK_REALTIME } else { libc::CLOCK_MONOTONIC };
    let time = Timespec { seconds: (at / BILLION) as i64, nanoseconds: (at % BILLION) as i64 };
    instant_of(clock, &time).max(1)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn timerfd_gettime(fd: i32, now: *mut libc::itimerspec) -> i32 {
    let Some(timer) = timer_of(fd) else {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { kernel!(SYS_timerfd_gettime, fd, now) as i32 };
    };
    // SAFETY: the caller's room.
    unsafe { *now = setting_of(timer) };
    0
}

/// Takes the count, or one of it; 8, or a negative `errno`.
///
/// # Safety
/// The caller owns `len` bytes at `buffer`.
pub unsafe fn read(fd: i32, i: usize, buffer: *mut u8, len: usize, nonblocking: bool) -> isize {
    if len < COUNT_BYTES {
        return -libc::EINVAL as isize;
    }
    while count_of(at(i)) == 0 {
        if nonblocking {
            return -libc::EAGAIN as isize;
        }
        if let Err(error) = wait_for(fd, ready::IN, NO_DEADLINE) {
            return -error as isize;
        }
    }
    let taken = take(at(i));
    // SAFETY: the caller's buffer is long enough.
    unsafe { buffer.cast::<u64>().write_unaligned(taken) };
    note_activity();
    COUNT_BYTES as isize
}

fn take(counter: &Counter) -> u64 {
    let count = count_of(counter);
    if counter.is_timer.get() != 0 {
        let next = ready::next_after(turn::page().now_ns.get())(counter);
        counter.next_ns.set(if next == NO_DEADLINE { 0 } else { next });
        counter.value.set(0);
        return count;
    }
    let taken = if counter.semaphore.get() != 0 { 1 } else { count };
    counter.value.set(count - taken);
    taken
}

/// Adds to the count; 8, or a negative `errno`.
///
/// # Safety
/// The caller owns `len` bytes at `buffer`.
pub unsafe fn write(fd: i32, i: usize, buffer: *const u8, len: usize, nonblocking: bool) -> isize {
    if len < COUNT_BYTES || at(i).is_timer.get() != 0 {
        return -libc::EINVAL as isize;
    }
    // SAFETY: the caller's buffer is long enough.
    let more = unsafe { buffer.cast::<u64>().read_unaligned() };
    if more > COUNTER_MAX {
        return -libc::EINVAL as isize;
    }
    while COUNTER_MAX - at(i).value.get() < more {
        if nonblocking {
            return -libc::EAGAIN as isize;
        }
        if let Err(error) = wait_for(fd, ready::OUT, NO_DEADLINE) {
            return -error as isize;
        }
    }
    at(i).value.update(|value| value + more);
    note_activity();
    COUNT_BYTES as isize
}
