//! The programs of guests: the tools that belong to a server, and whatever else is on `PATH`.
//!
//! A tool is taken from beside the server, else from the store, where the tools of each version have a folder of their
//! own, else it is fetched from where servers of that version come from. Where no source of that version has it, another
//! version's stands in: that is said, and kept, so that it does not depend on what else is fetched later.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::debian;
use super::elf;
use super::error::{Attempt, FetchError, Reason};
use super::fetch;
use super::folder;
use super::inspect;
use super::options::Notify;
use super::server::{Loader, Server};
use super::stand_in::{self, StandIn};
use super::store::{Contents, Store};
use super::toolbox::Toolbox;
use super::version::{Family, Spec, TOOLS, Version};
use super::wheel;
use super::workshop::{Bench, BuiltTools, Workshop};

const MANIFEST: &str = "tools.json";
/// The bytes of a launcher whose paths are no longer than most.
const LAUNCHER_BYTES: usize = 4096;
/// So many digits of its hash name a server among the launchers.
const LAUNCHER_DIGITS: usize = 16;

/// A program that can be a guest, and how to start it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// What it is called, without its folder.
    pub name: String,
    /// Its file.
    pub binary: PathBuf,
    /// The loader it is started through, if not simply by the kernel.
    pub loader: Option<Loader>,
    /// SHA-256 of the file, in hex.
    pub sha256: String,
    /// Folders in which what it starts finds the tools of the server.
    pub tools: Vec<PathBuf>,
}

