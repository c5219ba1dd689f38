//! Parses the command line, dispatches, and decides the exit code; nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    valkey_fuzzer::cli::main()
}
