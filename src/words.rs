//! What every message is made of, whoever writes it: counted things, and command lines that a shell reads as meant.
//!
//! A command line that is printed is one that somebody types: a blank in a path or a name that begins with a hyphen
//! must not make it another one.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt;
use std::path::Path;

/// So many of a thing, in the singular if there is one: `1 operation`, `2 operations`.
pub fn counted(count: u64, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{ending}")
}

/// The word of `allowed` that `found` is most likely meant to be, if one is near.
pub fn nearest<'a>(found: &str, allowed: &[&'a str]) -> Option<&'a str> {
    let found: String = found.chars().take(40).flat_map(char::to_lowercase).collect();
    let near = |word: &&str| strsim::damerau_levenshtein(&found, word);
    let best = allowed.iter().copied().min_by_key(|word| near(word))?;
    (near(&best) <= 1 + best.len() / 4).then_some(best)
}

/// What is said where no temporary folder can be had: where it was tried, and how to have it elsewhere.
pub fn no_temporary_folder() -> String {
    format!("cannot make a folder in {}; TMPDIR names another place", std::env::temp_dir().display())
}

/// A command line of this program in the making.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandLine(Vec<String>);

impl CommandLine {
    /// The program with a subcommand.
    pub fn of(subcommand: &str) -> Self {
        CommandLine(vec!["valkey-fuzzer".to_owned(), subcommand.to_owned()])
    }

    /// The program with the arguments that somebody gave it.
    pub fn typed<'a>(arguments: impl IntoIterator<Item = &'a OsStr>) -> Self {
        arguments.into_iter().fold(CommandLine(vec!["valkey-fuzzer".to_owned()]), |line, word| {
            line.word(&word.to_string_lossy())
        })
    }

    /// Adds a word.
    pub fn word(mut self, word: &str) -> Self {
        self.0.push(shlex::try_quote(word).map_or_else(|_| word.to_owned(), Cow::into_owned));
        self
    }

    /// Adds a file that is no value of an option, and must not be taken for one itself.
    pub fn file(self, file: &Path) -> Self {
        let name = file.to_string_lossy();
        if name.starts_with('-') { self.word(&format!("./{name}")) } else { self.word(&name) }
    }

    /// Adds an option with its value. A value that begins with a hyphen is bound to its name.
    pub fn option(self, name: &str, value: impl fmt::Display) -> Self {
        match value.to_string() {
            value if value.starts_with('-') => self.word(&format!("{name}={value}")),
            value => self.word(name).word(&value),
        }
    }

    /// Adds an option with its value, if there is one.
    pub fn maybe(self, name: &str, value: Option<impl fmt::Display>) -> Self {
        match value {
            Some(value) => self.option(name, value),
            None => self,
        }
    }
}

impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_in_the_singular() {
        assert_eq!([0, 1, 2].map(|n| counted(n, "run")), ["0 runs", "1 run", "2 runs"]);
    }

    #[test]
    fn a_command_line_is_split_into_the_words_it_was_made_of() {
        let odd = ["with blank", "it's", "$HOME", "a;b", "", "*"];
        let line = odd.iter().fold(CommandLine::of("run"), |line, word| line.word(word)).to_string();
        assert_eq!(shlex::split(&line).expect("it can be split")[2..], odd);
    }

    #[test]
    fn what_begins_with_a_hyphen_is_no_option() {
        let line = CommandLine::of("run").file(Path::new("-x.yaml")).option("--server", "-odd");
        assert_eq!(line.to_string(), "valkey-fuzzer run ./-x.yaml '--server=-odd'");
    }
}
