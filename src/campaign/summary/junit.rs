//! The summary as JUnit XML: a test case for every run, a suite for every server.

use std::collections::BTreeMap;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::campaign::line::{RunLine, RunStatus};

/// The runs of a campaign as JUnit XML; `scenario` names what each of them ran. Times are virtual.
pub fn render<'a>(lines: impl Iterator<Item = &'a RunLine>, scenario: impl Fn(&RunLine) -> String) -> String {
    let mut suites: BTreeMap<&str, TestSuite> = BTreeMap::new();
    for line in lines {
        let suite = suites.entry(&line.server).or_insert_with(|| TestSuite::new(line.server.as_str()));
        suite.add_test_case(case(line, scenario(line)));
    }
    let mut report = Report::new("valkey-fuzzer");
    report.add_test_suites(suites.into_values());
    report.to_string().expect("a report without invalid names can be written")
}

fn case(line: &RunLine, scenario: String) -> TestCase {
    let (status, kind) = match line.status {
        RunStatus::Passed => (TestCaseStatus::success(), ""),
        RunStatus::Failed => (TestCaseStatus::non_success(NonSuccessKind::Failure), "violated"),
        RunStatus::Unknown => (TestCaseStatus::skipped(), "not judged"),
        RunStatus::Error => (TestCaseStatus::non_success(NonSuccessKind::Error), "not run"),
    };
    let mut case = TestCase::new(format!("seed {}", line.seed), status);
    case.set_classname(scenario).set_time(Duration::from_millis(line.virtual_ms));
    let signature = line.signature.as_ref().map(ToString::to_string);
    if let Some(message) = signature.or_else(|| line.reason.clone()) {
        case.status.set_message(message);
        case.status.set_type(kind);
    }
    case
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Overrides, generate, resolve};

    #[test]
    fn a_case_has_its_scenarios_name_and_its_virtual_time() {
        let plan = resolve(&generate(7, &Overrides::default()), None).expect("a generated plan");
        let line = RunLine { virtual_ms: 12_345, ..RunLine::error(&plan, "9.1.2", "why".to_owned()) };
        let text = render([&line].into_iter(), |line| format!("scenario of {}", line.seed));
        for part in ["classname=\"scenario of 7\"", "time=\"12.345\"", "name=\"seed 7\"", "message=\"why\""] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
