//! Readiness: `epoll`, `poll` and `select` over simulated descriptors.

use crate::clock::{Timespec, Timeval, BILLION};
use crate::descriptor::{self, entry, Kind, DESCRIPTORS};
use crate::page::{socket_state as state, PIPE_BYTES};
use crate::start::alive;
use crate::sys::{self, fail, reported, sys};
use crate::thread::{wait, Wait};
use crate::{give_up, pipe, signal, turn};

pub const IN: u32 = 1;
pub const OUT: u32 = 4;
const ERR: u32 = 8;
const HUP: u32 = 16;
const RDHUP: u32 = 0x2000;
const EDGE_OR_ONCE: u32 = 0xc000_0000;
const INSTANCES: usize = 4;
const NO_DEADLINE: u64 = u64::MAX;

/// What a thread waits for at its descriptors.
#[derive(Clone, Copy, PartialEq)]
pub enum Interest {
    /// Any registered event of an epoll instance.
    Instance(usize),
    /// Any event of an array of `struct pollfd`.
    Array(usize, usize),
    /// One of these events at one descriptor.
    Descriptor(i32, u32),
}

#[derive(Clone, Copy)]
struct Registration {
    events: u32,
    data: u64,
}

struct Instance {
    used: bool,
    /// One past the highest registered descriptor.
    end: usize,
    registered: [u64; DESCRIPTORS / 64],
    by_descriptor: [Registration; DESCRIPTORS],
}

const EMPTY: Instance = Instance {
    used: false,
    end: 0,
    registered: [0; DESCRIPTORS / 64],
    by_descriptor: [Registration { events: 0, data: 0 }; DESCRIPTORS],
};

static mut TABLE: [Instance; INSTANCES] = [EMPTY; INSTANCES];

unsafe fn instance(i: usize) -> &'static mut Instance {
    &mut *(&raw mut TABLE[i])
}

impl Instance {
    fn has(&self, fd: usize) -> bool {
        self.registered[fd / 64] >> (fd % 64) & 1 == 1
    }

    fn set(&mut self, fd: usize, on: bool) {
        let bit = 1 << (fd % 64);
        if on {
            self.registered[fd / 64] |= bit;
            self.end = self.end.max(fd + 1);
        } else {
            self.registered[fd / 64] &= !bit;
        }
    }

    /// Calls `found` for each registered descriptor in order, until it says stop.
    unsafe fn each(&self, mut found: impl FnMut(usize) -> bool) {
        for word in 0..self.end.div_ceil(64) {
            let mut bits = self.registered[word];
            while bits != 0 {
                let fd = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                if found(fd) {
                    return;
                }
            }
        }
    }
}

/// What is ready at a descriptor.
pub unsafe fn events_of(fd: i32) -> u32 {
    match entry(fd).kind {
        Kind::Real | Kind::Fake(..) => IN | OUT,
        Kind::Socket(i) => socket_events(i),
        Kind::PipeRead(i) => {
            (if pipe::at(i).len > 0 { IN } else { 0 }) | if pipe::has_writers(i) { 0 } else { HUP }
        }
        Kind::PipeWrite(i) => {
            let room = PIPE_BYTES - pipe::at(i).len as usize;
            (if room >= 4096 { OUT } else { 0 }) | if pipe::has_readers(i) { 0 } else { ERR }
        }
        Kind::Epoll(_) => 0,
    }
}

fn socket_events(i: usize) -> u32 {
    let s = &turn::page().sockets[i];
    match s.state {
        state::LISTENING => (s.pending_count > 0) as u32 * IN,
        state::CONNECTED => {
            let unread = s.rx_end > s.rx_start || s.rx_more != 0 || s.rx_eof != 0;
            (unread as u32 * IN)
                | ((s.credit > 0 || s.tx_shut != 0) as u32 * OUT)
                | (s.rx_eof != 0) as u32 * RDHUP
                | (s.rx_eof != 0 && s.tx_shut != 0) as u32 * HUP
        }
        state::DEAD => IN | OUT | ERR | HUP | RDHUP,
        state::FRESH => OUT | HUP,
        _ => 0,
    }
}

/// Whether something that a thread waits for is there.
pub unsafe fn is_ready(interest: Interest) -> bool {
    match interest {
        Interest::Instance(i) => {
            let mut ready = false;
            let this = instance(i);
            this.each(|fd| {
                let wanted = this.by_descriptor[fd].events | ERR | HUP;
                ready = wanted & events_of(fd as i32) != 0;
                ready
            });
            ready
        }
        Interest::Array(array, count) => count_ready(array as *mut PollEntry, count) > 0,
        Interest::Descriptor(fd, events) => events_of(fd) & (events | ERR | HUP) != 0,
    }
}

/// A closed descriptor leaves every instance.
pub unsafe fn forget(fd: i32) {
    for i in 0..INSTANCES {
        instance(i).set(fd as usize, false);
    }
}

pub unsafe fn close(i: usize) {
    instance(i).used = false;
    instance(i).end = 0;
    instance(i).registered = [0; DESCRIPTORS / 64];
}

#[no_mangle]
unsafe extern "C" fn epoll_create1(flags: i32) -> i32 {
    const EPOLL_CREATE1: usize = 291;
    if !alive() {
        return reported(sys!(EPOLL_CREATE1, flags)) as i32;
    }
    let Some(i) = (0..INSTANCES).find(|i| !instance(*i).used) else {
        give_up!("more than {INSTANCES} epoll instances are open");
    };
    instance(i).used = true;
    let fd = descriptor::new(Kind::Epoll(i), false);
    if fd < 0 { fail(-fd) } else { fd }
}

#[no_mangle]
unsafe extern "C" fn epoll_create(_size: i32) -> i32 {
    epoll_create1(0)
}

