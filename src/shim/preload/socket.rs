//! Simulated TCP: the server's half of every connection, with the scheduler's network as the other half.

use crate::calls::O_NONBLOCK;
use crate::descriptor::{self, Kind, entry};
use crate::life::alive;
use crate::page::{self, NOBODY, SOCKETS, Socket, record, socket_state as state};
use crate::ready::{self, is_named, wait_for};
use crate::sys::{self, fail, reported, sys};
use crate::thread::NO_DEADLINE;
use crate::turn;

const AF_INET: i32 = 2;
const SOCK_STREAM: i32 = 1;
const SOCK_NONBLOCK: i32 = O_NONBLOCK;
const SOL_SOCKET: i32 = 1;
const SO_TYPE: i32 = 3;
const SO_ERROR: i32 = 4;
const SO_LINGER: i32 = 13;
const MSG_PEEK: i32 = 2;
const MSG_DONTWAIT: i32 = 0x40;

/// `struct sockaddr_in`.
#[repr(C)]
struct Address {
    family: u16,
    port: u16,
    address: u32,
    zero: u64,
}

fn at(i: usize) -> &'static Socket {
    &turn::page().sockets[i]
}

fn index_of(fd: i32) -> Option<usize> {
    match entry(fd).kind {
        Kind::Socket(i) => Some(i),
        _ => None,
    }
}

/// Writes an address where the caller has room for `*len` bytes of it.
unsafe fn store_address(to: *mut u8, len: *mut u32, address: u32, port: u16) {
    if to.is_null() || len.is_null() {
        return;
    }
    let full = Address { family: AF_INET as u16, port: port.to_be(), address: address.to_be(), zero: 0 };
    // SAFETY: the caller owns `*len` bytes at `to`.
    unsafe {
        let copied = (*len as usize).min(core::mem::size_of::<Address>());
        core::ptr::copy_nonoverlapping((&raw const full).cast::<u8>(), to, copied);
        *len = core::mem::size_of::<Address>() as u32;
    }
}

/// Host and port of an address of the caller's, if it is one of IPv4.
unsafe fn load_address(from: *const u8) -> Option<(u32, u16)> {
    // SAFETY: the caller's address is whole.
    let given = unsafe { &*from.cast::<Address>() };
    let is_ipv4 = i32::from(given.family) == AF_INET;
    is_ipv4.then(|| (u32::from_be(given.address), u16::from_be(given.port)))
}

