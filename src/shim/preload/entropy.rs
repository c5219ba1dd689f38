//! Randomness: two streams per incarnation, seeded from the page, drawn in the order of asking.
//!
//! Servers read the random device, libraries make system calls, and how often they do so differs from one build of a
//! library to the next. With a stream for each, a library's draws move none of the server's.

use crate::start::alive;
use crate::sys::{self, reported, sys};

/// A xoshiro256** generator.
pub struct Stream([u64; 4]);

/// What system calls draw from.
static mut CALLS: Stream = Stream([1, 2, 3, 4]);
/// What reads of the random device draw from.
static mut DEVICE: Stream = Stream([1, 2, 3, 4]);

/// Begins both streams.
pub unsafe fn seed(words: [u64; 4]) {
    /// Sets the device's stream apart; any odd number would do.
    const DEVICE_MARK: u64 = 0x9e37_79b9_7f4a_7c15;
    CALLS = Stream(words);
    DEVICE = Stream(words.map(|word| word.wrapping_mul(DEVICE_MARK)));
}

/// Gives a forked child streams of its own.
pub unsafe fn fork(pid: u32) {
    for stream in [&raw mut CALLS, &raw mut DEVICE] {
        (*stream).0[0] ^= (u64::from(pid) << 32) | u64::from(pid);
        (*stream).next();
    }
}

impl Stream {
    fn next(&mut self) -> u64 {
        let s = &mut self.0;
        let result = s[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= shifted;
        s[3] = s[3].rotate_left(45);
        result
    }

    unsafe fn fill(&mut self, buffer: *mut u8, len: usize) {
        for i in 0..len {
            *buffer.add(i) = (self.next() >> 56) as u8;
        }
    }
}

/// Fills `len` bytes at `buffer` as the system call would.
pub unsafe fn fill(buffer: *mut u8, len: usize) {
    (*(&raw mut CALLS)).fill(buffer, len);
}

/// Fills `buffer` as a read of the random device would.
pub unsafe fn fill_from_device(buffer: &mut [u8]) {
    (*(&raw mut DEVICE)).fill(buffer.as_mut_ptr(), buffer.len());
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
