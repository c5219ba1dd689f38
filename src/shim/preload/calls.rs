//! The calls that work on descriptors of any kind: each is handed to the kind it is for, or to the kernel.

use crate::descriptor::{self, Kind, entry};
use crate::disk::{self, About};
use crate::life::{alive, real};
use crate::page::{self, Socket, file_call};
use crate::sys::{self, fail, kernel, reported, sys};
use crate::transfer::{each_vector, written};
use crate::{epoll, event, files, kernel_pipe, pipe, proc, ready, socket, stream, turn, unshared, work};

#[unsafe(no_mangle)]
unsafe extern "C" fn close(fd: i32) -> i32 {
    if kernel_pipe::is_kept(fd) {
        return fail(libc::EBADF);
    }
    let_go(fd);
    // SAFETY: the caller's own descriptor.
    unsafe { kernel!(SYS_close, fd) as i32 }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn close_range(first: u32, last: u32, flags: i32) -> i32 {
    if !alive() {
        // SAFETY: numbers only.
        return unsafe { kernel!(SYS_close_range, first, last, flags) as i32 };
    }
    let closes = flags & libc::CLOSE_RANGE_CLOEXEC as i32 == 0;
    let [low, high] = [page::GUEST_PAGE_FD as u32, page::GUEST_SHIM_FD as u32];
    if closes {
        let end = (last as usize).min(descriptor::DESCRIPTORS - 1) as i32;
        (first as i32..=end).filter(|fd| !kernel_pipe::is_kept(*fd)).for_each(let_go);
    }
    let ranges = match turn::is_guest() {
        true => [(first, last.min(low - 1)), (first.max(high + 1), last)],
        false => [(first, last), (1, 0)],
    };
    for (first, last) in ranges.into_iter().filter(|(first, last)| first <= last) {
        // SAFETY: numbers only.
        let result = unsafe { kernel!(SYS_close_range, first, last, flags) };
        if result < 0 {
            return result as i32;
        }
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn closefrom(first: i32) {
    // SAFETY: numbers only.
    unsafe { close_range(first.max(0) as u32, u32::MAX, 0) };
}

/// Closes what the program that takes this one's place is not to have.
pub fn close_on_exec() {
    for fd in 0..descriptor::DESCRIPTORS as i32 {
        if entry(fd).kind != Kind::Real {
            let_go(fd);
        }
    }
}

/// What a descriptor names is named once less; its number is as it was.
fn let_go(fd: i32) {
    let kind = entry(fd).kind;
    unshared::forget(fd);
    match kind {
        Kind::Real => return,
        Kind::Socket(i) => socket::close(i),
        Kind::PipeRead(i) => pipe::close(i, false),
        Kind::PipeWrite(i) => pipe::close(i, true),
        Kind::Pair(read, written) => {
            pipe::close(read, false);
            pipe::close(written, true);
        }
        Kind::Counter(i) => event::close(i),
        Kind::Epoll(i) if !descriptor::is_named_elsewhere(fd, kind) => epoll::close(i),
        Kind::Epoll(_) | Kind::Fake(..) | Kind::Stat(..) | Kind::Random | Kind::Tasks(_) => {}
    }
    epoll::forget(fd);
    descriptor::forget(fd);
}

#[unsafe(no_mangle)]
unsafe extern "C" fn read(fd: i32, buffer: *mut u8, len: usize) -> isize {
    if !alive() {
        // The C library's own function, in which a thread can be cancelled.
        // SAFETY: the caller owns `len` bytes at `buffer`.
        return unsafe { real!("read" as fn(i32, *mut u8, usize) -> isize)(fd, buffer, len) };
    }
    let entry = entry(fd);
    if entry.kind == Kind::Real
        && let Err(error) = kernel_pipe::await_input(fd)
    {
        return fail(error) as isize;
    }
    // SAFETY: the caller owns `len` bytes at `buffer`.
    unsafe {
        reported(match entry.kind {
            Kind::Socket(i) => stream::receive(fd, i, buffer, len, 0),
            Kind::PipeRead(i) | Kind::Pair(i, _) => pipe::read(fd, i, buffer, len, entry.nonblocking),
            Kind::Counter(i) => event::read(fd, i, buffer, len, entry.nonblocking),
            Kind::Fake(content, at) => files::read_fake(fd, content, at, buffer, len),
            Kind::Stat(i, at) => priced(proc::read_stat(fd, (i, at), buffer, len)),
            Kind::Random => files::read_random(buffer, len),
            Kind::Real | Kind::PipeWrite(_) | Kind::Epoll(_) | Kind::Tasks(_) => {
                priced(sys!(sys::READ, fd, buffer, len))
            }
        })
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
        let result = match entry.kind {
            Kind::Socket(i) => stream::send(fd, i, buffer, len, 0),
            Kind::PipeWrite(i) | Kind::Pair(_, i) => pipe::write(fd, i, buffer, len, entry.nonblocking),
            Kind::Counter(i) => event::write(fd, i, buffer, len, entry.nonblocking),
            Kind::Real if kernel_pipe::is_one(fd) => kernel_pipe::write(fd, buffer, len),
            _ => {
                if fd == 1 || fd == 2 {
                    files::note_printed();
                }
                let perform = |len: usize| priced(sys!(sys::WRITE, fd, buffer, len));
                return reported(disk::governed(file_call::WRITE, About::Descriptor(fd), len, perform));
            }
        };
        written(result, 0)
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pwrite(fd: i32, buffer: *const u8, len: usize, at: i64) -> isize {
    // SAFETY: the caller owns `len` bytes at `buffer`.
    let perform = |len: usize| unsafe { sys!(libc::SYS_pwrite64, fd, buffer, len, at) };
    let written = disk::governed(file_call::WRITE, About::Descriptor(fd), len, perform);
    if written > 0 {
        disk::governed(file_call::TRUNCATE, About::Descriptor(fd), 0, |_| 0);
    }
    reported(written)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pwrite64(fd: i32, buffer: *const u8, len: usize, at: i64) -> isize {
    // SAFETY: the caller's arguments, as for `pwrite`.
    unsafe { pwrite(fd, buffer, len, at) }
}

/// The kernel's answer to a call that moves bytes, paid for.
fn priced(result: isize) -> isize {
    if alive() && result > 0 {
        work::call(result as usize);
    }
    result
}

/// Whether vectors of this descriptor are gathered here.
fn is_stream(kind: Kind) -> bool {
    !matches!(kind, Kind::Real | Kind::Epoll(_) | Kind::Tasks(_))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn writev(fd: i32, vectors: *const libc::iovec, count: i32) -> isize {
    if !is_stream(entry(fd).kind) {
        if disk::is_watched() {
            // SAFETY: the caller owns `count` vectors, and what each of them names.
            return each_vector(vectors, count, |base, len| unsafe { write(fd, base, len) });
        }
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { kernel!(SYS_writev, fd, vectors, count) };
    }
    // SAFETY: the caller owns `count` vectors, and what each of them names.
    each_vector(vectors, count, |base, len| unsafe { write(fd, base, len) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn readv(fd: i32, vectors: *const libc::iovec, count: i32) -> isize {
    if !is_stream(entry(fd).kind) {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { kernel!(SYS_readv, fd, vectors, count) };
    }
    let mut begun = false;
    each_vector(vectors, count, |base, len| {
        // What was read in part never waits for the rest.
        if core::mem::replace(&mut begun, true) && ready::events_of(fd) & ready::IN == 0 {
            return 0;
        }
        // SAFETY: the caller owns `count` vectors, and what each of them names.
        unsafe { read(fd, base, len) }
    })
}

/// Reports the new number `copy` of `fd`.
fn copied(fd: i32, copy: isize) -> i32 {
    if copy >= 0 && alive() {
        unshared::forget(copy as i32);
        descriptor::copy(fd, copy as i32);
    }
    reported(copy) as i32
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dup(fd: i32) -> i32 {
    // SAFETY: a system call on the caller's descriptor.
    copied(fd, unsafe { sys!(sys::DUP, fd) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dup2(fd: i32, to: i32) -> i32 {
    // SAFETY: a system call on the caller's descriptors.
    copied_over(fd, to, unsafe { sys!(sys::DUP2, fd, to) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dup3(fd: i32, to: i32, flags: i32) -> i32 {
    // SAFETY: a system call on the caller's descriptors.
    copied_over(fd, to, unsafe { sys!(libc::SYS_dup3 as usize, fd, to, flags) })
}

/// Reports that `to` names what `fd` names, if the kernel took it; what it named before is closed.
fn copied_over(fd: i32, to: i32, result: isize) -> i32 {
    if result < 0 || fd == to {
        return reported(result) as i32;
    }
    let_go(to);
    copied(fd, result)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fcntl(fd: i32, command: i32, argument: usize) -> i32 {
    let entry = entry(fd);
    // SAFETY: the caller's descriptor and argument; nothing of a simulated one is behind the real one.
    let real = || unsafe { sys!(sys::FCNTL, fd, command, argument) };
    match command {
        libc::F_GETFL if entry.kind != Kind::Real => {
            access_mode(entry.kind) | if entry.nonblocking { libc::O_NONBLOCK } else { 0 }
        }
        libc::F_SETFL if entry.kind != Kind::Real => {
            descriptor::set_nonblocking(fd, argument as i32 & libc::O_NONBLOCK != 0);
            0
        }
        libc::F_DUPFD | libc::F_DUPFD_CLOEXEC => copied(fd, real()),
        _ => reported(real()) as i32,
    }
}

fn access_mode(kind: Kind) -> i32 {
    match kind {
        Kind::PipeRead(_) | Kind::Fake(..) | Kind::Stat(..) | Kind::Random | Kind::Tasks(_) => libc::O_RDONLY,
        Kind::PipeWrite(_) => libc::O_WRONLY,
        _ => libc::O_RDWR,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fcntl64(fd: i32, command: i32, argument: usize) -> i32 {
    // SAFETY: the caller's arguments, as for `fcntl`.
    unsafe { fcntl(fd, command, argument) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ioctl(fd: i32, request: usize, argument: usize) -> i32 {
    let kind = entry(fd).kind;
    match (request as u64, kind) {
        (_, Kind::Real) => {}
        (libc::FIONBIO, _) => {
            // SAFETY: this request's argument is a number's address.
            descriptor::set_nonblocking(fd, unsafe { *(argument as *const i32) } != 0);
            return 0;
        }
        (libc::FIONREAD, Kind::Socket(_) | Kind::PipeRead(_) | Kind::PipeWrite(_) | Kind::Pair(..)) => {
            // SAFETY: as above.
            unsafe { *(argument as *mut i32) = waiting_bytes(kind) as i32 };
            return 0;
        }
        _ => {}
    }
    // SAFETY: the caller's arguments, handed on as they are.
    unsafe { kernel!(SYS_ioctl, fd, request, argument) as i32 }
}

/// How many bytes can be read at once.
fn waiting_bytes(kind: Kind) -> u32 {
    let page = turn::page();
    let in_window = |s: &Socket| s.rx_end.get() - s.rx_start.get();
    match kind {
        Kind::Socket(i) => in_window(&page.sockets[i]),
        Kind::PipeRead(i) | Kind::PipeWrite(i) | Kind::Pair(i, _) => page.pipes[i].len.get(),
        _ => 0,
    }
}
