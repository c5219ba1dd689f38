//! What stands below `/proc` for a process of the node: the same in every run, and nothing about anybody else.
//!
//! A server finds itself there by its simulated id, which may be any process's on the host. A crash report lists the
//! threads of `/proc/<pid>/task`, asks each one's `status` whether it takes signals, and signals those that do.

use core::fmt::Write;

use crate::descriptor::{self, Kind};
use crate::give_up::Text;
use crate::life::{alive, real};
use crate::page::{Participant, state};
use crate::sys::{self, fail, reported, sys};
use crate::{signal, thread, turn};

const STAT: &str = " (valkey-server) S 1 1 1 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 0 67108864 4096 \
18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n";
const NAME: &str = "valkey-server\n";

/// What a path names.
enum Named {
    /// Text of a fixed kind.
    Text(&'static str),
    /// The figures of thread number `.0`.
    Stat(usize),
    /// The state of thread number `.0`.
    Status(usize),
    /// The figures of another process, by its place in the page.
    Other(usize),
    /// The list of threads.
    Tasks,
    /// The real memory map: of interest for its ranges, which are the same in every run.
    Maps,
    /// Nothing.
    Missing,
}

fn number(text: &str) -> Option<usize> {
    text.parse().ok()
}

fn my_pid() -> usize {
    turn::me().pid.get() as usize
}

/// The place of the thread that the server knows by this number.
fn thread_of(tid: &str) -> Option<usize> {
    thread::by_number((number(tid)? + 1).checked_sub(my_pid())?)
}

/// What stands at `rest` below the process's own folder.
fn named_by(rest: &str) -> Named {
    match rest {
        "stat" => return Named::Stat(0),
        "comm" | "cmdline" => return Named::Text(NAME),
        "smaps" => return Named::Text(""),
        "oom_score_adj" | "oom_score" => return Named::Text("0\n"),
        "status" => return Named::Status(thread::current()),
        "maps" => return Named::Maps,
        "task" | "task/" => return Named::Tasks,
        _ => {}
    }
    let of_thread = rest.strip_prefix("task/").and_then(|rest| rest.split_once('/'));
    match of_thread.map(|(tid, file)| (thread_of(tid), file)) {
        Some((Some(i), "status")) => Named::Status(i),
        Some((Some(_), "comm")) => Named::Text(NAME),
        Some((Some(i), "stat")) => Named::Stat(i),
        _ => Named::Missing,
    }
}

/// What `path` names, if it is a process's place below `/proc`.
fn named(path: &[u8]) -> Option<Named> {
    let below = core::str::from_utf8(path).ok()?.strip_prefix("/proc/")?;
    let (whose, rest) = below.split_once('/').unwrap_or((below, ""));
    if turn::is_guest() {
        return named_to_guest(whose, rest);
    }
    match whose {
        "self" | "thread-self" => Some(named_by(rest)),
        _ => number(whose).map(|pid| if pid == my_pid() { named_by(rest) } else { Named::Missing }),
    }
}

/// What a guest is told: its own program and descriptors are where the kernel has them, its memory is nobody's to measure, and
/// of others it learns no more than how they are.
fn named_to_guest(whose: &str, rest: &str) -> Option<Named> {
    match (whose, rest) {
        ("self" | "thread-self", "stat") => Some(Named::Stat(0)),
        ("self" | "thread-self", "smaps" | "smaps_rollup" | "statm") => Some(Named::Text("")),
        _ => number(whose).map(|pid| named_of_guest(pid, rest)),
    }
}

/// What a guest finds at `rest` below the folder of a process, which is one of the guest's or nobody's.
fn named_of_guest(pid: usize, rest: &str) -> Named {
    let is_it = |it: &Participant| it.state.get() != state::FREE && it.pid.get() as usize == pid;
    match turn::participants().iter().position(is_it) {
        Some(i) if i == turn::my_number() => named_by(rest),
        Some(i) if rest == "stat" => Named::Other(i),
        _ => Named::Missing,
    }
}

/// Who is given a descriptor.
#[derive(Clone, Copy, PartialEq)]
pub enum Reader {
    /// The server, which reads by calls that come by here.
    Server,
    /// A stream of the C library's, which asks the kernel itself.
    Stream,
}

/// Opens a path for the server, if it is a process's place below `/proc`: a descriptor, or -1 and `errno`.
pub fn open(path: &[u8], reader: Reader) -> Option<i32> {
    Some(match named(path)? {
        Named::Text(text) => file_of(text.as_bytes()),
        // A server looks at each tick of its clock (`zmalloc_get_rss`): a file in memory would be a third of an idle one's work.
        Named::Stat(i) if reader == Reader::Server => made_up(Kind::Stat(i, 0)),
        Named::Stat(i) => file_of(stat_of(i).written()),
        Named::Other(i) => file_of(stat_of_other(i).written()),
        Named::Status(i) => file_of(status_of(i).written()),
        Named::Maps => open_maps(),
        Named::Tasks => made_up(Kind::Tasks(0)),
        Named::Missing => fail(sys::ENOENT),
    })
}

fn made_up(kind: Kind) -> i32 {
    match descriptor::new_file(kind, true) {
        fd if fd < 0 => fail(-fd),
        fd => fd,
    }
}

/// Reads on in the figures of thread number `i`, from the `at`th byte.
///
/// # Safety
/// The caller owns `len` bytes at `buffer`.
pub unsafe fn read_stat(fd: i32, (i, at): (usize, usize), buffer: *mut u8, len: usize) -> isize {
    let text = stat_of(i);
    let rest = text.written().get(at..).unwrap_or_default();
    let count = rest.len().min(len);
    // SAFETY: the caller's buffer.
    unsafe { core::ptr::copy_nonoverlapping(rest.as_ptr(), buffer, count) };
    descriptor::set_kind(fd, Kind::Stat(i, at + count));
    count as isize
}

fn open_maps() -> i32 {
    const AT_FDCWD: isize = -100;
    // SAFETY: a path that ends with NUL.
    reported(unsafe { sys!(sys::OPENAT, AT_FDCWD, c"/proc/self/maps".as_ptr(), libc::O_CLOEXEC) }) as i32
}

/// A memory file with this content, read from its beginning.
fn file_of(content: &[u8]) -> i32 {
    // SAFETY: the content is readable, and the descriptor is new.
    unsafe {
        let fd = sys!(sys::MEMFD_CREATE, c"simulated".as_ptr(), 1) as i32;
        sys!(sys::WRITE, fd, content.as_ptr(), content.len());
        sys!(sys::LSEEK, fd, 0, 0);
        fd
    }
}

fn stat_of(i: usize) -> Text {
    let mut text = Text::new();
    // A text that is too long is cut, which is no error.
    let _ = write!(text, "{}{STAT}", my_pid() + i);
    text
}

/// The figures of another process of a guest: who it is, whose child, and whether it runs, is stopped, or waits to be buried.
fn stat_of_other(i: usize) -> Text {
    let participants = &turn::page().participants;
    let (it, group) = (&participants[i], participants[0].pid.get());
    let state = match it.state.get() {
        state::EXITED => 'Z',
        _ if it.stopped.get() != 0 => 'T',
        _ => 'S',
    };
    let mut text = Text::new();
    // A text that is too long is cut, which is no error.
    let _ = writeln!(text, "{} (guest) {state} {} {group} {group} 0 -1 0", it.pid.get(), it.parent.get());
    text
}

fn status_of(i: usize) -> Text {
    let mut text = Text::new();
    // A text that is too long is cut, which is no error.
    let _ = write!(
        text,
        "Name:\tvalkey-server\nState:\tS (sleeping)\nTgid:\t{pid}\nPid:\t{tid}\nVmRSS:\t16384 kB\n\
         SigBlk:\t{blocked:016x}\nSigIgn:\t{ignored:016x}\nSigCgt:\t{none:016x}\nCapInh:\t{none:016x}\n",
        pid = my_pid(),
        tid = my_pid() + i,
        blocked = signal::blocked_by(i),
        ignored = signal::ignored(),
        none = 0,
    );
    text
}

/// `struct linux_dirent64`, as far as it has a fixed length, and room for a name.
#[repr(C)]
struct Listed {
    inode: u64,
    offset: u64,
    bytes: u16,
    kind: u8,
    name: [u8; 13],
}

/// The names in the list of threads: `.`, `..`, and the threads that are alive.
fn task(i: usize) -> Option<Text> {
    let mut name = Text::new();
    // A number fits.
    let _ = match i.checked_sub(2) {
        None => name.write_str(&".."[..=i]),
        Some(nth) => write!(name, "{}", my_pid() + thread::living().nth(nth)?),
    };
    Some(name)
}

/// Lists the threads as `getdents64` does, from the `from`th name on, into `len` bytes at `buffer`.
///
/// # Safety
/// The caller owns `len` bytes at `buffer`.
pub unsafe fn list_tasks(fd: i32, from: usize, buffer: *mut u8, len: usize) -> isize {
    let mut written = 0;
    let mut next = from;
    while written + size_of::<Listed>() <= len {
        let Some(name) = task(next) else { break };
        next += 1;
        let mut listed = Listed {
            inode: next as u64,
            offset: next as u64,
            bytes: size_of::<Listed>() as u16,
            kind: libc::DT_DIR,
            name: [0; 13],
        };
        listed.name[..name.written().len()].copy_from_slice(name.written());
        // SAFETY: there is room for one more.
        unsafe { buffer.add(written).cast::<Listed>().write_unaligned(listed) };
        written += size_of::<Listed>();
    }
    descriptor::set_kind(fd, Kind::Tasks(next));
    written as isize
}

/// The path of the server's own program, where a link names it.
const PROGRAM: &[u8] = b"/simulated/valkey-server";

/// What a link below `/proc` says, into `len` bytes at `buffer`; nothing where the path is elsewhere.
unsafe fn read_link(path: &[u8], buffer: *mut u8, len: usize) -> Option<isize> {
    named(path)?;
    if !path.ends_with(b"/exe") {
        return Some(fail(sys::ENOENT) as isize);
    }
    let len = len.min(PROGRAM.len());
    // SAFETY: the caller owns `len` bytes at `buffer`.
    unsafe { core::ptr::copy_nonoverlapping(PROGRAM.as_ptr(), buffer, len) };
    Some(len as isize)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn readlink(path: *const u8, buffer: *mut u8, len: usize) -> isize {
    // SAFETY: the caller's arguments, looked at, or handed on as they are.
    unsafe {
        let name = core::ffi::CStr::from_ptr(path.cast()).to_bytes();
        let simulated = if alive() { read_link(name, buffer, len) } else { None };
        simulated
            .unwrap_or_else(|| real!("readlink" as fn(*const u8, *mut u8, usize) -> isize)(path, buffer, len))
    }
}
