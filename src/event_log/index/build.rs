//! Builds the index of a log while reading it once; memory holds one line, one record and the digest.

use std::fs::File;
use std::io::{self, BufRead, BufWriter, Seek, SeekFrom, Write};

use xxhash_rust::xxh3::Xxh3;

use super::super::digest::Counting;
use super::super::error::ReadError;
use super::super::read::LogReader;
use super::super::text::Packer;
use super::block::{BlockBuilder, NO_CAUSE};
use super::format::{Fingerprint, HEADER_BYTES, Layout};
use crate::event_log::Digest;

/// How many events go by between two words about progress.
const PROGRESS_EVENTS: u64 = 1 << 14;

/// Why there is no index.
#[derive(Debug)]
pub enum BuildError {
    /// The log is none, or not whole.
    Read(ReadError),
    /// The index cannot be written.
    Write(io::Error),
}

impl From<ReadError> for BuildError {
    fn from(error: ReadError) -> Self {
        BuildError::Read(error)
    }
}

impl From<io::Error> for BuildError {
    fn from(error: io::Error) -> Self {
        BuildError::Write(error)
    }
}

/// How far the building of an index has come.
#[derive(Clone, Copy, Debug)]
pub struct Indexed {
    /// How many events were read.
    pub events: u64,
    /// How many bytes of text that was.
    pub bytes: u64,
}

/// What is to be indexed.
pub struct Work<'a> {
    /// The log, to be remembered in the index.
    pub log: Fingerprint,
    /// No events from this one on.
    pub events_max: u64,
    /// Is told how far it has come.
    pub progress: &'a mut dyn FnMut(Indexed),
}

/// Writes the index of a plain log into `out`, an empty file.
pub fn index(input: impl BufRead, out: &File, work: &mut Work) -> Result<(), BuildError> {
    let mut writer = IndexWriter::new(out)?;
    let layout = writer.read(input, work)?;
    Ok(writer.finish(layout, &[])?)
}

/// The same for a log that cannot be seeked: its text is packed into `frames`, an empty file, and from there behind the
/// index.
pub fn index_and_pack(
    input: impl BufRead,
    out: &File,
    frames: File,
    work: &mut Work,
) -> Result<(), BuildError> {
    let mut writer = IndexWriter::new(out)?;
    let mut packer = Packer::new(input, frames)?;
    let layout = writer.read(&mut packer, work)?;
    let (mut packed, ends) = packer.finish()?;
    let frame_bytes = packed.stream_position()?;
    packed.seek(SeekFrom::Start(0))?;
    writer.finish(Layout { frames: ends.len() as u64, frame_bytes, ..layout }, &ends)?;
    let mut out = out;
    out.seek(SeekFrom::End(0))?;
    io::copy(&mut packed, &mut out)?;
    Ok(())
}

/// The index's file in the making.
struct IndexWriter<'a> {
    out: BufWriter<&'a File>,
    hash: Xxh3,
}

impl<'a> IndexWriter<'a> {
    fn new(out: &'a File) -> io::Result<Self> {
        let mut out = BufWriter::with_capacity(1 << 18, out);
        // The header is known at the end.
        out.write_all(&[0; HEADER_BYTES])?;
        Ok(IndexWriter { out, hash: Xxh3::new() })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hash.update(bytes);
        self.out.write_all(bytes)
    }

    /// Reads the log and writes records and digest.
    fn read(&mut self, input: impl BufRead, work: &mut Work) -> Result<Layout, BuildError> {
        let (_header, mut events) = LogReader::new(input)?.into_parts();
        let (mut block, mut counting) = (BlockBuilder::new(), Counting::default());
        let mut count = 0;
        while count < work.events_max {
            let Some(event) = events.next().transpose()? else { break };
            counting.see(&event);
            count = event.i + 1;
            if count >= u64::from(NO_CAUSE) {
                return Err(io::Error::other("it has more than 4294967294 events").into());
            }
            if block.push(&event, events.line_start()) {
                self.write(&std::mem::replace(&mut block, BlockBuilder::new()).finish())?;
            }
            if count % PROGRESS_EVENTS == 0 {
                (work.progress)(Indexed { events: count, bytes: events.line_start() });
            }
        }
        if !block.is_empty() {
            self.write(&block.finish())?;
        }
        let digest_bytes = self.write_digest(&counting.finish(events.truncated()))?;
        Ok(Layout { log: work.log, events: count, digest_bytes, ..Layout::default() })
    }

    fn write_digest(&mut self, digest: &Digest) -> io::Result<u64> {
        let text = serde_json::to_vec(digest)?;
        self.write(&text)?;
        Ok(text.len() as u64)
    }

    /// Writes the ends of the frames, and the header at last.
    fn finish(mut self, layout: Layout, ends: &[u64]) -> io::Result<()> {
        for end in ends {
            self.write(&end.to_le_bytes())?;
        }
        let layout = Layout { checksum: self.hash.digest(), ..layout };
        self.out.seek(SeekFrom::Start(0))?;
        self.out.write_all(&layout.to_bytes())?;
        self.out.flush()
    }
}
