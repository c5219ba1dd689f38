//! The scheduler's thread while it simulates: on one processor, and as blind to the time stamp counter as its servers.
//!
//! Servers fault when they read the counter (`shim/preload/counter.rs`). Where only they did, each hand-over between
//! them and the scheduler would rewrite a control register, which on a virtual machine costs more than all the rest of
//! the hand-over. So the thread faults as well, and its few looks at the counter (the wall clock's, through the vDSO)
//! are answered with the real one. Whatever it starts must see the counter again before it runs: [`with_counter`], [`allow_counter`].

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr;
use std::sync::OnceLock;

use nix::sched::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};
use nix::unistd::Pid;

use crate::workers;

const READS_FAULT: libc::c_int = libc::PR_TSC_SIGSEGV;
const READS_WORK: libc::c_int = libc::PR_TSC_ENABLE;
const RDTSC: [u8; 2] = [0x0f, 0x31];
const RDTSCP: [u8; 3] = [0x0f, 0x01, 0xf9];

/// What handled the fault before; set before the first thread faults.
static BEFORE: OnceLock<libc::sigaction> = OnceLock::new();

/// Keeps this thread, and every process it starts, where hand-overs are cheapest, for as long as it lives.
pub struct Seat {
    before: Option<CpuSet>,
}

impl Seat {
    /// Takes the processor that the thread runs on: a hand-over across processors costs five times as much.
    pub fn take() -> Self {
        let before = sched_getaffinity(Pid::from_raw(0)).ok();
        if let Ok(processor) = sched_getcpu() {
            workers::pin_to(processor);
        }
        if answer_faults() {
            set_counter(READS_FAULT);
        }
        Seat { before }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        set_counter(READS_WORK);
        if let Some(before) = &self.before {
            let _ = sched_setaffinity(Pid::from_raw(0), before);
        }
    }
}

/// Lets the program that `command` starts read the counter, whoever starts it.
pub fn with_counter(command: &mut Command) -> &mut Command {
    let allow = || {
        allow_counter();
        io::Result::Ok(())
    };
    // SAFETY: one system call; it neither allocates nor takes a lock.
    unsafe { command.pre_exec(allow) }
}

/// Lets the calling process read the counter.
pub fn allow_counter() {
    set_counter(READS_WORK);
}

/// Sets the calling thread's flag. Where the kernel knows none, it stays as it is, and so do the servers'.
fn set_counter(mode: libc::c_int) {
    // SAFETY: a flag of this thread alone.
    unsafe { libc::prctl(libc::PR_SET_TSC, mode, 0, 0, 0) };
}

/// Answers faults of this process's reads, once; whether that could be arranged.
fn answer_faults() -> bool {
    let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) = faulted;
    BEFORE.get_or_init(|| {
        // SAFETY: both actions are whole; the handler keeps to what a handler may do.
        unsafe {
            let mut before: libc::sigaction = std::mem::zeroed();
            libc::sigaction(libc::SIGSEGV, ptr::null(), &raw mut before);
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
            libc::sigaction(libc::SIGSEGV, &raw const action, ptr::null_mut());
            before
        }
    });
    // SAFETY: as above; only asked.
    let now = unsafe {
        let mut now: libc::sigaction = std::mem::zeroed();
        libc::sigaction(libc::SIGSEGV, ptr::null(), &raw mut now);
        now.sa_sigaction
    };
    now == handler as usize
}

/// How long the instruction at `at` is if it reads the counter.
///
/// # Safety
/// There are instructions at `at`.
unsafe fn read_length(at: *const u8) -> Option<usize> {
    // SAFETY: an instruction that faulted was fetched, and one of two bytes is followed by another.
    let starts_with = |bytes: &[u8]| bytes.iter().enumerate().all(|(i, byte)| unsafe { *at.add(i) } == *byte);
    [RDTSC.as_slice(), &RDTSCP].into_iter().find(|bytes| starts_with(bytes)).map(<[u8]>::len)
}

extern "C" fn faulted(number: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    /// The kernel's own faults, such as that of a forbidden instruction, have no address.
    const SI_KERNEL: libc::c_int = 128;
    // SAFETY: the kernel hands over whole structures; registers are changed as the instruction would have.
    unsafe {
        let registers = &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs;
        let at = registers[libc::REG_RIP as usize] as *const u8;
        let is_forbidden = (*info).si_code == SI_KERNEL;
        match is_forbidden.then(|| read_length(at)).flatten() {
            Some(length) => answer(registers, length),
            None => hand_on(number),
        }
    }
}

/// Does what the faulting instruction, so many bytes long, was to do.
fn answer(registers: &mut [libc::greg_t], length: usize) {
    let mut processor = 0;
    set_counter(READS_WORK);
    // SAFETY: reads a counter.
    let ticks = unsafe { core::arch::x86_64::__rdtscp(&raw mut processor) };
    set_counter(READS_FAULT);
    registers[libc::REG_RAX as usize] = (ticks & 0xffff_ffff) as i64;
    registers[libc::REG_RDX as usize] = (ticks >> 32) as i64;
    if length == RDTSCP.len() {
        registers[libc::REG_RCX as usize] = i64::from(processor);
    }
    registers[libc::REG_RIP as usize] += length as i64;
}

/// A fault of another kind is for whoever handled faults before: it comes again when this handler returns.
fn hand_on(number: libc::c_int) {
    if let Some(before) = BEFORE.get() {
        // SAFETY: the action that was in force.
        unsafe { libc::sigaction(number, &raw const *before, ptr::null_mut()) };
    }
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;
    use crate::wall::Stopwatch;

    #[test]
    fn the_seated_thread_still_reads_the_wall_clock_and_the_counter() {
        let seat = Seat::take();
        let watch = Stopwatch::start();
        let mut processor = 0;
        // SAFETY: reads a counter.
        let ticks = [(); 3].map(|()| unsafe { core::arch::x86_64::__rdtscp(&raw mut processor) });
        assert!(ticks[0] > 0 && ticks.is_sorted());
        assert!(watch.elapsed().as_secs() < 60);
        drop(seat);
    }

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "a program is started from the seat, which is what is tested"
    )]
    fn a_program_started_from_the_seat_may_read_the_counter() {
        let _seat = Seat::take();
        let mut command = Command::new("/bin/date");
        let status = with_counter(command.stdout(Stdio::null())).status().expect("it starts");
        assert!(status.success(), "{status}");
    }
}
