//! Simulated TCP: the server's half of every connection, with the scheduler's network as the other half.

use crate::descriptor::{self, entry, Kind, O_NONBLOCK};
use crate::epoll::Interest;
use crate::page::{self, record, socket_state as state, Socket, NOBODY, SOCKETS};
use crate::start::alive;
use crate::sys::{self, fail, reported, sys};
use crate::thread::{wait, Wait};
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
const NO_DEADLINE: u64 = u64::MAX;

/// `struct sockaddr_in`.
#[repr(C)]
struct Address {
    family: u16,
    port: u16,
    address: u32,
    zero: u64,
}

fn at(i: usize) -> &'static mut Socket {
    &mut turn::page().sockets[i]
}

unsafe fn index_of(fd: i32) -> Option<usize> {
    match entry(fd).kind {
        Kind::Socket(i) => Some(i),
        _ => None,
    }
}

unsafe fn store_address(to: *mut u8, len: *mut u32, address: u32, port: u16) {
    if to.is_null() || len.is_null() {
        return;
    }
    let full = Address { family: AF_INET as u16, port: port.to_be(), address: address.to_be(), zero: 0 };
    let copied = (*len as usize).min(core::mem::size_of::<Address>());
    core::ptr::copy_nonoverlapping((&raw const full).cast::<u8>(), to, copied);
    *len = core::mem::size_of::<Address>() as u32;
}

/// A free socket of the page, made fresh.
unsafe fn allocate() -> Option<usize> {
    let i = (0..SOCKETS).find(|i| at(*i).state == state::FREE)?;
    let page = turn::page();
    let handle = page.next_handle;
    page.next_handle += 1;
    let s = at(i);
    core::ptr::write_bytes(s as *mut Socket, 0, 1);
    s.handle = handle;
    s.state = state::FRESH;
    s.pending = NOBODY;
    s.pending_last = NOBODY;
    Some(i)
}

#[no_mangle]
unsafe extern "C" fn socket(domain: i32, kind: i32, protocol: i32) -> i32 {
    const SOCKET: usize = 41;
    if !alive() {
        return reported(sys!(SOCKET, domain, kind, protocol)) as i32;
    }
    if domain != AF_INET || kind & 0xf != SOCK_STREAM {
        return fail(sys::EAFNOSUPPORT);
    }
    let Some(i) = allocate() else {
        return fail(sys::ENFILE);
    };
    let fd = descriptor::new(Kind::Socket(i), kind & SOCK_NONBLOCK != 0);
    if fd < 0 {
        at(i).state = state::FREE;
        return fail(-fd);
    }
    at(i).refs[turn::ME] = 1;
    fd
}

#[no_mangle]
unsafe extern "C" fn bind(fd: i32, address: *const u8, _len: u32) -> i32 {
    const EADDRNOTAVAIL: i32 = 99;
    let Some(i) = index_of(fd) else {
        return fail(sys::ENOTSOCK);
    };
    let wanted = &*address.cast::<Address>();
    if i32::from(wanted.family) != AF_INET {
        return fail(sys::EAFNOSUPPORT);
    }
    let (host, port) = (u32::from_be(wanted.address), u16::from_be(wanted.port));
    if host != 0 && host != turn::page().address {
        return fail(EADDRNOTAVAIL);
    }
    let taken = |s: &Socket| s.state == state::LISTENING && s.local_port == port;
    if port != 0 && turn::page().sockets.iter().any(taken) {
        return fail(sys::EADDRINUSE);
    }
    at(i).local_port = port;
    at(i).local_address = host;
    0
}

#[no_mangle]
unsafe extern "C" fn listen(fd: i32, _backlog: i32) -> i32 {
    let Some(i) = index_of(fd) else {
        return fail(sys::ENOTSOCK);
    };
    let s = at(i);
    if s.local_port == 0 {
        s.local_port = next_port();
    }
    s.state = state::LISTENING;
    turn::report(record::LISTEN, s.handle, u64::from(s.local_port), 0);
    0
}

fn next_port() -> u16 {
    const FIRST: u32 = 32_768;
    const COUNT: u32 = 28_232;
    let page = turn::page();
    page.next_port += 1;
    (FIRST + page.next_port % COUNT) as u16
}

#[no_mangle]
unsafe extern "C" fn connect(fd: i32, address: *const u8, _len: u32) -> i32 {
    const CONNECT: usize = 42;
    if !alive() {
        return reported(sys!(CONNECT, fd, address, _len)) as i32;
    }
    let Some(i) = index_of(fd) else {
        return fail(sys::ENOTSOCK);
    };
    match at(i).state {
        state::FRESH => {}
        state::CONNECTING => return fail(sys::EALREADY),
        state::CONNECTED => return fail(sys::EISCONN),
        _ => {
            return fail(match take_error(i) {
                0 => sys::ECONNREFUSED,
                error => error,
            })
        }
    }
    let wanted = &*address.cast::<Address>();
    if i32::from(wanted.family) != AF_INET {
        return fail(sys::EAFNOSUPPORT);
    }
    dial(i, u32::from_be(wanted.address), u16::from_be(wanted.port));
    if entry(fd).nonblocking {
        return fail(sys::EINPROGRESS);
    }
    while at(i).state == state::CONNECTING {
        wait(Wait::Io(Interest::Descriptor(fd, crate::epoll::OUT)), NO_DEADLINE);
    }
    match take_error(i) {
        0 => 0,
        error => fail(error),
    }
}

