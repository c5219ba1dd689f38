//! The program itself, as tests start it.

use std::process::{Command, Output, Stdio};

/// The program, about to be started without input.
#[expect(clippy::disallowed_methods, reason = "the program itself is what is tested")]
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_valkey-fuzzer"));
    command.stdin(Stdio::null());
    command
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
