//! Clocks: virtual time plus a small cost for each look, so that a loop that waits for time to pass does end.
//!
//! Only the server's own looks cost: libraries and allocators look as well, each build of them differently often, and
//! their looks must not move the server's history. So every look is told apart by the address it returns to.

use core::cell::Cell;

use crate::baton::Baton;
use crate::life::{alive, real};
use crate::page;
use crate::signal::Interrupt;
use crate::sys::{self, fail, reported, sys};
use crate::work::{self, Look};
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
/// The one number below that of the last clock that names none.
const LEFT_OUT: i32 = 10;
pub const BILLION: u64 = 1_000_000_000;

/// First and last address of the server's own program.
static PROGRAM: Baton<Cell<(usize, usize)>> = Baton::new(Cell::new((0, 0)));

/// Learns where the server's own program is; until then every look is free.
pub fn find_program() {
    // SAFETY: the loader calls back before it returns, with a place that lives as long as the process.
    unsafe { libc::dl_iterate_phdr(Some(first_program), PROGRAM.as_ptr().cast()) };
}

/// The first one told is the main program, whether the kernel loaded it or a loader that was called outright.
unsafe extern "C" fn first_program(
    info: *mut libc::dl_phdr_info,
    _size: usize,
    found: *mut libc::c_void,
) -> i32 {
    // SAFETY: the loader's description of an object that is loaded.
    let (base, headers) = unsafe {
        let info = &*info;
        (info.dlpi_addr as usize, core::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)))
    };
    let loaded = headers.iter().filter(|header| header.p_type == libc::PT_LOAD).map(|header| {
        let start = base + header.p_vaddr as usize;
        (start, start + header.p_memsz as usize)
    });
    let whole = loaded.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)));
    // SAFETY: the place given with the call.
    unsafe { *found.cast::<(usize, usize)>() = whole.unwrap_or((0, 0)) };
    1
}

/// Whether an address lies in the server's own program; none does before that is found.
pub fn is_servers_own(address: usize) -> bool {
    let (start, end) = PROGRAM.get();
    (start..end).contains(&address)
}

/// Whether the kernel has a clock of this number; one of a process or thread has a negative number.
fn is_clock(id: i32) -> bool {
    id <= CLOCK_TAI && id != LEFT_OUT
}

/// Virtual time for a look that returns to `caller`, after its cost if it is one of the server's own.
pub fn look(caller: usize, which: Look) -> u64 {
    if is_servers_own(caller) {
        work::look(which);
    }
    turn::page().now_ns.get()
}

/// The reading of clock `id` for a look that returns to `caller`.
fn reading_ns(id: i32, caller: usize) -> u64 {
    let is_of_day = matches!(id, CLOCK_REALTIME | CLOCK_REALTIME_COARSE | CLOCK_TAI);
    let now = look(caller, if is_of_day { Look::OfDay } else { Look::OfLength });
    match id {
        _ if is_of_day => time_of_day(now),
        CLOCK_PROCESS_CPUTIME_ID | CLOCK_THREAD_CPUTIME_ID | ..0 => turn::page().busy_ns.get(),
        _ => turn::page().monotonic_base_ns.get() + now,
    }
}

/// What the wall clock shows at an instant of virtual time, in nanoseconds of the Unix epoch.
fn time_of_day(now: u64) -> u64 {
    let wall = &turn::page().wall;
    let since = now.saturating_sub(wall.since_ns.get());
    let gone = (u128::from(since) * u128::from(wall.rate_ppm.get()) / u128::from(page::RATE_PPM)) as u64;
    let other = since.checked_div(wall.every_ns.get()).is_some_and(|times| times % 2 == 1);
    let shown = wall.shown_ns.get() + gone;
    if other { shown.saturating_add_signed(wall.strobe_ns.get()) } else { shown }
}

/// The virtual instant at which clock `id` shows `time`, if it goes on as it does now.
pub fn instant_of(id: i32, time: &Timespec) -> u64 {
    let shown = (time.seconds.max(0) as u64).saturating_mul(BILLION).saturating_add(time.nanoseconds as u64);
    let now = turn::page().now_ns.get();
    match id {
        CLOCK_REALTIME | CLOCK_REALTIME_COARSE | CLOCK_TAI => {
            now.saturating_add_signed(shown.wrapping_sub(time_of_day(now)) as i64)
        }
        _ => shown.saturating_sub(turn::page().monotonic_base_ns.get()),
    }
}

