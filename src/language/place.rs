//! Where in a scenario something stands, and what is wrong there.
//!
//! A problem knows its path (`chaos[2].shard`) and, once it was found in a text, its line and column. However
//! large or strange the input was, what is shown of it holds no control characters.

use std::fmt;

/// The longest message that is shown whole, in characters.
const LONGEST: usize = 320;

/// One step of a path into a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The value of a key.
    Key(String),
    /// An element of a list, from 0.
    Index(usize),
    /// A key itself, where the way ends: not what stands below it.
    Name(String),
}

/// Where in a scenario something stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The way from the top.
    pub path: Vec<Step>,
    /// Line and column, both from 1, if there is a text.
    pub position: Option<(usize, usize)>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What, in one sentence.
    pub message: String,
    /// What to do about it.
    pub advice: String,
}

impl Place {
    /// The place that a chain of keys leads to.
    pub fn of(keys: &[&str]) -> Place {
        keys.iter().fold(Place::default(), |place, key| place.key(key))
    }

    /// The value of `key` below this place.
    pub fn key(&self, key: &str) -> Place {
        self.below(Step::Key(key.to_owned()))
    }

    /// The `index`-th element (from 0) below this place.
    pub fn index(&self, index: usize) -> Place {
        self.below(Step::Index(index))
    }

    /// The key `key` itself in the keys at this place.
    pub fn name(&self, key: &str) -> Place {
        self.below(Step::Name(key.to_owned()))
    }

    /// A problem here.
    pub fn problem(&self, message: impl Into<String>, advice: impl Into<String>) -> Problem {
        Problem { place: self.clone(), message: message.into(), advice: advice.into() }
    }

    fn below(&self, step: Step) -> Place {
        let path = self.path.iter().cloned().chain([step]).collect();
        Place { path, position: None }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.path.iter().enumerate() {
            match step {
                Step::Key(key) if i == 0 => write!(f, "{key}")?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Name(_) => {}
            }
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((line, column)) = self.place.position {
            write!(f, "{line}:{column}: ")?;
        }
        if !self.place.path.is_empty() {
            write!(f, "{}: ", printable(&self.place.to_string()))?;
        }
        write!(f, "{}\n  {}", printable(&self.message), printable(&self.advice))
    }
}

/// `text` without control characters, and cut if it is long.
fn printable(text: &str) -> String {
    let mut shown: String =
        text.chars().take(LONGEST).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}
