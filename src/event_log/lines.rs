//! The lines of a log, one in memory.

use std::io::{self, BufRead};

use memchr::memchr;

use super::error::{LINE_BYTES_MAX, ReadError};

/// The lines of a source, one at a time.
#[derive(Debug)]
pub(super) struct Lines<R> {
    input: R,
    /// Where it begins, in bytes from where reading began.
    pub start: u64,
    /// Where the next one begins.
    end: u64,
    /// The line without its newline.
    pub text: Vec<u8>,
    /// Its number, from 1.
    pub number: u64,
    /// Whether it had a newline.
    pub terminated: bool,
    /// Whether the compressed text was cut off after it.
    pub cut: bool,
}

impl<R: BufRead> Lines<R> {
    /// The lines of `input`, before the first.
    pub fn new(input: R) -> Self {
        Lines { input, start: 0, end: 0, text: Vec::new(), number: 0, terminated: true, cut: false }
    }

    /// The lines of `input`, the first of which is line `number + 1` of the log.
    pub fn after(number: u64, input: R) -> Self {
        Lines { number, ..Lines::new(input) }
    }

    /// Goes to the next line; false at the end.
    pub fn advance(&mut self) -> Result<bool, ReadError> {
        let line = self.number + 1;
        self.take_line().map_err(|source| ReadError::Io { line, source })?;
        let bytes = self.text.len() + usize::from(self.terminated);
        if bytes == 0 {
            return Ok(false);
        }
        self.number = line;
        self.start = self.end;
        self.end += bytes as u64;
        match self.text.len() > LINE_BYTES_MAX {
            true => Err(ReadError::TooLong { line }),
            false => Ok(true),
        }
    }

    /// Takes the bytes up to the next newline, or one more than a line may have. (`read_until` of the standard library
    /// looks for the newline several times more slowly.)
    fn take_line(&mut self) -> io::Result<()> {
        self.text.clear();
        self.terminated = false;
        while !self.terminated && self.text.len() <= LINE_BYTES_MAX {
            let there = match self.input.fill_buf() {
                Ok([]) => break,
                Ok(there) => there,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // Only a decoder says this: a frame is not whole, and what could be had of it has been read.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.cut = true;
                    break;
                }
                Err(error) => return Err(error),
            };
            let room = LINE_BYTES_MAX + 1 - self.text.len();
            let there = &there[..there.len().min(room)];
            let newline = memchr(b'\n', there);
            let taken = newline.unwrap_or(there.len());
            self.text.extend_from_slice(&there[..taken]);
            self.terminated = newline.is_some();
            self.input.consume(taken + usize::from(self.terminated));
        }
        Ok(())
    }
}
