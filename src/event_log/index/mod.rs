//! An index of a log: where its events stand, what they are about and what caused them, so that nobody has to read ten
//! million lines to see one.
//!
//! It is built while the log is read once, and then read through a map of its file, so that memory is bounded in both.
//! Effects need no table: whoever asks what an event caused has the causes of all later events scanned, which for ten
//! million takes a few milliseconds. An index believes only in a log that is as it was; `place` looks after that.

mod block;
mod build;
mod format;
mod place;

use std::fs::File;
use std::io;
use std::ops::Range;

use memmap2::Mmap;

pub use build::Indexed;
pub use place::{KEPT_FROM_BYTES, Keep, Kept};
pub(super) use place::{find_or_build, pass_through};

use self::block::{BLOCK_BYTES, BLOCK_EVENTS, Block};
use self::format::{Fingerprint, HEADER_BYTES, Layout};
use super::Digest;
use super::marks::Marks;
use super::text::Frames;
use crate::event::What;
use crate::time::SimTime;

/// An index that is there and sound.
#[derive(Debug)]
pub(super) struct Index {
    map: Mmap,
    layout: Layout,
    digest: Digest,
}

/// A stretch of events that is looked at as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    /// The number of its first event.
    pub first: u64,
    /// Where the line of that begins in the text.
    pub offset: u64,
    /// When it happened.
    pub at: SimTime,
    /// What its events are about.
    pub marks: Marks,
}

impl Index {
    /// Reads an index; nothing if it is none that this version knows, or not whole.
    pub fn of_file(file: &File) -> io::Result<Option<Self>> {
        if file.metadata()?.len() < HEADER_BYTES as u64 {
            return Ok(None);
        }
        // SAFETY: nobody changes an index: it is written unseen, gets its name when it is whole, and is replaced as a
        // whole. Its bytes are believed only after their checksum was right.
        let map = unsafe { Mmap::map(file)? };
        let Some(layout) = Layout::of_file(&map) else { return Ok(None) };
        let begin = HEADER_BYTES + layout.block_bytes();
        let digest = serde_json::from_slice(&map[begin..begin + layout.digest_bytes as usize]);
        Ok(digest.ok().map(|digest| Index { map, layout, digest }))
    }

    /// The log that was indexed.
    fn log(&self) -> Fingerprint {
        self.layout.log
    }

    /// The summary.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// How many events there are.
    pub fn events(&self) -> u64 {
        self.layout.events
    }

    /// The log's text, if it had to be packed.
    pub fn text(&self) -> Option<Frames<'_>> {
        let begin = HEADER_BYTES + self.layout.block_bytes() + self.layout.digest_bytes as usize;
        let (ends, bytes) = self.map[begin..].split_at(8 * self.layout.frames as usize);
        (self.layout.frames > 0).then_some(Frames { ends, bytes })
    }

    /// How many stretches there are.
    pub fn stretches(&self) -> usize {
        self.layout.blocks()
    }

    /// A stretch by its place.
    pub fn stretch(&self, place: usize) -> Stretch {
        let block = self.block(place);
        let first = (place * BLOCK_EVENTS) as u64;
        Stretch { first, offset: block.offset(), at: block.at(), marks: block.marks() }
    }

    /// The events of a stretch.
    pub fn events_of(&self, place: usize) -> Range<u64> {
        let first = (place * BLOCK_EVENTS) as u64;
        first..self.events().min(first + BLOCK_EVENTS as u64)
    }

    /// The place of the stretch that holds an event.
    pub fn place_of(&self, i: u64) -> usize {
        (i / BLOCK_EVENTS as u64) as usize
    }

    /// The first place whose stretch may hold an event at or after an instant.
    pub fn place_at(&self, at: SimTime) -> usize {
        let (mut low, mut high) = (0, self.stretches());
        while low < high {
            let middle = low.midpoint(high);
            if self.block(middle).at() < at { low = middle + 1 } else { high = middle }
        }
        low.saturating_sub(1)
    }

    /// An event's statement; the event must be there.
    pub fn what(&self, i: u64) -> What {
        let code = self.block(self.place_of(i)).whats()[i as usize % BLOCK_EVENTS];
        What::of_code(code).expect("an index holds the codes of this version's statements")
    }

    /// The event that caused this one, always an earlier one; the event must be there.
    pub fn cause(&self, i: u64) -> Option<u64> {
        self.block(self.place_of(i)).cause(i as usize % BLOCK_EVENTS).filter(|cause| *cause < i)
    }

    /// What an event caused directly, in the order of the log.
    pub fn effects(&self, i: u64) -> impl Iterator<Item = u64> {
        self.effects_before(i, self.events())
    }

    /// What an event caused directly of what comes before another.
    pub fn effects_before(&self, i: u64, end: u64) -> impl Iterator<Item = u64> {
        let places = self.place_of(i)..self.stretches().min(self.place_of(end) + 1);
        let cause = i as u32;
        places
            .filter(move |place| self.block(*place).has_cause(cause))
            .flat_map(move |place| {
                let first = (place * BLOCK_EVENTS) as u64;
                let causes = self.block(place).causes();
                (first..).zip(causes).filter(move |(_, one)| *one == cause).map(|(effect, _)| effect)
            })
            .filter(move |effect| *effect < end)
    }

    fn block(&self, place: usize) -> Block<'_> {
        let begin = HEADER_BYTES + place * BLOCK_BYTES;
        Block(self.map[begin..].first_chunk().expect("the file is as long as its header says"))
    }
}

#[cfg(test)]
mod tests;
