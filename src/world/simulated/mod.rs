//! The world of virtual time: real server processes whose every look at the outside is answered by the scheduler.

mod arguments;
mod belongings;
mod birth;
mod children;
mod copies;
mod disk;
mod guests;
mod liar;
mod limit;
mod log_tail;
pub mod lone;
mod machine;
mod node;
mod page;
mod recurrence;
mod seat;
mod sockets;
mod spawn;
mod threads;
mod watchdog;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

pub use seat::{Seat, with_counter};

use self::disk::Disk;
use self::guests::Guests;
use self::log_tail::LogTail;
use self::machine::Machine;
use self::node::{Output, Process, Setting, system};
use self::page::SharedPage;
use self::spawn::{Launch, Stage};
use super::{Next, ProgramFile, Seen, Turn, World, WorldError};
use crate::actor::message::Arrival;
use crate::fault::{Affliction, Cue, FaultId, Lie, POWER_LOST, Remains, Signal};
use crate::id::{GuestId, Host, NodeId};
use crate::op::OpId;
use crate::plan::{Formation, Plan};
use crate::rng::Stream;
use crate::scratch::ScratchFolder;
use crate::servers::{Program, Server};
use crate::time::SimTime;
use crate::wire::nodes_conf::Preset;

/// What a simulated world is made from.
pub struct Options<'a> {
    /// The plan whose cluster it holds.
    pub plan: &'a Plan,
    /// The server.
    pub server: &'a Server,
    /// Where each node's log is kept: a folder a node.
    pub logs: PathBuf,
    /// The program of each guest of the plan, in the plan's order.
    pub programs: &'a [Program],
    /// Where what guests leave is kept: a folder a guest.
    pub guests: PathBuf,
    /// Whether calls that go round the shim end the run.
    pub check: bool,
}

/// Servers under virtual time.
pub struct Simulated {
    // The processes end before the folder they live in goes.
    processes: BTreeMap<NodeId, Process>,
    machines: BTreeMap<NodeId, Machine>,
    /// Whether what is on disks for sure is kept account of.
    keeps_account: bool,
    /// Whether calls that concern files are told.
    tells_files: bool,
    guests: Guests,
    stage: Stage,
    /// The servers beside the run's, as the plan names them.
    others: BTreeMap<String, Stage>,
    /// Which of them nodes are started with.
    installed: BTreeMap<NodeId, String>,
    folder: ScratchFolder,
    /// What nodes start with that are members of a cluster already.
    preset: Option<Preset>,
    config: String,
    logs: PathBuf,
    seed: u64,
    epoch_ns: u64,
    times_slower: u64,
    /// How many times slower yet some machines are.
    slowed: BTreeMap<NodeId, u64>,
    check: bool,
    /// Who lies how, about whom.
    lies: Vec<(NodeId, Lie, Option<NodeId>)>,
    turns: u64,
}

impl Simulated {
    /// A world without servers yet.
    pub fn new(options: &Options) -> Result<Self, WorldError> {
        let cluster = &options.plan.cluster;
        let folder = ScratchFolder::in_memory().map_err(|e| system("make the run's folder", e))?;
        let lay_out = |place: &str, server: &Server| {
            let stage = Stage::new(folder.path(), place, server, cluster.node_count());
            stage.map_err(|e| system("lay out the server", e))
        };
        let stage = lay_out("", options.server)?;
        let others = (1..).zip(&options.server.beside);
        let others =
            others.map(|(n, (name, server))| Ok((name.clone(), lay_out(&format!("server-{n}"), server)?)));
        let others = others.collect::<Result<_, WorldError>>()?;
        let guests = Guests::new(options, folder.path());
        Ok(Simulated {
            processes: BTreeMap::new(),
            machines: BTreeMap::new(),
            tells_files: options.plan.cues().any(Cue::is_of_files),
            keeps_account: options.plan.faults.iter().any(|fault| fault.action.loses_power()),
            guests,
            stage,
            others,
            installed: BTreeMap::new(),
            folder,
            preset: (cluster.formation == Formation::Preset).then(|| Preset::of(cluster, options.plan.seed)),
            config: arguments::of(cluster),
            logs: options.logs.clone(),
            seed: options.plan.seed,
            epoch_ns: options.plan.epoch_us * 1_000,
            times_slower: options.plan.cluster.cpu,
            slowed: BTreeMap::new(),
            check: options.check,
            lies: Vec::new(),
            turns: 0,
        })
    }

    /// How many times slower than a quick machine a node's works.
    fn times_slower(&self, node: NodeId) -> u64 {
        self.times_slower * self.slowed.get(&node).copied().unwrap_or(1)
    }

