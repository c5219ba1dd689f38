//! What a client draws: what it asks, when, and whom it turns to if it does not know better.
//!
//! Each purpose has a stream of its own, so that one retry more does not change which keys are written.

use std::collections::VecDeque;

use super::super::Out;
use crate::event::Body;
use crate::event_log::ClientDecisions;
use crate::history::Request;
use crate::id::{ActorId, ClientId, NodeId};
use crate::model::{self, Go, Kind, Pick};
use crate::plan::{Pattern, Plan, WorkloadPlan};
use crate::rng::Stream;
use crate::time::SimDuration;

/// How many cells of each kind there are at most, so that clients meet in them.
const CELLS_MAX: u64 = 12;

/// How many operations a client asks for in a database, on average, before it selects one again.
const OPERATIONS_IN_A_DATABASE: u64 = 12;

/// How many clients subscribe at most.
const LISTENERS_MAX: u16 = 6;

/// All that is random about one client.
#[derive(Debug)]
pub struct Draws {
    client: ClientId,
    nodes: u16,
    workload: WorkloadPlan,
    kind: Stream,
    key: Stream,
    pace: Stream,
    node: Stream,
    /// Which kind of command comes next, where there are several.
    mix: Stream,
    /// What is drawn of it.
    of_mix: Stream,
    /// Which database is selected, and when.
    database: Stream,
    /// How many there are.
    databases: u64,
    /// What was drawn together with what was asked last.
    next: VecDeque<Go>,
    recorded: ClientDecisions,
}

impl Draws {
    /// The draws of `client` under the plan's seed; nothing if the plan has no workload. What was `recorded` is given
    /// first, while the streams draw along.
    pub fn new(client: ClientId, plan: &Plan, recorded: ClientDecisions) -> Option<Self> {
        let owner = ActorId::Client(client).to_string();
        let stream = |purpose| Stream::new(plan.seed, &owner, purpose);
        Some(Draws {
            client,
            nodes: plan.cluster.node_count(),
            workload: plan.workload.clone()?,
            kind: stream("kind"),
            key: stream("key"),
            pace: stream("pace"),
            node: stream("node"),
            mix: stream("mix"),
            of_mix: stream("of the mix"),
            database: stream("database"),
            databases: plan.cluster.databases.into(),
            next: VecDeque::new(),
            recorded,
        })
    }

    /// The client's operation number `sequence`. Its value names client and number, so that no two are alike.
    pub fn request(&mut self, sequence: u64) -> Request {
        let drawn = self.draw_request(sequence);
        self.recorded.requests.pop_front().unwrap_or(drawn)
    }

    fn draw_request(&mut self, sequence: u64) -> Request {
        if let Some(command) = self.draw_select(sequence) {
            return Request::Call { key: String::new(), commands: vec![command] };
        }
        if self.next.is_empty() {
            let Some(kind) = self.draw_kind() else { return self.draw_plain(sequence) };
            let token = format!("c{}:{sequence}", self.client.0);
            let cells = self.workload.keys.clamp(1, CELLS_MAX);
            let may_listen = self.client.0 <= LISTENERS_MAX;
            let databases = self.databases;
            let mut pick = Pick { stream: &mut self.of_mix, token: &token, cells, may_listen, databases };
            self.next.extend((kind.draw)(&mut pick));
        }
        let commands = self.next.pop_front().expect("a kind draws one go at least");
        let key = match model::key_of_all(&commands) {
            // It belongs to no slot: its number spreads it over the nodes.
            "" if commands.iter().any(|command| model::is_of_channel(command)) => {
                format!("c{}:{sequence}", self.client.0)
            }
            key => key.to_owned(),
        };
        Request::Call { key, commands }
    }

