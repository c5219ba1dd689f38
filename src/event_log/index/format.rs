//! How an index is laid out in its file: a header of fixed length, the records, the digest, and packed text if any.
//!
//! ```text
//! header | records of 64 events each | digest (JSON) | ends of frames | frames
//! ```
//! Everything is little-endian. The header has a checksum of its own, and one of all up to the frames, which have
//! theirs. Whatever does not fit is no index of this log, and a new one is built.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::block::{BLOCK_BYTES, BLOCK_EVENTS};
use crate::event::What;

/// The first bytes of every index.
const MAGIC: [u8; 8] = *b"vkfz.idx";
/// The version of this layout and of what marks and digests mean.
const VERSION: u64 = 2;
/// The numbers of a header between the magic bytes and its checksum.
const NUMBERS: usize = 10;
/// The length of the header.
pub const HEADER_BYTES: usize = 8 + 8 * NUMBERS + 8;

/// Which log it is: what tells without reading it whether it is still the one that was indexed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// Its length in bytes.
    pub len: u64,
    /// When it was last written, in nanoseconds; only compared, never told.
    pub written_ns: u64,
    /// A hash of its beginning, its end and samples between them.
    pub content: u64,
}

/// The header of an index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// The log.
    pub log: Fingerprint,
    /// How many events are indexed.
    pub events: u64,
    /// The length of the digest.
    pub digest_bytes: u64,
    /// How many frames of packed text there are.
    pub frames: u64,
    /// Their length.
    pub frame_bytes: u64,
    /// The hash of all between the header and the frames.
    pub checksum: u64,
}

/// What an index must begin with to be believed: it keeps the places of statements in their table, so that another table
/// is another version too. One of another version is built anew.
fn version() -> u64 {
    xxh3_64_with_seed(What::ALL.map(What::word).join(" ").as_bytes(), VERSION)
}

impl Layout {
    /// The header's bytes.
    pub fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let Layout { log, events, digest_bytes, frames, frame_bytes, checksum } = self;
        let numbers: [u64; NUMBERS] = [
            version(),
            log.len,
            log.written_ns,
            log.content,
            events,
            digest_bytes,
            frames,
            frame_bytes,
            BLOCK_EVENTS as u64,
            checksum,
        ];
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        for (place, number) in bytes[8..].chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        let sum = xxh3_64(&bytes[..HEADER_BYTES - 8]);
        bytes[HEADER_BYTES - 8..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// Reads the header of the whole file; nothing if it is none, or the file is not as the header says.
    pub fn of_file(file: &[u8]) -> Option<Self> {
        let layout = Self::from_bytes(file.first_chunk()?)?;
        let before_frames = HEADER_BYTES.checked_add(layout.body_bytes()?)?;
        let len = (before_frames as u64).checked_add(layout.frame_bytes)?;
        let sound =
            file.len() as u64 == len && xxh3_64(&file[HEADER_BYTES..before_frames]) == layout.checksum;
        sound.then_some(layout)
    }

    fn from_bytes(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let number = |at: usize| {
            let eight = bytes[8 + 8 * at..].first_chunk().expect("a header has so many numbers");
            u64::from_le_bytes(*eight)
        };
        let known = bytes.starts_with(&MAGIC) && number(0) == version() && number(8) == BLOCK_EVENTS as u64;
        let sound = number(NUMBERS) == xxh3_64(&bytes[..HEADER_BYTES - 8]);
        (known && sound).then(|| Layout {
            log: Fingerprint { len: number(1), written_ns: number(2), content: number(3) },
            events: number(4),
            digest_bytes: number(5),
            frames: number(6),
            frame_bytes: number(7),
            checksum: number(9),
        })
    }

    /// How many records there are.
    pub fn blocks(&self) -> usize {
        self.events.div_ceil(BLOCK_EVENTS as u64) as usize
    }

    /// The length of all records.
    pub fn block_bytes(&self) -> usize {
        self.blocks().saturating_mul(BLOCK_BYTES)
    }

    /// The length of all between the header and the frames.
    fn body_bytes(&self) -> Option<usize> {
        let ends = usize::try_from(self.frames).ok()?.checked_mul(8)?;
        self.block_bytes().checked_add(usize::try_from(self.digest_bytes).ok()?)?.checked_add(ends)
    }
}
