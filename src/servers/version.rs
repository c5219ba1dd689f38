//! Versions of servers, and the specs by which a person asks for one.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The two servers that are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Redis, from before or after the fork.
    Redis,
    /// Valkey.
    Valkey,
}

/// A version's numbers; what follows them (`-rc1`, `+dfsg1-3`) does not count in comparisons.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(Vec<u32>);

/// What is asked for: `8.1`, `8.1.1`, `9`, `valkey-8`, `redis-7.0`. A missing family means Valkey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// The server asked for.
    pub family: Family,
    /// The version's first numbers; none means any version.
    pub version: Version,
}

/// The tools of a server, without its family's name before them.
pub(super) const TOOLS: [&str; 2] = ["cli", "benchmark"];

impl Family {
    /// The names of its tools.
    pub(super) fn tools(self) -> [String; 2] {
        TOOLS.map(|tool| format!("{self}-{tool}"))
    }

    /// As written in specs and names of packages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Family::Redis => "redis",
            Family::Valkey => "valkey",
        }
    }
}

impl Version {
    /// The leading numbers of `text`, or nothing if it does not begin with one.
    pub fn leading(text: &str) -> Option<Version> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let numbers = text[..end].trim_end_matches('.');
        numbers.split('.').map(|n| n.parse().ok()).collect::<Option<_>>().map(Version)
    }

    /// The server's version inside a package's: `5:7.0.15-1~deb12u7` gives 7.0.15.
    pub fn of_package(text: &str) -> Option<Version> {
        Version::leading(text.split_once(':').map_or(text, |(_epoch, rest)| rest))
    }

    /// The first number.
    pub fn major(&self) -> u32 {
        self.0.first().copied().unwrap_or(0)
    }

    /// Whether the shorter of the two is how the longer one begins.
    pub fn agrees(&self, other: &Version) -> bool {
        self.0.iter().zip(&other.0).all(|(a, b)| a == b)
    }
}

impl Spec {
    /// Any version of `family`.
    pub fn any(family: Family) -> Spec {
        Spec { family, version: Version(Vec::new()) }
    }

    /// The series that what is asked for is in: 8.1 for 8.1.8.
    pub fn series(&self) -> Spec {
        const NUMBERS: usize = 2;
        Spec { family: self.family, version: Version(self.version.0.iter().copied().take(NUMBERS).collect()) }
    }

    /// Whether every version of the family will do.
    pub fn is_any(&self) -> bool {
        self.version.0.is_empty()
    }

    /// Whether a server of this family and version is what was asked for.
    pub fn matches(&self, family: Family, version: &Version) -> bool {
        self.family == family && self.version.0.len() <= version.0.len() && self.version.agrees(version)
    }

    /// Whether a series such as 8.1 may hold what was asked for.
    pub fn may_be_in(&self, family: Family, series: &Version) -> bool {
        self.family == family && self.version.agrees(series)
    }
}

impl FromStr for Spec {
    type Err = ();

    fn from_str(text: &str) -> Result<Spec, ()> {
        let (family, numbers) = match text.split_once('-') {
            Some(("valkey", rest)) => (Family::Valkey, rest),
            Some(("redis", rest)) => (Family::Redis, rest),
            _ => (Family::Valkey, text),
        };
        let whole = numbers.bytes().all(|b| b.is_ascii_digit() || b == b'.') && !numbers.ends_with('.');
        let version = Version::leading(numbers).filter(|_| whole).ok_or(())?;
        Ok(Spec { family, version })
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(u32::to_string).collect();
        f.write_str(&numbers.join("."))
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version.0.is_empty() {
            true => write!(f, "any {}", self.family),
            false => write!(f, "{} {}", self.family, self.version),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::leading(text).expect("a version")
    }

    fn spec(text: &str) -> Spec {
        text.parse().expect("a spec")
    }

    #[test]
    fn a_spec_matches_every_version_it_begins() {
        assert!(spec("8.1").matches(Family::Valkey, &version("8.1.8")));
        assert!(spec("valkey-9").matches(Family::Valkey, &version("9.1.2")));
        assert!(spec("redis-7.0").matches(Family::Redis, &version("7.0.15")));
        assert!(!spec("8.1").matches(Family::Valkey, &version("8.10.1")));
        assert!(!spec("8.1.1").matches(Family::Valkey, &version("8.1")));
        assert!(!spec("7.0").matches(Family::Redis, &version("7.0.15")));
        assert!(Spec::any(Family::Valkey).matches(Family::Valkey, &version("9.1.2")));
    }

    #[test]
    fn a_path_is_no_spec() {
        for text in [
            "",
            "/usr/bin/valkey-server",
            "valkey-server",
            "8.1.",
            "8..1",
            "8.1/x",
            "-8",
            "keydb-6",
            "8.1-rc1",
        ] {
            assert_eq!(text.parse::<Spec>(), Err(()), "{text}");
        }
    }

    #[test]
    fn versions_compare_as_numbers() {
        assert!(version("8.1.10") > version("8.1.8"));
        assert!(version("9.0.0-rc1") > version("8.10.2"));
        assert!(version("8.1.1") > version("8.1"));
    }

    #[test]
    fn a_package_version_gives_the_servers() {
        assert_eq!(Version::of_package("5:7.0.15-1~deb12u7"), Some(version("7.0.15")));
        assert_eq!(Version::of_package("8.1.1+dfsg1-3+deb13u3"), Some(version("8.1.1")));
        assert_eq!(Version::of_package("snapshot"), None);
    }

    #[test]
    fn a_series_may_hold_both_narrower_and_wider_specs() {
        for text in ["8", "8.1", "8.1.1"] {
            assert!(spec(text).may_be_in(Family::Valkey, &version("8.1")), "{text}");
        }
        assert!(!spec("8.0").may_be_in(Family::Valkey, &version("8.1")));
    }
}
