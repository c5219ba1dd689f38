//! What a server asks of jemalloc, where that is a library: everything but a thread of its own.
//!
//! The library makes its background thread by the C library's own function, past the shim: it would run beside whoever
//! has the turn. So nobody gets one; the memory that it would give back is given back by those who free it.

use core::ffi::CStr;

use crate::life::{alive, definition_behind};

type Control = unsafe extern "C" fn(*const u8, *mut u8, *mut usize, *const u8, usize) -> i32;

/// Whether a call asks for the background thread.
unsafe fn wants_thread(name: *const u8, new: *const u8) -> bool {
    // SAFETY: the caller's name, and the truth value that this name takes.
    unsafe {
        !name.is_null() && !new.is_null() && CStr::from_ptr(name.cast()) == c"background_thread" && *new != 0
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mallctl(
    name: *const u8,
    old: *mut u8,
    old_len: *mut usize,
    new: *const u8,
    new_len: usize,
) -> i32 {
    // SAFETY: the caller's arguments, looked at, or handed on as they are to the function of this name.
    unsafe {
        if alive() && wants_thread(name, new) {
            return libc::EPERM;
        }
        let control = definition_behind(b"mallctl\0");
        if control.is_null() {
            return libc::ENOENT;
        }
        core::mem::transmute::<*const u8, Control>(control)(name, old, old_len, new, new_len)
    }
}
