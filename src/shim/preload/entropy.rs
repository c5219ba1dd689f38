//! Randomness: one stream per incarnation, seeded from the page, drawn in the order the server asks.

use crate::start::alive;
use crate::sys::{self, reported, sys};

/// State of xoshiro256**.
static mut STATE: [u64; 4] = [1, 2, 3, 4];

/// Begins the stream.
pub unsafe fn seed(words: [u64; 4]) {
    STATE = words;
}

/// Gives a forked child a stream of its own.
pub unsafe fn fork(pid: u32) {
    STATE[0] ^= (u64::from(pid) << 32) | u64::from(pid);
    next();
}

unsafe fn next() -> u64 {
    let mut s = STATE;
    let result = s[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
    let shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = s[3].rotate_left(45);
    STATE = s;
    result
}

/// Fills `len` bytes at `buffer`.
pub unsafe fn fill(buffer: *mut u8, len: usize) {
    for i in 0..len {
        *buffer.add(i) = (next() >> 56) as u8;
    }
}

#[no_mangle]
unsafe extern "C" fn getrandom(buffer: *mut u8, len: usize, flags: u32) -> isize {
    if !alive() {
        return reported(sys!(sys::GETRANDOM, buffer, len, flags));
    }
    fill(buffer, len);
    len as isize
}

#[no_mangle]
unsafe extern "C" fn getentropy(buffer: *mut u8, len: usize) -> i32 {
    getrandom(buffer, len, 0);
    0
}
