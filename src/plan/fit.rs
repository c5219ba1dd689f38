//! Whether a plan that somebody else wrote may be run: the one in a log's header, which may come from anywhere.
//!
//! A plan of ours is what a checked scenario gives. So a plan fits if the scenario that it says gives it back: then
//! every limit that a person's scenario keeps holds for it too, what it must not set is not set, and no number of it
//! is too large to be counted with. What an older version derived otherwise from the same scenario does not matter.

use std::ops::RangeInclusive;

use super::Plan;
use super::resolve::{ResolveError, resolve};

/// Virtual time begins in these microseconds of the Unix epoch: the years 1970 to 2099.
const EPOCH_US: RangeInclusive<u64> = 0..=4_102_444_800_000_000;

/// Why a plan is none that can be run.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// Its time of day cannot be counted with.
    #[error("virtual time cannot begin {0} us after 1970")]
    Epoch(u64),
    /// A fault hits what it cannot hit.
    #[error("fault {0} has a target that it cannot hit")]
    Target(u16),
    /// It breaks a limit of scenarios.
    #[error(transparent)]
    Scenario(#[from] ResolveError),
    /// It is not what its own words mean.
    #[error("no scenario gives it")]
    NoScenarios,
}

impl Plan {
    /// Whether it is a plan that a scenario can give.
    pub fn fits(&self) -> Result<(), Unfit> {
        if !EPOCH_US.contains(&self.epoch_us) {
            return Err(Unfit::Epoch(self.epoch_us));
        }
        let unsaid = self.faults.iter().find(|fault| !fault.action.can_be_said());
        if let Some(fault) = unsaid {
            return Err(Unfit::Target(fault.id.0));
        }
        let own = resolve(&self.to_scenario(), None)?;
        // The epoch is derived from the seed, and older versions derived it otherwise.
        let own = Plan { epoch_us: self.epoch_us, ..own };
        match own == *self {
            true => Ok(()),
            false => Err(Unfit::NoScenarios),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Fault, FaultAction, FaultId, NetworkPartition, ProcessPause, Target, Trigger};
    use crate::id::{NodeId, ShardId};
    use crate::plan::{Overrides, generate};
    use crate::time::SimDuration;

    fn plan(seed: u64) -> Plan {
        resolve(&generate(seed, &Overrides::default()), None).expect("a generated scenario has a plan")
    }

    #[test]
    fn every_generated_plan_fits_and_so_does_one_of_an_older_version() {
        for seed in 0..100 {
            let mut plan = plan(seed);
            plan.fits().unwrap_or_else(|unfit| panic!("{seed}: {unfit}"));
            plan.epoch_us += 1;
            plan.fits().unwrap_or_else(|unfit| panic!("{seed}: {unfit}"));
        }
    }

    type Spoil = Box<dyn Fn(&mut Plan)>;

    /// Each of these would panic, fill the memory or run for ever, or reach out of the simulation.
    #[test]
    fn a_hostile_plan_does_not_fit() {
        let partition = |a: Vec<Target>, b: Vec<Target>| {
            FaultAction::NetworkPartition(NetworkPartition {
                a,
                b,
                direction: Default::default(),
                channels: Vec::new(),
                duration_ns: SimDuration::from_secs(1),
            })
        };
        let fault = |id: u16, action: FaultAction| {
            move |plan: &mut Plan| {
                let trigger = Trigger::At { delay_ns: SimDuration::ZERO };
                plan.faults = vec![Fault { id: FaultId(id), trigger, action: action.clone() }];
            }
        };
        let pause = |target| {
            FaultAction::ProcessPause(ProcessPause { target, duration_ns: SimDuration::from_secs(1) })
        };
        let hostile: Vec<Spoil> = vec![
            Box::new(|plan| plan.cluster.shards = u16::MAX),
            Box::new(|plan| plan.cluster.shards = 0),
            Box::new(|plan| plan.cluster.replicas = u16::MAX),
            Box::new(|plan| plan.cluster.node_timeout_ms = u64::MAX),
            Box::new(|plan| plan.cluster.cpu = 0),
            Box::new(|plan| plan.cluster.cpu = u64::MAX),
            Box::new(|plan| plan.epoch_us = u64::MAX),
            Box::new(|plan| plan.name = "\u{1b}[2J".to_owned()),
            Box::new(|plan| plan.network.latency.max_ns = SimDuration::from_ns(u64::MAX)),
            Box::new(|plan| plan.limits.max_convergence_ns = SimDuration::from_ns(u64::MAX)),
            Box::new(|plan| plan.operations.iter_mut().for_each(|op| op.id.0 += 1)),
            Box::new(|plan| {
                plan.cluster.config.insert("loadmodule".to_owned(), "/tmp/x.so".to_owned());
            }),
            Box::new(|plan| plan.workload.as_mut().expect("a workload").clients = u16::MAX),
            Box::new(|plan| plan.workload.as_mut().expect("a workload").rate_per_s = u64::MAX),
            Box::new(|plan| plan.workload.as_mut().expect("a workload").keys = u64::MAX),
            Box::new(|plan| plan.workload.as_mut().expect("a workload").value_bytes = u64::MAX),
            Box::new(|plan| {
                plan.workload.as_mut().expect("a workload").duration_ns = SimDuration::from_ns(u64::MAX);
            }),
            Box::new(fault(1, pause(Target::Clients))),
            Box::new(fault(1, pause(Target::Node(NodeId(0))))),
            Box::new(fault(1, pause(Target::Node(NodeId(u16::MAX))))),
            Box::new(fault(1, pause(Target::Primary(ShardId(0))))),
            Box::new(fault(1, pause(Target::Replica(ShardId(1), u16::MAX)))),
            Box::new(fault(7, pause(Target::Node(NodeId(1))))),
            Box::new(fault(1, partition(vec![], vec![]))),
            Box::new(fault(1, partition(vec![Target::Primary(ShardId(1)), Target::Clients], vec![]))),
            Box::new(fault(1, partition(vec![Target::Clients], vec![Target::Primary(ShardId(1))]))),
        ];
        for (number, spoil) in hostile.iter().enumerate() {
            let mut plan = plan(7);
            assert!(plan.workload.is_some() && !plan.operations.is_empty());
            spoil(&mut plan);
            assert!(plan.fits().is_err(), "number {number} fits: {plan:?}");
        }
    }
}
