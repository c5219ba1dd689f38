//! Runs a program to its end within a time limit and keeps what it wrote.
//!
//! The only place of `servers` that starts processes. Output goes to unnamed files instead of pipes, so that a
//! program that writes a lot cannot block and nobody has to read along.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, bounded};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use thiserror::Error;

use crate::stop;

/// How often somebody who waits for a program looks whether a signal came.
const LOOK: Duration = Duration::from_millis(50);
/// After how long it is said what is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why a program gave no result.
#[derive(Debug, Error)]
pub enum CommandError {
    #[error("{0} is not installed")]
    NotInstalled(String),
    #[error("{0} was ended by a signal to this program")]
    Interrupted(String),
    #[error("{program} did not end within {seconds} s")]
    TimedOut { program: String, seconds: u64 },
    #[error("{program} failed: {line}")]
    Failed { program: String, line: String },
    #[error("{program} cannot be run: {source}")]
    Io { program: String, source: io::Error },
}

/// A program that ended by itself.
#[derive(Debug)]
pub(super) struct Finished {
    pub pid: u32,
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    /// The line that tells most, of the errors if there are any: the last one, but apt's first error (`E:`), whose
    /// last one only says that there were errors.
    pub fn telling_line(&self) -> String {
        let line = |text: &str| {
            let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            let first_error = lines.clone().find(|line| line.starts_with("E: "));
            first_error.or_else(|| lines.next_back()).map(str::to_owned)
        };
        line(&self.stderr).or_else(|| line(&self.stdout)).unwrap_or_else(|| self.status.to_string())
    }
}

/// A command in a language whose messages are the same everywhere.
#[expect(clippy::disallowed_methods, reason = "fetching and probing start the machine's own tools")]
pub(super) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env("LC_ALL", "C").stdin(Stdio::null());
    command
}

/// Runs `command` and returns its standard output; a status other than 0 is an error that quotes it.
pub(super) fn output(command: &mut Command, limit: Duration) -> Result<String, CommandError> {
    let finished = run(command, limit)?;
    match finished.status.success() {
        true => Ok(finished.stdout),
        false => Err(CommandError::Failed { program: name(command), line: finished.telling_line() }),
    }
}

/// Runs `command` to its end, whatever its status; it is killed after `limit`.
pub(super) fn run(command: &mut Command, limit: Duration) -> Result<Finished, CommandError> {
    let program = name(command);
    run_to_end(command, limit).map_err(|source| match source.kind() {
        io::ErrorKind::Interrupted => CommandError::Interrupted(program),
        io::ErrorKind::NotFound => CommandError::NotInstalled(program),
        io::ErrorKind::TimedOut => CommandError::TimedOut { program, seconds: limit.as_secs() },
        _ => CommandError::Io { program, source },
    })
}

fn run_to_end(command: &mut Command, limit: Duration) -> io::Result<Finished> {
    let (stdout, stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
    let program = name(command);
    // A group of its own, so that what it starts can be ended with it.
    command.process_group(0).stdout(stdout.try_clone()?).stderr(stderr.try_clone()?);
    let mut child = command.spawn()?;
    let in_time = await_end(&child, limit, &program);
    // It is not buried yet, so its group is nobody else's.
    let _ = killpg(group(&child), Signal::SIGKILL);
    let status = child.wait()?;
    in_time?;
    Ok(Finished { pid: child.id(), status, stdout: text(stdout)?, stderr: text(stderr)? })
}

fn group(child: &Child) -> Pid {
    Pid::from_raw(child.id() as i32)
}

/// Waits until a program has ended, as long as there is time and nobody asks for the end.
fn await_end(child: &Child, limit: Duration, program: &str) -> io::Result<()> {
    let (tell, ended) = bounded(1);
    std::thread::scope(|scope| {
        scope.spawn(|| tell.send(waitid(Id::Pid(group(child)), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT)));
        let in_time = patiently(limit, program, |time| ended.recv_timeout(time));
        if in_time.is_err() {
            // Nobody must wait for it any longer, the thread neither.
            let _ = killpg(group(child), Signal::SIGKILL);
        }
        in_time
    })
}

/// Waits in small steps, and counts them instead of reading a clock, so the limit is a lower bound.
fn patiently<T>(
    limit: Duration,
    program: &str,
    wait: impl Fn(Duration) -> Result<T, RecvTimeoutError>,
) -> io::Result<()> {
    let mut waited = Duration::ZERO;
    while matches!(wait(LOOK.min(limit)), Err(RecvTimeoutError::Timeout)) {
        waited += LOOK;
        if stop::is_asked() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if waited >= limit {
            return Err(io::ErrorKind::TimedOut.into());
        }
        if waited == PATIENCE {
            tracing::warn!("waiting for {program}, for {} s at most", limit.as_secs());
        }
    }
    Ok(())
}

fn text(mut file: File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn name(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_hangs_is_ended_and_named() {
        let error = run(command("sleep").arg("60"), Duration::from_millis(20)).expect_err("it hangs");
        assert!(matches!(error, CommandError::TimedOut { program, .. } if program == "sleep"));
    }

    #[test]
    fn what_a_hanging_script_started_is_ended_with_it() {
        let (mut heard, said) = std::io::pipe().expect("a pipe");
        let mut script = command("sh");
        script.args(["-c", "exec 3>&0; (sleep 60; echo it lives >&3) & wait"]).stdin(said);
        let error = run(&mut script, Duration::from_millis(500));
        assert!(matches!(error, Err(CommandError::TimedOut { .. })));
        drop(script);
        // The pipe ends when the last process that holds it does, however late it is scheduled to die.
        let mut last_words = String::new();
        heard.read_to_string(&mut last_words).expect("a pipe");
        assert_eq!(last_words, "");
    }

    #[test]
    fn a_failing_program_is_quoted_with_its_last_line() {
        let error =
            output(command("sh").args(["-c", "echo one >&2; echo two >&2; exit 3"]), Duration::from_secs(5));
        assert_eq!(error.expect_err("it fails").to_string(), "sh failed: two");
    }

    #[test]
    fn the_first_error_of_apt_is_quoted() {
        let error = output(
            command("sh").args(["-c", "echo E: cause >&2; echo E: many >&2; exit 1"]),
            Duration::from_secs(5),
        );
        assert_eq!(error.expect_err("it fails").to_string(), "sh failed: E: cause");
    }

    #[test]
    fn a_missing_program_is_said_to_be_missing() {
        let error = output(&mut command("no-such-program-here"), Duration::from_secs(5));
        assert_eq!(error.expect_err("it is missing").to_string(), "no-such-program-here is not installed");
    }
}
