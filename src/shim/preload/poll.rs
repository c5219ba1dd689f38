//! Multiplexing by `poll` and `select`, over descriptors of any kind.

use crate::clock::{self, BILLION, Timespec, Timeval};
use crate::epoll::{deadline_after_ms, events_at};
use crate::life::alive;
use crate::ready::{ERR, HUP, IN, INVALID, OUT, wait_until};
use crate::sys::{fail, kernel};
use crate::thread::{NO_DEADLINE, Source, Wait};
use crate::{thread, turn, work};

/// What a signal mask of the kernel takes.
const MASK_BYTES: usize = 8;

/// Notes what is ready at each of `count` entries at address `array`; at how many something is.
fn count_ready(array: usize, count: usize) -> usize {
    if count == 0 {
        return 0;
    }
    // SAFETY: the address of the blocked caller's own array.
    let entries = unsafe { core::slice::from_raw_parts_mut(array as *mut libc::pollfd, count) };
    for entry in entries.iter_mut() {
        let wanted = entry.events as u16 as u32 | ERR | HUP | INVALID;
        entry.revents = if entry.fd < 0 { 0 } else { (events_at(entry.fd) & wanted) as i16 };
    }
    entries.iter().filter(|entry| entry.revents != 0).count()
}

fn poll_until(array: usize, count: usize, deadline: u64) -> i32 {
    if deadline <= turn::page().now_ns.get() {
        work::breathe();
    }
    thread::rest();
    let is_over = |array: usize, count: usize| count_ready(array, count) > 0;
    loop {
        let ready = count_ready(array, count);
        if ready > 0 || turn::page().now_ns.get() >= deadline {
            return ready as i32;
        }
        if let Err(error) =
            wait_until(Wait { source: Source::Outside, is_over, about: (array, count) }, deadline)
        {
            return fail(error);
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn poll(array: *mut u8, count: u64, timeout_ms: i32) -> i32 {
    if !alive() {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { kernel!(SYS_poll, array, count, timeout_ms) as i32 };
    }
    poll_until(array.addr(), count as usize, deadline_after_ms(timeout_ms))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __poll_chk(array: *mut u8, count: u64, timeout_ms: i32, _size: usize) -> i32 {
    // SAFETY: the caller's arguments, as for `poll`.
    unsafe { poll(array, count, timeout_ms) }
}

/// The instant a time-out ends; none is never.
fn deadline_after(timeout: Option<&Timespec>) -> u64 {
    timeout.map_or(NO_DEADLINE, |time| turn::page().now_ns.get().saturating_add(clock::length_of(time)))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ppoll(array: *mut u8, count: u64, timeout: *const Timespec, mask: *const u8) -> i32 {
    // SAFETY: the caller's time, if there is one.
    let time = unsafe { timeout.as_ref() };
    if !alive() {
        // The kernel may write to the time, so it is given a copy.
        let mut copy = time.map(|time| Timespec { ..*time });
        let time = copy.as_mut().map_or(core::ptr::null_mut(), |time| &raw mut *time);
        // SAFETY: the caller's arguments, but for the time.
        return unsafe { kernel!(SYS_ppoll, array, count, time, mask, MASK_BYTES) as i32 };
    }
    poll_until(array.addr(), count as usize, deadline_after(time))
}

/// What a call of `select` asks and is told: three sets of bits, each of which may be missing.
struct Selection {
    count: usize,
    asked: [Set; 3],
}

type Set = [u64; SET_WORDS];
const SET_WORDS: usize = libc::FD_SETSIZE / 64;
/// What counts as ready in each of the sets; nothing is ever exceptional.
const MEANINGS: [u32; 3] = [IN | HUP | ERR, OUT | ERR, 0];

impl Selection {
    /// What the caller asks.
    unsafe fn new(count: usize, sets: [*mut u64; 3]) -> Self {
        let mut asked = [[0; SET_WORDS]; 3];
        for (asked, set) in asked.iter_mut().zip(sets).filter(|(_, set)| !set.is_null()) {
            for (n, word) in asked.iter_mut().enumerate().take(count.div_ceil(64)) {
                // SAFETY: the caller's sets have room for `count` bits.
                *word = unsafe { set.add(n).read() };
            }
        }
        Selection { count, asked }
    }

    /// The sets of what is ready, and how many bits they have; none if something that is asked for is closed.
    fn answer(&self) -> Option<([Set; 3], i32)> {
        let (mut sets, mut bits) = ([[0; SET_WORDS]; 3], 0);
        for fd in 0..self.count {
            let (word, bit) = (fd / 64, 1 << (fd % 64));
            if self.asked.iter().all(|set| set[word] & bit == 0) {
                continue;
            }
            let events = events_at(fd as i32);
            if events & INVALID != 0 {
                return None;
            }
            for n in 0..sets.len() {
                if self.asked[n][word] & bit != 0 && events & MEANINGS[n] != 0 {
                    sets[n][word] |= bit;
                    bits += 1;
                }
            }
        }
        Some((sets, bits))
    }
}

/// Selects until `deadline`; the answer, or a negative `errno`.
unsafe fn select_until(count: i32, sets: [*mut u64; 3], deadline: u64) -> i32 {
    let Some(count) = usize::try_from(count).ok().filter(|count| *count <= libc::FD_SETSIZE) else {
        return fail(libc::EINVAL);
    };
    // SAFETY: the caller's sets.
    let selection = unsafe { Selection::new(count, sets) };
    let is_over = |selection: usize, _| {
        // SAFETY: the address of the blocked caller's selection, which lives until it goes on.
        unsafe { &*(selection as *const Selection) }.answer().is_none_or(|(_, bits)| bits > 0)
    };
    let about = ((&raw const selection).addr(), 0);
    if deadline <= turn::page().now_ns.get() {
        work::breathe();
    }
    thread::rest();
    loop {
        let Some((answer, bits)) = selection.answer() else {
            return fail(libc::EBADF);
        };
        if bits > 0 || turn::page().now_ns.get() >= deadline {
            // SAFETY: the caller's sets.
            unsafe { tell(count, sets, &answer) };
            return bits;
        }
        if let Err(error) = wait_until(Wait { source: Source::Outside, is_over, about }, deadline) {
            return fail(error);
        }
    }
}

unsafe fn tell(count: usize, sets: [*mut u64; 3], answer: &[Set; 3]) {
    for (set, words) in sets.into_iter().zip(answer).filter(|(set, _)| !set.is_null()) {
        for (n, word) in words.iter().enumerate().take(count.div_ceil(64)) {
            // SAFETY: the caller's sets have room for `count` bits.
            unsafe { set.add(n).write(*word) };
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn select(
    count: i32,
    readable: *mut u64,
    writable: *mut u64,
    exceptional: *mut u64,
    timeout: *mut Timeval,
) -> i32 {
    if !alive() {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { kernel!(SYS_select, count, readable, writable, exceptional, timeout) as i32 };
    }
    // SAFETY: the caller's time, if there is one.
    let Some(time) = (unsafe { timeout.as_mut() }) else {
        // SAFETY: the caller's sets.
        return unsafe { select_until(count, [readable, writable, exceptional], NO_DEADLINE) };
    };
    if time.seconds < 0 || time.microseconds < 0 {
        return fail(libc::EINVAL);
    }
    let ns = time.seconds as u64 * BILLION + time.microseconds as u64 * 1000;
    let deadline = turn::page().now_ns.get().saturating_add(ns);
    // SAFETY: the caller's sets.
    let result = unsafe { select_until(count, [readable, writable, exceptional], deadline) };
    // Linux says what is left of the time.
    let left_us = deadline.saturating_sub(turn::page().now_ns.get()) / 1000;
    (time.seconds, time.microseconds) = ((left_us / 1_000_000) as i64, (left_us % 1_000_000) as i64);
    result
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pselect(
    count: i32,
    readable: *mut u64,
    writable: *mut u64,
    exceptional: *mut u64,
    timeout: *const Timespec,
    mask: *const u8,
) -> i32 {
    // SAFETY: the caller's time, if there is one.
    let time = unsafe { timeout.as_ref() };
    if !alive() {
        let mut copy = time.map(|time| Timespec { ..*time });
        let time = copy.as_mut().map_or(core::ptr::null_mut(), |time| &raw mut *time);
        let mask = [mask.addr(), MASK_BYTES];
        // SAFETY: the caller's arguments, but for the time, which the kernel may write to.
        return unsafe {
            kernel!(SYS_pselect6, count, readable, writable, exceptional, time, mask.as_ptr()) as i32
        };
    }
    // SAFETY: the caller's sets.
    unsafe { select_until(count, [readable, writable, exceptional], deadline_after(time)) }
}
