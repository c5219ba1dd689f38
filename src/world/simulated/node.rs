//! One node's processes: started, given turns, signalled, buried.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::rc::Rc;
use std::sync::Once;
use std::time::Duration;
use std::{fs, io};

use nix::sys::signal::{self, Signal as UnixSignal};
use nix::unistd::Pid;

use super::birth::Leader;
use super::children::Children;
use super::disk::{Called, Disk};
use super::limit::{DescriptorLimit, MemoryLimit};
use super::log_tail::LogTail;
use super::machine;
use super::page::{Reported, SharedPage};
use super::sockets::Sockets;
use super::watchdog;
use crate::actor::message::Arrival;
use crate::event::{ChildState, OutputStream};
use crate::fault::{ChildFate, FaultId, Lie, POWER_LOST};
use crate::id::{Host, NodeId};
use crate::rng::Stream;
use crate::shim::page::{self, Page, file_call, file_class, record, state, waits, watch};
use crate::stop;
use crate::time::SimTime;
use crate::wire::cluster_file::NodesConf;
use crate::world::{Next, Seen, Turn, WorldError};

/// How often the scheduler looks whether a process that does not give its turn back is alive at all.
const LOOK: Duration = Duration::from_millis(200);
/// How long a server is waited for without a word.
const SILENCE: Duration = Duration::from_secs(5);
/// How long a server may take to load its libraries and say hello.
const HELLO: Duration = Duration::from_secs(30);
/// Virtual time after which a node's turn is over although its processes could go on: the world is to go on as well.
const SLICE_NS: u64 = 1_000_000;
/// Turns that the processes of one node can take in a row at one instant, before that is a livelock.
const ROUNDS: u32 = 1_000_000;

/// What a process's pages are set up with.
#[derive(Clone, Copy)]
pub struct Setting {
    /// Where they run.
    pub host: Host,
    /// Which start of the node's server this is, from 1.
    pub incarnation: u32,
    /// The run's seed.
    pub seed: u64,
    /// When virtual time began, in nanoseconds of the Unix epoch.
    pub epoch_ns: u64,
    /// Now.
    pub now: SimTime,
    /// How many times slower than a quick machine it works.
    pub times_slower: u64,
    /// Whether calls that go round the shim end the run.
    pub check: bool,
}

/// A node whose server runs.
pub struct Process {
    host: Host,
    page: SharedPage,
    leader: Leader,
    sockets: Sockets,
    log: LogTail,
    /// Where its standard error goes, if that is not its log.
    errors: Option<LogTail>,
    hidden: Option<[String; 2]>,
    children: Children,
    seen: Vec<Seen>,
    /// The process that was busy when it last gave its turn up, and waits for nothing.
    resting: Option<usize>,
    /// Where a stack is left if the server never blocks again.
    pub stack_file: PathBuf,
    /// What is on the machine's disk for sure, where that is kept account of.
    pub disk: Option<Rc<RefCell<Disk>>>,
    /// How many descriptors it may have.
    pub descriptors: DescriptorLimit,
    /// How much memory it may have.
    pub memory: MemoryLimit,
    /// What becomes of the processes that it forks, if that is not what should.
    pub child_fate: Option<ChildFate>,
}

/// Where what processes write is followed.
pub struct Output {
    /// Their standard output.
    pub log: LogTail,
    /// Their standard error, if it goes elsewhere.
    pub errors: Option<LogTail>,
    /// A path of the run's own that may stand in it, and what is told instead.
    pub hidden: Option<[String; 2]>,
}

impl Output {
    /// One that goes to a single file, in which no path of the run's own can stand.
    pub fn to(log: LogTail) -> Self {
        Output { log, errors: None, hidden: None }
    }
}

/// How a process gave its turn up.
enum Pause {
    Blocked,
    Died,
    /// It never will.
    Recurs,
}

