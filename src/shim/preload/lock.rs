//! Mutexes and condition variables, in the place and shape of the C library's, whose static initialisers they share.
//!
//! Nothing runs at the same time as their caller, so they are plain memory; who waits is known to `thread`.

use core::cell::Cell;

use crate::baton::Baton;
use crate::clock::{self, Timespec};
use crate::give_up::give_up;
use crate::life::{alive, real};
use crate::signal::Interrupt;
use crate::sys::{self, fail};
use crate::thread::{self, NO_DEADLINE, Owed, Source, THREADS, Wait, current, current_number, pause};
use crate::turn;

/// The condition variable that each thread waits at, and its place in the order of waiting; 0 is none.
static WAITERS: Baton<[Cell<(usize, u64)>; THREADS]> = Baton::new([const { Cell::new((0, 0)) }; THREADS]);
/// Waits ever begun.
static WAITS: Baton<Cell<u64>> = Baton::new(Cell::new(0));

#[repr(C)]
struct Mutex {
    lock: u32,
    depth: u32,
    holder: u32,
    users: u32,
    kind: u32,
}

/// Until nobody holds a mutex.
fn until_free(mutex: *mut u8) -> Wait {
    // SAFETY: the address of a mutex that a blocked caller waits for.
    let is_over = |mutex: usize, _| unsafe { (*(mutex as *const Mutex)).holder == 0 };
    const MUTEX: Owed =
        // SAFETY: as above.
        Owed { name: "a mutex", holder: |mutex| unsafe { (*(mutex as *const Mutex)).holder } };
    // SAFETY: as above.
    let shared = unsafe { (*mutex.cast::<Mutex>()).kind & SHARED != 0 };
    let source = if shared { Source::Anybody } else { Source::Thread(MUTEX) };
    Wait { source, is_over, about: (mutex.addr(), 0) }
}

/// Until a thread was signalled: its place in the queue is empty then.
fn until_signalled(thread: usize, source: Source) -> Wait {
    Wait { source, is_over: |thread, _| WAITERS[thread].get() == (0, 0), about: (thread, 0) }
}

/// Who can signal a condition variable.
unsafe fn source_of(condition: *const u8) -> Source {
    const CONDITION: Owed = Owed { name: "a condition", holder: |_| 0 };
    // SAFETY: the caller's condition variable.
    let flags = unsafe { *condition.add(CONDITION_FLAGS_AT).cast::<u32>() };
    if flags & 1 != 0 { Source::Anybody } else { Source::Thread(CONDITION) }
}

/// Where a condition variable has its flags: the lowest says that processes share it, the next which clock it goes by.
const CONDITION_FLAGS_AT: usize = 36;
/// Set in the kind of a mutex that processes share (`PTHREAD_MUTEX_PSHARED_BIT`).
const SHARED: u32 = 128;

const RECURSIVE: u32 = 1;
const ERROR_CHECK: u32 = 2;

unsafe fn try_lock(mutex: *mut u8) -> i32 {
    // SAFETY: the caller's mutex, which nobody else touches meanwhile.
    unsafe {
        let m = &mut *mutex.cast::<Mutex>();
        let me = current_number();
        if m.holder == 0 {
            m.holder = me;
            m.depth = 1;
            // The C library's own function destroys no mutex that has users.
            m.users = 1;
            return 0;
        }
        if m.holder == me && m.kind & 3 == RECURSIVE {
            m.depth += 1;
            return 0;
        }
        sys::EBUSY
    }
}

/// Whether the running thread would wait for itself, and the mutex says so.
unsafe fn would_deadlock(mutex: *mut u8) -> bool {
    // SAFETY: the caller's mutex.
    let m = unsafe { &*mutex.cast::<Mutex>() };
    m.holder == current_number() && m.kind & 3 == ERROR_CHECK
}

unsafe fn lock(mutex: *mut u8, deadline_ns: u64) -> i32 {
    // SAFETY: the caller's mutex.
    unsafe {
        if would_deadlock(mutex) {
            return sys::EDEADLK;
        }
        loop {
            match try_lock(mutex) {
                sys::EBUSY if turn::page().now_ns.get() >= deadline_ns => return sys::ETIMEDOUT,
                sys::EBUSY => {
                    pause(until_free(mutex), deadline_ns);
                }
                result => return result,
            }
        }
    }
}

