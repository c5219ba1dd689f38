//! Simulated pipes, and pairs of sockets, which are two pipes: what a server and its forked children say to each other.

use crate::descriptor::{self, Kind};
use crate::give_up::give_up;
use crate::life::alive;
use crate::page::{self, PIPE_BYTES, PIPES, Pipe, SHUT_READERS, SHUT_WRITERS};
use crate::ready::{self, has_readers, has_writers, is_named, wait_for};
use crate::sys::{fail, kernel};
use crate::thread::NO_DEADLINE;
use crate::{turn, unshared, work};

/// Writes of at most so many bytes are never split.
const ATOMIC_BYTES: usize = libc::PIPE_BUF;

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
    pipe.shut.set(0);
    pipe.readers.iter().chain(&pipe.writers).for_each(|count| count.set(0));
    pipe.readers[me].set(1);
    pipe.writers[me].set(1);
}

/// Pipes of the page that are not used.
fn unused() -> impl Iterator<Item = usize> {
    (0..PIPES).filter(|i| at(*i).used.get() == 0)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pipe2(ends: *mut [i32; 2], flags: i32) -> i32 {
    let mut real = [-1; 2];
    // SAFETY: room for two numbers.
    let made = unsafe { kernel!(SYS_pipe2, &raw mut real, flags) } as i32;
    if made == 0 && alive() && !turn::is_guest() {
        let Some(i) = unused().next() else { return refuse(real) };
        let nonblocking = flags & libc::O_NONBLOCK != 0;
        descriptor::adopt(real[0] as isize, Kind::PipeRead(i), nonblocking);
        descriptor::adopt(real[1] as isize, Kind::PipeWrite(i), nonblocking);
        begin(i);
    }
    if made == 0 {
        real.iter().for_each(|fd| unshared::made(*fd));
        // SAFETY: the caller owns both numbers.
        unsafe { *ends = real };
    }
    made
}

/// Every pipe of the page is used: what the kernel made for one more goes again.
fn refuse(real: [i32; 2]) -> i32 {
    // SAFETY: descriptors that were just made.
    real.iter().for_each(|fd| unsafe {
        kernel!(SYS_close, *fd);
    });
    fail(libc::ENFILE)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn socketpair(domain: i32, kind: i32, protocol: i32, ends: *mut [i32; 2]) -> i32 {
    let mut real = [-1; 2];
    // SAFETY: room for two numbers.
    let made = unsafe { kernel!(SYS_socketpair, domain, kind, protocol, &raw mut real) } as i32;
    if made == 0 && alive() && !turn::is_guest() {
        if kind & 0xf != libc::SOCK_STREAM {
            give_up!("a pair of sockets that are no streams is not simulated");
        }
        let mut free = unused();
        let (Some(there), Some(back)) = (free.next(), free.next()) else { return refuse(real) };
        let nonblocking = kind & libc::SOCK_NONBLOCK != 0;
        descriptor::adopt(real[0] as isize, Kind::Pair(back, there), nonblocking);
        descriptor::adopt(real[1] as isize, Kind::Pair(there, back), nonblocking);
        begin(there);
        begin(back);
    }
    if made == 0 {
        // SAFETY: the caller owns both numbers.
        unsafe { *ends = real };
    }
    made
}

/// Shuts an end of a pair down, in one direction or both.
pub fn shut(read: usize, written: usize, how: i32) -> i32 {
    if how != libc::SHUT_RD {
        at(written).shut.update(|shut| shut | SHUT_WRITERS);
    }
    if how != libc::SHUT_WR {
        at(read).shut.update(|shut| shut | SHUT_READERS);
    }
    note_activity();
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
        if !has_writers(at(i)) {
            return 0;
        }
        if nonblocking {
            return -libc::EAGAIN as isize;
        }
        if let Err(error) = wait_for(fd, ready::IN, NO_DEADLINE) {
            return -error as isize;
        }
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
    work::call(count);
    count as isize
}

/// Writes bytes; how many, or a negative `errno`.
///
/// # Safety
/// The caller owns `len` bytes at `buffer`.
pub unsafe fn write(fd: i32, i: usize, buffer: *const u8, len: usize, nonblocking: bool) -> isize {
    let mut done = 0;
    while done < len {
        if !has_readers(at(i)) || at(i).shut.get() & SHUT_WRITERS != 0 {
            return -libc::EPIPE as isize;
        }
        let room = PIPE_BYTES - at(i).len.get() as usize;
        let needed = if len <= ATOMIC_BYTES { len } else { 1 };
        if room < needed {
            if nonblocking {
                return if done > 0 { done as isize } else { -libc::EAGAIN as isize };
            }
            match wait_for(fd, ready::OUT, NO_DEADLINE) {
                Err(error) => return if done > 0 { done as isize } else { -error as isize },
                Ok(()) => continue,
            }
        }
        let count = (len - done).min(room);
        // SAFETY: the rest of the caller's buffer.
        append(i, unsafe { core::slice::from_raw_parts(buffer.add(done), count) });
        work::call(count);
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
