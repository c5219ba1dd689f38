//! Signals: they wait until the thread that they are for has the baton, and their handlers run only then.
//!
//! Every signal of a node is its own: the scheduler's, a sibling's, or its own. The kernel keeps the default for all
//! but the faults that an instruction makes, so that nobody outside can run a handler in the middle of a turn.

use core::cell::Cell;

use crate::baton::Baton;
use crate::give_up::give_up;
use crate::life::{alive, real};
use crate::sys::{self, fail, sys};
use crate::turn;

/// Threads of a process that can be alive at once.
pub const THREADS: usize = 64;
const SIGNALS: usize = 65;
const SIG_DFL: usize = 0;
const SIG_IGN: usize = 1;
/// What an instruction can cause; the kernel runs the server's own handler, in the context of the instruction.
const FAULTS: [i32; 4] = [libc::SIGILL, libc::SIGTRAP, libc::SIGBUS, libc::SIGFPE];
/// What does nothing unless somebody asks for it.
const IGNORED: [i32; 4] = [libc::SIGCHLD, libc::SIGCONT, libc::SIGURG, libc::SIGWINCH];
const STOPPING: [i32; 4] = [libc::SIGSTOP, libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU];
const NOT_BLOCKED: u64 = bit(libc::SIGKILL) | bit(libc::SIGSTOP);

/// `struct sigaction` of the C library.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Action {
    handler: usize,
    mask: [u64; 16],
    flags: i32,
    restorer: usize,
}

impl Action {
    const DEFAULT: Action = Action { handler: SIG_DFL, mask: [0; 16], flags: 0, restorer: 0 };

    /// A handler that is told why, and may be entered again.
    pub fn with_info(handler: usize) -> Self {
        Action { handler, flags: libc::SA_SIGINFO | libc::SA_NODEFER, ..Action::DEFAULT }
    }
}

/// How a wait ended.
#[derive(Clone, Copy, PartialEq)]
pub enum Interrupt {
    /// By what was waited for, or by its deadline.
    No,
    /// By handlers that all asked for what they interrupt to go on.
    Restart,
    /// By a handler.
    Yes,
}

struct State {
    actions: [Cell<Action>; SIGNALS],
    /// What waits for the process, because every thread blocks it.
    unassigned: Cell<u64>,
    /// What waits for each thread, one bit a signal.
    pending: [Cell<u64>; THREADS],
    /// What each thread blocks.
    blocked: [Cell<u64>; THREADS],
}

static STATE: Baton<State> = Baton::new(State {
    actions: [const { Cell::new(Action::DEFAULT) }; SIGNALS],
    unassigned: Cell::new(0),
    pending: [const { Cell::new(0) }; THREADS],
    blocked: [const { Cell::new(0) }; THREADS],
});

const fn bit(number: i32) -> u64 {
    1 << (number - 1)
}

fn is_signal(number: i32) -> bool {
    (1..SIGNALS as i32).contains(&number)
}

/// What a thread blocks, one bit a signal, the first signal in the lowest.
pub fn blocked_by(thread: usize) -> u64 {
    STATE.blocked[thread].get()
}

/// What the process ignores, in the same shape.
pub fn ignored() -> u64 {
    let is_ignored = |number: &i32| STATE.actions[*number as usize].get().handler == SIG_IGN;
    (1..SIGNALS as i32).filter(is_ignored).fold(0, |bits, number| bits | bit(number))
}

/// What the process does nothing with, in the same shape.
fn unheeded() -> u64 {
    let by_default = |number: &&i32| STATE.actions[**number as usize].get().handler == SIG_DFL;
    IGNORED.iter().filter(by_default).fold(ignored(), |bits, number| bits | bit(*number))
}

/// A new thread blocks what its maker blocks, and nothing waits for it.
pub fn begin_thread(new: usize, maker: usize) {
    STATE.pending[new].set(0);
    STATE.blocked[new].set(blocked_by(maker));
}

/// What the program that takes this one's place ignores and blocks is what this one does.
pub fn hand_down(thread: usize) {
    turn::me().ignored.set(ignored());
    turn::me().blocked.set(blocked_by(thread));
}

/// What a set names is not ignored any more.
pub fn set_defaults(set: u64) {
    for number in (1..SIGNALS as i32).filter(|number| set & bit(*number) != 0) {
        set_action(number, Action::DEFAULT);
    }
}

/// Takes over what the program before ignored and blocked.
pub fn take_over() {
    let ignored = turn::me().ignored.get();
    for number in (1..SIGNALS as i32).filter(|number| ignored & bit(*number) != 0) {
        set_action(number, Action { handler: SIG_IGN, ..Action::DEFAULT });
    }
    STATE.blocked[0].set(turn::me().blocked.get());
}

