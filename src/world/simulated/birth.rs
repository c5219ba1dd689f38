//! Starts a process without a copy of this one's memory, and waits for its end.
//!
//! A run's tool can be large, and a fork copies the tables of all its pages, write-protects them, and has them torn
//! down by `exec` again, for each server. So the new process borrows memory until it is another program (`vfork`), which
//! the standard library does only where nothing has to be done in between.

use std::collections::BTreeMap;
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::ptr;

use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow};

/// Room for what the new process does before it is another program.
const STACK_BYTES: usize = 64 * 1024;
const STACK_ALIGNMENT: usize = 16;
/// How a process ends that never became the program; nobody sees it.
const NEVER_STARTED: i32 = 127;

/// What a process is to be.
pub struct Image {
    /// The program, as seen from the working directory.
    pub program: PathBuf,
    /// Its arguments, its own name first.
    pub arguments: Vec<OsString>,
    /// All of its environment.
    pub environment: BTreeMap<OsString, OsString>,
    /// The working directory.
    pub directory: PathBuf,
    /// Its standard input, output and error.
    pub files: [File; 3],
}

/// A process of ours, which is waited for once.
pub struct Leader {
    pid: libc::pid_t,
    status: Option<ExitStatus>,
}

/// What the new process needs, all of it laid out before: it may not allocate.
struct Birth<'a> {
    program: CString,
    arguments: Pointers,
    environment: Pointers,
    directory: CString,
    files: [RawFd; 3],
    prepare: &'a dyn Fn() -> Result<(), Errno>,
    /// Why it did not become the program.
    error: Option<Errno>,
}

/// A list of texts as the kernel wants it, which ends with a null pointer.
struct Pointers {
    _texts: Vec<CString>,
    pointers: Vec<*const libc::c_char>,
}

impl Image {
    /// Starts it. The new process calls `prepare` right before it becomes the program.
    ///
    /// # Errors
    /// What the system says to one of the steps, or that there is a zero byte in a text.
    ///
    /// # Safety
    /// `prepare` makes system calls only: it runs in the new process and on memory of this one, so it may neither allocate
    /// nor take a lock nor panic.
    pub unsafe fn start(&self, prepare: &dyn Fn() -> Result<(), Errno>) -> io::Result<Leader> {
        let pairs =
            self.environment.iter().map(|(name, value)| [name, OsStr::new("="), value].into_iter().collect());
        let mut birth = Birth {
            program: text(self.program.as_os_str())?,
            arguments: Pointers::to(self.arguments.iter().cloned())?,
            environment: Pointers::to(pairs)?,
            directory: text(self.directory.as_os_str())?,
            files: self.files.each_ref().map(File::as_raw_fd),
            prepare,
            error: None,
        };
        let mut stack = vec![0u8; STACK_BYTES];
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
        // A handler of ours must not run in the new process, on our memory.
        let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
        // SAFETY: the new process has a stack of its own and keeps to what it may do; this thread sleeps until it is gone
        // from our memory, so what it borrows lives longer.
        let cloned = Errno::result(unsafe {
            let end = stack.as_mut_ptr().add(STACK_BYTES);
            let top = end.sub(end.addr() % STACK_ALIGNMENT);
            libc::clone(be_born, top.cast(), flags, (&raw mut birth).cast())
        });
        before.thread_set_mask()?;
        let mut leader = Leader { pid: cloned?, status: None };
        match birth.error {
            None => Ok(leader),
            Some(error) => {
                leader.wait()?;
                Err(error.into())
            }
        }
    }
}

impl Leader {
    /// Its number.
    pub fn id(&self) -> u32 {
        self.pid as u32
    }

