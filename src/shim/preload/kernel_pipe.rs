//! Pipes of guests are the kernel's own: what a program writes by ways of the C library's own is there as well, and a
//! program that takes another one's place finds them as they were.
//!
//! What is the shim's is the waiting: whoever finds nothing to read, or no room, waits in virtual time. Whenever a process of
//! the guest blocks, whoever waits for a descriptor of the kernel's looks again, unless nobody else has it (`unshared.rs`).

use crate::descriptor::{Kind, entry};
use crate::page::{GUEST_PAGE_FD, GUEST_SHIM_FD};
use crate::ready::{self, wait_for};
use crate::sys::{self, sys};
use crate::thread::NO_DEADLINE;
use crate::{turn, work};

/// Writes of at most so many bytes never block where a pipe can be written.
const STEP_BYTES: usize = libc::PIPE_BUF;

/// Whether a descriptor is one that a guest's programs hand down.
pub fn is_kept(fd: i32) -> bool {
    turn::is_guest() && (fd == GUEST_PAGE_FD || fd == GUEST_SHIM_FD)
}

/// Whether a descriptor is a guest's end of a pipe, on which a call can block.
pub fn is_one(fd: i32) -> bool {
    if !turn::is_guest() || entry(fd).kind != Kind::Real {
        return false;
    }
    // SAFETY: all zeroes are a `stat`, and the kernel writes a whole one.
    unsafe {
        let mut found: libc::stat = core::mem::zeroed();
        let known = sys!(libc::SYS_fstat as usize, fd, &raw mut found) == 0;
        known && matches!(found.st_mode & libc::S_IFMT, libc::S_IFIFO | libc::S_IFSOCK)
    }
}

fn blocks(fd: i32) -> bool {
    // SAFETY: asks for flags, and nothing else.
    let flags = unsafe { sys!(sys::FCNTL, fd, libc::F_GETFL) };
    flags >= 0 && flags as i32 & libc::O_NONBLOCK == 0
}

/// Waits until something can be read, or the pipe's other end is closed; an `errno` if a signal came first.
pub fn await_input(fd: i32) -> Result<(), i32> {
    if is_one(fd) && blocks(fd) { wait_for(fd, ready::IN, NO_DEADLINE) } else { Ok(()) }
}

/// Writes bytes; how many, or a negative `errno`.
///
/// # Safety
/// The caller owns `len` bytes at `buffer`.
pub unsafe fn write(fd: i32, buffer: *const u8, len: usize) -> isize {
    let (waits, mut done) = (blocks(fd), 0);
    while done < len {
        if waits && let Err(error) = wait_for(fd, ready::OUT, NO_DEADLINE) {
            return if done > 0 { done as isize } else { -error as isize };
        }
        let step = if waits { (len - done).min(STEP_BYTES) } else { len - done };
        // SAFETY: the rest of the caller's buffer.
        let result = unsafe { sys!(sys::WRITE, fd, buffer.add(done), step) };
        if result < 0 {
            return if done > 0 { done as isize } else { result };
        }
        work::call(result as usize);
        done += result as usize;
        if !waits {
            break;
        }
    }
    done as isize
}
