//! A worker of a campaign as a process in a session of its own: what it is asked, what it answers, how it ends.
//!
//! Kernels share a processor among sessions first (autogroup). In its starter's session a simulation, which hands the
//! processor to and fro all the time, waits for every short-lived process beside it; in one of its own it has its share.
//! The program that somebody started keeps the terminal, the ledger and the list of jobs. A worker is given the
//! command's own words, makes the same campaign of them, and does single runs of it: a line of JSON for each job, one
//! for what came of it. Whatever ends the program ends its workers, and they their servers.

use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

use nix::sys::prctl::{set_name, set_pdeathsig};
use nix::sys::signal::Signal;
use nix::unistd::{getppid, setsid};
use serde::{Deserialize, Serialize};

use super::attempt::{Attempt, Job};
use super::{Campaign, CampaignError};
use crate::stop::Follower;

/// The option that makes a campaign's command a worker's, followed by the number of the process that it works for.
pub const OPTION: &str = "--worker";
/// What a worker says when it can be asked.
const READY: &str = "ready";

/// Who does the runs of a campaign.
#[derive(Clone, Debug, Default)]
pub enum Crew {
    /// Threads of this process.
    #[default]
    Threads,
    /// Processes, each in a session of its own, that this program is started for with these words.
    Processes(Vec<OsString>),
}

/// One run that a worker is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Ask {
    seed: u64,
    /// The SHA-256 of the server: labels and paths may mean another one meanwhile.
    server: String,
}

/// Why a worker did not do what it was asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Trouble {
    said: String,
    is_refusal: bool,
}

/// A worker's process.
pub(super) struct Worker {
    /// Gone before the process is waited for.
    follower: Option<Follower>,
    process: Child,
    /// Gone when nothing more is asked.
    asks: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Worker {
    /// Starts a worker and waits until it can be asked.
    fn start(words: &[OsString]) -> io::Result<Self> {
        let mut process = command(words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (asks, answers) = (process.stdin.take(), process.stdout.take());
        let answers = BufReader::new(answers.expect("its output is a pipe"));
        let mut worker = Worker { follower: Follower::new(process.id()), process, asks, answers };
        if worker.hear()?.trim_end() == READY {
            return Ok(worker);
        }
        let status = worker.end()?;
        Err(io::Error::other(format!("it ended with {status} before it could be asked anything")))
    }

    /// Has it do one run; an error if it is not there any more.
    fn ask(&mut self, ask: &Ask) -> io::Result<Result<Attempt, Trouble>> {
        let mut line = serde_json::to_vec(ask)?;
        line.push(b'\n');
        let asks = self.asks.as_mut().expect("it is asked until it ends");
        asks.write_all(&line)?;
        Ok(serde_json::from_str(&self.hear()?)?)
    }

    fn hear(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(line)
    }

    /// Lets it come to its end.
    fn end(&mut self) -> io::Result<ExitStatus> {
        (self.follower, self.asks) = (None, None);
        self.process.wait()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

impl Campaign<'_> {
    /// Has a job done by whoever does the runs; `worker` is this thread's process, if it has one.
    pub(super) fn have_done(
        &self,
        job: Job<'_>,
        worker: &mut Option<Worker>,
    ) -> Result<Attempt, CampaignError> {
        let Crew::Processes(words) = &self.crew else { return self.attempt(job) };
        let answer = match worker {
            Some(worker) => worker,
            None => match Worker::start(words) {
                Ok(started) => worker.insert(started),
                Err(_) if self.is_stopped() => return Ok(Attempt::Interrupted),
                Err(error) => return Err(CampaignError::no_worker(&error)),
            },
        }
        .ask(&Ask { seed: job.seed, server: job.on.server.sha256.clone() });
        match answer {
            Ok(answer) => answer.map_err(CampaignError::from),
            Err(_) => self.lost(job, worker.take()),
        }
    }

    /// What comes of a job whose worker went away in its middle.
    fn lost(&self, job: Job<'_>, worker: Option<Worker>) -> Result<Attempt, CampaignError> {
        if self.is_stopped() {
            return Ok(Attempt::Interrupted);
        }
        let status = worker.map(|mut worker| worker.end()).transpose();
        let status =
            status.ok().flatten().map_or("nobody knows what".to_owned(), |status| status.to_string());
        let plan = self.source.plan(job.seed, &job.on.server)?;
        Ok(self.error(&plan, &job, format!("a bug of this tool: its process ended with {status}")))
    }

    /// The worker's side: does what `asks` ask, line by line, until nothing more is asked.
    pub fn serve(&self, asks: impl BufRead, mut answers: impl Write) -> io::Result<()> {
        writeln!(answers, "{READY}")?;
        answers.flush()?;
        for line in asks.lines() {
            let ask: Ask = serde_json::from_str(&line?)?;
            let on = self.contestants.iter().find(|on| on.server.sha256 == ask.server);
            let on = on.ok_or_else(|| io::Error::other("the server's file is another one than it was"))?;
            let answer = self.attempt(Job { seed: ask.seed, on }).map_err(|error| Trouble::of(&error));
            serde_json::to_writer(&mut answers, &answer)?;
            answers.write_all(b"\n")?;
            answers.flush()?;
        }
        Ok(())
    }
}

impl Trouble {
    fn of(error: &CampaignError) -> Self {
        Trouble { said: error.to_string(), is_refusal: matches!(error, CampaignError::Refused(_)) }
    }
}

impl From<Trouble> for CampaignError {
    fn from(Trouble { said, is_refusal }: Trouble) -> Self {
        CampaignError::Worker { said, is_refusal }
    }
}

impl CampaignError {
    fn no_worker(error: &io::Error) -> Self {
        Trouble { said: format!("a worker cannot be started: {error}"), is_refusal: false }.into()
    }
}

#[expect(clippy::disallowed_methods, reason = "this program starts itself once more")]
fn command(words: &[OsString]) -> Command {
    // The name in the file system may be another program's by now.
    let mut command = Command::new("/proc/self/exe");
    let (ours, theirs) = words.split_at(words.iter().position(|word| word == "--").unwrap_or(words.len()));
    command.arg0("valkey-fuzzer").args(ours).arg(OPTION).arg(std::process::id().to_string()).args(theirs);
    command
}

/// Gives this process a session of its own, with the weight that `starter`'s has, and lets it end with `starter`.
pub fn leave_session(starter: u32) -> io::Result<()> {
    set_pdeathsig(Signal::SIGKILL)?;
    if getppid().as_raw() as u32 != starter {
        return Err(io::Error::other("whoever it is to work for has ended"));
    }
    setsid()?;
    // The program was started under another name, which is what lists of processes would show.
    set_name(c"valkey-fuzzer")?;
    // More weight than usual only root may give; without it the worker is slower and otherwise the same.
    if let Some(nice) = weight_of_session(starter).filter(|nice| nice != "0") {
        let _ = fs::write("/proc/self/autogroup", nice);
    }
    Ok(())
}

/// The nice value of a process's session as a whole; nothing where the kernel does not share by sessions.
fn weight_of_session(process: u32) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{process}/autogroup")).ok()?;
    text.trim_end().rsplit_once(" nice ").map(|(_, nice)| nice.to_owned())
}