    fn launch(&mut self, node: NodeId, setting: Setting) -> Result<Process, WorldError> {
        let name = setting.host.to_string();
        let (directory, logs) = (self.folder.path().join(&name), self.logs.join(&name));
        for folder in [&directory, &logs] {
            fs::create_dir_all(folder)
                .map_err(|e| system(&format!("make a node's folder {}", folder.display()), e))?;
        }
        let output = logs.join("valkey.log");
        let log = LogTail::at_end(&output).map_err(|e| system("open a node's log", e))?;
        let mut page = SharedPage::new().map_err(|e| system("make a node's page", e))?;
        node::prepare(&mut page, setting);
        self.furnish(node, setting.incarnation, &directory)?;
        let epoch_ns = self.epoch_ns;
        self.machine(node, &directory)?.install(page.get(), epoch_ns);
        let arguments = [arguments::CONFIG_FILE.to_owned()];
        let launch =
            Launch { directory: &directory, arguments: &arguments, output: &output, page: page.fd() };
        let other = self.installed.get(&node).and_then(|name| self.others.get(name));
        let leader =
            other.unwrap_or(&self.stage).launch(&launch).map_err(|e| system("start the server", e))?;
        let mut process = Process::greet(setting.host, page, leader, Output::to(log))?;
        process.stack_file = logs.join("stack.txt");
        let machine = self.machines.entry(node).or_default();
        process.disk.clone_from(&machine.disk);
        process.child_fate = machine.child_fate();
        Ok(process)
    }

    /// Puts into a node's folder what its server starts with: its configuration, unless it has one that is its own by now,
    /// and at its first start the cluster that it is a member of already.
    fn furnish(&self, node: NodeId, incarnation: u32, directory: &Path) -> Result<(), WorldError> {
        let config = directory.join(arguments::CONFIG_FILE);
        if !config.exists() {
            fs::write(config, &self.config).map_err(|e| system("write a node's configuration", e))?;
        }
        let preset = self.preset.as_ref().filter(|_| incarnation == 1);
        if let Some(text) = preset.and_then(|preset| preset.file(node)) {
            fs::write(directory.join(arguments::CLUSTER_FILE), text)
                .map_err(|e| system("write a node's nodes.conf", e))?;
        }
        Ok(())
    }

    /// A node's machine, whose disk is taken account of from its first start on.
    fn machine(&mut self, node: NodeId, directory: &Path) -> Result<&mut Machine, WorldError> {
        let machine = self.machines.entry(node).or_default();
        if self.keeps_account && machine.disk.is_none() {
            let draws = Stream::new(self.seed, &node.to_string(), "disk");
            let disk = Disk::of(directory, draws).map_err(|e| system("look at a node's folder", e))?;
            machine.disk = Some(Rc::new(RefCell::new(disk)));
        }
        machine.tells = self.tells_files;
        Ok(machine)
    }

    /// Forgets a process whose turn was its last.
    fn after(&mut self, node: NodeId, turn: Turn) -> Result<Turn, WorldError> {
        if !matches!(turn.next, Next::Blocked(_)) {
            tracing::info!(%node, next = ?turn.next, "server gone");
            self.bury(node, &turn.next)?;
        }
        // Unless its disk is full by a fault, a server that has no room has met the host's.
        let is_hosts = !self.machines.get(&node).is_some_and(|machine| machine.has_been_full);
        match is_hosts && turn.seen.iter().any(laments_room) {
            true => Err(WorldError::Full(self.folder.path().to_owned())),
            false => Ok(turn),
        }
    }
}

impl Simulated {
    /// Takes a node's process away; its machine stays, with what a loss of power left on its disk.
    fn bury(&mut self, node: NodeId, next: &Next) -> Result<(), WorldError> {
        let machine = self.machines.entry(node).or_default();
        if let Some(mut process) = self.processes.remove(&node) {
            machine.read_back(process.page());
        }
        match next {
            Next::Exited(status) if status == POWER_LOST => {
                let remains = machine.crashed();
                machine.lose_power(remains).map_err(|e| system("leave a disk as it is after a crash", e))
            }
            _ => Ok(()),
        }
    }
}

/// Whether a server says in the C library's words that it cannot write any more.
fn laments_room(seen: &Seen) -> bool {
    let words = ["No space left on device", "Disk quota exceeded"];
    matches!(seen, Seen::Log { line } if words.iter().any(|words| line.contains(words)))
}

fn number(signal: Signal) -> i32 {
    match signal {
        Signal::Kill => libc::SIGKILL,
        Signal::Term => libc::SIGTERM,
    }
}

impl World for Simulated {
    fn start(&mut self, node: NodeId, incarnation: u32, now: SimTime) -> Result<(), WorldError> {
        let setting = Setting {
            host: Host::Node(node),
            incarnation,
            seed: self.seed,
            epoch_ns: self.epoch_ns,
            now,
            times_slower: self.times_slower(node),
            check: self.check,
        };
        let mut process = self.launch(node, setting)?;
        let own = self.lies.iter().filter(|(liar, ..)| *liar == node);
        own.for_each(|(_, lie, about)| process.lie(*lie, *about));
        tracing::info!(%node, incarnation, pid = process.id(), "server started");
        self.processes.insert(node, process);
        Ok(())
    }

