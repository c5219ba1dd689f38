//! Places to run in that differ in everything a program gets from whoever starts it.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use nix::unistd::Uid;
use tempfile::TempDir;
use valkey_fuzzer::cli;
use valkey_fuzzer::rng::Stream;

use crate::program::{program, with_inherited_descriptors};

/// What can be odd about a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oddity {
    LongPath,
    Allocator,
    Loader,
    Preload,
    TimeZone,
    Locale,
    ManyVariables,
    TemporaryFolder,
    Umask,
    ClosedInput,
    InheritedDescriptors,
    FewOpenFiles,
    SmallStack,
    NoCore,
    SmallFiles,
    Nice,
    OneProcessor,
    IgnoredSignals,
    OtherUser,
}

use Oddity::*;

const ALL: [Oddity; 19] = [
    LongPath,
    Allocator,
    Loader,
    Preload,
    TimeZone,
    Locale,
    ManyVariables,
    TemporaryFolder,
    Umask,
    ClosedInput,
    InheritedDescriptors,
    FewOpenFiles,
    SmallStack,
    NoCore,
    SmallFiles,
    Nice,
    OneProcessor,
    IgnoredSignals,
    OtherUser,
];
/// Nobody's user and group.
const NOBODY: u32 = 65534;

/// Where a run takes place.
pub struct Place {
    /// What is odd about it.
    pub oddities: Vec<Oddity>,
    /// Its results.
    pub out: PathBuf,
    directory: PathBuf,
}

/// Folders that another user may write to.
pub fn open_to_all() -> Permissions {
    Permissions::from_mode(0o777)
}

/// The servers and tools at hand where every user can read them.
static SERVERS_FOR_ALL: LazyLock<TempDir> = LazyLock::new(|| {
    let cache = tempfile::Builder::new().permissions(open_to_all()).tempdir().expect("a folder");
    let all = cache.path().join("valkey-fuzzer");
    for part in ["servers", "tools"] {
        let from = cli::environment().cache_dir.join(part);
        if from.is_dir() {
            copy(&from, &all.join(part));
        }
    }
    // More may be fetched into it.
    for folder in [all.clone(), all.join("servers"), all.join("tools")] {
        fs::create_dir_all(&folder).expect("a folder");
        fs::set_permissions(&folder, open_to_all()).expect("it is ours");
    }
    cache
});

#[expect(clippy::disallowed_methods, reason = "in which order files are copied shows nowhere")]
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder of servers").flatten() {
        // A lock is its owner's.
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let to = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to),
            false => drop(fs::copy(entry.path(), to).expect("it can be copied")),
        }
    }
}

impl Place {
    /// The folder itself, and nothing odd.
    pub fn plain(folder: &Path) -> Place {
        Place { oddities: Vec::new(), out: folder.join("plain"), directory: folder.to_owned() }
    }

    /// A place with a random half of all oddities.
    pub fn drawn(folder: &Path, draw: &mut Stream) -> Place {
        let may_be = |oddity: &Oddity| *oddity != OtherUser || Uid::effective().is_root();
        let oddities: Vec<Oddity> = ALL.into_iter().filter(may_be).filter(|_| draw.below(2) == 1).collect();
        let name = if oddities.contains(&LongPath) {
            format!("a b/ü'$x/{}", "long".repeat(50))
        } else {
            "odd".into()
        };
        let directory = folder.join(name);
        let mut made = folder.to_owned();
        for part in directory.strip_prefix(folder).expect("it lies below").components() {
            made.push(part);
            fs::create_dir_all(&made).expect("a folder");
            fs::set_permissions(&made, open_to_all()).expect("it is ours");
        }
        Place { oddities, out: directory.join("out"), directory }
    }

    /// Runs a scenario there.
    pub fn run(&self, scenario: &Path, server: &str) -> Output {
        let mut command = program();
        command.args([OsStr::new("run"), scenario.as_os_str(), OsStr::new("--out"), self.out.as_os_str()]);
        command.current_dir(&self.directory);
        let server = match self.oddities.contains(&OtherUser) {
            true => readable(server),
            false => PathBuf::from(server),
        };
        command.arg("--server").arg(server);
        self.oddities.iter().for_each(|oddity| self.arrange(*oddity, &mut command));
        let oddities = self.oddities.clone();
        // SAFETY: the closure makes system calls only.
        unsafe { command.pre_exec(move || oddities.iter().try_for_each(|oddity| enter(*oddity))) };
        command.output().expect("the program starts")
    }

    /// What the environment can say.
    fn arrange(&self, oddity: Oddity, command: &mut Command) {
        match oddity {
            Allocator => command
                .env("GLIBC_TUNABLES", "glibc.malloc.perturb=85:glibc.malloc.tcache_count=0")
                .env("MALLOC_ARENA_MAX", "7")
                .env("MALLOC_CONF", "narenas:3,tcache:false"),
            Loader => command.env("LD_LIBRARY_PATH", "/usr/lib:/lib").env("LD_BIND_NOW", "1"),
            // A library of the C library's own that no server has in its memory by itself.
            Preload => command.env("LD_PRELOAD", "libanl.so.1"),
            TimeZone => command.env("TZ", "Pacific/Chatham"),
            Locale => command.env("LC_ALL", "tr_TR.UTF-8").env("LANG", "de_DE.UTF-8"),
            ManyVariables => command.env("VERY_LONG", "x".repeat(100_000)).env("COLUMNS", "7"),
            TemporaryFolder => command.env("TMPDIR", &self.directory),
            InheritedDescriptors => with_inherited_descriptors(command),
            OtherUser => command.env("HOME", &self.directory).env("XDG_CACHE_HOME", SERVERS_FOR_ALL.path()),
            _ => command,
        };
    }
}

/// The copy of a stored server that every user can read.
fn readable(server: &str) -> PathBuf {
    match Path::new(server).strip_prefix(cli::environment().cache_dir) {
        Ok(inside) => SERVERS_FOR_ALL.path().join("valkey-fuzzer").join(inside),
        Err(_) => PathBuf::from(server),
    }
}

/// What only the new process can do; by plain system calls.
fn enter(oddity: Oddity) -> io::Result<()> {
    // SAFETY: all these calls concern this process alone.
    let result = unsafe {
        match oddity {
            Umask => {
                libc::umask(0o077);
                0
            }
            ClosedInput => libc::close(0),
            FewOpenFiles => limit(libc::RLIMIT_NOFILE, 256),
            SmallStack => limit(libc::RLIMIT_STACK, 1 << 20),
            NoCore => limit(libc::RLIMIT_CORE, 0),
            SmallFiles => limit(libc::RLIMIT_FSIZE, 1 << 30),
            Nice => libc::setpriority(libc::PRIO_PROCESS, 0, 7),
            OneProcessor => {
                let mut set: libc::cpu_set_t = std::mem::zeroed();
                libc::CPU_SET(0, &mut set);
                libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set)
            }
            IgnoredSignals => {
                for number in [libc::SIGHUP, libc::SIGTERM, libc::SIGUSR1, libc::SIGCHLD] {
                    libc::signal(number, libc::SIG_IGN);
                }
                0
            }
            OtherUser => {
                libc::setgroups(0, std::ptr::null())
                    | libc::setresgid(NOBODY, NOBODY, NOBODY)
                    | libc::setresuid(NOBODY, NOBODY, NOBODY)
            }
            _ => 0,
        }
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Sets both limits.
unsafe fn limit(resource: libc::__rlimit_resource_t, most: u64) -> i32 {
    let both = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: a valid structure.
    unsafe { libc::setrlimit(resource, &raw const both) }
}
