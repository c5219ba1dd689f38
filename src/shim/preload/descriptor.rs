//! The table of descriptors: which of them are simulated, and the calls that work on any kind.
//!
//! A simulated descriptor is backed by a real one (of the null device), so that numbers never collide with files.

use crate::page::{PIPES, SOCKETS};
use crate::start::alive;
use crate::sys::{self, fail, reported, sys};
use crate::{epoll, files, give_up, pipe, socket, turn};

pub const DESCRIPTORS: usize = 4096;
const F_DUPFD: i32 = 0;
const F_GETFL: i32 = 3;
const F_SETFL: i32 = 4;
const F_DUPFD_CLOEXEC: i32 = 1030;
pub const O_RDWR: i32 = 2;
pub const O_NONBLOCK: i32 = 0o4000;
const FIONBIO: usize = 0x5421;

/// What a descriptor is.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    /// The kernel's.
    Real,
    /// A socket of the page.
    Socket(usize),
    /// The reading end of a pipe of the page.
    PipeRead(usize),
    /// The writing end of a pipe of the page.
    PipeWrite(usize),
    /// An epoll instance of this process.
    Epoll(usize),
    /// A file with made-up content, and how far it was read.
    Fake(usize, usize),
}

#[derive(Clone, Copy)]
pub struct Entry {
    pub kind: Kind,
    pub nonblocking: bool,
}

static mut TABLE: [Entry; DESCRIPTORS] = [Entry { kind: Kind::Real, nonblocking: false }; DESCRIPTORS];
/// A real descriptor that is kept for the next fake file, so that opening one needs no system call.
static mut SPARE: i32 = -1;

/// The entry of a descriptor; what is out of range is the kernel's.
pub unsafe fn entry(fd: i32) -> Entry {
    if !alive() || fd < 0 || fd as usize >= DESCRIPTORS {
        return Entry { kind: Kind::Real, nonblocking: false };
    }
    TABLE[fd as usize]
}

pub unsafe fn set_kind(fd: i32, kind: Kind) {
    TABLE[fd as usize].kind = kind;
}

/// A new descriptor of this kind, or a negative `errno`.
pub unsafe fn new(kind: Kind, nonblocking: bool) -> i32 {
    const AT_FDCWD: isize = -100;
    const O_RDWR_CLOEXEC: usize = 0o2000002;
    let mut fd = SPARE;
    SPARE = -1;
    if fd < 0 {
        fd = sys!(sys::OPENAT, AT_FDCWD, c"/dev/null".as_ptr(), O_RDWR_CLOEXEC) as i32;
    }
    if fd as usize >= DESCRIPTORS && fd >= 0 {
        give_up!("more than {DESCRIPTORS} descriptors are open");
    }
    if fd >= 0 {
        TABLE[fd as usize] = Entry { kind, nonblocking };
    }
    fd
}

unsafe fn release(fd: i32) {
    TABLE[fd as usize].kind = Kind::Real;
    epoll::forget(fd);
    if SPARE < 0 {
        SPARE = fd;
    } else {
        sys!(sys::CLOSE, fd);
    }
}

unsafe fn add_reference(kind: Kind) {
    match kind {
        Kind::Socket(i) => turn::page().sockets[i].refs[turn::ME] += 1,
        Kind::PipeRead(i) => turn::page().pipes[i].readers[turn::ME] += 1,
        Kind::PipeWrite(i) => turn::page().pipes[i].writers[turn::ME] += 1,
        _ => {}
    }
}

/// The child of a fork names everything its parent names.
pub unsafe fn share_with(child: usize) {
    let page = turn::page();
    for i in 0..SOCKETS {
        page.sockets[i].refs[child] = page.sockets[i].refs[turn::ME];
    }
    for i in 0..PIPES {
        page.pipes[i].readers[child] = page.pipes[i].readers[turn::ME];
        page.pipes[i].writers[child] = page.pipes[i].writers[turn::ME];
    }
}

#[no_mangle]
unsafe extern "C" fn close(fd: i32) -> i32 {
    match entry(fd).kind {
        Kind::Real => return reported(sys!(sys::CLOSE, fd)) as i32,
        Kind::Socket(i) => socket::close(i),
        Kind::PipeRead(i) => pipe::close(i, false),
        Kind::PipeWrite(i) => pipe::close(i, true),
        Kind::Epoll(i) => epoll::close(i),
        Kind::Fake(..) => {}
    }
    release(fd);
    0
}