/// A free socket of the page, made fresh.
fn allocate() -> Option<usize> {
    let i = (0..SOCKETS).find(|i| at(*i).state.get() == state::FREE)?;
    let handle = turn::page().next_handle.get();
    turn::page().next_handle.set(handle + 1);
    let s = at(i);
    for word in [&s.local_address, &s.peer_address, &s.pending_count, &s.rx_start, &s.rx_end, &s.rx_eof] {
        word.set(0);
    }
    for word in [&s.tx_shut, &s.rx_more, &s.linger_abort] {
        word.set(0);
    }
    s.refs.iter().for_each(|count| count.set(0));
    s.credit.set(0);
    s.error.set(0);
    s.local_port.set(0);
    s.peer_port.set(0);
    s.pending.set(NOBODY);
    s.pending_last.set(NOBODY);
    s.handle.set(handle);
    s.state.set(state::FRESH);
    Some(i)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn socket(domain: i32, kind: i32, protocol: i32) -> i32 {
    const SOCKET: usize = 41;
    if !alive() {
        // SAFETY: the caller's arguments, handed on as they are.
        return reported(unsafe { sys!(SOCKET, domain, kind, protocol) }) as i32;
    }
    if domain != AF_INET || kind & 0xf != SOCK_STREAM {
        return fail(sys::EAFNOSUPPORT);
    }
    let Some(i) = allocate() else {
        return fail(sys::ENFILE);
    };
    let fd = descriptor::new(Kind::Socket(i), kind & SOCK_NONBLOCK != 0);
    if fd < 0 {
        at(i).state.set(state::FREE);
        return fail(-fd);
    }
    at(i).refs[turn::my_number()].set(1);
    fd
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bind(fd: i32, address: *const u8, _len: u32) -> i32 {
    const EADDRNOTAVAIL: i32 = 99;
    let Some(i) = index_of(fd) else {
        return fail(sys::ENOTSOCK);
    };
    // SAFETY: the caller's address.
    let Some((host, port)) = (unsafe { load_address(address) }) else {
        return fail(sys::EAFNOSUPPORT);
    };
    if host != 0 && host != turn::page().address.get() {
        return fail(EADDRNOTAVAIL);
    }
    let taken = |s: &Socket| s.state.get() == state::LISTENING && s.local_port.get() == port;
    if port != 0 && turn::page().sockets.iter().any(taken) {
        return fail(sys::EADDRINUSE);
    }
    at(i).local_port.set(port);
    at(i).local_address.set(host);
    0
}

/// Gives the socket a local port if it has none yet; which it has now.
fn port_of(s: &Socket) -> u16 {
    if s.local_port.get() == 0 {
        s.local_port.set(next_port());
    }
    s.local_port.get()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn listen(fd: i32, _backlog: i32) -> i32 {
    let Some(i) = index_of(fd) else {
        return fail(sys::ENOTSOCK);
    };
    let port = port_of(at(i));
    at(i).state.set(state::LISTENING);
    turn::report(record::LISTEN, at(i).handle.get(), u64::from(port), 0);
    0
}

fn next_port() -> u16 {
    const FIRST: u32 = 32_768;
    const COUNT: u32 = 28_232;
    let next = turn::page().next_port.get() + 1;
    turn::page().next_port.set(next);
    (FIRST + next % COUNT) as u16
}

#[unsafe(no_mangle)]
unsafe extern "C" fn connect(fd: i32, address: *const u8, len: u32) -> i32 {
    const CONNECT: usize = 42;
    if !alive() {
        // SAFETY: the caller's arguments, handed on as they are.
        return reported(unsafe { sys!(CONNECT, fd, address, len) }) as i32;
    }
    let Some(i) = index_of(fd) else {
        return fail(sys::ENOTSOCK);
    };
    if let Some(error) = why_not_dialled(i) {
        return fail(error);
    }
    // SAFETY: the caller's address.
    let Some((host, port)) = (unsafe { load_address(address) }) else {
        return fail(sys::EAFNOSUPPORT);
    };
    dial(at(i), host, port);
    if entry(fd).nonblocking {
        return fail(sys::EINPROGRESS);
    }
    while at(i).state.get() == state::CONNECTING {
        wait_for(fd, ready::OUT, NO_DEADLINE);
    }
    match at(i).error.take() {
        0 => 0,
        error => fail(error),
    }
}

/// The `errno` of a socket that cannot be dialled (any more).
fn why_not_dialled(i: usize) -> Option<i32> {
    match at(i).state.get() {
        state::FRESH => None,
        state::CONNECTING => Some(sys::EALREADY),
        state::CONNECTED => Some(sys::EISCONN),
        _ => Some(match at(i).error.take() {
            0 => sys::ECONNREFUSED,
            error => error,
        }),
    }
}

fn dial(s: &Socket, address: u32, port: u16) {
    let local_port = port_of(s);
    s.local_address.set(turn::page().address.get());
    s.peer_address.set(address);
    s.peer_port.set(port);
    s.state.set(state::CONNECTING);
    let target = u64::from(address) << 16 | u64::from(port);
    turn::report(record::CONNECT, s.handle.get(), target, u64::from(local_port));
}

#[unsafe(no_mangle)]
unsafe extern "C" fn accept4(fd: i32, address: *mut u8, len: *mut u32, flags: i32) -> i32 {
    let Some(listener) = index_of(fd) else {
        return fail(sys::ENOTSOCK);
    };
    if at(listener).state.get() != state::LISTENING {
        return fail(sys::EINVAL);
    }
    while at(listener).pending.get() == NOBODY {
        if entry(fd).nonblocking {
            return fail(sys::EAGAIN);
        }
        wait_for(fd, ready::IN, NO_DEADLINE);
    }
    let i = usize::from(at(listener).pending.get());
    let new = descriptor::new(Kind::Socket(i), flags & SOCK_NONBLOCK != 0);
    if new < 0 {
        return fail(-new);
    }
    unqueue(at(listener));
    at(i).refs[turn::my_number()].set(1);
    // SAFETY: the caller's room for an address.
    unsafe { store_address(address, len, at(i).peer_address.get(), at(i).peer_port.get()) };
    new
}

/// Takes the first waiting connection off a listening socket.
fn unqueue(listener: &Socket) {
    let first = at(usize::from(listener.pending.get()));
    listener.pending.set(first.pending.replace(NOBODY));
    listener.pending_count.update(|count| count - 1);
    if listener.pending.get() == NOBODY {
        listener.pending_last.set(NOBODY);
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn accept(fd: i32, address: *mut u8, len: *mut u32) -> i32 {
    // SAFETY: the caller's arguments, as for `accept4`.
    unsafe { accept4(fd, address, len, 0) }
}

/// Closes one descriptor of a socket; the last one closes the connection.
pub fn close(i: usize) {
    let s = at(i);
    s.refs[turn::my_number()].update(|count| count - 1);
    if is_named(&s.refs) {
        return;
    }
    match s.state.get() {
        state::LISTENING => close_listener(s),
        state::FRESH => {}
        _ => {
            let unread = s.rx_end.get() > s.rx_start.get() || s.rx_more.get() != 0;
            let reset = unread || s.linger_abort.get() != 0;
            turn::report(record::CLOSE, s.handle.get(), u64::from(reset), 0);
        }
    }
    s.state.set(state::FREE);
}

fn close_listener(s: &Socket) {
    while s.pending.get() != NOBODY {
        let waiting = at(usize::from(s.pending.get()));
        unqueue(s);
        turn::report(record::CLOSE, waiting.handle.get(), 1, 0);
        waiting.state.set(state::FREE);
    }
    turn::report(record::UNLISTEN, s.handle.get(), u64::from(s.local_port.get()), 0);
}

/// Sends bytes; how many, or a negative `errno`.
///
/// # Safety
/// The caller owns `len` bytes at `buffer`.
pub unsafe fn send(fd: i32, i: usize, buffer: *const u8, len: usize, nonblocking: bool) -> isize {
    let mut done = 0;
    while done < len {
        match sendable(at(i)) {
            Ok(0) if nonblocking => return if done > 0 { done as isize } else { -sys::EAGAIN as isize },
            Ok(0) => wait_for(fd, ready::OUT, NO_DEADLINE),
            Ok(room) => {
                let part = room.min(len - done);
                at(i).credit.update(|credit| credit - part as u64);
                // SAFETY: a part of the caller's buffer.
                let bytes = unsafe { core::slice::from_raw_parts(buffer.add(done), part) };
                turn::report_sent(at(i).handle.get(), bytes);
                done += part;
            }
            Err(error) => return -error as isize,
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
        state::DEAD | state::CONNECTED => Err(sys::EPIPE),
        _ => Err(sys::ENOTCONN),
    }
}

/// Receives bytes; how many (0 at the end), or a negative `errno`.
///
/// # Safety
/// The caller owns `len` bytes at `buffer`.
pub unsafe fn receive(
    fd: i32,
    i: usize,
    buffer: *mut u8,
    len: usize,
    nonblocking: bool,
    take: bool,
) -> isize {
    let s = at(i);
    loop {
        if s.rx_start.get() == s.rx_end.get() && s.rx_more.get() != 0 {
            // The scheduler holds bytes that have already arrived; it moves them up when it is asked.
            turn::hand_over(page::state::FLUSH);
        }
        if s.rx_end.get() > s.rx_start.get() {
            // SAFETY: the caller's buffer.
            return unsafe { take_received(i, buffer, len, take) };
        }
        match s.state.get() {
            state::DEAD if s.error.get() != 0 => return -s.error.take() as isize,
            state::DEAD => return 0,
            state::CONNECTED if s.rx_eof.get() != 0 => return 0,
            state::CONNECTED | state::CONNECTING if nonblocking => return -sys::EAGAIN as isize,
            state::CONNECTED | state::CONNECTING => wait_for(fd, ready::IN, NO_DEADLINE),
            _ => return -sys::ENOTCONN as isize,
        }
    }
}

unsafe fn take_received(i: usize, buffer: *mut u8, len: usize, take: bool) -> isize {
    let s = at(i);
    let (start, end) = (s.rx_start.get(), s.rx_end.get());
    let count = ((end - start) as usize).min(len);
    let source = turn::area(page::RX_AT + i * page::RX_BYTES + start as usize);
    // SAFETY: unread bytes of the receive area, and the caller's buffer.
    unsafe { core::ptr::copy_nonoverlapping(source, buffer, count) };
    if take && count > 0 {
        let all_read = count as u32 == end - start;
        s.rx_start.set(if all_read { 0 } else { start + count as u32 });
        s.rx_end.set(if all_read { 0 } else { end });
        turn::report(record::CONSUMED, s.handle.get(), count as u64, 0);
    }
    count as isize
}

#[unsafe(no_mangle)]
unsafe extern "C" fn recv(fd: i32, buffer: *mut u8, len: usize, flags: i32) -> isize {
    let Some(i) = index_of(fd) else {
        return fail(sys::ENOTSOCK) as isize;
    };
    let nonblocking = entry(fd).nonblocking || flags & MSG_DONTWAIT != 0;
    // SAFETY: the caller's buffer.
    reported(unsafe { receive(fd, i, buffer, len, nonblocking, flags & MSG_PEEK == 0) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn __recv_chk(fd: i32, buffer: *mut u8, len: usize, _size: usize, flags: i32) -> isize {
    // SAFETY: the caller's buffer, as for `recv`.
    unsafe { recv(fd, buffer, len, flags) }
}

#[unsafe(export_name = "send")]
unsafe extern "C" fn send_call(fd: i32, buffer: *const u8, len: usize, flags: i32) -> isize {
    let Some(i) = index_of(fd) else {
        return fail(sys::ENOTSOCK) as isize;
    };
    let nonblocking = entry(fd).nonblocking || flags & MSG_DONTWAIT != 0;
    // SAFETY: the caller's buffer.
    reported(unsafe { send(fd, i, buffer, len, nonblocking) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn shutdown(fd: i32, how: i32) -> i32 {
    const SHUT_RD: i32 = 0;
    const SHUT_WR: i32 = 1;
    let Some(i) = index_of(fd) else {
        return fail(sys::ENOTSOCK);
    };
    let s = at(i);
    if s.state.get() != state::CONNECTED {
        return fail(sys::ENOTCONN);
    }
    if how != SHUT_RD && s.tx_shut.replace(1) == 0 {
        turn::report(record::SHUT, s.handle.get(), 0, 0);
    }
    if how != SHUT_WR {
        s.rx_eof.set(1);
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getsockname(fd: i32, address: *mut u8, len: *mut u32) -> i32 {
    let Some(i) = index_of(fd) else {
        return fail(sys::ENOTSOCK);
    };
    // SAFETY: the caller's room for an address.
    unsafe { store_address(address, len, at(i).local_address.get(), at(i).local_port.get()) };
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getpeername(fd: i32, address: *mut u8, len: *mut u32) -> i32 {
    let Some(i) = index_of(fd) else {
        return fail(sys::ENOTSOCK);
    };
    if at(i).state.get() != state::CONNECTED {
        return fail(sys::ENOTCONN);
    }
    // SAFETY: the caller's room for an address.
    unsafe { store_address(address, len, at(i).peer_address.get(), at(i).peer_port.get()) };
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn setsockopt(fd: i32, level: i32, name: i32, value: *const u8, _len: u32) -> i32 {
    let Some(i) = index_of(fd) else {
        return fail(sys::ENOTSOCK);
    };
    if level == SOL_SOCKET && name == SO_LINGER {
        // SAFETY: this option's value is two numbers.
        let [on, seconds] = unsafe { *value.cast::<[i32; 2]>() };
        at(i).linger_abort.set(u32::from(on != 0 && seconds == 0));
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getsockopt(fd: i32, level: i32, name: i32, value: *mut u8, len: *mut u32) -> i32 {
    let Some(i) = index_of(fd) else {
        return fail(sys::ENOTSOCK);
    };
    let answer = match (level, name) {
        (SOL_SOCKET, SO_ERROR) => at(i).error.take(),
        (SOL_SOCKET, SO_TYPE) => SOCK_STREAM,
        _ => 0,
    };
    // SAFETY: the caller owns `*len` bytes at `value`.
    unsafe {
        core::ptr::write_bytes(value, 0, *len as usize);
        if *len >= 4 {
            *value.cast::<i32>() = answer;
        }
    }
    0
}