/// `struct epoll_event`, packed as on x86-64.
#[repr(C, packed)]
struct Event {
    events: u32,
    data: u64,
}

#[no_mangle]
unsafe extern "C" fn epoll_ctl(epoll: i32, operation: i32, fd: i32, event: *mut u8) -> i32 {
    const ADD: i32 = 1;
    const DELETE: i32 = 2;
    const EPOLL_CTL: usize = 233;
    let Kind::Epoll(i) = entry(epoll).kind else {
        return reported(sys!(EPOLL_CTL, epoll, operation, fd, event)) as i32;
    };
    if entry(fd).kind == Kind::Real {
        return fail(sys::EPERM);
    }
    let this = instance(i);
    if operation == DELETE {
        this.set(fd as usize, false);
        return 0;
    }
    if operation == ADD && this.has(fd as usize) {
        return fail(sys::EEXIST);
    }
    if operation != ADD && !this.has(fd as usize) {
        return fail(sys::ENOENT);
    }
    let wanted = event.cast::<Event>().read_unaligned();
    if wanted.events & EDGE_OR_ONCE != 0 {
        give_up!("edge-triggered and one-shot events are not simulated");
    }
    this.by_descriptor[fd as usize] = Registration { events: wanted.events, data: wanted.data };
    this.set(fd as usize, true);
    0
}

unsafe fn collect(i: usize, events: *mut Event, most: usize) -> usize {
    let this = instance(i);
    let mut count = 0;
    this.each(|fd| {
        let Registration { events: wanted, data } = this.by_descriptor[fd];
        let ready = (wanted | ERR | HUP) & events_of(fd as i32);
        if ready != 0 {
            events.add(count).write_unaligned(Event { events: ready, data });
            count += 1;
        }
        count == most
    });
    count
}

/// The instant a time-out of `ms` milliseconds ends; negative is never.
fn deadline_after_ms(ms: i32) -> u64 {
    if ms < 0 {
        return NO_DEADLINE;
    }
    turn::page().now_ns.saturating_add(ms as u64 * 1_000_000)
}

#[no_mangle]
unsafe extern "C" fn epoll_wait(epoll: i32, events: *mut u8, most: i32, timeout_ms: i32) -> i32 {
    const EPOLL_WAIT: usize = 232;
    let Kind::Epoll(i) = entry(epoll).kind else {
        return reported(sys!(EPOLL_WAIT, epoll, events, most, timeout_ms)) as i32;
    };
    let deadline = deadline_after_ms(timeout_ms);
    loop {
        let count = collect(i, events.cast::<Event>(), most.max(0) as usize);
        if count > 0 || timeout_ms == 0 {
            return count as i32;
        }
        wait(Wait::Io(Interest::Instance(i)), deadline);
        if signal::take_interrupted() {
            return fail(sys::EINTR);
        }
        if turn::page().now_ns >= deadline {
            return collect(i, events.cast::<Event>(), most.max(0) as usize) as i32;
        }
    }
}

#[no_mangle]
unsafe extern "C" fn epoll_pwait(epoll: i32, events: *mut u8, most: i32, timeout_ms: i32, _mask: *const u8) -> i32 {
    epoll_wait(epoll, events, most, timeout_ms)
}

/// `struct pollfd`.
#[repr(C)]
struct PollEntry {
    fd: i32,
    events: i16,
    ready: i16,
}

unsafe fn count_ready(array: *mut PollEntry, count: usize) -> i32 {
    let mut ready = 0;
    for n in 0..count {
        let one = &mut *array.add(n);
        one.ready = 0;
        if one.fd >= 0 {
            one.ready = (events_of(one.fd) & (one.events as u16 as u32 | ERR | HUP)) as i16;
        }
        ready += (one.ready != 0) as i32;
    }
    ready
}

unsafe fn poll_until(array: *mut PollEntry, count: usize, deadline: u64) -> i32 {
    loop {
        let ready = count_ready(array, count);
        if ready > 0 || turn::page().now_ns >= deadline {
            return ready;
        }
        wait(Wait::Io(Interest::Array(array as usize, count)), deadline);
        if signal::take_interrupted() {
            return fail(sys::EINTR);
        }
    }
}

#[no_mangle]
unsafe extern "C" fn poll(array: *mut u8, count: u64, timeout_ms: i32) -> i32 {
    const POLL: usize = 7;
    if !alive() {
        return reported(sys!(POLL, array, count, timeout_ms)) as i32;
    }
    poll_until(array.cast(), count as usize, deadline_after_ms(timeout_ms))
}

#[no_mangle]
unsafe extern "C" fn ppoll(array: *mut u8, count: u64, timeout: *const Timespec, _mask: *const u8) -> i32 {
    let deadline = match timeout.as_ref() {
        Some(time) => turn::page().now_ns.saturating_add(crate::clock::length_of(time)),
        None => NO_DEADLINE,
    };
    poll_until(array.cast(), count as usize, deadline)
}

#[no_mangle]
unsafe extern "C" fn select(
    count: i32,
    readable: *mut u64,
    writable: *mut u64,
    _exceptional: *mut u64,
    timeout: *mut Timeval,
) -> i32 {
    const SELECT: usize = 23;
    if !alive() {
        return reported(sys!(SELECT, count, readable, writable, _exceptional, timeout)) as i32;
    }
    if count > 0 && !(readable.is_null() && writable.is_null()) {
        give_up!("select over descriptors is not simulated");
    }
    if let Some(time) = timeout.as_ref() {
        let ns = time.seconds as u64 * BILLION + time.microseconds as u64 * 1000;
        crate::thread::sleep_until(turn::page().now_ns.saturating_add(ns));
    }
    0
}
