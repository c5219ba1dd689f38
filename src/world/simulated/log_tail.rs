//! Follows the file that a server's standard output goes to, line by line.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The unread part of a server's log.
pub struct LogTail {
    file: File,
    partial: Vec<u8>,
}

impl LogTail {
    /// Follows the file at `path` from its end, creating it if need be.
    pub fn at_end(path: &Path) -> io::Result<Self> {
        use std::io::{Seek, SeekFrom};
        let mut file = File::options().create(true).append(true).read(true).open(path)?;
        file.seek(SeekFrom::End(0))?;
        Ok(LogTail { file, partial: Vec::new() })
    }

    /// The complete lines written since the last call.
    pub fn lines(&mut self) -> io::Result<Vec<String>> {
        self.file.read_to_end(&mut self.partial)?;
        let Some(end) = self.partial.iter().rposition(|byte| *byte == b'\n') else {
            return Ok(Vec::new());
        };
        let rest = self.partial.split_off(end + 1);
        let whole = std::mem::replace(&mut self.partial, rest);
        Ok(String::from_utf8_lossy(&whole).lines().map(str::to_owned).collect())
    }

    /// What is left when the process has ended: a last line without its end, if there is one.
    pub fn last_line(&mut self) -> Option<String> {
        let rest = std::mem::take(&mut self.partial);
        (!rest.is_empty()).then(|| String::from_utf8_lossy(&rest).into_owned())
    }
}
