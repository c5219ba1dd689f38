//! Raw system calls: the shim's own way to the kernel, past every function it interposes itself.

use core::arch::asm;

pub const READ: usize = 0;
pub const WRITE: usize = 1;
pub const CLOSE: usize = 3;
pub const LSEEK: usize = 8;
pub const MMAP: usize = 9;
pub const MPROTECT: usize = 10;
pub const DUP: usize = 32;
pub const DUP2: usize = 33;
pub const GETPID: usize = 39;
pub const KILL: usize = 62;
pub const WAIT4: usize = 61;
pub const FCNTL: usize = 72;
pub const PRCTL: usize = 157;
pub const GETTID: usize = 186;
pub const FUTEX: usize = 202;
pub const CLOCK_GETTIME: usize = 228;
pub const EXIT_GROUP: usize = 231;
pub const OPENAT: usize = 257;
pub const SET_ROBUST_LIST: usize = 273;
pub const MEMFD_CREATE: usize = 319;
pub const SECCOMP: usize = 317;

/// Makes system call `number`; returns what the kernel returned, a negative `errno` on failure.
///
/// # Safety
/// The arguments must be what the kernel expects for this call.
#[inline(always)]
pub unsafe fn call(number: usize, args: [usize; 6]) -> isize {
    let result: isize;
    // SAFETY: the `syscall` instruction clobbers only rcx, r11 and rax; memory is assumed to change.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number as isize => result,
            in("rdi") args[0], in("rsi") args[1], in("rdx") args[2],
            in("r10") args[3], in("r8") args[4], in("r9") args[5],
            lateout("rcx") _, lateout("r11") _,
            options(nostack)
        );
    }
    result
}

/// A system call with up to six arguments.
macro_rules! sys {
    ($number:expr $(, $arg:expr)*) => {{
        let given = [$($arg as usize),*];
        let mut args = [0usize; 6];
        args[..given.len()].copy_from_slice(&given);
        $crate::sys::call($number as usize, args)
    }};
}
pub(crate) use sys;

/// What the C library would return for a system call of this name: the kernel's own answer, with `errno` set.
macro_rules! kernel {
    ($name:ident $(, $arg:expr)*) => {
        $crate::sys::reported($crate::sys::sys!(libc::$name as usize $(, $arg)*))
    };
}
pub(crate) use kernel;

unsafe extern "C" {
    fn __errno_location() -> *mut i32;
}

/// The running thread's `errno`.
pub fn errno() -> *mut i32 {
    // SAFETY: the C library gives the thread's own.
    unsafe { __errno_location() }
}

/// Sets `errno` and returns -1.
pub fn fail(errno: i32) -> i32 {
    // SAFETY: the C library gives the thread's own.
    unsafe { *__errno_location() = errno };
    -1
}

/// A system call's result as the C library reports it: -1 and `errno` on failure.
pub fn reported(result: isize) -> isize {
    if (-4095..0).contains(&result) {
        return fail(-result as i32) as isize;
    }
    result
}

pub const EPERM: i32 = 1;
pub const ECHILD: i32 = 10;
pub const EAGAIN: i32 = 11;
pub const EBUSY: i32 = 16;
pub const EINTR: i32 = 4;
pub const ENOENT: i32 = 2;
pub const ENOMEM: i32 = 12;
pub const EINVAL: i32 = 22;
pub const EDEADLK: i32 = 35;
pub const ETIMEDOUT: i32 = 110;
