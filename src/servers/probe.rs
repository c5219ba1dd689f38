//! Sees through a wrapper script to the server it executes, so that the simulation can start that one directly.
//!
//! The script runs once with `--version` and the preload library in its probe mode: every program it starts leaves a
//! record, named after its process, before its `main`. A wrapper ends in `exec`, so the server is the last program of
//! the script's own process; what the script forks on the way (`$(basename $0)`) has other process ids.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::command::{self, Finished};
use super::elf;
use super::error::Reason;
use super::folder::{self, file_name};
use super::libc_version;
use super::record::{Loaded, Record, is_loader, loaded};
use super::server::{Launch, Loader};
use crate::scratch::ScratchFolder;
use crate::shim::page::PROBE_VARIABLE;

const LIMIT: Duration = Duration::from_secs(20);

/// Runs the script at `path` and finds out what it starts, and how.
pub(super) fn resolve_script(path: &Path, shim: Option<&Path>) -> Result<Launch, Reason> {
    let shim = shim.ok_or_else(|| unresolved("it takes the preload library to follow it"))?;
    let records = ScratchFolder::new()?;
    let finished = run_script(path, shim, records.path())?;
    let text = last_record(records.path(), finished.pid)?
        .ok_or_else(|| unresolved("the preload library did not come alive in it"))?;
    let record =
        Record::parse(&text).ok_or_else(|| unresolved("the preload library left a garbled record"))?;
    if !finished.status.success() {
        return Err(unresolved(&format!("with --version it ends so: {}", finished.telling_line())));
    }
    if record.still_interprets(path) {
        return Err(unresolved("it does not end in exec, or drops LD_PRELOAD before that"));
    }
    launch(&record)
}

fn unresolved(why: &str) -> Reason {
    Reason::Unresolved(why.to_owned())
}

fn run_script(path: &Path, shim: &Path, records: &Path) -> Result<Finished, Reason> {
    let absolute = std::path::absolute(path)?;
    let mut command = command::command(absolute);
    command.arg("--version").env("LD_PRELOAD", shim).env(PROBE_VARIABLE, records);
    command::run(&mut command, LIMIT).map_err(|error| unresolved(&error.to_string()))
}

/// The last record of process `pid`: the library writes over `<pid>`, or counts `<pid>-<n>` up.
fn last_record(folder: &Path, pid: u32) -> Result<Option<String>, Reason> {
    let own = pid.to_string();
    let number = |file: &PathBuf| match file_name(file).strip_prefix(&own)? {
        "" => Some(0),
        counted => counted.strip_prefix('-')?.parse::<u64>().ok(),
    };
    let files = folder::sorted(folder)?;
    let last = files.into_iter().filter(|file| number(file).is_some()).max_by_key(number);
    Ok(last.map(std::fs::read).transpose()?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

fn launch(record: &Record) -> Result<Launch, Reason> {
    let interpreter = PathBuf::from(elf::read(&std::fs::read(&record.main_file)?)?.interpreter);
    let first = record.arguments.first().map(String::as_str).unwrap_or_default();
    let mapped = record.loader_file.as_deref().unwrap_or(&interpreter);
    let outright = is_loader(&file_name(Path::new(first))) || !libc_version::same_file(mapped, &interpreter);
    let own = if outright { loaded(&record.arguments) } else { Loaded::directly(&record.arguments) };
    if let Some(arguments) = own_arguments(&own.arguments) {
        return Err(unresolved(&format!(
            "it gives the server arguments of its own ({arguments}), which would be lost; write them in cluster.config"
        )));
    }
    let mut library_dirs = folders(&own.library_path);
    library_dirs.extend(folders(&record.library_path));
    let loader = (outright || !library_dirs.is_empty()).then(|| Loader::new(mapped, library_dirs));
    Ok(Launch { binary: record.main_file.clone(), loader })
}

/// What a wrapper gives the server besides what it was given itself; nothing if that is all.
fn own_arguments(arguments: &[String]) -> Option<String> {
    let mut own: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let given = own.iter().rposition(|word| *word == "--version");
    given.map(|at| own.remove(at));
    (!own.is_empty()).then(|| own.join(" "))
}

/// Absolute folders that exist; the loader skips others too.
fn folders(colon_separated: &str) -> Vec<PathBuf> {
    let absolute = colon_separated.split([':', ';']).filter(|dir| dir.starts_with('/'));
    absolute.filter_map(|dir| Path::new(dir).canonicalize().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_image_of_the_scripts_own_process_counts() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in [
            ("41-0", "shell"),
            ("41-2", "middle"),
            ("41-10", "server"),
            ("411-11", "other"),
            ("42-9", "child"),
        ] {
            std::fs::write(folder.path().join(name), text).expect("a writable folder");
        }
        assert_eq!(last_record(folder.path(), 41).expect("readable").as_deref(), Some("server"));
        assert_eq!(last_record(folder.path(), 43).expect("readable"), None);
        std::fs::write(folder.path().join("43"), "written over").expect("a writable folder");
        assert_eq!(last_record(folder.path(), 43).expect("readable").as_deref(), Some("written over"));
    }
}