#[no_mangle]
unsafe extern "C" fn read(fd: i32, buffer: *mut u8, len: usize) -> isize {
    let entry = entry(fd);
    match entry.kind {
        Kind::Real => reported(sys!(sys::READ, fd, buffer, len)),
        Kind::Socket(i) => reported(socket::receive(fd, i, buffer, len, entry.nonblocking, true)),
        Kind::PipeRead(i) => reported(pipe::read(fd, i, buffer, len, entry.nonblocking)),
        Kind::Fake(content, at) => files::read_fake(fd, content, at, buffer, len),
        Kind::PipeWrite(_) | Kind::Epoll(_) => fail(sys::EBADF) as isize,
    }
}

#[no_mangle]
unsafe extern "C" fn __read_chk(fd: i32, buffer: *mut u8, len: usize, _size: usize) -> isize {
    read(fd, buffer, len)
}

#[no_mangle]
unsafe extern "C" fn write(fd: i32, buffer: *const u8, len: usize) -> isize {
    let entry = entry(fd);
    match entry.kind {
        Kind::Real => {
            if fd == 1 || fd == 2 {
                files::note_printed();
            }
            reported(sys!(sys::WRITE, fd, buffer, len))
        }
        Kind::Socket(i) => reported(socket::send(fd, i, buffer, len, entry.nonblocking)),
        Kind::PipeWrite(i) => reported(pipe::write(fd, i, buffer, len, entry.nonblocking)),
        _ => fail(sys::EBADF) as isize,
    }
}

#[repr(C)]
struct IoVector {
    base: *const u8,
    len: usize,
}

#[no_mangle]
unsafe extern "C" fn writev(fd: i32, vectors: *const u8, count: i32) -> isize {
    if entry(fd).kind == Kind::Real {
        return reported(sys!(sys::WRITEV, fd, vectors, count));
    }
    let mut total = 0;
    for i in 0..count as usize {
        let vector = &*vectors.cast::<IoVector>().add(i);
        let written = if vector.len == 0 { 0 } else { write(fd, vector.base, vector.len) };
        if written < 0 {
            return if total > 0 { total } else { written };
        }
        total += written;
        if (written as usize) < vector.len {
            break;
        }
    }
    total
}

unsafe fn copy_of(fd: i32, real: isize) -> i32 {
    if real >= 0 {
        let entry = entry(fd);
        add_reference(entry.kind);
        TABLE[real as usize] = entry;
    }
    reported(real) as i32
}

#[no_mangle]
unsafe extern "C" fn dup(fd: i32) -> i32 {
    let real = sys!(sys::DUP, fd);
    if alive() { copy_of(fd, real) } else { reported(real) as i32 }
}

#[no_mangle]
unsafe extern "C" fn dup2(fd: i32, to: i32) -> i32 {
    if alive() && fd != to && entry(to).kind != Kind::Real {
        close(to);
        if SPARE == to {
            SPARE = -1;
        }
    }
    let real = sys!(sys::DUP2, fd, to);
    if alive() && fd != to { copy_of(fd, real) } else { reported(real) as i32 }
}

#[no_mangle]
unsafe extern "C" fn fcntl(fd: i32, command: i32, argument: usize) -> i32 {
    let entry = entry(fd);
    if entry.kind == Kind::Real {
        return reported(sys!(sys::FCNTL, fd, command, argument)) as i32;
    }
    match command {
        F_GETFL => O_RDWR | if entry.nonblocking { O_NONBLOCK } else { 0 },
        F_SETFL => {
            TABLE[fd as usize].nonblocking = argument as i32 & O_NONBLOCK != 0;
            0
        }
        F_DUPFD | F_DUPFD_CLOEXEC => copy_of(fd, sys!(sys::FCNTL, fd, command, argument)),
        _ => reported(sys!(sys::FCNTL, fd, command, argument)) as i32,
    }
}

#[no_mangle]
unsafe extern "C" fn fcntl64(fd: i32, command: i32, argument: usize) -> i32 {
    fcntl(fd, command, argument)
}

#[no_mangle]
unsafe extern "C" fn ioctl(fd: i32, request: usize, argument: usize) -> i32 {
    if entry(fd).kind == Kind::Real {
        return reported(sys!(sys::IOCTL, fd, request, argument)) as i32;
    }
    if request == FIONBIO {
        TABLE[fd as usize].nonblocking = *(argument as *const i32) != 0;
        return 0;
    }
    fail(sys::EINVAL)
}
