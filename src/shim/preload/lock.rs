//! Mutexes and condition variables, in the place and shape of the C library's, whose static initialisers they share.
//!
//! Nothing runs at the same time as their caller, so they are plain memory; who waits is known to `thread`.

use crate::clock::{self, Timespec};
use crate::start::{alive, real};
use crate::thread::{current, current_number, release_first_waiter, wait, Wait, THREADS};
use crate::{sys, turn};

const NO_DEADLINE: u64 = u64::MAX;

/// Orders waiters of a condition variable.
static mut WAITS: u64 = 0;
/// The last wait of each thread that was answered by a signal.
static mut SIGNALLED: [u64; THREADS] = [0; THREADS];

#[repr(C)]
struct Mutex {
    lock: u32,
    depth: u32,
    holder: u32,
    users: u32,
    kind: u32,
}

/// Whether nobody holds a mutex.
pub unsafe fn is_free(mutex: *const u8) -> bool {
    (*mutex.cast::<Mutex>()).holder == 0
}

const RECURSIVE: u32 = 1;
const ERROR_CHECK: u32 = 2;

unsafe fn try_lock(mutex: *mut u8) -> i32 {
    let m = &mut *mutex.cast::<Mutex>();
    let me = current_number();
    if m.holder == 0 {
        m.holder = me;
        m.depth = 1;
        return 0;
    }
    if m.holder == me && m.kind & 3 == RECURSIVE {
        m.depth += 1;
        return 0;
    }
    if m.holder == me && m.kind & 3 == ERROR_CHECK {
        return sys::EDEADLK;
    }
    sys::EBUSY
}

unsafe fn lock(mutex: *mut u8, deadline_ns: u64) -> i32 {
    loop {
        match try_lock(mutex) {
            sys::EBUSY if turn::page().now_ns >= deadline_ns => return sys::ETIMEDOUT,
            sys::EBUSY => wait(Wait::Mutex(mutex as usize), deadline_ns),
            result => return result,
        }
    }
}

unsafe fn unlock(mutex: *mut u8) -> i32 {
    let m = &mut *mutex.cast::<Mutex>();
    if m.holder != current_number() {
        return if matches!(m.kind & 3, RECURSIVE | ERROR_CHECK) { sys::EPERM } else { 0 };
    }
    m.depth -= 1;
    if m.depth == 0 {
        m.holder = 0;
    }
    0
}

#[no_mangle]
unsafe extern "C" fn pthread_mutex_lock(mutex: *mut u8) -> i32 {
    if !alive() {
        return real!("pthread_mutex_lock" as fn(*mut u8) -> i32)(mutex);
    }
    lock(mutex, NO_DEADLINE)
}

#[no_mangle]
unsafe extern "C" fn pthread_mutex_trylock(mutex: *mut u8) -> i32 {
    if !alive() {
        return real!("pthread_mutex_trylock" as fn(*mut u8) -> i32)(mutex);
    }
    try_lock(mutex)
}

#[no_mangle]
unsafe extern "C" fn pthread_mutex_timedlock(mutex: *mut u8, time: *const Timespec) -> i32 {
    if !alive() {
        return real!("pthread_mutex_timedlock" as fn(*mut u8, *const Timespec) -> i32)(mutex, time);
    }
    lock(mutex, clock::instant_of(clock::CLOCK_REALTIME, &*time))
}

#[no_mangle]
unsafe extern "C" fn pthread_mutex_unlock(mutex: *mut u8) -> i32 {
    if !alive() {
        return real!("pthread_mutex_unlock" as fn(*mut u8) -> i32)(mutex);
    }
    unlock(mutex)
}

/// Waits at a condition variable: 0 if it was signalled before the deadline.
unsafe fn wait_at(condition: *mut u8, mutex: *mut u8, deadline_ns: u64) -> i32 {
    WAITS += 1;
    let (me, place) = (current(), WAITS);
    unlock(mutex);
    while SIGNALLED[me] != place && turn::page().now_ns < deadline_ns {
        wait(Wait::Condition(condition as usize, place), deadline_ns);
    }
    let signalled = SIGNALLED[me] == place;
    lock(mutex, NO_DEADLINE);
    if signalled { 0 } else { sys::ETIMEDOUT }
}

/// Wakes the thread that has waited longest; whether there was one.
unsafe fn wake_one(condition: *mut u8) -> bool {
    match release_first_waiter(condition as usize) {
        Some((thread, place)) => {
            SIGNALLED[thread] = place;
            true
        }
        None => false,
    }
}

#[no_mangle]
unsafe extern "C" fn pthread_cond_wait(condition: *mut u8, mutex: *mut u8) -> i32 {
    if !alive() {
        return real!("pthread_cond_wait" as fn(*mut u8, *mut u8) -> i32)(condition, mutex);
    }
    wait_at(condition, mutex, NO_DEADLINE);
    0
}

#[no_mangle]
unsafe extern "C" fn pthread_cond_timedwait(condition: *mut u8, mutex: *mut u8, time: *const Timespec) -> i32 {
    if !alive() {
        let next = real!("pthread_cond_timedwait" as fn(*mut u8, *mut u8, *const Timespec) -> i32);
        return next(condition, mutex, time);
    }
    const CLOCK_FLAGS_AT: usize = 36;
    let flags = *condition.add(CLOCK_FLAGS_AT).cast::<u32>();
    let id = if flags & 2 == 0 { clock::CLOCK_REALTIME } else { 1 };
    wait_at(condition, mutex, clock::instant_of(id, &*time))
}

#[no_mangle]
unsafe extern "C" fn pthread_cond_signal(condition: *mut u8) -> i32 {
    if !alive() {
        return real!("pthread_cond_signal" as fn(*mut u8) -> i32)(condition);
    }
    wake_one(condition);
    0
}

#[no_mangle]
unsafe extern "C" fn pthread_cond_broadcast(condition: *mut u8) -> i32 {
    if !alive() {
        return real!("pthread_cond_broadcast" as fn(*mut u8) -> i32)(condition);
    }
    while wake_one(condition) {}
    0
}
