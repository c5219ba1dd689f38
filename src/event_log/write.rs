//! Writes the log on a thread of its own, so that the scheduler never waits for a disk.
//!
//! Events travel in batches over a bounded channel. Every way a run can end writes what was pushed: `finish`, and also
//! a drop while an error or a panic unwinds. A sink that fails ends the thread; the run goes on without being held up,
//! and `finish` says where the log stopped.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};
use sha2::{Digest, Sha256};

use super::Header;
use super::compare::{Compared, Comparison};
use super::error::ReadError;
use crate::event::Event;

/// How many events travel together.
const BATCH_EVENTS: usize = 1024;
/// How many batches may wait before the scheduler has to.
const BATCHES_WAITING: usize = 32;

/// What was written.
#[derive(Debug, Default)]
pub struct Summary {
    /// The SHA-256 of all bytes, header included, hexadecimal: two runs with the same one were the same. Empty if the log
    /// was only compared.
    pub sha256: String,
    /// How many events.
    pub events: u64,
    /// How many bytes.
    pub bytes: u64,
    /// What came of the comparison with an earlier log, if there was one.
    pub compared: Option<Result<Compared, ReadError>>,
}

/// The end of the log that events are pushed into.
#[derive(Debug)]
pub struct LogWriter {
    batch: Vec<Event>,
    next: u64,
    /// Gone once the log is finished, or the sink failed.
    batches: Option<Sender<Vec<Event>>>,
    thread: Option<JoinHandle<io::Result<Summary>>>,
    /// Set when the run has parted from the log that it is compared with; nothing if it is compared with none.
    parted: Option<Arc<AtomicBool>>,
}

impl LogWriter {
    /// Begins a log in `sink` with its header. The sink gets whole lines, many at a time, and needs no buffer.
    pub fn spawn(sink: Box<dyn Write + Send>, header: &Header) -> LogWriter {
        LogWriter::begin(Some(sink), header, None)
    }

    /// The same, and every event is held against those of an earlier log.
    pub fn comparing(sink: Box<dyn Write + Send>, header: &Header, with: Comparison) -> LogWriter {
        LogWriter::begin(Some(sink), header, Some(with))
    }

    /// A log that is only held against an earlier one, and neither written nor hashed.
    pub fn only_comparing(header: &Header, with: Comparison) -> LogWriter {
        LogWriter::begin(None, header, Some(with))
    }

    /// A log that nobody reads and that costs nothing: it only counts.
    pub fn nowhere() -> LogWriter {
        LogWriter { batch: Vec::new(), next: 0, batches: None, thread: None, parted: None }
    }

    fn begin(
        sink: Option<Box<dyn Write + Send>>,
        header: &Header,
        comparison: Option<Comparison>,
    ) -> LogWriter {
        let (batches, waiting) = bounded(BATCHES_WAITING);
        let parted = comparison.as_ref().map(Comparison::parted);
        let mut first = serde_json::to_vec(header).expect("a header is plain data");
        first.push(b'\n');
        let thread = std::thread::Builder::new()
            .name("event-log".to_owned())
            .spawn(move || Lines::new(sink, comparison).write_all(first, &waiting))
            .expect("the system gives one more thread");
        LogWriter { batch: Vec::new(), next: 0, batches: Some(batches), thread: Some(thread), parted }
    }

    /// Whether the run has parted from the log that it is compared with, which shows some events late.
    pub fn has_parted(&self) -> bool {
        self.parted.as_ref().is_some_and(|parted| parted.load(Ordering::Relaxed))
    }

    /// Whether the run is compared with an earlier log.
    pub fn is_compared(&self) -> bool {
        self.parted.is_some()
    }

    /// Adds the next event. Waits only while very many are not yet written; after the sink failed it does nothing.
    pub fn push(&mut self, event: Event) {
        assert_eq!(event.i, self.next, "events are numbered without gaps");
        self.next += 1;
        if self.thread.is_none() {
            return;
        }
        self.batch.push(event);
        if self.batch.len() >= BATCH_EVENTS {
            self.send_batch();
        }
    }

    /// Whether the sink failed, which [`LogWriter::finish`] will tell; it shows some events late.
    pub fn has_failed(&self) -> bool {
        self.thread.is_some() && self.batches.is_none()
    }

    /// Writes what is left and says what the log is, or why it is not whole.
    pub fn finish(mut self) -> io::Result<Summary> {
        self.end().unwrap_or_else(|| Ok(Summary { events: self.next, ..Summary::default() }))
    }

    fn send_batch(&mut self) {
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH_EVENTS));
        if self.batches.as_ref().is_some_and(|batches| batches.send(batch).is_err()) {
            self.batches = None;
        }
    }

    /// Writes what is left, once.
    fn end(&mut self) -> Option<io::Result<Summary>> {
        let thread = self.thread.take()?;
        self.send_batch();
        self.batches = None;
        let panicked = |_| Err(io::Error::other("the thread that writes the event log panicked"));
        Some(thread.join().unwrap_or_else(panicked))
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.end() {
            tracing::error!("the event log is not whole: {error}");
        }
    }
}

/// The thread's side: the sink and what went into it.
struct Lines {
    /// Nothing if the log is only compared.
    sink: Option<Box<dyn Write + Send>>,
    comparison: Option<Comparison>,
    hash: Sha256,
    events: u64,
    bytes: u64,
}

impl Lines {
    fn new(sink: Option<Box<dyn Write + Send>>, comparison: Option<Comparison>) -> Self {
        Lines { sink, comparison, hash: Sha256::new(), events: 0, bytes: 0 }
    }

    fn write_all(mut self, header: Vec<u8>, batches: &Receiver<Vec<Event>>) -> io::Result<Summary> {
        self.write(&header)?;
        // A run that is killed at once leaves a log that says whose it is.
        self.flush()?;
        let mut text = Vec::new();
        for batch in batches {
            text.clear();
            for event in &batch {
                let begin = text.len();
                serde_json::to_writer(&mut text, event).expect("an event is plain data");
                if let Some(comparison) = &mut self.comparison {
                    comparison.see(event, &text[begin..]);
                }
                text.push(b'\n');
            }
            self.write(&text)?;
            self.events += batch.len() as u64;
        }
        let mut sha256 = String::new();
        self.flush()?;
        if self.sink.is_some() {
            sha256 = hex::encode(self.hash.finalize());
        }
        let compared = self.comparison.map(Comparison::finish);
        Ok(Summary { sha256, events: self.events, bytes: self.bytes, compared })
    }

    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        if let Some(sink) = &mut self.sink {
            let written = sink.write_all(text);
            written.map_err(|error| self.explain(&error))?;
            self.hash.update(text);
        }
        self.bytes += text.len() as u64;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.sink.as_mut().map_or(Ok(()), |sink| sink.flush());
        flushed.map_err(|error| self.explain(&error))
    }

    fn explain(&self, error: &io::Error) -> io::Error {
        let text =
            format!("writing the event log after {} events ({} bytes): {error}", self.events, self.bytes);
        io::Error::new(error.kind(), text)
    }
}

/// The line of an event without its newline, as it stands in the log.
pub fn event_line(event: &Event) -> String {
    serde_json::to_string(event).expect("an event is plain data")
}
