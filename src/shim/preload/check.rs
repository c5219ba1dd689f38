//! The guard: a time, random, network, signalling or blocking system call that goes round the shim ends the run.
//!
//! A seccomp filter traps such calls unless their instruction is the shim's own. It looks at a call's number first, so
//! that the kernel knows by the number alone which calls are never trapped, and does not run it for them. Clocks in the
//! vDSO make no system call; only the complete check rewrites its functions to make one.

use crate::give_up::give_up;
use crate::life::read_file;
use crate::page::FLAG_CHECK;
use crate::sys::{self, sys};
use crate::{signal, turn};

/// Calls that must come from the shim: time, randomness, sockets, readiness, sleeping, waiting for processes, signals to
/// them, the machine's identity. `futex` is not among them: the C library ends its threads by it.
const WATCHED: &[u16] = &[
    61, 62, 128, 130, 200, 247, 282, 424, 426, 7, 22, 23, 24, 34, 35, 36, 37, 38, 41, 42, 43, 44, 45, 46, 47,
    48, 49, 50, 51, 52, 53, 54, 55, 63, 96, 98, 99, 100, 201, 204, 213, 222, 228, 230, 232, 233, 270, 271,
    281, 283, 284, 288, 289, 290, 291, 293, 299, 307, 309, 318, 425, 441,
];

#[repr(C)]
#[derive(Clone, Copy)]
struct Instruction {
    code: u16,
    if_true: u8,
    if_false: u8,
    operand: u32,
}

#[repr(C)]
struct Program {
    len: u16,
    instructions: *const Instruction,
}

const LOAD: u16 = 0x20;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_AT_LEAST: u16 = 0x35;
const RETURN: u16 = 0x06;
const ALLOW: u32 = 0x7fff_0000;
const TRAP: u32 = 0x0003_0000;
const NUMBER_AT: u32 = 0;
const THIRD_ARGUMENT_AT: u32 = 32;
const INSTRUCTION_LOW_AT: u32 = 8;
const INSTRUCTION_HIGH_AT: u32 = 12;
/// What follows the comparisons with the numbers that are watched.
const REST: usize = 12;

/// Installs the guard, and the complete check if the page asks for it. A kernel that takes no filter is told of; only the
/// complete check ends the process for it.
pub fn install() {
    if turn::is_guest() {
        return refuse_rings();
    }
    let is_complete = turn::page().flags.get() & FLAG_CHECK != 0;
    // SAFETY: called once, in the process's first thread, before the server's own code runs.
    unsafe {
        use_up_library_randomness();
        if is_complete {
            redirect_vdso();
        }
        report_traps();
        let is_guarded = filter(own_text());
        turn::page().unguarded.set(u32::from(!is_guarded));
        if is_complete && !is_guarded {
            give_up!("the kernel refuses the seccomp filter of the complete check");
        }
    }
}

/// A guest's libraries make system calls of their own, and the guard would outlive the program that it knows. So a guest has
/// none, but for `io_uring`, which it is told there is not: programs that can do without then do.
fn refuse_rings() {
    const ERRNO: u32 = 0x0005_0000;
    let numbers = [libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register];
    let program = [
        jump(LOAD, NUMBER_AT, 0, 0),
        jump(JUMP_EQUAL, numbers[0] as u32, 3, 0),
        jump(JUMP_EQUAL, numbers[1] as u32, 2, 0),
        jump(JUMP_EQUAL, numbers[2] as u32, 1, 0),
        jump(RETURN, ALLOW, 0, 0),
        jump(RETURN, ERRNO | libc::ENOSYS as u32, 0, 0),
    ];
    // SAFETY: called once, in the process's first thread, before the program's own code runs.
    let is_taken = unsafe {
        use_up_library_randomness();
        take(&program)
    };
    turn::page().unguarded.set(u32::from(!is_taken));
}

/// The C library's allocator draws a key for its own double-free check with its first allocation; nothing sees it.
unsafe fn use_up_library_randomness() {
    // SAFETY: what is taken is given back.
    unsafe {
        unsafe extern "C" {
            fn malloc(bytes: usize) -> *mut u8;
            fn free(memory: *mut u8);
        }
        free(core::hint::black_box(malloc(64)));
    }
}

/// `struct siginfo` of a trapped system call.
#[repr(C)]
struct Trap {
    signal: i32,
    errno: i32,
    code: i32,
    pad: i32,
    address: usize,
    number: i32,
}

unsafe extern "C" fn trapped(_signal: i32, trap: *const Trap, _context: *mut u8) {
    // SAFETY: the kernel hands over a whole structure.
    unsafe {
        give_up!("system call {} at {:#x} went round the shim", (*trap).number, (*trap).address);
    }
}

fn report_traps() {
    const SIGSYS: i32 = 31;
    signal::install(SIGSYS, &signal::Action::with_info(trapped as *const () as usize));
}

/// First and last address of the mapping that holds the shim's instructions.
fn own_text() -> (usize, usize) {
    let mut buffer = [0u8; 65536];
    let len = read_file(b"/proc/self/maps\0", &mut buffer);
    let here = own_text as *const () as usize;
    let text = core::str::from_utf8(&buffer[..len]).unwrap_or("");
    for line in text.lines() {
        let Some((start, rest)) = line.split_once('-') else { continue };
        let Some((end, _)) = rest.split_once(' ') else { continue };
        let bounds = (usize::from_str_radix(start, 16), usize::from_str_radix(end, 16));
        if let (Ok(start), Ok(end)) = bounds
            && (start..end).contains(&here)
        {
            return (start, end);
        }
    }
    give_up!("the shim does not find itself in the memory map");
}

const fn jump(code: u16, operand: u32, if_true: u8, if_false: u8) -> Instruction {
    Instruction { code, if_true, if_false, operand }
}

