//! Why a server cannot be simulated, found or fetched, in words that say what to do next.

use std::fmt;
use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::command::CommandError;
use super::version::{Family, Spec};

/// A file that cannot be simulated.
#[derive(Debug, Error)]
#[error("{}: {reason}", .path.display())]
pub struct Refusal {
    /// The file as it was named.
    pub path: PathBuf,
    /// Why.
    #[source]
    pub reason: Reason,
}

/// Why a file cannot be simulated.
#[derive(Debug, Error)]
pub enum Reason {
    #[error("no such file")]
    NotFound,
    #[error("not an executable file")]
    NotExecutable,
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error("neither an ELF binary nor a script: {0}")]
    NotElf(String),
    #[error("built for another machine ({0}); only x86-64 is simulated")]
    OtherArchitecture(String),
    #[error("a static binary: the preload library cannot enter it; use a dynamically linked build")]
    Static,
    #[error("linked against musl; only glibc builds are simulated")]
    Musl,
    #[error("started by an unknown loader {0}; only glibc builds are simulated")]
    OtherLoader(String),
    #[error("does not start: {0}")]
    DoesNotStart(String),
    #[error("neither a Valkey nor a Redis server: --version says {0:?}")]
    NotAServer(String),
    #[error("{0} {1} has no cluster support; Redis has it from 3.0 on")]
    NoCluster(Family, String),
    #[error("a script that cannot be resolved to its server: {0}; name the server's binary instead")]
    Unresolved(String),
    #[error("damaged in the store: {0}; remove the folder and install it again")]
    Damaged(String),
}

/// Why there is no server to run.
#[derive(Debug, Error)]
pub enum ServerError {
    /// The server named is there but cannot be simulated.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Neither a file nor a version.
    #[error("{0:?} is neither a file, a program on PATH nor a version such as 8.1 or redis-7.0")]
    BadSpec(String),
    /// Nothing that was tried gave the version.
    #[error("cannot fetch {wanted}{}\npass --server PATH to use a server that is already here", lines(.attempts))]
    NotFetched { wanted: Spec, attempts: Vec<Attempt> },
    /// The store cannot be used.
    #[error("the store of servers at {}: {source}", .path.display())]
    Store { path: PathBuf, source: io::Error },
}

/// One way to fetch a server that did not work.
#[derive(Debug)]
pub struct Attempt {
    /// Where from.
    pub source: String,
    /// Why not.
    pub reason: FetchError,
}

/// Why one way to fetch a server did not work.
#[derive(Debug, Error)]
pub enum FetchError {
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error("cannot write below the cache folder: {0}")]
    Io(#[from] io::Error),
    #[error("the package sources of this machine name no Debian or Ubuntu mirror")]
    NoMirror,
    #[error("offers no {wanted}{}", only(.offered))]
    NoSuchVersion { wanted: Spec, offered: Vec<String> },
    #[error("the download holds no {0}")]
    Missing(String),
    #[error("the download is not the expected one: sha256 {found}, not {expected}")]
    OtherContent { found: String, expected: String },
    #[error("what was fetched cannot be simulated: {0}")]
    Refused(#[from] Reason),
}

impl FetchError {
    /// Whether the source itself says that it does not have what was asked for.
    pub(super) fn is_not_offered(&self) -> bool {
        matches!(self, FetchError::NoMirror | FetchError::NoSuchVersion { .. } | FetchError::Missing(_))
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.source, self.reason)
    }
}

fn lines(attempts: &[Attempt]) -> String {
    attempts.iter().map(|attempt| format!("\n  {attempt}")).collect()
}

fn only(offered: &[String]) -> String {
    if offered.is_empty() { String::new() } else { format!(", only {}", offered.join(", ")) }
}
