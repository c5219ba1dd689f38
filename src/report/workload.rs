//! What the clients of a run saw, in numbers. Latencies are virtual.

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::history::{Entry, Outcome};
use crate::invariant::Evidence;
use crate::invariant::availability::{Gap, longest_write_gap};
use crate::invariant::two_writers::two_writers;
use crate::statistics::Spread;
use crate::time::SimTime;

/// What the clients of a run saw.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Workload {
    /// How many operations were invoked.
    pub operations: u64,
    /// How many were done.
    pub ok: u64,
    /// How many were surely not done.
    pub failed: u64,
    /// Of how many nobody knows.
    pub unknown: u64,
    /// The share that was done, in percent.
    pub success_percent: f64,
    /// The mean latency of those that were done.
    pub latency_ms_average: f64,
    /// Half of those that were done took no longer.
    pub latency_ms_p50: f64,
    /// 99 of 100 of those that were done took no longer.
    pub latency_ms_p99: f64,
    /// The longest that was done took so long.
    pub latency_ms_max: f64,
    /// Operations per virtual second, from the first invocation to the last completion.
    pub throughput_per_s: f64,
    /// The longest time in which writers waited in vain; absent if nothing was written.
    pub write_gap: Option<WriteGap>,
    /// For how long two nodes took writes for one slot, each slot and two nodes once; absent if none did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split_brain: Option<Spread>,
}

/// A time in which no write to a shard was acknowledged though some were asked for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WriteGap {
    /// How long it lasted.
    pub seconds: f64,
    /// The shard's number.
    pub shard: u16,
    /// When it began.
    pub from_s: f64,
}

impl WriteGap {
    fn of(gap: Gap) -> Self {
        let (seconds, from_s) = (gap.length.as_secs_f64(), gap.from.as_secs_f64());
        WriteGap { seconds, shard: gap.shard.0, from_s }
    }
}

impl Workload {
    /// Counts a history; nothing if it is empty.
    pub fn of(evidence: &Evidence) -> Option<Self> {
        let history = &evidence.history;
        let began = history.iter().map(|e| e.invoked_at).min()?;
        let ended = history.iter().map(|e| e.completed_at.unwrap_or(e.invoked_at)).max()?;
        let latencies_ns = latencies_ns(history);
        let (operations, ok) = (history.len() as u64, latencies_ns.len() as u64);
        let failed = history.iter().filter(|e| matches!(e.outcome, Some(Outcome::Fail(_)))).count() as u64;
        let max_ns = latencies_ns.iter().copied().max().unwrap_or(0);
        let sum_ns: u128 = latencies_ns.iter().map(|ns| u128::from(*ns)).sum();
        let histogram = histogram(&latencies_ns);
        let quantile_ms = |q| ms(histogram.value_at_quantile(q).min(max_ns));
        Some(Workload {
            operations,
            ok,
            failed,
            unknown: operations - ok - failed,
            success_percent: 100.0 * ok as f64 / operations as f64,
            latency_ms_average: sum_ns as f64 / 1e6 / ok.max(1) as f64,
            latency_ms_p50: quantile_ms(0.5),
            latency_ms_p99: quantile_ms(0.99),
            latency_ms_max: ms(max_ns),
            throughput_per_s: operations as f64 / span_s(began, ended),
            write_gap: longest_write_gap(evidence).map(WriteGap::of),
            split_brain: Spread::of(&two_writers(evidence)),
        })
    }
}

fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

/// The latencies of what was done.
fn latencies_ns(history: &[Entry]) -> Vec<u64> {
    let done = history.iter().filter(|e| e.outcome.as_ref().is_some_and(Outcome::is_done));
    done.map(|e| e.completed_at.unwrap_or(e.invoked_at).since(e.invoked_at).as_ns()).collect()
}

/// Quantiles are right to three digits; the mean and the most are counted exactly beside it.
fn histogram(latencies_ns: &[u64]) -> Histogram<u64> {
    let mut histogram = Histogram::new(3).expect("three digits are a precision that histograms have");
    for ns in latencies_ns {
        histogram.record(*ns).expect("a histogram that resizes takes every value");
    }
    histogram
}

/// A millisecond at least, so that a single operation does not run at infinite speed.
fn span_s(began: SimTime, ended: SimTime) -> f64 {
    ended.since(began).as_secs_f64().max(0.001)
}
