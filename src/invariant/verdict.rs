//! What an invariant answers: it holds, it is violated, or nobody can know.
//!
//! The three values merge as in jepsen's checkers: violated beats unknown beats holds. So evidence that is missing
//! in one place can never hide a violation found in another, and never passes for a property that was checked.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::time::SimTime;

/// The answer of an invariant, with its reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// It was checked and is so.
    Holds {
        /// What was measured.
        detail: String,
    },
    /// It could not be checked.
    Unknown {
        /// What is missing.
        detail: String,
    },
    /// It is not so.
    Violated {
        /// What is wrong, and where.
        detail: String,
        /// When it first was wrong as far as the evidence tells: the place in the log to look at.
        first_event_hint: SimTime,
        /// The event that broke it, where that is known exactly.
        event: Option<u64>,
    },
}

impl Verdict {
    /// It was checked and is so.
    pub fn holds(detail: impl Into<String>) -> Self {
        Verdict::Holds { detail: detail.into() }
    }

    /// It could not be checked.
    pub fn unknown(detail: impl Into<String>) -> Self {
        Verdict::Unknown { detail: detail.into() }
    }

    /// It is not so, first at `at`.
    pub fn violated(at: SimTime, detail: impl Into<String>) -> Self {
        Verdict::Violated { detail: detail.into(), first_event_hint: at, event: None }
    }

    /// It is not so, and this event broke it.
    pub fn broken_by((at, event): (SimTime, u64), detail: impl Into<String>) -> Self {
        Verdict::Violated { detail: detail.into(), first_event_hint: at, event: Some(event) }
    }

    /// The reason.
    pub fn detail(&self) -> &str {
        match self {
            Verdict::Holds { detail } | Verdict::Unknown { detail } | Verdict::Violated { detail, .. } => {
                detail
            }
        }
    }

    /// The word for logs and reports.
    pub fn name(&self) -> &'static str {
        match self {
            Verdict::Holds { .. } => "holds",
            Verdict::Unknown { .. } => "unknown",
            Verdict::Violated { .. } => "violated",
        }
    }

    /// Whether a violation was found.
    pub fn is_violated(&self) -> bool {
        matches!(self, Verdict::Violated { .. })
    }

    /// Whether nobody can know.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Verdict::Unknown { .. })
    }

    fn rank(&self) -> u8 {
        match self {
            Verdict::Holds { .. } => 0,
            Verdict::Unknown { .. } => 1,
            Verdict::Violated { .. } => 2,
        }
    }

    /// Both must hold: the worse one wins, equals are told together, and the earlier hint is kept.
    pub fn merge(self, other: Verdict) -> Verdict {
        if self.rank() != other.rank() {
            return if self.rank() > other.rank() { self } else { other };
        }
        let detail = [self.detail(), other.detail()].map(str::to_owned);
        let detail = detail.into_iter().filter(|d| !d.is_empty()).collect::<Vec<_>>().join("; ");
        match (self, other) {
            (
                Verdict::Violated { first_event_hint: a, event: x, .. },
                Verdict::Violated { first_event_hint: b, event: y, .. },
            ) => Verdict::Violated { detail, first_event_hint: a.min(b), event: if b < a { y } else { x } },
            (Verdict::Unknown { .. }, _) => Verdict::unknown(detail),
            _ => Verdict::holds(detail),
        }
    }

    /// All of them must hold; without any, it holds with nothing to say.
    pub fn all(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
        verdicts.into_iter().fold(Verdict::holds(""), Verdict::merge)
    }
}

/// Reasons collected while something is checked: what is wrong, and what could not be seen.
#[derive(Debug, Default)]
pub(super) struct Findings {
    wrong: Vec<(SimTime, Option<u64>, String)>,
    missing: Vec<String>,
}

/// How many reasons are spelled out before the rest is only counted.
const SPELLED_OUT: usize = 5;

impl Findings {
    /// Something is not as it must be, since `at`.
    pub fn wrong(&mut self, at: SimTime, what: impl Into<String>) {
        self.wrong.push((at, None, what.into()));
    }

    /// Something is not as it must be, and this event broke it.
    pub fn broken_by(&mut self, (at, event): (SimTime, u64), what: impl Into<String>) {
        self.wrong.push((at, Some(event), what.into()));
    }

    /// Something could not be checked.
    pub fn missing(&mut self, what: impl Into<String>) {
        self.missing.push(what.into());
    }

    /// The verdict over everything collected; `otherwise` says what was measured if nothing was.
    pub fn verdict(self, otherwise: impl FnOnce() -> String) -> Verdict {
        let first = self.wrong.iter().map(|(at, event, _)| (*at, *event)).min_by_key(|(at, _)| *at);
        if let Some((first_event_hint, event)) = first {
            let detail = listed(self.wrong.into_iter().map(|(.., what)| what));
            return Verdict::Violated { detail, first_event_hint, event };
        }
        if !self.missing.is_empty() {
            return Verdict::unknown(listed(self.missing.into_iter()));
        }
        Verdict::holds(otherwise())
    }
}

/// The first few of `items`, each once and with its count, and how many more there are.
pub(super) fn listed(items: impl Iterator<Item = String>) -> String {
    let mut counted: Vec<(String, u64)> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for item in items {
        let place = *places.entry(item.clone()).or_insert(counted.len());
        match counted.get_mut(place) {
            Some((_, count)) => *count += 1,
            None => counted.push((item, 1)),
        }
    }
    let told = counted.iter().take(SPELLED_OUT).map(|(item, count)| match count {
        1 => item.clone(),
        count => format!("{item} ({count} times)"),
    });
    let mut text = told.collect::<Vec<_>>().join("; ");
    let more: u64 = counted.iter().skip(SPELLED_OUT).map(|(_, count)| count).sum();
    if more > 0 {
        text.push_str(&format!("; and {more} more"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violation_beats_what_is_unknown_and_that_beats_what_holds() {
        let holds = || Verdict::holds("fine");
        let unknown = || Verdict::unknown("no answer");
        let violated = |s| Verdict::violated(SimTime::from_ns(s), format!("broken {s}"));
        assert_eq!(holds().merge(unknown()), unknown());
        assert_eq!(violated(1).merge(unknown()), violated(1));
        assert_eq!(unknown().merge(violated(1)), violated(1));
        let both = violated(2).merge(violated(1));
        assert_eq!(both, Verdict::violated(SimTime::from_ns(1), "broken 2; broken 1"));
    }

    #[test]
    fn what_is_found_again_and_again_is_told_once_with_its_count() {
        let items = ["a", "b", "a", "a", "c"].map(str::to_owned);
        assert_eq!(listed(items.into_iter()), "a (3 times); b; c");
    }

    #[test]
    fn long_lists_of_reasons_are_cut_and_counted() {
        let mut findings = Findings::default();
        (1..=7).for_each(|n| findings.wrong(SimTime::from_ns(n), n.to_string()));
        let verdict = findings.verdict(String::new);
        assert_eq!(verdict, Verdict::violated(SimTime::from_ns(1), "1; 2; 3; 4; 5; and 2 more"));
    }
}
