//! The ledger of a campaign, `campaign.jsonl`: the question in its first line, then one line for every run.
//!
//! A run counts when its line is whole on the disk, and not before. So a campaign that was ended in any way goes on
//! from its ledger: what has a line is not run again, and a last piece that a crash, a power loss or a full disk left
//! is cut off. One campaign at a time works on a ledger.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use super::line::RunLine;
use super::source::Source;
use crate::event_log::{ServerIdentity, TOOL};
use crate::servers;

/// The name of the file in a campaign's folder.
pub const LEDGER_FILE: &str = "campaign.jsonl";
/// The version of the format, and the only one that is read.
const FORMAT: u64 = 1;
/// How many lines may be lost to a power loss; their runs are then run again.
const LINES_UNSYNCED_MAX: usize = 64;

/// The first line: what all runs have in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// The version of the format.
    pub campaign: u64,
    /// The tool's name and version.
    pub tool: String,
    /// The SHA-256 of the program that ran it: two builds of a version may judge in two ways.
    #[serde(default)]
    pub build: String,
    /// The build id of the shim.
    pub shim: String,
    /// What is run.
    pub source: Source,
    /// On what, by label.
    pub servers: BTreeMap<String, ServerIdentity>,
}

impl Question {
    /// The question of a campaign by this program.
    pub fn new(source: Source, servers: BTreeMap<String, ServerIdentity>) -> io::Result<Self> {
        let (tool, build) = (TOOL.to_owned(), servers::sha256_of(File::open("/proc/self/exe")?)?);
        Ok(Question { campaign: FORMAT, tool, build, shim: crate::shim::build_id(), source, servers })
    }
}

/// Why a ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    /// Another process works on it.
    #[error("{} belongs to a campaign that is under way; wait for it, or name another folder with --out", .0.display())]
    InUse(PathBuf),
    /// It is the ledger of another campaign.
    #[error("{} holds another campaign ({what} differs); name another folder with --out", path.display())]
    OtherQuestion { path: PathBuf, what: &'static str },
    /// A line in the middle is none of a ledger. Lines count from 1.
    #[error("line {line} of {} is none of a campaign: {reason}", path.display())]
    BadLine { path: PathBuf, line: usize, reason: String },
}

/// The runs of a campaign, on disk and in memory.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    file: Flock<File>,
    runs: BTreeMap<(u64, String), RunLine>,
    unsynced: usize,
}

impl Ledger {
    /// Opens the ledger in a campaign's folder, or begins it.
    pub fn open(folder: &Path, question: &Question) -> Result<Self, LedgerError> {
        let path = folder.join(LEDGER_FILE);
        let io = |source| LedgerError::Io { path: path.clone(), source };
        let file = OpenOptions::new().read(true).append(true).create(true).open(&path).map_err(io)?;
        let mut file = Flock::lock(file, FlockArg::LockExclusiveNonblock)
            .map_err(|_| LedgerError::InUse(path.clone()))?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(io)?;
        let (found, lines, whole) = parse(&text, &path)?;
        if let Some(what) = found.as_ref().and_then(|found| other(found, question)) {
            return Err(LedgerError::OtherQuestion { path, what });
        }
        file.set_len(whole as u64).map_err(io)?;
        let mut ledger = Ledger { path: path.clone(), file, runs: BTreeMap::new(), unsynced: 0 };
        lines.into_iter().for_each(|line| ledger.take(line));
        if found.is_none() {
            ledger.write(question)?;
            ledger.sync()?;
        }
        Ok(ledger)
    }

    /// The runs that count already, by seed and server.
    pub fn counted(&self) -> BTreeSet<(u64, String)> {
        self.runs.iter().filter(|(_, line)| line.counts()).map(|(run, _)| run.clone()).collect()
    }

    /// Every run so far, by seed and server.
    pub fn runs(&self) -> impl Iterator<Item = &RunLine> {
        self.runs.values()
    }

