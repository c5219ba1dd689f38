//! Starts a server process so that nothing of the host shows: fixed environment, layout of memory, limits, directory.
//!
//! The real binary is started directly, through its own loader if it has one, under names relative to its working
//! directory, which are the same wherever the run's folder is: path lengths move the stack, and with it everything that
//! is ordered by address.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Once;

use nix::errno::Errno;
use nix::sys::personality::{self, Persona};

use super::birth::{Image, Leader};
use super::seat::allow_counter;
use crate::servers::{self, Program, Server};
use crate::shim::{self, page};

/// What one start of a guest's program is given.
pub struct GuestLaunch<'a> {
    /// The working directory.
    pub directory: &'a Path,
    /// The program's arguments.
    pub arguments: &'a [String],
    /// What is in its environment besides what every guest has.
    pub environment: &'a BTreeMap<String, String>,
    /// Its standard input, output and error.
    pub files: [&'a Path; 3],
    /// Folders that it looks into for the programs that it starts, before all others.
    pub tools: &'a [PathBuf],
    /// The page's descriptor.
    pub page: i32,
}

/// The server with its shim, laid out in a run's folder.
pub struct Stage {
    /// Its folder below the run's; empty for the run's own.
    place: PathBuf,
    argv0: String,
    /// The program, as seen from the working directory.
    program: PathBuf,
    loader: Option<Loader>,
    /// The shim as a file in memory, where programs are started that start others.
    shim: Option<OwnedFd>,
    /// Whether the host lets the layout of memory be the same every time.
    fixed_layout: bool,
    /// What jemalloc is told.
    malloc_conf: &'static str,
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

const LOADER: &str = "ld.so";
/// Where a guest looks for the programs that it starts.
const GUEST_PATH: &str = "/usr/local/bin:/usr/bin:/bin";
const SHIM: &str = "shim.so";
/// The first descriptor after the standard ones.
const FIRST_FD: libc::c_uint = 3;
/// Enough for every simulated descriptor.
const OPEN_FILES: u64 = 8192;
/// With more nodes memory matters more than time.
const MANY: u16 = 200;
/// For jemalloc.
const MALLOC_CONF: &str = "background_thread:false,narenas:1";
/// For one that gives back what is freed, at a cost of 5 %. Else it keeps it for ten seconds in virtual time: each node of a large
/// cluster held three times what it used while all dialled each other.
const FRUGAL_MALLOC_CONF: &str = "background_thread:false,narenas:1,dirty_decay_ms:0";
const STACK_BYTES: u64 = 8 * 1024 * 1024;

impl Stage {
    /// Lays `server` and the shim out in a place below `folder`, where so many nodes are to run it.
    pub fn new(folder: &Path, place: &str, server: &Server, nodes: u16) -> io::Result<Self> {
        let (place, folder) = (PathBuf::from(place), &folder.join(place));
        fs::create_dir_all(folder)?;
        fs::write(folder.join(SHIM), shim::OBJECT)?;
        symlink(&server.binary, folder.join(server.argv0()))?;
        let loader = server.loader.as_ref();
        let loader = loader.map(|loader| lay_out_loader(folder, &place, loader)).transpose()?;
        raise_open_files();
        let argv0 = server.argv0().to_owned();
        let program = Path::new("..").join(&place).join(&argv0);
        let (shim, fixed_layout) = (None, can_fix_layout());
        let malloc_conf = if nodes > MANY { FRUGAL_MALLOC_CONF } else { MALLOC_CONF };
        Ok(Stage { place, argv0, program, loader, shim, fixed_layout, malloc_conf })
    }

    /// Lays a program of the host's own and the shim out below `folder`.
    pub fn of_program(folder: &Path, program: &Path) -> io::Result<Self> {
        fs::write(folder.join(SHIM), shim::OBJECT)?;
        let argv0 = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        symlink(program, folder.join(&argv0))?;
        let program = Path::new("..").join(&argv0);
        let place = PathBuf::new();
        let (loader, shim, fixed_layout) = (None, None, can_fix_layout());
        Ok(Stage { place, argv0, program, loader, shim, fixed_layout, malloc_conf: MALLOC_CONF })
    }

    /// Lays a guest's program out below `folder`. One that has no loader of its own is started where it is: some look
    /// beside their own file for what belongs to them.
    pub fn of_guest(folder: &Path, program: &Program) -> io::Result<Self> {
        let mut stage = Stage {
            place: PathBuf::new(),
            argv0: program.binary.display().to_string(),
            program: program.binary.clone(),
            loader: None,
            shim: Some(in_memory(shim::OBJECT)?),
            fixed_layout: can_fix_layout(),
            malloc_conf: MALLOC_CONF,
        };
        if let Some(loader) = &program.loader {
            symlink(&program.binary, folder.join(&program.name))?;
            stage.argv0 = program.name.clone();
            stage.program = Path::new("..").join(&program.name);
            stage.loader = Some(lay_out_loader(folder, Path::new(""), loader)?);
        }
        Ok(stage)
    }

