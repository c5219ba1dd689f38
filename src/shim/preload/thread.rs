//! One thread at a time: the baton of a process.
//!
//! Threads of a server race with each other, in allocator accounting among other things. So they take turns: the baton
//! moves only when its holder blocks, to runnable threads in creation order, the main thread last. What a thread waits
//! for is a predicate of whoever made it wait; nothing of locks, descriptors or children is known here. A signal or a
//! cancellation makes its thread runnable, and takes effect when that thread has the baton: in its own context.

use core::cell::Cell;
use core::fmt::Write;
use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::baton::Baton;
use crate::give_up::{Text, give_up};
use crate::life::{alive, real};
use crate::page::waits;
use crate::signal::{self, Interrupt};
use crate::sys::{self, sys};
use crate::{alarm, turn, unshared, work};

pub use crate::signal::THREADS;
pub const NO_DEADLINE: u64 = u64::MAX;
const FUTEX_WAIT_PRIVATE: usize = 128;
const FUTEX_WAKE_PRIVATE: usize = 129;

/// Who can end a wait, beside its deadline.
#[derive(Clone, Copy)]
pub enum Source {
    /// Only another thread of this process.
    Thread(Owed),
    /// A signal, or another process by memory that both have.
    Anybody,
    /// Something outside: a peer, a child, the scheduler.
    Outside,
}

/// What one thread waits for and another has to give: how it is called, and which thread has it now (0 is none).
#[derive(Clone, Copy)]
pub struct Owed {
    pub name: &'static str,
    pub holder: fn(usize) -> u32,
}

/// What a thread waits for: a question about two words, asked again whenever somebody is to be chosen.
#[derive(Clone, Copy)]
pub struct Wait {
    pub source: Source,
    pub is_over: fn(usize, usize) -> bool,
    pub about: (usize, usize),
}

impl Wait {
    /// Only the deadline ends it.
    pub const TIME: Wait = Wait { source: Source::Anybody, is_over: |_, _| false, about: (0, 0) };
}

type Start = unsafe extern "C" fn(*mut u8) -> *mut u8;

struct Thread {
    used: Cell<bool>,
    finished: Cell<bool>,
    /// When it was made; the main thread is made first.
    born: Cell<u64>,
    wait: Cell<Option<Wait>>,
    deadline_ns: Cell<u64>,
    baton: AtomicU32,
    handle: Cell<usize>,
    start: Cell<Option<Start>>,
    argument: Cell<*mut u8>,
    farewells: Cell<u32>,
    /// Nobody will join it.
    detached: Cell<bool>,
    /// Somebody asked it to end.
    cancelled: Cell<bool>,
    /// It wants not to be ended for now.
    keeps_on: Cell<bool>,
    /// It may be ended anywhere, not only where it waits.
    ends_anywhere: Cell<bool>,
    /// It waits in a call that ends when the thread is cancelled.
    at_cancellation_point: Cell<bool>,
}

impl Thread {
    const fn new() -> Self {
        Thread {
            used: Cell::new(false),
            finished: Cell::new(false),
            born: Cell::new(0),
            wait: Cell::new(None),
            deadline_ns: Cell::new(NO_DEADLINE),
            baton: AtomicU32::new(0),
            handle: Cell::new(0),
            start: Cell::new(None),
            argument: Cell::new(ptr::null_mut()),
            farewells: Cell::new(0),
            detached: Cell::new(false),
            cancelled: Cell::new(false),
            keeps_on: Cell::new(false),
            ends_anywhere: Cell::new(false),
            at_cancellation_point: Cell::new(false),
        }
    }

    /// Makes the place ready for a thread that is born now.
    fn begin(&self, born: u64, start: Option<Start>, argument: *mut u8) {
        self.used.set(true);
        self.finished.set(false);
        self.born.set(born);
        self.wait.set(None);
        self.deadline_ns.set(NO_DEADLINE);
        self.baton.store(0, Ordering::SeqCst);
        self.start.set(start);
        self.argument.set(argument);
        self.farewells.set(0);
        for flag in [&self.detached, &self.cancelled, &self.keeps_on, &self.ends_anywhere] {
            flag.set(false);
        }
    }

    fn lives(&self) -> bool {
        self.used.get() && !self.finished.get()
    }

    /// Whether it must end, here and now.
    fn must_end(&self) -> bool {
        let may_end = self.ends_anywhere.get() || self.at_cancellation_point.get();
        self.cancelled.get() && !self.keeps_on.get() && may_end
    }

