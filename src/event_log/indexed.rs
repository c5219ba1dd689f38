//! A log that is looked into anywhere, by its index: single events, what led to them and what they led to, selections.
//!
//! What is shown comes from the log's own lines, read and checked as ever; the index only says which.

use std::fs::File;
use std::io::BufRead;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Header;
use super::error::ReadError;
use super::filter::Filter;
use super::format::Format;
use super::index::{self, Index, Indexed, Keep, Kept};
use super::marks;
use super::open::{OpenError, log_path};
use super::read::{Events, LogReader};
use super::text::FileFrom;
use crate::event::{Event, What};
use crate::event_log::Digest;
use crate::id::ActorId;

/// The events of a log from some place on.
type EventsFrom<'a> = Events<Box<dyn BufRead + 'a>>;

/// A log and its index.
#[derive(Debug)]
pub struct IndexedLog {
    path: PathBuf,
    file: File,
    index: Index,
    header: Header,
    format: Format,
    kept: Kept,
}

/// An event and what led to it, nearest first. A long chain is shown with its middle left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// The event and its nearest causes.
    pub near: Vec<Event>,
    /// How many causes are left out here.
    pub left_out: u64,
    /// The farthest causes, the root last.
    pub far: Vec<Event>,
}

impl IndexedLog {
    /// Opens the log at `path`, a file, a compressed file or a folder, with the index that is kept or a new one.
    pub fn open(path: &Path, keep: &Keep, progress: &mut dyn FnMut(Indexed)) -> Result<Self, OpenError> {
        let path = log_path(path)?;
        let (index, kept) = index::find_or_build(&path, keep, progress)?;
        Self::of(path, index, kept)
    }

    /// The first events of a log, for once: nothing is kept.
    pub fn pass_through(path: &Path, events_max: u64) -> Result<Self, OpenError> {
        let path = log_path(path)?;
        let index = index::pass_through(&path, events_max)?;
        Self::of(path, index, Kept::No)
    }

    fn of(path: PathBuf, index: Index, kept: Kept) -> Result<Self, OpenError> {
        let file = File::open(&path).map_err(|source| OpenError::Io { path: path.clone(), source })?;
        let header = LogReader::new(lines_at(&file, &index, 0)).map(|reader| reader.into_parts().0);
        let read = |source| OpenError::Read { path: path.clone(), source };
        let header = header.map_err(read)?;
        let format = Format::of_number(header.format).map_err(read)?;
        Ok(IndexedLog { path, file, index, header, format, kept })
    }

    /// The log's own file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the run depended on.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The summary.
    pub fn digest(&self) -> &Digest {
        self.index.digest()
    }

    /// What became of the index.
    pub fn kept(&self) -> &Kept {
        &self.kept
    }

    /// How many events there are.
    pub fn events(&self) -> u64 {
        self.index.events()
    }

    /// One event; nothing past the end.
    pub fn event(&self, i: u64) -> Result<Option<Event>, ReadError> {
        self.read_from(i)?.map_or(Ok(None), |mut events| events.next().transpose())
    }

