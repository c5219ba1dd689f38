//! Numbers the events of a run and hands them to the log's writer and to whoever gathers evidence.

use crate::actor::host::Record;
use crate::chronicle::cues::Met;
use crate::event::{Body, Event, Phase};
use crate::event_log::LogWriter;
use crate::id::ActorId;
use crate::invariant::Evidence;
use crate::invariant::evidence::Findings;
use crate::invariant::gather::Gatherer;
use crate::time::SimTime;

/// Sees every event as it happens; nothing of it reaches the run.
pub type Observer = Box<dyn FnMut(&Event)>;

/// How many events the gatherer sees at once, unless somebody waits for one: between two turns of a server nothing of its own is
/// in the processor's caches.
const TOGETHER: usize = 256;

/// The one place that events are made.
pub struct Recorder {
    phase: Phase,
    /// What the gatherer has not seen and the writer has not got.
    fresh: Vec<Event>,
    writer: LogWriter,
    gatherer: Option<Gatherer>,
    observer: Option<Observer>,
    /// When each event happened.
    instants: Vec<SimTime>,
}

impl Recorder {
    /// A recorder before the first event.
    pub fn new(writer: LogWriter, gatherer: Gatherer) -> Self {
        Recorder {
            phase: Phase::Form,
            fresh: Vec::with_capacity(TOGETHER),
            writer,
            gatherer: Some(gatherer),
            observer: None,
            instants: Vec::new(),
        }
    }

    /// The same, and `observer` sees every event.
    pub fn observed_by(mut self, observer: Option<Observer>) -> Self {
        self.observer = observer;
        self
    }

    /// How many events there are.
    pub fn events(&self) -> u64 {
        self.instants.len() as u64
    }

    /// Whether the run has parted from the log that it is compared with.
    pub fn has_parted(&self) -> bool {
        self.writer.has_parted()
    }

    /// Whether the run is compared with an earlier one.
    pub fn is_compared(&self) -> bool {
        self.writer.is_compared()
    }

    /// The phase that began last.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The first event at or after an instant.
    pub fn event_at(&self, at: SimTime) -> Option<u64> {
        let i = self.instants.partition_point(|event| *event < at);
        (i < self.instants.len()).then_some(i as u64)
    }

    /// The next fault that waits no longer, as what it waits for was seen.
    pub fn met(&mut self) -> Option<Met> {
        if !self.gatherer.as_ref()?.is_waited_for() {
            return None;
        }
        self.catch_up();
        self.gatherer.as_mut()?.met()
    }

    /// Everything that was gathered; events after this are only written.
    pub fn evidence(&mut self, findings: Option<Findings>) -> Evidence {
        self.catch_up();
        let gatherer = self.gatherer.take().expect("evidence is asked for once");
        gatherer.finish(findings)
    }

    /// The writer, to be finished.
    pub fn into_writer(mut self) -> LogWriter {
        self.catch_up();
        std::mem::replace(&mut self.writer, LogWriter::nowhere())
    }

    fn catch_up(&mut self) {
        if let Some(gatherer) = &mut self.gatherer {
            self.fresh.iter().for_each(|event| gatherer.see(event));
        }
        self.fresh.drain(..).for_each(|event| self.writer.push(event));
    }
}

/// However a run ends, its log is whole.
impl Drop for Recorder {
    fn drop(&mut self) {
        self.fresh.drain(..).for_each(|event| self.writer.push(event));
    }
}

impl Record for Recorder {
    fn record(&mut self, at: SimTime, actor: ActorId, cause: Option<u64>, body: Body) -> u64 {
        let i = self.events();
        self.instants.push(at);
        tracing::debug!(i, %actor, ?body);
        if let Body::Phase { phase } = body {
            self.phase = phase;
            tracing::info!(?phase, event = i, "phase begins");
        }
        let event = Event { i, at, actor, kind: body.kind(), cause, body };
        if let Some(observer) = &mut self.observer {
            observer(&event);
        }
        self.fresh.push(event);
        if self.fresh.len() >= TOGETHER {
            self.catch_up();
        }
        i
    }
}
