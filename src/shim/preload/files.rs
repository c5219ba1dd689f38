//! Files: real ones in the node's directory, made-up ones where the kernel would tell about the machine.
//!
//! Synchronisation to the disk does nothing: nobody pulls the plug of a simulated machine yet, and a killed process
//! leaves its page cache behind.

use crate::descriptor::{self, Kind};
use crate::life::{alive, real};
use crate::random::DEVICE;
use crate::sys::{self, fail, reported, sys};
use crate::{proc, turn};

/// Without `constant_tsc` the server takes its monotonic clock from `clock_gettime`.
const CPUINFO: &[u8] =
    b"processor\t: 0\nvendor_id\t: simulated\nmodel name\t: simulated\ncpu MHz\t\t: 1000.000\n\
flags\t\t: fpu tsc sse sse2\n\n";

/// Paths and what stands there.
const FAKES: [(&[u8], &[u8]); 7] = [
    (b"/proc/cpuinfo", CPUINFO),
    (b"/proc/meminfo", b"MemTotal: 8388608 kB\nMemFree: 8388608 kB\n"),
    (b"/proc/sys/net/core/somaxconn", b"4096\n"),
    (b"/proc/sys/vm/overcommit_memory", b"1\n"),
    (b"/sys/kernel/mm/transparent_hugepage/enabled", b"always [madvise] never\n"),
    (b"/sys/devices/system/clocksource/clocksource0/current_clocksource", b"tsc\n"),
    (b"/sys/devices/system/clocksource/clocksource0/available_clocksource", b"tsc\n"),
];
const RANDOM_DEVICES: [&[u8]; 2] = [b"/dev/urandom", b"/dev/random"];

/// The server wrote to its standard output: its log.
pub fn note_printed() {
    if alive() {
        turn::page().printed.set(1);
    }
}

unsafe fn path_of<'a>(path: *const u8) -> &'a [u8] {
    unsafe { core::ffi::CStr::from_ptr(path.cast()).to_bytes() }
}

fn fake_at(path: &[u8]) -> Option<usize> {
    FAKES.iter().position(|(known, _)| *known == path)
}

pub unsafe fn read_fake(fd: i32, content: usize, at: usize, buffer: *mut u8, len: usize) -> isize {
    unsafe {
        let rest = &FAKES[content].1[at..];
        let count = rest.len().min(len);
        core::ptr::copy_nonoverlapping(rest.as_ptr(), buffer, count);
        descriptor::set_kind(fd, Kind::Fake(content, at + count));
        count as isize
    }
}

/// A memory file with this content, read from its beginning.
unsafe fn memory_file(fill: impl Fn(i32)) -> i32 {
    unsafe {
        let fd = sys!(sys::MEMFD_CREATE, c"simulated".as_ptr(), 1) as i32;
        fill(fd);
        sys!(sys::LSEEK, fd, 0, 0);
        fd
    }
}

unsafe fn random_file() -> i32 {
    unsafe {
        memory_file(|fd| {
            let mut bytes = [0u8; 4096];
            DEVICE.fill(&mut bytes);
            sys!(sys::WRITE, fd, bytes.as_ptr(), bytes.len());
        })
    }
}

unsafe fn open_at(directory: isize, path: *const u8, flags: i32, mode: u32) -> i32 {
    unsafe {
        if alive() {
            let name = path_of(path);
            if let Some(content) = fake_at(name) {
                let fd = descriptor::new(Kind::Fake(content, 0), false);
                return if fd < 0 { fail(-fd) } else { fd };
            }
            if RANDOM_DEVICES.contains(&name) {
                return random_file();
            }
            if let Some(fd) = proc::open(name) {
                return fd;
            }
        }
        reported(sys!(sys::OPENAT, directory, path, flags, mode)) as i32
    }
}

const AT_FDCWD: isize = -100;

#[unsafe(no_mangle)]
unsafe extern "C" fn open(path: *const u8, flags: i32, mode: u32) -> i32 {
    unsafe { open_at(AT_FDCWD, path, flags, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn open64(path: *const u8, flags: i32, mode: u32) -> i32 {
    unsafe { open_at(AT_FDCWD, path, flags, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn openat(directory: i32, path: *const u8, flags: i32, mode: u32) -> i32 {
    unsafe { open_at(directory as isize, path, flags, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn openat64(directory: i32, path: *const u8, flags: i32, mode: u32) -> i32 {
    unsafe { open_at(directory as isize, path, flags, mode) }
}

/// A stream over made-up content, if `path` names some.
unsafe fn fake_stream(path: *const u8, mode: *const u8) -> Option<*mut u8> {
    unsafe {
        unsafe extern "C" {
            fn fdopen(fd: i32, mode: *const u8) -> *mut u8;
        }
        let name = path_of(path);
        if RANDOM_DEVICES.contains(&name) {
            return Some(fdopen(random_file(), mode));
        }
        if let Some(fd) = proc::open(name) {
            return Some(if fd < 0 { core::ptr::null_mut() } else { fdopen(fd, mode) });
        }
        let content = FAKES[fake_at(name)?].1;
        let fd = memory_file(|fd| {
            sys!(sys::WRITE, fd, content.as_ptr(), content.len());
        });
        Some(fdopen(fd, mode))
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fopen(path: *const u8, mode: *const u8) -> *mut u8 {
    unsafe {
        if alive()
            && let Some(stream) = fake_stream(path, mode)
        {
            return stream;
        }
        real!("fopen" as fn(*const u8, *const u8) -> *mut u8)(path, mode)
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fopen64(path: *const u8, mode: *const u8) -> *mut u8 {
    unsafe {
        if alive()
            && let Some(stream) = fake_stream(path, mode)
        {
            return stream;
        }
        real!("fopen64" as fn(*const u8, *const u8) -> *mut u8)(path, mode)
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fflush(stream: *mut u8) -> i32 {
    unsafe {
        note_printed();
        real!("fflush" as fn(*mut u8) -> i32)(stream)
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fsync(fd: i32) -> i32 {
    unsafe {
        const FSYNC: usize = 74;
        if alive() { 0 } else { reported(sys!(FSYNC, fd)) as i32 }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fdatasync(fd: i32) -> i32 {
    unsafe {
        const FDATASYNC: usize = 75;
        if alive() { 0 } else { reported(sys!(FDATASYNC, fd)) as i32 }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sync_file_range(fd: i32, offset: i64, len: i64, flags: u32) -> i32 {
    unsafe {
        const SYNC_FILE_RANGE: usize = 277;
        if alive() { 0 } else { reported(sys!(SYNC_FILE_RANGE, fd, offset, len, flags)) as i32 }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getcwd(buffer: *mut u8, len: usize) -> *mut u8 {
    unsafe {
        if !alive() {
            return real!("getcwd" as fn(*mut u8, usize) -> *mut u8)(buffer, len);
        }
        let directory = turn::page().directory.get();
        let needed = directory.iter().position(|byte| *byte == 0).map_or(directory.len(), |end| end + 1);
        if buffer.is_null() || len < needed {
            fail(sys::ERANGE);
            return core::ptr::null_mut();
        }
        core::ptr::copy_nonoverlapping(directory.as_ptr(), buffer, needed);
        buffer
    }
}
