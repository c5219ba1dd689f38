//! What all calls that move bytes have in common, whatever they move them through.

use crate::sys::reported;
use crate::{signal, thread};

/// Reports what a call to write came to; whoever writes where nobody reads any more gets a signal, too.
pub fn written(result: isize, flags: i32) -> isize {
    if result == -libc::EPIPE as isize && flags & libc::MSG_NOSIGNAL == 0 {
        // The call ends with its own error, whatever a handler says.
        let me = thread::current();
        signal::post(me, libc::SIGPIPE);
        signal::run_due(me);
    }
    reported(result)
}

/// Calls `each` for vectors that hold something until one is not filled; the sum, or the first one's error.
pub fn each_vector(
    vectors: *const libc::iovec,
    count: i32,
    mut each: impl FnMut(*mut u8, usize) -> isize,
) -> isize {
    let mut total = 0;
    for n in 0..count.max(0) as usize {
        // SAFETY: the caller owns `count` vectors.
        let libc::iovec { iov_base, iov_len } = unsafe { vectors.add(n).read() };
        if iov_len == 0 {
            continue;
        }
        let done = each(iov_base.cast(), iov_len);
        if done < 0 {
            return if total > 0 { total } else { done };
        }
        total += done;
        if (done as usize) < iov_len {
            break;
        }
    }
    total
}