/// In a forked child the thread that forked is the only one; what waited for the parent stays there.
pub fn become_child(forker: usize) {
    STATE.unassigned.set(0);
    begin_thread(0, forker);
}

/// Whether a signal waits that the thread does not block.
pub fn is_due(thread: usize) -> bool {
    STATE.pending[thread].get() & !blocked_by(thread) != 0
}

/// Gives what the scheduler and siblings sent to the first of `threads` that does not block it.
pub fn assign(threads: impl Iterator<Item = usize> + Clone) {
    // In the page a signal's bit is its number.
    let mut waiting = STATE.unassigned.take() | (turn::me().signals.take() >> 1);
    if waiting == 0 {
        return;
    }
    if turn::is_guest() {
        // As in the kernel, what nobody heeds interrupts nothing.
        waiting &= !unheeded();
    }
    for thread in threads {
        // What waits for the thread already comes once more later.
        let taken = waiting & !blocked_by(thread) & !STATE.pending[thread].get();
        STATE.pending[thread].update(|pending| pending | taken);
        waiting &= !taken;
    }
    STATE.unassigned.set(waiting);
}

/// Sends a signal to one thread; a sender that is this thread runs it with [`run_due`].
pub fn post(thread: usize, number: i32) {
    STATE.pending[thread].update(|pending| pending | bit(number));
}

/// Runs the handlers of the signals that wait for the running thread; how that leaves what it waited for.
pub fn run_due(thread: usize) -> Interrupt {
    let mut ended = Interrupt::No;
    while is_due(thread) {
        let due = STATE.pending[thread].get() & !blocked_by(thread);
        let number = due.trailing_zeros() as i32 + 1;
        STATE.pending[thread].update(|pending| pending & !bit(number));
        ended = match (ended, handle(thread, number)) {
            (Interrupt::Yes, _) | (_, Interrupt::Yes) => Interrupt::Yes,
            (Interrupt::Restart, _) | (_, Interrupt::Restart) => Interrupt::Restart,
            _ => Interrupt::No,
        };
    }
    ended
}

/// Does what the process does with a signal: its handler, the default, or nothing.
fn handle(thread: usize, number: i32) -> Interrupt {
    let action = STATE.actions[number as usize].get();
    match action.handler {
        SIG_IGN => Interrupt::No,
        SIG_DFL => do_default(number),
        _ => {
            run_handler(thread, number, action);
            if action.flags & libc::SA_RESTART != 0 { Interrupt::Restart } else { Interrupt::Yes }
        }
    }
}

fn do_default(number: i32) -> Interrupt {
    if STOPPING.contains(&number) && !turn::is_guest() {
        give_up!("stopping a process by signal {number} is not simulated");
    }
    if STOPPING.contains(&number) {
        turn::stop();
        return Interrupt::No;
    }
    if !IGNORED.contains(&number) {
        install(number, &Action::DEFAULT);
        // SAFETY: a signal to this very process.
        unsafe { sys!(sys::KILL, sys!(sys::GETPID), number) };
    }
    Interrupt::No
}

fn run_handler(thread: usize, number: i32, action: Action) {
    const CONTEXT_WORDS: usize = 128;
    let mut info = [0u64; 16];
    let mut context = [0u64; CONTEXT_WORDS];
    // Signal, error, code (0 is a process's), padding, and the sender.
    info[0] = number as u64;
    info[2] = u64::from(turn::me().senders[number as usize].get());
    let blocked = blocked_by(thread);
    let own = if action.flags & libc::SA_NODEFER == 0 { bit(number) } else { 0 };
    STATE.blocked[thread].set((blocked | action.mask[0] | own) & !NOT_BLOCKED);
    if action.flags & libc::SA_RESETHAND != 0 {
        STATE.actions[number as usize].set(Action::DEFAULT);
    }
    // SAFETY: the handler was given for this signal, with these flags.
    unsafe { call(action, number, info.as_mut_ptr(), context.as_mut_ptr()) };
    STATE.blocked[thread].set(blocked);
}

/// Calls a handler in the way that its flags say.
unsafe fn call(action: Action, number: i32, info: *mut u64, context: *mut u64) {
    // SAFETY: whoever set the handler says by its flags what it takes.
    unsafe {
        if action.flags & libc::SA_SIGINFO != 0 {
            let function: extern "C" fn(i32, *mut u64, *mut u64) = core::mem::transmute(action.handler);
            function(number, info, context);
        } else {
            let function: extern "C" fn(i32) = core::mem::transmute(action.handler);
            function(number);
        }
    }
}

