//! What goes through connections: sending, receiving, and ending one direction.

use crate::descriptor::{Kind, entry, socket as at};
use crate::page::{self, Socket, record, socket_state as state};

use crate::ready::{self, deadline_of, wait_for};
use crate::sys::{fail, kernel, reported};
use crate::transfer::{each_vector, written};
use crate::{kernel_pipe, pipe, turn, work};

fn may_block(fd: i32, flags: i32) -> bool {
    !entry(fd).nonblocking && flags & libc::MSG_DONTWAIT == 0
}

/// Sends bytes; how many, or a negative `errno`.
///
/// # Safety
/// The caller owns `len` bytes at `buffer`.
pub unsafe fn send(fd: i32, i: usize, buffer: *const u8, len: usize, flags: i32) -> isize {
    let deadline = deadline_of(at(i).send_timeout_ns.get());
    let mut done = 0;
    let stopped = |done: usize, error: i32| if done > 0 { done as isize } else { -error as isize };
    while done < len {
        match sendable(at(i)) {
            Ok(0) if !may_block(fd, flags) => return stopped(done, libc::EAGAIN),
            Ok(0) => {
                if let Err(error) = wait_for(fd, ready::OUT, deadline) {
                    return stopped(done, error);
                }
            }
            Ok(room) => {
                let part = room.min(len - done);
                at(i).credit.update(|credit| credit - part as u64);
                // SAFETY: a part of the caller's buffer.
                let bytes = unsafe { core::slice::from_raw_parts(buffer.add(done), part) };
                work::call(part);
                turn::report_sent(at(i).handle.get(), bytes);
                done += part;
            }
            Err(error) => return stopped(done, error),
        }
    }
    done as isize
}

/// How many bytes can be sent now, or why none ever will.
fn sendable(s: &Socket) -> Result<usize, i32> {
    match s.state.get() {
        state::CONNECTED if s.tx_shut.get() == 0 => Ok(s.credit.get() as usize),
        state::CONNECTING => Ok(0),
        state::DEAD if s.error.get() != 0 => Err(s.error.take()),
        _ => Err(libc::EPIPE),
    }
}

/// Receives bytes; how many (0 at the end), or a negative `errno`.
///
/// # Safety
/// The caller owns `len` bytes at `buffer`.
pub unsafe fn receive(fd: i32, i: usize, buffer: *mut u8, len: usize, flags: i32) -> isize {
    let deadline = deadline_of(at(i).receive_timeout_ns.get());
    let peeks = flags & libc::MSG_PEEK != 0;
    let mut done = 0;
    loop {
        // SAFETY: the rest of the caller's buffer; what is only looked at is looked at from its beginning.
        match unsafe { receive_now(i, buffer.add(done), len - done, peeks) } {
            Ok(count) if count > 0 || len == 0 => {
                if !peeks {
                    done += count;
                }
                let total = if peeks { count } else { done };
                if total >= len || flags & libc::MSG_WAITALL == 0 {
                    return total as isize;
                }
            }
            Ok(_) => return done as isize,
            Err(libc::EAGAIN) => {}
            Err(error) => return if done > 0 { done as isize } else { -error as isize },
        }
        let wait =
            if may_block(fd, flags) { wait_for_more(fd, i, peeks, deadline) } else { Err(libc::EAGAIN) };
        if let Err(error) = wait {
            return if done > 0 { done as isize } else { -error as isize };
        }
    }
}

/// Waits for bytes; whoever looks at those there are without taking them waits for more, or for the end.
fn wait_for_more(fd: i32, i: usize, peeks: bool, deadline: u64) -> Result<(), i32> {
    use crate::thread::{Source, Wait};
    if !peeks {
        return wait_for(fd, ready::IN, deadline);
    }
    let s = at(i);
    let is_over = |i: usize, end: usize| {
        at(i).rx_end.get() as usize != end || at(i).rx_eof.get() != 0 || at(i).state.get() == state::DEAD
    };
    if s.rx_eof.get() != 0 || s.state.get() == state::DEAD {
        return Err(libc::EAGAIN);
    }
    ready::wait_until(
        Wait { source: Source::Outside, is_over, about: (i, s.rx_end.get() as usize) },
        deadline,
    )?;
    if turn::page().now_ns.get() >= deadline { Err(libc::EAGAIN) } else { Ok(()) }
}

/// Receives what is there: `EAGAIN` if nothing is yet, nothing at the end.
unsafe fn receive_now(i: usize, buffer: *mut u8, len: usize, peeks: bool) -> Result<usize, i32> {
    let s = at(i);
    if s.rx_start.get() == s.rx_end.get() && s.rx_more.get() != 0 {
        // The scheduler holds bytes that have already arrived; it moves them up when it is asked.
        turn::hand_over(page::state::FLUSH);
    }
    if s.rx_end.get() > s.rx_start.get() {
        // SAFETY: the caller's buffer.
        return Ok(unsafe { take_received(i, buffer, len, !peeks) });
    }
    match s.state.get() {
        state::DEAD if s.error.get() != 0 => Err(s.error.take()),
        state::DEAD => Ok(0),
        state::CONNECTED if s.rx_eof.get() != 0 => Ok(0),
        state::CONNECTED | state::CONNECTING => Err(libc::EAGAIN),
        _ => Err(libc::ENOTCONN),
    }
}

