//! System calls made by number: each is answered by the function of that name, harmless, or refused.
//!
//! What a server asks with simulated numbers must not reach the kernel: a process id is somebody else's there. So
//! nothing passes that is not on a list, and what is missing there ends the run with its number.

use crate::clock::Timespec;
use crate::descriptor::{Kind, entry};
use crate::give_up::give_up;
use crate::life::alive;
use crate::sys::{self, fail, reported, sys};
use crate::{identity, kill, lock, proc, process, turn};

/// Greater than the number of any system call there is.
const LAST: i64 = 1023;

/// Calls that concern this process's memory, its files, or its own rights, and neither block nor tell the time.
const HARMLESS: [i64; 43] = [
    libc::SYS_stat,
    libc::SYS_fstat,
    libc::SYS_lstat,
    libc::SYS_lseek,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_munmap,
    libc::SYS_brk,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_access,
    libc::SYS_mremap,
    libc::SYS_msync,
    libc::SYS_mincore,
    libc::SYS_madvise,
    libc::SYS_flock,
    libc::SYS_truncate,
    libc::SYS_ftruncate,
    libc::SYS_rename,
    libc::SYS_mkdir,
    libc::SYS_rmdir,
    libc::SYS_unlink,
    libc::SYS_chmod,
    libc::SYS_fchmod,
    libc::SYS_umask,
    libc::SYS_getuid,
    libc::SYS_getgid,
    libc::SYS_geteuid,
    libc::SYS_getegid,
    libc::SYS_mlock,
    libc::SYS_munlock,
    libc::SYS_arch_prctl,
    libc::SYS_fadvise64,
    libc::SYS_exit_group,
    libc::SYS_newfstatat,
    libc::SYS_unlinkat,
    libc::SYS_renameat,
    libc::SYS_faccessat,
    libc::SYS_fallocate,
    libc::SYS_membarrier,
    libc::SYS_statx,
    libc::SYS_renameat2,
    libc::SYS_copy_file_range,
];

/// More of the kind that programs of users make.
const OF_GUESTS: [i64; 12] = [
    libc::SYS_getcwd,
    libc::SYS_chdir,
    libc::SYS_fchdir,
    libc::SYS_readlinkat,
    libc::SYS_utimensat,
    libc::SYS_faccessat2,
    libc::SYS_mkdirat,
    libc::SYS_symlink,
    libc::SYS_link,
    libc::SYS_getresuid,
    libc::SYS_getresgid,
    libc::SYS_fchmodat,
];

/// Calls that a guest is told there are not; programs that can do without then do.
const ABSENT_FOR_GUESTS: [i64; 5] = [
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_pidfd_open,
    libc::SYS_close_range,
];

/// The functions of this library and of the C library that answer a call made by number.
mod named {
    unsafe extern "C" {
        pub fn read(fd: i32, buffer: *mut u8, len: usize) -> isize;
        pub fn write(fd: i32, buffer: *const u8, len: usize) -> isize;
        pub fn writev(fd: i32, vectors: *const u8, count: i32) -> isize;
        pub fn open(path: *const u8, flags: i32, mode: u32) -> i32;
        pub fn openat(directory: i32, path: *const u8, flags: i32, mode: u32) -> i32;
        pub fn close(fd: i32) -> i32;
        pub fn dup(fd: i32) -> i32;
        pub fn dup2(fd: i32, to: i32) -> i32;
        pub fn fcntl(fd: i32, command: i32, argument: usize) -> i32;
        pub fn ioctl(fd: i32, request: usize, argument: usize) -> i32;
        pub fn fsync(fd: i32) -> i32;
        pub fn fdatasync(fd: i32) -> i32;
        pub fn poll(array: *mut u8, count: u64, timeout_ms: i32) -> i32;
        pub fn nanosleep(time: usize, remaining: usize) -> i32;
        pub fn clock_gettime(id: i32, time: usize) -> i32;
        pub fn gettimeofday(time: usize, zone: usize) -> i32;
        pub fn time(seconds: usize) -> i64;
        pub fn getrandom(buffer: *mut u8, len: usize, flags: u32) -> isize;
        pub fn uname(names: *mut u8) -> i32;
        pub fn getrusage(who: i32, usage: usize) -> i32;
        pub fn sched_yield() -> i32;
        pub fn pipe2(ends: *mut i32, flags: i32) -> i32;
        pub fn clock_nanosleep(id: i32, flags: i32, time: usize, remaining: usize) -> i32;
        pub fn shutdown(fd: i32, how: i32) -> i32;
        pub fn sendto(fd: i32, buffer: usize, len: usize, flags: i32, to: usize, to_len: u32) -> isize;
        pub fn recvfrom(fd: i32, buffer: usize, len: usize, flags: i32, of: usize, of_len: usize) -> isize;
    }
}

