//! Options of sockets: kept and read back as they were set; time-outs and lingering are honoured by whoever blocks and closes.

use crate::clock::Timeval;
use crate::descriptor::{socket as at, socket_of as index_of};
use crate::page::{OPTIONS, Socket, option_at, socket_state as state};
use crate::sys::{fail, kernel};

/// An option that is a number, or a switch if its highest value is 1.
struct Known {
    level: i32,
    name: i32,
    default: i32,
    lowest: i32,
    highest: i32,
}

const fn known(level: i32, name: i32, default: i32, lowest: i32, highest: i32) -> Known {
    Known { level, name, default, lowest, highest }
}

const TCP: i32 = libc::IPPROTO_TCP;
const SOCKET: i32 = libc::SOL_SOCKET;
/// Sizes of buffers are doubled when they are set, and have a least one (`net/core/sock.c`).
const LEAST_BUFFER: i32 = 2304;
const BUFFERS: [i32; 2] = [libc::SO_SNDBUF, libc::SO_RCVBUF];

/// The options with their defaults of Linux and the values that it takes (`net/ipv4/tcp.c`).
const KNOWN: [Known; OPTIONS] = [
    known(SOCKET, libc::SO_REUSEADDR, 0, 0, 1),
    known(SOCKET, libc::SO_REUSEPORT, 0, 0, 1),
    known(SOCKET, libc::SO_KEEPALIVE, 0, 0, 1),
    known(SOCKET, libc::SO_BROADCAST, 0, 0, 1),
    known(SOCKET, libc::SO_OOBINLINE, 0, 0, 1),
    known(SOCKET, libc::SO_SNDBUF, 87_040, 0, i32::MAX),
    known(SOCKET, libc::SO_RCVBUF, 131_072, 0, i32::MAX),
    known(SOCKET, libc::SO_PRIORITY, 0, 0, i32::MAX),
    known(SOCKET, libc::SO_MARK, 0, i32::MIN, i32::MAX),
    known(TCP, libc::TCP_NODELAY, 0, 0, 1),
    known(TCP, libc::TCP_CORK, 0, 0, 1),
    known(TCP, libc::TCP_QUICKACK, 1, 0, 1),
    known(TCP, libc::TCP_KEEPIDLE, 7200, 1, 32_767),
    known(TCP, libc::TCP_KEEPINTVL, 75, 1, 32_767),
    known(TCP, libc::TCP_KEEPCNT, 9, 1, 127),
    known(TCP, libc::TCP_USER_TIMEOUT, 0, 0, i32::MAX),
    known(TCP, libc::TCP_DEFER_ACCEPT, 0, 0, i32::MAX),
    known(libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, 0, 0, 1),
];

const _: () = {
    assert!(KNOWN[option_at::KEEP_ALIVE].name == libc::SO_KEEPALIVE);
    assert!(KNOWN[option_at::KEEP_IDLE].name == libc::TCP_KEEPIDLE);
    assert!(KNOWN[option_at::KEEP_INTERVAL].name == libc::TCP_KEEPINTVL);
    assert!(KNOWN[option_at::KEEP_COUNT].name == libc::TCP_KEEPCNT);
};

/// Whether addresses may be used again at once.
pub fn reuses_address(s: &Socket) -> bool {
    s.options[0].get() != 0
}

/// Gives a socket the options that a new one has.
pub fn reset(s: &Socket) {
    s.options.iter().zip(&KNOWN).for_each(|(value, known)| value.set(known.default));
    s.receive_timeout_ns.set(0);
    s.send_timeout_ns.set(0);
    s.linger_abort.set(0);
}

