//! The time stamp counter: reading it faults, and the fault is answered with virtual time.
//!
//! A server may calibrate the counter before it decides against it, and libraries read it for luck. The processor is
//! told to fault on `rdtsc`; every other fault goes to the handler that the server installed.

use crate::sys::{self, sys};
use crate::{clock, signal};

const SIGSEGV: i32 = 11;
const RDTSC: [u8; 2] = [0x0f, 0x31];
const RDTSCP: [u8; 3] = [0x0f, 0x01, 0xf9];
/// Where the general registers stand in a `ucontext_t`, and their order.
const REGISTERS_AT: usize = 40;
const RDX: usize = 12;
const RAX: usize = 13;
const RCX: usize = 14;
const RIP: usize = 16;

/// Makes reading the counter fault, and answers the faults.
pub fn install() {
    answer_faults();
    fault_on_read();
}

/// A thread's or child's own flag; inherited by threads, and set anew in children.
pub fn fault_on_read() {
    const PR_SET_TSC: usize = 26;
    const PR_TSC_SIGSEGV: usize = 2;
    // SAFETY: a flag of this process alone; the faults are answered.
    unsafe { sys!(sys::PRCTL, PR_SET_TSC, PR_TSC_SIGSEGV) };
}

/// Lets the program that takes this one's place read the counter until its shim is there.
pub fn allow_read() {
    const PR_SET_TSC: usize = 26;
    const PR_TSC_ENABLE: usize = 1;
    // SAFETY: a flag of this process alone.
    unsafe { sys!(sys::PRCTL, PR_SET_TSC, PR_TSC_ENABLE) };
}

fn answer_faults() {
    signal::install(SIGSEGV, &signal::Action::with_info(faulted as *const () as usize));
}

unsafe fn starts_with(at: *const u8, bytes: &[u8]) -> bool {
    // SAFETY: an instruction that faulted was fetched, and one of two bytes is followed by another.
    unsafe { bytes.iter().enumerate().all(|(i, byte)| *at.add(i) == *byte) }
}

unsafe extern "C" fn faulted(number: i32, info: *mut u64, context: *mut u64) {
    // SAFETY: the kernel hands over whole structures; registers are changed as the instruction would have.
    unsafe {
        let registers = context.cast::<u8>().add(REGISTERS_AT).cast::<u64>();
        let at = *registers.add(RIP) as *const u8;
        // A jump to nowhere faults where there are no bytes to look at; the address then equals the instruction's.
        const ADDRESS_AT: usize = 2;
        let fetch_failed = *info.add(ADDRESS_AT) == at as u64;
        let length = match () {
            () if fetch_failed => 0,
            () if starts_with(at, &RDTSC) => RDTSC.len(),
            () if starts_with(at, &RDTSCP) => RDTSCP.len(),
            () => 0,
        };
        if length == 0 {
            return signal::chain(number, info, context);
        }
        let ticks = clock::look(at as usize, crate::work::Look::OfLength);
        *registers.add(RAX) = ticks & 0xffff_ffff;
        *registers.add(RDX) = ticks >> 32;
        if length == RDTSCP.len() {
            *registers.add(RCX) = 0;
        }
        *registers.add(RIP) += length as u64;
    }
}
