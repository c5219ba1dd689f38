//! The preload half: it answers a server's clocks, randomness, sockets, pipes and blocking calls from the shared page.
//!
//! It is compiled on its own into a shared object and never linked into the fuzzer, whose own clock it would replace.
//! It has no standard library and no allocator, because the allocators of servers call it before they work. It comes
//! alive only in the process whose environment names a page; anywhere else every call goes straight to the kernel.
//!
//! Its globals need no locks: of all threads and processes of a node exactly one has the turn.

#![no_std]
#![deny(clippy::all)]

#[path = "../page.rs"]
#[expect(dead_code, reason = "each half of the page uses a part of it")]
mod page;

mod check;
mod clock;
mod counter;
mod descriptor;
mod entropy;
mod epoll;
mod files;
mod identity;
mod lock;
mod lookup;
mod pipe;
mod probe;
mod process;
mod signal;
mod socket;
mod start;
mod sys;
mod thread;
mod turn;

use core::fmt::Write;

/// Text of bounded length, for messages.
struct Text {
    bytes: [u8; page::TEXT_BYTES],
    len: usize,
}

impl Text {
    const fn new() -> Self {
        Text { bytes: [0; page::TEXT_BYTES], len: 0 }
    }
}

impl Write for Text {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        let room = self.bytes.len() - 1 - self.len;
        let taken = text.len().min(room);
        self.bytes[self.len..self.len + taken].copy_from_slice(&text.as_bytes()[..taken]);
        self.len += taken;
        Ok(())
    }
}

/// Ends the process with a reason that the scheduler reports.
macro_rules! give_up {
    ($($part:tt)*) => {
        $crate::give_up_with(format_args!($($part)*))
    };
}
pub(crate) use give_up;

fn give_up_with(reason: core::fmt::Arguments) -> ! {
    let mut text = Text::new();
    let _ = text.write_fmt(reason);
    // SAFETY: the text is NUL-terminated; nothing of this process is used afterwards.
    unsafe { turn::give_up(&text.bytes, text.len) }
}

/// Named by the unwind tables of the core library; nothing ever unwinds here.
#[no_mangle]
extern "C" fn rust_eh_personality() {}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    give_up!("shim: {info}")
}
