//! Multiplexing by `epoll`, over simulated descriptors.

use core::cell::Cell;

use crate::baton::Baton;
use crate::descriptor::{self, DESCRIPTORS, Kind, entry};
use crate::give_up::give_up;
use crate::life::alive;
use crate::ready::{ERR, HUP, IN, INVALID, OUT, events_of, is_still, wait_until};
use crate::sys::{fail, kernel, reported, sys};
use crate::thread::{NO_DEADLINE, Source, Wait};
use crate::{kernel_pipe, thread, turn, work};

const EDGE: u32 = libc::EPOLLET as u32;
const ONCE: u32 = libc::EPOLLONESHOT as u32;
const FLAGS: u32 = EDGE | ONCE | libc::EPOLLWAKEUP as u32 | libc::EPOLLEXCLUSIVE as u32;
const INSTANCES: usize = 16;
/// Instances within instances, as deep as Linux allows.
const DEPTH: u32 = 5;

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

    /// What is ready at a registered descriptor, of what was asked for; nothing where its one time is over.
    fn ready(&self, fd: usize, depth: u32) -> u32 {
        let wanted = self.by_descriptor[fd].get().events;
        if wanted == ONCE || wanted & OUT == 0 && is_still(fd as i32) {
            return 0;
        }
        (wanted & !FLAGS | ERR | HUP) & events_within(fd as i32, depth)
    }

    fn is_any_ready(&self, depth: u32) -> bool {
        let mut any = false;
        self.each(|fd| {
            any = self.ready(fd, depth) != 0;
            any
        });
        any
    }

    /// Writes what is ready to `events`, which has room for `most`; how many.
    unsafe fn collect(&self, events: *mut Event, most: usize) -> usize {
        let mut count = 0;
        self.each(|fd| {
            let ready = self.ready(fd, DEPTH);
            if ready != 0 && count < most {
                let Registration { events: wanted, data } = self.by_descriptor[fd].get();
                if wanted & ONCE != 0 {
                    self.by_descriptor[fd].set(Registration { events: ONCE, data });
                }
                let event = Event { events: ready, data };
                // SAFETY: the caller's room.
                unsafe { events.add(count).write_unaligned(event) };
                count += 1;
            }
            count == most
        });
        // SAFETY: the caller's room, which was just filled.
        shuffle(unsafe { core::slice::from_raw_parts_mut(events, count) });
        count
    }
}

/// Linux reports in the order of readiness, which is anybody's guess: in a turn that has an order of its own, so is it
/// here. Else the order is that of the descriptors.
fn shuffle(events: &mut [Event]) {
    let mut order = turn::page().order.get();
    if order == 0 || events.len() < 2 {
        return;
    }
    for last in (1..events.len()).rev() {
        order ^= order << 13;
        order ^= order >> 7;
        order ^= order << 17;
        events.swap(last, (order % (last as u64 + 1)) as usize);
    }
    turn::page().order.set(order);
}

/// What is ready at a descriptor of any kind.
pub fn events_at(fd: i32) -> u32 {
    events_within(fd, DEPTH)
}

fn events_within(fd: i32, depth: u32) -> u32 {
    match entry(fd).kind {
        Kind::Epoll(_) if depth == 0 => 0,
        Kind::Epoll(i) if TABLE[i].is_any_ready(depth - 1) => IN,
        Kind::Epoll(_) => 0,
        _ => events_of(fd),
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
    // SAFETY: a number and nothing else.
    opened(unsafe { sys!(libc::SYS_epoll_create1 as usize, flags) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn epoll_create(size: i32) -> i32 {
    // SAFETY: a number and nothing else.
    opened(unsafe { sys!(libc::SYS_epoll_create as usize, size) })
}

/// Reports a new descriptor of the kernel's, with an instance of ours behind it.
fn opened(fd: isize) -> i32 {
    if alive() && fd >= 0 {
        let Some(i) = TABLE.iter().position(|instance| !instance.used.get()) else {
            give_up!("more than {INSTANCES} epoll instances are open");
        };
        TABLE[i].used.set(true);
        descriptor::adopt(fd, Kind::Epoll(i), false);
    }
    reported(fd) as i32
}

/// `struct epoll_event`, packed as on x86-64.
#[repr(C, packed)]
struct Event {
    events: u32,
    data: u64,
}

/// The `errno` for what cannot be registered at all.
fn why_not_watched(epoll: i32, fd: i32) -> Option<i32> {
    match entry(fd).kind {
        Kind::Real if events_of(fd) & INVALID != 0 => Some(libc::EBADF),
        Kind::Real if kernel_pipe::is_one(fd) => None,
        Kind::Real | Kind::Fake(..) | Kind::Stat(..) | Kind::Random => Some(libc::EPERM),
        Kind::Epoll(_) if fd == epoll => Some(libc::EINVAL),
        Kind::Epoll(inner) if TABLE[inner].has(epoll as usize) => Some(libc::ELOOP),
        _ => None,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn epoll_ctl(epoll: i32, operation: i32, fd: i32, event: *mut u8) -> i32 {
    let Kind::Epoll(i) = entry(epoll).kind else {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { kernel!(SYS_epoll_ctl, epoll, operation, fd, event) as i32 };
    };
    if let Some(error) = why_not_watched(epoll, fd) {
        return fail(error);
    }
    let (this, place) = (&TABLE[i], fd as usize);
    match (operation, this.has(place)) {
        (libc::EPOLL_CTL_ADD, true) => return fail(libc::EEXIST),
        (libc::EPOLL_CTL_MOD | libc::EPOLL_CTL_DEL, false) => return fail(libc::ENOENT),
        (libc::EPOLL_CTL_DEL, true) => {
            this.remove(place);
            return 0;
        }
        (libc::EPOLL_CTL_ADD | libc::EPOLL_CTL_MOD, _) => {}
        _ => return fail(libc::EINVAL),
    }
    // SAFETY: the caller's event.
    let Event { events, data } = unsafe { event.cast::<Event>().read_unaligned() };
    if events & EDGE != 0 {
        give_up!("edge-triggered events are not simulated");
    }
    this.by_descriptor[place].set(Registration { events, data });
    this.add(place);
    0
}

/// The instant a time-out of `ms` milliseconds ends; negative is never.
pub fn deadline_after_ms(ms: i32) -> u64 {
    if ms < 0 {
        return NO_DEADLINE;
    }
    turn::page().now_ns.get().saturating_add(ms as u64 * 1_000_000)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn epoll_wait(epoll: i32, events: *mut u8, most: i32, timeout_ms: i32) -> i32 {
    let Kind::Epoll(i) = entry(epoll).kind else {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { kernel!(SYS_epoll_wait, epoll, events, most, timeout_ms) as i32 };
    };
    if most <= 0 {
        return fail(libc::EINVAL);
    }
    let deadline = deadline_after_ms(timeout_ms);
    let wait = Wait { source: Source::Outside, is_over: |i, _| TABLE[i].is_any_ready(DEPTH), about: (i, 0) };
    // SAFETY: the caller's room for `most` events.
    let collect = || unsafe { TABLE[i].collect(events.cast::<Event>(), most as usize) as i32 };
    if timeout_ms == 0 {
        work::breathe();
    }
    thread::rest();
    loop {
        let count = collect();
        if count > 0 || timeout_ms == 0 {
            return count;
        }
        thread::has_looked();
        if let Err(error) = wait_until(wait, deadline) {
            return fail(error);
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
