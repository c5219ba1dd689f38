//! Name service: numeric addresses only, without a question to anybody.

use crate::life::{alive, real};
use crate::sys::{EAFNOSUPPORT, fail};

const AF_INET: i32 = 2;
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

unsafe fn text<'a>(pointer: *const u8) -> &'a [u8] {
    unsafe {
        if pointer.is_null() {
            return b"";
        }
        core::ffi::CStr::from_ptr(pointer.cast()).to_bytes()
    }
}

fn parse_address(name: &[u8]) -> Option<[u8; 4]> {
    if name.is_empty() {
        return Some([0; 4]);
    }
    let mut parts = core::str::from_utf8(name).ok()?.split('.');
    let mut ip = [0u8; 4];
    for byte in &mut ip {
        *byte = parts.next()?.parse().ok()?;
    }
    parts.next().is_none().then_some(ip)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getaddrinfo(
    name: *const u8,
    service: *const u8,
    hints: *const u8,
    result: *mut *mut u8,
) -> i32 {
    unsafe {
        unsafe extern "C" {
            fn malloc(bytes: usize) -> *mut u8;
        }
        if !alive() {
            let next = real!("getaddrinfo" as fn(*const u8, *const u8, *const u8, *mut *mut u8) -> i32);
            return next(name, service, hints, result);
        }
        let wanted = if hints.is_null() { 0 } else { (*hints.cast::<Found>()).family };
        let port =
            core::str::from_utf8(text(service)).ok().and_then(|port| port.parse::<u16>().ok()).unwrap_or(0);
        let Some(ip) = parse_address(text(name)).filter(|_| wanted == 0 || wanted == AF_INET) else {
            // A server skips a family that the machine does not have, if it is told so by `errno`.
            fail(EAFNOSUPPORT);
            return NO_NAME;
        };
        let found = malloc(core::mem::size_of::<Found>()).cast::<Found>();
        let [high, low] = port.to_be_bytes();
        found.write(Found {
            flags: 0,
            family: AF_INET,
            kind: 1,
            protocol: 6,
            address_len: 16,
            address: (&raw mut (*found).family_and_port).cast(),
            name: core::ptr::null_mut(),
            next: core::ptr::null_mut(),
            family_and_port: [AF_INET as u8, 0, high, low],
            ip,
            zero: 0,
        });
        *result = found.cast();
        0
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn freeaddrinfo(found: *mut u8) {
    unsafe {
        unsafe extern "C" {
            fn free(memory: *mut u8);
        }
        if !alive() {
            return real!("freeaddrinfo" as fn(*mut u8))(found);
        }
        free(found);
    }
}
