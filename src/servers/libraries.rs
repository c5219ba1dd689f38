//! Gathers the libraries that a packaged server needs and this machine has not.
//!
//! The loader itself says what is missing, so that versions of symbols and libraries of libraries are its business.
//! With the release's own C library all libraries come from the release: a host's library may want the host's C library.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::apt::Apt;
use super::command;
use super::error::FetchError;
use super::libc_version::HOST_LOADER;

/// The folder of the libraries in an entry of the store.
pub(super) const LIBRARY_FOLDER: &str = "lib";
/// The file name of glibc's loader.
pub(super) const LOADER: &str = "ld-linux-x86-64.so.2";

/// What is always taken with an own C library: its parts, and what `pthread_cancel` and `backtrace` load at run time.
const WITH_LIBC: [&str; 7] =
    [LOADER, "libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libgcc_s.so.1"];
const LIBC_PACKAGES: [&str; 2] = ["libc6", "libgcc-s1"];
const FOLDERS: [&str; 4] = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib", "lib"];
const LIST_LIMIT: Duration = Duration::from_secs(20);

/// Where gathering starts.
pub(super) struct Start {
    /// Whether the server gets the release's C library.
    pub own_libc: bool,
    /// The packages of the server.
    pub files: Vec<PathBuf>,
}

/// Copies what `server` in `entry` needs into the entry's library folder.
pub(super) fn gather(apt: &mut Apt, entry: &Path, server: &str, start: Start) -> Result<(), FetchError> {
    let mut gathering =
        Gathering { server: entry.join(server), lib: entry.join(LIBRARY_FOLDER), ..Gathering::new(start) };
    if gathering.own_libc {
        gathering.add_libc(apt)?;
    }
    loop {
        let missing = gathering.missing()?;
        if missing.is_empty() {
            return Ok(());
        }
        if !gathering.copy(apt, &missing)? {
            gathering.download_dependencies(apt, &missing)?;
        }
    }
}

struct Gathering {
    server: PathBuf,
    lib: PathBuf,
    own_libc: bool,
    /// Packages whose dependencies were not looked at.
    files: Vec<PathBuf>,
    /// Names of packages that were downloaded.
    known: BTreeSet<String>,
}

impl Gathering {
    fn new(start: Start) -> Gathering {
        let known = LIBC_PACKAGES.map(str::to_owned).into();
        Gathering {
            server: PathBuf::new(),
            lib: PathBuf::new(),
            own_libc: start.own_libc,
            files: start.files,
            known,
        }
    }

    fn add_libc(&mut self, apt: &mut Apt) -> Result<(), FetchError> {
        apt.download(&LIBC_PACKAGES.map(str::to_owned))?;
        self.copy(apt, &WITH_LIBC.map(str::to_owned))?;
        match self.lib.join(LOADER).exists() {
            true => Ok(()),
            false => Err(FetchError::Missing(LOADER.to_owned())),
        }
    }

    /// The libraries that the loader does not find (asked as `ldd` does: `--list` stops at the first of them), or finds only on the host where they must be the release's.
    fn missing(&self) -> Result<Vec<String>, FetchError> {
        let own_loader = self.lib.join(LOADER);
        let loader = if self.own_libc { own_loader.as_path() } else { Path::new(HOST_LOADER) };
        let mut list = command::command(loader);
        list.env("LD_TRACE_LOADED_OBJECTS", "1").arg("--library-path").args([&self.lib, &self.server]);
        let listed = command::output(&mut list, LIST_LIMIT)?;
        Ok(unresolved(&listed, self.own_libc.then_some(self.lib.as_path())))
    }

    /// Copies those of `names` that are unpacked already; false if none is.
    fn copy(&self, apt: &Apt, names: &[String]) -> Result<bool, FetchError> {
        let mut any = false;
        for name in names {
            if let Some(file) = apt.unpacked(&FOLDERS, name) {
                fs::create_dir_all(&self.lib)?;
                fs::copy(file, self.lib.join(name))?;
                any = true;
            }
        }
        Ok(any)
    }

    /// Downloads the libraries that the packages of the last round depend on.
    fn download_dependencies(&mut self, apt: &mut Apt, missing: &[String]) -> Result<(), FetchError> {
        let mut wanted = Vec::new();
        for file in std::mem::take(&mut self.files) {
            wanted.extend(apt.dependencies(&file)?.into_iter().filter(|name| is_library(name)));
        }
        wanted.retain(|name| self.known.insert(name.clone()));
        if wanted.is_empty() {
            return Err(FetchError::Missing(missing.join(", ")));
        }
        self.files = apt.download(&wanted)?;
        Ok(())
    }
}

fn is_library(package: &str) -> bool {
    package.starts_with("lib") || package.starts_with("zlib")
}

/// Reads lines of `name => path (address)` and `name => not found`; with `only_in`, what is elsewhere counts as missing.
fn unresolved(listed: &str, only_in: Option<&Path>) -> Vec<String> {
    let lines = listed.lines().filter_map(|line| line.trim().split_once(" => "));
    let missing = lines.filter(|(_, found)| match only_in {
        _ if found.starts_with("not found") => true,
        Some(folder) => !Path::new(found).starts_with(folder),
        None => false,
    });
    missing.map(|(name, _)| name.to_owned()).filter(|name| !name.contains('/')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &str = "\tlinux-vdso.so.1 (0x00007ffff7fc4000)
\tlibjemalloc.so.2 => not found
\tlibssl.so.3 => /lib/x86_64-linux-gnu/libssl.so.3 (0x00007ffff7c00000)
\tlibc.so.6 => /store/lib/libc.so.6 (0x00007ffff7a00000)
\t/lib64/ld-linux-x86-64.so.2 => /store/lib/ld-linux-x86-64.so.2 (0x00007ffff7fc6000)
";

    #[test]
    fn with_the_hosts_libc_only_what_is_nowhere_is_missing() {
        assert_eq!(unresolved(LISTED, None), ["libjemalloc.so.2"]);
    }

    #[test]
    fn with_an_own_libc_what_only_the_host_has_is_missing_too() {
        assert_eq!(unresolved(LISTED, Some(Path::new("/store/lib"))), ["libjemalloc.so.2", "libssl.so.3"]);
    }
}