/// Installs the filter; whether the kernel took it.
unsafe fn filter((start, end): (usize, usize)) -> bool {
    let mut program = [jump(RETURN, ALLOW, 0, 0); 1 + WATCHED.len() + REST];
    program[0] = jump(LOAD, NUMBER_AT, 0, 0);
    for (i, number) in WATCHED.iter().enumerate() {
        let to_place = (WATCHED.len() - i - 1) as u8 + 5;
        program[1 + i] = jump(JUMP_EQUAL, u32::from(*number), to_place, 0);
    }
    // The C library aborts by a signal to its own thread, whose real number it knows.
    let rest = [
        jump(JUMP_EQUAL, libc::SYS_tgkill as u32, 1, 0),
        jump(RETURN, ALLOW, 0, 0),
        jump(LOAD, THIRD_ARGUMENT_AT, 0, 0),
        jump(JUMP_EQUAL, libc::SIGABRT as u32, 0, 1),
        jump(RETURN, ALLOW, 0, 0),
        jump(LOAD, INSTRUCTION_HIGH_AT, 0, 0),
        jump(JUMP_EQUAL, (start >> 32) as u32, 0, 3),
        jump(LOAD, INSTRUCTION_LOW_AT, 0, 0),
        jump(JUMP_AT_LEAST, start as u32, 0, 1),
        jump(JUMP_AT_LEAST, end as u32, 0, 1),
        jump(RETURN, TRAP, 0, 0),
        jump(RETURN, ALLOW, 0, 0),
    ];
    program[1 + WATCHED.len()..].copy_from_slice(&rest);
    // SAFETY: as for this function.
    unsafe { take(&program) }
}

/// Gives the kernel a filter; whether it took it.
unsafe fn take(program: &[Instruction]) -> bool {
    const PR_SET_NO_NEW_PRIVS: usize = 38;
    const SECCOMP_SET_MODE_FILTER: usize = 1;
    /// The processor need not guess less because of the filter.
    const SPEC_ALLOW: usize = 4;
    let whole = Program { len: program.len() as u16, instructions: program.as_ptr() };
    // SAFETY: the program lives until the kernel has copied it.
    unsafe {
        sys!(sys::PRCTL, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        let take = |flags: usize| sys!(sys::SECCOMP, SECCOMP_SET_MODE_FILTER, flags, &raw const whole) == 0;
        take(SPEC_ALLOW) || take(0)
    }
}

#[repr(C)]
struct ElfHeader {
    identity: [u8; 16],
    kind: [u16; 2],
    version: u32,
    entry: u64,
    program_headers: u64,
    section_headers: u64,
    flags: u32,
    header_bytes: u16,
    program_header_bytes: u16,
    program_header_count: u16,
    section_header_bytes: u16,
    section_header_count: u16,
    names: u16,
}

#[repr(C)]
struct Section {
    name: u32,
    kind: u32,
    flags: u64,
    address: u64,
    offset: u64,
    size: u64,
    link: u32,
    info: u32,
    align: u64,
    entry_bytes: u64,
}

#[repr(C)]
struct Symbol {
    name: u32,
    info: u8,
    other: u8,
    section: u16,
    value: u64,
    size: u64,
}

/// The functions of the vDSO and the system calls that they stand for.
const REDIRECTED: [(&[u8], u32); 5] = [
    (b"__vdso_clock_gettime", 228),
    (b"__vdso_gettimeofday", 96),
    (b"__vdso_time", 201),
    (b"__vdso_clock_getres", 229),
    (b"__vdso_getcpu", 309),
];

unsafe fn redirect_vdso() {
    // SAFETY: the kernel maps the object whole, headers and symbols included.
    unsafe {
        unsafe extern "C" {
            fn getauxval(kind: u64) -> u64;
        }
        const AT_SYSINFO_EHDR: u64 = 33;
        const DYNAMIC_SYMBOLS: u32 = 11;
        let base = getauxval(AT_SYSINFO_EHDR) as usize;
        if base == 0 {
            return;
        }
        let header = &*(base as *const ElfHeader);
        let section = |i: usize| &*((base + header.section_headers as usize) as *const Section).add(i);
        for i in 0..header.section_header_count as usize {
            if section(i).kind != DYNAMIC_SYMBOLS {
                continue;
            }
            let symbols = (base + section(i).offset as usize) as *const Symbol;
            let names = base + section(section(i).link as usize).offset as usize;
            for n in 0..section(i).size as usize / core::mem::size_of::<Symbol>() {
                redirect(base, names, &*symbols.add(n));
            }
        }
    }
}

unsafe fn redirect(base: usize, names: usize, symbol: &Symbol) {
    // SAFETY: the name and the code of a symbol of that object; its pages are made writable first.
    unsafe {
        let name = core::ffi::CStr::from_ptr((names + symbol.name as usize) as *const _).to_bytes();
        let Some((_, number)) = REDIRECTED.iter().find(|(known, _)| *known == name) else {
            return;
        };
        let at = (base + symbol.value as usize) as *mut u8;
        const READ_WRITE_EXECUTE: usize = 7;
        const PAGE_MASK: usize = !4095;
        let first = at as usize & PAGE_MASK;
        if sys!(sys::MPROTECT, first, 8192, READ_WRITE_EXECUTE) != 0
            && sys!(sys::MPROTECT, first, 4096, READ_WRITE_EXECUTE) != 0
        {
            give_up!("the vDSO cannot be rewritten, so the checking mode cannot see its clocks");
        }
        // mov eax, number; syscall; ret
        let [a, b, c, d] = number.to_le_bytes();
        core::ptr::copy_nonoverlapping([0xb8, a, b, c, d, 0x0f, 0x05, 0xc3].as_ptr(), at, 8);
    }
}
