//! One thread at a time: the baton of a process.
//!
//! Threads of a server race with each other, in allocator accounting among other things. So they take turns: the baton
//! moves only when its holder blocks, to runnable threads in creation order, the main thread last. Mutexes and condition
//! variables, which need no atomics then, are in `lock`.

use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::start::{alive, real};
use crate::sys::{self, sys};
use crate::{epoll, give_up, lock, turn};

pub const THREADS: usize = 64;
const FUTEX_WAIT_PRIVATE: usize = 128;
const FUTEX_WAKE_PRIVATE: usize = 129;
const NO_DEADLINE: u64 = u64::MAX;

/// What a thread waits for.
#[derive(Clone, Copy, PartialEq)]
pub enum Wait {
    /// Nothing: it can run.
    Nothing,
    /// Only its deadline.
    Time,
    /// A signal at this condition variable; since when, as a count.
    Condition(usize, u64),
    /// This mutex.
    Mutex(usize),
    /// The end of this thread.
    Join(usize),
    /// Something at its descriptors.
    Io(epoll::Interest),
    /// The end of a child.
    Child(i32),
}

struct Thread {
    used: bool,
    finished: bool,
    wait: Wait,
    deadline_ns: u64,
    baton: AtomicU32,
    handle: usize,
    start: Option<unsafe extern "C" fn(*mut u8) -> *mut u8>,
    argument: *mut u8,
    farewells: u32,
}

const NO_THREAD: Thread = Thread {
    used: false,
    finished: false,
    wait: Wait::Nothing,
    deadline_ns: NO_DEADLINE,
    baton: AtomicU32::new(0),
    handle: 0,
    start: None,
    argument: ptr::null_mut(),
    farewells: 0,
};

static mut TABLE: [Thread; THREADS] = [NO_THREAD; THREADS];
/// Who has the baton; 0 is the main thread.
static mut CURRENT: usize = 0;
/// Threads ever made.
static mut COUNT: usize = 1;
static mut FAREWELL_KEY: u32 = 0;

unsafe fn thread(i: usize) -> &'static mut Thread {
    &mut *(&raw mut TABLE[i])
}

/// Makes the key whose destructor says that a thread is about to end.
pub unsafe fn prepare() {
    extern "C" {
        fn pthread_key_create(key: *mut u32, destructor: unsafe extern "C" fn(*mut u8)) -> i32;
    }
    thread(0).used = true;
    pthread_key_create(&raw mut FAREWELL_KEY, farewell);
}

/// In a forked child only the forking thread lives on; it becomes the main thread.
pub unsafe fn forget_others() {
    for i in 0..THREADS {
        *thread(i) = NO_THREAD;
    }
    thread(0).used = true;
    CURRENT = 0;
    COUNT = 1;
}

/// Whether a thread could go on right now.
unsafe fn can_run(i: usize) -> bool {
    let thread = thread(i);
    if !thread.used || thread.finished {
        return false;
    }
    if thread.deadline_ns <= turn::page().now_ns {
        return true;
    }
    match thread.wait {
        Wait::Nothing => true,
        Wait::Mutex(address) => lock::is_free(address as *const u8),
        Wait::Join(other) => self::thread(other).finished,
        Wait::Io(interest) => epoll::is_ready(interest),
        Wait::Child(pid) => crate::process::has_ended_child(pid),
        Wait::Time | Wait::Condition(..) => false,
    }
}

/// The next thread to run: in creation order, the main thread last.
unsafe fn next_runnable() -> Option<usize> {
    (1..COUNT).chain([0]).find(|i| can_run(*i))
}

unsafe fn earliest_deadline() -> u64 {
    (0..COUNT)
        .map(|i| thread(i))
        .filter(|t| t.used && !t.finished && t.wait != Wait::Nothing)
        .map(|t| t.deadline_ns)
        .min()
        .unwrap_or(NO_DEADLINE)
}

unsafe fn any_waits_for_others() -> bool {
    (0..COUNT).any(|i| thread(i).used && matches!(thread(i).wait, Wait::Io(_) | Wait::Child(_)))
}

/// Finds who runs next, handing the turn to the scheduler while nobody can.
unsafe fn choose() -> usize {
    loop {
        if let Some(next) = next_runnable() {
            return next;
        }
        turn::block(earliest_deadline(), any_waits_for_others());
        if crate::signal::interrupted() {
            // A handler ran: the main thread's blocking call returns early.
            return 0;
        }
    }
}

unsafe fn pass_baton(to: usize) {
    CURRENT = to;
    let word = thread(to).baton.as_ptr();
    thread(to).baton.store(1, Ordering::SeqCst);
    sys!(sys::FUTEX, word, FUTEX_WAKE_PRIVATE, 1);
}

