//! Who and where the process is: everything about the machine that a server could ask for is the same everywhere.

use crate::life::{alive, real};
use crate::random::CALLS;
use crate::sys::{self, fail, reported, sys};
use crate::{thread, turn};

const PROCESSORS: i64 = 2;
const MEMORY_PAGES: i64 = 2 * 1024 * 1024;
const OPEN_FILES: u64 = 100_000;

/// Overwrites the sixteen random bytes that the kernel hands to every process.
pub fn overwrite_auxiliary_random() {
    unsafe {
        unsafe extern "C" {
            fn getauxval(kind: u64) -> u64;
        }
        const AT_RANDOM: u64 = 25;
        const LEN: usize = 16;
        let bytes = getauxval(AT_RANDOM) as *mut u8;
        if !bytes.is_null() {
            CALLS.fill(core::slice::from_raw_parts_mut(bytes, LEN));
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getpid() -> i32 {
    unsafe { if alive() { turn::me().pid.get() as i32 } else { sys!(sys::GETPID) as i32 } }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getppid() -> i32 {
    unsafe {
        const GETPPID: usize = 110;
        if alive() { 1 } else { sys!(GETPPID) as i32 }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn gettid() -> i32 {
    unsafe { if alive() { getpid() + thread::current_number() as i32 - 1 } else { sys!(sys::GETTID) as i32 } }
}

unsafe fn put(field: *mut u8, text: &[u8]) {
    unsafe {
        core::ptr::copy_nonoverlapping(text.as_ptr(), field, text.len());
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn uname(names: *mut u8) -> i32 {
    unsafe {
        const UNAME: usize = 63;
        const FIELD: usize = 65;
        if !alive() {
            return reported(sys!(UNAME, names)) as i32;
        }
        let fields: [&[u8]; 6] = [b"Linux\0", b"simulated\0", b"6.1.0\0", b"#1\0", b"x86_64\0", b"(none)\0"];
        for (i, text) in fields.iter().enumerate() {
            put(names.add(i * FIELD), text);
        }
        0
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn gethostname(name: *mut u8, len: usize) -> i32 {
    unsafe {
        let text = b"simulated\0";
        if len < text.len() {
            return fail(sys::EINVAL);
        }
        put(name, text);
        0
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sysconf(name: i32) -> i64 {
    unsafe {
        const CONFIGURED: i32 = 83;
        const ONLINE: i32 = 84;
        const PHYSICAL_PAGES: i32 = 85;
        const AVAILABLE_PAGES: i32 = 86;
        const OPEN_MAX: i32 = 4;
        if alive() {
            match name {
                CONFIGURED | ONLINE => return PROCESSORS,
                PHYSICAL_PAGES | AVAILABLE_PAGES => return MEMORY_PAGES,
                OPEN_MAX => return OPEN_FILES as i64,
                _ => {}
            }
        }
        real!("sysconf" as fn(i32) -> i64)(name)
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sched_getcpu() -> i32 {
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sched_getaffinity(_pid: i32, len: usize, mask: *mut u8) -> i32 {
    unsafe {
        if len == 0 {
            return fail(sys::EINVAL);
        }
        core::ptr::write_bytes(mask, 0, len);
        *mask = (1 << PROCESSORS) - 1;
        0
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sched_setaffinity(_pid: i32, _len: usize, _mask: *const u8) -> i32 {
    0
}

const RLIMIT_NOFILE: i32 = 7;

#[unsafe(no_mangle)]
unsafe extern "C" fn getrlimit(resource: i32, limit: *mut [u64; 2]) -> i32 {
    unsafe {
        const GETRLIMIT: usize = 97;
        if alive() && resource == RLIMIT_NOFILE {
            *limit = [OPEN_FILES; 2];
            return 0;
        }
        reported(sys!(GETRLIMIT, resource, limit)) as i32
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getrlimit64(resource: i32, limit: *mut [u64; 2]) -> i32 {
    unsafe { getrlimit(resource, limit) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn setrlimit(resource: i32, limit: *const [u64; 2]) -> i32 {
    unsafe {
        const SETRLIMIT: usize = 160;
        if alive() && resource == RLIMIT_NOFILE {
            return 0;
        }
        reported(sys!(SETRLIMIT, resource, limit)) as i32
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn setrlimit64(resource: i32, limit: *const [u64; 2]) -> i32 {
    unsafe { setrlimit(resource, limit) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn syscall(
    number: usize,
    a: usize,
    b: usize,
    c: usize,
    d: usize,
    e: usize,
    f: usize,
) -> isize {
    unsafe {
        if alive() {
            match number {
                sys::GETTID => return gettid() as isize,
                sys::GETPID => return getpid() as isize,
                sys::GETRANDOM => {
                    CALLS.fill(core::slice::from_raw_parts_mut(a as *mut u8, b));
                    return b as isize;
                }
                sys::CLOCK_GETTIME => {
                    unsafe extern "C" {
                        fn clock_gettime(id: i32, time: usize) -> i32;
                    }
                    return clock_gettime(a as i32, b) as isize;
                }
                sys::CLOSE => {
                    unsafe extern "C" {
                        fn close(fd: i32) -> i32;
                    }
                    return close(a as i32) as isize;
                }
                _ => {}
            }
        }
        reported(sys::call(number, [a, b, c, d, e, f]))
    }
}