fn dial(i: usize, address: u32, port: u16) {
    let s = at(i);
    if s.local_port == 0 {
        s.local_port = next_port();
    }
    s.local_address = turn::page().address;
    s.peer_address = address;
    s.peer_port = port;
    s.state = state::CONNECTING;
    let target = u64::from(address) << 16 | u64::from(port);
    turn::report(record::CONNECT, s.handle, target, u64::from(s.local_port));
}

fn take_error(i: usize) -> i32 {
    core::mem::take(&mut at(i).error)
}

#[no_mangle]
unsafe extern "C" fn accept4(fd: i32, address: *mut u8, len: *mut u32, flags: i32) -> i32 {
    let Some(listener) = index_of(fd) else {
        return fail(sys::ENOTSOCK);
    };
    if at(listener).state != state::LISTENING {
        return fail(sys::EINVAL);
    }
    while at(listener).pending == NOBODY {
        if entry(fd).nonblocking {
            return fail(sys::EAGAIN);
        }
        wait(Wait::Io(Interest::Descriptor(fd, crate::epoll::IN)), NO_DEADLINE);
    }
    let i = at(listener).pending as usize;
    let new = descriptor::new(Kind::Socket(i), flags & SOCK_NONBLOCK != 0);
    if new < 0 {
        return fail(-new);
    }
    unqueue(listener);
    at(i).refs[turn::ME] = 1;
    store_address(address, len, at(i).peer_address, at(i).peer_port);
    new
}

/// Takes the first waiting connection off a listening socket.
fn unqueue(listener: usize) {
    let first = at(listener).pending as usize;
    at(listener).pending = at(first).pending;
    at(listener).pending_count -= 1;
    at(first).pending = NOBODY;
    if at(listener).pending == NOBODY {
        at(listener).pending_last = NOBODY;
    }
}

#[no_mangle]
unsafe extern "C" fn accept(fd: i32, address: *mut u8, len: *mut u32) -> i32 {
    accept4(fd, address, len, 0)
}

/// Closes one descriptor of a socket; the last one closes the connection.
pub unsafe fn close(i: usize) {
    at(i).refs[turn::ME] -= 1;
    if at(i).refs.iter().any(|count| *count > 0) {
        return;
    }
    if at(i).state == state::LISTENING {
        while at(i).pending != NOBODY {
            let waiting = at(i).pending as usize;
            unqueue(i);
            turn::report(record::CLOSE, at(waiting).handle, 1, 0);
            at(waiting).state = state::FREE;
        }
        turn::report(record::UNLISTEN, at(i).handle, u64::from(at(i).local_port), 0);
    } else if at(i).state != state::FRESH {
        let unread = at(i).rx_end > at(i).rx_start || at(i).rx_more != 0 || at(i).linger_abort != 0;
        turn::report(record::CLOSE, at(i).handle, unread as u64, 0);
    }
    at(i).state = state::FREE;
}

/// Sends bytes; how many, or a negative `errno`.
pub unsafe fn send(fd: i32, i: usize, buffer: *const u8, len: usize, nonblocking: bool) -> isize {
    let mut done = 0;
    while done < len {
        match sendable(i) {
            Ok(0) if nonblocking => return if done > 0 { done as isize } else { -sys::EAGAIN as isize },
            Ok(0) => wait(Wait::Io(Interest::Descriptor(fd, crate::epoll::OUT)), NO_DEADLINE),
            Ok(room) => {
                let part = room.min(len - done);
                at(i).credit -= part as u64;
                turn::report_sent(at(i).handle, buffer.add(done), part);
                done += part;
            }
            Err(error) => return -error as isize,
        }
    }
    done as isize
}

/// How many bytes can be sent now, or why none ever will.
fn sendable(i: usize) -> Result<usize, i32> {
    let s = at(i);
    match s.state {
        state::CONNECTED if s.tx_shut == 0 => Ok(s.credit as usize),
        state::CONNECTING => Ok(0),
        state::DEAD if s.error != 0 => Err(take_error(i)),
        state::DEAD | state::CONNECTED => Err(sys::EPIPE),
        _ => Err(sys::ENOTCONN),
    }
}

