//! The summary as Markdown, fit for the step summary of a workflow.

use super::{Cause, Summary, counts, duration};
use crate::report::paint::{grouped, grouped_of};

/// The summary as Markdown; ends with a newline.
pub fn render(summary: &Summary) -> String {
    let verdict = match (summary.failed, summary.unknown + summary.errors) {
        (0, 0) => "✅ everything holds",
        (0, _) => "⚠️ not everything was judged",
        _ => "❌ violations",
    };
    let servers: Vec<String> =
        summary.servers.iter().map(|(label, sha256)| format!("{label} (`{}`)", &sha256[..12])).collect();
    let mut text = format!("## valkey-fuzzer: {verdict}\n\n| | |\n|---|---|\n");
    text += &row("runs", &format!("{}: {}", grouped(summary.runs), counts(summary)));
    if let Some(rate) = &summary.failure_rate {
        text += &row("failure rate", rate);
    }
    text += &row("scenarios", &cell(&summary.source));
    text += &row("servers", &servers.join(", "));
    if let Some((first, last)) = summary.seeds {
        text += &row("seeds", &format!("{first} to {last}"));
    }
    text += &row(
        "virtual time",
        &format!("{}, {}", duration(summary.virtual_ms), grouped_of(summary.events, "event")),
    );
    text += &row("run twice", &format!("{}, all equal", grouped(summary.doublechecked)));
    let (lost, runs) = (grouped(summary.excused_losses), grouped(summary.runs_with_losses));
    text += &row("writes lost lawfully", &format!("{lost} in {runs} of the runs"));
    text += &row("fingerprint", &format!("`{}`", summary.fingerprint));
    if !summary.causes.is_empty() {
        text += "\n| failures | what | servers | smallest |\n|---:|---|---|---|\n";
        summary.causes.iter().for_each(|cause| text += &line(cause));
        summary.causes.iter().for_each(|cause| text += &details(cause));
    }
    if !summary.without_verdict.is_empty() {
        text += "\n| without verdict | why |\n|---|---|\n";
        for run in &summary.without_verdict {
            text += &row(&format!("seed {} on {}", run.seed, run.server), &cell(&run.reason));
        }
    }
    text
}

fn row(name: &str, value: &str) -> String {
    format!("| {name} | {value} |\n")
}

/// Text that cannot break its cell.
fn cell(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;").replace(['\n', '\r'], " ")
}

fn line(cause: &Cause) -> String {
    let servers: Vec<&str> = cause.servers.iter().map(String::as_str).collect();
    let what = cell(&cause.signature.to_string());
    format!(
        "| {} | {what} | {} | seed {} on {} |\n",
        cause.count,
        servers.join(", "),
        cause.seed,
        cause.server
    )
}

fn details(cause: &Cause) -> String {
    let mut text = format!("\n<details><summary>{}</summary>\n\n", cell(&cause.signature.to_string()));
    let body = cause.explanation.as_deref().or(cause.problem.as_deref()).unwrap_or("not looked into");
    // A fence longer than any in the text cannot be closed by it.
    text +=
        &format!("`````text\n{}\n{}\n`````\n", body.trim_end().replace("`````", "'''''"), cause.reproduction);
    text + "\n</details>\n"
}
