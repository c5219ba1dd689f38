//! `disk_crash`: the machine loses its power, at once or at a chosen step of its files, and its disk has what it has.

use serde::{Deserialize, Serialize};

use super::affliction::{FileCall, FileClass, Moment, Remains};
use super::{Aim, Effect, FaultKind, Step, Swarm};
use crate::id::NodeId;
use crate::language::target::{self, Target};
use crate::language::{Entry, Form, Key, Reader, Word, names};
use crate::rng::Stream;
use crate::time::SimDuration;

/// A machine loses its power.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskCrash {
    /// Which machine.
    pub target: Target,
    /// At which step; at once if absent.
    pub step: Option<Step>,
    /// What it has on its disk then.
    pub leaves: Remains,
    /// How long after its end the server is started again; never if absent.
    pub restart_after_ns: Option<SimDuration>,
    /// How long the step is waited for.
    pub duration_ns: SimDuration,
}

/// How long a step is waited for if that is not said.
const WAITS: SimDuration = SimDuration::from_secs(20);

impl FaultKind for DiskCrash {
    const NAME: &'static str = "disk_crash";
    const ABOUT: &'static str = "The machine loses its power, at once or at a chosen step of its files, and its disk has what \
                                 `leaves` says of what was written.";
    const KEYS: &'static [Key] = &[
        Key::new("call", Form::Word(names::<FileCall>), "the step: a call of this kind; at once if absent"),
        Key::new("file", Form::Word(names::<FileClass>), "of which files; of any if absent"),
        Key::new(
            "nth",
            Form::Whole(1, 1_000_000),
            "the n-th such call after the fault's moment; 1 if absent",
        ),
        Key::new(
            "moment",
            Form::Word(names::<Moment>),
            "`before` or `after` the call takes effect; before if absent",
        ),
        Key::new(
            "leaves",
            Form::Word(names::<Remains>),
            "what the disk has: `everything` written, only what was `synced` (which holds if absent), all but half of the \
             last write (`torn_write`), all but a drawn part of the rest (`cut_tail`), or no rename since the folder was \
             synchronised (`lost_rename`)",
        ),
        Key::new(
            "restart_after",
            Form::Seconds,
            "seconds from its end to its next start; it stays dead if absent",
        ),
        Key::new("duration", Form::Duration, "seconds that the step is waited for; 20 if absent"),
    ];
    const AIM: Aim = Aim::Target;
    const EXAMPLE: &'static str =
        "type: disk_crash\nfile: nodes.conf\ncall: fsync\nnth: 2\nnode: 2\nat: 2\nrestart_after: 3";

    fn read(reader: &mut Reader) -> Option<Self> {
        let target = target::read(reader);
        let call: Option<FileCall> = reader.word("call");
        for key in ["file", "nth", "moment", "duration"] {
            if call.is_none() && reader.has(key) {
                reader.wrong_at(key, "it happens at no step", "add `call:`, the step");
            }
        }
        let step = call.map(|call| Step {
            call,
            file: reader.word("file").unwrap_or(FileClass::All),
            nth: reader.whole("nth").unwrap_or(1),
            moment: reader.word("moment").unwrap_or(Moment::Before),
        });
        Some(DiskCrash {
            target,
            step,
            leaves: reader.word("leaves").unwrap_or(Remains::Synced),
            restart_after_ns: reader.seconds("restart_after"),
            duration_ns: reader.seconds("duration").unwrap_or(WAITS),
        })
    }

    fn write(&self) -> Entry {
        let mut own = Entry::default();
        if let Some(step) = self.step {
            own = own.with("call", step.call.word()).with("file", step.file.word()).with("nth", step.nth);
            own = own.with("moment", step.moment.word()).with("duration", self.duration_ns);
        }
        let own = own.with("leaves", self.leaves.word()).maybe("restart_after", self.restart_after_ns);
        own.and(self.target.write())
    }

    fn draw(_variant: usize, stream: &mut Stream, swarm: &Swarm) -> Entry {
        let mut own = Entry::default();
        if stream.chance(2, 3) {
            let (call, _) = *stream.pick(&FileCall::WORDS[1..]).expect("there are calls");
            let files = [(3, FileClass::NodesConf), (1, FileClass::Aof), (1, FileClass::All)];
            let (file, (moment, _)) =
                (stream.weighted(&files), *stream.pick(Moment::WORDS).expect("there are moments"));
            own = own.with("call", call).with("file", file.word()).with("nth", stream.range(1..=4));
            own = own.with("moment", moment);
        }
        let (leaves, _) = *stream.pick(Remains::WORDS).expect("something remains");
        let own = own.with("leaves", leaves).with("restart_after", stream.tenths(5..=100));
        own.and(target::draw(stream, swarm.layout))
    }

    fn in_words(&self) -> String {
        let step = self.step.map_or_else(|| "at once".to_owned(), Step::in_words);
        format!("Disk Crash ({}, {step}, leaves {})", self.target.in_words(), self.leaves.word())
    }

    fn targets(&self) -> Vec<Target> {
        vec![self.target]
    }

    fn targets_mut(&mut self) -> Vec<&mut Target> {
        vec![&mut self.target]
    }

    fn effect(&self) -> Effect {
        Effect::Crash { step: self.step, leaves: self.leaves, restart_after: self.restart_after_ns }
    }

    fn lasts(&self) -> SimDuration {
        let waits = self.step.map_or(SimDuration::ZERO, |_| self.duration_ns);
        waits + self.restart_after_ns.unwrap_or_default()
    }

    fn victims<'h>(&self, hit: &'h [NodeId]) -> &'h [NodeId] {
        hit
    }
}