/// The answer to a call that a function of ours or of the C library gives.
unsafe fn by_name(number: i64, [a, b, c, d, e, f]: [usize; 6]) -> Option<isize> {
    // SAFETY: the caller's arguments are those of the call with this number, which the function takes as well.
    unsafe {
        Some(match number {
            libc::SYS_read => named::read(a as i32, b as *mut u8, c),
            libc::SYS_write => named::write(a as i32, b as *const u8, c),
            libc::SYS_writev => named::writev(a as i32, b as *const u8, c as i32),
            libc::SYS_open => named::open(a as *const u8, b as i32, c as u32) as isize,
            libc::SYS_openat => named::openat(a as i32, b as *const u8, c as i32, d as u32) as isize,
            libc::SYS_close => named::close(a as i32) as isize,
            libc::SYS_dup => named::dup(a as i32) as isize,
            libc::SYS_dup2 => named::dup2(a as i32, b as i32) as isize,
            libc::SYS_fcntl => named::fcntl(a as i32, b as i32, c) as isize,
            libc::SYS_ioctl => named::ioctl(a as i32, b, c) as isize,
            libc::SYS_fsync => named::fsync(a as i32) as isize,
            libc::SYS_fdatasync => named::fdatasync(a as i32) as isize,
            libc::SYS_readlink => proc::readlink(a as *const u8, b as *mut u8, c),
            libc::SYS_poll => named::poll(a as *mut u8, b as u64, c as i32) as isize,
            libc::SYS_nanosleep => named::nanosleep(a, b) as isize,
            libc::SYS_clock_nanosleep => match named::clock_nanosleep(a as i32, b as i32, c, d) {
                0 => 0,
                errno => fail(errno) as isize,
            },
            libc::SYS_shutdown => named::shutdown(a as i32, b as i32) as isize,
            libc::SYS_sendto => named::sendto(a as i32, b, c, d as i32, e, f as u32),
            libc::SYS_recvfrom => named::recvfrom(a as i32, b, c, d as i32, e, f),
            libc::SYS_clock_gettime => named::clock_gettime(a as i32, b) as isize,
            libc::SYS_gettimeofday => named::gettimeofday(a, b) as isize,
            libc::SYS_time => named::time(a) as isize,
            libc::SYS_getrandom => named::getrandom(a as *mut u8, b, c as u32),
            libc::SYS_getrusage => named::getrusage(a as i32, b) as isize,
            libc::SYS_pipe => named::pipe2(a as *mut i32, 0) as isize,
            libc::SYS_pipe2 => named::pipe2(a as *mut i32, b as i32) as isize,
            libc::SYS_wait4 => process::wait4(a as i32, b as *mut i32, c as i32, d as *mut u8) as isize,
            libc::SYS_futex => {
                lock::futex(a as *const u32, b as i32, c as u32, d as *const Timespec) as isize
            }
            libc::SYS_sched_getaffinity => identity::processors(b, c as *mut u8),
            libc::SYS_sched_yield => named::sched_yield() as isize,
            libc::SYS_uname => named::uname(a as *mut u8) as isize,
            libc::SYS_getdents64 => list(a as i32, b as *mut u8, c),
            _ => return None,
        })
    }
}

/// The answer to a call that names a process or a thread.
fn about_processes(number: i64, [a, b, c, ..]: [usize; 6]) -> Option<isize> {
    // SAFETY: numbers and nothing else.
    let result = unsafe {
        match number {
            libc::SYS_getpid => identity::getpid(),
            libc::SYS_gettid => identity::gettid(),
            libc::SYS_getppid => identity::getppid(),
            libc::SYS_kill => kill::kill(a as i32, b as i32),
            libc::SYS_tkill => kill::send_to_tid(turn::me().pid.get() as i32, a as i32, b as i32),
            libc::SYS_tgkill => kill::send_to_tid(a as i32, b as i32, c as i32),
            _ => return None,
        }
    };
    Some(result as isize)
}

/// Lists a folder, as far as its descriptor is not a made-up file's.
unsafe fn list(fd: i32, buffer: *mut u8, len: usize) -> isize {
    // SAFETY: the caller owns `len` bytes at `buffer`.
    unsafe {
        match entry(fd).kind {
            Kind::Tasks(from) => proc::list_tasks(fd, from, buffer, len),
            Kind::Real => reported(sys!(libc::SYS_getdents64, fd, buffer, len)),
            _ => fail(libc::ENOTDIR) as isize,
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getdents64(fd: i32, buffer: *mut u8, len: usize) -> isize {
    // SAFETY: the caller's buffer.
    unsafe { list(fd, buffer, len) }
}

/// The name of this thread, set or asked for, and nothing else about a process.
unsafe fn name_thread(number: i64, arguments: [usize; 6]) -> Option<isize> {
    let is_name = matches!(arguments[0] as i32, libc::PR_SET_NAME | libc::PR_GET_NAME);
    // SAFETY: the caller's arguments, handed on as they are.
    (number == libc::SYS_prctl && is_name).then(|| reported(unsafe { sys::call(number as usize, arguments) }))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn syscall(
    number: i64,
    a: usize,
    b: usize,
    c: usize,
    d: usize,
    e: usize,
    f: usize,
) -> isize {
    let arguments = [a, b, c, d, e, f];
    // SAFETY: the caller's arguments, handed on as they are.
    unsafe {
        if !alive() || HARMLESS.contains(&number) {
            return reported(sys::call(number as usize, arguments));
        }
        let answer = by_name(number, arguments).or_else(|| about_processes(number, arguments));
        if let Some(result) = answer.or_else(|| name_thread(number, arguments)) {
            return result;
        }
    }
    if turn::is_guest() && OF_GUESTS.contains(&number) {
        // SAFETY: the caller's arguments, handed on as they are.
        return reported(unsafe { sys::call(number as usize, arguments) });
    }
    if turn::is_guest() && ABSENT_FOR_GUESTS.contains(&number) || !(0..=LAST).contains(&number) {
        return fail(libc::ENOSYS) as isize;
    }
    give_up!("the server made system call {number} by its number, which is not simulated");
}