    /// The database to select now, if there are several: one at first, and now and then another one.
    fn draw_select(&mut self, sequence: u64) -> Option<Vec<String>> {
        let is_due = self.databases > 1
            && self.next.is_empty()
            && (sequence == 1 || self.database.chance(1, OPERATIONS_IN_A_DATABASE));
        is_due.then(|| vec!["SELECT".to_owned(), self.database.below(self.databases).to_string()])
    }

    /// The kind of the next command; nothing for a plain `GET` or `SET`.
    fn draw_kind(&mut self) -> Option<&'static Kind> {
        let weights = self.workload.mix.iter().map(|(name, weight)| (*weight, model::kind_named(name)));
        let weights = weights.filter(|(weight, _)| *weight > 0).collect::<Vec<_>>();
        if weights.is_empty() { None } else { self.mix.weighted(&weights) }
    }

    fn draw_plain(&mut self, sequence: u64) -> Request {
        let key = format!("key:{}", self.key.below(self.workload.keys.max(1)));
        let writes_of_ten = match self.workload.pattern {
            Pattern::Mixed => 5,
            Pattern::ReadHeavy => 1,
            Pattern::WriteHeavy => 9,
        };
        if !self.kind.chance(writes_of_ten, 10) {
            return Request::Get { key };
        }
        let mut value = format!("c{}:{sequence}", self.client.0);
        let padding = (self.workload.value_bytes as usize).saturating_sub(value.len());
        value.extend(std::iter::repeat_n('.', padding));
        Request::Set { key, value }
    }

    /// How long after the beginning the first operation is due: clients start one after the other.
    pub fn first_gap(&self) -> SimDuration {
        let place = u64::from(self.client.0.saturating_sub(1)) % self.clients();
        SimDuration::from_ns(self.spacing_ns() / self.clients() * place)
    }

    /// How long after the start of an operation the next one is due: half to one and a half times the mean. It is noted,
    /// unless the recorded log has no such notes.
    pub fn gap(&mut self, out: &mut Out) -> SimDuration {
        let mean = self.spacing_ns();
        let drawn = SimDuration::from_ns(self.pace.range(mean / 2..=mean + mean / 2).max(1));
        let gap = self.recorded.gaps.pop_front().unwrap_or(drawn);
        if !self.recorded.lacks_gaps() {
            out.note(Body::Gap { ns: gap });
        }
        gap
    }

    /// Whether the log that is replayed, if one is, tells of redirections and the like.
    pub fn tells_all(&self) -> bool {
        !self.recorded.lacks_gaps()
    }

    /// Any node but `avoid`.
    pub fn node(&mut self, avoid: Option<NodeId>) -> NodeId {
        let others: Vec<NodeId> = (1..=self.nodes).map(NodeId).filter(|node| Some(*node) != avoid).collect();
        let drawn = *self.node.pick(&others).expect("a cluster has at least three nodes");
        self.recorded.nodes.pop_front().unwrap_or(drawn)
    }

    /// For how long the client works.
    pub fn duration(&self) -> SimDuration {
        self.workload.duration_ns
    }

    fn clients(&self) -> u64 {
        u64::from(self.workload.clients.max(1))
    }

    fn spacing_ns(&self) -> u64 {
        self.clients() * 1_000_000_000 / self.workload.rate_per_s.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Overrides, generate, resolve};

    #[test]
    fn a_value_is_as_long_as_the_plan_says_up_to_the_longest() {
        let mut plan =
            resolve(&generate(1, &Overrides::default()), None).expect("a generated scenario has a plan");
        let workload = plan.workload.as_mut().expect("a generated scenario has a workload");
        (workload.value_bytes, workload.pattern) = (65_536, Pattern::WriteHeavy);
        let mut draws =
            Draws::new(ClientId(1), &plan, ClientDecisions::default()).expect("there is a workload");
        let written = (1..20).find_map(|sequence| match draws.request(sequence) {
            Request::Set { value, .. } => Some(value.len()),
            Request::Get { .. } | Request::Call { .. } => None,
        });
        assert_eq!(written, Some(65_536));
    }
}