    /// What it waits for, if that is for ever and only another thread of this process can give it.
    fn is_owed(&self, wait: Wait) -> Option<Owed> {
        match wait.source {
            Source::Thread(owed) if self.deadline_ns.get() == NO_DEADLINE => Some(owed),
            _ => None,
        }
    }

    /// Whether its deadline is there.
    fn is_due(&self) -> bool {
        self.deadline_ns.get() <= turn::page().now_ns.get()
    }

    /// Whether what it waits for is there, or its deadline.
    fn has_waited(&self) -> bool {
        self.is_due() || self.wait.get().is_none_or(|wait| (wait.is_over)(wait.about.0, wait.about.1))
    }
}

struct State {
    threads: [Thread; THREADS],
    /// Who has the baton; 0 is the main thread.
    current: Cell<usize>,
    /// Threads ever made.
    born: Cell<u64>,
    /// The holder of the baton has just seen that what it is about to wait for is not there.
    looked: Cell<bool>,
    farewell_key: Cell<u32>,
}

static STATE: Baton<State> = Baton::new(State {
    threads: [const { Thread::new() }; THREADS],
    current: Cell::new(0),
    born: Cell::new(0),
    looked: Cell::new(false),
    farewell_key: Cell::new(0),
});

fn thread(i: usize) -> &'static Thread {
    &STATE.threads[i]
}

/// Makes the key whose destructor says that a thread is about to end.
pub fn prepare() {
    unsafe extern "C" {
        fn pthread_key_create(key: *mut u32, destructor: unsafe extern "C" fn(*mut u8)) -> i32;
    }
    thread(0).begin(0, None, ptr::null_mut());
    // SAFETY: the key is written before the call returns.
    unsafe { pthread_key_create(STATE.farewell_key.as_ptr(), farewell) };
    // SAFETY: a look at the thread's own handle.
    thread(0).handle.set(unsafe { pthread_self() });
}

/// In a forked child only the forking thread lives on; it becomes the main thread.
pub fn forget_others() {
    signal::become_child(current());
    let handle = thread(current()).handle.get();
    STATE.threads.iter().for_each(|thread| thread.used.set(false));
    STATE.current.set(0);
    thread(0).begin(0, None, ptr::null_mut());
    thread(0).handle.set(handle);
}

/// The threads that are alive, in the order in which signals look for one.
pub fn living() -> impl Iterator<Item = usize> + Clone {
    (0..THREADS).filter(|i| thread(*i).lives())
}

fn can_run(i: usize) -> bool {
    let has_waited = || match STATE.looked.get() && i == current() {
        true => thread(i).is_due(),
        false => thread(i).has_waited(),
    };
    thread(i).lives() && (has_waited() || signal::is_due(i) || thread(i).must_end())
}

/// The running thread has just seen that what it waits for next is not there: it need not be looked for again before
/// the turn was somebody else's.
pub fn has_looked() {
    STATE.looked.set(true);
}

/// The next thread to run: in creation order, the main thread last.
fn next_runnable() -> Option<usize> {
    let runnable = (1..THREADS).filter(|i| can_run(*i));
    let oldest = runnable.min_by_key(|i| thread(*i).born.get());
    oldest.or_else(|| can_run(0).then_some(0))
}

fn waiting() -> impl Iterator<Item = (&'static Thread, Wait)> {
    let living = STATE.threads.iter().filter(|thread| thread.lives());
    living.filter_map(|thread| Some((thread, thread.wait.get()?)))
}

/// Finds who runs next, handing the turn to the scheduler while nobody can.
fn choose() -> usize {
    loop {
        if alarm::ring() {
            signal::assign(living());
        }
        if let Some(next) = next_runnable() {
            STATE.looked.set(false);
            unshared::forget_looks();
            return next;
        }
        signal::assign(living());
        if next_runnable().is_none() && is_owed_for_ever() {
            say_deadlock();
        }
        let earliest = waiting().map(|(thread, _)| thread.deadline_ns.get()).chain([alarm::next_ns()]).min();
        let waits_outside = waiting().any(|(_, wait)| matches!(wait.source, Source::Outside));
        let deadline_ns = earliest.unwrap_or(NO_DEADLINE);
        let waits = deadline_ns > turn::page().now_ns.get();
        STATE.looked.set(false);
        turn::give_way(deadline_ns, if waits_outside { outside() } else { 0 });
        if waits {
            work::begin_anew();
        }
        signal::assign(living());
    }
}

