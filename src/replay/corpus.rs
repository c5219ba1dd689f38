//! A recording as a folder that is kept: what stands in it, how it is written, how it is read.
//!
//! `scenario.yaml` with the server's version in it, so that the same command records it again; the compressed log; the
//! report as every later replay must give it; and a README of two lines, what it shows and which servers fail and which
//! pass. The corpus in `replay/` is made of such folders, and so is whatever a search for failures leaves behind.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::event_log::{COMPRESSED_LOG_FILE, ServerIdentity};
use crate::report::{self, RunReport, Status};
use crate::scenario::Scenario;

/// The scenario's file in the folder.
pub const SCENARIO_FILE: &str = "scenario.yaml";
/// The file of the report that a replay must give.
pub const REPORT_FILE: &str = "report.txt";
/// The file of the two lines.
pub const README_FILE: &str = "README.md";

/// What stands for no server at all.
const NOBODY: &str = "–";

/// The two lines of a recording's README.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readme {
    /// What it shows.
    pub shows: String,
    /// Servers on which the scenario violates an invariant: versions, or series such as `9.1`.
    pub fails: Vec<String>,
    /// Servers on which every invariant holds.
    pub passes: Vec<String>,
}

/// Why a recording's folder is none.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// A file of it cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The README is not the two lines.
    #[error("{}: {reason}", path.display())]
    Readme {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: BadReadme,
    },
}

/// What is wrong with the two lines.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadReadme {
    /// There are more, or fewer, or the first is empty.
    #[error("it has not just two lines: what it shows, and who fails and who passes")]
    NotTwoLines,
    /// The second line says something else.
    #[error("its second line must read `Fails: 8.0.1 8.1 · Passes: {NOBODY}`, with the versions in question")]
    NoVerdicts,
}

/// How much time goes into making a log small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Less than the run itself took.
    Little,
    /// As much as it takes, for a log that stays: the best that zstd does without a window that a reader may refuse.
    Much,
}

impl Effort {
    fn level(self) -> i32 {
        match self {
            Effort::Little => 3,
            Effort::Much => 19,
        }
    }
}

/// A run that is to be kept.
#[derive(Clone, Copy, Debug)]
pub struct Recorded<'a> {
    /// What was run.
    pub scenario: &'a Scenario,
    /// On which server.
    pub server: &'a ServerIdentity,
    /// What came of it.
    pub report: &'a RunReport,
    /// Its log, not compressed.
    pub log: &'a Path,
    /// How small its log is to be.
    pub effort: Effort,
}

impl Readme {
    /// What is known after one run: its own server's verdict. A run that could not be judged says nothing.
    pub fn of_run(run: &Recorded) -> Self {
        let server = || vec![spec(run.server)];
        let (fails, passes) = match run.report.status {
            Status::Failed => (server(), Vec::new()),
            Status::Passed => (Vec::new(), server()),
            Status::Unknown => (Vec::new(), Vec::new()),
        };
        Readme { shows: run.scenario.head.name.clone(), fails, passes }
    }

    /// Reads the README of a recording's folder.
    pub fn load(folder: &Path) -> Result<Self, CorpusError> {
        let path = folder.join(README_FILE);
        let text =
            fs::read_to_string(&path).map_err(|source| CorpusError::Io { path: path.clone(), source })?;
        text.parse().map_err(|reason| CorpusError::Readme { path, reason })
    }
}

impl FromStr for Readme {
    type Err = BadReadme;

    fn from_str(text: &str) -> Result<Self, BadReadme> {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        let [shows, verdicts] = lines[..] else { return Err(BadReadme::NotTwoLines) };
        if shows.is_empty() {
            return Err(BadReadme::NotTwoLines);
        }
        let said = verdicts.strip_prefix("Fails:").and_then(|rest| rest.split_once("· Passes:"));
        let (fails, passes) = said.ok_or(BadReadme::NoVerdicts)?;
        let servers = |text: &str| match text.split_whitespace().collect::<Vec<_>>()[..] {
            [] => Err(BadReadme::NoVerdicts),
            [NOBODY] => Ok(Vec::new()),
            ref names if names.contains(&NOBODY) => Err(BadReadme::NoVerdicts),
            ref names => Ok(names.iter().map(ToString::to_string).collect()),
        };
        Ok(Readme { shows: shows.to_owned(), fails: servers(fails)?, passes: servers(passes)? })
    }
}