    /// Writes a run down; only then does it count.
    pub fn append(&mut self, line: RunLine) -> Result<(), LedgerError> {
        self.write(&line)?;
        self.unsynced += 1;
        if self.unsynced >= LINES_UNSYNCED_MAX {
            self.sync()?;
        }
        self.take(line);
        Ok(())
    }

    /// Waits until everything is on the disk.
    pub fn sync(&mut self) -> Result<(), LedgerError> {
        self.unsynced = 0;
        self.file.sync_data().map_err(|source| LedgerError::Io { path: self.path.clone(), source })
    }

    fn take(&mut self, line: RunLine) {
        self.runs.insert((line.seed, line.server.clone()), line);
    }

    /// Writes a whole line or none: what a full disk takes of it is taken back.
    fn write(&mut self, value: &impl Serialize) -> Result<(), LedgerError> {
        let mut text = serde_json::to_vec(value).expect("a line of the ledger is plain data");
        text.push(b'\n');
        let io = |source| LedgerError::Io { path: self.path.clone(), source };
        let before = self.file.metadata().map_err(io)?.len();
        self.file.write_all(&text).map_err(|source| {
            let _ = self.file.set_len(before);
            LedgerError::Io { path: self.path.clone(), source }
        })
    }
}

/// In what two questions differ, if they do.
fn other(found: &Question, asked: &Question) -> Option<&'static str> {
    let differs = [
        ("the format", found.campaign != asked.campaign),
        ("the version of this tool", found.tool != asked.tool || found.shim != asked.shim),
        ("the build of this tool", found.build != asked.build),
        ("the scenario", found.source != asked.source),
        ("a server", found.servers != asked.servers),
    ];
    differs.into_iter().find(|(_, differs)| *differs).map(|(what, _)| what)
}

