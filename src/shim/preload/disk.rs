//! What the node's machine makes of file calls: they pass, fail, are cut short, take long, or are the last thing it does.
//!
//! Rules stand in the page, where the scheduler sets them between turns; while there are none a call costs one look. A file
//! is told by its name, so that nothing has to be remembered of descriptors: whoever names it, under however many
//! numbers, and through the C library's streams as well. Where what is on the disk for sure is kept account of, the scheduler
//! is told of every call, and gets the turn where it has to look at the file at that very moment.

use core::fmt::Write;

use crate::give_up::Text;
use crate::life::alive;
use crate::page::{FileRule, file_call, file_class, file_verdict, state, watch};
use crate::sys::sys;
use crate::{thread, turn};

/// What a call is about.
#[derive(Clone, Copy)]
pub enum About<'a> {
    Descriptor(i32),
    Path(&'a [u8]),
    /// An old name and a new one, by which the call is told.
    Paths(&'a [u8], &'a [u8]),
}

/// Whether anybody minds file calls of every kind.
#[inline]
pub fn is_watched() -> bool {
    alive() && turn::page().files_watched.get() & !watch::NODES_CONF != 0
}

/// Whether anybody minds such a call.
fn is_minded(call: u32) -> bool {
    is_watched() || alive() && call == file_call::FSYNC && turn::page().files_watched.get() != 0
}

/// Makes a call that moves `len` bytes as the machine lets it: `perform` does it for so many bytes, and gives what the
/// kernel would, which is a negative `errno` on failure.
pub fn governed(call: u32, about: About, len: usize, perform: impl FnOnce(usize) -> isize) -> isize {
    if !is_minded(call) {
        return perform(len);
    }
    let mut named = [0; 1024];
    let path = path_of(about, &mut named);
    let class = class_of(path);
    if class == 0 {
        return perform(len);
    }
    let (verdict, value) = verdict_on(call, class);
    match verdict {
        file_verdict::FAIL => return -(value as isize),
        file_verdict::LIE => return 0,
        file_verdict::SLOW => sleep(value),
        file_verdict::CRASH_BEFORE => crash(),
        _ => {}
    }
    let told = Told { call, class, about, path };
    // What a name stood for is to be looked at while it still does.
    if call & (file_call::RENAME | file_call::UNLINK) != 0 {
        told.report(0);
    }
    let result = perform(if verdict == file_verdict::SHORT { len.div_ceil(2) } else { len });
    if result >= 0 && call & (file_call::RENAME | file_call::UNLINK) == 0 {
        told.report(result as u64);
    }
    if verdict == file_verdict::CRASH_AFTER {
        crash();
    }
    result
}

/// A call that the scheduler may want to hear of.
struct Told<'a> {
    call: u32,
    class: u32,
    about: About<'a>,
    path: &'a [u8],
}

impl Told<'_> {
    fn report(&self, written: u64) {
        let watched = turn::page().files_watched.get();
        let is_looked_into = watched & watch::NODES_CONF != 0
            && self.call == file_call::FSYNC
            && self.class == file_class::NODES_CONF;
        if watched & (watch::JOURNAL | watch::TELL) == 0 && !is_looked_into {
            return;
        }
        let value = u64::from(self.call) | u64::from(self.class) << 16;
        match self.about {
            About::Descriptor(fd) => turn::report_file([written, value, node_of(fd)], [self.path, b""]),
            About::Path(_) => turn::report_file([written, value, 0], [self.path, b""]),
            About::Paths(old, new) => turn::report_file([written, value, 0], [old, new]),
        }
        let is_to_be_looked_at = file_call::FSYNC | file_call::RENAME | file_call::UNLINK;
        if is_looked_into || watched & watch::JOURNAL != 0 && self.call & is_to_be_looked_at != 0 {
            turn::hand_over(state::FLUSH);
        }
    }
}

/// What the first rule that matches makes of a call, and the rule's value.
fn verdict_on(call: u32, class: u32) -> (u32, u64) {
    let matches = |rule: &&FileRule| rule.calls.get() & call != 0 && rule.classes.get() & class != 0;
    for rule in turn::page().file_rules.iter().filter(matches) {
        if rule.skip.get() > 0 {
            rule.skip.update(|skip| skip - 1);
        } else if rule.left.get() > 0 {
            rule.left.update(|left| left - 1);
            return (rule.verdict.get(), rule.value.get());
        }
    }
    (file_verdict::PASS, 0)
}

/// The calling thread waits; others of its process go on.
fn sleep(ns: u64) {
    let until = turn::page().now_ns.get().saturating_add(ns);
    while turn::page().now_ns.get() < until {
        thread::sleep_until(until);
    }
}

/// The machine is gone; the scheduler ends what is left of its processes.
fn crash() -> ! {
    loop {
        turn::hand_over(state::CRASHED);
    }
}

/// The path of what a call is about, in `room` if it has to be asked for; empty if there is none.
fn path_of<'a>(about: About<'a>, room: &'a mut [u8; 1024]) -> &'a [u8] {
    let fd = match about {
        About::Path(path) | About::Paths(_, path) => return path,
        About::Descriptor(fd) => fd,
    };
    let mut link = Text::new();
    // A number fits.
    let _ = write!(link, "/proc/self/fd/{fd}");
    // SAFETY: a path that ends with NUL, and room of the caller's.
    let len = unsafe { sys!(libc::SYS_readlink, link.as_c_str(), room.as_mut_ptr(), room.len()) };
    &room[..len.max(0) as usize]
}

/// The number of the file's node on the host; 0 where there is none.
fn node_of(fd: i32) -> u64 {
    // SAFETY: all zeroes are a `stat`, and the kernel writes no more than one.
    unsafe {
        let mut status: libc::stat = core::mem::zeroed();
        if sys!(libc::SYS_fstat, fd, &raw mut status) < 0 { 0 } else { status.st_ino }
    }
}

/// The class of the file with this name, temporary names of its included; 0 for what is no file of the server's.
fn class_of(path: &[u8]) -> u32 {
    let start = path.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
    let name = &path[start..];
    let has = |part: &[u8]| name.windows(part.len()).any(|window| window == part);
    let classes: [(bool, u32); 7] = [
        (name.starts_with(b"nodes.conf"), file_class::NODES_CONF),
        (has(b".manifest"), file_class::AOF_MANIFEST),
        (has(b".incr."), file_class::AOF_INCR),
        (has(b".base.") || name.starts_with(b"temp-rewriteaof-"), file_class::AOF_BASE),
        (name.ends_with(b".rdb"), file_class::RDB),
        (name.starts_with(b"valkey.conf"), file_class::CONFIG),
        (name == b"." || name == b"appendonlydir" || name.starts_with(b"node-"), file_class::FOLDER),
    ];
    classes.into_iter().find(|(is, _)| *is).map_or(0, |(_, class)| class)
}
