//! Another program in the place of a guest's: it goes on as the same participant, under the shim, in the turn that it has.
//!
//! What is handed down is what the kernel keeps (descriptors, of which pipes and files are its own) and what the page holds.
//! Simulated sockets are not. A server's process never becomes another program: that would run outside the simulation.

use core::ffi::CStr;
use core::fmt::Write;

use crate::give_up::{Text, give_up};
use crate::life::{alive, real};
use crate::page::{self, GUEST_PAGE_FD, GUEST_SHIM_FD};
use crate::sys::{self, fail, sys};
use crate::{calls, counter, signal, thread, turn};

/// As much of a file's begin as says what it is.
const HEAD_BYTES: usize = 4096;
/// Scripts that start scripts, as deep as Linux allows.
const DEPTH: u32 = 4;
/// The longest path.
const PATH_BYTES: usize = 4096;
/// The most entries of an environment or a list of arguments.
const MOST: usize = 8192;

unsafe extern "C" {
    static environ: *const *const u8;
}

/// The first bytes of a file; none if it cannot be read.
unsafe fn head(path: *const u8, bytes: &mut [u8; HEAD_BYTES]) -> usize {
    // SAFETY: the caller's path, and room of the caller's.
    unsafe {
        let fd = sys!(sys::OPENAT, libc::AT_FDCWD, path, libc::O_RDONLY | libc::O_CLOEXEC, 0);
        if fd < 0 {
            return 0;
        }
        let len = sys!(sys::READ, fd, bytes.as_mut_ptr(), HEAD_BYTES).max(0) as usize;
        sys!(sys::CLOSE, fd);
        len
    }
}

/// The `errno` for what cannot be executed; a program that the shim cannot enter ends the run by its name.
unsafe fn why_not(path: *const u8, depth: u32) -> Option<i32> {
    // SAFETY: the caller's path ends with NUL; what is looked at is within the buffers.
    unsafe {
        if sys!(libc::SYS_access as usize, path, libc::X_OK) < 0 {
            return Some(-sys!(libc::SYS_access as usize, path, libc::X_OK) as i32);
        }
        let mut bytes = [0; HEAD_BYTES];
        let len = head(path, &mut bytes);
        match &bytes[..len] {
            [] => Some(libc::ENOEXEC),
            [b'#', b'!', rest @ ..] if depth > 0 => {
                let mut name = [0u8; PATH_BYTES];
                let word = rest.split(|byte| *byte == b'\n').next().unwrap_or(b"").trim_ascii_start();
                let word = word.split(|byte| *byte == b' ' || *byte == b'\t').next().unwrap_or(b"");
                if word.len() >= PATH_BYTES {
                    return Some(libc::ENOEXEC);
                }
                name[..word.len()].copy_from_slice(word);
                why_not(name.as_ptr(), depth - 1)
            }
            elf if elf.starts_with(b"\x7fELF") => {
                if !has_interpreter(elf) && !is_loader(path) {
                    let name = CStr::from_ptr(path.cast()).to_str().unwrap_or("?");
                    give_up!("{name} is a static binary, which is not simulated");
                }
                None
            }
            _ => Some(libc::ENOEXEC),
        }
    }
}

/// Whether a binary asks for a loader, which is where the shim enters.
fn has_interpreter(elf: &[u8]) -> bool {
    const HEADERS_AT: usize = 32;
    const ENTRY_BYTES_AT: usize = 54;
    const INTERPRETER: u32 = 3;
    let short = |at: usize| elf.get(at..at + 2).map_or(0, |b| usize::from(u16::from_le_bytes([b[0], b[1]])));
    let headers =
        elf.get(HEADERS_AT..HEADERS_AT + 8).map_or(0, |b| usize::from(u16::from_le_bytes([b[0], b[1]])));
    let kind = |i: usize| {
        let at = headers + i * short(ENTRY_BYTES_AT);
        elf.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
    };
    (0..short(ENTRY_BYTES_AT + 2)).any(|i| kind(i) == Some(INTERPRETER))
}

/// Whether it is the loader itself, which is called outright for programs of another C library.
unsafe fn is_loader(path: *const u8) -> bool {
    // SAFETY: the caller's path ends with NUL.
    let path = unsafe { CStr::from_ptr(path.cast()) }.to_bytes();
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    name.starts_with(b"ld-linux") || name.starts_with(b"ld.so")
}

/// What is in the environment of every program of a guest's.
struct Own {
    texts: [Text; 3],
}

impl Own {
    fn new() -> Self {
        let mut own = Own { texts: [const { Text::new() }; 3] };
        let [preload, page, participant] = &mut own.texts;
        // They fit.
        let _ = write!(preload, "LD_PRELOAD=/proc/self/fd/{GUEST_SHIM_FD}");
        let _ = write!(page, "{}={GUEST_PAGE_FD:010}", page::PAGE_VARIABLE);
        let _ = write!(participant, "{}={:03}", page::PARTICIPANT_VARIABLE, turn::my_number());
        own
    }

    /// Whether a variable is one of these.
    fn replaces(&self, entry: &[u8]) -> bool {
        let names = [b"LD_PRELOAD=".as_slice(), b"VALKEY_FUZZER_PAGE=", b"VALKEY_FUZZER_PARTICIPANT="];
        names.iter().any(|name| entry.starts_with(name))
    }
}

