//! What a client draws: what it asks, when, and whom it turns to if it does not know better.
//!
//! Each purpose has a stream of its own, so that one retry more does not change which keys are written.

use crate::history::Request;
use crate::id::{ActorId, ClientId, NodeId};
use crate::plan::{Pattern, Plan, WorkloadPlan};
use crate::rng::Stream;
use crate::time::SimDuration;

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
}

impl Draws {
    /// The draws of `client` under the plan's seed; nothing if the plan has no workload.
    pub fn new(client: ClientId, plan: &Plan) -> Option<Self> {
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
        })
    }

    /// The client's operation number `sequence`. Its value names client and number, so that no two are alike.
    pub fn request(&mut self, sequence: u64) -> Request {
        let key = format!("key:{}", self.key.below(self.workload.keys.max(1)));
        let writes_of_ten = match self.workload.pattern {
            Pattern::Mixed => 5,
            Pattern::ReadHeavy => 1,
            Pattern::WriteHeavy => 9,
        };
        if !self.kind.chance(writes_of_ten, 10) {
            return Request::Get { key };
        }
        let writer = format!("c{}:{sequence}", self.client.0);
        let width = self.workload.value_bytes as usize;
        Request::Set { key, value: format!("{writer:.<width$}") }
    }

    /// How long after the beginning the first operation is due: clients start one after the other.
    pub fn first_gap(&self) -> SimDuration {
        let place = u64::from(self.client.0.saturating_sub(1)) % self.clients();
        SimDuration::from_ns(self.spacing_ns() / self.clients() * place)
    }

    /// How long after the start of an operation the next one is due: half to one and a half times the mean.
    pub fn gap(&mut self) -> SimDuration {
        let mean = self.spacing_ns();
        SimDuration::from_ns(self.pace.range(mean / 2..=mean + mean / 2).max(1))
    }

    /// Any node but `avoid`.
    pub fn node(&mut self, avoid: Option<NodeId>) -> NodeId {
        let others: Vec<NodeId> = (1..=self.nodes).map(NodeId).filter(|node| Some(*node) != avoid).collect();
        *self.node.pick(&others).expect("a cluster has at least three nodes")
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
