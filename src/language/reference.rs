//! The part of the language's reference that a list of kinds makes: a section a kind, with its keys and an example.

use std::fmt::Write;

use super::{Form, Key};

/// What the reference tells of a kind.
#[derive(Clone, Debug)]
pub struct About {
    /// Its name, as in a scenario.
    pub name: &'static str,
    /// What it does, in a sentence or two.
    pub about: &'static str,
    /// Its own keys, without those that all entries of the list have.
    pub keys: Vec<Key>,
    /// An entry that can be run.
    pub example: &'static str,
}

/// What the reference tells of several kinds.
pub fn sections(list: &str, kinds: &[About]) -> String {
    kinds.iter().map(|kind| section(list, kind)).collect::<Vec<_>>().join("\n")
}

/// The section of a kind: what it does, a table of its keys, and the example below the list's name.
fn section(list: &str, kind: &About) -> String {
    let About { name, about, keys, example } = kind;
    format!("### `{name}`\n\n{about}\n\n{}\n```yaml\n{list}:\n{}\n```\n", table(keys), indented(example))
}

/// A table of keys.
pub fn table(keys: &[Key]) -> String {
    if keys.is_empty() {
        return String::new();
    }
    let mut text = "| key | value | |\n|---|---|---|\n".to_owned();
    for key in keys {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "| `{}` | {} | {} |", key.name, key.form.in_words(), key.about);
    }
    text
}

fn indented(example: &str) -> String {
    let lines = example.trim().lines().enumerate();
    let line = |(index, line): (usize, &str)| match index {
        0 => format!("  - {line}"),
        _ => format!("    {line}"),
    };
    lines.map(line).collect::<Vec<_>>().join("\n")
}

impl Form {
    /// What may stand there, for the reference.
    fn in_words(self) -> String {
        match self {
            Form::Seconds => "seconds, from 0".to_owned(),
            Form::Duration => "seconds, from 0.001".to_owned(),
            Form::Whole(_, u64::MAX) => "a whole number".to_owned(),
            Form::Whole(least, most) => format!("{least} to {most}"),
            Form::Flag => "`true` or `false`".to_owned(),
            Form::Node => "a node, from 1".to_owned(),
            Form::Shard => "a shard, from 1".to_owned(),
            Form::Word(words) => alternatives(&words()),
            Form::Words(words) => format!("a list of {}", alternatives(&words())),
            Form::Text => "a text".to_owned(),
            Form::Version => "a version in quotes".to_owned(),
            Form::Texts => "a list of texts".to_owned(),
            Form::Directives => "directives with their values".to_owned(),
            Form::Nodes => "a list of nodes".to_owned(),
            Form::Shards => "a list of shards".to_owned(),
            Form::Side => "a list of nodes and `clients`".to_owned(),
            Form::Slots => "a slot, a range as in `100-200`, or a list of both".to_owned(),
            Form::Latency => "`{min: ms, max: ms}`".to_owned(),
            Form::Keys => "keys of its own".to_owned(),
        }
    }
}

fn alternatives(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