/// What ends the waiting for descriptors, bits of [`waits`].
fn outside() -> u32 {
    match turn::is_guest() && !unshared::is_others() {
        true => waits::IO,
        false => waits::IO | waits::OTHERS,
    }
}

/// Whether no thread will ever run again but by another one.
fn is_owed_for_ever() -> bool {
    alarm::next_ns() == NO_DEADLINE && waiting().all(|(thread, wait)| thread.is_owed(wait).is_some())
}

/// Tells the scheduler that no thread will ever run again, and who waits for what.
fn say_deadlock() {
    let mut text = Text::new();
    for (thread, wait) in waiting() {
        let Some(Owed { name, holder }) = thread.is_owed(wait) else { continue };
        let end = if text.written().is_empty() { "" } else { "; " };
        // What does not fit is cut, which is no error.
        let _ = match holder(wait.about.0) {
            0 => write!(text, "{end}thread {} waits for {name}", thread.born.get() + 1),
            by => {
                write!(text, "{end}thread {} waits for {name} of thread {}", thread.born.get() + 1, born(by))
            }
        };
    }
    turn::deadlock(text.written());
}

/// How a thread is called in words: the main thread is 1, and others follow in the order in which they were made.
fn born(number: u32) -> u64 {
    thread(number as usize - 1).born.get() + 1
}

fn pass_baton(to: usize) {
    STATE.current.set(to);
    let word = &thread(to).baton;
    word.store(1, Ordering::SeqCst);
    // SAFETY: the word lives as long as the process.
    unsafe { sys!(sys::FUTEX, word.as_ptr(), FUTEX_WAKE_PRIVATE, 1) };
}

fn await_baton(me: usize) {
    let word = &thread(me).baton;
    while word.swap(0, Ordering::SeqCst) == 0 {
        // SAFETY: the word lives as long as the process.
        unsafe { sys!(sys::FUTEX, word.as_ptr(), FUTEX_WAIT_PRIVATE, 0, 0) };
    }
}

/// Blocks this thread until what it waits for is there, or `deadline_ns`, or a signal, or its cancellation, which the
/// caller has to look after.
pub fn pause(wait: Wait, deadline_ns: u64) -> Interrupt {
    let me = current();
    if turn::is_guest() {
        // What it did at the kernel's own pipes is not told.
        turn::page().pipe_activity.update(|count| count.wrapping_add(1));
    }
    thread(me).wait.set(Some(wait));
    thread(me).deadline_ns.set(deadline_ns);
    let next = choose();
    if next != me {
        pass_baton(next);
        await_baton(me);
    }
    thread(me).wait.set(None);
    thread(me).deadline_ns.set(NO_DEADLINE);
    signal::run_due(me)
}

/// Blocks this thread as [`pause`] does, at a point where a cancelled thread ends.
pub fn wait(wait: Wait, deadline_ns: u64) -> Interrupt {
    let me = current();
    end_if_cancelled();
    thread(me).at_cancellation_point.set(true);
    let ended = pause(wait, deadline_ns);
    thread(me).at_cancellation_point.set(false);
    end_if_cancelled();
    ended
}

/// Blocks this thread until `deadline_ns`.
pub fn sleep_until(deadline_ns: u64) -> Interrupt {
    wait(Wait::TIME, deadline_ns)
}

/// The oldest of the threads that can run and were made when `is_meant` says.
fn next_born(is_meant: impl Fn(u64) -> bool) -> Option<usize> {
    let meant = (0..THREADS).filter(|i| is_meant(thread(*i).born.get()) && can_run(*i));
    meant.min_by_key(|i| thread(*i).born.get())
}

/// When a guest's thread last let others go first.
static RESTED_NS: Baton<Cell<u64>> = Baton::new(Cell::new(0));

/// A guest's thread that goes on and on, because something is always ready for it, lets all others that can run go
/// first from time to time, and then the rest of the world. Servers do so by `work` alone.
pub fn rest() {
    /// Work after which it is time to.
    const LONG_NS: u64 = 50_000;
    if !turn::is_guest() {
        return;
    }
    work::call(0);
    let now = turn::page().now_ns.get();
    if now < RESTED_NS.get() + LONG_NS {
        return;
    }
    let me = current();
    RESTED_NS.set(now);
    thread(me).wait.set(Some(Wait::TIME));
    thread(me).deadline_ns.set(now);
    let mine = thread(me).born.get();
    let next = next_born(|born| born > mine).or_else(|| {
        turn::give_way(now, waits::IO | waits::OTHERS);
        signal::assign(living());
        next_born(|_| true)
    });
    if let Some(next) = next.filter(|next| *next != me) {
        pass_baton(next);
        await_baton(me);
    }
    thread(me).wait.set(None);
    thread(me).deadline_ns.set(NO_DEADLINE);
}

