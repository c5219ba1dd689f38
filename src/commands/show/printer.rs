//! Standard output for as many lines as somebody reads: `| head` ends a listing, and is no error.

use std::io::{self, BufWriter, ErrorKind, StdoutLock, Write};
use std::ops::ControlFlow;

/// Buffered standard output, which keeps its first error until the end.
pub struct Printer {
    out: BufWriter<StdoutLock<'static>>,
    failed: Option<io::Error>,
}

impl Printer {
    /// Takes standard output.
    pub fn to_stdout() -> Self {
        Printer { out: BufWriter::with_capacity(1 << 16, io::stdout().lock()), failed: None }
    }

    /// Prints a line, which comes without its end; tells to stop if there is no use in going on.
    pub fn line(&mut self, line: &[u8]) -> ControlFlow<()> {
        self.print(line);
        self.print(b"\n");
        if self.failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Prints a text.
    pub fn text(&mut self, text: &str) {
        self.print(text.as_bytes());
    }

    /// Prints what is still in the buffer, and tells what went wrong.
    pub fn finish(mut self) -> io::Result<()> {
        let flushed = self.out.flush();
        // What could not be written is not tried again.
        let _ = self.out.into_parts();
        match self.failed.map_or(flushed, Err) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }

    fn print(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.failed = self.out.write_all(bytes).err();
        }
    }
}