/// Prepares a page for the first turn of an incarnation.
pub fn prepare(page: &mut SharedPage, setting: Setting) {
    let mut identity =
        Stream::new(setting.seed, &setting.host.to_string(), &format!("incarnation {}", setting.incarnation));
    let first_handle = u64::from(setting.incarnation) << 32;
    let fixed = page.get();
    fixed.magic = page::MAGIC;
    fixed.version = page::VERSION;
    fixed.flags = if setting.check { page::FLAG_CHECK } else { 0 };
    if matches!(setting.host, Host::Guest(_)) {
        fixed.flags |= page::FLAG_GUEST;
    }
    fixed.seed = [identity.bits(), identity.bits(), identity.bits(), identity.bits() | 1];
    fixed.wall.shown_ns = setting.epoch_ns;
    fixed.wall.rate_ppm = page::RATE_PPM;
    fixed.monotonic_base_ns = identity.range(1_000_000_000_000..=900_000_000_000_000);
    fixed.times_slower = setting.times_slower;
    fixed.memory_left = page::UNLIMITED;
    fixed.now_ns = setting.now.as_ns();
    fixed.address = u32::from(setting.host.address());
    fixed.next_pid = identity.range(1_000..=30_000) as u32;
    fixed.next_handle = first_handle;
    fixed.next_port = identity.below(20_000) as u32;
    let directory = format!("/simulated/{}\0", setting.host);
    fixed.directory[..directory.len()].copy_from_slice(directory.as_bytes());
    fixed.participants_used = 1;
    fixed.participants[0].pid = fixed.next_pid;
    fixed.next_pid += 1;
}

impl Process {
    /// From now on its machine works so many times slower than a quick one.
    pub fn work_at(&mut self, times_slower: u64) {
        self.page.get().times_slower = times_slower;
    }

    /// Takes over a server that was just launched, once its shim has said hello.
    pub fn greet(host: Host, page: SharedPage, leader: Leader, output: Output) -> Result<Self, WorldError> {
        let stack_file = PathBuf::new();
        let Output { log, errors, hidden } = output;
        let descriptors = DescriptorLimit::of(leader.id());
        let mut process = Process {
            host,
            page,
            leader,
            sockets: Sockets::of(host, hidden.as_ref()),
            log,
            errors,
            hidden,
            children: Children::of(host),
            seen: Vec::new(),
            resting: None,
            stack_file,
            disk: None,
            child_fate: None,
            descriptors,
            memory: MemoryLimit::default(),
        };
        process.await_hello()?;
        Ok(process)
    }

    fn await_hello(&mut self) -> Result<(), WorldError> {
        let mut waited = Duration::ZERO;
        while !(self.page.await_ready(0, LOOK) && self.page.await_turn(0, LOOK).is_some()) {
            waited += LOOK;
            self.leave_if_asked(waited)?;
            if waited == SILENCE {
                tracing::warn!(host = %self.host, pid = self.leader.id(), "waiting for the server to start");
            }
            let ended = self.leader.try_wait().map_err(|e| system("wait for the server", e))?;
            if let Some(status) = ended {
                return Err(self.no_hello(format!("it ended at once ({status})")));
            }
            if waited > HELLO {
                return Err(self.no_hello("the loader ignored the preloaded shim".to_owned()));
            }
        }
        match self.page.participant(0).real_pid == self.leader.id() {
            true => Ok(()),
            false => Err(self.no_hello("another process answered in its place".to_owned())),
        }
    }

    fn no_hello(&mut self, what: String) -> WorldError {
        let lines = self.log.lines().unwrap_or_default();
        let last = lines.last().map(|line| format!("; its last words: {line}")).unwrap_or_default();
        WorldError::NoHello { host: self.host, reason: format!("{what}{last}") }
    }

    /// The process id that the host knows: for a debugger.
    pub fn id(&self) -> u32 {
        self.leader.id()
    }

    /// The server can have so many bytes of memory more than it has.
    pub fn lower_memory(&mut self, fault: FaultId, spare: u64) {
        self.memory.lower(&mut self.page.get().memory_left, fault, spare);
    }

