//! Clocks: virtual time plus a small cost for each look, so that a loop that waits for time to pass does end.
//!
//! Only the server's own looks cost: libraries and allocators look as well, each build of them differently often, and
//! their looks must not move the server's history. So every look is told apart by the address it returns to.

use core::cell::Cell;

use crate::baton::Baton;
use crate::life::alive;
use crate::sys::{self, reported, sys};
use crate::{thread, turn};

#[repr(C)]
pub struct Timespec {
    pub seconds: i64,
    pub nanoseconds: i64,
}

#[repr(C)]
pub struct Timeval {
    pub seconds: i64,
    pub microseconds: i64,
}

pub const CLOCK_REALTIME: i32 = 0;
const CLOCK_PROCESS_CPUTIME_ID: i32 = 2;
const CLOCK_THREAD_CPUTIME_ID: i32 = 3;
const CLOCK_REALTIME_COARSE: i32 = 5;
const CLOCK_TAI: i32 = 11;
pub const BILLION: u64 = 1_000_000_000;

/// First and last address of the server's own program.
static PROGRAM: Baton<Cell<(usize, usize)>> = Baton::new(Cell::new((0, 0)));

/// `struct dl_phdr_info`, as far as it is needed.
#[repr(C)]
struct Loaded {
    base: usize,
    name: *const u8,
    headers: *const ProgramHeader,
    count: u16,
}

#[repr(C)]
struct ProgramHeader {
    kind: u32,
    flags: u32,
    offset: u64,
    address: u64,
    physical: u64,
    file_bytes: u64,
    memory_bytes: u64,
    align: u64,
}

/// Learns where the server's own program is; until then every look is free.
pub fn find_program() {
    unsafe {
        unsafe extern "C" {
            fn dl_iterate_phdr(
                call: unsafe extern "C" fn(*const Loaded, usize, *mut (usize, usize)) -> i32,
                found: *mut (usize, usize),
            ) -> i32;
        }
        dl_iterate_phdr(first_program, PROGRAM.as_ptr());
    }
}

/// The first one told is the main program, whether the kernel loaded it or a loader that was called outright.
unsafe extern "C" fn first_program(info: *const Loaded, _size: usize, found: *mut (usize, usize)) -> i32 {
    unsafe {
        const LOADED: u32 = 1;
        *found = (usize::MAX, 0);
        for n in 0..usize::from((*info).count) {
            let header = &*(*info).headers.add(n);
            if header.kind == LOADED {
                let start = (*info).base + header.address as usize;
                *found = ((*found).0.min(start), (*found).1.max(start + header.memory_bytes as usize));
            }
        }
        1
    }
}

/// Whether an address lies in the server's own program; none does before that is found.
pub fn is_servers_own(address: usize) -> bool {
    let (start, end) = PROGRAM.get();
    (start..end).contains(&address)
}

/// Virtual time for a look that returns to `caller`, after its cost if it is one of the server's own.
pub fn look(caller: usize) -> u64 {
    let page = turn::page();
    if is_servers_own(caller) {
        let cost = page.clock_cost_ns.get();
        page.now_ns.update(|now| now + cost);
        page.busy_ns.update(|busy| busy + cost);
    }
    page.now_ns.get()
}

/// The reading of clock `id` for a look that returns to `caller`.
fn reading_ns(id: i32, caller: usize) -> u64 {
    let now = look(caller);
    match id {
        CLOCK_REALTIME | CLOCK_REALTIME_COARSE | CLOCK_TAI => turn::page().epoch_ns.get() + now,
        CLOCK_PROCESS_CPUTIME_ID | CLOCK_THREAD_CPUTIME_ID => turn::page().busy_ns.get(),
        _ => turn::page().monotonic_base_ns.get() + now,
    }
}

/// The virtual instant at which clock `id` shows `time`.
pub fn instant_of(id: i32, time: &Timespec) -> u64 {
    let shown = (time.seconds.max(0) as u64).saturating_mul(BILLION).saturating_add(time.nanoseconds as u64);
    let base = match id {
        CLOCK_REALTIME | CLOCK_REALTIME_COARSE | CLOCK_TAI => turn::page().epoch_ns.get(),
        _ => turn::page().monotonic_base_ns.get(),
    };
    shown.saturating_sub(base)
}

/// A length of time in nanoseconds.
pub fn length_of(time: &Timespec) -> u64 {
    (time.seconds.max(0) as u64).saturating_mul(BILLION).saturating_add(time.nanoseconds as u64)
}

/// Adds the address a call returns to as the argument in `register`, and goes on in `function`.
macro_rules! with_caller {
    ($register:literal, $function:path) => {
        core::arch::naked_asm!(concat!("mov ", $register, ", [rsp]"), "jmp {function}", function = sym $function)
    };
}