impl fmt::Display for Readme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |servers: &[String]| match servers {
            [] => NOBODY.to_owned(),
            _ => servers.join(" "),
        };
        writeln!(f, "{}\nFails: {} · Passes: {}", self.shows, names(&self.fails), names(&self.passes))
    }
}

/// How a person asks for the server of a log: its version, with the family before it unless that is Valkey.
pub fn spec(server: &ServerIdentity) -> String {
    match server.name.as_str() {
        "valkey" => server.version.clone(),
        family => format!("{family}-{}", server.version),
    }
}

/// The report as it stands in a recording's folder; any replay of the log must give the same text.
pub fn golden(report: &RunReport) -> String {
    let reproduction = format!("valkey-fuzzer run {SCENARIO_FILE}");
    report::text::golden(&RunReport { reproduction, ..report.clone() })
}

/// Writes a run into `folder`, which is made if need be. A README that is there already is left as it is, because a
/// person wrote it; without one `readme` is written.
pub fn keep(folder: &Path, run: &Recorded, readme: &Readme) -> Result<(), CorpusError> {
    fs::create_dir_all(folder).map_err(|source| CorpusError::Io { path: folder.to_owned(), source })?;
    let scenario = Scenario { server: Some(spec(run.server)), ..run.scenario.clone() };
    write(&folder.join(SCENARIO_FILE), &scenario.to_yaml())?;
    write(&folder.join(REPORT_FILE), &golden(run.report))?;
    let log = folder.join(COMPRESSED_LOG_FILE);
    compress(run.log, &log, run.effort).map_err(|source| CorpusError::Io { path: log, source })?;
    let path = folder.join(README_FILE);
    if path.exists() { Ok(()) } else { write(&path, &readme.to_string()) }
}

fn write(path: &Path, text: &str) -> Result<(), CorpusError> {
    fs::write(path, text).map_err(|source| CorpusError::Io { path: path.to_owned(), source })
}

fn compress(from: &Path, to: &Path, effort: Effort) -> io::Result<()> {
    let mut log = BufReader::new(File::open(from)?);
    let mut compressed = zstd::Encoder::new(BufWriter::new(File::create(to)?), effort.level())?;
    compressed.include_checksum(true)?;
    io::copy(&mut log, &mut compressed)?;
    compressed.finish()?.into_inner()?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_lines_are_read_as_they_are_written() {
        for text in [
            "A primary stops in order.\nFails: – · Passes: 8.0.1 8.1.1 9.1\n",
            "Keys vanish.\nFails: 8.0.1 redis-7.0 · Passes: –\n",
        ] {
            let readme: Readme = text.parse().expect("it is good");
            assert_eq!(readme.to_string(), text);
        }
    }

    #[test]
    fn anything_else_is_no_readme() {
        for (text, reason) in [
            ("", BadReadme::NotTwoLines),
            ("one line\n", BadReadme::NotTwoLines),
            ("\nFails: – · Passes: –\n", BadReadme::NotTwoLines),
            ("a\nFails: – · Passes: –\nmore\n", BadReadme::NotTwoLines),
            ("a\nPasses: 8.0\n", BadReadme::NoVerdicts),
            ("a\nFails: · Passes: 8.0\n", BadReadme::NoVerdicts),
            ("a\nFails: – 8.1 · Passes: 8.0\n", BadReadme::NoVerdicts),
        ] {
            assert_eq!(text.parse::<Readme>(), Err(reason), "{text:?}");
        }
    }
}
