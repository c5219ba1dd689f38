//! Random streams: two per incarnation, seeded from the page, drawn in the order of asking.
//!
//! Servers read the random device, libraries make system calls, and how often they do so differs from one build of a
//! library to the next. With a stream for each, a library's draws move none of the server's.

use core::cell::Cell;

use crate::baton::Baton;

/// A xoshiro256** generator.
pub struct Stream(Cell<[u64; 4]>);

/// What system calls draw from.
pub static CALLS: Baton<Stream> = Baton::new(Stream::new());
/// What reads of the random device draw from.
pub static DEVICE: Baton<Stream> = Baton::new(Stream::new());

/// Begins both streams.
pub fn seed(words: [u64; 4]) {
    /// Sets the device's stream apart; any odd number would do.
    const DEVICE_MARK: u64 = 0x9e37_79b9_7f4a_7c15;
    CALLS.0.set(words);
    DEVICE.0.set(words.map(|word| word.wrapping_mul(DEVICE_MARK)));
}

/// Gives a forked child streams of its own.
pub fn fork(pid: u32) {
    for stream in [&*CALLS, &*DEVICE] {
        let mut words = stream.0.get();
        words[0] ^= (u64::from(pid) << 32) | u64::from(pid);
        stream.0.set(words);
        stream.next();
    }
}

impl Stream {
    const fn new() -> Self {
        Stream(Cell::new([1, 2, 3, 4]))
    }

    fn next(&self) -> u64 {
        let mut s = self.0.get();
        let result = s[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= shifted;
        s[3] = s[3].rotate_left(45);
        self.0.set(s);
        result
    }

    /// Fills `buffer` with the stream's next bytes.
    pub fn fill(&self, buffer: &mut [u8]) {
        buffer.fill_with(|| (self.next() >> 56) as u8);
    }
}
