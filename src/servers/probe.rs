//! Sees through a wrapper script to the server it executes, so that the simulation can start that one directly.
//!
//! The script runs once with `--version` and the preload library in its probe mode: every program it starts leaves a
//! record `<pid>-<n>` before its `main`. A wrapper ends in `exec`, so the server is the last program of the script's
//! own process; what the script forks on the way (`$(basename $0)`) has other process ids.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::command::{self, Finished};
use super::elf;
use super::error::Reason;
use super::folder;
use super::inspect::{Launch, file_name};
use super::libc_version;
use super::server::Loader;

const PROBE_VARIABLE: &str = "VALKEY_FUZZER_PROBE";
const LIMIT: Duration = Duration::from_secs(20);
const ARGUMENT_SEPARATOR: char = '\x1f';
/// Options of glibc's loader that take the next argument as their value.
const LOADER_OPTIONS_WITH_VALUE: [&str; 7] = [
    "--library-path",
    "--argv0",
    "--preload",
    "--audit",
    "--inhibit-rpath",
    "--glibc-hwcaps-prepend",
    "--glibc-hwcaps-mask",
];

/// One program image as the preload library saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Record {
    /// The file that holds the main program's headers.
    main_file: PathBuf,
    /// The loader in its memory.
    loader_file: Option<PathBuf>,
    /// Its arguments, the kernel's view.
    arguments: Vec<String>,
    /// `LD_LIBRARY_PATH`, empty if unset.
    library_path: String,
}

