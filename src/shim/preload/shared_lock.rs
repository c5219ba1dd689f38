//! Reader-writer locks, barriers and semaphores, in the place of the C library's, whose initialisers they share.
//!
//! Nothing runs at the same time as their caller, so they are plain memory, as mutexes are.

use crate::clock::{self, Timespec};
use crate::life::alive;
use crate::signal::Interrupt;
use crate::sys::{self, fail};
use crate::thread::{self, NO_DEADLINE, Owed, Source, Wait, current_number};
use crate::turn;

/// What the words of a reader-writer lock mean here; all zeroes is a free one.
#[repr(C)]
struct ReadWrite {
    readers: u32,
    writer: u32,
    unused: [u32; 5],
    /// Whether processes share it.
    shared: u32,
}

/// Takes a lock if that is possible right now: 0 or `EBUSY`.
unsafe fn try_take(lock: usize, writes: bool) -> i32 {
    // SAFETY: the caller's lock.
    let lock = unsafe { &mut *(lock as *mut ReadWrite) };
    if lock.writer != 0 || (writes && lock.readers != 0) {
        return sys::EBUSY;
    }
    if writes {
        lock.writer = current_number();
    } else {
        lock.readers += 1;
    }
    0
}

fn is_free(lock: usize, writes: usize) -> bool {
    // SAFETY: the lock that the blocked caller waits for.
    let lock = unsafe { &*(lock as *const ReadWrite) };
    lock.writer == 0 && (writes == 0 || lock.readers == 0)
}

/// Takes a lock: 0, `EDEADLK` if this thread has it for writing, or `ETIMEDOUT`.
unsafe fn take(lock: *mut u8, writes: bool, deadline_ns: u64) -> i32 {
    let address = lock.addr();
    const LOCK: Owed = Owed {
        name: "a reader-writer lock",
        // SAFETY: the lock that the blocked caller waits for.
        holder: |lock| unsafe { (*(lock as *const ReadWrite)).writer },
    };
    // SAFETY: the caller's lock.
    let shared = unsafe { (*lock.cast::<ReadWrite>()).shared != 0 };
    let source = if shared { Source::Anybody } else { Source::Thread(LOCK) };
    let free = Wait { source, is_over: is_free, about: (address, usize::from(writes)) };
    // SAFETY: the caller's lock.
    unsafe {
        if (*lock.cast::<ReadWrite>()).writer == current_number() {
            return sys::EDEADLK;
        }
        while try_take(address, writes) != 0 {
            if turn::page().now_ns.get() >= deadline_ns {
                return sys::ETIMEDOUT;
            }
            thread::pause(free, deadline_ns);
        }
    }
    0
}

/// Gives a lock back.
unsafe fn give_back(lock: *mut u8) {
    // SAFETY: the caller's lock.
    let lock = unsafe { &mut *lock.cast::<ReadWrite>() };
    if lock.writer != 0 {
        lock.writer = 0;
    } else {
        lock.readers = lock.readers.saturating_sub(1);
    }
}

/// Functions of the C library that go there where the shim is not meant, and to the body here otherwise.
macro_rules! simulated {
    ($(fn $name:ident($($argument:ident: $type:ty),*) $body:block)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name($($argument: $type),*) -> i32 {
            if !alive() {
                static FOUND: core::sync::atomic::AtomicPtr<u8> =
                    core::sync::atomic::AtomicPtr::new(core::ptr::null_mut());
                let next: unsafe extern "C" fn($($type),*) -> i32 =
                    crate::life::function(&FOUND, concat!(stringify!($name), "\0").as_bytes());
                // SAFETY: the caller's arguments, handed on as they are.
                return unsafe { next($($argument),*) };
            }
            // SAFETY: the caller's own lock, semaphore or barrier, and time.
            unsafe { $body }
        }
    )*};
}

