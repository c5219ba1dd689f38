//! Turns a file into a server that is known to start, or into the reason why it cannot be simulated.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::command::{self, Finished};
use super::elf;
use super::error::{Reason, Refusal};
use super::libc_version;
use super::probe;
use super::server::{Launch, Origin, Server};
use super::toolbox::Toolbox;
use super::version::{Family, Version};
use crate::workers;

const BUFFER_BYTES: usize = 1 << 18;
const VERSION_LIMIT: Duration = Duration::from_secs(20);
const FIRST_REDIS_WITH_CLUSTER: u32 = 3;

/// Inspects the binary or wrapper script at `path`. Only a script needs the `shim`, to see what it executes.
pub fn inspect(path: &Path, shim: Option<&Path>) -> Result<Server, Refusal> {
    resolve(path, shim)
        .and_then(|launch| examine(launch, Origin::File))
        .map(|server| Server { spec: path.to_string_lossy().into_owned(), ..server })
        .map_err(|reason| Refusal { path: path.to_owned(), reason })
}

/// Reads a binary's file and starts it once with `--version`.
pub(super) fn examine(launch: Launch, origin: Origin) -> Result<Server, Reason> {
    let bytes = std::fs::read(&launch.binary)?;
    let facts = elf::read(&bytes)?;
    let (sha256, said) = workers::both(|| sha256(&bytes), || ask_version(&launch));
    let said = said?;
    check_cluster(&said)?;
    let said = Said { build: facts.build_id.unwrap_or(said.build), ..said };
    let libc = libc_version::describe(
        launch.loader.as_ref().map_or(Path::new(&facts.interpreter), |own| &own.program),
    );
    Ok(server(launch, origin, said, (sha256, libc)))
}

/// The server that an examination found.
pub(super) fn server(launch: Launch, origin: Origin, said: Said, (sha256, libc): (String, String)) -> Server {
    let Launch { binary, loader } = launch;
    Server {
        spec: binary.to_string_lossy().into_owned(),
        name: said.family,
        version: said.version,
        build_id: said.build,
        sha256,
        libc,
        binary,
        loader,
        origin,
        beside: BTreeMap::new(),
        toolbox: Toolbox::default(),
    }
}

/// The SHA-256 of `bytes` in hex.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// The SHA-256 of all that a file holds in hex; little of it is in memory at once.
pub fn sha256_of(file: File) -> io::Result<String> {
    let (mut file, mut hash) = (BufReader::with_capacity(BUFFER_BYTES, file), Sha256::new());
    loop {
        let bytes = file.fill_buf()?;
        if bytes.is_empty() {
            return Ok(hex::encode(hash.finalize()));
        }
        hash.update(bytes);
        let taken = bytes.len();
        file.consume(taken);
    }
}

fn resolve(path: &Path, shim: Option<&Path>) -> Result<Launch, Reason> {
    let real = path.canonicalize().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Reason::NotFound,
        _ => Reason::Unreadable(error),
    })?;
    if !is_executable(&real.metadata()?) {
        return Err(Reason::NotExecutable);
    }
    let mut first = Vec::new();
    File::open(&real)?.take(2).read_to_end(&mut first)?;
    match first == b"#!" {
        true => probe::resolve_script(path, shim),
        false => Ok(Launch { binary: real, loader: None }),
    }
}

fn is_executable(metadata: &Metadata) -> bool {
    metadata.is_file() && metadata.permissions().mode() & 0o111 != 0
}

/// What `--version` says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub family: Family,
    pub version: String,
    /// Tells builds of one version apart: the file's build id, or the server's own word for it.
    pub build: String,
}

/// Starts the server as the simulation will: directly, and with nothing of our environment.
fn ask_version(launch: &Launch) -> Result<Said, Reason> {
    let argv = launch.argv_prefix();
    let mut command = command::command(launch.program());
    command.env_clear().arg0(&argv[0]).args(&argv[1..]).arg("--version");
    let finished =
        command::run(&mut command, VERSION_LIMIT).map_err(|error| Reason::DoesNotStart(error.to_string()))?;
    parse_version(&finished.stdout).ok_or_else(|| not_a_server(&finished))
}

