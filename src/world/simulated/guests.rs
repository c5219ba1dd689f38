//! The guests of a run: programs of the user's, each on a host of its own, and what they leave behind.
//!
//! A guest works in a folder of the run's, which is empty but for the files that the plan gives it. What it writes to its
//! outputs goes to the folder of its results at once; what it leaves in its own folder is copied there when it has ended.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::belongings::Belongings;
use super::log_tail::LogTail;
use super::node::{self, Output, Process, Setting, system};
use super::page::SharedPage;
use super::spawn::{GuestLaunch, Stage};
use super::{Next, Options, ProgramFile, Turn, WorldError};
use crate::actor::message::Arrival;
use crate::id::{GuestId, Host};
use crate::plan::GuestPlan;
use crate::servers::Program;
use crate::time::SimTime;

/// The folder that a guest works in, beside what it is started from.
const WORK: &str = "work";

/// Programs of the user's.
pub struct Guests {
    guests: BTreeMap<GuestId, Guest>,
    processes: BTreeMap<GuestId, Process>,
    /// What each was given.
    belongings: BTreeMap<GuestId, Belongings>,
    /// Below it each guest has a folder.
    folder: PathBuf,
    results: PathBuf,
    seed: u64,
    epoch_ns: u64,
    check: bool,
}

/// One of them, and the program that it is.
struct Guest {
    plan: GuestPlan,
    program: Program,
}

impl Guests {
    /// The guests of a plan; none has started.
    pub fn new(options: &Options, folder: &Path) -> Self {
        let planned = options.plan.guests.iter().zip(options.programs);
        let guests =
            planned.map(|(plan, program)| (plan.id, Guest { plan: plan.clone(), program: program.clone() }));
        Guests {
            guests: guests.collect(),
            processes: BTreeMap::new(),
            belongings: BTreeMap::new(),
            folder: folder.join("guests"),
            results: options.guests.clone(),
            seed: options.plan.seed,
            epoch_ns: options.plan.epoch_us * 1_000,
            check: options.check,
        }
    }

    fn guest(&self, guest: GuestId) -> Result<&Guest, WorldError> {
        self.guests.get(&guest).ok_or(WorldError::NoProgram { host: Host::Guest(guest) })
    }

    /// Starts a guest's program.
    pub fn start(&mut self, id: GuestId, now: SimTime) -> Result<ProgramFile, WorldError> {
        let folder = self.give_folder(id, now)?;
        let process = self.launch(id, now)?;
        tracing::info!(guest = %id, pid = process.id(), "guest started");
        self.processes.insert(id, process);
        let program = &self.guest(id)?.program;
        Ok(ProgramFile { name: program.name.clone(), sha256: program.sha256.clone(), folder })
    }

    /// Copies the folder that the plan gives a guest; a digest of it.
    fn give_folder(&mut self, id: GuestId, now: SimTime) -> Result<Option<String>, WorldError> {
        let Some(folder) = self.guest(id)?.plan.folder.clone() else { return Ok(None) };
        let (_, work) = self.places(id);
        let time_s = (self.epoch_ns + now.as_ns()) / 1_000_000_000;
        let copied =
            fs::create_dir_all(&work).and_then(|()| Belongings::copy(Path::new(&folder), &work, time_s));
        let belongings = copied.map_err(|e| system(&format!("copy the folder {folder}"), e))?;
        let digest = belongings.digest();
        self.belongings.insert(id, belongings);
        Ok(Some(digest))
    }

    fn launch(&self, id: GuestId, now: SimTime) -> Result<Process, WorldError> {
        let Guest { plan, program } = self.guest(id)?;
        let results = self.results.join(&plan.name);
        let (place, work) = self.places(id);
        let failed = |what: &'static str| move |e| system(&format!("{what} for {}", plan.name), e);
        for folder in [&results, &work] {
            fs::create_dir_all(folder).map_err(failed("make a folder"))?;
        }
        lay_out_files(&work, plan).map_err(failed("write a file"))?;
        let stdin = place.join("stdin");
        fs::write(&stdin, plan.stdin.as_deref().unwrap_or_default()).map_err(failed("write the input"))?;
        let (stdout, stderr) = (results.join("stdout"), results.join("stderr"));
        let output = Output {
            log: LogTail::at_end(&stdout).map_err(failed("open the output"))?,
            errors: Some(LogTail::at_end(&stderr).map_err(failed("open the errors"))?),
            hidden: Some(self.hidden(id)),
        };
        let mut page = SharedPage::new().map_err(failed("make a page"))?;
        node::prepare(&mut page, self.setting(id, now));
        let stage = Stage::of_guest(&place, program).map_err(failed("lay out the program"))?;
        let launch = GuestLaunch {
            directory: &work,
            arguments: &plan.run[1..],
            environment: &plan.environment,
            files: [&stdin, &stdout, &stderr],
            tools: &program.tools,
            page: page.fd(),
        };
        let leader = stage.launch_guest(&launch).map_err(failed("start the program"))?;
        let mut process = Process::greet(Host::Guest(id), page, leader, output)?;
        process.stack_file = results.join("stack.txt");
        Ok(process)
    }

