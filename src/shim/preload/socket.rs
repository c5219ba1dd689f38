//! Simulated TCP: how connections are made and ended, with the scheduler's network as the other half.

use crate::descriptor::{self, Kind, entry, socket as at, socket_of as index_of};
use crate::life::alive;
use crate::option;
use crate::page::{self, NOBODY, SOCKETS, Socket, record, socket_state as state};
use crate::ready::{self, deadline_of, wait_for};
use crate::sys::{fail, kernel};
use crate::{kernel_pipe, turn, unshared};

const AF_INET: i32 = libc::AF_INET;
const TYPE_MASK: i32 = 0xf;

/// `struct sockaddr_in`.
#[repr(C)]
struct Address {
    family: u16,
    port: u16,
    address: u32,
    zero: u64,
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

/// Host and port of an address of the caller's, or the `errno` for another.
unsafe fn load_address(from: *const u8, len: u32) -> Result<(u32, u16), i32> {
    if (len as usize) < size_of::<Address>() {
        return Err(libc::EINVAL);
    }
    // SAFETY: the caller's address is whole.
    let given = unsafe { from.cast::<Address>().read_unaligned() };
    if i32::from(given.family) != AF_INET {
        return Err(libc::EAFNOSUPPORT);
    }
    Ok((u32::from_be(given.address), u16::from_be(given.port)))
}

/// The host that an address leads to: the loopback addresses all lead to this one.
fn host_of(address: u32) -> u32 {
    if page::is_loopback(address) { turn::page().address.get() } else { address }
}

/// The address that a socket has which dials another: its own if it has one there, else the host's on that side.
fn local_for(s: &Socket, address: u32) -> u32 {
    let bound = s.local_address.get();
    match page::is_loopback(address) {
        true if page::is_loopback(bound) => bound,
        true => page::LOOPBACK,
        false => turn::page().address.get(),
    }
}

/// Gives the socket a name that the scheduler does not know yet.
fn name_anew(s: &Socket) {
    let handle = turn::page().next_handle.get();
    turn::page().next_handle.set(handle + 1);
    s.handle.set(handle);
}

/// The first free socket of the page, taken.
fn take_free() -> Option<usize> {
    let (used, full) = (&turn::page().sockets_used, &turn::page().sockets_full);
    let i = (full.get() as usize..SOCKETS).find(|i| turn::page().sockets[*i].state.get() == state::FREE)?;
    full.set(i as u32 + 1);
    used.set(used.get().max(i as u32 + 1));
    Some(i)
}

/// A socket that was in use can be taken again.
fn set_free(i: usize) {
    at(i).state.set(state::FREE);
    turn::page().sockets_full.update(|full| full.min(i as u32));
}

/// A free socket of the page, made fresh.
fn allocate() -> Option<usize> {
    let i = take_free()?;
    let s = at(i);
    option::reset(s);
    for word in [&s.local_address, &s.peer_address, &s.pending_count, &s.rx_start, &s.rx_end, &s.rx_eof] {
        word.set(0);
    }
    for word in [&s.tx_shut, &s.rx_more] {
        word.set(0);
    }
    descriptor::all_socket_refs(i).for_each(|count| count.set(0));
    s.credit.set(0);
    s.error.set(0);
    s.local_port.set(0);
    s.peer_port.set(0);
    s.pending.set(NOBODY);
    s.pending_last.set(NOBODY);
    name_anew(s);
    s.state.set(state::FRESH);
    Some(i)
}

/// What stands behind a simulated socket. A guest has a real one for each: it may close what it does not know, and ask what a
/// descriptor is.
fn backing(flags: i32) -> isize {
    let close_on_exec = flags & libc::SOCK_CLOEXEC != 0;
    match turn::is_guest() {
        true => descriptor::new_real_socket(close_on_exec),
        false => descriptor::new_socket(close_on_exec),
    }
}

/// The `errno` for a socket that is none of TCP over IPv4.
fn why_not_made(domain: i32, kind: i32, protocol: i32) -> Option<i32> {
    const TYPES: i32 = 11;
    let flags = kind & !TYPE_MASK & !(libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC);
    match kind & TYPE_MASK {
        kind if flags != 0 || kind >= TYPES => Some(libc::EINVAL),
        libc::SOCK_STREAM if domain == AF_INET && ![0, libc::IPPROTO_TCP].contains(&protocol) => {
            Some(libc::EPROTONOSUPPORT)
        }
        libc::SOCK_STREAM if domain == AF_INET => None,
        _ => Some(libc::EAFNOSUPPORT),
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn socket(domain: i32, kind: i32, protocol: i32) -> i32 {
    // A guest's sockets of its own host are the kernel's, as its pipes are.
    if !alive() || turn::is_guest() && domain == libc::AF_UNIX {
        // SAFETY: the caller's arguments, handed on as they are.
        let fd = unsafe { kernel!(SYS_socket, domain, kind, protocol) as i32 };
        unshared::made_local(fd, kind & TYPE_MASK == libc::SOCK_STREAM);
        return fd;
    }
    if let Some(error) = why_not_made(domain, kind, protocol) {
        return fail(error);
    }
    let fd = backing(kind);
    if fd < 0 {
        return fail(-fd as i32);
    }
    let Some(i) = allocate() else {
        // SAFETY: the descriptor was just made.
        unsafe { kernel!(SYS_close, fd) };
        return fail(libc::ENFILE);
    };
    descriptor::socket_refs(i).set(1);
    descriptor::adopt(fd, Kind::Socket(i), kind & libc::SOCK_NONBLOCK != 0)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bind(fd: i32, address: *const u8, len: u32) -> i32 {
    let Some(i) = index_of(fd) else {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { kernel!(SYS_bind, fd, address, len) as i32 };
    };
    // SAFETY: the caller's address.
    let (host, port) = match unsafe { load_address(address, len) } {
        Ok(address) => address,
        Err(error) => return fail(error),
    };
    if let Some(error) = why_not_bound(at(i), host, port) {
        return fail(error);
    }
    at(i).local_port.set(if port == 0 { next_port() } else { port });
    at(i).local_address.set(host);
    0
}

/// The `errno` for an address that this socket cannot have.
fn why_not_bound(s: &Socket, host: u32, port: u16) -> Option<i32> {
    if s.state.get() != state::FRESH || s.local_port.get() != 0 {
        return Some(libc::EINVAL);
    }
    if host != 0 && host_of(host) != turn::page().address.get() {
        return Some(libc::EADDRNOTAVAIL);
    }
    let is_in_way = |other: &Socket| match other.state.get() {
        state::LISTENING => true,
        state::FRESH => !(option::reuses_address(s) && option::reuses_address(other)),
        _ => false,
    };
    let is_taken = |other: &Socket| other.local_port.get() == port && is_in_way(other);
    (port != 0 && turn::sockets().iter().any(is_taken)).then_some(libc::EADDRINUSE)
}

/// Gives the socket a local port if it has none yet; which it has now.
fn port_of(s: &Socket) -> u16 {
    if s.local_port.get() == 0 {
        s.local_port.set(next_port());
    }
    s.local_port.get()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn listen(fd: i32, backlog: i32) -> i32 {
    let Some(i) = index_of(fd) else {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { kernel!(SYS_listen, fd, backlog) as i32 };
    };
    match at(i).state.get() {
        state::FRESH => {}
        state::LISTENING => return 0,
        _ => return fail(libc::EINVAL),
    }
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
    let Some(i) = index_of(fd) else {
        unshared::call_locally();
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { kernel!(SYS_connect, fd, address, len) as i32 };
    };
    // SAFETY: the caller's address.
    let target = unsafe { load_address(address, len) };
    match target.and_then(|target| connect_to(fd, i, target)) {
        Ok(()) => 0,
        Err(error) => fail(error),
    }
}

fn connect_to(fd: i32, i: usize, (host, port): (u32, u16)) -> Result<(), i32> {
    let s = at(i);
    if let Some(error) = why_not_dialled(s) {
        return Err(error);
    }
    dial(s, host, port);
    if entry(fd).nonblocking {
        return Err(libc::EINPROGRESS);
    }
    let deadline = deadline_of(s.send_timeout_ns.get());
    while s.state.get() == state::CONNECTING {
        wait_for(fd, ready::OUT, deadline).map_err(|error| match error {
            libc::EAGAIN => libc::EINPROGRESS,
            error => error,
        })?;
    }
    match s.error.take() {
        0 => Ok(()),
        error => {
            revive(s);
            Err(error)
        }
    }
}

/// A socket whose connection never came to be can be dialled again, under another name.
fn revive(s: &Socket) {
    turn::report(record::CLOSE, s.handle.get(), 0, 0);
    name_anew(s);
    s.local_port.set(0);
    s.state.set(state::FRESH);
}

/// The `errno` of a socket that cannot be dialled (any more).
fn why_not_dialled(s: &Socket) -> Option<i32> {
    match s.state.get() {
        state::FRESH => None,
        state::CONNECTING => Some(libc::EALREADY),
        state::DEAD if s.error.get() != 0 => Some(s.error.take()),
        state::DEAD => {
            revive(s);
            None
        }
        _ => Some(libc::EISCONN),
    }
}

fn dial(s: &Socket, address: u32, port: u16) {
    let local_port = port_of(s);
    s.local_address.set(local_for(s, address));
    s.peer_address.set(address);
    s.peer_port.set(port);
    s.state.set(state::CONNECTING);
    let target = u64::from(host_of(address)) << 16 | u64::from(port);
    turn::report(record::CONNECT, s.handle.get(), target, u64::from(local_port));
}

#[unsafe(no_mangle)]
unsafe extern "C" fn accept4(fd: i32, address: *mut u8, len: *mut u32, flags: i32) -> i32 {
    let Some(listener) = index_of(fd) else {
        if let Err(error) = kernel_pipe::await_input(fd) {
            return fail(error);
        }
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { kernel!(SYS_accept4, fd, address, len, flags) as i32 };
    };
    if let Err(error) = await_connection(fd, at(listener)) {
        return fail(error);
    }
    let new = backing(flags);
    if new < 0 {
        return fail(-new as i32);
    }
    let i = usize::from(at(listener).pending.get());
    unqueue(at(listener));
    descriptor::socket_refs(i).set(1);
    // SAFETY: the caller's room for an address.
    unsafe { store_address(address, len, at(i).peer_address.get(), at(i).peer_port.get()) };
    descriptor::adopt(new, Kind::Socket(i), flags & libc::SOCK_NONBLOCK != 0)
}

fn await_connection(fd: i32, listener: &Socket) -> Result<(), i32> {
    if listener.state.get() != state::LISTENING {
        return Err(libc::EINVAL);
    }
    let deadline = deadline_of(listener.receive_timeout_ns.get());
    while listener.pending.get() == NOBODY {
        if entry(fd).nonblocking {
            return Err(libc::EAGAIN);
        }
        wait_for(fd, ready::IN, deadline)?;
    }
    Ok(())
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
    descriptor::socket_refs(i).update(|count| count - 1);
    if descriptor::all_socket_refs(i).any(|count| count.get() > 0) {
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
    set_free(i);
}

fn close_listener(s: &Socket) {
    while s.pending.get() != NOBODY {
        let waiting = usize::from(s.pending.get());
        unqueue(s);
        turn::report(record::CLOSE, at(waiting).handle.get(), 1, 0);
        set_free(waiting);
    }
    turn::report(record::UNLISTEN, s.handle.get(), u64::from(s.local_port.get()), 0);
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getsockname(fd: i32, address: *mut u8, len: *mut u32) -> i32 {
    let Some(i) = index_of(fd) else {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { kernel!(SYS_getsockname, fd, address, len) as i32 };
    };
    // SAFETY: the caller's room for an address.
    unsafe { store_address(address, len, at(i).local_address.get(), at(i).local_port.get()) };
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getpeername(fd: i32, address: *mut u8, len: *mut u32) -> i32 {
    let Some(i) = index_of(fd) else {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { kernel!(SYS_getpeername, fd, address, len) as i32 };
    };
    if at(i).state.get() != state::CONNECTED {
        return fail(libc::ENOTCONN);
    }
    // SAFETY: the caller's room for an address.
    unsafe { store_address(address, len, at(i).peer_address.get(), at(i).peer_port.get()) };
    0
}