    /// What a fault did to its limits is undone.
    pub fn lift_limits(&mut self, fault: FaultId) {
        self.descriptors.lift(fault);
        self.memory.lift(&mut self.page.get().memory_left, fault);
    }

    /// The page that it shares with its processes.
    pub fn page(&mut self) -> &mut Page {
        self.page.get()
    }

    /// Lets something happen at one of the node's sockets.
    pub fn arrive(&mut self, handle: u64, arrival: Arrival) {
        if arrival == Arrival::Unheard {
            return self.seen.extend(self.sockets.kept_alive(&mut self.page, handle));
        }
        self.sockets.arrive(&mut self.page, handle, arrival);
    }

    /// From now on the node lies, about another one if there is one.
    pub fn lie(&mut self, lie: Lie, about: Option<NodeId>) {
        self.sockets.lie(&mut self.page, lie, about);
    }

    /// Marks a signal; its handler runs when the process next has the turn.
    pub fn mark_signal(&mut self, number: i32) {
        self.page.participant(0).signals |= 1 << number;
        self.page.participant(0).poked = 1;
    }

    /// Lets all processes of the node run until none can; what is ready is reported in an order shuffled by `order`.
    pub fn turn(&mut self, now: SimTime, order: u64, turns: &mut u64) -> Result<Turn, WorldError> {
        /// What getting the turn costs a process in virtual time.
        const TURN_COST_NS: u64 = 1_000;
        let fixed = self.page.get();
        fixed.now_ns = fixed.now_ns.max(now.as_ns()) + TURN_COST_NS * fixed.times_slower;
        fixed.order = order;
        let begun_ns = fixed.now_ns;
        self.sockets.refill(&mut self.page);
        let mut next = None;
        for round in 0.. {
            let Some(participant) = self.who_is_due() else {
                break;
            };
            *turns += 1;
            next = self.give_turn(participant)?;
            let could_go_on = self.page.participant(participant).deadline_ns <= self.page.get().now_ns;
            self.resting = could_go_on.then_some(participant);
            if round > ROUNDS {
                next = Some(self.livelock("its processes wake each other without end".to_owned())?);
            }
            let slice_ns = SLICE_NS * self.page.get().times_slower;
            if next.is_some() || self.page.get().now_ns >= begun_ns + slice_ns {
                break;
            }
        }
        let next = match next {
            Some(next) => next,
            None => Next::Blocked(self.deadline()),
        };
        self.warn_if_unguarded();
        self.read_log()?;
        self.seen.extend(self.sockets.lied(&mut self.page));
        let ended_at = SimTime::from_ns(self.page.get().now_ns);
        let shuffled = self.page.get().order != order;
        Ok(Turn { ended_at, seen: std::mem::take(&mut self.seen), next, shuffled })
    }

    /// Says once that the host takes no seccomp filter.
    fn warn_if_unguarded(&mut self) {
        static WARNING: Once = Once::new();
        if self.page.get().unguarded != 0 {
            WARNING.call_once(|| {
                tracing::warn!(
                    "the kernel takes no seccomp filter: a system call of a server that goes round the shim goes unnoticed"
                );
            });
        }
    }

    /// The first process that has something to do; one that could have gone on gives way to all others first.
    fn who_is_due(&mut self) -> Option<usize> {
        let resting = self.resting;
        let others = (0..self.page.participants().len()).filter(|i| Some(*i) != resting);
        others.chain(resting).find(|i| self.is_due(*i))
    }

    fn is_due(&mut self, participant: usize) -> bool {
        let (now, activity) = (self.page.get().now_ns, self.page.get().pipe_activity);
        if self.is_hung(participant) {
            return false;
        }
        let p = self.page.participant(participant);
        match p.state {
            _ if p.stopped != 0 => false,
            state::READY => true,
            state::BLOCKED => {
                let is_met = (p.waits & waits::IO != 0 && p.poked != 0)
                    || (p.waits & waits::OTHERS != 0 && p.seen_activity != activity);
                p.deadline_ns <= now || p.signals != 0 || is_met
            }
            _ => false,
        }
    }

