//! What the texts of reports are made of: colours, or none, and numbers that can be read.

use owo_colors::OwoColorize;

use crate::words::counted;

/// Colours, or none.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    /// Whether there are colours.
    pub colour: bool,
}

impl Paint {
    /// What is as it should be.
    pub fn good(self, text: &str) -> String {
        if self.colour { text.green().to_string() } else { text.to_owned() }
    }

    /// What is not.
    pub fn bad(self, text: &str) -> String {
        if self.colour { text.red().to_string() } else { text.to_owned() }
    }

    /// What nobody knows.
    pub fn doubtful(self, text: &str) -> String {
        if self.colour { text.yellow().to_string() } else { text.to_owned() }
    }

    /// What is there for orientation only.
    pub fn faint(self, text: &str) -> String {
        if self.colour { text.dimmed().to_string() } else { text.to_owned() }
    }

    /// What somebody asked for.
    pub fn strong(self, text: &str) -> String {
        if self.colour { text.bold().to_string() } else { text.to_owned() }
    }
}

/// A number with a comma between its thousands.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let groups = digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group).into_owned());
    groups.collect::<Vec<_>>().join(",")
}

/// So many of a thing, in the singular if there is one, with a comma between thousands.
pub fn grouped_of(n: u64, noun: &str) -> String {
    counted(n, noun).replacen(&n.to_string(), &grouped(n), 1)
}
