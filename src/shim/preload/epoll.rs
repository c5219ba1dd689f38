//! Multiplexing: `epoll`, `poll` and `select` over simulated descriptors.

use core::cell::Cell;

use crate::baton::Baton;
use crate::clock::{self, BILLION, Timespec, Timeval};
use crate::descriptor::{self, DESCRIPTORS, Kind, entry};
use crate::give_up::give_up;
use crate::life::alive;
use crate::ready::{ERR, HUP, events_of};
use crate::sys::{self, fail, reported, sys};
use crate::thread::{self, NO_DEADLINE, Source, Wait};
use crate::{signal, turn};

const EDGE_OR_ONCE: u32 = 0xc000_0000;
const INSTANCES: usize = 4;

#[derive(Clone, Copy)]
struct Registration {
    events: u32,
    data: u64,
}

struct Instance {
    used: Cell<bool>,
    /// One past the highest registered descriptor.
    end: Cell<usize>,
    registered: [Cell<u64>; DESCRIPTORS / 64],
    by_descriptor: [Cell<Registration>; DESCRIPTORS],
}

static TABLE: Baton<[Instance; INSTANCES]> = Baton::new([const { Instance::new() }; INSTANCES]);

impl Instance {
    const fn new() -> Self {
        Instance {
            used: Cell::new(false),
            end: Cell::new(0),
            registered: [const { Cell::new(0) }; DESCRIPTORS / 64],
            by_descriptor: [const { Cell::new(Registration { events: 0, data: 0 }) }; DESCRIPTORS],
        }
    }

    fn has(&self, fd: usize) -> bool {
        self.registered[fd / 64].get() >> (fd % 64) & 1 == 1
    }

    fn add(&self, fd: usize) {
        self.registered[fd / 64].update(|bits| bits | 1 << (fd % 64));
        self.end.set(self.end.get().max(fd + 1));
    }

    fn remove(&self, fd: usize) {
        self.registered[fd / 64].update(|bits| bits & !(1 << (fd % 64)));
    }

    /// Calls `found` for each registered descriptor in order, until it says stop.
    fn each(&self, mut found: impl FnMut(usize) -> bool) {
        for word in 0..self.end.get().div_ceil(64) {
            let mut bits = self.registered[word].get();
            while bits != 0 {
                let fd = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                if found(fd) {
                    return;
                }
            }
        }
    }

    /// What is ready at a registered descriptor, of what was asked for.
    fn ready(&self, fd: usize) -> u32 {
        (self.by_descriptor[fd].get().events | ERR | HUP) & events_of(fd as i32)
    }

    fn is_any_ready(&self) -> bool {
        let mut any = false;
        self.each(|fd| {
            any = self.ready(fd) != 0;
            any
        });
        any
    }

    /// Writes what is ready to `events`, which has room for `most`; how many.
    unsafe fn collect(&self, events: *mut Event, most: usize) -> usize {
        let mut count = 0;
        self.each(|fd| {
            let ready = self.ready(fd);
            if ready != 0 && count < most {
                let event = Event { events: ready, data: self.by_descriptor[fd].get().data };
                // SAFETY: the caller's room.
                unsafe { events.add(count).write_unaligned(event) };
                count += 1;
            }
            count == most
        });
        count
    }
}

/// A closed descriptor leaves every instance.
pub fn forget(fd: i32) {
    TABLE.iter().for_each(|instance| instance.remove(fd as usize));
}

pub fn close(i: usize) {
    TABLE[i].used.set(false);
    TABLE[i].end.set(0);
    TABLE[i].registered.iter().for_each(|bits| bits.set(0));
}