fn not_a_server(finished: &Finished) -> Reason {
    match finished.status.success() {
        true => Reason::NotAServer(finished.stdout.lines().next().unwrap_or_default().to_owned()),
        false => Reason::DoesNotStart(finished.telling_line()),
    }
}

/// Reads `Valkey server v=8.1.8 sha=00000000:1 malloc=libc bits=64 build=7eb4ebc9d7e91f4e` (`version()` in server.c).
fn parse_version(stdout: &str) -> Option<Said> {
    let line = stdout.lines().next()?;
    let (family, rest) = match line.strip_prefix("Valkey server ") {
        Some(rest) => (Family::Valkey, rest),
        None => (Family::Redis, line.strip_prefix("Redis server ")?),
    };
    let word = |key: &str| rest.split_whitespace().find_map(|w| w.strip_prefix(key)).map(str::to_owned);
    let version = word("v=").filter(|v| Version::leading(v).is_some())?;
    Some(Said { family, version, build: word("build=").unwrap_or_default() })
}

fn check_cluster(said: &Said) -> Result<(), Reason> {
    let major = Version::leading(&said.version).map_or(0, |version| version.major());
    match said.family == Family::Redis && major < FIRST_REDIS_WITH_CLUSTER {
        true => Err(Reason::NoCluster(said.family, said.version.clone())),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(path: &Path) -> Reason {
        inspect(path, None).expect_err("no server").reason
    }

    fn file(content: &[u8], mode: u32) -> tempfile::TempPath {
        let file = tempfile::NamedTempFile::new().expect("a temporary file").into_temp_path();
        std::fs::write(&file, content).expect("a writable file");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("a mode");
        file
    }

    #[test]
    fn what_a_server_says_of_itself_is_read() {
        let line = "Valkey server v=8.1.8 sha=00000000:1 malloc=libc bits=64 build=7eb4ebc9d7e91f4e\n";
        let said = parse_version(line).expect("a version line");
        assert_eq!((said.family, said.version.as_str()), (Family::Valkey, "8.1.8"));
        assert_eq!(said.build, "7eb4ebc9d7e91f4e");
        assert_eq!(parse_version("KeyDB server v=6.3.4 sha=0:0"), None);
        assert_eq!(parse_version(""), None);
    }

    #[test]
    fn a_redis_before_cluster_is_refused() {
        let said =
            parse_version("Redis server v=2.8.24 sha=00000000:0 bits=64 build=1").expect("a version line");
        assert!(matches!(check_cluster(&said), Err(Reason::NoCluster(Family::Redis, v)) if v == "2.8.24"));
        let said =
            parse_version("Redis server v=3.0.0 sha=00000000:0 bits=64 build=1").expect("a version line");
        assert!(check_cluster(&said).is_ok());
    }

    #[test]
    fn files_that_are_no_programs_are_refused_by_reason() {
        assert!(matches!(refusal(Path::new("/no/such/server")), Reason::NotFound));
        assert!(matches!(refusal(Path::new("/")), Reason::NotExecutable));
        assert!(matches!(refusal(&file(b"\x7fELF", 0o644)), Reason::NotExecutable));
        assert!(matches!(refusal(&file(b"garbage", 0o755)), Reason::NotElf(_)));
        assert!(matches!(refusal(&file(b"#!/bin/sh\n", 0o755)), Reason::Unresolved(_)));
    }

    #[test]
    fn a_program_that_is_no_server_is_refused() {
        let reason = refusal(Path::new("/bin/ls"));
        assert!(matches!(reason, Reason::NotAServer(_) | Reason::DoesNotStart(_)), "{reason}");
    }
}
