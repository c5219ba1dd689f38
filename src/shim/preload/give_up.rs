//! The end of a process in which something happened that is not simulated: named, never silent.

use core::fmt::Write;

use crate::page::TEXT_BYTES;
use crate::turn;

/// Text of bounded length, for messages; what does not fit is cut, and the last byte stays NUL.
pub struct Text {
    bytes: [u8; TEXT_BYTES],
    len: usize,
}

impl Text {
    pub const fn new() -> Self {
        Text { bytes: [0; TEXT_BYTES], len: 0 }
    }

    /// What was written so far.
    pub fn written(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// The text as a C string.
    pub fn as_c_str(&self) -> *const u8 {
        self.bytes.as_ptr()
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
        $crate::give_up::with(format_args!($($part)*))
    };
}
pub(crate) use give_up;

/// Ends the process; [`give_up!`] is the way to say it.
pub fn with(reason: core::fmt::Arguments) -> ! {
    let mut text = Text::new();
    // A reason that is too long is cut, which is no error.
    let _ = text.write_fmt(reason);
    turn::give_up(text.written())
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo) -> ! {
    give_up!("shim: {info}")
}
