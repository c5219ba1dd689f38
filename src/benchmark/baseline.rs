//! Reads the `bench.json` of an earlier benchmark, and finds what may be compared with it.

use std::fs;
use std::io;
use std::path::Path;

use super::results::{FORMAT, Results, ScenarioIdentity, VariantResults};

/// Why a benchmark cannot be compared with an earlier one.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// The file cannot be read.
    #[error("the baseline {name} cannot be read: {source}")]
    Unreadable {
        /// The file.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// It holds something else.
    #[error("the baseline {name} is no bench.json: {why}")]
    Foreign {
        /// The file.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// Another version of the tool wrote it.
    #[error(
        "the baseline {name} has format {format}, and this version reads format {FORMAT} only: make it anew"
    )]
    Format {
        /// The file.
        name: String,
        /// The format it says it has.
        format: String,
    },
    /// It is a benchmark of something else.
    #[error(
        "the baseline is of another scenario ({was}, sha256 {was_sha256:.12}) than this benchmark ({is})"
    )]
    Scenario {
        /// The baseline's scenario.
        was: String,
        /// Its digest.
        was_sha256: String,
        /// This one's.
        is: String,
    },
    /// It has several variants, and none is this one.
    #[error("the baseline has no variant `{label}`; it has {}", .has.join(", "))]
    Variant {
        /// The variant that is to be compared.
        label: String,
        /// Those of the baseline.
        has: Vec<String>,
    },
}

/// Reads a file.
pub fn read(path: &Path) -> Result<Results, BaselineError> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path)
        .map_err(|source| BaselineError::Unreadable { name: name.clone(), source })?;
    parse(&name, &text)
}

fn parse(name: &str, text: &str) -> Result<Results, BaselineError> {
    let foreign = |why: String| BaselineError::Foreign { name: name.to_owned(), why };
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| foreign(error.to_string()))?;
    match value.get("format") {
        None => return Err(foreign("it names no format".to_owned())),
        Some(format) if format.as_u64() == Some(FORMAT) => {}
        Some(format) => {
            return Err(BaselineError::Format { name: name.to_owned(), format: format.to_string() });
        }
    }
    serde_json::from_value(value).map_err(|error| foreign(error.to_string()))
}

/// The variant of a baseline that the one called `label` is compared with: its only one, or the one that is called alike.
pub fn counterpart<'b>(
    baseline: &'b Results,
    scenario: &ScenarioIdentity,
    label: &str,
) -> Result<&'b VariantResults, BaselineError> {
    if baseline.scenario.sha256 != scenario.sha256 {
        return Err(BaselineError::Scenario {
            was: baseline.scenario.name.clone(),
            was_sha256: baseline.scenario.sha256.clone(),
            is: scenario.name.clone(),
        });
    }
    match baseline.variants.as_slice() {
        [only] => Ok(only),
        several => several.iter().find(|variant| variant.label == label).ok_or_else(|| {
            let has = several.iter().map(|variant| variant.label.clone()).collect();
            BaselineError::Variant { label: label.to_owned(), has }
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::results::sample::{results, variant};
    use super::*;
    use crate::convergence::Metric;

    fn sample() -> Results {
        results(vec![variant("valkey 8.1.8", Metric::Fail, &[1, 2], 0), variant("b", Metric::Fail, &[], 2)])
    }

    fn error(text: &str) -> String {
        parse("b.json", text).expect_err("it is bad").to_string()
    }

    #[test]
    fn what_was_written_is_read() {
        let results = sample();
        assert_eq!(parse("b.json", &results.to_json()).expect("it is good"), results);
    }

    #[test]
    fn what_is_no_baseline_is_refused_by_its_name() {
        assert!(error("{").starts_with("the baseline b.json is no bench.json: EOF"), "{}", error("{"));
        assert!(error("[]").ends_with("it names no format"));
        assert!(error("{\"format\": 1}").contains("missing field"));
        assert!(error("{\"format\": 7}").contains("has format 7, and this version reads format 1 only"));
        assert!(error("{\"format\": \"new\"}").contains("has format \"new\""));
        let missing = read(Path::new("/no/such/bench.json")).expect_err("there is none").to_string();
        assert!(missing.starts_with("the baseline /no/such/bench.json cannot be read"), "{missing}");
    }

    #[test]
    fn a_variant_is_compared_with_its_like() {
        let baseline = sample();
        let of = |label| counterpart(&baseline, &baseline.scenario, label);
        assert_eq!(of("b").expect("it is there").label, "b");
        let none = of("c").expect_err("there is no c").to_string();
        assert_eq!(none, "the baseline has no variant `c`; it has valkey 8.1.8, b");
        let single = results(vec![variant("old", Metric::Fail, &[3], 0)]);
        assert_eq!(counterpart(&single, &single.scenario, "c").expect("its only one").label, "old");
    }

    #[test]
    fn another_scenario_is_refused() {
        let baseline = sample();
        let other = ScenarioIdentity { name: "another".to_owned(), sha256: "cd".to_owned() };
        let refused = counterpart(&baseline, &other, "b").expect_err("it is another").to_string();
        assert!(refused.contains("(a scenario, sha256 ab)") && refused.contains("(another)"), "{refused}");
    }
}
