//! The summary as JUnit XML: a test case for every run, a suite for every server.

use std::collections::BTreeMap;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::Summary;
use crate::campaign::line::{RunLine, RunStatus};

/// The runs of a campaign as JUnit XML.
pub fn render<'a>(summary: &Summary, lines: impl Iterator<Item = &'a RunLine>) -> String {
    let mut suites: BTreeMap<&str, TestSuite> = BTreeMap::new();
    for line in lines {
        let suite = suites.entry(&line.server).or_insert_with(|| TestSuite::new(line.server.as_str()));
        suite.add_test_case(case(line, &summary.source));
    }
    let mut report = Report::new("valkey-fuzzer");
    report.add_test_suites(suites.into_values());
    report.to_string().expect("a report without invalid names can be written")
}

fn case(line: &RunLine, source: &str) -> TestCase {
    let (status, kind) = match line.status {
        RunStatus::Passed => (TestCaseStatus::success(), ""),
        RunStatus::Failed => (TestCaseStatus::non_success(NonSuccessKind::Failure), "violated"),
        RunStatus::Unknown => (TestCaseStatus::skipped(), "not judged"),
        RunStatus::Error => (TestCaseStatus::non_success(NonSuccessKind::Error), "not run"),
    };
    let mut case = TestCase::new(format!("seed {}", line.seed), status);
    case.set_classname(source);
    let signature = line.signature.as_ref().map(ToString::to_string);
    if let Some(message) = signature.or_else(|| line.reason.clone()) {
        case.status.set_message(message);
        case.status.set_type(kind);
    }
    case
}