unsafe fn take_received(i: usize, buffer: *mut u8, len: usize, take: bool) -> usize {
    let s = at(i);
    let (start, end) = (s.rx_start.get(), s.rx_end.get());
    let count = ((end - start) as usize).min(len);
    let source = turn::area(page::RX_AT + s.rx_area.get() as usize * page::RX_BYTES + start as usize);
    // SAFETY: unread bytes of the receive area, and the caller's buffer.
    unsafe { core::ptr::copy_nonoverlapping(source, buffer, count) };
    if take && count > 0 {
        work::call(count);
        let all_read = count as u32 == end - start;
        s.rx_start.set(if all_read { 0 } else { start + count as u32 });
        s.rx_end.set(if all_read { 0 } else { end });
        turn::report(record::CONSUMED, s.handle.get(), count as u64, 0);
    }
    count
}

#[unsafe(no_mangle)]
unsafe extern "C" fn recv(fd: i32, buffer: *mut u8, len: usize, flags: i32) -> isize {
    // SAFETY: the caller's buffer, and nobody's address.
    unsafe { recvfrom(fd, buffer, len, flags, core::ptr::null_mut(), core::ptr::null_mut()) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __recv_chk(fd: i32, buffer: *mut u8, len: usize, _size: usize, flags: i32) -> isize {
    // SAFETY: the caller's buffer, as for `recv`.
    unsafe { recv(fd, buffer, len, flags) }
}

/// Waits until the kernel has something at a socket of a guest's own host, where the call may block.
fn await_input(fd: i32, flags: i32) -> Result<(), i32> {
    if flags & libc::MSG_DONTWAIT != 0 { Ok(()) } else { kernel_pipe::await_input(fd) }
}

/// Of a stream, nobody's address is told, as on Linux.
#[unsafe(no_mangle)]
unsafe extern "C" fn recvfrom(
    fd: i32,
    buffer: *mut u8,
    len: usize,
    flags: i32,
    address: *mut u8,
    address_len: *mut u32,
) -> isize {
    let entry = entry(fd);
    // SAFETY: the caller's buffer and room.
    unsafe {
        match entry.kind {
            Kind::Socket(i) => reported(receive(fd, i, buffer, len, flags)),
            Kind::Pair(i, _) => reported(pipe::read(fd, i, buffer, len, !may_block(fd, flags))),
            _ => match await_input(fd, flags) {
                Ok(()) => kernel!(SYS_recvfrom, fd, buffer, len, flags, address, address_len),
                Err(error) => fail(error) as isize,
            },
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn recvmsg(fd: i32, message: *mut libc::msghdr, flags: i32) -> isize {
    if !matches!(entry(fd).kind, Kind::Socket(_) | Kind::Pair(..)) {
        if let Err(error) = await_input(fd, flags) {
            return fail(error) as isize;
        }
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { kernel!(SYS_recvmsg, fd, message, flags) };
    }
    // SAFETY: the caller's message is whole.
    let message = unsafe { &mut *message };
    (message.msg_namelen, message.msg_controllen, message.msg_flags) = (0, 0, 0);
    let mut begun = false;
    each_vector(message.msg_iov, message.msg_iovlen as i32, |base, len| {
        // What was received in part never waits for the rest.
        let flags = if core::mem::replace(&mut begun, true) { flags | libc::MSG_DONTWAIT } else { flags };
        // SAFETY: the caller owns what the vectors name.
        unsafe { recv(fd, base, len, flags) }
    })
}

#[unsafe(export_name = "send")]
unsafe extern "C" fn send_call(fd: i32, buffer: *const u8, len: usize, flags: i32) -> isize {
    // SAFETY: the caller's buffer, to nobody in particular.
    unsafe { sendto(fd, buffer, len, flags, core::ptr::null(), 0) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sendto(
    fd: i32,
    buffer: *const u8,
    len: usize,
    flags: i32,
    address: *const u8,
    address_len: u32,
) -> isize {
    // SAFETY: the caller's buffer and address.
    unsafe {
        match entry(fd).kind {
            Kind::Socket(i) => written(send(fd, i, buffer, len, flags), flags),
            Kind::Pair(_, i) => written(pipe::write(fd, i, buffer, len, !may_block(fd, flags)), flags),
            _ => kernel!(SYS_sendto, fd, buffer, len, flags, address, address_len),
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn sendmsg(fd: i32, message: *const libc::msghdr, flags: i32) -> isize {
    if !matches!(entry(fd).kind, Kind::Socket(_) | Kind::Pair(..)) {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { kernel!(SYS_sendmsg, fd, message, flags) };
    }
    // SAFETY: the caller's message is whole.
    let message = unsafe { &*message };
    // SAFETY: the caller owns what the vectors name.
    each_vector(message.msg_iov, message.msg_iovlen as i32, |base, len| unsafe {
        send_call(fd, base, len, flags)
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn shutdown(fd: i32, how: i32) -> i32 {
    let i = match entry(fd).kind {
        Kind::Socket(i) => i,
        Kind::Pair(read, written) => return pipe::shut(read, written, how),
        // SAFETY: the caller's arguments, handed on as they are.
        _ => return unsafe { kernel!(SYS_shutdown, fd, how) as i32 },
    };
    let s = at(i);
    if !(libc::SHUT_RD..=libc::SHUT_RDWR).contains(&how) {
        return fail(libc::EINVAL);
    }
    if s.state.get() != state::CONNECTED {
        return fail(libc::ENOTCONN);
    }
    if how != libc::SHUT_RD && s.tx_shut.replace(1) == 0 {
        turn::report(record::SHUT, s.handle.get(), 0, 0);
    }
    if how != libc::SHUT_WR {
        s.rx_eof.set(1);
    }
    0
}
