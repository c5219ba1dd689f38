//! How the shim comes alive: by the library's constructor, or by the first call that needs it.
//!
//! The allocator's own start may ask for the time before any constructor of ours has run, so everything here works
//! with raw system calls alone.

use core::ptr;

use crate::page::{self, Page};
use crate::sys::{self, sys};
use crate::{check, clock, counter, entropy, give_up, identity, probe, thread, turn};

const PROT_READ_WRITE: usize = 3;
const MAP_SHARED: usize = 1;

#[derive(PartialEq)]
enum Life {
    Unknown,
    Passive,
    Alive,
}

static mut LIFE: Life = Life::Unknown;

#[used]
#[link_section = ".init_array"]
static CONSTRUCTOR: extern "C" fn() = constructor;

extern "C" fn constructor() {
    // SAFETY: the loader runs constructors one after the other, in one thread.
    unsafe {
        if alive() {
            identity::overwrite_auxiliary_random();
            clock::find_program();
            thread::prepare();
            counter::install();
            check::install();
        } else {
            probe::describe();
        }
    }
}

/// Whether this process is the one the shim is meant for.
#[inline]
pub fn alive() -> bool {
    // SAFETY: the first call happens in the process's first thread, before there is a second.
    unsafe {
        if LIFE == Life::Unknown {
            LIFE = Life::Passive;
            come_alive();
        }
        LIFE == Life::Alive
    }
}

unsafe fn come_alive() {
    let mut environment = [0u8; 16384];
    let Some(fd) = environment_number(&mut environment, page::PAGE_VARIABLE.as_bytes()) else {
        return;
    };
    let mapped = sys!(sys::MMAP, 0, page::PAGE_BYTES, PROT_READ_WRITE, MAP_SHARED, fd, 0);
    if mapped <= 0 {
        return;
    }
    sys!(sys::CLOSE, fd);
    let page = mapped as *mut Page;
    if (*page).magic != page::MAGIC || (*page).version != page::VERSION {
        return;
    }
    turn::PAGE = page;
    turn::adopt(0);
    LIFE = Life::Alive;
    entropy::seed((*page).seed);
    // The hello: the first hand-over tells the scheduler that the shim is there and in time.
    turn::hand_over(page::state::READY);
}

/// Reads a file into `buffer` and returns its length, as far as there is room.
pub unsafe fn read_file(path: &[u8], buffer: &mut [u8]) -> usize {
    const AT_FDCWD: isize = -100;
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

/// The value of `name` in the environment, within `buffer`.
pub unsafe fn environment_value<'a>(buffer: &'a mut [u8], name: &[u8]) -> Option<&'a [u8]> {
    let len = read_file(b"/proc/self/environ\0", buffer);
    let filled: &'a [u8] = &buffer[..len];
    filled.split(|byte| *byte == 0).find_map(|entry| entry.strip_prefix(name)?.strip_prefix(b"="))
}

unsafe fn environment_number(buffer: &mut [u8], name: &[u8]) -> Option<usize> {
    let value = environment_value(buffer, name)?;
    core::str::from_utf8(value).ok()?.parse().ok()
}

/// Finds the next definition of `name`, the one this library stands in front of.
pub unsafe fn next_definition(name: &'static [u8]) -> *const u8 {
    extern "C" {
        fn dlsym(handle: *const u8, name: *const u8) -> *const u8;
    }
    const RTLD_NEXT: *const u8 = usize::MAX as *const u8;
    let found = dlsym(RTLD_NEXT, name.as_ptr());
    if ptr::eq(found, ptr::null()) {
        give_up!("the C library has no {}", core::str::from_utf8(name).unwrap_or("?"));
    }
    found
}

/// Calls the C library's own function of a name that this library also defines.
macro_rules! real {
    ($name:literal as fn($($type:ty),*) $(-> $result:ty)?) => {{
        static mut FOUND: *const u8 = core::ptr::null();
        if FOUND.is_null() {
            FOUND = $crate::start::next_definition(concat!($name, "\0").as_bytes());
        }
        core::mem::transmute::<*const u8, unsafe extern "C" fn($($type),*) $(-> $result)?>(FOUND)
    }};
}
pub(crate) use real;
