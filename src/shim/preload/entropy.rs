//! Randomness as the C library hands it out: `getrandom` and `getentropy`.

use crate::life::alive;
use crate::random::CALLS;
use crate::sys::{self, fail, kernel};

#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(buffer: *mut u8, len: usize, flags: u32) -> isize {
    if !alive() {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { kernel!(SYS_getrandom, buffer, len, flags) };
    }
    const KNOWN_FLAGS: u32 = libc::GRND_NONBLOCK | libc::GRND_RANDOM | 4;
    if flags & !KNOWN_FLAGS != 0 {
        return fail(sys::EINVAL) as isize;
    }
    // SAFETY: the caller owns `len` bytes at `buffer`.
    CALLS.fill(unsafe { core::slice::from_raw_parts_mut(buffer, len) });
    len as isize
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getentropy(buffer: *mut u8, len: usize) -> i32 {
    const MOST: usize = 256;
    if len > MOST {
        return fail(libc::EIO);
    }
    // SAFETY: the caller's buffer, as for `getrandom`.
    unsafe { getrandom(buffer, len, 0) };
    0
}