/// Runs the script at `path` and finds out what it starts, and how.
pub(super) fn resolve_script(path: &Path, shim: Option<&Path>) -> Result<Launch, Reason> {
    let shim = shim.ok_or_else(|| unresolved("it takes the preload library to follow it"))?;
    let records = tempfile::tempdir()?;
    let finished = run_script(path, shim, records.path())?;
    let text = last_record(records.path(), finished.pid)?
        .ok_or_else(|| unresolved("the preload library did not come alive in it"))?;
    let record = parse(&text).ok_or_else(|| unresolved("the preload library left a garbled record"))?;
    if !finished.status.success() {
        return Err(unresolved(&format!("with --version it ends so: {}", finished.last_line())));
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

/// The record with the highest number of process `pid`.
fn last_record(folder: &Path, pid: u32) -> Result<Option<String>, Reason> {
    let prefix = format!("{pid}-");
    let number = |file: &PathBuf| file_name(file).strip_prefix(&prefix)?.parse::<u64>().ok();
    let files = folder::sorted(folder)?;
    let last = files.into_iter().filter(|file| number(file).is_some()).max_by_key(number);
    Ok(last.map(std::fs::read).transpose()?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// Reads `phdr=…`, `cmdline=…`, `ldpath=…`, `maps` and the text of `/proc/self/maps`.
fn parse(text: &str) -> Option<Record> {
    let (head, maps) = text.split_once("\nmaps\n")?;
    let value = |key: &str| head.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let headers_at = u64::from_str_radix(value("phdr")?.strip_prefix("0x")?, 16).ok()?;
    let arguments = value("cmdline")?.trim_end_matches(ARGUMENT_SEPARATOR);
    Some(Record {
        main_file: maps.lines().find_map(|line| file_at(line, headers_at))?,
        loader_file: maps.lines().filter_map(mapped_file).find(|file| is_loader(&file_name(file))),
        arguments: arguments.split(ARGUMENT_SEPARATOR).map(str::to_owned).collect(),
        library_path: value("ldpath").unwrap_or_default().to_owned(),
    })
}

fn file_at(line: &str, address: u64) -> Option<PathBuf> {
    let (start, end) = line.split_whitespace().next()?.split_once('-')?;
    let range = u64::from_str_radix(start, 16).ok()?..u64::from_str_radix(end, 16).ok()?;
    if range.contains(&address) { mapped_file(line) } else { None }
}

/// The path at the end of a line of the maps, which may have blanks in it.
fn mapped_file(line: &str) -> Option<PathBuf> {
    line.find('/').map(|start| PathBuf::from(&line[start..]))
}

fn is_loader(name: &str) -> bool {
    name.starts_with("ld-") && name.contains(".so")
}

fn launch(record: &Record) -> Result<Launch, Reason> {
    let interpreter = PathBuf::from(elf::read(&std::fs::read(&record.main_file)?)?.interpreter);
    let first = record.arguments.first().map(String::as_str).unwrap_or_default();
    let mapped = record.loader_file.as_deref().unwrap_or(&interpreter);
    let outright = is_loader(&file_name(Path::new(first))) || !libc_version::same_file(mapped, &interpreter);
    let call = if outright { LoaderCall::of(&record.arguments) } else { LoaderCall::direct(first) };
    let mut library_dirs = folders(&call.library_path);
    library_dirs.extend(folders(&record.library_path));
    let loader = (outright || !library_dirs.is_empty()).then(|| Loader::new(mapped, library_dirs));
    Ok(Launch { binary: record.main_file.clone(), argv0: file_name(Path::new(&call.argv0)), loader })
}

/// Absolute folders that exist; the loader skips others too.
fn folders(colon_separated: &str) -> Vec<PathBuf> {
    let absolute = colon_separated.split([':', ';']).filter(|dir| dir.starts_with('/'));
    absolute.filter_map(|dir| Path::new(dir).canonicalize().ok()).collect()
}

/// What the arguments of a loader named outright say.
#[derive(Debug, Default, PartialEq, Eq)]
struct LoaderCall {
    argv0: String,
    library_path: String,
}

impl LoaderCall {
    fn direct(argv0: &str) -> LoaderCall {
        LoaderCall { argv0: argv0.to_owned(), library_path: String::new() }
    }

    /// Reads `ld.so --library-path DIR [--argv0 NAME] [--preload …] BINARY ARGUMENT…`.
    fn of(arguments: &[String]) -> LoaderCall {
        let mut call = LoaderCall::default();
        let mut rest = arguments.iter().skip(1);
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--library-path" => call.library_path = rest.next().cloned().unwrap_or_default(),
                "--argv0" => call.argv0 = rest.next().cloned().unwrap_or_default(),
                option if LOADER_OPTIONS_WITH_VALUE.contains(&option) => drop(rest.next()),
                option if option.starts_with("--") => {}
                binary => return call.named_after(binary),
            }
        }
        call
    }

    fn named_after(mut self, binary: &str) -> LoaderCall {
        if self.argv0.is_empty() {
            self.argv0 = binary.to_owned();
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: &str = "\
555555554000-5555555a0000 r--p 00000000 fe:00 100 /opt/my servers/valkey-server
5555555a0000-555555800000 r-xp 0004c000 fe:00 100 /opt/my servers/valkey-server
7ffff7d00000-7ffff7e00000 rw-p 00000000 00:00 0 
7ffff7fc5000-7ffff7fef000 r-xp 00001000 fe:00 7 /opt/lib/ld-linux-x86-64.so.2
7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0 [stack]
";

    fn record_text(arguments: &str) -> String {
        format!("phdr=0x555555554040\ncmdline={arguments}\nldpath=\nmaps\n{MAPS}")
    }

    fn arguments(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_record_names_the_main_program_and_the_loader() {
        let record = parse(&record_text("/usr/bin/valkey-server\x1f--version\x1f")).expect("a whole record");
        assert_eq!(record.main_file, Path::new("/opt/my servers/valkey-server"));
        assert_eq!(record.loader_file.as_deref(), Some(Path::new("/opt/lib/ld-linux-x86-64.so.2")));
        assert_eq!(record.arguments, ["/usr/bin/valkey-server", "--version"]);
        assert_eq!(record.library_path, "");
    }

    #[test]
    fn a_garbled_record_is_no_record() {
        let whole = record_text("valkey-server");
        assert_eq!(parse(""), None);
        assert_eq!(parse(&whole.replace("0x555555554040", "0x10")), None);
        assert_eq!(parse(&whole.replace("0x5", "5")), None);
        assert_eq!(parse(&whole.replace("\nmaps\n", "\n")), None);
        for length in 0..whole.find("/opt").expect("a path") {
            assert_eq!(parse(&whole[..length]), None, "cut at {length}");
        }
    }

    #[test]
    fn a_loader_named_outright_is_taken_apart() {
        let call = LoaderCall::of(&arguments(
            "/l/ld-linux-x86-64.so.2 --library-path /l:/m /bin/valkey-server --version",
        ));
        assert_eq!((call.argv0.as_str(), call.library_path.as_str()), ("/bin/valkey-server", "/l:/m"));
        let call = LoaderCall::of(&arguments(
            "ld.so --argv0 valkey-server --inhibit-cache --preload x.so /bin/check-rdb",
        ));
        assert_eq!((call.argv0.as_str(), call.library_path.as_str()), ("valkey-server", ""));
    }

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
    }
}