/// Why a program cannot be a guest.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It is there, and cannot be simulated.
    #[error("{}: {reason}", .path.display())]
    Refused {
        /// Its file.
        path: PathBuf,
        /// Why.
        reason: Reason,
    },
    /// It is neither beside the server nor on `PATH`.
    #[error("there is no program {0:?}, neither beside the server nor on PATH")]
    NotFound(String),
    /// It belongs to a server, and no source has it.
    #[error("cannot fetch {name} for {wanted}{}", lines(.attempts))]
    NotFetched {
        /// The tool.
        name: String,
        /// The server's version.
        wanted: Spec,
        /// What was tried.
        attempts: Vec<Attempt>,
    },
    /// The store cannot be used.
    #[error("the store of tools at {}: {source}", .path.display())]
    Store {
        /// Which folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

fn lines(attempts: &[Attempt]) -> String {
    attempts.iter().map(|attempt| format!("\n  {attempt}")).collect()
}

/// What a folder of tools says of itself.
#[derive(Serialize, Deserialize)]
struct Manifest {
    version: String,
    /// Where they were fetched from, for people.
    origin: String,
    contents: Contents,
}

impl Toolbox {
    /// The program of a guest that is to run against `server`: what `word` names, and where it finds the server's tools.
    pub fn guest(&self, word: &str, server: &Server, notify: Notify) -> Result<Program, ProgramError> {
        let program = self.program(word, server, notify)?;
        let is_tool = tool_of(word).is_some() || word == server.argv0();
        let tools = if is_tool { Vec::new() } else { self.launchers(server, notify)? };
        Ok(Program { tools, ..program })
    }

    /// The folder where programs find the server and its tools on `PATH`: links, and scripts that start through a loader.
    /// Where the folder is shows in nothing that they say.
    fn launchers(&self, server: &Server, notify: Notify) -> Result<Vec<PathBuf>, ProgramError> {
        let folder =
            self.cache_dir.join("launchers").join(&server.sha256[..LAUNCHER_DIGITS.min(server.sha256.len())]);
        let failed = |source| ProgramError::Store { path: folder.clone(), source };
        fs::create_dir_all(&folder).map_err(failed)?;
        let names = TOOLS.map(|tool| format!("{}-{tool}", server.name));
        for name in names.iter().map(String::as_str).chain([server.argv0()]) {
            let path = folder.join(name);
            let put = match self.program(name, server, notify) {
                Ok(Program { binary, loader: Some(loader), .. }) => {
                    put_script(&path, &launcher(name, &binary, &loader))
                }
                Ok(Program { binary, loader: None, .. }) => put_link(&path, &binary),
                Err(error @ ProgramError::Store { .. }) => return Err(error),
                // A program that needs no tool runs without those that cannot be had; one that needs it does something else then.
                Err(error) => {
                    notify(&format!("{error}: guests go without {name}"));
                    continue;
                }
            };
            put.map_err(failed)?;
        }
        put_script(&folder.join("ps"), PS).map_err(failed)?;
        Ok(vec![folder])
    }

    /// The program that `word` names: a file if there is a slash in it, else a tool of the server's, else one on `PATH`.
    pub fn program(&self, word: &str, server: &Server, notify: Notify) -> Result<Program, ProgramError> {
        if word.contains('/') {
            return of_file(Path::new(word), None);
        }
        if let Some(beside) = beside(word, server) {
            return of_file(&beside, server.loader.clone());
        }
        if let Some(tool) = tool_of(word) {
            return self.tool(tool, server, notify);
        }
        match self.on_path(word) {
            Some(path) => of_file(&path, None),
            None => Err(ProgramError::NotFound(word.to_owned())),
        }
    }

    fn on_path(&self, word: &str) -> Option<PathBuf> {
        let folders = self.path_dirs.as_ref()?;
        std::env::split_paths(folders).map(|folder| folder.join(word)).find(|path| path.is_file())
    }

    /// A tool of the server's own version, or one that stands in. What was fetched for another version never decides which:
    /// the version's own sources are asked before another version's tool is taken, and what stands in stays the same.
    fn tool(&self, tool: &str, server: &Server, notify: Notify) -> Result<Program, ProgramError> {
        let name = format!("{}-{tool}", server.name);
        let version = Version::leading(&server.version).unwrap_or_default();
        let own = Spec { family: server.name, version };
        let kept = self.stored(&name, &own).or_else(|| {
            stand_in::read(&self.folder(), &name, &own)
                .filter(|kept| self.folder().join(&kept.folder).is_dir())
        });
        let chosen = match kept {
            Some(kept) => kept,
            None => self.choose(&name, &own, notify)?,
        };
        if chosen.version != server.version {
            notify(&format!("{name} {} stands in: {}", chosen.version, chosen.why));
        }
        of_store(&self.folder().join(chosen.folder), &name)
    }

    /// Asks the sources for the tool of this version, then of its series, then of any. What stands in is kept, unless a
    /// source could not be asked: it may have the version's own another day.
    fn choose(&self, name: &str, own: &Spec, notify: Notify) -> Result<StandIn, ProgramError> {
        let failed = |source| ProgramError::Store { path: self.folder(), source };
        let mut attempts = Vec::new();
        let mut unasked = None;
        for wanted in [own.clone(), own.series(), Spec::any(own.family)] {
            if self.stored(name, &wanted).is_none() {
                attempts.extend(self.fetch(name, &wanted, notify)?);
            }
            let Some(found) = self.stored(name, &wanted) else {
                unasked =
                    unasked.or(attempts.iter().find(|a| !a.reason.is_not_offered()).map(Attempt::to_string));
                continue;
            };
            if wanted == *own {
                return Ok(found);
            }
            let why = unasked.clone().unwrap_or(format!("no source has that of {own}"));
            let chosen = StandIn { why, ..found };
            if unasked.is_none() {
                stand_in::write(&self.folder(), name, own, &chosen).map_err(failed)?;
            }
            return Ok(chosen);
        }
        Err(ProgramError::NotFetched { name: name.to_owned(), wanted: own.clone(), attempts })
    }

    /// The folder of the tools of all versions.
    fn folder(&self) -> PathBuf {
        self.cache_dir.join("tools")
    }

    /// The tool of the highest version in the store that matches.
    fn stored(&self, name: &str, wanted: &Spec) -> Option<StandIn> {
        let mut kept: Vec<(Version, StandIn)> = folder::sorted(&self.folder())
            .unwrap_or_default()
            .into_iter()
            .filter_map(|folder| {
                let manifest = manifest(&folder)?;
                let version = Version::leading(&manifest.version)?;
                let matches = wanted.matches(wanted.family, &version) && folder.join(name).is_file();
                let folder = folder::file_name(&folder);
                let found = StandIn { folder, version: manifest.version, why: String::new() };
                matches.then_some((version, found))
            })
            .collect();
        kept.sort_by(|a, b| a.0.cmp(&b.0));
        kept.pop().map(|(_, found)| found)
    }

    /// Fetches the tools of a version from the first source that has this one; what did not work.
    fn fetch(&self, name: &str, wanted: &Spec, notify: Notify) -> Result<Vec<Attempt>, ProgramError> {
        let failed = |source| ProgramError::Store { path: self.folder(), source };
        let store = Store::below(&self.cache_dir)
            .map_err(|error| failed(std::io::Error::other(error.to_string())))?;
        let workshop = Workshop::open(&store, notify).map_err(failed)?;
        let mut attempts = Vec::new();
        if self.stored(name, wanted).is_some() {
            // Another run fetched it while this one waited for the lock.
            return Ok(attempts);
        }
        for source in fetch::order(wanted, fetch::sources(&mut attempts)) {
            let bench = workshop.bench().map_err(failed)?;
            match self.fetch_from(&source, name, wanted, &bench) {
                Ok(version) => {
                    notify(&format!("fetched the tools of {version} from {}", source.name()));
                    break;
                }
                Err(reason) => attempts.push(Attempt { source: source.name(), reason }),
            }
        }
        Ok(attempts)
    }

    fn fetch_from(
        &self,
        source: &fetch::Source,
        name: &str,
        wanted: &Spec,
        bench: &Bench,
    ) -> Result<String, FetchError> {
        let built = match source {
            fetch::Source::Wheel => wheel::fetch_tools(bench)?,
            fetch::Source::Packages(offer) => debian::fetch_tools(offer, wanted, bench)?,
        };
        if !bench.entry.join(name).is_file() {
            return Err(FetchError::Missing(name.to_owned()));
        }
        let BuiltTools { version, origin, contents } = built;
        let manifest = Manifest { version: version.clone(), origin, contents };
        fs::write(
            bench.entry.join(MANIFEST),
            serde_json::to_vec_pretty(&manifest).map_err(std::io::Error::other)?,
        )?;
        fs::create_dir_all(self.folder())?;
        let place = self.folder().join(folder_name(wanted.family, &version, source));
        if place.exists() {
            fs::rename(&place, bench.scratch.join("replaced"))?;
        }
        fs::rename(&bench.entry, place)?;
        Ok(version)
    }
}

/// What stands in for `ps`, which would list the processes of the host: it tells of one process of the guest, as tests ask for it.
const PS: &str = include_str!("ps.sh");

/// A script that starts a program through its loader. It is as long wherever the program is: what is read takes time.
fn launcher(name: &str, binary: &Path, loader: &Loader) -> String {
    let mut words = vec![quoted(&loader.program.display().to_string())];
    if loader.takes_argv0 {
        words.extend(["--argv0".to_owned(), quoted(name)]);
    }
    if !loader.library_dirs.is_empty() {
        let folders: Vec<String> = loader.library_dirs.iter().map(|dir| dir.display().to_string()).collect();
        words.extend(["--library-path".to_owned(), quoted(&folders.join(":"))]);
    }
    words.push(quoted(&binary.display().to_string()));
    let script = format!("#!/bin/sh\nexec {} \"$@\"\n", words.join(" "));
    format!("{script:\n<LAUNCHER_BYTES$}")
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Puts a script in place whole, whoever else does the same. One that is there already stays: who is about to run it would
/// be told that its text is busy, and look for another program of that name.
fn put_script(path: &Path, text: &str) -> std::io::Result<()> {
    if fs::read_to_string(path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    let folder = path.parent().expect("a script is in a folder");
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    fs::set_permissions(file.path(), fs::Permissions::from_mode(0o755))?;
    // Closed before it has its name, for the same reason.
    file.into_temp_path().persist(path).map_err(|error| error.error)
}

/// Puts a link in place, whoever else does the same.
fn put_link(path: &Path, binary: &Path) -> std::io::Result<()> {
    if fs::read_link(path).is_ok_and(|there| there == binary) {
        return Ok(());
    }
    let folder = path.parent().expect("a link is in a folder");
    let link = tempfile::Builder::new().make_in(folder, |link| symlink(binary, link))?;
    link.into_temp_path().persist(path).map_err(|error| error.error)
}

/// One source may have a tool that another one of the same version has not.
fn folder_name(family: Family, version: &str, source: &fetch::Source) -> String {
    let kind = match source {
        fetch::Source::Wheel => "wheel",
        fetch::Source::Packages(_) => "package",
    };
    format!("{family}-{version}-{kind}")
}

/// Which tool a word names, of either family: a scenario need not know which server it meets.
fn tool_of(word: &str) -> Option<&str> {
    let (family, tool) = word.split_once('-')?;
    (["valkey", "redis"].contains(&family) && TOOLS.contains(&tool)).then_some(tool)
}

/// The file of this name beside the server, or the server itself.
fn beside(word: &str, server: &Server) -> Option<PathBuf> {
    if word == server.argv0() {
        return Some(server.binary.clone());
    }
    let path = server.binary.parent()?.join(word);
    let is_of_family = word.starts_with("valkey-") || word.starts_with("redis-");
    (is_of_family && path.is_file()).then_some(path)
}

/// What a folder of tools says of itself, if it is one.
fn manifest(folder: &Path) -> Option<Manifest> {
    serde_json::from_slice(&fs::read(folder.join(MANIFEST)).ok()?).ok()
}

fn of_store(folder: &Path, name: &str) -> Result<Program, ProgramError> {
    let refused = |reason| ProgramError::Refused { path: folder.join(name), reason };
    let manifest = manifest(folder).ok_or_else(|| refused(Reason::Damaged(MANIFEST.to_owned())))?;
    let contents = Contents { binary: name.into(), ..manifest.contents };
    let launch = contents.launch(folder).map_err(|error| refused(error.into()))?;
    of_file(&launch.binary, launch.loader)
}

/// The program in a file, if the shim can enter it. Of a script that is asked of the program that its first line names.
fn of_file(path: &Path, loader: Option<Loader>) -> Result<Program, ProgramError> {
    let refused = |reason: Reason| ProgramError::Refused { path: path.to_owned(), reason };
    let path = std::path::absolute(path).map_err(|error| refused(error.into()))?;
    let bytes = fs::read(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => refused(Reason::NotFound),
        _ => refused(error.into()),
    })?;
    match interpreter(&bytes) {
        Some(interpreter) => {
            of_file(&interpreter, None)?;
        }
        None => {
            elf::read(&bytes).map_err(refused)?;
        }
    }
    let sha256 = inspect::sha256_of(File::open(&path).map_err(|error| refused(error.into()))?)
        .map_err(|error| refused(error.into()))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Program { name, binary: path, loader, sha256, tools: Vec::new() })
}

/// The program that the first line of a script names.
fn interpreter(bytes: &[u8]) -> Option<PathBuf> {
    let line = bytes.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    String::from_utf8_lossy(line).split_whitespace().next().map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_started_by_the_program_that_its_first_line_names() {
        assert_eq!(interpreter(b"#! /bin/sh -e\necho\n"), Some(PathBuf::from("/bin/sh")));
        assert_eq!(interpreter(b"\x7fELF"), None);
    }

    #[test]
    fn tools_of_both_families_are_known_and_nothing_else() {
        assert_eq!(tool_of("valkey-cli"), Some("cli"));
        assert_eq!(tool_of("redis-benchmark"), Some("benchmark"));
        assert_eq!(tool_of("valkey-server"), None);
        assert_eq!(tool_of("python3"), None);
    }

    #[test]
    fn what_is_static_or_nowhere_is_refused_by_name() {
        let missing = of_file(Path::new("/no/such/program"), None).expect_err("there is none");
        assert!(missing.to_string().starts_with("/no/such/program: "), "{missing}");
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), "garbage").expect("it is written");
        assert!(matches!(of_file(file.path(), None), Err(ProgramError::Refused { .. })));
    }
}
