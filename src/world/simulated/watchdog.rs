//! Ends the wait for a process that does not give its turn back: by the CPU time it has used, or because it sleeps.
//!
//! This is the fuzzer's own patience, measured in real time, so it never is a verdict: the run ends as one that could
//! not be judged. A server that works on and on is told by its work, which the shim counts; one that works on in silence by a
//! state that comes again ([`recurrence`]), which is looked for now and then.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::recurrence;
use super::seat::with_counter;
use super::threads;

/// CPU time that one turn may use.
const LIMIT: Duration = Duration::from_secs(120);
/// CPU time in one turn after which a circle is looked for, each time.
const TRIES: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(40), Duration::from_secs(110)];
/// Looks (each a fifth of a second) without end of the turn after which even an idle process is stuck.
const LOOKS: u32 = 9000;
/// Looks in a row that find a process asleep, after which it waits for something that is none of the shim's.
const LOOKS_ASLEEP: u32 = 25;

/// Looks after which it is said that a process is waited for.
const LOOKS_IN_SILENCE: u32 = 25;

/// Watches one turn of one process.
pub struct Watch {
    pid: u32,
    begun: Option<Duration>,
    looks: u32,
    /// Looks in a row that found it asleep, and the CPU time it had used.
    asleep: (u32, Duration),
    /// How often a circle was looked for.
    tries: usize,
}

impl Watch {
    /// Begins to watch; costs nothing until the first look.
    pub fn new(pid: u32) -> Self {
        Watch { pid, begun: None, looks: 0, asleep: (0, Duration::ZERO), tries: 0 }
    }

    /// Whether it can be shown that the turn never ends; looked for only after much work.
    pub fn is_endless(&mut self) -> bool {
        let used = cpu_time(self.pid).zip(self.begun).map(|(used, begun)| used.saturating_sub(begun));
        let is_due = used.zip(TRIES.get(self.tries)).is_some_and(|(used, due)| used > *due);
        self.tries += usize::from(is_due);
        is_due && recurrence::works_for_ever(self.pid)
    }

    /// Looks at the process; why it is stuck, if it is.
    pub fn is_stuck(&mut self) -> Option<String> {
        let used = cpu_time(self.pid)?;
        let begun = *self.begun.get_or_insert(used);
        self.looks += 1;
        if used.saturating_sub(begun) > LIMIT {
            return Some(format!("used {} s of CPU time in one turn", LIMIT.as_secs()));
        }
        self.asleep = match (threads::awake(self.pid).is_empty(), self.asleep) {
            (true, (looks, then)) if then == used => (looks + 1, used),
            (sleeps, _) => (u32::from(sleeps), used),
        };
        let stuck = self.looks > LOOKS || self.asleep.0 > LOOKS_ASLEEP;
        stuck.then(|| format!("neither blocks nor computes, {}", calls(self.pid)))
    }

    /// The process that is watched.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// What there is to say of a process that has been waited for for long; said once in a turn.
    pub fn is_worth_a_word(&self) -> Option<&'static str> {
        let is_stopped = || {
            let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
            stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['T', 't']))
        };
        (self.looks == LOOKS_IN_SILENCE).then(|| match is_stopped() {
            true => "was stopped by somebody: `kill -CONT` lets it go on, Ctrl-C ends the run",
            false => "is still at work in one turn",
        })
    }
}

/// The system calls that the threads of a process are in, by their numbers, where the kernel tells.
#[expect(clippy::disallowed_methods, reason = "all threads are looked at, in whichever order")]
fn calls(pid: u32) -> String {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let told = threads.filter_map(|thread| fs::read_to_string(thread.path().join("syscall")).ok());
    let number = |call: String| call.split(' ').next().and_then(|number| number.trim().parse::<u32>().ok());
    let numbers: BTreeSet<u32> = told.filter_map(number).collect();
    let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
    match numbers.is_empty() {
        true => "in a system call that is not told".to_owned(),
        false => format!("in system call {}", numbers.join(", ")),
    }
}

/// User and system time of a process, from its `stat` file.
fn cpu_time(pid: u32) -> Option<Duration> {
    const TICKS_PER_SECOND: u64 = 100;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11).map_while(|field| field.parse::<u64>().ok());
    let ticks = times.next()? + times.next()?;
    Some(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

/// Leaves the stacks of a stuck process in `file`, if a debugger can be had.
#[expect(
    clippy::disallowed_methods,
    reason = "the debugger is started for a process that is to be killed next"
)]
pub fn leave_stack(pid: u32, file: &Path) {
    let arguments = ["-p", &pid.to_string(), "-batch", "-ex", "thread apply all backtrace"];
    if let Ok(output) = with_counter(Command::new("gdb").args(arguments)).output() {
        // Without the stack the verdict is the same; it only says less.
        let _ = fs::write(file, output.stdout);
    }
}