    /// Whether it is a child, and children do not run.
    fn is_hung(&self, participant: usize) -> bool {
        participant > 0 && self.child_fate == Some(ChildFate::Hung)
    }

    /// When the node wants the turn again: at once if its turn was over before it had done all it could.
    fn deadline(&mut self) -> SimTime {
        if self.who_is_due().is_some() {
            return SimTime::from_ns(self.page.get().now_ns);
        }
        let last = if self.is_hung(1) { 1 } else { self.page.participants().len() };
        let blocked = |p: &&page::Participant| p.state == state::BLOCKED && p.stopped == 0;
        let earliest = self.page.participants()[..last].iter().filter(blocked).map(|p| p.deadline_ns).min();
        SimTime::from_ns(earliest.unwrap_or(u64::MAX))
    }

    /// One process runs until it blocks or ends; what that means for the node, if the node is no more.
    fn give_turn(&mut self, participant: usize) -> Result<Option<Next>, WorldError> {
        loop {
            self.await_first(participant)?;
            if participant > 0 && self.child_fate == Some(ChildFate::Killed) {
                self.kill_child(participant)?;
                return Ok(None);
            }
            self.page.hand_over(participant);
            let pause = self.await_pause(participant)?;
            self.take_records()?;
            match pause {
                Pause::Died if participant == 0 => return self.buried().map(Some),
                Pause::Died => return self.child_died(participant).map(|()| None),
                Pause::Blocked if self.page.participant(participant).state == state::FLUSH => {
                    self.sockets.refill(&mut self.page);
                }
                Pause::Blocked if self.page.participant(participant).state == state::BUSY => {
                    return self.spins(participant, "worked on without waiting for anything").map(Some);
                }
                Pause::Blocked if self.page.participant(participant).state == state::DEADLOCK => {
                    return self.deadlock(participant).map(Some);
                }
                Pause::Blocked if self.page.participant(participant).state == state::CRASHED => {
                    return self.power_lost().map(Some);
                }
                Pause::Blocked => return Ok(None),
                Pause::Recurs => {
                    let how = "runs in a circle, in which nothing changes";
                    return self.spins(participant, how).map(Some);
                }
            }
        }
    }

    /// A child is killed, as by a system that is short of memory.
    fn kill_child(&mut self, participant: usize) -> Result<(), WorldError> {
        let (pid, real_pid) =
            (self.page.participant(participant).pid, self.page.participant(participant).real_pid);
        self.children.signalled(pid, libc::SIGKILL);
        // It may have ended by itself, which comes to the same.
        let _ = signal::kill(Pid::from_raw(real_pid as i32), UnixSignal::SIGKILL);
        self.child_died(participant)
    }

    /// A forked child may not have come far enough to take a turn.
    fn await_first(&mut self, participant: usize) -> Result<(), WorldError> {
        let mut waited = Duration::ZERO;
        while !self.page.await_ready(participant, LOOK) {
            waited += LOOK;
            self.leave_if_asked(waited)?;
            if waited > HELLO {
                return Err(self.no_hello("a forked child never came alive".to_owned()));
            }
        }
        Ok(())
    }