    /// The path of a guest's folder, which differs from run to run, and what stands for it in what it wrote.
    fn hidden(&self, id: GuestId) -> [String; 2] {
        let (_, work) = self.places(id);
        [work.display().to_string(), format!("/simulated/{id}")]
    }

    /// Where a guest is started from, and where it works.
    fn places(&self, id: GuestId) -> (PathBuf, PathBuf) {
        let place = self.folder.join(id.to_string());
        let work = place.join(WORK);
        (place, work)
    }

    fn setting(&self, id: GuestId, now: SimTime) -> Setting {
        Setting {
            host: Host::Guest(id),
            incarnation: 1,
            seed: self.seed,
            epoch_ns: self.epoch_ns,
            now,
            times_slower: 1,
            check: self.check,
        }
    }

    /// Gives a guest the turn.
    pub fn resume(&mut self, id: GuestId, now: SimTime, turns: &mut u64) -> Result<Option<Turn>, WorldError> {
        let Some(process) = self.processes.get_mut(&id) else {
            return Ok(None);
        };
        let turn = process.turn(now, 0, turns)?;
        self.after(id, turn).map(Some)
    }

    /// Lets something happen at one of a guest's sockets.
    pub fn arrive(&mut self, id: GuestId, handle: u64, arrival: Arrival) {
        if let Some(process) = self.processes.get_mut(&id) {
            process.arrive(handle, arrival);
        }
    }

    /// Ends a guest at once.
    pub fn kill(&mut self, id: GuestId, now: SimTime) -> Result<Option<Turn>, WorldError> {
        let Some(process) = self.processes.get_mut(&id) else {
            return Ok(None);
        };
        let turn = process.kill(now)?;
        self.after(id, turn).map(Some)
    }

    /// Keeps what a guest left whose turn was its last.
    fn after(&mut self, id: GuestId, turn: Turn) -> Result<Turn, WorldError> {
        if !matches!(turn.next, Next::Blocked(_)) {
            self.processes.remove(&id);
            let results = self.results.join(&self.guest(id)?.plan.name);
            let kept = results.join("files");
            for name in ["stdout", "stderr"] {
                hide(&results.join(name), &self.hidden(id))
                    .map_err(|e| system(&format!("keep the output of {id}"), e))?;
            }
            let (_, work) = self.places(id);
            let given = self.belongings.remove(&id).unwrap_or_default();
            keep((&work, Path::new("")), &kept, &given)
                .map_err(|e| system(&format!("keep the files of {id}"), e))?;
        }
        Ok(turn)
    }
}

fn lay_out_files(work: &Path, plan: &GuestPlan) -> io::Result<()> {
    for (name, content) in &plan.files {
        let path = work.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, content)?;
    }
    Ok(())
}

/// Replaces a path in a file by what stands for it.
fn hide(file: &Path, [path, name]: &[String; 2]) -> io::Result<()> {
    let bytes = fs::read(file)?;
    let text = String::from_utf8_lossy(&bytes);
    match text.contains(path.as_str()) {
        true => fs::write(file, text.replace(path.as_str(), name)),
        false => Ok(()),
    }
}

/// Copies what is new or changed at `name` below `work`, if there is anything, to below `to`; what is neither file nor folder is
/// left out.
#[expect(clippy::disallowed_methods, reason = "their order does not matter")]
fn keep((work, name): (&Path, &Path), to: &Path, given: &Belongings) -> io::Result<()> {
    for entry in fs::read_dir(work.join(name))? {
        let entry = entry?;
        let (kind, name, kept) =
            (entry.file_type()?, name.join(entry.file_name()), to.join(entry.file_name()));
        if kind.is_dir() {
            keep((work, &name), &kept, given)?;
        } else if kind.is_file() && !given.is_unchanged(work, &name)? {
            fs::create_dir_all(to)?;
            io::copy(&mut File::open(entry.path())?, &mut File::create(kept)?)?;
        }
    }
    Ok(())
}
