//! The package sources of this machine, read to learn its mirror and the keys that sign it.
//!
//! Both formats of `sources.list(5)` are understood as far as that takes; the system's own lists are never changed.

use std::path::Path;

use super::folder;

const DEBIAN: [&str; 10] = [
    "buster",
    "bullseye",
    "bookworm",
    "trixie",
    "forky",
    "sid",
    "oldstable",
    "stable",
    "testing",
    "unstable",
];
const UBUNTU: [&str; 6] = ["focal", "jammy", "noble", "plucky", "questing", "resolute"];

/// A distribution whose packages can be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Distribution {
    Debian,
    Ubuntu,
}

/// Where a distribution's packages come from, as this machine has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mirror {
    pub uri: String,
    /// The value of `Signed-By`: a file, or a key spelled out over several lines.
    pub signed_by: Option<String>,
}

/// One source of binary packages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Source {
    uri: String,
    suites: Vec<String>,
    components: Vec<String>,
    signed_by: Option<String>,
}

impl Distribution {
    /// As people write it.
    pub const fn name(self) -> &'static str {
        match self {
            Distribution::Debian => "Debian",
            Distribution::Ubuntu => "Ubuntu",
        }
    }

    fn suites(self) -> &'static [&'static str] {
        match self {
            Distribution::Debian => &DEBIAN,
            Distribution::Ubuntu => &UBUNTU,
        }
    }
}

/// The mirror of `distribution` that the sources below `etc_apt` name, if any.
pub(super) fn mirror(etc_apt: &Path, distribution: Distribution) -> Option<Mirror> {
    choose(&all(etc_apt), distribution)
}

fn all(etc_apt: &Path) -> Vec<Source> {
    let parts = folder::sorted(&etc_apt.join("sources.list.d")).unwrap_or_default();
    let files = std::iter::once(etc_apt.join("sources.list")).chain(parts);
    files.flat_map(|file| read(&file)).collect()
}

fn read(file: &Path) -> Vec<Source> {
    let Ok(text) = std::fs::read_to_string(file) else { return Vec::new() };
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("list") => parse_lines(&text),
        Some("sources") => parse_stanzas(&text),
        _ => Vec::new(),
    }
}

/// Prefers an address that ends in the distribution's name: others may borrow its suites' names for their own.
fn choose(sources: &[Source], distribution: Distribution) -> Option<Mirror> {
    let ending = distribution.name().to_lowercase();
    let candidates: Vec<&Source> = sources.iter().filter(|source| source.is_main_of(distribution)).collect();
    let usual = candidates.iter().find(|source| source.uri.trim_end_matches('/').ends_with(&ending));
    usual.or(candidates.first()).map(|s| Mirror { uri: s.uri.clone(), signed_by: s.signed_by.clone() })
}

impl Source {
    fn is_main_of(&self, distribution: Distribution) -> bool {
        let plain = |suite: &str| {
            let suite = suite.trim_end_matches("-updates").trim_end_matches("-backports");
            distribution.suites().contains(&suite)
        };
        self.components.iter().any(|c| c == "main") && self.suites.iter().any(|suite| plain(suite))
    }
}

/// Reads `deb [signed-by=FILE …] URI SUITE COMPONENT…`, one source a line.
fn parse_lines(text: &str) -> Vec<Source> {
    text.lines().filter_map(|line| parse_line(line.split('#').next().unwrap_or_default())).collect()
}

fn parse_line(line: &str) -> Option<Source> {
    let rest = line.trim().strip_prefix("deb")?.strip_prefix([' ', '\t'])?.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']')?,
        None => ("", rest),
    };
    let signed_by = options.split_whitespace().find_map(|option| option.strip_prefix("signed-by="));
    let mut words = rest.split_whitespace().map(str::to_owned);
    Some(Source {
        uri: words.next()?,
        suites: vec![words.next()?],
        components: words.collect(),
        signed_by: signed_by.map(str::to_owned),
    })
}

/// Reads stanzas of `Field: value` (deb822), divided by empty lines.
fn parse_stanzas(text: &str) -> Vec<Source> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    lines.split(|line| line.trim().is_empty()).filter_map(parse_stanza).collect()
}

