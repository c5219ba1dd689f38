//! The journal of a search: every answer in a file before it is used, so that a search goes on where it ended.
//!
//! JSON Lines. The header holds the question's identity, a text of the caller's with all that answers depend on; then
//! follows one answer a line, with the candidate's key. A search asks the same questions again in the same order, so
//! it needs no other state: those answered in the file cost nothing, the first new one is where it was interrupted. A
//! last line without its end, as an interruption leaves it, is cut off.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Answer, BisectError, Prober};

/// The version of the format, and the only one that is read.
const FORMAT: u64 = 1;

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file cannot be read or written.
    #[error("cannot use the journal {}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    /// The file holds answers to another question.
    #[error("the journal {} answers another question: {found}", path.display())]
    OtherQuestion { path: PathBuf, found: String },
    /// A line is none of a journal. Lines count from 1, the header's.
    #[error("line {line} of {} is none of a journal: {reason}", path.display())]
    BadLine { path: PathBuf, line: usize, reason: String },
}

/// What to do with a journal that answers another question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherQuestion {
    /// Leave it, and say so.
    Refuse,
    /// Begin it anew.
    Restart,
}

#[derive(Serialize, Deserialize)]
struct Header {
    journal: u64,
    question: String,
}

#[derive(Serialize, Deserialize)]
struct Line {
    key: String,
    answer: Answer,
}

/// Answers in a file.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    answers: BTreeMap<String, Answer>,
}

impl Journal {
    /// Opens the journal of `question` at `path`, or begins it.
    pub fn open(path: &Path, question: &str, other: OtherQuestion) -> Result<Self, JournalError> {
        let io = |source| JournalError::Io { path: path.to_owned(), source };
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(io)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(io)?;
        let mut journal = Journal { path: path.to_owned(), file, answers: BTreeMap::new() };
        let header = line(&Header { journal: FORMAT, question: question.to_owned() });
        let found = match header.starts_with(&text) && header != text {
            true => None,
            false => Some(journal.parse(&text)?),
        };
        match found {
            Some((found, whole)) if found == question => {
                journal.file.set_len(whole as u64).map_err(io)?;
            }
            Some((found, _)) if other == OtherQuestion::Refuse => {
                return Err(JournalError::OtherQuestion { path: path.to_owned(), found });
            }
            _ => {
                journal.answers.clear();
                journal.file.set_len(0).map_err(io)?;
                journal.file.write_all(&header).map_err(io)?;
            }
        }
        Ok(journal)
    }

    /// How many answers it holds.
    pub fn answers_count(&self) -> usize {
        self.answers.len()
    }

    /// Takes the answers from a journal's text; returns its question, and how many bytes are whole lines.
    fn parse(&mut self, text: &[u8]) -> Result<(String, usize), JournalError> {
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let bad =
            |line: usize, reason: String| JournalError::BadLine { path: self.path.clone(), line, reason };
        let mut lines = text[..whole].split_inclusive(|byte| *byte == b'\n');
        let header = serde_json::from_slice(lines.next().unwrap_or(text));
        let Header { journal, question } = header.map_err(|error| bad(1, error.to_string()))?;
        if journal != FORMAT {
            return Err(bad(1, format!("format {journal} is not known to this version (knows {FORMAT})")));
        }
        for (index, text) in lines.enumerate() {
            let parsed = serde_json::from_slice(text);
            let Line { key, answer } = parsed.map_err(|error| bad(index + 2, error.to_string()))?;
            self.answers.insert(key, answer);
        }
        Ok((question, whole))
    }

    /// Writes new answers, all in one piece, and only then takes them.
    fn append(&mut self, answers: Vec<Line>) -> Result<(), JournalError> {
        let text: Vec<u8> = answers.iter().flat_map(line).collect();
        self.file.write_all(&text).map_err(|source| JournalError::Io { path: self.path.clone(), source })?;
        self.answers.extend(answers.into_iter().map(|line| (line.key, line.answer)));
        Ok(())
    }
}

fn line(value: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(value).expect("a line of the journal is plain data");
    line.push(b'\n');
    line
}

/// A prober that looks into a journal first, and runs only what is not in it.
#[derive(Debug)]
pub struct Journalled<P, F> {
    prober: P,
    journal: Journal,
    key: F,
}

impl<P, F> Journalled<P, F> {
    /// `key` names a candidate; two with one key are one question.
    pub fn new(prober: P, journal: Journal, key: F) -> Self {
        Journalled { prober, journal, key }
    }
}

impl<C: Clone, P: Prober<C>, F: Fn(&C) -> String> Prober<C> for Journalled<P, F> {
    type Error = P::Error;

    fn probe(&mut self, candidates: &[C]) -> Result<Vec<Answer>, P::Error> {
        let keys: Vec<String> = candidates.iter().map(&self.key).collect();
        let is_fresh = |index: &usize| {
            let key = &keys[*index];
            !self.journal.answers.contains_key(key) && !keys[..*index].contains(key)
        };
        let fresh: Vec<usize> = (0..keys.len()).filter(is_fresh).collect();
        if !fresh.is_empty() {
            let candidates: Vec<C> = fresh.iter().map(|index| candidates[*index].clone()).collect();
            let answers = self.prober.probe(&candidates)?;
            assert_eq!(answers.len(), fresh.len(), "a prober answers every candidate");
            let named = fresh.iter().map(|index| keys[*index].clone()).zip(answers);
            let lines = named.map(|(key, answer)| Line { key, answer }).collect();
            self.journal.append(lines).map_err(BisectError::from)?;
        }
        Ok(keys.iter().map(|key| self.journal.answers[key].clone()).collect())
    }

    fn jobs(&self) -> usize {
        self.prober.jobs()
    }
}
