//! Numbers the events of a run and hands them to the log's writer and to whoever gathers evidence.

use crate::actor::host::Record;
use crate::event::{Body, Event, Phase};
use crate::event_log::LogWriter;
use crate::id::ActorId;
use crate::invariant::gather::Gatherer;
use crate::time::SimTime;

/// The one place that events are made.
pub struct Recorder {
    next: u64,
    phase: Phase,
    writer: LogWriter,
    gatherer: Gatherer,
}

impl Recorder {
    /// A recorder before the first event.
    pub fn new(writer: LogWriter, gatherer: Gatherer) -> Self {
        Recorder { next: 0, phase: Phase::Form, writer, gatherer }
    }

    /// How many events there are.
    pub fn events(&self) -> u64 {
        self.next
    }

    /// The phase that began last.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The two that were told everything.
    pub fn into_parts(self) -> (LogWriter, Gatherer) {
        (self.writer, self.gatherer)
    }
}

impl Record for Recorder {
    fn record(&mut self, at: SimTime, actor: ActorId, cause: Option<u64>, body: Body) -> u64 {
        let i = self.next;
        self.next += 1;
        if let Body::Phase { phase } = body {
            self.phase = phase;
        }
        let event = Event { i, at, actor, kind: body.kind(), cause, body };
        self.gatherer.see(&event);
        self.writer.push(event);
        i
    }
}