/// Hands a fault of the server's own to the server's handler, or lets it kill the process.
///
/// # Safety
/// `info` and `context` are what the kernel gave the shim's own handler of the fault.
pub unsafe fn chain(number: i32, info: *mut u64, context: *mut u64) {
    let action = STATE.actions[number as usize].get();
    if matches!(action.handler, SIG_DFL | SIG_IGN) {
        return install(number, &Action::DEFAULT);
    }
    if action.flags & libc::SA_RESETHAND != 0 {
        STATE.actions[number as usize].set(Action::DEFAULT);
    }
    // SAFETY: the handler was given for this signal, with these flags.
    unsafe { call(action, number, info, context) };
}

/// Gives the kernel a handler for `number`.
pub fn install(number: i32, action: &Action) {
    let set = real!("sigaction" as fn(i32, *const u8, *mut u8) -> i32);
    // SAFETY: the action is whole, and no old one is asked for.
    unsafe { set(number, (&raw const *action).cast(), core::ptr::null_mut()) };
}

/// The C library aborts with a signal of the kernel's; its handler sees none of the registers, which hold real ids.
unsafe extern "C" fn aborted(number: i32, _info: *mut u64, _context: *mut u64) {
    handle(0, number);
}

/// What the process does with `number` from now on.
fn set_action(number: i32, action: Action) {
    if number == libc::SIGCHLD && !turn::is_guest() && !matches!(action.handler, SIG_DFL | SIG_IGN) {
        give_up!("a handler of SIGCHLD is not simulated");
    }
    STATE.actions[number as usize].set(action);
    if FAULTS.contains(&number) {
        install(number, &action);
    }
    if number == libc::SIGABRT && action.handler != SIG_DFL {
        install(number, &Action::with_info(aborted as *const () as usize));
    }
    if number == libc::SIGPIPE || number == libc::SIGABRT && action.handler == SIG_DFL {
        let ignored = action.handler == SIG_IGN;
        install(number, &Action { handler: if ignored { SIG_IGN } else { SIG_DFL }, ..Action::DEFAULT });
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sigaction(number: i32, new: *const u8, old: *mut u8) -> i32 {
    if !alive() {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { real!("sigaction" as fn(i32, *const u8, *mut u8) -> i32)(number, new, old) };
    }
    let is_fixed = matches!(number, libc::SIGKILL | libc::SIGSTOP);
    if !is_signal(number) || is_fixed && !new.is_null() {
        return fail(sys::EINVAL);
    }
    // SAFETY: the caller's actions are whole, where there are any.
    let (new, old) = unsafe { (new.cast::<Action>().as_ref().copied(), old.cast::<Action>().as_mut()) };
    if let Some(old) = old {
        *old = STATE.actions[number as usize].get();
    }
    if let Some(action) = new {
        set_action(number, action);
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn signal(number: i32, handler: usize) -> usize {
    if !alive() {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { real!("signal" as fn(i32, usize) -> usize)(number, handler) };
    }
    if !is_signal(number) || matches!(number, libc::SIGKILL | libc::SIGSTOP) {
        return fail(sys::EINVAL) as usize;
    }
    let old = STATE.actions[number as usize].get().handler;
    set_action(number, Action { handler, flags: libc::SA_RESTART, ..Action::DEFAULT });
    old
}

/// Changes what a thread blocks, as `pthread_sigmask` says it; an `errno` or 0.
///
/// # Safety
/// `new` and `old` are sets of signals, or null.
pub unsafe fn change_mask(thread: usize, how: i32, new: *const u64, old: *mut u64) -> i32 {
    let before = blocked_by(thread);
    // SAFETY: the caller's sets.
    let (new, old) = unsafe { (new.as_ref(), old.as_mut()) };
    if let Some(set) = new {
        let after = match how {
            libc::SIG_BLOCK => before | set,
            libc::SIG_UNBLOCK => before & !set,
            libc::SIG_SETMASK => *set,
            _ => return sys::EINVAL,
        };
        STATE.blocked[thread].set(after & !NOT_BLOCKED);
    }
    if let Some(old) = old {
        *old = before;
    }
    0
}

/// Takes a signal of `set` that waits for a thread or for the whole process; its number.
pub fn take(thread: usize, set: u64) -> Option<i32> {
    let waiting = waiting_for(thread) & set;
    let number = (waiting != 0).then(|| waiting.trailing_zeros() as i32 + 1)?;
    let places = [&STATE.pending[thread], &STATE.unassigned];
    let place = places.into_iter().find(|place| place.get() & bit(number) != 0)?;
    place.update(|bits| bits & !bit(number));
    Some(number)
}

/// What waits for a thread although it blocks it, of its own or of the process.
pub fn waiting_for(thread: usize) -> u64 {
    STATE.pending[thread].get() | STATE.unassigned.get()
}