simulated! {
    fn pthread_rwlock_rdlock(lock: *mut u8) { take(lock, false, NO_DEADLINE) }
    fn pthread_rwlock_wrlock(lock: *mut u8) { take(lock, true, NO_DEADLINE) }
    fn pthread_rwlock_tryrdlock(lock: *mut u8) { try_take(lock.addr(), false) }
    fn pthread_rwlock_trywrlock(lock: *mut u8) { try_take(lock.addr(), true) }
    fn pthread_rwlock_timedrdlock(lock: *mut u8, time: *const Timespec) {
        take(lock, false, clock::instant_of(clock::CLOCK_REALTIME, &*time))
    }
    fn pthread_rwlock_timedwrlock(lock: *mut u8, time: *const Timespec) {
        take(lock, true, clock::instant_of(clock::CLOCK_REALTIME, &*time))
    }
    fn pthread_rwlock_clockrdlock(lock: *mut u8, id: i32, time: *const Timespec) {
        take(lock, false, clock::instant_of(id, &*time))
    }
    fn pthread_rwlock_clockwrlock(lock: *mut u8, id: i32, time: *const Timespec) {
        take(lock, true, clock::instant_of(id, &*time))
    }
    fn pthread_rwlock_unlock(lock: *mut u8) { give_back(lock); 0 }
    fn sem_wait(semaphore: *mut u32) { decrease(semaphore, NO_DEADLINE) }
    fn sem_trywait(semaphore: *mut u32) { try_decrease(semaphore, sys::EAGAIN) }
    fn sem_timedwait(semaphore: *mut u32, time: *const Timespec) {
        decrease(semaphore, clock::instant_of(clock::CLOCK_REALTIME, &*time))
    }
    fn sem_clockwait(semaphore: *mut u32, id: i32, time: *const Timespec) {
        decrease(semaphore, clock::instant_of(id, &*time))
    }
    fn sem_post(semaphore: *mut u32) { *semaphore += 1; 0 }
    fn pthread_barrier_init(barrier: *mut Barrier, _attributes: *const u8, count: u32) {
        if count == 0 {
            return sys::EINVAL;
        }
        *barrier = Barrier { count, arrived: 0, round: 0 };
        0
    }
    fn pthread_barrier_wait(barrier: *mut Barrier) { arrive(barrier) }
    fn pthread_barrier_destroy(barrier: *mut Barrier) {
        if (*barrier).arrived == 0 { 0 } else { sys::EBUSY }
    }
}

/// The count stands in a semaphore's first word, as the C library has it.
unsafe fn try_decrease(semaphore: *mut u32, errno: i32) -> i32 {
    // SAFETY: the caller's semaphore.
    unsafe {
        if *semaphore == 0 {
            return fail(errno);
        }
        *semaphore -= 1;
    }
    0
}

unsafe fn decrease(semaphore: *mut u32, deadline_ns: u64) -> i32 {
    // SAFETY: the semaphore that the blocked caller waits for.
    let is_over = |semaphore: usize, _| unsafe { *(semaphore as *const u32) > 0 };
    let positive = Wait { source: Source::Anybody, is_over, about: (semaphore.addr(), 0) };
    while !is_over(semaphore.addr(), 0) {
        if turn::page().now_ns.get() >= deadline_ns {
            return fail(sys::ETIMEDOUT);
        }
        if thread::wait(positive, deadline_ns) == Interrupt::Yes {
            return fail(sys::EINTR);
        }
    }
    // SAFETY: the caller's semaphore.
    unsafe { try_decrease(semaphore, sys::EAGAIN) }
}

/// What the words of a barrier mean here.
#[repr(C)]
struct Barrier {
    count: u32,
    arrived: u32,
    /// How often all have arrived.
    round: u32,
}

/// Waits until as many threads as the barrier counts are there; one of them, the last, is told so.
unsafe fn arrive(barrier: *mut Barrier) -> i32 {
    const SERIAL_THREAD: i32 = -1;
    // SAFETY: the barrier that the blocked caller waits at.
    let is_over =
        |barrier: usize, round: usize| unsafe { (*(barrier as *const Barrier)).round != round as u32 };
    // SAFETY: the caller's barrier, looked at while nobody else runs.
    let (all_are_there, round) = unsafe {
        (*barrier).arrived += 1;
        ((*barrier).arrived == (*barrier).count, (*barrier).round)
    };
    if all_are_there {
        // SAFETY: as above.
        unsafe { ((*barrier).arrived, (*barrier).round) = (0, round.wrapping_add(1)) };
        return SERIAL_THREAD;
    }
    let next = Wait { source: Source::Anybody, is_over, about: (barrier.addr(), round as usize) };
    while !is_over(barrier.addr(), round as usize) {
        thread::pause(next, NO_DEADLINE);
    }
    0
}
