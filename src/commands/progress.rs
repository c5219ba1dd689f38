//! The line on a terminal that says how far a run, or the reading of a log, has come.

use indicatif::{ProgressBar, ProgressStyle};

use crate::bisect;
use crate::event_log::Indexed;
use crate::scheduler::Progress;

/// A spinner with virtual time, events and phase; nothing where there is no terminal.
pub struct ProgressLine(ProgressBar);

impl ProgressLine {
    /// The line, if it is wanted.
    pub fn new(wanted: bool) -> Self {
        ProgressLine(spinner(wanted))
    }

    /// Shows where the run is.
    pub fn show(&mut self, progress: Progress) {
        let Progress { at, events, phase } = progress;
        let seconds = at.as_secs_f64();
        self.0.set_message(format!("{phase:?} · {seconds:.1} s virtual · {events} events"));
        self.0.tick();
    }

    /// Takes the line away.
    pub fn clear(&self) {
        self.0.finish_and_clear();
    }
}

/// How much of a log is read; how much there is of it is not known of a compressed one.
pub struct IndexLine(ProgressBar);

impl IndexLine {
    /// The line, if it is wanted.
    pub fn new(wanted: bool) -> Self {
        IndexLine(spinner(wanted))
    }

    /// Shows how much was read.
    pub fn show(&self, indexed: Indexed) {
        let Indexed { events, bytes } = indexed;
        self.0.set_message(format!("indexing · {events} events · {} MiB", bytes >> 20));
        self.0.tick();
    }

    /// Takes the line away.
    pub fn clear(&self) {
        self.0.finish_and_clear();
    }
}

/// How many of many runs are done; nothing where there is no terminal.
pub struct CountLine(ProgressBar);

impl CountLine {
    /// The line, if it is wanted.
    pub fn new(wanted: bool) -> Self {
        if !wanted {
            return CountLine(ProgressBar::hidden());
        }
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} runs · {eta} left{msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        CountLine(ProgressBar::new(0).with_style(style))
    }

    /// Shows how many are done, and how many of those failed.
    pub fn show(&mut self, done: usize, of: usize, failed: usize) {
        self.0.set_length(of as u64);
        if failed > 0 {
            self.0.set_message(format!(" · {failed} failed"));
        }
        self.0.set_position(done as u64);
    }

    /// Takes the line away.
    pub fn clear(&self) {
        self.0.finish_and_clear();
    }
}

/// How far a search by probes has come.
pub struct SearchLine(ProgressBar);

impl SearchLine {
    /// Searches, and shows on the line how far that is.
    pub fn during<T>(wanted: bool, search: impl FnOnce(&SearchLine) -> T) -> T {
        let line = SearchLine(spinner(wanted));
        let found = search(&line);
        line.0.finish_and_clear();
        found
    }

    /// Shows how far the search for `what` is.
    pub fn show(&self, what: &str, progress: bisect::Progress) {
        let bisect::Progress { probes, about, best } = progress;
        self.0.set_message(format!("{what}: probe {probes} of about {about}, best so far {best}"));
        self.0.tick();
    }
}

/// A spinner with a message; nothing where there is no terminal.
fn spinner(wanted: bool) -> ProgressBar {
    if !wanted {
        return ProgressBar::hidden();
    }
    let style =
        ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::new_spinner().with_style(style)
}
