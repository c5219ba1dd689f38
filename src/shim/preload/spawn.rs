//! Programs that a guest starts: in a child that it forks for them, whichever function it asks.

use core::ptr;

use crate::exec::{execve, search};
use crate::give_up::give_up;
use crate::life::{alive, real};
use crate::process::{fork, wait4};
use crate::sys::{self, sys};
use crate::{signal, thread, turn};

unsafe extern "C" {
    static environ: *const *const u8;
    fn dup2(fd: i32, to: i32) -> i32;
    fn close(fd: i32) -> i32;
    fn open(path: *const u8, flags: i32, mode: u32) -> i32;
    fn pipe2(ends: *mut i32, flags: i32) -> i32;
    fn fdopen(fd: i32, mode: *const u8) -> *mut u8;
    fn fclose(stream: *mut u8) -> i32;
    fn fileno(stream: *mut u8) -> i32;
    fn fflush(stream: *mut u8) -> i32;
    fn chdir(path: *const u8) -> i32;
    fn fchdir(fd: i32) -> i32;
    fn closefrom(fd: i32);
}

/// What a shell that cannot be started, or a program that is none, ends with.
const NO_PROGRAM: usize = 127;

fn leave(status: usize) -> ! {
    loop {
        // SAFETY: ends the process.
        unsafe { sys!(sys::EXIT_GROUP, status) };
    }
}

/// One entry of `posix_spawn_file_actions_t` (`posix/spawn_int.h` of glibc).
#[repr(C)]
struct FileAction {
    kind: i32,
    padding: i32,
    numbers: [i32; 2],
    path: *const u8,
    flags: i32,
    mode: u32,
}

/// `posix_spawn_file_actions_t`.
#[repr(C)]
struct FileActions {
    allocated: i32,
    used: i32,
    actions: *const FileAction,
}

/// The first part of `posix_spawnattr_t`.
#[repr(C)]
struct Attributes {
    flags: i16,
    group: i32,
    defaults: [u64; 16],
    mask: [u64; 16],
}

/// Does in a child what was asked for before its program; an `errno` or 0.
unsafe fn act(actions: *const FileActions) -> i32 {
    // SAFETY: the caller's actions are whole, and so is what they name.
    unsafe {
        let Some(actions) = actions.as_ref() else { return 0 };
        for i in 0..actions.used.max(0) as usize {
            let action = &*actions.actions.add(i);
            let [fd, to] = action.numbers;
            let result = match action.kind {
                0 => {
                    // What is closed already may be.
                    close(fd);
                    0
                }
                1 if fd == to => sys!(sys::FCNTL, fd, libc::F_SETFD, 0) as i32,
                1 => dup2(fd, to),
                2 => opened(action),
                3 => chdir((&raw const action.numbers).cast::<*const u8>().read_unaligned()),
                4 => fchdir(fd),
                5 => {
                    closefrom(fd);
                    0
                }
                other => give_up!("file action {other} of posix_spawn is not simulated"),
            };
            if result < 0 {
                return libc::EBADF;
            }
        }
        0
    }
}

/// Opens a file under a number that was asked for.
unsafe fn opened(action: &FileAction) -> i32 {
    // SAFETY: the action's path and numbers.
    unsafe {
        let wanted = action.numbers[0];
        let fd = open(action.path, action.flags, action.mode);
        if fd < 0 || fd == wanted {
            return fd;
        }
        let result = dup2(fd, wanted);
        close(fd);
        result
    }
}

/// Sets in a child what was asked for of signals.
unsafe fn set_signals(attributes: *const Attributes) {
    const DEFAULTS: i16 = 4;
    const MASK: i16 = 8;
    // SAFETY: the caller's attributes, if there are any.
    let Some(attributes) = (unsafe { attributes.as_ref() }) else { return };
    if attributes.flags & DEFAULTS != 0 {
        signal::set_defaults(attributes.defaults[0]);
    }
    if attributes.flags & MASK != 0 {
        // SAFETY: the caller's set.
        unsafe {
            signal::change_mask(
                thread::current(),
                libc::SIG_SETMASK,
                &raw const attributes.mask[0],
                ptr::null_mut(),
            )
        };
    }
}