    fn await_pause(&mut self, participant: usize) -> Result<Pause, WorldError> {
        let mut watch = watchdog::Watch::new(self.page.participant(participant).real_pid);
        let mut waited = Duration::ZERO;
        loop {
            if let Some(word) = self.page.await_turn(participant, LOOK) {
                let died = word & page::TURN_DIED != 0;
                return Ok(if died { Pause::Died } else { Pause::Blocked });
            }
            let is_dead = match participant {
                0 => self.has_ended(),
                child => self.children.is_dead(&mut self.page, child),
            };
            if is_dead {
                return Ok(Pause::Died);
            }
            waited += LOOK;
            self.leave_if_asked(waited)?;
            if let Some(state) = watch.is_worth_a_word() {
                tracing::warn!(host = %self.host, pid = watch.pid(), "waiting for the server, which {state}");
            }
            if watch.is_endless() {
                return Ok(Pause::Recurs);
            }
            if let Some(detail) = watch.is_stuck() {
                watchdog::leave_stack(self.page.participant(participant).real_pid, &self.stack_file);
                return Err(WorldError::Silent { host: self.host, reason: detail });
            }
        }
    }

    /// Whoever asked for the end is not kept waiting by a server that does not go on; but a turn that is under way comes to
    /// its end, and the signal that asks cuts a look short.
    fn leave_if_asked(&self, waited: Duration) -> Result<(), WorldError> {
        const LOOKS: u32 = 5;
        if stop::is_asked() && waited >= LOOK * LOOKS {
            Err(WorldError::Left { host: self.host })
        } else {
            Ok(())
        }
    }

    fn has_ended(&self) -> bool {
        use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        let status = waitid(Id::Pid(Pid::from_raw(self.leader.id() as i32)), flags);
        !matches!(status, Ok(WaitStatus::StillAlive))
    }

    /// Whether the server is dying indeed. Only its main thread may be gone, or its program replaced by another; then
    /// it is ended here.
    fn ends_by_itself(&self) -> bool {
        /// Milliseconds; to die takes far less.
        const PATIENCE: u32 = 2_000;
        // SAFETY: no entries, only the time-out.
        let pause = || unsafe { libc::poll(std::ptr::null_mut(), 0, 1) };
        (0..PATIENCE).any(|_| {
            let ended = self.has_ended();
            if !ended {
                pause();
            }
            ended
        })
    }

    fn take_records(&mut self) -> Result<(), WorldError> {
        for Reported { record, payload } in self.page.take_records() {
            match record.kind {
                record::FILE => self.take_file_call(record, &payload)?,
                _ => self.take_record(record, payload),
            }
        }
        Ok(())
    }

    fn take_file_call(&mut self, record: page::Record, path: &[u8]) -> Result<(), WorldError> {
        let (call, class) = ((record.value & 0xffff) as u32, (record.value >> 16) as u32);
        let called = Called { call, class, node: record.extra, written: record.handle, path };
        if self.page.get().files_watched & watch::TELL != 0 {
            self.seen.extend(machine::told(call, class).map(|(call, file)| Seen::File { call, file }));
        }
        if (call, class) == (file_call::FSYNC, file_class::NODES_CONF) {
            let text = fs::read_to_string(OsStr::from_bytes(path)).ok();
            let saved = text.and_then(|text| NodesConf::parse(&text).ok());
            self.seen.extend(saved.map(|saved| Seen::Saved { epochs: saved.epochs() }));
        }
        let account = self.disk.as_ref().map_or(Ok(()), |disk| disk.borrow_mut().called(called));
        account.map_err(|e| system("keep account of a node's disk", e))
    }

    fn take_record(&mut self, record: page::Record, payload: Vec<u8>) {
        let handle = record.handle;
        match record.kind {
            record::LISTEN => self.seen.push(Seen::Listen { port: record.value as u16 }),
            record::UNLISTEN => self.seen.push(Seen::Unlisten { port: record.value as u16 }),
            record::CONNECT => {
                self.sockets.dialled(&mut self.page, handle);
                let to =
                    std::net::SocketAddrV4::new(((record.value >> 16) as u32).into(), record.value as u16);
                self.seen.push(Seen::Dial { handle, local_port: record.extra as u16, to });
            }
            record::SEND => {
                let chunks = self.sockets.sent(&mut self.page, handle, payload);
                self.seen.extend(chunks.into_iter().map(|chunk| Seen::Sent { handle, chunk }));
            }
            record::CONSUMED => {
                let room = self.sockets.consumed(handle, record.value);
                self.seen.extend(room.map(|len| Seen::Consumed { handle, len }));
            }
            record::SHUT => self.seen.push(Seen::Shut { handle }),
            record::CLOSE => {
                let closed = self.sockets.close_seen(handle, record.value != 0);
                self.seen.extend(closed);
            }
            record::FORK => {
                let (participant, pid) = (record.value as usize, record.extra as u32);
                let seen = match participant {
                    0 => self.fork_refused(pid),
                    _ => self.children.forked(&mut self.page, participant, pid),
                };
                self.seen.push(seen);
            }
            // The signal stands in the child's own part of the page; it is due by that.
            record::SIGNAL => self.children.signalled(record.extra as u32, record.value as i32),
            unknown => unreachable!("the shim of this build makes no record {unknown}"),
        }
    }

