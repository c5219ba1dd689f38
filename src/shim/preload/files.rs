//! Files: real ones in the node's directory, made-up ones where the kernel would tell about the machine.
//!
//! Synchronisation to the disk does nothing on the host: what a simulated machine loses with its power is a matter of
//! account (`disk`), and a killed process leaves its page cache behind.

use crate::descriptor::{self, Kind, entry};
use crate::disk::{self, About};
use crate::life::{alive, real};
use crate::page::file_call;
use crate::random::DEVICE;
use crate::sys::{self, fail, kernel, reported, sys};
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

/// The bytes of a path.
///
/// # Safety
/// `path` ends with NUL, and lives as long as it is looked at.
pub unsafe fn path_of<'a>(path: *const u8) -> &'a [u8] {
    // SAFETY: as for this function.
    unsafe { core::ffi::CStr::from_ptr(path.cast()).to_bytes() }
}

fn fake_at(path: &[u8]) -> Option<usize> {
    FAKES.iter().position(|(known, _)| *known == path)
}

/// Reads on in a made-up file.
///
/// # Safety
/// The caller owns `len` bytes at `buffer`.
pub unsafe fn read_fake(fd: i32, content: usize, at: usize, buffer: *mut u8, len: usize) -> isize {
    let rest = &FAKES[content].1[at..];
    let count = rest.len().min(len);
    // SAFETY: the caller's buffer.
    unsafe { core::ptr::copy_nonoverlapping(rest.as_ptr(), buffer, count) };
    descriptor::set_kind(fd, Kind::Fake(content, at + count));
    count as isize
}

/// Reads from the random device.
///
/// # Safety
/// The caller owns `len` bytes at `buffer`.
pub unsafe fn read_random(buffer: *mut u8, len: usize) -> isize {
    // SAFETY: the caller's buffer.
    DEVICE.fill(unsafe { core::slice::from_raw_parts_mut(buffer, len) });
    len as isize
}

/// A memory file with this content, read from its beginning.
fn memory_file(content: &[u8]) -> i32 {
    // SAFETY: a descriptor of the shim's own, and bytes that are there.
    unsafe {
        let fd = sys!(sys::MEMFD_CREATE, c"simulated".as_ptr(), libc::MFD_CLOEXEC) as i32;
        sys!(sys::WRITE, fd, content.as_ptr(), content.len());
        sys!(sys::LSEEK, fd, 0, libc::SEEK_SET);
        fd
    }
}

/// What is opened in place of the machine's own file, if anything is.
fn stands_for(path: &[u8]) -> Option<Kind> {
    if RANDOM_DEVICES.contains(&path) {
        return Some(Kind::Random);
    }
    fake_at(path).map(|content| Kind::Fake(content, 0))
}

/// Where the host has what the server calls `path`: its own folder has a made-up name, and is where it works.
///
/// # Safety
/// `path` ends with NUL.
pub unsafe fn on_host(path: *const u8) -> *const u8 {
    if !alive() || path.is_null() {
        return path;
    }
    let directory = turn::page().directory.get();
    let len = directory.iter().position(|byte| *byte == 0).unwrap_or(directory.len());
    // SAFETY: the caller's path.
    let rest = unsafe { path_of(path) }.strip_prefix(&directory[..len]);
    match rest {
        Some([]) | Some(b"/") => c".".as_ptr().cast(),
        // SAFETY: within the caller's path.
        Some([b'/', ..]) => unsafe { path.add(len + 1) },
        _ => path,
    }
}

unsafe fn open_at(directory: i32, path: *const u8, flags: i32, mode: u32) -> i32 {
    // SAFETY: the caller's path.
    if let Some(fd) = simulated(unsafe { path_of(path) }, flags) {
        return fd;
    }
    // SAFETY: the caller's arguments, handed on as they are but for a made-up folder.
    let perform = |path: *const u8| unsafe { sys!(libc::SYS_openat, directory, path, flags, mode) };
    // SAFETY: the caller's path.
    let (path, named) = unsafe { (on_host(path), path_of(path)) };
    let fd = disk::governed(file_call::OPEN, About::Path(named), 0, |_| perform(path));
    if fd >= 0 && flags & libc::O_TRUNC != 0 {
        disk::governed(file_call::TRUNCATE, About::Descriptor(fd as i32), 0, |_| 0);
    }
    reported(fd) as i32
}

