//! The text of a log that is read from anywhere: the file itself, or frames of its own where the file cannot be seeked.
//!
//! A `.zst` log is one long frame, which can be read from its beginning only, and a pipe can be read only once. So
//! while an index is built of them, their text is packed again into small frames behind the index; a line is then at
//! most one frame away. Frames of level 1 are somewhat larger than what people's compressors make.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;

use zstd::bulk::Compressor;

/// How much text a frame holds.
const FRAME_BYTES: usize = 1 << 18;
const LEVEL: i32 = 1;
/// How much of a plain file is read at once.
const BUFFER_BYTES: usize = 1 << 16;

/// A file from some place on. Every reader has a place of its own.
#[derive(Debug)]
pub struct FileFrom<'a> {
    file: &'a File,
    at: u64,
}

impl<'a> FileFrom<'a> {
    /// The file's bytes from `at` on.
    pub fn new(file: &'a File, at: u64) -> BufReader<Self> {
        BufReader::with_capacity(BUFFER_BYTES, FileFrom { file, at })
    }
}

impl Read for FileFrom<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

/// Passes a text on and packs it into frames meanwhile.
pub struct Packer<R> {
    input: R,
    compressor: Compressor<'static>,
    frames: File,
    pending: Vec<u8>,
    /// Where each frame ends.
    ends: Vec<u64>,
    error: Option<io::Error>,
}

impl<R: BufRead> Packer<R> {
    /// Packs `input` into `frames`, an empty file.
    pub fn new(input: R, frames: File) -> io::Result<Self> {
        let mut compressor = Compressor::new(LEVEL)?;
        compressor.include_checksum(true)?;
        Ok(Packer { input, compressor, frames, pending: Vec::new(), ends: Vec::new(), error: None })
    }

    /// The frames and where each ends. What was not read of the input is not in them.
    pub fn finish(mut self) -> io::Result<(File, Vec<u64>)> {
        self.pack()?;
        match self.error {
            Some(error) => Err(error),
            None => Ok((self.frames, self.ends)),
        }
    }

    fn take(&mut self, count: usize) -> io::Result<()> {
        let mut taken = 0;
        while taken < count {
            let text = &self.input.fill_buf()?[taken..count];
            let now = text.len().min(FRAME_BYTES - self.pending.len());
            self.pending.extend_from_slice(&text[..now]);
            taken += now;
            if self.pending.len() == FRAME_BYTES {
                self.pack()?;
            }
        }
        Ok(())
    }

    /// Makes a frame of what is pending.
    fn pack(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let frame = self.compressor.compress(&self.pending)?;
        self.frames.write_all(&frame)?;
        self.ends.push(self.ends.last().unwrap_or(&0) + frame.len() as u64);
        self.pending.clear();
        Ok(())
    }
}

impl<R: BufRead> Read for Packer<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Packer<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self.error.take() {
            Some(error) => Err(error),
            None => self.input.fill_buf(),
        }
    }

    fn consume(&mut self, count: usize) {
        self.error = self.take(count).err();
        self.input.consume(count);
    }
}

/// Packed text.
#[derive(Clone, Copy, Debug)]
pub struct Frames<'a> {
    /// Where each frame ends, eight bytes each.
    pub ends: &'a [u8],
    /// The frames.
    pub bytes: &'a [u8],
}

impl<'a> Frames<'a> {
    /// The text from `at` on.
    pub fn from(self, at: u64) -> FrameReader<'a> {
        let (frame, place) = (at as usize / FRAME_BYTES, at as usize % FRAME_BYTES);
        FrameReader { frames: self, next: frame, text: Vec::new(), place: 0, skip: place }
    }

    fn end(self, frame: usize) -> Option<u64> {
        let end = self.ends.get(frame * 8..frame * 8 + 8)?;
        Some(u64::from_le_bytes(end.try_into().expect("eight bytes")))
    }

    /// Where the frame stands; nothing past the last one.
    fn range(self, frame: usize) -> Option<Range<usize>> {
        let begin = frame.checked_sub(1).map_or(Some(0), |before| self.end(before))?;
        Some(begin as usize..self.end(frame)? as usize)
    }

    fn unpack(self, frame: usize) -> io::Result<Vec<u8>> {
        let Some(range) = self.range(frame) else { return Ok(Vec::new()) };
        let packed = self.bytes.get(range).ok_or(io::ErrorKind::UnexpectedEof)?;
        zstd::bulk::decompress(packed, FRAME_BYTES)
    }
}

/// Reads packed text, one frame in memory.
#[derive(Debug)]
pub struct FrameReader<'a> {
    frames: Frames<'a>,
    next: usize,
    text: Vec<u8>,
    place: usize,
    /// How much of the first frame lies before the beginning.
    skip: usize,
}

impl Read for FrameReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for FrameReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.place >= self.text.len() {
            self.text = self.frames.unpack(self.next)?;
            self.next += 1;
            self.place = std::mem::take(&mut self.skip).min(self.text.len());
        }
        Ok(&self.text[self.place..])
    }

    fn consume(&mut self, count: usize) {
        self.place += count;
    }
}