    /// A process was not forked, which its parent was told as it is told of any other lack of room.
    fn fork_refused(&self, pid: u32) -> Seen {
        let host = self.host;
        tracing::warn!(%host, "a fork failed: {} processes live, which is as many as there can be", page::PARTICIPANTS);
        Seen::Child { pid, state: ChildState::Refused }
    }

    fn child_died(&mut self, participant: usize) -> Result<(), WorldError> {
        if self.page.participant(participant).state == state::GAVE_UP {
            return Err(self.gave_up());
        }
        let (seen, from_outside) = self.children.ended(&mut self.page, &mut self.sockets, participant);
        self.seen.extend(seen);
        match from_outside {
            true => Err(WorldError::KilledFromOutside { host: self.host }),
            false => Ok(()),
        }
    }

    fn gave_up(&mut self) -> WorldError {
        WorldError::GaveUp { host: self.host, reason: self.page.text() }
    }

    /// A process that never waits again, which is the same in every run: it did more than anybody waits for, as is counted in the
    /// run, or its state came again.
    fn spins(&mut self, participant: usize, how: &str) -> Result<Next, WorldError> {
        watchdog::leave_stack(self.page.participant(participant).real_pid, &self.stack_file);
        self.livelock(how.to_owned())
    }

    /// A process whose threads wait for each other, which no time changes.
    fn deadlock(&mut self, participant: usize) -> Result<Next, WorldError> {
        watchdog::leave_stack(self.page.participant(participant).real_pid, &self.stack_file);
        let whose = if participant == 0 { "" } else { "in a child: " };
        let detail = format!("{whose}{}", self.page.text());
        self.kill_all();
        self.bury()?;
        Ok(Next::Deadlock(detail))
    }

    /// The machine lost its power at a step of its files.
    fn power_lost(&mut self) -> Result<Next, WorldError> {
        self.kill_all();
        self.bury()?;
        Ok(Next::Exited(POWER_LOST.to_owned()))
    }

    /// Processes that are awake for ever, turn after turn, which is the same in every run.
    fn livelock(&mut self, detail: String) -> Result<Next, WorldError> {
        self.kill_all();
        self.bury()?;
        Ok(Next::Livelock(detail))
    }

    /// The server ended in its own turn.
    fn buried(&mut self) -> Result<Next, WorldError> {
        let gave_up = self.page.participant(0).state == state::GAVE_UP;
        let by_itself = self.ends_by_itself();
        let status = self.kill_all();
        if gave_up {
            return Err(self.gave_up());
        }
        self.bury()?;
        if by_itself && status.is_some_and(|status| status.signal() == Some(libc::SIGKILL)) {
            return Err(WorldError::KilledFromOutside { host: self.host });
        }
        match self.refused_config() {
            Some(reason) => Err(WorldError::BadConfig { host: self.host, reason }),
            None => Ok(Next::Exited(describe(status))),
        }
    }