/// What a program is started with.
struct Start {
    file: *const u8,
    is_searched: bool,
    actions: *const FileActions,
    attributes: *const Attributes,
    arguments: *const *const u8,
    environment: *const *const u8,
}

/// Starts a program in a child; 0 and the child's number, or an `errno`.
unsafe fn spawn(pid: *mut i32, start: &Start) -> i32 {
    // SAFETY: the caller's arguments.
    unsafe {
        // What becomes of the child is told through a pipe that its program closes.
        let mut ends = [-1; 2];
        if pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) < 0 {
            return libc::EMFILE;
        }
        let child = fork();
        if child < 0 {
            return libc::EAGAIN;
        }
        if child == 0 {
            set_signals(start.attributes);
            let mut error = act(start.actions);
            if error == 0 {
                error = match start.is_searched {
                    true => search(start.file, start.arguments, start.environment),
                    false => {
                        execve(start.file, start.arguments, start.environment);
                        *sys::errno()
                    }
                };
            }
            sys!(sys::WRITE, ends[1], &raw const error, 4);
            leave(NO_PROGRAM);
        }
        close(ends[1]);
        let mut error = 0i32;
        let told = read_all(ends[0], &raw mut error);
        close(ends[0]);
        if told {
            wait4(child, ptr::null_mut(), 0, ptr::null_mut());
            return error;
        }
        if !pid.is_null() {
            *pid = child;
        }
        0
    }
}

/// Reads the error that a child tells, if it tells one.
unsafe fn read_all(fd: i32, error: *mut i32) -> bool {
    unsafe extern "C" {
        fn read(fd: i32, buffer: *mut u8, len: usize) -> isize;
    }
    // SAFETY: room for four bytes.
    unsafe { read(fd, error.cast(), 4) == 4 }
}

/// Whether this process may start programs; a server's may not.
fn may(name: &str) -> bool {
    if alive() && !turn::is_guest() {
        give_up!("{name} is not simulated");
    }
    alive()
}

macro_rules! spawning {
    ($($name:ident $text:literal $searched:literal;)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(
            pid: *mut i32,
            file: *const u8,
            actions: *const u8,
            attributes: *const u8,
            arguments: *const *const u8,
            environment: *const *const u8,
        ) -> i32 {
            // SAFETY: the caller's arguments.
            unsafe {
                if !may($text) {
                    let next = real!($text as fn(*mut i32, *const u8, *const u8, *const u8, *const *const u8, *const *const u8) -> i32);
                    return next(pid, file, actions, attributes, arguments, environment);
                }
                let start = Start {
                    file,
                    is_searched: $searched,
                    actions: actions.cast(),
                    attributes: attributes.cast(),
                    arguments,
                    environment,
                };
                spawn(pid, &start)
            }
        }
    )*};
}

spawning! {
    posix_spawn "posix_spawn" false;
    posix_spawnp "posix_spawnp" true;
}

