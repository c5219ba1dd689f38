//! Starts a server process so that nothing of the host shows: fixed environment, layout of memory, limits, directory.
//!
//! The real binary is started directly, through its own loader if it has one, under names of a fixed length inside the
//! run's folder: path lengths move the stack, and with it everything that is ordered by address.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::personality::{self, Persona};

use crate::servers::{self, Server};
use crate::shim::{self, page};

/// The server with its shim, laid out in a run's folder.
pub struct Stage {
    folder: PathBuf,
    argv0: String,
    loader: Option<Loader>,
}

/// How the server's own loader is to be called.
struct Loader {
    takes_argv0: bool,
    library_path: String,
}

/// What one start differs in from the next.
pub struct Launch<'a> {
    /// The working directory.
    pub directory: &'a Path,
    /// The server's arguments.
    pub arguments: &'a [String],
    /// Where its standard output goes.
    pub output: &'a Path,
    /// The page's descriptor.
    pub page: i32,
}

const SERVER: &str = "valkey-server";
const LOADER: &str = "ld.so";
const SHIM: &str = "shim.so";
/// The descriptor at which a server finds its page.
const PAGE_FD: i32 = 900;
/// The first descriptor after the standard ones.
const FIRST_FD: libc::c_uint = 3;
/// Enough for every simulated descriptor.
const OPEN_FILES: u64 = 8192;
const STACK_BYTES: u64 = 8 * 1024 * 1024;

impl Stage {
    /// Lays `server` and the shim out below `folder`.
    pub fn new(folder: &Path, server: &Server) -> io::Result<Self> {
        fs::write(folder.join(SHIM), shim::OBJECT)?;
        symlink(&server.binary, folder.join(SERVER))?;
        let loader = server.loader.as_ref().map(|loader| lay_out_loader(folder, loader)).transpose()?;
        Ok(Stage { folder: folder.to_owned(), argv0: server.argv0.clone(), loader })
    }

    /// Lays a program of the host's own and the shim out below `folder`.
    pub fn of_program(folder: &Path, program: &Path) -> io::Result<Self> {
        fs::write(folder.join(SHIM), shim::OBJECT)?;
        symlink(program, folder.join(SERVER))?;
        let argv0 = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Stage { folder: folder.to_owned(), argv0, loader: None })
    }

    /// Starts a server.
    pub fn launch(&self, launch: &Launch) -> io::Result<Child> {
        let mut command = self.command();
        let output = open_log(launch.output)?;
        command
            .args(launch.arguments)
            .current_dir(launch.directory)
            .stdin(Stdio::null())
            .stderr(output.try_clone()?)
            .stdout(output)
            .env_clear()
            .env("LD_PRELOAD", self.folder.join(SHIM))
            .env(page::PAGE_VARIABLE, PAGE_FD.to_string())
            .env("TZ", "UTC0")
            .env("LC_ALL", "C")
            .env("MALLOC_CONF", "background_thread:false,narenas:1")
            .env("MALLOC_ARENA_MAX", "1");
        let page = launch.page;
        let parent = std::process::id();
        // SAFETY: the closure makes system calls only; it neither allocates nor takes a lock.
        unsafe { command.pre_exec(move || isolate(page, parent)) };
        command.spawn()
    }

    #[expect(clippy::disallowed_methods, reason = "the one place where servers are started")]
    fn command(&self) -> Command {
        let Some(loader) = &self.loader else {
            let mut command = Command::new(self.folder.join(SERVER));
            command.arg0(&self.argv0);
            return command;
        };
        let mut command = Command::new(self.folder.join(LOADER));
        command.arg0(LOADER);
        if loader.takes_argv0 {
            command.args(["--argv0", &self.argv0]);
        }
        if !loader.library_path.is_empty() {
            command.args(["--library-path", &loader.library_path]);
        }
        command.arg(Path::new("..").join(SERVER));
        command
    }
}

fn lay_out_loader(folder: &Path, loader: &servers::Loader) -> io::Result<Loader> {
    symlink(&loader.program, folder.join(LOADER))?;
    let mut libraries = Vec::new();
    for (i, directory) in loader.library_dirs.iter().enumerate() {
        let name = format!("lib{i}");
        symlink(directory, folder.join(&name))?;
        libraries.push(format!("../{name}"));
    }
    Ok(Loader { takes_argv0: loader.takes_argv0, library_path: libraries.join(":") })
}

fn open_log(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Runs in the new process before the server: gives it a page, a leader, a layout, and limits.
fn isolate(page: i32, parent: u32) -> io::Result<()> {
    // SAFETY: plain system calls on descriptors and on this process alone.
    unsafe {
        // Whatever the fuzzer itself was given would move the numbers of the server's own descriptors, which it logs.
        if libc::syscall(libc::SYS_close_range, FIRST_FD, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) < 0 {
            (FIRST_FD as i32..OPEN_FILES as i32).for_each(|fd| {
                libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC);
            });
        }
        if libc::dup2(page, PAGE_FD) < 0 {
            return Err(io::Error::last_os_error());
        }
        libc::setpgid(0, 0);
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        if libc::getppid() as u32 != parent {
            // The fuzzer died before the death signal was armed.
            libc::_exit(1);
        }
        set_limit(libc::RLIMIT_NOFILE, OPEN_FILES);
        set_limit(libc::RLIMIT_STACK, STACK_BYTES);
        set_limit(libc::RLIMIT_CORE, 0);
        libc::umask(0o022);
    }
    personality::set(personality::get()? | Persona::ADDR_NO_RANDOMIZE)?;
    Ok(())
}

/// Sets a limit as far as the host allows it.
unsafe fn set_limit(resource: libc::__rlimit_resource_t, wanted: u64) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is valid for both calls.
    unsafe {
        libc::getrlimit(resource, &raw mut limit);
        limit.rlim_cur = wanted.min(limit.rlim_max);
        libc::setrlimit(resource, &raw const limit);
    }
}