/// Receives bytes; how many (0 at the end), or a negative `errno`.
pub unsafe fn receive(fd: i32, i: usize, buffer: *mut u8, len: usize, nonblocking: bool, take: bool) -> isize {
    loop {
        let s = at(i);
        if s.rx_start == s.rx_end && s.rx_more != 0 {
            // The scheduler holds bytes that have already arrived; it moves them up when it is asked.
            turn::hand_over(page::state::FLUSH);
        }
        if s.rx_end > s.rx_start {
            return take_received(i, buffer, len, take);
        }
        match s.state {
            state::DEAD if s.error != 0 => return -take_error(i) as isize,
            state::DEAD => return 0,
            state::CONNECTED if s.rx_eof != 0 => return 0,
            state::CONNECTED | state::CONNECTING if nonblocking => return -sys::EAGAIN as isize,
            state::CONNECTED | state::CONNECTING => {
                wait(Wait::Io(Interest::Descriptor(fd, crate::epoll::IN)), NO_DEADLINE)
            }
            _ => return -sys::ENOTCONN as isize,
        }
    }
}

unsafe fn take_received(i: usize, buffer: *mut u8, len: usize, take: bool) -> isize {
    let s = at(i);
    let count = ((s.rx_end - s.rx_start) as usize).min(len);
    let source = turn::area(page::RX_AT + i * page::RX_BYTES + s.rx_start as usize);
    core::ptr::copy_nonoverlapping(source, buffer, count);
    if take && count > 0 {
        s.rx_start += count as u32;
        if s.rx_start == s.rx_end {
            s.rx_start = 0;
            s.rx_end = 0;
        }
        turn::report(record::CONSUMED, s.handle, count as u64, 0);
    }
    count as isize
}

#[no_mangle]
unsafe extern "C" fn recv(fd: i32, buffer: *mut u8, len: usize, flags: i32) -> isize {
    let Some(i) = index_of(fd) else {
        return fail(sys::ENOTSOCK) as isize;
    };
    let nonblocking = entry(fd).nonblocking || flags & MSG_DONTWAIT != 0;
    reported(receive(fd, i, buffer, len, nonblocking, flags & MSG_PEEK == 0))
}

#[no_mangle]
unsafe extern "C" fn __recv_chk(fd: i32, buffer: *mut u8, len: usize, _size: usize, flags: i32) -> isize {
    recv(fd, buffer, len, flags)
}

#[export_name = "send"]
unsafe extern "C" fn send_call(fd: i32, buffer: *const u8, len: usize, flags: i32) -> isize {
    let Some(i) = index_of(fd) else {
        return fail(sys::ENOTSOCK) as isize;
    };
    let nonblocking = entry(fd).nonblocking || flags & MSG_DONTWAIT != 0;
    reported(send(fd, i, buffer, len, nonblocking))
}

#[no_mangle]
unsafe extern "C" fn shutdown(fd: i32, how: i32) -> i32 {
    const SHUT_RD: i32 = 0;
    let Some(i) = index_of(fd) else {
        return fail(sys::ENOTSOCK);
    };
    let s = at(i);
    if s.state != state::CONNECTED {
        return fail(sys::ENOTCONN);
    }
    if how != SHUT_RD && s.tx_shut == 0 {
        s.tx_shut = 1;
        turn::report(record::SHUT, s.handle, 0, 0);
    }
    if how != 1 {
        s.rx_eof = 1;
    }
    0
}

#[no_mangle]
unsafe extern "C" fn getsockname(fd: i32, address: *mut u8, len: *mut u32) -> i32 {
    let Some(i) = index_of(fd) else {
        return fail(sys::ENOTSOCK);
    };
    store_address(address, len, at(i).local_address, at(i).local_port);
    0
}

#[no_mangle]
unsafe extern "C" fn getpeername(fd: i32, address: *mut u8, len: *mut u32) -> i32 {
    let Some(i) = index_of(fd) else {
        return fail(sys::ENOTSOCK);
    };
    if at(i).state != state::CONNECTED {
        return fail(sys::ENOTCONN);
    }
    store_address(address, len, at(i).peer_address, at(i).peer_port);
    0
}

#[no_mangle]
unsafe extern "C" fn setsockopt(fd: i32, level: i32, name: i32, value: *const u8, _len: u32) -> i32 {
    let Some(i) = index_of(fd) else {
        return fail(sys::ENOTSOCK);
    };
    if level == SOL_SOCKET && name == SO_LINGER {
        let [on, seconds] = *value.cast::<[i32; 2]>();
        at(i).linger_abort = (on != 0 && seconds == 0) as u32;
    }
    0
}

#[no_mangle]
unsafe extern "C" fn getsockopt(fd: i32, level: i32, name: i32, value: *mut u8, len: *mut u32) -> i32 {
    let Some(i) = index_of(fd) else {
        return fail(sys::ENOTSOCK);
    };
    let answer = match (level, name) {
        (SOL_SOCKET, SO_ERROR) => take_error(i),
        (SOL_SOCKET, SO_TYPE) => SOCK_STREAM,
        _ => 0,
    };
    core::ptr::write_bytes(value, 0, *len as usize);
    if *len >= 4 {
        *value.cast::<i32>() = answer;
    }
    0
}
