//! One program on a host of its own: no cluster, no plan, and no other host on its network.
//!
//! What it dials at its own address comes back to it through the network actor of every run, after a fixed latency;
//! time jumps to whatever is due next. It serves to run small guests under the shim, so that what the shim makes of a
//! call can be held against what Linux makes of it. A guest that never ends is ended by a count of turns or by virtual
//! time, never by the host's clock.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::log_tail::LogTail;
use super::node::{self, Output, Process, Setting, system};
use super::page::SharedPage;
use super::spawn::{Launch, Stage};
use crate::actor::message::{Arrived, Message};
use crate::actor::network::Network;
use crate::actor::{Actor, Out};
use crate::fault::LatencyRange;
use crate::id::{ActorId, Host, NodeId};
use crate::plan::NetworkPlan;
use crate::scratch::ScratchFolder;
use crate::time::{SimDuration, SimTime};
use crate::world::{Next, WorldError};

/// The only node there is.
const NODE: NodeId = NodeId(1);
const HOST: Host = Host::Node(NODE);
/// How long everything takes from the host to itself.
const LATENCY: SimDuration = SimDuration::from_us(500);
/// When virtual time begins: the first second of 2024, in nanoseconds of the Unix epoch.
const EPOCH_NS: u64 = 1_704_067_200_000_000_000;

/// A program and what it is given.
#[derive(Clone, Copy, Debug)]
pub struct Guest<'a> {
    /// An executable for this host.
    pub program: &'a Path,
    /// Its arguments.
    pub arguments: &'a [String],
    /// The seed of everything random in it.
    pub seed: u64,
    /// What the order of what is ready is shuffled by, in every turn; 0 for the usual order.
    pub order: u64,
    /// How many times slower than a quick machine its host works.
    pub times_slower: u64,
    /// Whether calls that go round the shim end it.
    pub check: bool,
    /// How many turns it may take.
    pub turns_max: u64,
    /// How much virtual time it may take.
    pub time_max: SimDuration,
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// By itself: `exit 0`, or the name of a signal.
    Ended(String),
    /// It waits for something that nobody will ever do.
    Stuck,
    /// It never gave its turn back.
    Livelock(String),
    /// Its threads wait for each other.
    Deadlock(String),
    /// It was going on when its turns or its time were over.
    Overdue,
}

/// What a program did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ran {
    /// How it ended.
    pub fate: Fate,
    /// What it and its children wrote to their standard output and error.
    pub output: Vec<u8>,
    /// How far virtual time went.
    pub ended_at: SimTime,
    /// How many turns it took.
    pub turns: u64,
}

/// The host's address as its program sees it.
pub fn address() -> std::net::Ipv4Addr {
    HOST.address()
}

/// Runs a program to its end.
pub fn run(guest: &Guest) -> Result<Ran, WorldError> {
    let folder = ScratchFolder::in_memory().map_err(|e| system("make the program's folder", e))?;
    let output = folder.path().join("output");
    let mut lone = Lone::start(guest, folder.path(), &output)?;
    let fate = lone.until_it_ends(guest)?;
    let Lone { now: ended_at, turns, .. } = lone;
    let output = fs::read(&output).map_err(|e| system("read the program's output", e))?;
    Ok(Ran { fate, output, ended_at, turns })
}

/// Something that waits for its instant.
enum Due {
    Wake,
    Arrived(Arrived),
    Network(Message),
}

struct Lone {
    process: Process,
    network: Network,
    queue: BTreeMap<(SimTime, u64), Due>,
    /// Things ever queued.
    queued: u64,
    /// The program's latest deadline, which takes the place of the one before.
    wake: Option<(SimTime, u64)>,
    order: u64,
    now: SimTime,
    turns: u64,
}

