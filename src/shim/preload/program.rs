//! What a server sees of its own program and its libraries: one name, and nothing of where they lie or which they are.
//!
//! A crash report tells the stack by files and offsets, and which libraries there are depends on the machine. Addresses
//! outside the server's own program all look the same, and stand for one frame however many there were.

use core::cell::Cell;
use core::ffi::CStr;
use core::fmt::Write;

use crate::baton::Baton;
use crate::clock;
use crate::give_up::Text;
use crate::life::{alive, real};
use crate::sys::{self, sys};
use crate::turn;

/// What stands for every address of a library.
const LIBRARY: *const u8 = core::ptr::without_provenance(1);

/// The program's name, NUL-terminated.
static NAME: Baton<Cell<*const u8>> = Baton::new(Cell::new(c"valkey-server".as_ptr().cast()));

/// `Dl_info`.
#[repr(C)]
struct Found {
    file: *const u8,
    base: usize,
    symbol: *const u8,
    address: usize,
}

/// Strips the folder off the program's name: a loader without `--argv0` leaves it there.
///
/// # Safety
/// `arguments` is what the loader hands to constructors.
pub unsafe fn take_name(arguments: *mut *const u8) {
    // SAFETY: the first argument is a string of the process's own for as long as it lives.
    unsafe {
        let given = *arguments;
        if given.is_null() {
            return;
        }
        let folder = CStr::from_ptr(given.cast()).to_bytes().iter().rposition(|byte| *byte == b'/');
        let name = given.add(folder.map_or(0, |at| at + 1));
        NAME.set(name);
        // Some programs find by it what belongs to them.
        if !turn::is_guest() {
            *arguments = name;
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn backtrace(frames: *mut *const u8, room: i32) -> i32 {
    // SAFETY: the caller has room for `room` frames, and no more are kept than were found.
    unsafe {
        let found = real!("backtrace" as fn(*mut *const u8, i32) -> i32)(frames, room);
        if !alive() {
            return found;
        }
        let mut kept = 0;
        for i in 0..found.max(0) as usize {
            let frame = *frames.add(i);
            let seen = if clock::is_servers_own(frame as usize) { frame } else { LIBRARY };
            if kept == 0 || seen != LIBRARY || *frames.add(kept - 1) != LIBRARY {
                *frames.add(kept) = seen;
                kept += 1;
            }
        }
        kept as i32
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn backtrace_symbols_fd(frames: *const *const u8, count: i32, fd: i32) {
    // SAFETY: the caller hands over `count` frames; lines are written from a buffer of ours.
    unsafe {
        if !alive() {
            return real!("backtrace_symbols_fd" as fn(*const *const u8, i32, i32))(frames, count, fd);
        }
        for i in 0..count.max(0) as usize {
            let mut line = Text::new();
            describe(*frames.add(i), &mut line);
            sys!(sys::WRITE, fd, line.written().as_ptr(), line.written().len());
        }
    }
}

/// Writes a frame as the C library would: `file(symbol+offset)[address]`.
unsafe fn describe(frame: *const u8, line: &mut Text) {
    let mut found = Found { file: core::ptr::null(), base: 0, symbol: core::ptr::null(), address: 0 };
    // SAFETY: names that are found are strings of loaded files.
    unsafe {
        if dladdr(frame, &raw mut found) == 0 {
            let _ = writeln!(line, "library");
            return;
        }
        let text = |name: *const u8| match name.is_null() {
            true => "",
            false => CStr::from_ptr(name.cast()).to_str().unwrap_or("?"),
        };
        let from = if found.symbol.is_null() { found.base } else { found.address };
        let (file, symbol) = (text(found.file), text(found.symbol));
        let _ = writeln!(line, "{file}({symbol}+{:#x})[{frame:p}]", frame as usize - from);
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn dladdr(address: *const u8, found: *mut Found) -> i32 {
    // SAFETY: the caller has room for the answer.
    unsafe {
        if alive() && !clock::is_servers_own(address as usize) {
            return 0;
        }
        let result = real!("dladdr" as fn(*const u8, *mut Found) -> i32)(address, found);
        if alive() && result != 0 {
            (*found).file = NAME.get();
        }
        result
    }
}
