//! The report for people: a summary of every run, and what went wrong when something did.

use super::paint::{Paint, grouped};
use super::{Action, ActionOutcome, RunReport, Status, Workload, WriteGap};
use crate::id::NodeId;
use crate::invariant::Verdict;
use crate::invariant::evidence::Resyncs;
use crate::statistics::Spread;
use crate::words;

/// The summary, and after it the failure report unless the run passed. Ends with a newline.
pub fn render(report: &RunReport, colour: bool) -> String {
    whole(report, Look::of(colour))
}

/// The same for a file that later runs are compared with: without what another machine or build of this tool says
/// differently of the same run, the real time and the digest of a log whose header names the build.
pub fn golden(report: &RunReport) -> String {
    whole(report, Look { lasting: true, ..Look::of(false) })
}

/// How a report looks: its colours, and whether it leaves out what does not last.
#[derive(Clone, Copy)]
struct Look {
    paint: Paint,
    lasting: bool,
}

impl Look {
    fn of(colour: bool) -> Self {
        Look { paint: Paint { colour }, lasting: false }
    }
}

fn whole(report: &RunReport, look: Look) -> String {
    match report.status {
        Status::Passed => summary_in(report, look),
        _ => format!("{}\n{}", summary_in(report, look), failure_in(report, look)),
    }
}

/// What was done, and what every invariant answered.
pub fn summary(report: &RunReport, colour: bool) -> String {
    summary_in(report, Look::of(colour))
}

fn summary_in(report: &RunReport, look: Look) -> String {
    let mut text = heading("=== valkey-fuzzer Test Results ===", report, look);
    let meters = &report.meters;
    text += &format!("Server: {} {}\n", meters.server_name, meters.server_version);
    text += &format!("Events: {}, {} turns\n", grouped(meters.events), grouped(meters.turns));
    if !look.lasting {
        text += &format!("Log SHA-256: {}\n", meters.log_sha256);
    }
    let shape = report.cluster;
    text += &section("Cluster Configuration");
    text += &format!("- Shards: {}\n- Replicas: {} per shard\n", shape.shards, shape.replicas);
    text += &format!("- Total Nodes: {}\n", shape.nodes);
    if !report.operations.is_empty() || !report.faults.is_empty() {
        text += &section("Operations Executed");
        report.operations.iter().chain(&report.faults).for_each(|a| text += &action_line(a, look.paint));
    }
    text += &section("Validation Results");
    for validation in &report.validations {
        text += &verdict_line(validation.title, &validation.verdict, look.paint);
    }
    if !report.replication.is_empty() {
        text += &section("Replication");
        report.replication.iter().for_each(|(node, counts)| text += &resync_line(*node, *counts));
    }
    if let Some(workload) = &report.workload {
        text += &section("Workload Metrics");
        text += &workload_lines(workload);
    }
    text
}

/// What went wrong, how the cluster stood, what it logged last, and how to see it again.
pub fn failure(report: &RunReport, colour: bool) -> String {
    failure_in(report, Look::of(colour))
}

fn failure_in(report: &RunReport, look: Look) -> String {
    let mut text = heading("=== Test Failure Report ===", report, look);
    text += &section("Failure Details");
    let bad = report.validations.iter().filter(|v| !matches!(v.verdict, Verdict::Holds { .. }));
    bad.for_each(|v| text += &verdict_line(v.title, &v.verdict, look.paint));
    if let Some((validation, at)) = report.first_violation() {
        text += &section("First Event");
        let index = validation.first_event.map_or("no event".to_owned(), |i| format!("event {i}"));
        text += &format!("- {index} at {at} ({})\n", validation.title);
    }
    text += &section("Cluster State at Failure");
    report.cluster_state.iter().for_each(|line| text += &format!("- {line}\n"));
    if !report.error_log.is_empty() {
        text += &section("Error Log");
        report.error_log.iter().for_each(|line| text += &format!("{line}\n"));
    }
    text += &section("Reproduction Command");
    text += &format!("{}\n", report.reproduction);
    text
}

fn heading(title: &str, report: &RunReport, look: Look) -> String {
    let meters = &report.meters;
    let status = report.status.to_string();
    let status = match report.status {
        Status::Passed => look.paint.good(&status),
        Status::Failed => look.paint.bad(&status),
        Status::Unknown => look.paint.doubtful(&status),
    };
    let real = if look.lasting { String::new() } else { format!(", {:.2}s real", meters.wall_s) };
    let duration = format!("{:.1}s virtual{real}", meters.virtual_s);
    let (id, seed) = (&meters.scenario_id, report.seed);
    format!("{title}\nScenario ID: {id}\nSeed: {seed}\nDuration: {duration}\nStatus: {status}\n")
}

fn section(title: &str) -> String {
    format!("\n{title}:\n")
}

fn action_line(action: &Action, paint: Paint) -> String {
    let mark = match action.outcome {
        ActionOutcome::Done => paint.good("✓"),
        ActionOutcome::NotDone => paint.bad("✗"),
        ActionOutcome::Excused | ActionOutcome::Missed => paint.doubtful("○"),
    };
    let duration = action.duration_s.map(|s| format!("{s:.1}s"));
    let detail = Some(action.detail.clone()).filter(|detail| !detail.is_empty());
    let rest = [duration, detail].into_iter().flatten().collect::<Vec<_>>().join(", ");
    let dash = if rest.is_empty() { "" } else { " - " };
    format!("{mark} {}{dash}{rest}\n", action.text)
}

fn verdict_line(title: &str, verdict: &Verdict, paint: Paint) -> String {
    let mark = match verdict {
        Verdict::Holds { .. } => paint.good("✓"),
        Verdict::Unknown { .. } => paint.doubtful("?"),
        Verdict::Violated { .. } => paint.bad("✗"),
    };
    format!("{mark} {title}: {}\n", verdict.detail())
}

fn resync_line(node: NodeId, counts: Resyncs) -> String {
    let Resyncs { full, partial, links_lost } = counts;
    let lost = words::counted(links_lost.into(), "link");
    format!("- {node}: {full} full and {partial} partial resyncs, {lost} lost\n")
}

fn gap_line(gap: &WriteGap) -> String {
    let WriteGap { seconds, shard, from_s } = gap;
    format!("- Longest Write Gap: {seconds:.1}s (shard {shard}, from {from_s:.1}s on)\n")
}

fn split_brain_line(spread: &Spread) -> String {
    let (slots, longest) = (words::counted(spread.count, "slot"), spread.max_ms as f64 / 1e3);
    format!("- Split Brain: {slots} with two writers, the longest for {longest:.3}s ({spread})\n")
}

fn workload_lines(w: &Workload) -> String {
    let latency = format!(
        "p50 {:.1}ms, p99 {:.1}ms, max {:.1}ms",
        w.latency_ms_p50, w.latency_ms_p99, w.latency_ms_max
    );
    format!(
        "- Operations: {} total\n- Success Rate: {:.1}%\n- Average Latency: {:.1}ms ({latency})\n\
         - Throughput: {:.1} ops/sec\n",
        grouped(w.operations),
        w.success_percent,
        w.latency_ms_average,
        w.throughput_per_s
    ) + &w.write_gap.as_ref().map_or(String::new(), gap_line)
        + &w.split_brain.as_ref().map_or(String::new(), split_brain_line)
}
