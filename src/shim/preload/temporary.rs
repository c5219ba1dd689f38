//! Names of temporary files and folders, which the C library takes from real randomness.

use crate::life::{alive, real};
use crate::random::CALLS;
use crate::sys::{self, fail};

unsafe extern "C" {
    fn open(path: *const u8, flags: i32, mode: u32) -> i32;
    fn mkdir(path: *const u8, mode: u32) -> i32;
    fn __errno_location() -> *mut i32;
}

/// The last characters of a template, which are to be replaced.
const PLACES: usize = 6;
const LETTERS: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
/// Names that are tried before there are none left.
const ATTEMPTS: u32 = 1_000;

/// Makes something under a name that is not taken; what `make` gives, or -1.
unsafe fn make_new(template: *mut u8, suffix_len: i32, make: impl Fn() -> i32) -> i32 {
    // SAFETY: the caller's text ends with NUL.
    let len = unsafe { core::ffi::CStr::from_ptr(template.cast()) }.count_bytes();
    let Some(begin) = len.checked_sub(PLACES + suffix_len.max(0) as usize) else {
        return fail(sys::EINVAL);
    };
    // SAFETY: within the caller's text.
    let places = unsafe { core::slice::from_raw_parts_mut(template.add(begin), PLACES) };
    if places != b"XXXXXX" {
        return fail(sys::EINVAL);
    }
    for _ in 0..ATTEMPTS {
        CALLS.fill(places);
        places.iter_mut().for_each(|place| *place = LETTERS[usize::from(*place) % LETTERS.len()]);
        let made = make();
        // SAFETY: the thread's own.
        if made >= 0 || unsafe { *__errno_location() } != libc::EEXIST {
            return made;
        }
    }
    fail(libc::EEXIST)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mkostemps(template: *mut u8, suffix_len: i32, flags: i32) -> i32 {
    if !alive() {
        // SAFETY: the caller's arguments, handed on as they are.
        return unsafe { real!("mkostemps" as fn(*mut u8, i32, i32) -> i32)(template, suffix_len, flags) };
    }
    let flags = flags & !libc::O_ACCMODE | libc::O_RDWR | libc::O_CREAT | libc::O_EXCL;
    // SAFETY: the caller's text.
    unsafe { make_new(template, suffix_len, || open(template, flags, 0o600)) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mkdtemp(template: *mut u8) -> *mut u8 {
    // SAFETY: the caller's text.
    unsafe {
        if !alive() {
            return real!("mkdtemp" as fn(*mut u8) -> *mut u8)(template);
        }
        let made = make_new(template, 0, || mkdir(template, 0o700));
        if made == 0 { template } else { core::ptr::null_mut() }
    }
}

/// Further names of the same function.
macro_rules! like_mkostemps {
    ($($name:ident($($argument:ident: i32),*) = ($suffix_len:expr, $flags:expr);)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(template: *mut u8 $(, $argument: i32)*) -> i32 {
            // SAFETY: the caller's text.
            unsafe { mkostemps(template, $suffix_len, $flags) }
        }
    )*};
}

like_mkostemps! {
    mkstemp() = (0, 0);
    mkstemp64() = (0, 0);
    mkostemp(flags: i32) = (0, flags);
    mkostemp64(flags: i32) = (0, flags);
    mkstemps(suffix_len: i32) = (suffix_len, 0);
}