#[unsafe(no_mangle)]
unsafe extern "C" fn creat(path: *const u8, mode: u32) -> i32 {
    // SAFETY: the caller's arguments.
    unsafe { open_at(libc::AT_FDCWD, path, libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn creat64(path: *const u8, mode: u32) -> i32 {
    // SAFETY: the caller's arguments, as for `creat`.
    unsafe { creat(path, mode) }
}

/// A descriptor (or -1 and `errno`) where something stands for the machine's own file.
fn simulated(path: &[u8], flags: i32) -> Option<i32> {
    if !alive() {
        return None;
    }
    if let Some(fd) = proc::open(path, proc::Reader::Server) {
        return Some(fd);
    }
    Some(match descriptor::new_file(stands_for(path)?, flags & libc::O_CLOEXEC != 0) {
        error if error < 0 => fail(-error),
        fd => fd,
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn open(path: *const u8, flags: i32, mode: u32) -> i32 {
    // SAFETY: the caller's arguments.
    unsafe { open_at(libc::AT_FDCWD, path, flags, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn open64(path: *const u8, flags: i32, mode: u32) -> i32 {
    // SAFETY: the caller's arguments.
    unsafe { open_at(libc::AT_FDCWD, path, flags, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn openat(directory: i32, path: *const u8, flags: i32, mode: u32) -> i32 {
    // SAFETY: the caller's arguments.
    unsafe { open_at(directory, path, flags, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn openat64(directory: i32, path: *const u8, flags: i32, mode: u32) -> i32 {
    // SAFETY: the caller's arguments.
    unsafe { open_at(directory, path, flags, mode) }
}

/// A stream over made-up content, if `path` names some.
unsafe fn fake_stream(path: *const u8, mode: *const u8) -> Option<*mut u8> {
    unsafe extern "C" {
        fn fdopen(fd: i32, mode: *const u8) -> *mut u8;
    }
    // SAFETY: the caller's path.
    let name = unsafe { path_of(path) };
    let fd = match (proc::open(name, proc::Reader::Stream), stands_for(name)) {
        (Some(-1), _) => return Some(core::ptr::null_mut()),
        (Some(fd), _) => fd,
        (None, None) => return None,
        (None, Some(Kind::Fake(content, _))) => memory_file(FAKES[content].1),
        _ => {
            let mut bytes = [0u8; 4096];
            DEVICE.fill(&mut bytes);
            memory_file(&bytes)
        }
    };
    // SAFETY: a descriptor that was just made, and the caller's mode.
    Some(unsafe { fdopen(fd, mode) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fopen(path: *const u8, mode: *const u8) -> *mut u8 {
    // SAFETY: the caller's arguments.
    unsafe {
        let simulated = if alive() { fake_stream(path, mode) } else { None };
        simulated.unwrap_or_else(|| open_stream(path, mode))
    }
}

/// A stream of the C library's over a file.
unsafe fn open_stream(path: *const u8, mode: *const u8) -> *mut u8 {
    // SAFETY: the caller's arguments.
    unsafe {
        let named = path_of(path);
        let mut stream = core::ptr::null_mut();
        let opened = disk::governed(file_call::OPEN, About::Path(named), 0, |_| {
            stream = real!("fopen" as fn(*const u8, *const u8) -> *mut u8)(on_host(path), mode);
            0
        });
        if opened < 0 {
            fail(-opened as i32);
        }
        if !stream.is_null() && path_of(mode).contains(&b'w') {
            disk::governed(file_call::TRUNCATE, About::Descriptor(libc::fileno(stream.cast())), 0, |_| 0);
        }
        stream
    }
}

/// Buffered bytes are lost with the call that brought them, as they are when the buffer cannot be written out.
#[unsafe(no_mangle)]
unsafe extern "C" fn fwrite(items: *const u8, size: usize, count: usize, stream: *mut u8) -> usize {
    let next = real!("fwrite" as fn(*const u8, usize, usize, *mut u8) -> usize);
    if !disk::is_watched() || size == 0 {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { next(items, size, count, stream) };
    }
    // SAFETY: the caller's stream.
    let about = About::Descriptor(unsafe { libc::fileno(stream.cast()) });
    // SAFETY: the caller's stream, and no more of its bytes than there are.
    let perform = |len| unsafe { next(items, 1, len, stream) as isize };
    let written = disk::governed(file_call::WRITE, about, size * count, perform);
    if written < 0 {
        fail(-written as i32);
    }
    written.max(0) as usize / size
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fopen64(path: *const u8, mode: *const u8) -> *mut u8 {
    // SAFETY: the caller's arguments, as for `fopen`.
    unsafe { fopen(path, mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fflush(stream: *mut u8) -> i32 {
    note_printed();
    // SAFETY: the caller's argument, handed on as it is.
    unsafe { real!("fflush" as fn(*mut u8) -> i32)(stream) }
}

/// What there is to say of a file whose bytes are wanted on the disk: no more than whether it is one.
fn synchronised(fd: i32) -> i32 {
    if entry(fd).kind != Kind::Real {
        return fail(libc::EINVAL);
    }
    // SAFETY: asks for flags, and nothing else.
    let is_there = |_| unsafe { sys!(sys::FCNTL, fd, libc::F_GETFD) }.min(0);
    reported(disk::governed(file_call::FSYNC, About::Descriptor(fd), 0, is_there)) as i32
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fsync(fd: i32) -> i32 {
    // SAFETY: the caller's argument, handed on as it is.
    if alive() { synchronised(fd) } else { unsafe { kernel!(SYS_fsync, fd) as i32 } }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fdatasync(fd: i32) -> i32 {
    // SAFETY: the caller's argument, handed on as it is.
    if alive() { synchronised(fd) } else { unsafe { kernel!(SYS_fdatasync, fd) as i32 } }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sync_file_range(fd: i32, offset: i64, len: i64, flags: u32) -> i32 {
    if alive() {
        return synchronised(fd);
    }
    // SAFETY: the caller's arguments, handed on as they are.
    unsafe { kernel!(SYS_sync_file_range, fd, offset, len, flags) as i32 }
}

unsafe extern "C" {
    fn malloc(bytes: usize) -> *mut u8;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getcwd(buffer: *mut u8, len: usize) -> *mut u8 {
    if !alive() || turn::is_guest() {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { real!("getcwd" as fn(*mut u8, usize) -> *mut u8)(buffer, len) };
    }
    let directory = turn::page().directory.get();
    let needed = directory.iter().position(|byte| *byte == 0).map_or(directory.len(), |end| end + 1);
    // Whoever has no room is given some, as the C library does.
    let (buffer, len) = match buffer.is_null() {
        // SAFETY: a new piece of memory, which is the caller's from then on.
        true => unsafe { (malloc(len.max(needed)), if len == 0 { needed } else { len }) },
        false => (buffer, len),
    };
    if buffer.is_null() || len < needed {
        fail(libc::ERANGE);
        return core::ptr::null_mut();
    }
    // SAFETY: the caller's room is long enough.
    unsafe { core::ptr::copy_nonoverlapping(directory.as_ptr(), buffer, needed) };
    buffer
}
