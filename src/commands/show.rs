//! `show`: looks into a recorded log without running anything: its summary, single events and their causes, selections,
//! and where it parts from another log.

mod printer;

use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use self::printer::Printer;
use super::progress::IndexLine;
use super::{CANNOT_PRINT, Environment, Exit, say_to_stderr};
use crate::event_log::explain::Explanation;
use crate::event_log::{
    self, DiffError, Difference, Filter, IndexedLog, KEPT_FROM_BYTES, Keep, Kept, OpenError, ReadError,
    Trace, first_difference_of_lines,
};
use crate::report::log;

/// What was asked for, as typed.
#[derive(Clone, Debug)]
pub struct Request {
    /// The log, or the folder that holds it.
    pub log: PathBuf,
    /// What to show of it.
    pub view: View,
    /// Show the log's own lines instead of words.
    pub json: bool,
}

/// What can be shown of a log.
#[derive(Clone, Debug)]
pub enum View {
    /// What the run was.
    Summary,
    /// One event, its causes and its effects.
    Event(u64),
    /// One event between those before and after it.
    Around {
        /// The event.
        event: u64,
        /// How many on either side.
        context: u64,
    },
    /// The events that a filter wants.
    Select {
        /// The filter.
        filter: Box<Filter>,
        /// At most so many of them.
        limit: Option<u64>,
    },
    /// Where it parts from this other log.
    Diff(PathBuf),
}

/// Shows what was asked for.
pub fn show(request: &Request, environment: &Environment) -> Result<Exit> {
    if let View::Diff(other) = &request.view {
        return diff(&request.log, other, environment);
    }
    let log = open(&request.log, environment)?;
    match &request.view {
        View::Event(i) | View::Around { event: i, .. } if *i >= log.events() => {
            say_to_stderr(&past_the_end(&log, *i));
            return Ok(Exit::BadInput);
        }
        _ => {}
    }
    let mut out = Printer::to_stdout();
    let shown = Shown { log: &log, json: request.json, colour: environment.colour };
    shown.view(&request.view, &mut out).with_context(|| log.path().display().to_string())?;
    out.finish().context(CANNOT_PRINT)?;
    Ok(Exit::AllHold)
}

/// Opens a log with its index, and says where that had to go.
fn open(path: &Path, environment: &Environment) -> Result<IndexedLog, OpenError> {
    let keep = Keep { cache_dir: environment.cache_dir.clone(), from_bytes: KEPT_FROM_BYTES };
    let line = IndexLine::new(environment.progress);
    let log = IndexedLog::open(path, &keep, &mut |indexed| line.show(indexed));
    line.clear();
    if let Ok(log) = &log {
        match log.kept() {
            Kept::No | Kept::Beside => {}
            Kept::InCache(place) => say_to_stderr(&format!(
                "note: the log's folder takes no index, so it is in {}",
                place.display()
            )),
            Kept::Nowhere(reason) => say_to_stderr(&format!(
                "note: the index cannot be kept ({reason}), so the log is read again every time"
            )),
        }
    }
    log
}

fn past_the_end(log: &IndexedLog, i: u64) -> String {
    let cut = if log.digest().truncated { ", and was cut off there" } else { "" };
    match log.events().checked_sub(1) {
        Some(last) => format!("error: there is no event {i}: the log ends with event {last}{cut}"),
        None => format!("error: there is no event {i}: the log has no events{cut}"),
    }
}

/// What is shown, and how.
struct Shown<'a> {
    log: &'a IndexedLog,
    json: bool,
    colour: bool,
}

impl Shown<'_> {
    fn view(&self, view: &View, out: &mut Printer) -> Result<(), ReadError> {
        match view {
            View::Summary | View::Diff(_) => out.text(&log::summary(self.log, self.colour)),
            View::Event(i) if self.json => self.range(*i..*i + 1, None, out)?,
            View::Event(i) => out.text(&log::trace(&Trace::of(self.log, *i)?, self.colour)),
            View::Around { event, context } => {
                let range = event.saturating_sub(*context)..event.saturating_add(*context).saturating_add(1);
                self.range(range, Some(*event), out)?;
            }
            View::Select { filter, limit } => self.select(filter, limit.unwrap_or(u64::MAX), out)?,
        }
        Ok(())
    }

    /// Events in a row, one of them marked.
    fn range(&self, numbers: Range<u64>, marked: Option<u64>, out: &mut Printer) -> Result<(), ReadError> {
        self.log.visit(numbers, &mut |event, raw| match self.json {
            true => out.line(raw),
            false => out.line(log::marked_line(event, marked == Some(event.i), self.colour).as_bytes()),
        })
    }

    fn select(&self, filter: &Filter, limit: u64, out: &mut Printer) -> Result<(), ReadError> {
        let mut left = limit;
        if left == 0 {
            return Ok(());
        }
        self.log.select(filter, &mut |event, raw| {
            left -= 1;
            let printed = match self.json {
                true => out.line(raw),
                false => out.line(log::line(event, self.colour).as_bytes()),
            };
            if left == 0 { ControlFlow::Break(()) } else { printed }
        })
    }
}

/// Says where two logs part.
fn diff(first: &Path, second: &Path, environment: &Environment) -> Result<Exit> {
    let mut out = Printer::to_stdout();
    let headers = [event_log::open(first)?, event_log::open(second)?];
    let headers = log::header_differences(headers[0].header(), headers[1].header());
    out.text(&headers);
    let (equal, difference) = compare(first, second)?;
    let is_equal = difference.is_none() && headers.is_empty();
    match difference {
        Some(difference) => out.text(&explain(difference, first, environment)?),
        None if is_equal => out.text(&format!("equal: all {equal} events\n")),
        None => out.text(&format!("all {equal} events are equal, only the headers differ\n")),
    }
    out.finish().context(CANNOT_PRINT)?;
    Ok(if is_equal { Exit::AllHold } else { Exit::Diverged })
}

/// How many events are equal, and what comes after them.
fn compare(first: &Path, second: &Path) -> Result<(u64, Option<Difference>), OpenError> {
    let lines = (event_log::open_lines(first)?, event_log::open_lines(second)?);
    first_difference_of_lines(lines.0, lines.1).map_err(|DiffError { is_second, source }| {
        let path = if is_second { second } else { first }.to_owned();
        OpenError::Read { path, source }
    })
}

fn explain(difference: Difference, first: &Path, environment: &Environment) -> Result<String> {
    // What comes after the difference may not be readable.
    let log = open(first, environment).or_else(|_| IndexedLog::pass_through(first, difference.index))?;
    let explanation = Explanation::of(difference, &log).with_context(|| first.display().to_string())?;
    Ok(log::difference(&explanation, environment.colour))
}