impl Lone {
    fn start(guest: &Guest, folder: &Path, output: &Path) -> Result<Self, WorldError> {
        let directory = folder.join(NODE.to_string());
        fs::create_dir_all(&directory).map_err(|e| system("make the program's folder", e))?;
        let stage = Stage::of_program(folder, guest.program).map_err(|e| system("lay out the program", e))?;
        let log = LogTail::at_end(output).map_err(|e| system("open the program's output", e))?;
        let mut page = SharedPage::new().map_err(|e| system("make the program's page", e))?;
        let (seed, check, now) = (guest.seed, guest.check, SimTime::ZERO);
        node::prepare(
            &mut page,
            Setting {
                host: HOST,
                incarnation: 1,
                seed,
                epoch_ns: EPOCH_NS,
                now,
                times_slower: guest.times_slower,
                check,
            },
        );
        let launch = Launch { directory: &directory, arguments: guest.arguments, output, page: page.fd() };
        let leader = stage.launch(&launch).map_err(|e| system("start the program", e))?;
        let mut process = Process::greet(HOST, page, leader, Output::to(log))?;
        process.stack_file = folder.join("stack.txt");
        let latency = LatencyRange { min_ns: LATENCY, max_ns: LATENCY };
        let network = Network::new(guest.seed, &NetworkPlan { latency, delays: Vec::new() });
        // Nothing is split, so that what is sent at once arrives at once.
        let network = network.guided_by(BTreeMap::new(), BTreeMap::new());
        let (queue, wake) = (BTreeMap::new(), None);
        let order = guest.order;
        let mut lone = Lone { process, network, queue, queued: 0, wake, order, now, turns: 0 };
        lone.push(now, Due::Wake);
        Ok(lone)
    }

    fn push(&mut self, at: SimTime, due: Due) -> (SimTime, u64) {
        self.queued += 1;
        self.queue.insert((at, self.queued), due);
        (at, self.queued)
    }

    fn until_it_ends(&mut self, guest: &Guest) -> Result<Fate, WorldError> {
        let end = SimTime::ZERO + guest.time_max;
        while let Some(((at, _), due)) = self.queue.pop_first() {
            self.now = self.now.max(at);
            if self.now > end || self.turns > guest.turns_max {
                return Ok(Fate::Overdue);
            }
            if let Some(fate) = self.step(at, due)? {
                return Ok(fate);
            }
        }
        Ok(Fate::Stuck)
    }

    fn step(&mut self, at: SimTime, due: Due) -> Result<Option<Fate>, WorldError> {
        match due {
            Due::Wake => self.resume(at),
            Due::Arrived(Arrived { handle, arrival, .. }) => {
                self.process.arrive(handle, arrival);
                self.resume(at)
            }
            Due::Network(message) => {
                self.carry(at, message);
                Ok(None)
            }
        }
    }

    /// Lets the network act, and queues what it makes of it.
    fn carry(&mut self, now: SimTime, message: Message) {
        let mut out = Out::default();
        self.network.handle(now, message, &mut out);
        for (delay, to, message) in out.sends {
            match (to, message) {
                (ActorId::Network, message) => self.push(now + delay, Due::Network(message)),
                (_, Message::Arrived(arrived)) => self.push(now + delay, Due::Arrived(arrived)),
                // Nobody else is there to be told.
                _ => continue,
            };
        }
    }

    /// Gives the program a turn, and queues what it was seen to do.
    fn resume(&mut self, now: SimTime) -> Result<Option<Fate>, WorldError> {
        let turn = self.process.turn(now, self.order, &mut self.turns)?;
        self.now = self.now.max(turn.ended_at);
        for seen in turn.seen {
            if let (ActorId::Network, message) = seen.told(HOST) {
                self.push(turn.ended_at, Due::Network(message));
            }
        }
        if let Some(stale) = self.wake.take() {
            self.queue.remove(&stale);
        }
        match turn.next {
            Next::Blocked(SimTime::NEVER) => {}
            Next::Blocked(until) => self.wake = Some(self.push(until.max(turn.ended_at), Due::Wake)),
            Next::Exited(status) => return Ok(Some(Fate::Ended(status))),
            Next::Livelock(detail) => return Ok(Some(Fate::Livelock(detail))),
            Next::Deadlock(detail) => return Ok(Some(Fate::Deadlock(detail))),
        }
        Ok(None)
    }
}
