//! What a campaign shows while it goes on: lines on a terminal, or a plain line every ten seconds.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::campaign::{Campaign, RunLine, RunStatus, Tally};
use crate::commands::say_to_stderr;
use crate::wall::Stopwatch;
use crate::words::counted;

/// How far apart plain lines are.
const PLAIN_LINE_EVERY: Duration = Duration::from_secs(10);
/// How many groups of failures are shown.
const GROUPS_SHOWN: usize = 8;

/// A line every ten seconds, for whoever has no terminal.
pub struct PlainLine {
    wanted: bool,
    clock: Stopwatch,
    shown: u32,
}

impl PlainLine {
    /// No line yet.
    pub fn new(wanted: bool) -> Self {
        PlainLine { wanted, clock: Stopwatch::start(), shown: 0 }
    }

    /// Says the line, if it is time to.
    pub fn show(&mut self, line: impl FnOnce() -> String) {
        if self.wanted && self.clock.elapsed() >= PLAIN_LINE_EVERY * (self.shown + 1) {
            self.shown = (self.clock.elapsed().as_secs() / PLAIN_LINE_EVERY.as_secs()) as u32;
            say_to_stderr(&line());
        }
    }
}

/// The view of a campaign under way.
pub struct Live {
    tally: Tally,
    /// How many runs an earlier process did: they say nothing of this one's speed.
    runs_before: u64,
    virtual_before_ms: u64,
    newest: String,
    clock: Stopwatch,
    bar: Option<ProgressBar>,
    plain: PlainLine,
}

impl Live {
    /// The view of a campaign that has come to `tally` so far.
    pub fn new(campaign: &Campaign, tally: Tally, on_terminal: bool) -> Self {
        let bar = on_terminal.then(|| {
            let all = campaign.seeds.map(|seeds| seeds.saturating_mul(campaign.contestants.len() as u64));
            let template = match all {
                Some(_) => "{spinner} {bar:30} {pos}/{len} {msg}",
                None => "{spinner} {pos} {msg}",
            };
            let style =
                ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
            let bar = match all {
                Some(all) => ProgressBar::new(all),
                None => ProgressBar::no_length(),
            };
            bar.enable_steady_tick(Duration::from_millis(250));
            bar.with_style(style)
        });
        Live {
            runs_before: tally.runs(),
            virtual_before_ms: tally.virtual_ms,
            tally,
            newest: String::new(),
            clock: Stopwatch::start(),
            bar,
            plain: PlainLine::new(true),
        }
    }

    /// Takes a run that counts.
    pub fn show(&mut self, line: &RunLine) {
        self.tally.add(line);
        if let Some(signature) = &line.signature {
            self.newest = format!("seed {} on {}: {signature}", line.seed, line.server);
        }
        match &self.bar {
            Some(bar) => {
                bar.set_position(self.tally.runs());
                bar.set_message(self.message());
            }
            None => {
                let newest = match self.newest.as_str() {
                    "" => String::new(),
                    newest => format!("; newest: {newest}"),
                };
                let line = format!("{}, {}{newest}", counted(self.tally.runs(), "run"), self.speed());
                self.plain.show(|| line);
            }
        }
    }

    /// Takes the view away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn speed(&self) -> String {
        let seconds = self.clock.elapsed().as_secs_f64().max(1e-3);
        let runs = (self.tally.runs() - self.runs_before) as f64;
        let virtual_h = (self.tally.virtual_ms - self.virtual_before_ms) as f64 / 3.6e6;
        let failed = self.tally.count(RunStatus::Failed);
        let unjudged = self.tally.count(RunStatus::Unknown) + self.tally.count(RunStatus::Error);
        let mut text = format!(
            "{:.0} runs/h, {:.2} virtual h a minute, {failed} failed in {}",
            runs / seconds * 3600.0,
            virtual_h / seconds * 60.0,
            counted(self.tally.groups.len() as u64, "group")
        );
        if unjudged > 0 {
            text.push_str(&format!(", {unjudged} without verdict"));
        }
        text
    }

    fn message(&self) -> String {
        let mut groups: Vec<_> = self.tally.groups.iter().collect();
        groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.count));
        let mut lines = vec![self.speed()];
        lines.extend(
            groups
                .iter()
                .take(GROUPS_SHOWN)
                .map(|(signature, group)| format!("  {:>6} × {signature}", group.count)),
        );
        if groups.len() > GROUPS_SHOWN {
            lines.push(format!("  and {}", counted((groups.len() - GROUPS_SHOWN) as u64, "further group")));
        }
        if !self.newest.is_empty() {
            lines.push(format!("  newest: {}", self.newest));
        }
        lines.join("\n")
    }
}