#[unsafe(no_mangle)]
unsafe extern "C" fn epoll_create1(flags: i32) -> i32 {
    const EPOLL_CREATE1: usize = 291;
    if !alive() {
        // SAFETY: the caller's argument, handed on as it is.
        return reported(unsafe { sys!(EPOLL_CREATE1, flags) }) as i32;
    }
    let Some(i) = TABLE.iter().position(|instance| !instance.used.get()) else {
        give_up!("more than {INSTANCES} epoll instances are open");
    };
    TABLE[i].used.set(true);
    let fd = descriptor::new(Kind::Epoll(i), false);
    if fd < 0 { fail(-fd) } else { fd }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn epoll_create(_size: i32) -> i32 {
    // SAFETY: a number and nothing else.
    unsafe { epoll_create1(0) }
}

/// `struct epoll_event`, packed as on x86-64.
#[repr(C, packed)]
struct Event {
    events: u32,
    data: u64,
}

#[unsafe(no_mangle)]
unsafe extern "C" fn epoll_ctl(epoll: i32, operation: i32, fd: i32, event: *mut u8) -> i32 {
    const ADD: i32 = 1;
    const DELETE: i32 = 2;
    const EPOLL_CTL: usize = 233;
    let Kind::Epoll(i) = entry(epoll).kind else {
        // SAFETY: the caller's arguments, handed on as they are.
        return reported(unsafe { sys!(EPOLL_CTL, epoll, operation, fd, event) }) as i32;
    };
    if entry(fd).kind == Kind::Real {
        return fail(sys::EPERM);
    }
    let (this, place) = (&TABLE[i], fd as usize);
    if operation == DELETE {
        this.remove(place);
        return 0;
    }
    if operation == ADD && this.has(place) {
        return fail(sys::EEXIST);
    }
    if operation != ADD && !this.has(place) {
        return fail(sys::ENOENT);
    }
    // SAFETY: the caller's event.
    let Event { events, data } = unsafe { event.cast::<Event>().read_unaligned() };
    if events & EDGE_OR_ONCE != 0 {
        give_up!("edge-triggered and one-shot events are not simulated");
    }
    this.by_descriptor[place].set(Registration { events, data });
    this.add(place);
    0
}

/// The instant a time-out of `ms` milliseconds ends; negative is never.
fn deadline_after_ms(ms: i32) -> u64 {
    if ms < 0 {
        return NO_DEADLINE;
    }
    turn::page().now_ns.get().saturating_add(ms as u64 * 1_000_000)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn epoll_wait(epoll: i32, events: *mut u8, most: i32, timeout_ms: i32) -> i32 {
    const EPOLL_WAIT: usize = 232;
    let Kind::Epoll(i) = entry(epoll).kind else {
        // SAFETY: the caller's arguments, handed on as they are.
        return reported(unsafe { sys!(EPOLL_WAIT, epoll, events, most, timeout_ms) }) as i32;
    };
    let deadline = deadline_after_ms(timeout_ms);
    let wait = Wait { source: Source::Outside, is_over: |i, _| TABLE[i].is_any_ready(), about: (i, 0) };
    // SAFETY: the caller's room for `most` events.
    let collect = || unsafe { TABLE[i].collect(events.cast::<Event>(), most.max(0) as usize) as i32 };
    loop {
        let count = collect();
        if count > 0 || timeout_ms == 0 {
            return count;
        }
        thread::wait(wait, deadline);
        if signal::take_interrupted() {
            return fail(sys::EINTR);
        }
        if turn::page().now_ns.get() >= deadline {
            return collect();
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn epoll_pwait(
    epoll: i32,
    events: *mut u8,
    most: i32,
    timeout_ms: i32,
    _mask: *const u8,
) -> i32 {
    // SAFETY: the caller's arguments, as for `epoll_wait`.
    unsafe { epoll_wait(epoll, events, most, timeout_ms) }
}

/// `struct pollfd`.
#[repr(C)]
struct PollEntry {
    fd: i32,
    events: i16,
    ready: i16,
}

/// Notes what is ready at each of `count` entries at address `array`; at how many something is.
fn count_ready(array: usize, count: usize) -> usize {
    // SAFETY: the address of the blocked caller's own array.
    let entries = unsafe { core::slice::from_raw_parts_mut(array as *mut PollEntry, count) };
    for entry in entries.iter_mut() {
        let wanted = entry.events as u16 as u32 | ERR | HUP;
        entry.ready = if entry.fd < 0 { 0 } else { (events_of(entry.fd) & wanted) as i16 };
    }
    entries.iter().filter(|entry| entry.ready != 0).count()
}

fn poll_until(array: usize, count: usize, deadline: u64) -> i32 {
    let is_over = |array: usize, count: usize| count_ready(array, count) > 0;
    loop {
        let ready = count_ready(array, count);
        if ready > 0 || turn::page().now_ns.get() >= deadline {
            return ready as i32;
        }
        thread::wait(Wait { source: Source::Outside, is_over, about: (array, count) }, deadline);
        if signal::take_interrupted() {
            return fail(sys::EINTR);
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn poll(array: *mut u8, count: u64, timeout_ms: i32) -> i32 {
    const POLL: usize = 7;
    if !alive() {
        // SAFETY: the caller's arguments, handed on as they are.
        return reported(unsafe { sys!(POLL, array, count, timeout_ms) }) as i32;
    }
    poll_until(array.addr(), count as usize, deadline_after_ms(timeout_ms))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ppoll(array: *mut u8, count: u64, timeout: *const Timespec, mask: *const u8) -> i32 {
    const PPOLL: usize = 271;
    const MASK_BYTES: usize = 8;
    if !alive() {
        // SAFETY: the caller's arguments; the kernel may write to the time, so it is given a copy.
        return unsafe {
            let mut copy = timeout.as_ref().map(|time| Timespec { ..*time });
            let time = copy.as_mut().map_or(core::ptr::null_mut(), |time| &raw mut *time);
            reported(sys!(PPOLL, array, count, time, mask, MASK_BYTES)) as i32
        };
    }
    // SAFETY: the caller's time, if there is one.
    let deadline = match unsafe { timeout.as_ref() } {
        Some(time) => turn::page().now_ns.get().saturating_add(clock::length_of(time)),
        None => NO_DEADLINE,
    };
    poll_until(array.addr(), count as usize, deadline)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn select(
    count: i32,
    readable: *mut u64,
    writable: *mut u64,
    exceptional: *mut u64,
    timeout: *mut Timeval,
) -> i32 {
    const SELECT: usize = 23;
    if !alive() {
        // SAFETY: the caller's arguments, handed on as they are.
        return reported(unsafe { sys!(SELECT, count, readable, writable, exceptional, timeout) }) as i32;
    }
    if count > 0 && !(readable.is_null() && writable.is_null()) {
        give_up!("select over descriptors is not simulated");
    }
    // SAFETY: the caller's time, if there is one.
    if let Some(time) = unsafe { timeout.as_ref() } {
        let ns = time.seconds as u64 * BILLION + time.microseconds as u64 * 1000;
        thread::sleep_until(turn::page().now_ns.get().saturating_add(ns));
    }
    0
}