/// Sets an option from the caller's value; 0, or an `errno`.
unsafe fn set(s: &Socket, level: i32, name: i32, value: *const u8, len: usize) -> i32 {
    match (level, name) {
        (SOCKET, libc::SO_LINGER) if len >= 8 => {
            // SAFETY: this option's value is two numbers.
            let [on, seconds] = unsafe { value.cast::<[i32; 2]>().read_unaligned() };
            s.linger_abort.set(u32::from(on != 0 && seconds == 0));
            0
        }
        (SOCKET, libc::SO_RCVTIMEO | libc::SO_SNDTIMEO) if len >= size_of::<Timeval>() => {
            // SAFETY: this option's value is a time.
            let Timeval { seconds, microseconds } = unsafe { value.cast::<Timeval>().read_unaligned() };
            if !(0..1_000_000).contains(&microseconds) {
                return libc::EDOM;
            }
            let timeout = if name == libc::SO_RCVTIMEO { &s.receive_timeout_ns } else { &s.send_timeout_ns };
            timeout.set(seconds.max(0) as u64 * 1_000_000_000 + microseconds as u64 * 1000);
            0
        }
        _ if len < 4 => libc::EINVAL,
        // SAFETY: every other option's value is a number.
        _ => set_number(s, level, name, unsafe { value.cast::<i32>().read_unaligned() }),
    }
}

fn set_number(s: &Socket, level: i32, name: i32, given: i32) -> i32 {
    let Some(i) = KNOWN.iter().position(|known| (known.level, known.name) == (level, name)) else {
        return libc::ENOPROTOOPT;
    };
    let Known { lowest, highest, .. } = KNOWN[i];
    let value = match highest {
        1 => i32::from(given != 0),
        _ if level == SOCKET && BUFFERS.contains(&name) => given.max(LEAST_BUFFER / 2).saturating_mul(2),
        _ => given,
    };
    if !(lowest..=highest).contains(&value) {
        return libc::EINVAL;
    }
    s.options[i].set(value);
    0
}

/// An option that is a number.
fn number_of(s: &Socket, level: i32, name: i32) -> Option<i32> {
    if let Some(i) = KNOWN.iter().position(|known| (known.level, known.name) == (level, name)) {
        return Some(s.options[i].get());
    }
    match (level, name) {
        (SOCKET, libc::SO_ERROR) => Some(s.error.take()),
        (SOCKET, libc::SO_TYPE) => Some(libc::SOCK_STREAM),
        (SOCKET, libc::SO_DOMAIN) => Some(libc::AF_INET),
        (SOCKET, libc::SO_PROTOCOL) => Some(libc::IPPROTO_TCP),
        (SOCKET, libc::SO_ACCEPTCONN) => Some(i32::from(s.state.get() == state::LISTENING)),
        _ => None,
    }
}

fn timeval(ns: u64) -> Timeval {
    Timeval { seconds: (ns / 1_000_000_000) as i64, microseconds: (ns % 1_000_000_000 / 1000) as i64 }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn setsockopt(fd: i32, level: i32, name: i32, value: *const u8, len: u32) -> i32 {
    let Some(i) = index_of(fd) else {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { kernel!(SYS_setsockopt, fd, level, name, value, len) as i32 };
    };
    // SAFETY: the caller owns `len` bytes at `value`.
    match unsafe { set(at(i), level, name, value, len as usize) } {
        0 => 0,
        error => fail(error),
    }
}

/// Writes a value where the caller has room for `*len` bytes of it.
unsafe fn store<T>(value: T, to: *mut u8, len: *mut u32) -> i32 {
    // SAFETY: the caller owns `*len` bytes at `to`.
    unsafe {
        let copied = (*len as usize).min(size_of::<T>());
        core::ptr::copy_nonoverlapping((&raw const value).cast::<u8>(), to, copied);
        *len = copied as u32;
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getsockopt(fd: i32, level: i32, name: i32, value: *mut u8, len: *mut u32) -> i32 {
    let Some(i) = index_of(fd) else {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { kernel!(SYS_getsockopt, fd, level, name, value, len) as i32 };
    };
    let s = at(i);
    // SAFETY: the caller owns `*len` bytes at `value`.
    unsafe {
        match (level, name) {
            (SOCKET, libc::SO_LINGER) => store([s.linger_abort.get() as i32, 0], value, len),
            (SOCKET, libc::SO_RCVTIMEO) => store(timeval(s.receive_timeout_ns.get()), value, len),
            (SOCKET, libc::SO_SNDTIMEO) => store(timeval(s.send_timeout_ns.get()), value, len),
            _ => match number_of(s, level, name) {
                Some(number) => store(number, value, len),
                None => fail(libc::ENOPROTOOPT),
            },
        }
    }
}