    /// The events `i`, as many as there are, with their lines, as long as `visit` goes on.
    pub fn visit(
        &self,
        numbers: std::ops::Range<u64>,
        visit: &mut dyn FnMut(&Event, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        let Some(mut events) = self.read_from(numbers.start)? else { return Ok(()) };
        for _ in numbers {
            let Some(event) = events.next().transpose()? else { break };
            if visit(&event, events.line()).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The event that caused this one.
    pub fn cause(&self, i: u64) -> Option<u64> {
        (i < self.events()).then(|| self.index.cause(i)).flatten()
    }

    /// What the event caused directly.
    pub fn effects(&self, i: u64) -> impl Iterator<Item = u64> {
        self.index.effects(i)
    }

    /// What the cause of the event had led to just before it: decisions taken on the event's way, and what was noted with
    /// it. In the order of the log.
    pub fn siblings_before(&self, i: u64) -> impl Iterator<Item = u64> {
        self.cause(i).into_iter().flat_map(move |cause| self.index.effects_before(cause, i))
    }

    /// The event's statement.
    pub fn what(&self, i: u64) -> What {
        self.index.what(i)
    }

    /// The numbers of the event and its causes, back to the root.
    pub fn causes(&self, i: u64) -> impl Iterator<Item = u64> {
        std::iter::successors(Some(i).filter(|i| *i < self.events()), |i| self.index.cause(*i))
    }

    /// The event with what led to it: `near` events from its own end of the chain, `far` from the other.
    pub fn chain(&self, i: u64, near: usize, far: usize) -> Result<Chain, ReadError> {
        let length = self.causes(i).count();
        let left_out = length.saturating_sub(near + far);
        let near_count = if left_out == 0 { length } else { near };
        let mut numbers = self.causes(i);
        let first: Vec<u64> = numbers.by_ref().take(near_count).collect();
        let last: Vec<u64> = numbers.skip(left_out).collect();
        Ok(Chain { near: self.events_of(&first)?, left_out: left_out as u64, far: self.events_of(&last)? })
    }

    /// These events.
    pub fn events_of(&self, numbers: &[u64]) -> Result<Vec<Event>, ReadError> {
        numbers.iter().filter_map(|i| self.event(*i).transpose()).collect()
    }

    /// The last events of an actor before event `end`, in the order of the log.
    pub fn last_of(&self, actor: ActorId, end: u64, count: usize) -> Result<Vec<Event>, ReadError> {
        let wanted = Filter { actors: vec![actor], ..Filter::default() };
        let mut last = Vec::new();
        for place in (0..self.index.stretches().min(self.index.place_of(end) + 1)).rev() {
            if last.len() >= count || !self.index.stretch(place).marks.may_hold(&wanted.marks()) {
                continue;
            }
            let mut found = Vec::new();
            self.visit(self.index.events_of(place), &mut |event, _| {
                found.extend((event.i < end && event.actor == actor).then(|| event.clone()));
                ControlFlow::Continue(())
            })?;
            last.extend(found.into_iter().rev());
        }
        last.truncate(count);
        last.reverse();
        Ok(last)
    }

    /// The events that a filter wants, with their lines, as long as `visit` goes on.
    pub fn select(
        &self,
        filter: &Filter,
        visit: &mut dyn FnMut(&Event, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), ReadError> {
        let (wanted, mut reader) = (filter.marks(), None);
        for place in self.index.place_at(filter.from)..self.index.stretches() {
            let stretch = self.index.stretch(place);
            if filter.is_past(stretch.at) {
                break;
            }
            if !stretch.marks.may_hold(&wanted) {
                continue;
            }
            let numbers = self.index.events_of(place);
            let goes_on = reader.take().filter(|events: &EventsFrom| events.next_index() == numbers.start);
            let mut events = goes_on.unwrap_or_else(|| self.read_place(place));
            for i in numbers {
                if wanted.whats != 0 && wanted.whats & marks::what(self.index.what(i)) == 0 {
                    events.skip_line()?;
                    continue;
                }
                let Some(event) = events.next().transpose()? else { return Ok(()) };
                if filter.wants(&event) && visit(&event, events.line()).is_break() {
                    return Ok(());
                }
            }
            reader = Some(events);
        }
        Ok(())
    }

    /// A reader whose next event is `i`; nothing past the end.
    fn read_from(&self, i: u64) -> Result<Option<EventsFrom<'_>>, ReadError> {
        if i >= self.events() {
            return Ok(None);
        }
        let mut events = self.read_place(self.index.place_of(i));
        while events.next_index() < i {
            events.skip_line()?;
        }
        Ok(Some(events))
    }

    fn read_place(&self, place: usize) -> EventsFrom<'_> {
        let stretch = self.index.stretch(place);
        Events::resume(
            self.format,
            lines_at(&self.file, &self.index, stretch.offset),
            stretch.first,
            stretch.at,
        )
    }
}

/// The log's text from a place on.
fn lines_at<'a>(file: &'a File, index: &'a Index, offset: u64) -> Box<dyn BufRead + 'a> {
    match index.text() {
        Some(frames) => Box::new(frames.from(offset)),
        None => Box::new(FileFrom::new(file, offset)),
    }
}
