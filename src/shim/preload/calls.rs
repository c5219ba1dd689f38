//! The calls that work on descriptors of any kind: each is handed to the kind it is for, or to the kernel.

use crate::descriptor::{self, Kind, add_reference, entry};
use crate::life::alive;
use crate::sys::{self, fail, reported, sys};
use crate::{epoll, files, pipe, socket};

const F_DUPFD: i32 = 0;
const F_GETFL: i32 = 3;
const F_SETFL: i32 = 4;
const F_DUPFD_CLOEXEC: i32 = 1030;
const O_RDWR: i32 = 2;
pub const O_NONBLOCK: i32 = 0o4000;
const FIONBIO: usize = 0x5421;

#[unsafe(no_mangle)]
unsafe extern "C" fn close(fd: i32) -> i32 {
    match entry(fd).kind {
        // SAFETY: the caller's own descriptor.
        Kind::Real => return unsafe { reported(sys!(sys::CLOSE, fd)) } as i32,
        Kind::Socket(i) => socket::close(i),
        Kind::PipeRead(i) => pipe::close(i, false),
        Kind::PipeWrite(i) => pipe::close(i, true),
        Kind::Epoll(i) => epoll::close(i),
        Kind::Fake(..) | Kind::Tasks(_) => {}
    }
    epoll::forget(fd);
    descriptor::release(fd);
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn read(fd: i32, buffer: *mut u8, len: usize) -> isize {
    let entry = entry(fd);
    // SAFETY: the caller owns `len` bytes at `buffer`.
    unsafe {
        match entry.kind {
            Kind::Real => reported(sys!(sys::READ, fd, buffer, len)),
            Kind::Socket(i) => reported(socket::receive(fd, i, buffer, len, entry.nonblocking, true)),
            Kind::PipeRead(i) => reported(pipe::read(fd, i, buffer, len, entry.nonblocking)),
            Kind::Fake(content, at) => files::read_fake(fd, content, at, buffer, len),
            Kind::PipeWrite(_) | Kind::Epoll(_) | Kind::Tasks(_) => fail(sys::EBADF) as isize,
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __read_chk(fd: i32, buffer: *mut u8, len: usize, _size: usize) -> isize {
    // SAFETY: the caller's buffer, as for `read`.
    unsafe { read(fd, buffer, len) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn write(fd: i32, buffer: *const u8, len: usize) -> isize {
    let entry = entry(fd);
    // SAFETY: the caller owns `len` bytes at `buffer`.
    unsafe {
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
}

#[repr(C)]
struct IoVector {
    base: *const u8,
    len: usize,
}

#[unsafe(no_mangle)]
unsafe extern "C" fn writev(fd: i32, vectors: *const u8, count: i32) -> isize {
    if entry(fd).kind == Kind::Real {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { reported(sys!(sys::WRITEV, fd, vectors, count)) };
    }
    // SAFETY: the caller owns `count` vectors, and what each of them names.
    let vectors = unsafe { core::slice::from_raw_parts(vectors.cast::<IoVector>(), count.max(0) as usize) };
    let mut total = 0;
    for vector in vectors.iter().filter(|vector| vector.len > 0) {
        // SAFETY: as above.
        let written = unsafe { write(fd, vector.base, vector.len) };
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

/// Gives the new number `real` the entry of `fd`.
fn copy_of(fd: i32, real: isize) -> i32 {
    if real >= 0 && alive() {
        let entry = entry(fd);
        add_reference(entry.kind);
        descriptor::set_entry(real as i32, entry);
    }
    reported(real) as i32
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dup(fd: i32) -> i32 {
    // SAFETY: a system call on the caller's descriptor.
    copy_of(fd, unsafe { sys!(sys::DUP, fd) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dup2(fd: i32, to: i32) -> i32 {
    // SAFETY: system calls on the caller's descriptors.
    unsafe {
        if fd == to {
            return reported(sys!(sys::DUP2, fd, to)) as i32;
        }
        if entry(to).kind != Kind::Real {
            close(to);
        }
        descriptor::forget_spare(to);
        copy_of(fd, sys!(sys::DUP2, fd, to))
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fcntl(fd: i32, command: i32, argument: usize) -> i32 {
    let entry = entry(fd);
    // SAFETY: the caller's descriptor and argument; nothing of a simulated one is behind the real one.
    let real = || unsafe { sys!(sys::FCNTL, fd, command, argument) };
    match command {
        F_GETFL if entry.kind != Kind::Real => O_RDWR | if entry.nonblocking { O_NONBLOCK } else { 0 },
        F_SETFL if entry.kind != Kind::Real => {
            descriptor::set_nonblocking(fd, argument as i32 & O_NONBLOCK != 0);
            0
        }
        F_DUPFD | F_DUPFD_CLOEXEC => copy_of(fd, real()),
        _ => reported(real()) as i32,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fcntl64(fd: i32, command: i32, argument: usize) -> i32 {
    // SAFETY: the caller's arguments, as for `fcntl`.
    unsafe { fcntl(fd, command, argument) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ioctl(fd: i32, request: usize, argument: usize) -> i32 {
    if entry(fd).kind == Kind::Real {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { reported(sys!(sys::IOCTL, fd, request, argument)) as i32 };
    }
    if request == FIONBIO {
        // SAFETY: this request's argument is a number's address.
        descriptor::set_nonblocking(fd, unsafe { *(argument as *const i32) } != 0);
        return 0;
    }
    fail(sys::EINVAL)
}