unsafe fn await_baton(me: usize) {
    let baton = &thread(me).baton;
    while baton.swap(0, Ordering::SeqCst) == 0 {
        sys!(sys::FUTEX, baton.as_ptr(), FUTEX_WAIT_PRIVATE, 0, 0);
    }
}

/// Blocks this thread until what it waits for is there, or `deadline_ns`.
pub unsafe fn wait(wait: Wait, deadline_ns: u64) {
    let me = CURRENT;
    thread(me).wait = wait;
    thread(me).deadline_ns = deadline_ns;
    let next = choose();
    if next != me {
        pass_baton(next);
        await_baton(me);
    }
    thread(me).wait = Wait::Nothing;
    thread(me).deadline_ns = NO_DEADLINE;
}

/// Blocks this thread until `deadline_ns`.
pub unsafe fn sleep_until(deadline_ns: u64) {
    wait(Wait::Time, deadline_ns);
}

/// Which thread has the baton.
pub unsafe fn current() -> usize {
    CURRENT
}

/// Lets whoever has waited longest at a condition variable go on; which thread, and its place in the queue.
pub unsafe fn release_first_waiter(condition: usize) -> Option<(usize, u64)> {
    let longest = (0..COUNT)
        .filter_map(|i| match thread(i).wait {
            Wait::Condition(address, since) if address == condition => Some((since, i)),
            _ => None,
        })
        .min();
    let (since, i) = longest?;
    thread(i).wait = Wait::Nothing;
    Some((i, since))
}

/// A number of the running thread's own, from 1.
pub unsafe fn current_number() -> u32 {
    CURRENT as u32 + 1
}

// Threads come and go.

unsafe extern "C" fn trampoline(number: *mut u8) -> *mut u8 {
    extern "C" {
        fn pthread_setspecific(key: u32, value: *const u8) -> i32;
    }
    let me = number as usize;
    await_baton(me);
    pthread_setspecific(FAREWELL_KEY, number.wrapping_add(1));
    match thread(me).start {
        Some(start) => start(thread(me).argument),
        None => give_up!("thread {me} has no start"),
    }
}

/// Runs among the thread's destructors; in the last round, after the allocator's own, it passes the baton on for good.
unsafe extern "C" fn farewell(value: *mut u8) {
    extern "C" {
        fn pthread_setspecific(key: u32, value: *const u8) -> i32;
    }
    const LAST_ROUND: u32 = 3;
    let me = value as usize - 1;
    if thread(me).farewells < LAST_ROUND {
        thread(me).farewells += 1;
        pthread_setspecific(FAREWELL_KEY, value);
        return;
    }
    thread(me).finished = true;
    let next = choose();
    pass_baton(next);
}

#[no_mangle]
unsafe extern "C" fn pthread_create(
    handle: *mut usize,
    attributes: *const u8,
    start: unsafe extern "C" fn(*mut u8) -> *mut u8,
    argument: *mut u8,
) -> i32 {
    type Start = unsafe extern "C" fn(*mut u8) -> *mut u8;
    let create = real!("pthread_create" as fn(*mut usize, *const u8, Start, *mut u8) -> i32);
    if !alive() {
        return create(handle, attributes, start, argument);
    }
    let me = COUNT;
    if me == THREADS {
        give_up!("the server made more than {THREADS} threads (io-threads above 1?)");
    }
    *thread(me) = Thread { used: true, start: Some(start), argument, ..NO_THREAD };
    COUNT += 1;
    let result = create(handle, attributes, trampoline, me as *mut u8);
    thread(me).handle = *handle;
    if result != 0 {
        thread(me).finished = true;
    }
    result
}

#[no_mangle]
unsafe extern "C" fn pthread_join(handle: usize, result: *mut *mut u8) -> i32 {
    let join = real!("pthread_join" as fn(usize, *mut *mut u8) -> i32);
    if alive() {
        let other = (1..COUNT).find(|i| thread(*i).handle == handle && thread(*i).used);
        if let Some(other) = other {
            while !thread(other).finished {
                wait(Wait::Join(other), NO_DEADLINE);
            }
            thread(other).used = false;
        }
    }
    join(handle, result)
}

#[no_mangle]
unsafe extern "C" fn pthread_cancel(handle: usize) -> i32 {
    let cancel = real!("pthread_cancel" as fn(usize) -> i32);
    if alive() {
        // Cancelled threads never run again: they are stopped where they are, which is where they blocked.
        if let Some(other) = (1..COUNT).find(|i| thread(*i).handle == handle) {
            thread(other).finished = true;
            return 0;
        }
    }
    cancel(handle)
}

#[no_mangle]
unsafe extern "C" fn sched_yield() -> i32 {
    if alive() {
        sleep_until(turn::page().now_ns);
    }
    0
}
