//! The prompt of a replay that stands still: questions to any node, steps, and the way on.

use std::path::Path;

use anyhow::Result;
use redis::Value;

use super::prompt::{Prompt, Said};
use super::{conclude, say_to_stderr};
use crate::commands::{Environment, Exit, say};
use crate::event_log::event_line;
use crate::id::NodeId;
use crate::replay::inspect::{Moment, MomentError, Twin, TwinError, Until};
use crate::replay::{Recording, Replayed};
use crate::scheduler::{Frozen, Halt, Onward, Watcher};
use crate::servers::Server;
use crate::simulation::{Log, Simulation};
use crate::stop;
use crate::time::SimTime;
use crate::wire::resp;

const HELP: &str = "\
node-3> CLUSTER INFO   ask a node anything (also: node-3 CLUSTER INFO); a copy of the run answers,
                       so that nothing asked here changes what comes
node-3                 make it the node that plain commands go to
views                  every node's view again
step [N]               deliver the next message, or the next N
until EVENT            go on to another event
continue               go on to the end, comparing every event with the log
gdb node-3             how to attach a debugger to the frozen server
quit                   end here";

/// Stops a replay at a moment and takes commands from standard input.
pub(super) fn stop_at(
    until: Until,
    recording: &Recording,
    server: &Server,
    out: &Path,
    environment: &Environment,
) -> Result<Exit> {
    let moment = Moment::of(recording, until)?;
    let mut console = Console {
        recording,
        server,
        moment: moment.clone(),
        twin: None,
        node: NodeId(1),
        prompt: Prompt::new(environment.dialogue)?,
        left: None,
        error: None,
    };
    let comparison = Box::new(recording.comparison()?);
    let mut simulation = Simulation { log: Log::Compared(comparison), ..recording.simulation(server, out) };
    let mut visit = |frozen: &mut Frozen| console.visit(frozen);
    let halt = Some(Halt { before: moment.next.i, visit: &mut visit });
    let mut watcher = Watcher { stop: stop::flag(), progress: &mut |_| {}, halt };
    let mut outcome = simulation.run_watched(&mut watcher)?;
    if let Some(error) = console.error {
        return Err(error);
    }
    let parted = recording.parted(&mut outcome)?;
    match console.left {
        Some((events, at)) if parted.is_none() && !stop::is_asked() => {
            say(&format!("left before event {events}, at {at}; everything before it is equal"));
            Ok(Exit::AllHold)
        }
        _ => Ok(conclude(recording, &Replayed { outcome, parted })),
    }
}

struct Console<'a> {
    recording: &'a Recording,
    server: &'a Server,
    moment: Moment,
    /// Answers the questions at this moment; made when the first one is asked.
    twin: Option<Twin>,
    node: NodeId,
    prompt: Prompt,
    /// Where somebody left: how many events there were, and when the last one happened.
    left: Option<(u64, SimTime)>,
    error: Option<anyhow::Error>,
}

