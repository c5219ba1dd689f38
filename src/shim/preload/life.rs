//! Whether this process is the one the shim is meant for; in any other every call goes straight to the kernel.
//!
//! The allocator's own start may ask for the time before any constructor of ours has run, so the first call of all
//! brings the shim to life, with raw system calls alone.

use core::cell::Cell;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::baton::Baton;
use crate::give_up::give_up;
use crate::page::{self, Page};
use crate::sys::{self, sys};
use crate::{random, turn};

const PROT_READ_WRITE: usize = 3;
const MAP_SHARED: usize = 1;

#[derive(Clone, Copy, PartialEq)]
enum Life {
    Unknown,
    Passive,
    Alive,
}

/// The first call happens in the process's first thread, before there is a second.
static LIFE: Baton<Cell<Life>> = Baton::new(Cell::new(Life::Unknown));

/// Whether this process is the one the shim is meant for.
#[inline]
pub fn alive() -> bool {
    if LIFE.get() == Life::Unknown {
        LIFE.set(Life::Passive);
        come_alive();
    }
    LIFE.get() == Life::Alive
}

fn come_alive() {
    let mut environment = [0u8; 16384];
    let Some(fd) = environment_number(&mut environment, page::PAGE_VARIABLE.as_bytes()) else {
        return;
    };
    // SAFETY: a new mapping of a descriptor that the environment names; it is looked at before it is trusted.
    let mapped = unsafe { sys!(sys::MMAP, 0, page::PAGE_BYTES, PROT_READ_WRITE, MAP_SHARED, fd, 0) };
    if mapped <= 0 {
        return;
    }
    let page = mapped as *const Page;
    // SAFETY: the mapping is as long as a page, and every bit pattern is one.
    let (magic, version, flags) =
        unsafe { ((*page).magic.get(), (*page).version.get(), (*page).flags.get()) };
    if flags & page::FLAG_GUEST == 0 {
        // SAFETY: the page's descriptor is needed no more; a guest's next program needs it.
        unsafe { sys!(sys::CLOSE, fd) };
    }
    if magic != page::MAGIC || version != page::VERSION {
        return;
    }
    if let Some(participant) = environment_number(&mut environment, page::PARTICIPANT_VARIABLE.as_bytes()) {
        turn::reopen(page, participant.min(page::PARTICIPANTS - 1));
        LIFE.set(Life::Alive);
        random::seed(turn::page().seed.get());
        random::fork(turn::me().pid.get() ^ turn::me().programs.get() << 16);
        return;
    }
    // SAFETY: as above.
    if unsafe { (*page).participants[0].turn_value.load(Ordering::SeqCst) } != 0 {
        turn::refuse(page, b"a program was started past the shim, as `execl` does");
    }
    turn::open(page);
    LIFE.set(Life::Alive);
    random::seed(turn::page().seed.get());
    // The hello: the first hand-over tells the scheduler that the shim is there and in time.
    turn::hand_over(page::state::READY);
}

/// Reads a file, named by a NUL-terminated path, into `buffer` and returns its length, as far as there is room.
pub fn read_file(path: &[u8], buffer: &mut [u8]) -> usize {
    const AT_FDCWD: isize = -100;
    // SAFETY: the path ends with NUL, and every read stays within the buffer.
    unsafe {
        let fd = sys!(sys::OPENAT, AT_FDCWD, path.as_ptr(), 0, 0);
        if fd < 0 {
            return 0;
        }
        let mut len = 0;
        while len < buffer.len() {
            let got = sys!(sys::READ, fd, buffer.as_mut_ptr().add(len), buffer.len() - len);
            if got <= 0 {
                break;
            }
            len += got as usize;
        }
        sys!(sys::CLOSE, fd);
        len
    }
}

/// The value of `name` in the environment, within `buffer`.
pub fn environment_value<'a>(buffer: &'a mut [u8], name: &[u8]) -> Option<&'a [u8]> {
    let len = read_file(b"/proc/self/environ\0", buffer);
    let filled: &'a [u8] = &buffer[..len];
    filled.split(|byte| *byte == 0).find_map(|entry| entry.strip_prefix(name)?.strip_prefix(b"="))
}

fn environment_number(buffer: &mut [u8], name: &[u8]) -> Option<usize> {
    let value = environment_value(buffer, name)?;
    core::str::from_utf8(value).ok()?.parse().ok()
}

/// The next definition of `name`, which ends with NUL, if there is one.
pub fn definition_behind(name: &'static [u8]) -> *const u8 {
    unsafe extern "C" {
        fn dlsym(handle: *const u8, name: *const u8) -> *const u8;
    }
    const RTLD_NEXT: *const u8 = ptr::without_provenance(usize::MAX);
    // SAFETY: the name ends with NUL.
    unsafe { dlsym(RTLD_NEXT, name.as_ptr()) }
}

/// Finds the next definition of `name`, which ends with NUL: the one this library stands in front of.
pub fn next_definition(name: &'static [u8]) -> *const u8 {
    let found = definition_behind(name);
    if found.is_null() {
        give_up!("the C library has no {}", core::str::from_utf8(name).unwrap_or("?"));
    }
    found
}

/// Finds a function once and remembers it in `found`; [`real!`] is the way to say it.
pub fn function<F: Copy>(found: &AtomicPtr<u8>, name: &'static [u8]) -> F {
    let mut address = found.load(Ordering::Relaxed);
    if address.is_null() {
        address = next_definition(name).cast_mut();
        found.store(address, Ordering::Relaxed);
    }
    // SAFETY: `real!` names a function pointer, and the C library declares the function with that type.
    unsafe { core::mem::transmute_copy(&address) }
}

/// The C library's own function of a name that this library also defines; calling it is unsafe.
macro_rules! real {
    ($name:literal as fn($($type:ty),*) $(-> $result:ty)?) => {{
        static FOUND: core::sync::atomic::AtomicPtr<u8> = core::sync::atomic::AtomicPtr::new(core::ptr::null_mut());
        $crate::life::function::<unsafe extern "C" fn($($type),*) $(-> $result)?>(
            &FOUND,
            concat!($name, "\0").as_bytes(),
        )
    }};
}
pub(crate) use real;
