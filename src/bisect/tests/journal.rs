//! An interrupted search goes on where it was, and a journal is believed only if it answers the same question.

use std::fs;
use std::path::Path;

use super::super::{
    Answer, Journal, JournalError, Journalled, OtherQuestion, Prober, Search, ddmin, turning_point,
};
use super::{Judge, judge, known};

fn open(path: &Path) -> Journal {
    Journal::open(path, "which event", OtherQuestion::Refuse).expect("the journal opens")
}

/// Searches with a journal and little patience, until it is through: how often it was begun, every candidate that was run,
/// and the result.
fn with_interruptions<C: Clone + Ord, R>(
    patience: usize,
    jobs: usize,
    world: impl Fn(&C) -> Answer + Copy,
    key: impl Fn(&C) -> String + Copy,
    search: impl Fn(&mut dyn Prober<C, Error = anyhow::Error>) -> anyhow::Result<R>,
) -> (usize, Judge<C, impl Fn(&C) -> Answer>, R) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal.jsonl");
    let mut all = judge(jobs, world);
    for begun in 1.. {
        let mut world = judge(jobs, world);
        world.patience = patience;
        let found = search(&mut Journalled::new(&mut world, open(&path), key));
        all.seen.append(&mut world.seen);
        assert_eq!(open(&path).answers_count(), all.seen.len());
        match found {
            Ok(found) => return (begun, all, found),
            Err(error) => assert_eq!(error.to_string(), "interrupted"),
        }
    }
    unreachable!("there is a number for every begin")
}

#[test]
fn a_turning_point_interrupted_anywhere_is_the_same_and_asks_nothing_twice() {
    for jobs in [1, 3] {
        let world = |at: &usize| match at {
            150..160 => Answer::Unknown("the world failed".to_owned()),
            at => known(*at >= 160),
        };
        let whole =
            turning_point(200, judge(jobs, world), Search::default(), &mut |_| {}).expect("it fails at n");
        for patience in jobs..=whole.probes {
            let search = |prober: &mut dyn Prober<usize, Error = anyhow::Error>| {
                turning_point(200, prober, Search::default(), &mut |_| {})
            };
            let (begun, all, found) = with_interruptions(patience, jobs, world, usize::to_string, search);
            assert_eq!(found, whole);
            assert_eq!(all.seen.len(), whole.probes);
            assert!(all.asked_nothing_twice() && (begun > 1) == (patience < whole.probes));
        }
    }
}

#[test]
fn a_minimal_cause_interrupted_anywhere_is_the_same_and_asks_nothing_twice() {
    let items: Vec<u32> = (0..30).collect();
    let world = |set: &Vec<u32>| known([4, 11, 25].iter().all(|cause| set.contains(cause)));
    let whole = ddmin(&items, judge(2, world), usize::MAX, &mut |_| {}).expect("it fails");
    assert_eq!(whole.items, [4, 11, 25]);
    for patience in 2..=whole.probes {
        let search = |prober: &mut dyn Prober<Vec<u32>, Error = anyhow::Error>| {
            ddmin(&items, prober, usize::MAX, &mut |_| {})
        };
        let (_, all, found) = with_interruptions(patience, 2, world, |set| format!("{set:?}"), search);
        assert_eq!(found, whole);
        assert!(all.asked_nothing_twice());
    }
}

#[test]
fn a_journal_cut_off_at_any_byte_loses_its_last_line_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal.jsonl");
    let mut prober = Journalled::new(judge(4, |at: &u64| known(*at > 1)), open(&path), u64::to_string);
    prober.probe(&[1, 2, 2]).expect("answers");
    let text = fs::read_to_string(&path).expect("a journal");
    expect_test::expect![[r#"
        {"journal":1,"question":"which event"}
        {"key":"1","answer":"passes"}
        {"key":"2","answer":"fails"}
    "#]]
    .assert_eq(&text);
    for cut in 0..=text.len() {
        fs::write(&path, &text[..cut]).expect("written");
        let whole = text[..cut].matches('\n').count().saturating_sub(1);
        assert_eq!(open(&path).answers_count(), whole);
        let mut prober = Journalled::new(judge(4, |at: &u64| known(*at > 1)), open(&path), u64::to_string);
        prober.probe(&[1, 2]).expect("answers");
        assert_eq!(fs::read_to_string(&path).expect("a journal"), text, "cut at {cut}");
    }
}

#[test]
fn a_journal_of_another_question_is_refused_or_begun_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal.jsonl");
    Journalled::new(judge(1, |_: &u64| Answer::Fails), open(&path), u64::to_string)
        .probe(&[7])
        .expect("an answer");
    let refused = Journal::open(&path, "another", OtherQuestion::Refuse).expect_err("another question");
    assert!(matches!(refused, JournalError::OtherQuestion { ref found, .. } if found == "which event"));
    assert_eq!(open(&path).answers_count(), 1);
    let begun = Journal::open(&path, "another", OtherQuestion::Restart).expect("it begins");
    assert_eq!(begun.answers_count(), 0);
    Journal::open(&path, "another", OtherQuestion::Refuse).expect("its own question");
}

#[test]
fn what_is_no_journal_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("journal.jsonl");
    let header = r#"{"journal":1,"question":"which event"}"#;
    let line = r#"{"key":"1","answer":"fails"}"#;
    for (text, wrong) in [
        ("a letter".to_owned(), "line 1 of"),
        ("a letter\n".to_owned(), "line 1 of"),
        (r#"{"journal":2,"question":"which event"}"#.to_owned() + "\n", "format 2 is not known"),
        (format!("{header}\nspilt ink\n{line}\n"), "line 2 of"),
    ] {
        for other in [OtherQuestion::Refuse, OtherQuestion::Restart] {
            fs::write(&path, &text).expect("written");
            let error = Journal::open(&path, "which event", other).expect_err("no journal").to_string();
            assert!(error.contains(wrong), "{error}");
            assert_eq!(fs::read_to_string(&path).expect("a file"), text);
        }
    }
}
