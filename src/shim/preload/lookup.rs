//! Name service: numeric addresses only, without a question to anybody.

use crate::life::{alive, real};
use crate::sys::fail;

const AF_INET: i32 = libc::AF_INET;
const NO_NAME: i32 = -2;

/// `struct addrinfo`, followed by its address.
#[repr(C)]
struct Found {
    flags: i32,
    family: i32,
    kind: i32,
    protocol: i32,
    address_len: u32,
    address: *mut u8,
    name: *mut u8,
    next: *mut Found,
    family_and_port: [u8; 4],
    ip: [u8; 4],
    zero: u64,
}

/// The bytes of a text that may be missing.
///
/// # Safety
/// `pointer` is null, or a text that ends with NUL and lives as long as it is looked at.
unsafe fn text<'a>(pointer: *const u8) -> &'a [u8] {
    if pointer.is_null() {
        return b"";
    }
    // SAFETY: as for this function.
    unsafe { core::ffi::CStr::from_ptr(pointer.cast()).to_bytes() }
}

fn parse_address(name: &[u8]) -> Option<[u8; 4]> {
    if name.is_empty() {
        return Some([0; 4]);
    }
    if name == b"localhost" {
        return Some([127, 0, 0, 1]);
    }
    let mut parts = core::str::from_utf8(name).ok()?.split('.');
    let mut ip = [0u8; 4];
    for byte in &mut ip {
        *byte = parts.next()?.parse().ok()?;
    }
    parts.next().is_none().then_some(ip)
}

fn parse_port(service: &[u8]) -> u16 {
    core::str::from_utf8(service).ok().and_then(|port| port.parse().ok()).unwrap_or(0)
}

/// An answer in memory of its own, as the C library gives it.
fn answer(ip: [u8; 4], port: u16) -> *mut Found {
    unsafe extern "C" {
        fn malloc(bytes: usize) -> *mut u8;
    }
    let [high, low] = port.to_be_bytes();
    // SAFETY: memory for one answer, which is written whole.
    unsafe {
        let found = malloc(size_of::<Found>()).cast::<Found>();
        found.write(Found {
            flags: 0,
            family: AF_INET,
            kind: libc::SOCK_STREAM,
            protocol: libc::IPPROTO_TCP,
            address_len: 16,
            address: (&raw mut (*found).family_and_port).cast(),
            name: core::ptr::null_mut(),
            next: core::ptr::null_mut(),
            family_and_port: [AF_INET as u8, 0, high, low],
            ip,
            zero: 0,
        });
        found
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getaddrinfo(
    name: *const u8,
    service: *const u8,
    hints: *const Found,
    result: *mut *mut Found,
) -> i32 {
    if !alive() {
        let next = real!("getaddrinfo" as fn(*const u8, *const u8, *const Found, *mut *mut Found) -> i32);
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { next(name, service, hints, result) };
    }
    // SAFETY: the caller's hints, texts and room for the answer.
    unsafe {
        let wanted = hints.as_ref().map_or(0, |hints| hints.family);
        let Some(ip) = parse_address(text(name)).filter(|_| wanted == 0 || wanted == AF_INET) else {
            // A server skips a family that the machine does not have, if it is told so by `errno`.
            fail(libc::EAFNOSUPPORT);
            return NO_NAME;
        };
        *result = answer(ip, parse_port(text(service)));
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn freeaddrinfo(found: *mut u8) {
    unsafe extern "C" {
        fn free(memory: *mut u8);
    }
    if !alive() {
        // SAFETY: the caller's argument, handed on as it is.
        return unsafe { real!("freeaddrinfo" as fn(*mut u8))(found) };
    }
    // SAFETY: memory of `answer`, which the caller gives back.
    unsafe { free(found) };
}
