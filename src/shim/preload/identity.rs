//! Who and where the process is: everything about the machine that a server could ask for is the same everywhere.

use core::cell::Cell;

use crate::baton::Baton;
use crate::kill::is_known;
use crate::life::{alive, real};
use crate::random::CALLS;
use crate::sys::{self, fail, reported, sys};
use crate::{process, thread, turn};

const PROCESSORS: i64 = 2;
const MEMORY_PAGES: i64 = 2 * 1024 * 1024;
const OPEN_FILES: u64 = 100_000;

/// Overwrites the sixteen random bytes that the kernel hands to every process.
pub fn overwrite_auxiliary_random() {
    unsafe extern "C" {
        fn getauxval(kind: u64) -> u64;
    }
    const LEN: usize = 16;
    // SAFETY: a look at what the kernel gave.
    let bytes = unsafe { getauxval(libc::AT_RANDOM) } as *mut u8;
    if !bytes.is_null() {
        // SAFETY: the kernel gives sixteen bytes on the stack of the process.
        CALLS.fill(unsafe { core::slice::from_raw_parts_mut(bytes, LEN) });
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn getpid() -> i32 {
    if alive() {
        return turn::me().pid.get() as i32;
    }
    // SAFETY: a system call without arguments.
    unsafe { sys!(sys::GETPID) as i32 }
}

#[unsafe(no_mangle)]
pub extern "C" fn getppid() -> i32 {
    if alive() {
        return process::parent();
    }
    // SAFETY: a system call without arguments.
    unsafe { sys!(libc::SYS_getppid) as i32 }
}

#[unsafe(no_mangle)]
pub extern "C" fn gettid() -> i32 {
    if alive() {
        return getpid() + thread::current_number() as i32 - 1;
    }
    // SAFETY: a system call without arguments.
    unsafe { sys!(sys::GETTID) as i32 }
}

/// The one group and session of the node's processes: its server's id.
fn group() -> i32 {
    turn::page().participants[0].pid.get() as i32
}

/// Whether `pid` is this process or another of the node.
fn is_ours(pid: i32) -> bool {
    pid == 0 || is_known(pid)
}

#[unsafe(no_mangle)]
extern "C" fn getpgrp() -> i32 {
    getpgid(0)
}

#[unsafe(no_mangle)]
extern "C" fn getpgid(pid: i32) -> i32 {
    if !alive() {
        // SAFETY: a number and nothing else.
        return reported(unsafe { sys!(libc::SYS_getpgid, pid) }) as i32;
    }
    if is_ours(pid) { group() } else { fail(libc::ESRCH) }
}

#[unsafe(no_mangle)]
extern "C" fn getsid(pid: i32) -> i32 {
    if !alive() {
        // SAFETY: a number and nothing else.
        return reported(unsafe { sys!(libc::SYS_getsid, pid) }) as i32;
    }
    if is_ours(pid) { group() } else { fail(libc::ESRCH) }
}

/// The server leads its group already; what its children do about theirs has no effect on anybody.
#[unsafe(no_mangle)]
extern "C" fn setsid() -> i32 {
    if !alive() {
        // SAFETY: a system call without arguments.
        return reported(unsafe { sys!(libc::SYS_setsid) }) as i32;
    }
    if getpid() == group() { fail(sys::EPERM) } else { getpid() }
}

#[unsafe(no_mangle)]
extern "C" fn setpgid(pid: i32, to: i32) -> i32 {
    if !alive() {
        // SAFETY: numbers and nothing else.
        return reported(unsafe { sys!(libc::SYS_setpgid, pid, to) }) as i32;
    }
    if is_ours(pid) { 0 } else { fail(libc::ESRCH) }
}

#[unsafe(no_mangle)]
extern "C" fn getpriority(which: i32, who: i32) -> i32 {
    if !alive() {
        let next = real!("getpriority" as fn(i32, i32) -> i32);
        // SAFETY: numbers and nothing else.
        return unsafe { next(which, who) };
    }
    if is_ours(who) { 0 } else { fail(libc::ESRCH) }
}

#[unsafe(no_mangle)]
extern "C" fn setpriority(which: i32, who: i32, to: i32) -> i32 {
    if !alive() {
        // SAFETY: numbers and nothing else.
        return reported(unsafe { sys!(libc::SYS_setpriority, which, who, to) }) as i32;
    }
    if is_ours(who) { 0 } else { fail(libc::ESRCH) }
}

unsafe fn put(field: *mut u8, text: &[u8]) {
    // SAFETY: the caller says that there is room.
    unsafe { core::ptr::copy_nonoverlapping(text.as_ptr(), field, text.len()) };
}

#[unsafe(no_mangle)]
unsafe extern "C" fn uname(names: *mut u8) -> i32 {
    const FIELD: usize = 65;
    if !alive() {
        // SAFETY: the caller's argument, handed on as it is.
        return reported(unsafe { sys!(libc::SYS_uname, names) }) as i32;
    }
    let fields: [&[u8]; 6] = [b"Linux\0", b"simulated\0", b"6.1.0\0", b"#1\0", b"x86_64\0", b"(none)\0"];
    for (i, text) in fields.iter().enumerate() {
        // SAFETY: the caller's `struct utsname` has six fields of this size.
        unsafe { put(names.add(i * FIELD), text) };
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn gethostname(name: *mut u8, len: usize) -> i32 {
    let text = b"simulated\0";
    if !alive() {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { real!("gethostname" as fn(*mut u8, usize) -> i32)(name, len) };
    }
    if len < text.len() {
        return fail(libc::ENAMETOOLONG);
    }
    // SAFETY: the caller owns `len` bytes at `name`.
    unsafe { put(name, text) };
    0
}

#[unsafe(no_mangle)]
extern "C" fn sysconf(name: i32) -> i64 {
    if alive() {
        match name {
            libc::_SC_NPROCESSORS_CONF | libc::_SC_NPROCESSORS_ONLN => return PROCESSORS,
            libc::_SC_PHYS_PAGES | libc::_SC_AVPHYS_PAGES => return MEMORY_PAGES,
            libc::_SC_OPEN_MAX => return OPEN_FILES as i64,
            _ => {}
        }
    }
    // SAFETY: a number and nothing else.
    unsafe { real!("sysconf" as fn(i32) -> i64)(name) }
}

#[unsafe(no_mangle)]
extern "C" fn sched_getcpu() -> i32 {
    if alive() {
        return 0;
    }
    // SAFETY: a call without arguments.
    unsafe { real!("sched_getcpu" as fn() -> i32)() }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sched_getaffinity(pid: i32, len: usize, mask: *mut u8) -> i32 {
    if !alive() {
        let next = real!("sched_getaffinity" as fn(i32, usize, *mut u8) -> i32);
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { next(pid, len, mask) };
    }
    if len == 0 {
        return fail(sys::EINVAL);
    }
    // SAFETY: the caller owns `len` bytes at `mask`.
    unsafe {
        core::ptr::write_bytes(mask, 0, len);
        *mask = (1 << PROCESSORS) - 1;
    }
    0
}

/// Which processors there are, as the system call tells it: how many bytes were written, or -1 and `errno`.
///
/// # Safety
/// The caller owns `len` bytes at `mask`.
pub unsafe fn processors(len: usize, mask: *mut u8) -> isize {
    /// The kernel's masks come in words.
    const WORD_BYTES: usize = 8;
    if len == 0 || !len.is_multiple_of(WORD_BYTES) {
        return fail(sys::EINVAL) as isize;
    }
    // SAFETY: the caller's bytes, of which there is a word.
    unsafe { sched_getaffinity(0, WORD_BYTES, mask) };
    WORD_BYTES as isize
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sched_setaffinity(pid: i32, len: usize, mask: *const u8) -> i32 {
    if alive() {
        return 0;
    }
    let next = real!("sched_setaffinity" as fn(i32, usize, *const u8) -> i32);
    // SAFETY: the caller's arguments, handed on as they are.
    unsafe { next(pid, len, mask) }
}

/// How many files may be open, as the server sees it: the soft limit and the hard one.
static OPEN_LIMIT: Baton<Cell<[u64; 2]>> = Baton::new(Cell::new([OPEN_FILES; 2]));

/// Sets the limit of open files; what is lower than the host's own is the kernel's to keep.
fn limit_open_files([soft, hard]: [u64; 2]) -> i32 {
    if soft > hard {
        return fail(sys::EINVAL);
    }
    if hard > OPEN_LIMIT.get()[1] {
        return fail(sys::EPERM);
    }
    OPEN_LIMIT.set([soft, hard]);
    let mut real = [0u64; 2];
    // SAFETY: a limit of this process, and room of this function's own.
    unsafe {
        sys!(libc::SYS_prlimit64, 0, libc::RLIMIT_NOFILE, 0, &raw mut real);
        real[0] = soft.min(real[1]);
        sys!(libc::SYS_prlimit64, 0, libc::RLIMIT_NOFILE, &raw const real, 0);
    }
    0
}

/// A limit of this process or of another of the node: the number of open files is made up.
#[unsafe(no_mangle)]
unsafe extern "C" fn prlimit(pid: i32, resource: u32, new: *const [u64; 2], old: *mut [u64; 2]) -> i32 {
    if alive() && !is_ours(pid) {
        return fail(libc::ESRCH);
    }
    if alive() && resource == libc::RLIMIT_NOFILE {
        // SAFETY: the caller's room, if there is any.
        if let Some(old) = unsafe { old.as_mut() } {
            *old = OPEN_LIMIT.get();
        }
        // SAFETY: the caller's limit, if there is one.
        return unsafe { new.as_ref() }.map_or(0, |new| limit_open_files(*new));
    }
    let whose = if alive() { 0 } else { pid };
    // SAFETY: the caller's arguments, for this process where the number is simulated.
    reported(unsafe { sys!(libc::SYS_prlimit64, whose, resource, new, old) }) as i32
}

#[unsafe(no_mangle)]
unsafe extern "C" fn prlimit64(pid: i32, resource: u32, new: *const [u64; 2], old: *mut [u64; 2]) -> i32 {
    // SAFETY: the caller's arguments, as for `prlimit`.
    unsafe { prlimit(pid, resource, new, old) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getrlimit(resource: u32, limit: *mut [u64; 2]) -> i32 {
    // SAFETY: the caller's room.
    unsafe { prlimit(0, resource, core::ptr::null(), limit) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getrlimit64(resource: u32, limit: *mut [u64; 2]) -> i32 {
    // SAFETY: the caller's room.
    unsafe { getrlimit(resource, limit) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn setrlimit(resource: u32, limit: *const [u64; 2]) -> i32 {
    // SAFETY: the caller's limit.
    unsafe { prlimit(0, resource, limit, core::ptr::null_mut()) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn setrlimit64(resource: u32, limit: *const [u64; 2]) -> i32 {
    // SAFETY: the caller's limit.
    unsafe { setrlimit(resource, limit) }
}