    /// Starts a guest's program.
    pub fn launch_guest(&self, launch: &GuestLaunch) -> io::Result<Leader> {
        let [stdin, stdout, stderr] = launch.files;
        let own = [
            ("PATH", path_of(launch.tools)),
            ("HOME", "/simulated".to_owned()),
            // What a Python writes beside its sources would be there the next time.
            ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
        ];
        let own = own.map(|(name, value)| (name.into(), value.into()));
        let given = launch.environment.iter().map(|(name, value)| (name.into(), value.into()));
        let files = [File::open(stdin)?, open_log(stdout)?, open_log(stderr)?];
        let environment = own.into_iter().chain(given).collect();
        self.start(launch.directory, launch.arguments, environment, files, launch.page)
    }

    /// Starts a server.
    pub fn launch(&self, launch: &Launch) -> io::Result<Leader> {
        let output = open_log(launch.output)?;
        let files = [File::open("/dev/null")?, output.try_clone()?, output];
        self.start(launch.directory, launch.arguments, BTreeMap::new(), files, launch.page)
    }

    /// Starts a program under the shim, on the page with this descriptor.
    fn start(
        &self,
        directory: &Path,
        arguments: &[String],
        mut environment: BTreeMap<OsString, OsString>,
        files: [File; 3],
        page: i32,
    ) -> io::Result<Leader> {
        let shim = self.shim.as_ref().map(|shim| shim.as_raw_fd());
        let (preload, number) = match shim {
            Some(_) => (PathBuf::from(format!("/proc/self/fd/{}", page::GUEST_SHIM_FD)), page::GUEST_PAGE_FD),
            None => (self.beside(SHIM), page),
        };
        environment.insert("LD_PRELOAD".into(), preload.into());
        environment.insert(page::PAGE_VARIABLE.into(), format!("{number:010}").into());
        let fixed =
            [("TZ", "UTC0"), ("LC_ALL", "C"), ("MALLOC_CONF", self.malloc_conf), ("MALLOC_ARENA_MAX", "1")];
        environment.extend(fixed.map(|(name, value)| (name.into(), value.into())));
        let (program, mut line) = self.command_line();
        line.extend(arguments.iter().map(OsString::from));
        let image = Image { program, arguments: line, environment, directory: directory.to_owned(), files };
        let (parent, fixed_layout) = (std::process::id(), self.fixed_layout);
        let prepare = move || {
            allow_counter();
            isolate(parent, fixed_layout)?;
            match shim {
                // Under these numbers only: one more would move those that the guest is given.
                Some(shim) => hand_down([(page, page::GUEST_PAGE_FD), (shim, page::GUEST_SHIM_FD)]),
                // Its number is whatever was free; the shim closes it before the server opens anything.
                // SAFETY: a flag of a descriptor of the new process.
                None => Errno::result(unsafe { libc::fcntl(page, libc::F_SETFD, 0) }).map(drop),
            }
        };
        // SAFETY: the closure makes system calls only; it neither allocates nor takes a lock.
        unsafe { image.start(&prepare) }
    }

    /// What lies in its place, as seen from a node's working directory.
    fn beside(&self, name: &str) -> PathBuf {
        Path::new("..").join(&self.place).join(name)
    }

