//! The summary for a terminal.

use super::{Cause, Summary, counts, duration};
use crate::report::paint::{Paint, grouped, grouped_of};
use crate::words::counted;

/// The summary as text; ends with a newline.
pub fn render(summary: &Summary, colour: bool) -> String {
    let mut text = "=== valkey-fuzzer Campaign ===\n".to_owned();
    let servers: Vec<&str> = summary.servers.keys().map(String::as_str).collect();
    text += &format!("Scenarios: {}\nServers: {}\n", summary.source, servers.join(", "));
    if let Some((first, last)) = summary.seeds {
        text += &format!("Seeds: {first} to {last}\n");
    }
    text += &format!("Runs: {} ({})\n", grouped(summary.runs), counts(summary));
    if let Some(rate) = &summary.failure_rate {
        text += &format!("Failure Rate: {rate}\n");
    }
    if summary.doublechecked > 0 {
        text += &format!("Run twice: {}, all equal\n", grouped(summary.doublechecked));
    }
    text +=
        &format!("Virtual Time: {}, {}\n", duration(summary.virtual_ms), grouped_of(summary.events, "event"));
    if summary.excused_losses > 0 {
        let (lost, runs) = (grouped_of(summary.excused_losses, "write"), grouped(summary.runs_with_losses));
        text += &format!("Excused Losses: {lost} in {runs} of the runs\n");
    }
    text += &format!("Fingerprint: {}\n", summary.fingerprint);
    if !summary.causes.is_empty() {
        let groups = counted(summary.causes.len() as u64, "group");
        text += &format!("\nFailures ({} in {groups}):\n", grouped(summary.failed));
        summary.causes.iter().for_each(|cause| text += &failure(cause, colour));
    }
    if !summary.without_verdict.is_empty() {
        text += "\nWithout Verdict:\n";
        for run in &summary.without_verdict {
            text += &format!("? seed {} on {}: {}\n", run.seed, run.server, run.reason);
        }
    }
    text
}

fn failure(cause: &Cause, colour: bool) -> String {
    let mark = Paint { colour }.bad("✗");
    let servers: Vec<&str> = cause.servers.iter().map(String::as_str).collect();
    let mut text = format!("{mark} {} × {}\n    on {}", cause.count, cause.signature, servers.join(", "));
    text += &format!("; the smallest is seed {} on {}\n", cause.seed, cause.server);
    for line in cause.explanation.iter().flat_map(|explanation| explanation.lines()) {
        text += &format!("    {line}\n");
    }
    if let Some(confirmed) = &cause.confirmed {
        text += &format!("    confirmed by {confirmed} further runs\n");
    }
    if let Some(problem) = &cause.problem {
        text += &format!("    doubtful: {problem}\n");
    }
    if let Some(folder) = &cause.folder {
        text += &format!("    {}\n", folder.display());
    }
    text += &format!("    {}\n", cause.reproduction);
    text
}