/// Whether it is a time at all.
pub fn is_time(time: &Timespec) -> bool {
    (0..BILLION as i64).contains(&time.nanoseconds)
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
    // SAFETY: the caller's room for a time.
    unsafe {
        if !alive() {
            return reported(sys!(sys::CLOCK_GETTIME, id, time)) as i32;
        }
        if !is_clock(id) {
            return fail(sys::EINVAL);
        }
        let ns = reading_ns(id, caller);
        *time = Timespec { seconds: (ns / BILLION) as i64, nanoseconds: (ns % BILLION) as i64 };
        0
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn clock_getres(id: i32, resolution: *mut Timespec) -> i32 {
    // SAFETY: the caller's room for a time, if there is any.
    unsafe {
        if !alive() {
            return reported(sys!(libc::SYS_clock_getres, id, resolution)) as i32;
        }
        if !is_clock(id) {
            return fail(sys::EINVAL);
        }
        if !resolution.is_null() {
            *resolution = Timespec { seconds: 0, nanoseconds: 1 };
        }
        0
    }
}

unsafe fn wall_ns(caller: usize) -> u64 {
    // SAFETY: room of this function's own.
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
    // SAFETY: the caller's room for a time, if there is any.
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
    // SAFETY: the caller's room for a number, if there is any.
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
    if !alive() {
        // SAFETY: a call without arguments.
        return unsafe { real!("clock" as fn() -> i64)() };
    }
    (turn::page().busy_ns.get() / 1000) as i64
}

#[unsafe(no_mangle)]
unsafe extern "C" fn times(ticks: *mut [i64; 4]) -> i64 {
    const TICK_NS: u64 = 10_000_000;
    if !alive() {
        // SAFETY: the caller's argument, handed on as it is.
        return reported(unsafe { sys!(libc::SYS_times, ticks) }) as i64;
    }
    // SAFETY: the caller's room, if there is any.
    if let Some(ticks) = unsafe { ticks.as_mut() } {
        *ticks = [(turn::page().busy_ns.get() / TICK_NS) as i64, 0, 0, 0];
    }
    (reading_ns(libc::CLOCK_MONOTONIC, 0) / TICK_NS) as i64
}

#[unsafe(naked)]
#[unsafe(no_mangle)]
unsafe extern "C" fn timespec_get(_time: *mut Timespec, _base: i32) -> i32 {
    with_caller!("rdx", timespec_get_for)
}

unsafe extern "C" fn timespec_get_for(time: *mut Timespec, base: i32, caller: usize) -> i32 {
    const TIME_UTC: i32 = 1;
    if base != TIME_UTC {
        return 0;
    }
    // SAFETY: the caller's room.
    unsafe { clock_gettime_for(CLOCK_REALTIME, time, caller) };
    base
}

/// `struct rusage`: user time, system time, and fourteen counters.
#[repr(C)]
struct Usage {
    user: Timeval,
    system: Timeval,
    counters: [i64; 14],
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getrusage(who: i32, usage: *mut u8) -> i32 {
    // SAFETY: the caller's room for the usage.
    unsafe {
        if !alive() {
            return reported(sys!(libc::SYS_getrusage, who, usage)) as i32;
        }
        if !matches!(who, libc::RUSAGE_SELF | libc::RUSAGE_CHILDREN | libc::RUSAGE_THREAD) {
            return fail(sys::EINVAL);
        }
        let busy = turn::page().busy_ns.get();
        *usage.cast::<Usage>() = Usage {
            user: Timeval { seconds: (busy / BILLION) as i64, microseconds: (busy % BILLION / 1000) as i64 },
            system: Timeval { seconds: 0, microseconds: 0 },
            counters: [0; 14],
        };
        0
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nanosleep(time: *const Timespec, remaining: *mut Timespec) -> i32 {
    // SAFETY: the caller's arguments, as for `clock_nanosleep`.
    match unsafe { clock_nanosleep(libc::CLOCK_REALTIME, 0, time, remaining) } {
        0 => 0,
        errno => fail(errno),
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn clock_nanosleep(
    id: i32,
    flags: i32,
    time: *const Timespec,
    remaining: *mut Timespec,
) -> i32 {
    if !alive() {
        // The C library's own function, in which a thread can be cancelled.
        let next = real!("clock_nanosleep" as fn(i32, i32, *const Timespec, *mut Timespec) -> i32);
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { next(id, flags, time, remaining) };
    }
    // SAFETY: the caller's time.
    let time = unsafe { &*time };
    if time.seconds < 0 || !(0..BILLION as i64).contains(&time.nanoseconds) || !is_clock(id) {
        return sys::EINVAL;
    }
    let is_instant = flags & libc::TIMER_ABSTIME != 0;
    let now = turn::page().now_ns.get();
    let until = if is_instant { instant_of(id, time) } else { now.saturating_add(length_of(time)) };
    let interrupted = thread::sleep_until(until) != Interrupt::No;
    let left = until.saturating_sub(turn::page().now_ns.get());
    if !interrupted || left == 0 {
        return 0;
    }
    // SAFETY: the caller's room, if there is any.
    if let Some(remaining) = unsafe { remaining.as_mut() }.filter(|_| !is_instant) {
        *remaining = Timespec { seconds: (left / BILLION) as i64, nanoseconds: (left % BILLION) as i64 };
    }
    sys::EINTR
}

#[unsafe(no_mangle)]
unsafe extern "C" fn usleep(microseconds: u32) -> i32 {
    // SAFETY: times of this function's own.
    unsafe {
        let ns = u64::from(microseconds) * 1000;
        let time = Timespec { seconds: (ns / BILLION) as i64, nanoseconds: (ns % BILLION) as i64 };
        nanosleep(&time, core::ptr::null_mut())
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sleep(seconds: u32) -> u32 {
    // SAFETY: times of this function's own.
    unsafe {
        let time = Timespec { seconds: i64::from(seconds), nanoseconds: 0 };
        let mut left = Timespec { seconds: 0, nanoseconds: 0 };
        clock_nanosleep(1, 0, &time, &mut left);
        left.seconds as u32 + u32::from(left.nanoseconds > 0)
    }
}
