//! Simulated pipes: what a server and its forked children say to each other.

use crate::calls::O_NONBLOCK;
use crate::descriptor::{self, Kind};
use crate::life::alive;
use crate::page::{self, PIPE_BYTES, PIPES, Pipe};
use crate::ready::{self, is_named, wait_for};
use crate::sys::{self, fail, reported, sys};
use crate::thread::NO_DEADLINE;
use crate::turn;

const PIPE2: usize = 293;
/// Writes of at most so many bytes are never split.
const ATOMIC_BYTES: usize = 4096;

fn at(i: usize) -> &'static Pipe {
    &turn::page().pipes[i]
}

fn note_activity() {
    turn::page().pipe_activity.update(|count| count.wrapping_add(1));
}

/// An unused pipe of the page, with one descriptor of this process at each end.
fn begin(i: usize) {
    let (pipe, me) = (at(i), turn::my_number());
    pipe.used.set(1);
    pipe.start.set(0);
    pipe.len.set(0);
    pipe.readers.iter().chain(&pipe.writers).for_each(|count| count.set(0));
    pipe.readers[me].set(1);
    pipe.writers[me].set(1);
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pipe2(ends: *mut [i32; 2], flags: i32) -> i32 {
    if !alive() {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { reported(sys!(PIPE2, ends, flags)) } as i32;
    }
    let Some(i) = (0..PIPES).find(|i| at(*i).used.get() == 0) else {
        return fail(sys::ENFILE);
    };
    let nonblocking = flags & O_NONBLOCK != 0;
    let reading = descriptor::new(Kind::PipeRead(i), nonblocking);
    let writing = descriptor::new(Kind::PipeWrite(i), nonblocking);
    if reading < 0 || writing < 0 {
        return fail(sys::EMFILE);
    }
    begin(i);
    // SAFETY: the caller owns both numbers.
    unsafe { *ends = [reading, writing] };
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pipe(ends: *mut [i32; 2]) -> i32 {
    // SAFETY: the caller's argument, as for `pipe2`.
    unsafe { pipe2(ends, 0) }
}

/// Closes one end in this process.
pub fn close(i: usize, writing: bool) {
    let counts = if writing { &at(i).writers } else { &at(i).readers };
    counts[turn::my_number()].update(|count| count - 1);
    if !is_named(&at(i).readers) && !is_named(&at(i).writers) {
        at(i).used.set(0);
    }
    note_activity();
}

fn content(i: usize) -> *mut u8 {
    turn::area(page::PIPE_AT + i * PIPE_BYTES)
}

/// Reads bytes; how many (0 when nobody writes any more), or a negative `errno`.
///
/// # Safety
/// The caller owns `len` bytes at `buffer`.
pub unsafe fn read(fd: i32, i: usize, buffer: *mut u8, len: usize, nonblocking: bool) -> isize {
    while at(i).len.get() == 0 {
        if !is_named(&at(i).writers) {
            return 0;
        }
        if nonblocking {
            return -sys::EAGAIN as isize;
        }
        wait_for(fd, ready::IN, NO_DEADLINE);
    }
    let pipe = at(i);
    let (start, filled) = (pipe.start.get() as usize, pipe.len.get() as usize);
    let count = filled.min(len);
    for n in 0..count {
        // SAFETY: the caller's buffer, and the pipe's area.
        unsafe { *buffer.add(n) = *content(i).add((start + n) % PIPE_BYTES) };
    }
    pipe.len.set((filled - count) as u32);
    pipe.start.set(if filled == count { 0 } else { ((start + count) % PIPE_BYTES) as u32 });
    note_activity();
    count as isize
}

/// Writes bytes; how many, or a negative `errno`.
///
/// # Safety
/// The caller owns `len` bytes at `buffer`.
pub unsafe fn write(fd: i32, i: usize, buffer: *const u8, len: usize, nonblocking: bool) -> isize {
    let mut done = 0;
    while done < len {
        if !is_named(&at(i).readers) {
            return -sys::EPIPE as isize;
        }
        let room = PIPE_BYTES - at(i).len.get() as usize;
        let needed = if len <= ATOMIC_BYTES { len } else { 1 };
        if room < needed {
            if nonblocking {
                return if done > 0 { done as isize } else { -sys::EAGAIN as isize };
            }
            wait_for(fd, ready::OUT, NO_DEADLINE);
            continue;
        }
        let count = (len - done).min(room);
        // SAFETY: the rest of the caller's buffer.
        append(i, unsafe { core::slice::from_raw_parts(buffer.add(done), count) });
        done += count;
    }
    done as isize
}

fn append(i: usize, bytes: &[u8]) {
    let pipe = at(i);
    let end = pipe.start.get() as usize + pipe.len.get() as usize;
    for (n, byte) in bytes.iter().enumerate() {
        // SAFETY: within the pipe's area.
        unsafe { *content(i).add((end + n) % PIPE_BYTES) = *byte };
    }
    pipe.len.update(|len| len + bytes.len() as u32);
    note_activity();
}
