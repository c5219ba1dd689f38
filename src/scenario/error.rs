//! Why there is no scenario: it cannot be read, or something is wrong with it.
//!
//! However large or strange the input was, what is shown of it fits one screen.

use std::io;

use crate::language::Problem;

/// The most problems that are shown of one scenario.
const SHOWN: usize = 8;

/// Why there is no scenario.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file could not be read.
    #[error("{name}: {message}\n  {advice}")]
    Unreadable {
        /// The file.
        name: String,
        /// What happened.
        message: String,
        /// What to do about it.
        advice: &'static str,
        /// The error of the system, if it was one.
        source: Option<io::Error>,
    },
    /// The text is no scenario.
    #[error("{}", report(name, problems))]
    Invalid {
        /// The file, or what the caller named the text.
        name: String,
        /// What is wrong with it, at least one thing.
        problems: Vec<Problem>,
    },
}

/// The problems as `name:line:column: path: message`, each with its advice, as many as fit one screen.
pub(super) fn report(name: &str, problems: &[Problem]) -> String {
    let mut lines: Vec<String> = problems.iter().take(SHOWN).map(|p| format!("{name}:{p}")).collect();
    if problems.len() > SHOWN {
        lines.push(format!("{name}: and {} more", problems.len() - SHOWN));
    }
    lines.join("\n")
}