    /// How it ended, if it has.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.await_end(libc::WNOHANG)
    }

    /// How it ended, once it has.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        Ok(self.await_end(0)?.expect("the call comes back when it has ended"))
    }

    fn await_end(&mut self, flags: libc::c_int) -> io::Result<Option<ExitStatus>> {
        while self.status.is_none() {
            let mut status = 0;
            // SAFETY: writes to `status` alone.
            match Errno::result(unsafe { libc::waitpid(self.pid, &raw mut status, flags) }) {
                Ok(0) => break,
                Ok(_) => self.status = Some(ExitStatus::from_raw(status)),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(self.status)
    }
}

impl Pointers {
    fn to(texts: impl Iterator<Item = OsString>) -> io::Result<Self> {
        let texts = texts.map(|one| text(&one)).collect::<io::Result<Vec<_>>>()?;
        let pointers = texts.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect();
        Ok(Pointers { _texts: texts, pointers })
    }
}

fn text(text: &OsStr) -> io::Result<CString> {
    Ok(CString::new(text.as_bytes())?)
}

/// The new process: the program, or an error and an end.
extern "C" fn be_born(birth: *mut libc::c_void) -> libc::c_int {
    // SAFETY: what `start` handed over, which sleeps meanwhile.
    let birth = unsafe { &mut *birth.cast::<Birth>() };
    birth.error = birth.become_program().err();
    // SAFETY: ends this process alone, without anything that our memory has for the end.
    unsafe { libc::_exit(NEVER_STARTED) }
}

impl Birth<'_> {
    /// Comes back only if it fails.
    fn become_program(&self) -> Result<(), Errno> {
        // SAFETY: system calls on this process alone, with texts and descriptors that live.
        unsafe {
            for (to, from) in (0..).zip(self.files) {
                Errno::result(libc::dup2(from, to))?;
            }
            Errno::result(libc::chdir(self.directory.as_ptr()))?;
            (self.prepare)()?;
            SigSet::empty().thread_set_mask()?;
            let (arguments, environment) =
                (self.arguments.pointers.as_ptr(), self.environment.pointers.as_ptr());
            Errno::result(libc::execve(self.program.as_ptr(), arguments, environment)).map(drop)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn image(folder: &std::path::Path, script: &str) -> Image {
        let output = File::create(folder.join("output")).expect("a file");
        Image {
            program: "/bin/sh".into(),
            arguments: ["a name", "-c", script].map(OsString::from).to_vec(),
            environment: BTreeMap::from(
                [("B", "2"), ("A", "1")].map(|(name, value)| (name.into(), value.into())),
            ),
            directory: folder.to_owned(),
            files: [
                File::open("/dev/null").expect("it is there"),
                output.try_clone().expect("a descriptor"),
                output,
            ],
        }
    }

    fn start(image: &Image, prepare: &dyn Fn() -> Result<(), Errno>) -> io::Result<Leader> {
        // SAFETY: the tests' closures make one system call or none.
        unsafe { image.start(prepare) }
    }

    #[test]
    fn a_process_has_the_name_environment_folder_and_files_that_it_was_given() {
        let folder = tempfile::tempdir().expect("a folder");
        let script =
            "echo \"$0:$(env | grep -v '^PWD\\|^_\\|^SHLVL\\|^OLDPWD' | tr '\\n' ' ')\"; pwd -P >&2; exit 7";
        let mut leader = start(&image(folder.path(), script), &|| Ok(())).expect("it starts");
        assert_eq!(leader.wait().expect("it ends").code(), Some(7));
        assert_eq!(leader.try_wait().expect("it is known").and_then(|status| status.code()), Some(7));
        let folder = folder.path().canonicalize().expect("it is there");
        let output = fs::read_to_string(folder.join("output")).expect("it was written");
        assert_eq!(output, format!("a name:A=1 B=2 \n{}\n", folder.display()));
    }

    #[test]
    fn what_is_prepared_is_so_for_the_new_process_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let umask = || {
            // SAFETY: sets an attribute of the calling process.
            unsafe { libc::umask(0o077) };
            Ok(())
        };
        start(&image(folder.path(), "umask"), &umask).and_then(|mut leader| leader.wait()).expect("it ends");
        let output = fs::read_to_string(folder.path().join("output")).expect("it was written");
        assert_eq!(output, "0077\n");
        // SAFETY: as above; the second call sets back what the first found.
        let ours = unsafe { libc::umask(libc::umask(0)) };
        assert_ne!(ours, 0o077);
    }

    #[test]
    fn a_step_that_fails_says_which_error_and_leaves_no_process() {
        let folder = tempfile::tempdir().expect("a folder");
        let sound = image(folder.path(), "true");
        let kind = |image: &Image, prepare: &dyn Fn() -> Result<(), Errno>| {
            start(image, prepare).err().map(|error| error.raw_os_error())
        };
        assert_eq!(kind(&sound, &|| Err(Errno::EPERM)), Some(Some(libc::EPERM)));
        let nowhere = Image { directory: folder.path().join("nowhere"), ..image(folder.path(), "true") };
        assert_eq!(kind(&nowhere, &|| Ok(())), Some(Some(libc::ENOENT)));
        let program = Image { program: folder.path().to_owned(), ..image(folder.path(), "true") };
        assert_eq!(kind(&program, &|| Ok(())), Some(Some(libc::EACCES)));
        let zero = Image { arguments: vec!["a\0b".into()], ..image(folder.path(), "true") };
        assert_eq!(kind(&zero, &|| Ok(())), Some(None));
    }

    #[test]
    fn a_killed_process_is_known_as_killed() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut leader = start(&image(folder.path(), "kill -9 $$"), &|| Ok(())).expect("it starts");
        assert_eq!(leader.wait().expect("it ends").signal(), Some(libc::SIGKILL));
    }
}