/// Which thread has the baton.
pub fn current() -> usize {
    STATE.current.get()
}

/// A number of the running thread's own, from 1.
pub fn current_number() -> u32 {
    current() as u32 + 1
}

// Threads come and go.

unsafe extern "C" {
    fn pthread_setspecific(key: u32, value: *const u8) -> i32;
    fn pthread_self() -> usize;
}

fn set_farewell(me: usize) {
    let value = ptr::without_provenance(me + 1);
    // SAFETY: the key was made before the first thread.
    unsafe { pthread_setspecific(STATE.farewell_key.get(), value) };
}

unsafe extern "C" fn trampoline(number: *mut u8) -> *mut u8 {
    let me = number.addr();
    await_baton(me);
    set_farewell(me);
    let Some(start) = thread(me).start.get() else {
        give_up!("thread {me} has no start");
    };
    // SAFETY: the function and its argument, as they were given to `pthread_create`.
    unsafe { start(thread(me).argument.get()) }
}

/// Runs among the thread's destructors; in the last round, after the allocator's own, it passes the baton on for good.
unsafe extern "C" fn farewell(value: *mut u8) {
    const LAST_ROUND: u32 = 3;
    let me = value.addr() - 1;
    if thread(me).farewells.get() < LAST_ROUND {
        thread(me).farewells.update(|count| count + 1);
        return set_farewell(me);
    }
    thread(me).finished.set(true);
    thread(me).used.set(!thread(me).detached.get());
    pass_baton(choose());
}