impl Console<'_> {
    /// The run stands still: shows where, and asks until it is to go on.
    fn visit(&mut self, frozen: &mut Frozen) -> Onward {
        let onward = self.arrive(frozen).and_then(|()| self.converse(frozen));
        onward.unwrap_or_else(|error| {
            self.error = Some(error);
            Onward::Nowhere
        })
    }

    fn arrive(&mut self, frozen: &Frozen) -> Result<()> {
        let was_here = self.moment.next.i == frozen.events();
        if !was_here {
            self.twin = None;
            self.moment = Moment::of(self.recording, Until::Event(frozen.events()))?;
            return self.say_next(frozen);
        }
        self.say_next(frozen)?;
        self.say_views()
    }

    fn say_next(&self, frozen: &Frozen) -> Result<()> {
        say(&format!("frozen at {}; next is\n  {}", frozen.now(), event_line(&self.moment.next)));
        Ok(())
    }

    fn say_views(&mut self) -> Result<()> {
        let (recording, moment) = (self.recording, self.moment.clone());
        for view in self.twin()?.views(recording, &moment)? {
            say(&view.to_string());
        }
        Ok(())
    }

    fn twin(&mut self) -> Result<&mut Twin> {
        if self.twin.is_none() {
            self.twin = Some(Twin::start(self.recording, self.server, self.moment.next.i)?);
        }
        Ok(self.twin.as_mut().expect("it was just made"))
    }

    fn converse(&mut self, frozen: &Frozen) -> Result<Onward> {
        loop {
            let onward = match self.prompt.ask(&format!("{}> ", self.node))? {
                Said::Line(line) => self.obey(&line, frozen)?,
                Said::Nothing => Some(self.leave(frozen)),
                Said::Stop => Some(Onward::Nowhere),
            };
            if let Some(onward) = onward {
                return Ok(onward);
            }
        }
    }

    /// The run ends here, because somebody has seen enough.
    fn leave(&mut self, frozen: &Frozen) -> Onward {
        self.left = Some((frozen.events(), frozen.now()));
        Onward::Nowhere
    }

    /// Does what one line says; tells how the run goes on, if it does.
    fn obey(&mut self, line: &str, frozen: &Frozen) -> Result<Option<Onward>> {
        let words = match shlex::split(line) {
            Some(words) => words,
            None => {
                say_to_stderr("a quotation mark is not closed");
                return Ok(None);
            }
        };
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            [] => {}
            ["help" | "?"] => say(HELP),
            ["views"] => self.say_views()?,
            ["quit" | "exit"] => return Ok(Some(self.leave(frozen))),
            ["continue" | "c"] => return Ok(Some(Onward::ToTheEnd)),
            ["step" | "s"] => return Ok(Some(Onward::Until(frozen.events() + 1))),
            ["step" | "s", count] => match count.parse::<u64>() {
                Ok(count) if count > 0 => return self.steps(count),
                _ => say_to_stderr(&format!("{count} is no number of steps")),
            },
            ["until", event] => match event.parse::<u64>() {
                Ok(event) => return self.until(event, frozen),
                Err(_) => say_to_stderr(&format!("{event} is no event's number")),
            },
            ["gdb", name] => match self.node_of(name) {
                Some(node) => say(&match frozen.process_id(node) {
                    Some(pid) => format!("gdb -p {pid}"),
                    None => format!("{node} is down"),
                }),
                None => say_to_stderr(&format!("there is no {name}")),
            },
            [name, rest @ ..] => match self.node_of(name.trim_end_matches('>')) {
                Some(node) if rest.is_empty() => self.node = node,
                Some(node) => self.ask(node, rest)?,
                None if name.starts_with("node-") => say_to_stderr(&format!("there is no {name}")),
                None => self.ask(self.node, &words)?,
            },
        }
        Ok(None)
    }

    /// The run goes on by so many deliveries, as the log has them.
    fn steps(&self, count: u64) -> Result<Option<Onward>> {
        let mut next = self.moment.next.i;
        for _ in 0..count {
            match Moment::after(self.recording, next)? {
                Some(moment) => next = moment,
                None => return Ok(Some(Onward::ToTheEnd)),
            }
        }
        Ok(Some(Onward::Until(next)))
    }

    fn until(&self, event: u64, frozen: &Frozen) -> Result<Option<Onward>> {
        if event <= frozen.events() {
            say_to_stderr(&format!("the run is past event {event}; replay again to go back"));
            return Ok(None);
        }
        match Moment::of(self.recording, Until::Event(event)) {
            Ok(moment) => Ok(Some(Onward::Until(moment.next.i))),
            Err(error @ MomentError::TooLate { .. }) => {
                say_to_stderr(&error.to_string());
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn ask(&mut self, node: NodeId, words: &[&str]) -> Result<()> {
        if self.moment.paused.contains(&node) {
            say(&format!("{node} is paused and cannot be asked"));
            return Ok(());
        }
        let command = words.iter().map(ToString::to_string).collect();
        match self.twin()?.ask(node, command) {
            // Long texts are meant to be read as they are.
            Ok(Value::BulkString(bytes)) if bytes.contains(&b'\n') => say(&String::from_utf8_lossy(&bytes)),
            Ok(answer) => say(&resp::lines(&answer).join("\n")),
            Err(TwinError::Ask(error)) => say(&error.to_string()),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn node_of(&self, name: &str) -> Option<NodeId> {
        self.recording.plan().cluster.hosts().find(|node| node.to_string() == name)
    }
}