#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(_id: i32, _time: *mut Timespec) -> i32 {
    with_caller!("rdx", clock_gettime_for)
}

unsafe extern "C" fn clock_gettime_for(id: i32, time: *mut Timespec, caller: usize) -> i32 {
    unsafe {
        if !alive() {
            return reported(sys!(sys::CLOCK_GETTIME, id, time)) as i32;
        }
        let ns = reading_ns(id, caller);
        *time = Timespec { seconds: (ns / BILLION) as i64, nanoseconds: (ns % BILLION) as i64 };
        0
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn clock_getres(_id: i32, resolution: *mut Timespec) -> i32 {
    unsafe {
        if !resolution.is_null() {
            *resolution = Timespec { seconds: 0, nanoseconds: 1 };
        }
        0
    }
}

unsafe fn wall_ns(caller: usize) -> u64 {
    unsafe {
        let mut time = Timespec { seconds: 0, nanoseconds: 0 };
        clock_gettime_for(CLOCK_REALTIME, &mut time, caller);
        length_of(&time)
    }
}

#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn gettimeofday(_time: *mut Timeval, _zone: *mut u8) -> i32 {
    with_caller!("rdx", gettimeofday_for)
}

unsafe extern "C" fn gettimeofday_for(time: *mut Timeval, _zone: *mut u8, caller: usize) -> i32 {
    unsafe {
        let ns = wall_ns(caller);
        if !time.is_null() {
            *time = Timeval { seconds: (ns / BILLION) as i64, microseconds: (ns % BILLION / 1000) as i64 };
        }
        0
    }
}

#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn time(_seconds: *mut i64) -> i64 {
    with_caller!("rsi", time_for)
}

unsafe extern "C" fn time_for(seconds: *mut i64, caller: usize) -> i64 {
    unsafe {
        let now = (wall_ns(caller) / BILLION) as i64;
        if !seconds.is_null() {
            *seconds = now;
        }
        now
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn clock() -> i64 {
    if alive() { (turn::page().busy_ns.get() / 1000) as i64 } else { 0 }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn times(_ticks: *mut u8) -> i64 {
    unsafe { (wall_ns(0) / 10_000_000) as i64 }
}

/// `struct rusage`: user time, system time, and fourteen counters.
#[repr(C)]
struct Usage {
    user: Timeval,
    system: Timeval,
    counters: [i64; 14],
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getrusage(_who: i32, usage: *mut u8) -> i32 {
    unsafe {
        let busy = if alive() { turn::page().busy_ns.get() } else { 0 };
        *usage.cast::<Usage>() = Usage {
            user: Timeval { seconds: (busy / BILLION) as i64, microseconds: (busy % BILLION / 1000) as i64 },
            system: Timeval { seconds: 0, microseconds: 0 },
            counters: [0; 14],
        };
        0
    }
}

fn sleep_ns(ns: u64) {
    thread::sleep_until(turn::page().now_ns.get().saturating_add(ns));
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nanosleep(time: *const Timespec, remaining: *mut Timespec) -> i32 {
    unsafe { clock_nanosleep(1, 0, time, remaining) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn clock_nanosleep(
    id: i32,
    flags: i32,
    time: *const Timespec,
    remaining: *mut Timespec,
) -> i32 {
    unsafe {
        const CLOCK_NANOSLEEP: usize = 230;
        if !alive() {
            return sys!(CLOCK_NANOSLEEP, id, flags, time, remaining) as i32;
        }
        if flags & 1 == 1 {
            thread::sleep_until(instant_of(id, &*time));
        } else {
            sleep_ns(length_of(&*time));
        }
        0
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn usleep(microseconds: u32) -> i32 {
    unsafe {
        let ns = u64::from(microseconds) * 1000;
        let time = Timespec { seconds: (ns / BILLION) as i64, nanoseconds: (ns % BILLION) as i64 };
        clock_nanosleep(1, 0, &time, core::ptr::null_mut())
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sleep(seconds: u32) -> u32 {
    unsafe {
        let time = Timespec { seconds: i64::from(seconds), nanoseconds: 0 };
        clock_nanosleep(1, 0, &time, core::ptr::null_mut());
        0
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn setitimer(which: i32, new: *const u8, old: *mut u8) -> i32 {
    unsafe {
        const SETITIMER: usize = 38;
        if alive() {
            // The software watchdog alone uses it; in virtual time a slow command is a livelock, which the scheduler sees.
            return 0;
        }
        reported(sys!(SETITIMER, which, new, old)) as i32
    }
}
