//! Finds the log that a person means: a file, a compressed file, or the folder of results that holds one.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::{LogReader, ReadError};

/// The name of the log in a folder of results.
pub const LOG_FILE: &str = "events.jsonl";
/// The name of the compressed log in a folder of a recording.
pub const COMPRESSED_LOG_FILE: &str = "events.jsonl.zst";

/// The first bytes of a zstd frame (RFC 8878, section 3.1.1).
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const BUFFER_BYTES: usize = 1 << 18;

/// Why there is no log to read.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be opened or read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The folder has no log.
    #[error("{} holds neither {LOG_FILE} nor {COMPRESSED_LOG_FILE}", .0.display())]
    NoLog(PathBuf),
    /// The log cannot be indexed.
    #[error("cannot index {}: {source}", path.display())]
    Index {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no event log.
    #[error("{}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        source: ReadError,
    },
}

/// The log's own path: `path` itself, or the log in the folder `path`.
pub fn log_path(path: &Path) -> Result<PathBuf, OpenError> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let candidates = [LOG_FILE, COMPRESSED_LOG_FILE].map(|name| path.join(name));
    candidates.into_iter().find(|file| file.is_file()).ok_or_else(|| OpenError::NoLog(path.to_owned()))
}

/// The log's bytes as lines, decompressed if need be; `path` is a file or a folder of results.
pub fn open_lines(path: &Path) -> Result<Box<dyn BufRead + Send>, OpenError> {
    let path = log_path(path)?;
    let io = |source| OpenError::Io { path: path.clone(), source };
    let mut file = BufReader::with_capacity(BUFFER_BYTES, File::open(&path).map_err(io)?);
    if !file.fill_buf().map_err(io)?.starts_with(&ZSTD_MAGIC) {
        return Ok(Box::new(file));
    }
    let decoder: Box<dyn Read + Send> = Box::new(zstd::Decoder::with_buffer(file).map_err(io)?);
    Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, decoder)))
}

/// Whether the log in the file `path` is plain text of a file, so that it can be read from anywhere in it.
pub(super) fn is_seekable(path: &Path) -> io::Result<bool> {
    if !path.metadata()?.is_file() {
        return Ok(false);
    }
    let mut magic = Vec::new();
    File::open(path)?.take(ZSTD_MAGIC.len() as u64).read_to_end(&mut magic)?;
    Ok(magic != ZSTD_MAGIC)
}

/// A reader of the log at `path`, which is a file, a compressed file or a folder of results.
pub fn open(path: &Path) -> Result<LogReader<Box<dyn BufRead + Send>>, OpenError> {
    let lines = open_lines(path)?;
    LogReader::new(lines).map_err(|source| OpenError::Read { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const TEXT: &str = "{\"format\":9}\n";

    fn text_of(path: &Path) -> String {
        let mut text = String::new();
        open_lines(path).expect("it opens").read_to_string(&mut text).expect("it is read");
        text
    }

    #[test]
    fn a_file_a_compressed_file_and_a_folder_are_the_same_log() {
        let folder = tempfile::tempdir().expect("a folder");
        let compressed = folder.path().join(COMPRESSED_LOG_FILE);
        fs::write(&compressed, zstd::encode_all(TEXT.as_bytes(), 3).expect("it compresses"))
            .expect("written");
        assert_eq!(text_of(&compressed), TEXT);
        assert_eq!(text_of(folder.path()), TEXT);
        let plain = folder.path().join(LOG_FILE);
        fs::write(&plain, TEXT).expect("written");
        assert_eq!(text_of(&plain), TEXT);
        assert_eq!(log_path(folder.path()).expect("a log"), plain);
    }

    #[test]
    fn what_is_no_log_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = open(folder.path()).map(drop).expect_err("an empty folder").to_string();
        assert!(text.ends_with("holds neither events.jsonl nor events.jsonl.zst"), "{text}");
        let plain = folder.path().join(LOG_FILE);
        fs::write(&plain, TEXT).expect("written");
        let text = open(&plain).map(drop).expect_err("format 9").to_string();
        assert!(text.contains("format 9 is not known"), "{text}");
    }
}