fn parse_stanza(lines: &[&str]) -> Option<Source> {
    let words = |name: &str| -> Vec<String> {
        field(lines, name).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    };
    let disabled = field(lines, "enabled").is_some_and(|value| value.eq_ignore_ascii_case("no"));
    if disabled || !words("types").iter().any(|kind| kind == "deb") {
        return None;
    }
    let uri = words("uris").into_iter().next()?;
    Some(Source {
        uri,
        suites: words("suites"),
        components: words("components"),
        signed_by: field(lines, "signed-by"),
    })
}

/// A field's value with its continuation lines as they are, which begin with a blank.
fn field(lines: &[&str], name: &str) -> Option<String> {
    let is_it = |line: &&&str| line.split_once(':').is_some_and(|(key, _)| key.eq_ignore_ascii_case(name));
    let start = lines.iter().position(|line| is_it(&line))?;
    let first = lines[start].split_once(':')?.1.trim();
    let more = lines[start + 1..].iter().take_while(|line| line.starts_with([' ', '\t']));
    Some(more.fold(first.to_owned(), |value, line| format!("{value}\n{line}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANZAS: &str = "\
# written by the installer
Types: deb deb-src
# a snapshot
URIs: http://mirror.example/debian http://second.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Enabled: no
Types: deb
URIs: http://disabled.example/debian
Suites: sid
Components: main
";

    fn chosen(sources: &[Source], distribution: Distribution) -> Option<String> {
        choose(sources, distribution).map(|mirror| mirror.uri)
    }

    #[test]
    fn stanzas_give_the_mirror_and_its_keyring() {
        let mirror = choose(&parse_stanzas(STANZAS), Distribution::Debian).expect("a mirror");
        assert_eq!(mirror.uri, "http://mirror.example/debian");
        assert_eq!(mirror.signed_by.as_deref(), Some("/usr/share/keyrings/debian-archive-keyring.gpg"));
        assert_eq!(chosen(&parse_stanzas(STANZAS), Distribution::Ubuntu), None);
    }

    #[test]
    fn a_key_spelled_out_is_kept_line_by_line() {
        let text = "Types: deb\nURIs: http://m.example/ubuntu/\nSuites: noble noble-updates\n\
                    Components: main universe\nSigned-By:\n -----BEGIN PGP\n .\n mQINB\n -----END PGP\n";
        let mirror = choose(&parse_stanzas(text), Distribution::Ubuntu).expect("a mirror");
        assert_eq!(mirror.signed_by.as_deref(), Some("\n -----BEGIN PGP\n .\n mQINB\n -----END PGP"));
    }

    #[test]
    fn lines_give_the_mirror_and_its_keyring() {
        let text = "# deb http://old.example/debian sid main\n\
                    deb [arch=amd64] http://third.example/debian bookworm stable\n\
                    deb-src http://mirror.example/debian trixie main\n\
                    deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian trixie-updates main # ours\n";
        let mirror = choose(&parse_lines(text), Distribution::Debian).expect("a mirror");
        let expected =
            Mirror { uri: "http://mirror.example/debian".to_owned(), signed_by: Some("/k.gpg".to_owned()) };
        assert_eq!(mirror, expected);
    }

    #[test]
    fn an_address_named_after_the_distribution_goes_first() {
        let text =
            "deb http://other.example/apt bookworm main\ndeb http://mirror.example/debian/ bookworm main\n";
        assert_eq!(
            chosen(&parse_lines(text), Distribution::Debian).as_deref(),
            Some("http://mirror.example/debian/")
        );
        let text = "deb mirror+file:/etc/apt/mirrors/debian.list bookworm main\n";
        assert_eq!(
            chosen(&parse_lines(text), Distribution::Debian).as_deref(),
            Some("mirror+file:/etc/apt/mirrors/debian.list")
        );
    }

    #[test]
    fn broken_sources_are_no_sources() {
        for text in ["deb", "deb ", "deb [arch=amd64 http://x", "deb http://x", "garbage"] {
            assert_eq!(parse_lines(text), [], "{text}");
            assert_eq!(parse_stanzas(text), [], "{text}");
        }
    }
}
