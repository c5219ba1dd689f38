//! Names of files: given, taken away, and asked for; where a server names its own folder, that is where it works.

use crate::disk::{About, governed};
use crate::files::{on_host, path_of};
use crate::life::real;
use crate::page::file_call;
use crate::sys::{kernel, reported, sys};

#[unsafe(no_mangle)]
unsafe extern "C" fn rename(old: *const u8, new: *const u8) -> i32 {
    // SAFETY: the caller's paths.
    let (old, new) = unsafe { (on_host(old), on_host(new)) };
    // SAFETY: as above.
    let about = unsafe { About::Paths(path_of(old), path_of(new)) };
    // SAFETY: as above.
    reported(governed(file_call::RENAME, about, 0, |_| unsafe { sys!(libc::SYS_rename, old, new) })) as i32
}

#[unsafe(no_mangle)]
unsafe extern "C" fn unlink(path: *const u8) -> i32 {
    // SAFETY: the caller's path.
    let path = unsafe { on_host(path) };
    // SAFETY: as above.
    let about = unsafe { About::Path(path_of(path)) };
    // SAFETY: as above.
    reported(governed(file_call::UNLINK, about, 0, |_| unsafe { sys!(libc::SYS_unlink, path) })) as i32
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ftruncate(fd: i32, len: i64) -> i32 {
    // SAFETY: numbers and nothing else.
    let perform = |_| unsafe { sys!(libc::SYS_ftruncate, fd, len) };
    reported(governed(file_call::TRUNCATE, About::Descriptor(fd), 0, perform)) as i32
}

#[unsafe(no_mangle)]
unsafe extern "C" fn ftruncate64(fd: i32, len: i64) -> i32 {
    // SAFETY: the caller's arguments, as for `ftruncate`.
    unsafe { ftruncate(fd, len) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn access(path: *const u8, mode: i32) -> i32 {
    // SAFETY: the caller's path.
    unsafe { kernel!(SYS_access, on_host(path), mode) as i32 }
}

/// A server that rewrote its configuration names its own folder there.
#[unsafe(no_mangle)]
unsafe extern "C" fn chdir(path: *const u8) -> i32 {
    // SAFETY: the caller's path.
    unsafe { kernel!(SYS_chdir, on_host(path)) as i32 }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn mkdir(path: *const u8, mode: u32) -> i32 {
    // SAFETY: the caller's path.
    unsafe { kernel!(SYS_mkdir, on_host(path), mode) as i32 }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn rmdir(path: *const u8) -> i32 {
    // SAFETY: the caller's path.
    unsafe { kernel!(SYS_rmdir, on_host(path)) as i32 }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn truncate(path: *const u8, len: i64) -> i32 {
    // SAFETY: the caller's path.
    let path = unsafe { on_host(path) };
    // SAFETY: as above.
    let about = unsafe { About::Path(path_of(path)) };
    // SAFETY: as above.
    let perform = |_| unsafe { sys!(libc::SYS_truncate, path, len) };
    reported(governed(file_call::TRUNCATE, about, 0, perform)) as i32
}

#[unsafe(no_mangle)]
unsafe extern "C" fn truncate64(path: *const u8, len: i64) -> i32 {
    // SAFETY: the caller's arguments, as for `truncate`.
    unsafe { truncate(path, len) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn opendir(path: *const u8) -> *mut u8 {
    // SAFETY: the caller's path.
    unsafe { real!("opendir" as fn(*const u8) -> *mut u8)(on_host(path)) }
}
