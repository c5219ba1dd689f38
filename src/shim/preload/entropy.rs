//! Randomness as the C library hands it out: `getrandom` and `getentropy`.

use crate::life::alive;
use crate::random::CALLS;
use crate::sys::kernel;

#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(buffer: *mut u8, len: usize, flags: u32) -> isize {
    if !alive() {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { kernel!(SYS_getrandom, buffer, len, flags) };
    }
    // SAFETY: the caller owns `len` bytes at `buffer`.
    CALLS.fill(unsafe { core::slice::from_raw_parts_mut(buffer, len) });
    len as isize
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getentropy(buffer: *mut u8, len: usize) -> i32 {
    // SAFETY: the caller's buffer, as for `getrandom`.
    unsafe { getrandom(buffer, len, 0) };
    0
}