    /// The program that is started, and its arguments up to the server's own.
    fn command_line(&self) -> (PathBuf, Vec<OsString>) {
        let Some(loader) = &self.loader else {
            return (self.program.clone(), vec![self.argv0.clone().into()]);
        };
        let mut line = vec![LOADER.into()];
        if loader.takes_argv0 {
            line.extend(["--argv0", &self.argv0].map(OsString::from));
        }
        if !loader.library_path.is_empty() {
            line.extend(["--library-path", &loader.library_path].map(OsString::from));
        }
        line.push(self.program.clone().into());
        (self.beside(LOADER), line)
    }
}

fn lay_out_loader(folder: &Path, place: &Path, loader: &servers::Loader) -> io::Result<Loader> {
    symlink(&loader.program, folder.join(LOADER))?;
    let mut libraries = Vec::new();
    for (i, directory) in loader.library_dirs.iter().enumerate() {
        let name = format!("lib{i}");
        symlink(directory, folder.join(&name))?;
        libraries.push(Path::new("..").join(place).join(name).to_string_lossy().into_owned());
    }
    Ok(Loader { takes_argv0: loader.takes_argv0, library_path: libraries.join(":") })
}

fn open_log(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// Each descriptor has the number beside it in what this process becomes, whatever numbers they have now.
fn hand_down(descriptors: [(i32, i32); 2]) -> Result<(), Errno> {
    let mut aside = [0; 2];
    // SAFETY: descriptors of this process.
    unsafe {
        for ((fd, _), aside) in descriptors.iter().zip(&mut aside) {
            *aside = Errno::result(libc::fcntl(*fd, libc::F_DUPFD_CLOEXEC, page::GUEST_SHIM_FD + 1))?;
        }
        for ((_, to), aside) in descriptors.iter().zip(aside) {
            Errno::result(libc::dup2(aside, *to))?;
        }
    }
    Ok(())
}

/// A file in memory with this content, which can be loaded as a library.
fn in_memory(content: &[u8]) -> io::Result<OwnedFd> {
    // SAFETY: the name is NUL-terminated; the call makes a descriptor of ours or fails.
    let fd = unsafe { libc::memfd_create(c"valkey-fuzzer-shim".as_ptr(), libc::MFD_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just made and belongs to nobody else.
    let mut file = File::from(unsafe { OwnedFd::from_raw_fd(fd) });
    file.write_all(content)?;
    Ok(file.into())
}

/// Where a guest looks for programs.
fn path_of(tools: &[PathBuf]) -> String {
    let folders = tools.iter().map(|folder| folder.display().to_string());
    folders.chain([GUEST_PATH.to_owned()]).collect::<Vec<_>>().join(":")
}

/// Runs in the new process before the server: gives it no descriptors, a leader, a layout, and limits.
fn isolate(parent: u32, fixed_layout: bool) -> Result<(), Errno> {
    // SAFETY: plain system calls on descriptors and on this process alone.
    unsafe {
        // Whatever the fuzzer itself was given would move the numbers of the server's own descriptors, which it logs.
        if libc::syscall(libc::SYS_close_range, FIRST_FD, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) < 0 {
            (FIRST_FD as i32..libc::getdtablesize()).for_each(|fd| {
                libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC);
            });
        }
        libc::setpgid(0, 0);
        take_short_slices();
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        if libc::getppid() as u32 != parent {
            // The fuzzer died before the death signal was armed.
            libc::_exit(1);
        }
        set_limit(libc::RLIMIT_NOFILE, OPEN_FILES);
        set_limit(libc::RLIMIT_STACK, STACK_BYTES);
        set_limit(libc::RLIMIT_CORE, 0);
        for unlimited in [libc::RLIMIT_FSIZE, libc::RLIMIT_CPU, libc::RLIMIT_DATA, libc::RLIMIT_AS] {
            set_limit(unlimited, libc::RLIM_INFINITY);
        }
        // What a shell or `nohup` ignores would stay ignored.
        (1..libc::SIGRTMAX()).for_each(|number| {
            libc::signal(number, libc::SIG_DFL);
        });
        libc::umask(0o022);
    }
    if fixed_layout {
        personality::set(personality::get()? | Persona::ADDR_NO_RANDOMIZE)?;
    }
    Ok(())
}

/// Whether a process may ask for the same layout of memory every time; said once if not. Tried on this thread, whose
/// own memory is laid out already.
fn can_fix_layout() -> bool {
    static WARNING: Once = Once::new();
    let tried = personality::get().and_then(|before| {
        personality::set(before | Persona::ADDR_NO_RANDOMIZE)?;
        personality::set(before)
    });
    if let Err(error) = tried {
        WARNING.call_once(|| {
            tracing::warn!(
                "memory is laid out at random: personality(ADDR_NO_RANDOMIZE) is refused ({}), as by the default \
                 seccomp profile of containers; where a server orders by address, two runs of one seed may differ. \
                 `--security-opt seccomp=unconfined` allows it",
                error.desc()
            );
        });
    }
    tried.is_ok()
}

/// Takes as many descriptors as the host grants: each node needs some of this process's.
fn raise_open_files() {
    // SAFETY: a limit of this process is read and set.
    unsafe { set_limit(libc::RLIMIT_NOFILE, libc::RLIM_INFINITY) };
}

/// The processor is this process's as soon as it is woken, whoever else has some left of his slice: what it does in a
/// turn is short, and the scheduler sleeps meanwhile. Kernels before 6.12 take no notice.
unsafe fn take_short_slices() {
    const SLICE_NS: u64 = 100_000;
    // SAFETY: attributes of this process are read and set; all zeroes are attributes.
    unsafe {
        let mut attributes: libc::sched_attr = std::mem::zeroed();
        let size = size_of::<libc::sched_attr>() as u32;
        let read = libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attributes, size, 0);
        if read == 0 && attributes.sched_policy == libc::SCHED_OTHER as u32 {
            attributes.sched_runtime = SLICE_NS;
            libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0);
        }
    }
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