/// Starts the shell with a command in a child, whose descriptor `to` is `fd`, if one is given.
unsafe fn shell(command: *const u8, redirected: Option<(i32, i32)>) -> i32 {
    // SAFETY: the caller's command.
    unsafe {
        let child = fork();
        if child == 0 {
            if let Some((fd, to)) = redirected {
                dup2(fd, to);
            }
            let arguments = [c"sh".as_ptr().cast(), c"-c".as_ptr().cast(), command, ptr::null()];
            execve(c"/bin/sh".as_ptr().cast(), arguments.as_ptr(), environ);
            leave(NO_PROGRAM);
        }
        child
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn system(command: *const u8) -> i32 {
    // SAFETY: the caller's command.
    unsafe {
        if !may("system") {
            return real!("system" as fn(*const u8) -> i32)(command);
        }
        if command.is_null() {
            return 1;
        }
        let child = shell(command, None);
        let mut status = -1;
        while child > 0
            && wait4(child, &raw mut status, 0, ptr::null_mut()) < 0
            && *sys::errno() == sys::EINTR
        {}
        status
    }
}

/// Streams that `popen` made, and the children behind them.
static STREAMS: crate::baton::Baton<[core::cell::Cell<(usize, i32)>; 16]> =
    crate::baton::Baton::new([const { core::cell::Cell::new((0, 0)) }; 16]);

#[unsafe(no_mangle)]
unsafe extern "C" fn popen(command: *const u8, mode: *const u8) -> *mut u8 {
    // SAFETY: the caller's texts.
    unsafe {
        if !may("popen") {
            return real!("popen" as fn(*const u8, *const u8) -> *mut u8)(command, mode);
        }
        let (reads, mut ends) = (*mode == b'r', [-1; 2]);
        let place = STREAMS.iter().find(|place| place.get().0 == 0);
        let Some(place) = place.filter(|_| pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) == 0) else {
            return ptr::null_mut();
        };
        let (mine, theirs) = if reads { (ends[0], ends[1]) } else { (ends[1], ends[0]) };
        fflush(ptr::null_mut());
        let child = shell(command, Some((theirs, i32::from(reads))));
        close(theirs);
        let stream = fdopen(mine, if reads { c"r".as_ptr().cast() } else { c"w".as_ptr().cast() });
        place.set((stream.addr(), child));
        stream
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn pclose(stream: *mut u8) -> i32 {
    // SAFETY: the caller's stream.
    unsafe {
        let place = STREAMS.iter().find(|place| place.get().0 == stream.addr() && place.get().0 != 0);
        let Some(place) = place else {
            return real!("pclose" as fn(*mut u8) -> i32)(stream);
        };
        let (_, child) = place.replace((0, 0));
        fclose(stream);
        let mut status = -1;
        wait4(child, &raw mut status, 0, ptr::null_mut());
        status
    }
}

/// Waits until a stream over a pipe has something to read, where its buffer is empty: the C library reads on by itself.
unsafe fn await_stream(stream: *mut u8) {
    // SAFETY: the caller's stream; the places of its buffer's next byte and end are glibc's (`struct _IO_FILE`).
    unsafe {
        let [next, end] = stream.add(8).cast::<[usize; 2]>().read_unaligned();
        if turn::is_guest() && next == end {
            // A signal is for whoever waits next.
            let _ = crate::kernel_pipe::await_input(fileno(stream));
        }
    }
}

macro_rules! reading {
    ($($text:literal $name:ident($($argument:ident: $type:ty),*) -> $result:ty, $stream:ident;)*) => {$(
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name($($argument: $type),*) -> $result {
            // SAFETY: the caller's arguments, handed on as they are.
            unsafe {
                if alive() {
                    await_stream($stream);
                }
                real!($text as fn($($type),*) -> $result)($($argument),*)
            }
        }
    )*};
}

reading! {
    "fgets" fgets(text: *mut u8, len: i32, stream: *mut u8) -> *mut u8, stream;
    "fgets_unlocked" fgets_unlocked(text: *mut u8, len: i32, stream: *mut u8) -> *mut u8, stream;
    "fgetc" fgetc(stream: *mut u8) -> i32, stream;
    "getc" getc(stream: *mut u8) -> i32, stream;
    "getc_unlocked" getc_unlocked(stream: *mut u8) -> i32, stream;
    "__uflow" __uflow(stream: *mut u8) -> i32, stream;
    "fread" fread(to: *mut u8, size: usize, count: usize, stream: *mut u8) -> usize, stream;
    "fread_unlocked" fread_unlocked(to: *mut u8, size: usize, count: usize, stream: *mut u8) -> usize, stream;
    "getline" getline(line: *mut *mut u8, len: *mut usize, stream: *mut u8) -> isize, stream;
    "getdelim" getdelim(line: *mut *mut u8, len: *mut usize, end: i32, stream: *mut u8) -> isize, stream;
    "__getdelim" __getdelim(line: *mut *mut u8, len: *mut usize, end: i32, stream: *mut u8) -> isize, stream;
}
