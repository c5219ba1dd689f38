//! A server that can be simulated: what it is, and how it is started.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use super::libc_version;
use super::toolbox::Toolbox;
use super::version::{Family, Version};
use crate::event_log::ServerIdentity;

/// A server that can be simulated, and how to start it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Which of the two it says it is.
    pub name: Family,
    /// As `--version` says, such as `8.1.8`.
    pub version: String,
    /// The ELF build id in hex, or what `--version` calls `build` if the file has none.
    pub build_id: String,
    /// SHA-256 of the binary, in hex.
    pub sha256: String,
    /// The real ELF file, with no symbolic link and no script in between.
    pub binary: PathBuf,
    /// The loader it is started through, if not simply by the kernel.
    pub loader: Option<Loader>,
    /// The C library, such as `glibc 2.36 (host)` or `glibc 2.41 (own)`.
    pub libc: String,
    /// Where it was found.
    pub origin: Origin,
    /// Where the programs of guests are looked for.
    pub toolbox: Toolbox,
    /// What `--server` finds it by again: a file as it was named, or the version that the store has it under.
    pub spec: String,
    /// Servers that a plan gives to nodes beside this one, by the names that it has for them.
    pub beside: BTreeMap<String, Server>,
}

/// A dynamic loader named outright, and the folders it takes libraries from first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loader {
    /// The loader's file.
    pub program: PathBuf,
    /// Folders for `--library-path`, in order.
    pub library_dirs: Vec<PathBuf>,
    /// Whether it knows `--argv0` (glibc 2.33 and later do).
    pub takes_argv0: bool,
}

/// Where a server was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file named by the user.
    File,
    /// A folder of `PATH`.
    SearchPath,
    /// The managed store; with where it was fetched from.
    Store(String),
}

/// The first version with several databases in a cluster.
pub const DATABASES_SINCE: &str = "9.0";

impl Server {
    /// Whether it is of a version or a later one, as far as can be told.
    pub fn is_since(&self, version: &str) -> bool {
        let (own, since) = (Version::leading(&self.version), Version::leading(version));
        own.zip(since).is_none_or(|(own, since)| own >= since)
    }

    /// Whether its clusters can have several databases.
    pub fn has_databases(&self) -> bool {
        self.is_since(DATABASES_SINCE)
    }

    /// What makes two servers the same one for a recording.
    pub fn identity(&self) -> ServerIdentity {
        ServerIdentity {
            name: self.name.to_string(),
            version: self.version.clone(),
            build_id: self.build_id.clone(),
            sha256: self.sha256.clone(),
        }
    }

    /// What makes those beside it the same.
    pub fn identities_beside(&self) -> BTreeMap<String, ServerIdentity> {
        self.beside.iter().map(|(name, server)| (name.clone(), server.identity())).collect()
    }

    /// The file to execute: the binary, or its loader.
    pub fn program(&self) -> &Path {
        self.loader.as_ref().map_or(&self.binary, |loader| &loader.program)
    }

    /// What precedes the server's own arguments, `argv[0]` included. A binary that goes through a loader without
    /// `--argv0` is named by its path.
    pub fn argv_prefix(&self) -> Vec<OsString> {
        Launch { binary: self.binary.clone(), loader: self.loader.clone() }.argv_prefix()
    }

    /// What `argv[0]` is, whatever the file is called: one file serves as server, sentinel and checker and chooses by
    /// this name, and a server tells it to whoever asks.
    pub fn argv0(&self) -> &'static str {
        match self.name {
            Family::Valkey => ARGV0,
            Family::Redis => "redis-server",
        }
    }
}

impl Loader {
    /// The loader at `program`, which looks into `library_dirs` first.
    pub(super) fn new(program: &Path, library_dirs: Vec<PathBuf>) -> Loader {
        Loader { program: program.to_owned(), library_dirs, takes_argv0: libc_version::takes_argv0(program) }
    }
}

/// The name by which a file is asked what it is; a Redis answers to it as well.
const ARGV0: &str = "valkey-server";

/// How a server is started: its real file, and the loader if it takes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Launch {
    pub binary: PathBuf,
    pub loader: Option<Loader>,
}

impl Launch {
    /// See [`Server::program`].
    pub fn program(&self) -> &Path {
        self.loader.as_ref().map_or(&self.binary, |loader| &loader.program)
    }

    /// See [`Server::argv_prefix`].
    pub fn argv_prefix(&self) -> Vec<OsString> {
        let Some(loader) = &self.loader else { return vec![ARGV0.into()] };
        let mut argv = vec![loader.program.clone().into_os_string()];
        if !loader.library_dirs.is_empty() {
            let joined = std::env::join_paths(&loader.library_dirs).expect("no library folder has a colon");
            argv.extend(["--library-path".into(), joined]);
        }
        if loader.takes_argv0 {
            argv.extend(["--argv0".into(), ARGV0.into()]);
        }
        argv.push(self.binary.clone().into_os_string());
        argv
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File => write!(f, "path"),
            Origin::SearchPath => write!(f, "PATH"),
            Origin::Store(source) => write!(f, "store ({source})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(loader: Option<Loader>) -> Launch {
        Launch { binary: "/s/valkey-check-rdb".into(), loader }
    }

    #[test]
    fn a_file_of_many_names_is_started_as_the_server() {
        assert_eq!(launch(None).argv_prefix(), ["valkey-server"]);
        let library_dirs = vec!["/s/lib".into(), "/t".into()];
        let through = launch(Some(Loader { program: "/s/ld.so".into(), library_dirs, takes_argv0: true }));
        let expected =
            ["/s/ld.so", "--library-path", "/s/lib:/t", "--argv0", "valkey-server", "/s/valkey-check-rdb"];
        assert_eq!(through.argv_prefix(), expected);
    }
}
