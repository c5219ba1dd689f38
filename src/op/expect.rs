//! The answer that a plan wants to a command.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The answer that a plan wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Expect {
    /// Anything but an error.
    Ok,
    /// An error.
    Error,
    /// Any answer at all.
    Any,
    /// One whose text, or whose error, begins like this.
    Begins(String),
}

impl From<String> for Expect {
    fn from(text: String) -> Self {
        match text.as_str() {
            "ok" => Expect::Ok,
            "error" => Expect::Error,
            "any" => Expect::Any,
            _ => Expect::Begins(text),
        }
    }
}

impl From<Expect> for String {
    fn from(expect: Expect) -> Self {
        expect.to_string()
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Expect::Ok => "ok",
            Expect::Error => "error",
            Expect::Any => "any",
            Expect::Begins(text) => text,
        })
    }
}
