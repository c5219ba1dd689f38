//! `report.json`: the whole report for programs.

use super::RunReport;

/// The report as JSON, indented, with a newline at its end.
pub fn render(report: &RunReport) -> String {
    let mut text =
        serde_json::to_string_pretty(report).expect("a report has only text keys and finite numbers");
    text.push('\n');
    text
}
