//! Describes the process images of a wrapper's exec chain, so that the real server binary behind it can be found.

use core::fmt::Write;

use crate::give_up::Text;
use crate::life::{environment_value, read_file};
use crate::page;
use crate::sys::{self, sys};

unsafe extern "C" fn first(info: *mut libc::dl_phdr_info, _size: usize, found: *mut libc::c_void) -> i32 {
    // SAFETY: the loader's description of an object that is loaded, and the place given with it.
    unsafe { *found.cast::<usize>() = (*info).dlpi_phdr.addr() };
    1
}

fn write_all(fd: isize, bytes: &[u8]) {
    // SAFETY: the slice is readable.
    unsafe { sys!(sys::WRITE, fd, bytes.as_ptr(), bytes.len()) };
}

/// Writes one description if the environment asks for it.
pub fn describe() {
    // SAFETY: the loader calls back before it returns; all buffers are this function's own.
    unsafe {
        const CREATE: usize = 0o1 | 0o100 | 0o1000;
        const AT_FDCWD: isize = -100;
        let mut buffer = [0u8; 65536];
        let mut path = Text::new();
        {
            let Some(directory) = environment_value(&mut buffer, page::PROBE_VARIABLE.as_bytes()) else {
                return;
            };
            let _ =
                write!(path, "{}/{}\0", core::str::from_utf8(directory).unwrap_or("."), sys!(sys::GETPID));
        }
        let fd = sys!(sys::OPENAT, AT_FDCWD, path.as_c_str(), CREATE, 0o600);
        if fd < 0 {
            return;
        }
        let mut headers = 0usize;
        libc::dl_iterate_phdr(Some(first), (&raw mut headers).cast());
        let mut line = Text::new();
        let _ = writeln!(line, "phdr={headers:#x}");
        write_all(fd, line.written());
        let len = read_file(b"/proc/self/cmdline\0", &mut buffer);
        for byte in &mut buffer[..len] {
            if *byte == 0 {
                *byte = 0x1f;
            }
        }
        write_all(fd, &buffer[..len]);
        write_all(fd, b"\nldpath=");
        if let Some(value) = environment_value(&mut buffer, b"LD_LIBRARY_PATH") {
            write_all(fd, value);
        }
        write_all(fd, b"\nmaps\n");
        let len = read_file(b"/proc/self/maps\0", &mut buffer);
        write_all(fd, &buffer[..len]);
        sys!(sys::CLOSE, fd);
    }
}
