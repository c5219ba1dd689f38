//! The program itself, as tests start it.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output, Stdio};

/// The program, about to be started without input.
#[expect(clippy::disallowed_methods, reason = "the program itself is what is tested")]
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_valkey-fuzzer"));
    command.stdin(Stdio::null());
    command
}

/// It is about to be started with descriptors that its caller forgot to close.
pub fn with_inherited_descriptors(command: &mut Command) -> &mut Command {
    // SAFETY: the closure makes system calls only, on descriptors of the new process.
    unsafe {
        command.pre_exec(|| {
            let forgotten = [5, 7, 8, 11].map(|number| libc::dup2(2, number));
            if forgotten.contains(&-1) { Err(io::Error::last_os_error()) } else { Ok(()) }
        })
    }
}

/// What comes of the program with these arguments.
pub fn output(arguments: &[&str]) -> Output {
    program().args(arguments).output().expect("the program starts")
}

/// What it printed.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Waits a little for other processes.
#[expect(clippy::disallowed_methods, reason = "real processes are waited for")]
pub fn pause() {
    std::thread::sleep(std::time::Duration::from_millis(10));
}
