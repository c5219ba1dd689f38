//! The lines of a log, one in memory.

use std::io::{self, BufRead};

use super::read::ReadError;

/// The longest line that is read.
pub(super) const LINE_BYTES_MAX: usize = 16 << 20;

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
}

impl<R: BufRead> Lines<R> {
    /// The lines of `input`, before the first.
    pub fn new(input: R) -> Self {
        Lines { input, start: 0, end: 0, text: Vec::new(), number: 0, terminated: true }
    }

    /// The lines of `input`, the first of which is line `number + 1` of the log.
    pub fn after(number: u64, input: R) -> Self {
        Lines { number, ..Lines::new(input) }
    }

    /// Goes to the next line; false at the end.
    pub fn advance(&mut self) -> Result<bool, ReadError> {
        let line = self.number + 1;
        self.text.clear();
        self.terminated = false;
        let limit = LINE_BYTES_MAX as u64 + 1;
        io::Read::take(&mut self.input, limit)
            .read_until(b'\n', &mut self.text)
            .map_err(|source| ReadError::Io { line, source })?;
        if self.text.is_empty() {
            return Ok(false);
        }
        self.number = line;
        self.start = self.end;
        self.end += self.text.len() as u64;
        self.terminated = self.text.pop_if(|last| *last == b'\n').is_some();
        match self.text.len() > LINE_BYTES_MAX {
            true => Err(ReadError::TooLong { line }),
            false => Ok(true),
        }
    }
}
