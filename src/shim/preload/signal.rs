//! Signals: handlers are recorded, and run when the scheduler says so, never in the middle of a turn.

use crate::page::record;
use crate::start::{alive, real};
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

static mut HANDLERS: [(usize, i32); SIGNALS] = [(SIG_DFL, 0); SIGNALS];
static mut INTERRUPTED: bool = false;

/// Runs the handlers of the signals that wait for this process.
pub fn deliver() {
    let waiting = core::mem::take(&mut turn::me().signals);
    for number in 1..SIGNALS.min(64) {
        if waiting >> number & 1 == 1 {
            // SAFETY: this thread has the turn and the baton.
            unsafe { handle(number as i32) };
        }
    }
}

unsafe fn handle(number: i32) {
    let (handler, flags) = HANDLERS[number as usize];
    match handler {
        SIG_IGN => {}
        SIG_DFL => {
            sys!(sys::KILL, sys!(sys::GETPID), number);
        }
        _ if flags & SA_SIGINFO != 0 => {
            let mut info = [0u64; 16];
            let mut context = [0u64; 128];
            info[0] = number as u64;
            let call: extern "C" fn(i32, *mut u64, *mut u64) = core::mem::transmute(handler);
            call(number, info.as_mut_ptr(), context.as_mut_ptr());
            INTERRUPTED = true;
        }
        _ => {
            let call: extern "C" fn(i32) = core::mem::transmute(handler);
            call(number);
            INTERRUPTED = true;
        }
    }
}

/// Hands a fault of the server's own to the server's handler, or lets it kill the process.
pub unsafe fn chain(number: i32, info: *mut u64, context: *mut u64) {
    let (handler, flags) = HANDLERS[number as usize];
    match handler {
        SIG_DFL | SIG_IGN => {
            let default = Action { handler: SIG_DFL, mask: [0; 16], flags: 0, restorer: 0 };
            let set = real!("sigaction" as fn(i32, *const u8, *mut u8) -> i32);
            set(number, (&raw const default).cast(), core::ptr::null_mut());
        }
        _ if flags & SA_SIGINFO != 0 => {
            let call: extern "C" fn(i32, *mut u64, *mut u64) = core::mem::transmute(handler);
            call(number, info, context);
        }
        _ => {
            let call: extern "C" fn(i32) = core::mem::transmute(handler);
            call(number);
        }
    }
}

/// Whether a handler ran since the last blocking call.
pub unsafe fn interrupted() -> bool {
    INTERRUPTED
}

/// The same, and forgets it.
pub unsafe fn take_interrupted() -> bool {
    core::mem::take(&mut *(&raw mut INTERRUPTED))
}

#[no_mangle]
unsafe extern "C" fn sigaction(number: i32, new: *const u8, old: *mut u8) -> i32 {
    if alive() && !new.is_null() && (1..SIGNALS as i32).contains(&number) {
        let action = &*new.cast::<Action>();
        HANDLERS[number as usize] = (action.handler, action.flags);
        if number == SIGSEGV {
            return 0;
        }
    }
    real!("sigaction" as fn(i32, *const u8, *mut u8) -> i32)(number, new, old)
}

#[no_mangle]
unsafe extern "C" fn signal(number: i32, handler: usize) -> usize {
    if alive() && (1..SIGNALS as i32).contains(&number) {
        HANDLERS[number as usize] = (handler, 0);
        if number == SIGSEGV {
            return SIG_DFL;
        }
    }
    real!("signal" as fn(i32, usize) -> usize)(number, handler)
}

#[no_mangle]
unsafe extern "C" fn kill(pid: i32, number: i32) -> i32 {
    if !alive() {
        return sys::reported(sys!(sys::KILL, pid, number)) as i32;
    }
    if pid as u32 == turn::me().pid {
        if number != 0 {
            handle(number);
        }
        return 0;
    }
    let Some(other) = crate::process::participant_of(pid) else {
        const ESRCH: i32 = 3;
        return sys::fail(ESRCH);
    };
    if number != 0 {
        turn::page().participants[other].signals |= 1 << number;
        turn::page().participants[other].poked = 1;
        turn::report(record::SIGNAL, 0, number as u64, pid as u64);
    }
    0
}
