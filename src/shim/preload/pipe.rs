//! Simulated pipes: what a server and its forked children say to each other.

use crate::descriptor::{self, Kind, O_NONBLOCK};
use crate::epoll::{self, Interest};
use crate::page::{self, Pipe, PIPES, PIPE_BYTES};
use crate::start::alive;
use crate::sys::{self, fail, reported, sys};
use crate::thread::{wait, Wait};
use crate::turn;

const PIPE2: usize = 293;
/// Writes of at most so many bytes are never split.
const ATOMIC_BYTES: usize = 4096;
const NO_DEADLINE: u64 = u64::MAX;

pub fn at(i: usize) -> &'static mut Pipe {
    &mut turn::page().pipes[i]
}

pub fn has_writers(i: usize) -> bool {
    at(i).writers.iter().any(|count| *count > 0)
}

pub fn has_readers(i: usize) -> bool {
    at(i).readers.iter().any(|count| *count > 0)
}

fn note_activity() {
    let page = turn::page();
    page.pipe_activity = page.pipe_activity.wrapping_add(1);
}

#[no_mangle]
unsafe extern "C" fn pipe2(ends: *mut [i32; 2], flags: i32) -> i32 {
    if !alive() {
        return reported(sys!(PIPE2, ends, flags)) as i32;
    }
    let Some(i) = (0..PIPES).find(|i| at(*i).used == 0) else {
        return fail(sys::ENFILE);
    };
    let nonblocking = flags & O_NONBLOCK != 0;
    let reading = descriptor::new(Kind::PipeRead(i), nonblocking);
    let writing = descriptor::new(Kind::PipeWrite(i), nonblocking);
    if reading < 0 || writing < 0 {
        return fail(sys::EMFILE);
    }
    core::ptr::write_bytes(at(i) as *mut Pipe, 0, 1);
    at(i).used = 1;
    at(i).readers[turn::ME] = 1;
    at(i).writers[turn::ME] = 1;
    *ends = [reading, writing];
    0
}

#[no_mangle]
unsafe extern "C" fn pipe(ends: *mut [i32; 2]) -> i32 {
    pipe2(ends, 0)
}

/// Closes one end in this process.
pub unsafe fn close(i: usize, writing: bool) {
    let counts = if writing { &mut at(i).writers } else { &mut at(i).readers };
    counts[turn::ME] -= 1;
    if !has_readers(i) && !has_writers(i) {
        at(i).used = 0;
    }
    note_activity();
}

unsafe fn content(i: usize) -> *mut u8 {
    turn::area(page::PIPE_AT + i * PIPE_BYTES)
}

/// Reads bytes; how many (0 when nobody writes any more), or a negative `errno`.
pub unsafe fn read(fd: i32, i: usize, buffer: *mut u8, len: usize, nonblocking: bool) -> isize {
    while at(i).len == 0 {
        if !has_writers(i) {
            return 0;
        }
        if nonblocking {
            return -sys::EAGAIN as isize;
        }
        wait(Wait::Io(Interest::Descriptor(fd, epoll::IN)), NO_DEADLINE);
    }
    let pipe = at(i);
    let count = (pipe.len as usize).min(len);
    for n in 0..count {
        *buffer.add(n) = *content(i).add((pipe.start as usize + n) % PIPE_BYTES);
    }
    pipe.len -= count as u32;
    pipe.start = if pipe.len == 0 { 0 } else { (pipe.start + count as u32) % PIPE_BYTES as u32 };
    note_activity();
    count as isize
}

/// Writes bytes; how many, or a negative `errno`.
pub unsafe fn write(fd: i32, i: usize, buffer: *const u8, len: usize, nonblocking: bool) -> isize {
    let mut done = 0;
    while done < len {
        if !has_readers(i) {
            return -sys::EPIPE as isize;
        }
        let room = PIPE_BYTES - at(i).len as usize;
        let needed = if len <= ATOMIC_BYTES { len } else { 1 };
        if room < needed {
            if nonblocking {
                return if done > 0 { done as isize } else { -sys::EAGAIN as isize };
            }
            wait(Wait::Io(Interest::Descriptor(fd, epoll::OUT)), NO_DEADLINE);
            continue;
        }
        done += append(i, buffer.add(done), (len - done).min(room));
    }
    done as isize
}

unsafe fn append(i: usize, buffer: *const u8, count: usize) -> usize {
    let pipe = at(i);
    for n in 0..count {
        *content(i).add((pipe.start as usize + pipe.len as usize + n) % PIPE_BYTES) = *buffer.add(n);
    }
    pipe.len += count as u32;
    note_activity();
    count
}