    fn wipe(&mut self, node: NodeId) -> Result<(), WorldError> {
        let directory = self.folder.path().join(node.to_string());
        if let Some(machine) = self.machines.get_mut(&node) {
            machine.disk = None;
        }
        match fs::remove_dir_all(&directory) {
            // A spare node that was never started has none.
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => {
                removed.map_err(|e| system(&format!("empty a node's folder {}", directory.display()), e))
            }
        }
    }

    fn keep_copy(&mut self, node: NodeId, op: OpId) -> Result<(), WorldError> {
        copies::keep(self.folder.path(), node, op)
            .map_err(|e| system(&format!("copy {node}'s data directory"), e))
    }

    fn put_back(&mut self, node: NodeId, op: OpId) -> Result<(), WorldError> {
        if let Some(machine) = self.machines.get_mut(&node) {
            machine.disk = None;
        }
        copies::put_back(self.folder.path(), node, op)
            .map_err(|e| system(&format!("put {node}'s old data directory back"), e))
    }

    fn install(&mut self, node: NodeId, server: &str) -> Result<(), WorldError> {
        self.installed.insert(node, server.to_owned());
        Ok(())
    }

    fn slow(&mut self, node: NodeId, times_slower: u64) {
        self.slowed.insert(node, times_slower);
        let times_slower = self.times_slower(node);
        if let Some(process) = self.processes.get_mut(&node) {
            process.work_at(times_slower);
        }
    }

    fn resume(&mut self, node: NodeId, now: SimTime, order: u64) -> Result<Option<Turn>, WorldError> {
        let Some(process) = self.processes.get_mut(&node) else {
            return Ok(None);
        };
        let turn = process.turn(now, order, &mut self.turns)?;
        self.after(node, turn).map(Some)
    }

    fn arrive(&mut self, node: NodeId, handle: u64, arrival: Arrival) {
        if let Some(process) = self.processes.get_mut(&node) {
            process.arrive(handle, arrival);
        }
    }

    fn lie(&mut self, node: NodeId, lie: Lie, about: Option<NodeId>) {
        self.lies.push((node, lie, about));
        if let Some(process) = self.processes.get_mut(&node) {
            process.lie(lie, about);
        }
    }

    fn signal(&mut self, node: NodeId, signal: Signal, now: SimTime) -> Result<Option<Turn>, WorldError> {
        let Some(process) = self.processes.get_mut(&node) else {
            return Ok(None);
        };
        let turn = match signal {
            Signal::Kill => process.kill(now)?,
            Signal::Term => {
                process.mark_signal(number(signal));
                process.turn(now, 0, &mut self.turns)?
            }
        };
        self.after(node, turn).map(Some)
    }

    fn mark(&mut self, node: NodeId, signal: Signal) {
        if let Some(process) = self.processes.get_mut(&node) {
            process.mark_signal(number(signal));
        }
    }

    fn afflict(&mut self, node: NodeId, fault: FaultId, affliction: Option<&Affliction>, now: SimTime) {
        let machine = self.machines.entry(node).or_default();
        match self.processes.get_mut(&node) {
            Some(process) => {
                machine.read_back(process.page());
                machine.set(fault, affliction, now);
                machine.install(process.page(), self.epoch_ns);
                process.child_fate = machine.child_fate();
                match affliction {
                    Some(Affliction::Descriptors(spare)) => process.descriptors.lower(fault, *spare),
                    Some(Affliction::Memory(spare)) => process.lower_memory(fault, *spare),
                    None => process.lift_limits(fault),
                    Some(_) => {}
                }
            }
            None => machine.set(fault, affliction, now),
        }
    }

    fn lose_power(
        &mut self,
        node: NodeId,
        remains: Remains,
        now: SimTime,
    ) -> Result<Option<Turn>, WorldError> {
        let Some(process) = self.processes.get_mut(&node) else {
            return Ok(None);
        };
        let turn = Turn { next: Next::Exited(POWER_LOST.to_owned()), ..process.kill(now)? };
        self.machines.entry(node).or_default().leaves = Some(remains);
        self.after(node, turn).map(Some)
    }

    fn start_guest(&mut self, guest: GuestId, now: SimTime) -> Result<ProgramFile, WorldError> {
        self.guests.start(guest, now)
    }

    fn resume_guest(&mut self, guest: GuestId, now: SimTime) -> Result<Option<Turn>, WorldError> {
        self.guests.resume(guest, now, &mut self.turns)
    }

    fn arrive_guest(&mut self, guest: GuestId, handle: u64, arrival: Arrival) {
        self.guests.arrive(guest, handle, arrival);
    }

    fn kill_guest(&mut self, guest: GuestId, now: SimTime) -> Result<Option<Turn>, WorldError> {
        self.guests.kill(guest, now)
    }

    fn nodes_conf(&self, node: NodeId) -> Result<Option<String>, WorldError> {
        let path = self.folder.path().join(node.to_string()).join(arguments::CLUSTER_FILE);
        match fs::read(path) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(system(&format!("read {node}'s {}", arguments::CLUSTER_FILE), error)),
        }
    }

    fn process_id(&self, node: NodeId) -> Option<u32> {
        self.processes.get(&node).map(Process::id)
    }

    fn turns(&self) -> u64 {
        self.turns
    }
}