/// The question, the runs, and how many bytes of a ledger are whole lines.
fn parse(text: &[u8], path: &Path) -> Result<(Option<Question>, Vec<RunLine>, usize), LedgerError> {
    let bad = |line: usize, reason: String| LedgerError::BadLine { path: path.to_owned(), line, reason };
    let mut pieces = text.split_inclusive(|byte| *byte == b'\n');
    let Some(first) = pieces.next().filter(|first| first.ends_with(b"\n")) else {
        // What stands there is the beginning of a first line, if this tool wrote it.
        let is_ours =
            text.is_empty() || text.starts_with(b"{\"campaign\":") || b"{\"campaign\":".starts_with(text);
        return if is_ours { Ok((None, Vec::new(), 0)) } else { Err(bad(1, "it is no ledger".to_owned())) };
    };
    let question: Question = serde_json::from_slice(first).map_err(|error| bad(1, error.to_string()))?;
    let (mut runs, mut whole) = (Vec::new(), first.len());
    let mut broken: Option<(usize, String)> = None;
    for (index, piece) in pieces.enumerate() {
        let run = serde_json::from_slice::<RunLine>(piece).map_err(|error| error.to_string());
        match (run, &broken) {
            (Ok(_), Some((line, reason))) => return Err(bad(*line, reason.clone())),
            (Ok(run), None) if piece.ends_with(b"\n") => {
                whole += piece.len();
                runs.push(run);
            }
            // Only at the very end can a crash have left it.
            (Ok(_), None) => {}
            (Err(reason), None) => broken = Some((index + 2, reason)),
            (Err(_), Some(_)) => {}
        }
    }
    Ok((Some(question), runs, whole))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::campaign::line::RunStatus;
    use crate::plan::{Overrides, generate, resolve};

    fn question() -> Question {
        let source = Source::Generated(Overrides { replicas: Some(1), ..Overrides::default() });
        Question::new(source, BTreeMap::new()).expect("this program can be read")
    }

    fn run(seed: u64) -> (u64, String) {
        (seed, "8.1.8".to_owned())
    }

    fn line(seed: u64) -> RunLine {
        let plan = resolve(&generate(seed, &Overrides::default()), None).expect("a generated plan");
        RunLine { status: RunStatus::Passed, ..RunLine::error(&plan, "8.1.8", "x".to_owned()) }
    }

    fn ledger_of_three(folder: &Path) -> Vec<u8> {
        let mut ledger = Ledger::open(folder, &question()).expect("it opens");
        (1..=3).for_each(|seed| ledger.append(line(seed)).expect("it is written"));
        drop(ledger);
        fs::read(folder.join(LEDGER_FILE)).expect("it is there")
    }

    #[test]
    fn a_ledger_cut_anywhere_goes_on_and_counts_nothing_twice() {
        let folder = tempfile::tempdir().expect("a folder");
        let whole = ledger_of_three(folder.path());
        for cut in 0..=whole.len() {
            fs::write(folder.path().join(LEDGER_FILE), &whole[..cut]).expect("written");
            let mut ledger = Ledger::open(folder.path(), &question()).expect("it opens");
            let missing: Vec<u64> = (1..=3).filter(|seed| !ledger.counted().contains(&run(*seed))).collect();
            missing.into_iter().for_each(|seed| ledger.append(line(seed)).expect("it is written"));
            drop(ledger);
            assert_eq!(
                fs::read(folder.path().join(LEDGER_FILE)).expect("it is there"),
                whole,
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn zeros_that_a_power_loss_left_are_cut_off() {
        let folder = tempfile::tempdir().expect("a folder");
        let whole = ledger_of_three(folder.path());
        let with_zeros = [whole.as_slice(), &[0; 700]].concat();
        fs::write(folder.path().join(LEDGER_FILE), with_zeros).expect("written");
        drop(Ledger::open(folder.path(), &question()).expect("it opens"));
        assert_eq!(fs::read(folder.path().join(LEDGER_FILE)).expect("it is there"), whole);
    }

    #[test]
    fn a_bad_line_in_the_middle_loses_nothing_and_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let whole = String::from_utf8(ledger_of_three(folder.path())).expect("text");
        let broken = whole.replacen("\"seed\":2", "\"seed\":-2", 1);
        fs::write(folder.path().join(LEDGER_FILE), &broken).expect("written");
        let error = Ledger::open(folder.path(), &question()).expect_err("it is broken").to_string();
        assert!(error.starts_with("line 3 of"), "{error}");
        assert_eq!(fs::read_to_string(folder.path().join(LEDGER_FILE)).expect("it is there"), broken);
    }

    #[test]
    fn another_question_and_a_second_campaign_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let ledger = Ledger::open(folder.path(), &question()).expect("it opens");
        let second = Ledger::open(folder.path(), &question()).expect_err("it is in use").to_string();
        assert!(second.contains("under way"), "{second}");
        drop(ledger);
        let other = Question {
            source: Source::Generated(Overrides {
                shards: Some(3),
                replicas: Some(1),
                ..Overrides::default()
            }),
            ..question()
        };
        let error = Ledger::open(folder.path(), &other).expect_err("it is another").to_string();
        assert!(error.contains("the scenario differs"), "{error}");
        let other = Question { build: "00".to_owned(), ..question() };
        let error = Ledger::open(folder.path(), &other).expect_err("it is another").to_string();
        assert!(error.contains("the build of this tool differs"), "{error}");
        fs::write(folder.path().join(LEDGER_FILE), "notes\n").expect("written");
        let error = Ledger::open(folder.path(), &question()).expect_err("no ledger").to_string();
        assert!(error.starts_with("line 1 of"), "{error}");
    }

    #[test]
    fn a_run_that_the_world_refused_is_tried_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut ledger = Ledger::open(folder.path(), &question()).expect("it opens");
        let refused = RunLine { status: RunStatus::Error, ..line(1) };
        ledger.append(refused).expect("it is written");
        assert!(!ledger.counted().contains(&run(1)));
        ledger.append(line(1)).expect("it is written");
        assert!(ledger.counted().contains(&run(1)));
        assert_eq!(ledger.runs().count(), 1);
    }
}