    /// What the server says of its configuration if that is why it ended (`loadServerConfigFromString` in config.c).
    fn refused_config(&self) -> Option<String> {
        let mut lines = self.seen.iter().filter_map(|seen| match seen {
            Seen::Log { line } => Some(line.as_str()),
            _ => None,
        });
        lines.find(|line| line.starts_with("*** FATAL CONFIG FILE ERROR"))?;
        let is_place = |line: &&str| line.starts_with("Reading the configuration file");
        let words: Vec<&str> =
            lines.skip_while(is_place).map(|line| line.trim_start_matches(">>> ")).collect();
        Some(words.join(": "))
    }

    /// What is seen of a dead server: its last words, and the end of all its connections.
    fn bury(&mut self) -> Result<(), WorldError> {
        self.page.get().printed = 1;
        self.read_log()?;
        self.seen.extend(self.log.last_line().map(|line| said(self.host, told(&self.hidden, line))));
        let last = self.errors.as_mut().and_then(LogTail::last_line);
        self.seen.extend(last.map(|line| error(told(&self.hidden, line))));
        let gone = self.sockets.abandon(&mut self.page);
        self.seen.extend(gone);
        Ok(())
    }

    /// Ends the server and its children at once.
    pub fn kill(&mut self, now: SimTime) -> Result<Turn, WorldError> {
        let status = self.kill_all();
        self.bury()?;
        let (seen, next) = (std::mem::take(&mut self.seen), Next::Exited(describe(status)));
        Ok(Turn { ended_at: now, seen, next, shuffled: false })
    }

    /// Kills the process group and waits until nothing of it is left.
    fn kill_all(&mut self) -> Option<ExitStatus> {
        let group = Pid::from_raw(self.leader.id() as i32);
        // The group may be gone already; that is what is wanted.
        let _ = signal::killpg(group, UnixSignal::SIGKILL);
        let status = self.leader.wait().ok();
        self.children.await_all();
        status
    }

    fn read_log(&mut self) -> Result<(), WorldError> {
        // What a guest's C library writes is not told.
        let is_guest = matches!(self.host, Host::Guest(_));
        if std::mem::take(&mut self.page.get().printed) != 0 || is_guest {
            let lines = self.log.lines().map_err(|e| system("read the output", e))?;
            self.seen.extend(lines.into_iter().map(|line| said(self.host, told(&self.hidden, line))));
        }
        if let Some(errors) = &mut self.errors {
            let lines = errors.lines().map_err(|e| system("read the errors", e))?;
            self.seen.extend(lines.into_iter().map(|line| error(told(&self.hidden, line))));
        }
        Ok(())
    }
}

/// A line without what is to be hidden in it.
fn told(hidden: &Option<[String; 2]>, line: String) -> String {
    match hidden {
        Some([path, name]) if line.contains(path.as_str()) => line.replace(path.as_str(), name),
        _ => line,
    }
}

/// A line of the standard output, which is a server's log.
fn said(host: Host, line: String) -> Seen {
    match host {
        Host::Guest(_) => Seen::Output { stream: OutputStream::Stdout, line },
        _ => Seen::Log { line },
    }
}

fn error(line: String) -> Seen {
    Seen::Output { stream: OutputStream::Stderr, line }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_all();
    }
}

fn describe(status: Option<ExitStatus>) -> String {
    match status.map(|status| (status.code(), status.signal())) {
        Some((Some(code), _)) => format!("exit {code}"),
        Some((_, Some(number))) => match UnixSignal::try_from(number) {
            Ok(signal) => signal.as_str().to_owned(),
            Err(_) => format!("signal {number}"),
        },
        _ => "unknown".to_owned(),
    }
}

/// An error of a system call of ours.
pub fn system(what: &str, source: io::Error) -> WorldError {
    let hint = match source.raw_os_error() {
        Some(libc::EMFILE | libc::ENFILE) => " (`ulimit -n` says how many files may be open)",
        Some(libc::EAGAIN) => " (`ulimit -u` says how many processes there may be)",
        _ => "",
    };
    WorldError::System { what: format!("{what}{hint}"), source }
}
