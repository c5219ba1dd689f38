//! Which other version's tool stands in where no source has a version's own, kept so that it stays the same one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::version::Spec;

/// A tool among those of the store, and why it is this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StandIn {
    /// The folder below that of all tools.
    pub folder: String,
    /// The version that it belongs to.
    pub version: String,
    /// Why it stands in, for people.
    pub why: String,
}

/// What was chosen for the tool `name` of `own`, if anything was. What cannot be read was not chosen.
pub(super) fn read(tools: &Path, name: &str, own: &Spec) -> Option<StandIn> {
    serde_json::from_slice(&fs::read(place(tools, name, own)).ok()?).ok()
}

/// Keeps what was chosen, whole whoever else does the same.
pub(super) fn write(tools: &Path, name: &str, own: &Spec, chosen: &StandIn) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(tools)?;
    serde_json::to_writer_pretty(&mut file, chosen)?;
    file.persist(place(tools, name, own)).map(drop).map_err(|error| error.error)
}

fn place(tools: &Path, name: &str, own: &Spec) -> PathBuf {
    tools.join(format!("{name}-{}.stand-in.json", own.version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_chosen_is_read_again_for_this_tool_and_version_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let own: Spec = "8.1.8".parse().expect("a spec");
        let chosen = StandIn {
            folder: "valkey-8.1.1-package".into(),
            version: "8.1.1".into(),
            why: "no source".into(),
        };
        write(folder.path(), "valkey-benchmark", &own, &chosen).expect("written");
        assert_eq!(read(folder.path(), "valkey-benchmark", &own), Some(chosen));
        assert_eq!(read(folder.path(), "valkey-cli", &own), None);
        assert_eq!(read(folder.path(), "valkey-benchmark", &"8.1.1".parse().expect("a spec")), None);
    }
}