/// Puts another program in this one's place; returns only where that fails, with the `errno`.
unsafe fn replace(path: *const u8, arguments: *const *const u8, environment: *const *const u8) -> i32 {
    // SAFETY: the caller's path, arguments and environment, which end with NUL and null.
    unsafe {
        if let Some(error) = why_not(path, DEPTH) {
            return error;
        }
        if thread::current() != 0 {
            give_up!("another program in the place of a thread that is not the first is not simulated");
        }
        let own = Own::new();
        let mut entries = [core::ptr::null::<u8>(); MOST];
        let mut count = 0;
        let mut next = environment;
        while !next.is_null() && !(*next).is_null() && count + own.texts.len() + 1 < MOST {
            if !own.replaces(CStr::from_ptr((*next).cast()).to_bytes()) {
                entries[count] = *next;
                count += 1;
            }
            next = next.add(1);
        }
        for text in &own.texts {
            entries[count] = text.as_c_str();
            count += 1;
        }
        calls::close_on_exec();
        signal::hand_down(thread::current());
        turn::me().programs.update(|programs| programs + 1);
        counter::allow_read();
        turn::loosen();
        let result = sys!(libc::SYS_execve as usize, path, arguments, entries.as_ptr());
        turn::keep_hold();
        counter::fault_on_read();
        -result as i32
    }
}

/// Whether this process may become another program; a server's may not.
fn may(name: &str) -> bool {
    if alive() && !turn::is_guest() {
        give_up!("{name} is not simulated");
    }
    alive()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn execve(
    path: *const u8,
    arguments: *const *const u8,
    environment: *const *const u8,
) -> i32 {
    // SAFETY: the caller's arguments.
    unsafe {
        if may("execve") {
            fail(replace(path, arguments, environment))
        } else {
            real!("execve" as fn(*const u8, *const *const u8, *const *const u8) -> i32)(
                path,
                arguments,
                environment,
            )
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn execv(path: *const u8, arguments: *const *const u8) -> i32 {
    // SAFETY: the caller's arguments.
    unsafe {
        if may("execv") {
            fail(replace(path, arguments, environ))
        } else {
            real!("execv" as fn(*const u8, *const *const u8) -> i32)(path, arguments)
        }
    }
}

/// The value of `PATH` in an environment.
unsafe fn search_path<'a>() -> &'a [u8] {
    // SAFETY: the process's own environment, which ends with null.
    unsafe {
        let mut next = environ;
        while !next.is_null() && !(*next).is_null() {
            if let Some(value) = CStr::from_ptr((*next).cast()).to_bytes().strip_prefix(b"PATH=") {
                return value;
            }
            next = next.add(1);
        }
        b"/bin:/usr/bin"
    }
}

/// Puts the program that `file` names on the search path in this one's place; the `errno` where that fails. What is
/// neither binary nor script is the shell's.
pub unsafe fn search(file: *const u8, arguments: *const *const u8, environment: *const *const u8) -> i32 {
    // SAFETY: the caller's arguments; paths are put together in a buffer that holds them.
    unsafe {
        let name = CStr::from_ptr(file.cast()).to_bytes();
        if name.contains(&b'/') {
            return or_shell(replace(file, arguments, environment), file, arguments, environment);
        }
        let mut error = libc::ENOENT;
        for folder in search_path().split(|byte| *byte == b':') {
            let mut path = [0u8; PATH_BYTES];
            let folder = if folder.is_empty() { b"." } else { folder };
            if folder.len() + name.len() + 2 > PATH_BYTES {
                continue;
            }
            path[..folder.len()].copy_from_slice(folder);
            path[folder.len()] = b'/';
            path[folder.len() + 1..folder.len() + 1 + name.len()].copy_from_slice(name);
            match or_shell(
                replace(path.as_ptr(), arguments, environment),
                path.as_ptr(),
                arguments,
                environment,
            ) {
                libc::ENOENT | libc::ENOTDIR => {}
                other => error = other,
            }
        }
        error
    }
}

/// Has the shell read a file that is no program.
unsafe fn or_shell(
    error: i32,
    path: *const u8,
    arguments: *const *const u8,
    environment: *const *const u8,
) -> i32 {
    if error != libc::ENOEXEC {
        return error;
    }
    // SAFETY: the caller's arguments, which end with null.
    unsafe {
        let mut all = [core::ptr::null::<u8>(); MOST];
        all[..2].copy_from_slice(&[c"/bin/sh".as_ptr().cast(), path]);
        let mut count = 0;
        while count + 3 < MOST && !(*arguments.add(count)).is_null() {
            count += 1;
            all[count + 1] = *arguments.add(count);
        }
        replace(c"/bin/sh".as_ptr().cast(), all.as_ptr(), environment)
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn execvp(file: *const u8, arguments: *const *const u8) -> i32 {
    // SAFETY: the caller's arguments.
    unsafe {
        if may("execvp") {
            fail(search(file, arguments, environ))
        } else {
            real!("execvp" as fn(*const u8, *const *const u8) -> i32)(file, arguments)
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn execvpe(
    file: *const u8,
    arguments: *const *const u8,
    environment: *const *const u8,
) -> i32 {
    // SAFETY: the caller's arguments.
    unsafe {
        if may("execvpe") {
            fail(search(file, arguments, environment))
        } else {
            real!("execvpe" as fn(*const u8, *const *const u8, *const *const u8) -> i32)(
                file,
                arguments,
                environment,
            )
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fexecve(fd: i32, arguments: *const *const u8, environment: *const *const u8) -> i32 {
    if alive() {
        give_up!("fexecve is not simulated");
    }
    // SAFETY: the caller's arguments, handed on as they are.
    unsafe {
        real!("fexecve" as fn(i32, *const *const u8, *const *const u8) -> i32)(fd, arguments, environment)
    }
}