unsafe fn unlock(mutex: *mut u8) -> i32 {
    // SAFETY: the caller's mutex, which nobody else touches meanwhile.
    unsafe {
        let m = &mut *mutex.cast::<Mutex>();
        if m.holder != current_number() && matches!(m.kind & 3, RECURSIVE | ERROR_CHECK) {
            return sys::EPERM;
        }
        m.depth = m.depth.saturating_sub(1);
        if m.depth == 0 {
            m.holder = 0;
            m.users = 0;
        }
        0
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_mutex_lock(mutex: *mut u8) -> i32 {
    // SAFETY: the caller's mutex.
    unsafe {
        if !alive() {
            return real!("pthread_mutex_lock" as fn(*mut u8) -> i32)(mutex);
        }
        lock(mutex, NO_DEADLINE)
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_mutex_trylock(mutex: *mut u8) -> i32 {
    // SAFETY: the caller's mutex.
    unsafe {
        if !alive() {
            return real!("pthread_mutex_trylock" as fn(*mut u8) -> i32)(mutex);
        }
        try_lock(mutex)
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_mutex_timedlock(mutex: *mut u8, time: *const Timespec) -> i32 {
    // SAFETY: the caller's mutex and time.
    unsafe {
        if !alive() {
            return real!("pthread_mutex_timedlock" as fn(*mut u8, *const Timespec) -> i32)(mutex, time);
        }
        lock(mutex, clock::instant_of(clock::CLOCK_REALTIME, &*time))
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_mutex_unlock(mutex: *mut u8) -> i32 {
    // SAFETY: the caller's mutex.
    unsafe {
        if !alive() {
            return real!("pthread_mutex_unlock" as fn(*mut u8) -> i32)(mutex);
        }
        if is_left_out() { 0 } else { unlock(mutex) }
    }
}

/// Whether a saboteur has the server leave this unlock out.
fn is_left_out() -> bool {
    let left_out = &turn::page().unlocks_left_out;
    let is_left_out = left_out.get() > 0 && turn::my_number() == 0;
    if is_left_out {
        left_out.set(left_out.get() - 1);
    }
    is_left_out
}

/// The running thread is the last of those that wait at `address`.
fn stand_in_line(address: usize) -> usize {
    let (me, place) = (current(), WAITS.get() + 1);
    WAITS.set(place);
    WAITERS[me].set((address, place));
    me
}

/// Waits at a condition variable: 0 if it was signalled before the deadline.
unsafe fn wait_at(condition: *mut u8, mutex: *mut u8, deadline_ns: u64) -> i32 {
    // SAFETY: the caller's condition variable.
    let source = unsafe { source_of(condition) };
    let me = stand_in_line(condition.addr());
    // SAFETY: the caller's mutex.
    unsafe { unlock(mutex) };
    while WAITERS[me].get() != (0, 0) && turn::page().now_ns.get() < deadline_ns {
        thread::at_cancellation_point(|| pause(until_signalled(me, source), deadline_ns));
        if thread::is_cancelled() {
            WAITERS[me].set((0, 0));
            // SAFETY: the caller's mutex, which a cancelled waiter holds when its cleanup handlers run.
            unsafe { lock(mutex, NO_DEADLINE) };
            thread::end_if_cancelled();
        }
    }
    let signalled = WAITERS[me].replace((0, 0)) == (0, 0);
    // SAFETY: the caller's mutex.
    unsafe { lock(mutex, NO_DEADLINE) };
    if signalled { 0 } else { sys::ETIMEDOUT }
}

/// Wakes the thread that has waited longest; whether there was one.
fn wake_one(condition: *mut u8) -> bool {
    let waiting = WAITERS.iter().filter(|waiter| waiter.get().0 == condition.addr());
    let longest = waiting.min_by_key(|waiter| waiter.get().1);
    longest.map(|waiter| waiter.set((0, 0))).is_some()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_cond_wait(condition: *mut u8, mutex: *mut u8) -> i32 {
    // SAFETY: the caller's condition variable and mutex.
    unsafe {
        if !alive() {
            return real!("pthread_cond_wait" as fn(*mut u8, *mut u8) -> i32)(condition, mutex);
        }
        wait_at(condition, mutex, NO_DEADLINE);
        0
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_cond_timedwait(
    condition: *mut u8,
    mutex: *mut u8,
    time: *const Timespec,
) -> i32 {
    // SAFETY: the caller's condition variable, whose flags say its clock, mutex and time.
    unsafe {
        if !alive() {
            let next = real!("pthread_cond_timedwait" as fn(*mut u8, *mut u8, *const Timespec) -> i32);
            return next(condition, mutex, time);
        }
        if !clock::is_time(&*time) {
            return sys::EINVAL;
        }
        let flags = *condition.add(CONDITION_FLAGS_AT).cast::<u32>();
        let id = if flags & 2 == 0 { clock::CLOCK_REALTIME } else { 1 };
        wait_at(condition, mutex, clock::instant_of(id, &*time))
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_cond_signal(condition: *mut u8) -> i32 {
    // SAFETY: the caller's condition variable.
    unsafe {
        if !alive() {
            return real!("pthread_cond_signal" as fn(*mut u8) -> i32)(condition);
        }
        wake_one(condition);
        0
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_cond_broadcast(condition: *mut u8) -> i32 {
    // SAFETY: the caller's condition variable.
    unsafe {
        if !alive() {
            return real!("pthread_cond_broadcast" as fn(*mut u8) -> i32)(condition);
        }
        while wake_one(condition) {}
        0
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_mutex_clocklock(mutex: *mut u8, id: i32, time: *const Timespec) -> i32 {
    if !alive() {
        let next = real!("pthread_mutex_clocklock" as fn(*mut u8, i32, *const Timespec) -> i32);
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { next(mutex, id, time) };
    }
    // SAFETY: the caller's mutex and time.
    unsafe { lock(mutex, clock::instant_of(id, &*time)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_cond_clockwait(
    condition: *mut u8,
    mutex: *mut u8,
    id: i32,
    time: *const Timespec,
) -> i32 {
    if !alive() {
        let next = real!("pthread_cond_clockwait" as fn(*mut u8, *mut u8, i32, *const Timespec) -> i32);
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { next(condition, mutex, id, time) };
    }
    // SAFETY: the caller's condition variable, mutex and time.
    unsafe {
        if !clock::is_time(&*time) {
            return sys::EINVAL;
        }
        wait_at(condition, mutex, clock::instant_of(id, &*time))
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_once(control: *mut i32, first: unsafe extern "C" fn()) -> i32 {
    const NEW: i32 = 0;
    const UNDER_WAY: i32 = 1;
    const DONE: i32 = 2;
    if !alive() {
        let next = real!("pthread_once" as fn(*mut i32, unsafe extern "C" fn()) -> i32);
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { next(control, first) };
    }
    const FIRST_TIME: Owed = Owed { name: "a first time to be over", holder: |_| 0 };
    // SAFETY: the word of a blocked caller.
    let is_over = |control: usize, _| unsafe { *(control as *const i32) != UNDER_WAY };
    let waits = Wait { source: Source::Thread(FIRST_TIME), is_over, about: (control.addr(), 0) };
    // SAFETY: the caller's word and function.
    unsafe {
        while !is_over(control.addr(), 0) {
            pause(waits, NO_DEADLINE);
        }
        if *control == NEW {
            *control = UNDER_WAY;
            first();
            *control = DONE;
        }
    }
    0
}

/// Waits at a word that others wake, or wakes those that do, as the system call does within a process.
pub fn futex(word: *const u32, operation: i32, value: u32, time: *const Timespec) -> i32 {
    const WITHOUT_FLAGS: i32 = !(libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME);
    match operation & WITHOUT_FLAGS {
        libc::FUTEX_WAKE => {
            let woken =
                (0..value.min(THREADS as u32)).take_while(|_| wake_one(word.cast_mut().cast())).count();
            woken as i32
        }
        libc::FUTEX_WAIT => {
            // SAFETY: the caller's time, if there is one.
            let length = unsafe { time.as_ref() }.map(clock::length_of);
            let deadline = length.map_or(NO_DEADLINE, |ns| turn::page().now_ns.get().saturating_add(ns));
            // SAFETY: the caller's word.
            if unsafe { word.read() } != value { fail(sys::EAGAIN) } else { wait_at_word(word, deadline) }
        }
        _ => give_up!("futex operation {operation} is not simulated"),
    }
}

fn wait_at_word(word: *const u32, deadline_ns: u64) -> i32 {
    let me = stand_in_line(word.addr());
    while WAITERS[me].get() != (0, 0) && turn::page().now_ns.get() < deadline_ns {
        if pause(until_signalled(me, Source::Anybody), deadline_ns) != Interrupt::No
            && WAITERS[me].get() != (0, 0)
        {
            WAITERS[me].set((0, 0));
            return fail(sys::EINTR);
        }
    }
    if WAITERS[me].replace((0, 0)) == (0, 0) { 0 } else { fail(sys::ETIMEDOUT) }
}