/// Whether a thread that is made with `attributes` is detached from its beginning.
unsafe fn is_detached(attributes: *const u8) -> bool {
    unsafe extern "C" {
        fn pthread_attr_getdetachstate(attributes: *const u8, state: *mut i32) -> i32;
    }
    let mut state = libc::PTHREAD_CREATE_JOINABLE;
    if !attributes.is_null() {
        // SAFETY: the caller's attributes, and room for the answer.
        unsafe { pthread_attr_getdetachstate(attributes, &raw mut state) };
    }
    state == libc::PTHREAD_CREATE_DETACHED
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_create(
    handle: *mut usize,
    attributes: *const u8,
    start: Start,
    argument: *mut u8,
) -> i32 {
    let create = real!("pthread_create" as fn(*mut usize, *const u8, Start, *mut u8) -> i32);
    if !alive() {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { create(handle, attributes, start, argument) };
    }
    let Some(me) = (1..THREADS).find(|i| !thread(*i).used.get()) else {
        give_up!("more than {THREADS} threads are alive");
    };
    STATE.born.update(|count| count + 1);
    thread(me).begin(STATE.born.get(), Some(start), argument);
    signal::begin_thread(me, current());
    // SAFETY: the caller's attributes.
    thread(me).detached.set(unsafe { is_detached(attributes) });
    // SAFETY: the caller's arguments, but for the start, which takes the place's number.
    let result = unsafe { create(handle, attributes, trampoline, ptr::without_provenance_mut(me)) };
    // SAFETY: written by `pthread_create`, or unused.
    thread(me).handle.set(unsafe { *handle });
    if result != 0 {
        thread(me).used.set(false);
    }
    result
}

/// The thread that has this handle.
pub fn by_handle(handle: usize) -> Option<usize> {
    (0..THREADS).find(|i| thread(*i).used.get() && thread(*i).handle.get() == handle)
}

/// The living thread with this number, from 1.
pub fn by_number(number: usize) -> Option<usize> {
    living().find(|i| i + 1 == number)
}

fn until_finished(other: usize) -> Wait {
    const END: Owed = Owed { name: "the end", holder: |other| other as u32 + 1 };
    Wait { source: Source::Thread(END), is_over: |other, _| thread(other).finished.get(), about: (other, 0) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_join(handle: usize, result: *mut *mut u8) -> i32 {
    let join = real!("pthread_join" as fn(usize, *mut *mut u8) -> i32);
    let other = by_handle(handle).filter(|_| alive());
    if other == Some(current()) {
        return sys::EDEADLK;
    }
    if let Some(other) = other {
        if thread(other).detached.get() {
            return sys::EINVAL;
        }
        while !thread(other).finished.get() {
            wait(until_finished(other), NO_DEADLINE);
        }
        thread(other).used.set(false);
    }
    // SAFETY: the caller's arguments, handed on as they are; the thread is past its last wait.
    unsafe { join(handle, result) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_detach(handle: usize) -> i32 {
    if let Some(other) = by_handle(handle).filter(|_| alive()) {
        thread(other).detached.set(true);
        thread(other).used.update(|used| used && !thread(other).finished.get());
    }
    // SAFETY: the caller's argument, handed on as it is.
    unsafe { real!("pthread_detach" as fn(usize) -> i32)(handle) }
}

/// Ends the running thread if it was cancelled and may end here: its cleanup handlers run, its locks stay as they are.
pub fn end_if_cancelled() {
    const CANCELLED: *mut u8 = ptr::without_provenance_mut(usize::MAX);
    let me = thread(current());
    if me.cancelled.get() && !me.keeps_on.get() {
        me.keeps_on.set(true);
        // SAFETY: ends this thread, as the C library does when it is cancelled here.
        unsafe { pthread_exit(CANCELLED) };
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_exit(result: *mut u8) -> ! {
    if alive() && current() == 0 && living().count() > 1 {
        give_up!("a main thread that leaves before the others is not simulated");
    }
    // SAFETY: the caller's argument, handed on as it is.
    unsafe { real!("pthread_exit" as fn(*mut u8))(result) };
    give_up!("a thread went on after its end");
}

/// Lets the running thread wait at a cancellation point whose end its caller has to look after.
pub fn at_cancellation_point<T>(waits: impl FnOnce() -> T) -> T {
    let me = thread(current());
    me.at_cancellation_point.set(true);
    let result = waits();
    me.at_cancellation_point.set(false);
    result
}

/// Whether the running thread was cancelled and may end.
pub fn is_cancelled() -> bool {
    let me = thread(current());
    me.cancelled.get() && !me.keeps_on.get()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_cancel(handle: usize) -> i32 {
    let Some(other) = by_handle(handle).filter(|_| alive()) else {
        // SAFETY: the caller's argument, handed on as it is.
        return unsafe { real!("pthread_cancel" as fn(usize) -> i32)(handle) };
    };
    thread(other).cancelled.set(true);
    if other == current() && thread(other).must_end() {
        end_if_cancelled();
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_testcancel() {
    if alive() {
        end_if_cancelled();
    } else {
        // SAFETY: a call without arguments.
        unsafe { real!("pthread_testcancel" as fn())() };
    }
}

/// Sets one of the running thread's two words about cancellation, and gives the old one back.
unsafe fn set_cancellation(flag: &Cell<bool>, [off, on]: [i32; 2], new: i32, old: *mut i32) -> i32 {
    if new != off && new != on {
        return sys::EINVAL;
    }
    let before = flag.replace(new == on);
    // SAFETY: the caller's room, if there is any.
    if let Some(old) = unsafe { old.as_mut() } {
        *old = if before { on } else { off };
    }
    if thread(current()).must_end() {
        end_if_cancelled();
    }
    0
}

const CANCEL_ENABLE: i32 = 0;
const CANCEL_DISABLE: i32 = 1;
const CANCEL_DEFERRED: i32 = 0;
const CANCEL_ASYNCHRONOUS: i32 = 1;

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_setcancelstate(new: i32, old: *mut i32) -> i32 {
    if !alive() {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { real!("pthread_setcancelstate" as fn(i32, *mut i32) -> i32)(new, old) };
    }
    // SAFETY: the caller's room.
    unsafe { set_cancellation(&thread(current()).keeps_on, [CANCEL_ENABLE, CANCEL_DISABLE], new, old) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_setcanceltype(new: i32, old: *mut i32) -> i32 {
    if !alive() {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { real!("pthread_setcanceltype" as fn(i32, *mut i32) -> i32)(new, old) };
    }
    let flag = &thread(current()).ends_anywhere;
    // SAFETY: the caller's room.
    unsafe { set_cancellation(flag, [CANCEL_DEFERRED, CANCEL_ASYNCHRONOUS], new, old) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sched_yield() -> i32 {
    if !alive() {
        // SAFETY: a call without arguments.
        unsafe { sys!(libc::SYS_sched_yield) };
    } else {
        work::call(0);
        sleep_until(turn::page().now_ns.get());
    }
    0
}
