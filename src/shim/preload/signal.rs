//! Signals: handlers are recorded, and run when the scheduler says so, never in the middle of a turn.

use core::cell::Cell;

use crate::baton::Baton;
use crate::life::{alive, real};
use crate::sys::{self, sys};
use crate::turn;

const SIGNALS: usize = 65;
const SIG_DFL: usize = 0;
const SIG_IGN: usize = 1;
const SA_SIGINFO: i32 = 4;
const SA_NODEFER: i32 = 0x4000_0000;
/// The fault that the shim itself handles first.
const SIGSEGV: i32 = 11;

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
    /// A handler that is told why, and may be entered again.
    pub fn with_info(handler: usize) -> Self {
        Action { handler, mask: [0; 16], flags: SA_SIGINFO | SA_NODEFER, restorer: 0 }
    }
}

struct State {
    handlers: [Cell<(usize, i32)>; SIGNALS],
    interrupted: Cell<bool>,
}

static STATE: Baton<State> = Baton::new(State {
    handlers: [const { Cell::new((SIG_DFL, 0)) }; SIGNALS],
    interrupted: Cell::new(false),
});

/// Runs the handlers of the signals that wait for this process.
pub fn deliver() {
    let waiting = turn::me().signals.take();
    for number in 1..SIGNALS.min(64) {
        if waiting >> number & 1 == 1 {
            handle(number as i32);
        }
    }
}

/// Does what the process does with a signal: its handler, the default, or nothing.
pub fn handle(number: i32) {
    let (handler, flags) = STATE.handlers[number as usize].get();
    match handler {
        SIG_IGN => {}
        SIG_DFL => {
            // SAFETY: a signal to this very process.
            unsafe { sys!(sys::KILL, sys!(sys::GETPID), number) };
        }
        _ => {
            let mut info = [0u64; 16];
            let mut context = [0u64; 128];
            info[0] = number as u64;
            // SAFETY: the handler was given for this signal, with these flags.
            unsafe { call(handler, flags, number, info.as_mut_ptr(), context.as_mut_ptr()) };
            STATE.interrupted.set(true);
        }
    }
}

/// Calls a handler in the way that its flags say.
unsafe fn call(handler: usize, flags: i32, number: i32, info: *mut u64, context: *mut u64) {
    // SAFETY: whoever set the handler says by its flags what it takes.
    unsafe {
        if flags & SA_SIGINFO != 0 {
            let function: extern "C" fn(i32, *mut u64, *mut u64) = core::mem::transmute(handler);
            function(number, info, context);
        } else {
            let function: extern "C" fn(i32) = core::mem::transmute(handler);
            function(number);
        }
    }
}

/// Hands a fault of the server's own to the server's handler, or lets it kill the process.
///
/// # Safety
/// `info` and `context` are what the kernel gave the shim's own handler of the fault.
pub unsafe fn chain(number: i32, info: *mut u64, context: *mut u64) {
    let (handler, flags) = STATE.handlers[number as usize].get();
    if !matches!(handler, SIG_DFL | SIG_IGN) {
        // SAFETY: the handler was given for this signal, with these flags.
        return unsafe { call(handler, flags, number, info, context) };
    }
    let default = Action { handler: SIG_DFL, mask: [0; 16], flags: 0, restorer: 0 };
    install(number, &default);
}

/// Gives the kernel a handler for `number`.
pub fn install(number: i32, action: &Action) {
    let set = real!("sigaction" as fn(i32, *const u8, *mut u8) -> i32);
    // SAFETY: the action is whole, and no old one is asked for.
    unsafe { set(number, (&raw const *action).cast(), core::ptr::null_mut()) };
}

/// Whether a handler ran since the last blocking call.
pub fn interrupted() -> bool {
    STATE.interrupted.get()
}

/// The same, and forgets it.
pub fn take_interrupted() -> bool {
    STATE.interrupted.take()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sigaction(number: i32, new: *const u8, old: *mut u8) -> i32 {
    if alive() && !new.is_null() && (1..SIGNALS as i32).contains(&number) {
        // SAFETY: the caller's action is whole.
        let action = unsafe { &*new.cast::<Action>() };
        STATE.handlers[number as usize].set((action.handler, action.flags));
        if number == SIGSEGV {
            return 0;
        }
    }
    // SAFETY: the caller's arguments, handed on as they are.
    unsafe { real!("sigaction" as fn(i32, *const u8, *mut u8) -> i32)(number, new, old) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn signal(number: i32, handler: usize) -> usize {
    if alive() && (1..SIGNALS as i32).contains(&number) {
        STATE.handlers[number as usize].set((handler, 0));
        if number == SIGSEGV {
            return SIG_DFL;
        }
    }
    // SAFETY: the caller's arguments, handed on as they are.
    unsafe { real!("signal" as fn(i32, usize) -> usize)(number, handler) }
}
