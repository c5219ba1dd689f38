//! What the preload library recorded of one program image: its main file, its loader, its arguments.
//!
//! The kernel's idea of a program is its loader where that was named outright; the address of the main program's
//! headers tells which file the server really is.

use std::path::{Path, PathBuf};

use super::folder::file_name;

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
pub(super) struct Record {
    /// The file that holds the main program's headers.
    pub main_file: PathBuf,
    /// The loader in its memory.
    pub loader_file: Option<PathBuf>,
    /// Its arguments, the kernel's view.
    pub arguments: Vec<String>,
    /// `LD_LIBRARY_PATH`, empty if unset.
    pub library_path: String,
}

impl Record {
    /// Reads the lines `phdr=…`, the arguments, `ldpath=…`, `maps`, and then the text of `/proc/self/maps`.
    pub fn parse(text: &str) -> Option<Record> {
        let (head, maps) = text.split_once("\nmaps\n")?;
        let value = |key: &str| head.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        let headers_at = u64::from_str_radix(value("phdr")?.strip_prefix("0x")?, 16).ok()?;
        let arguments = head.lines().nth(1)?.trim_end_matches(ARGUMENT_SEPARATOR);
        let arguments = arguments.strip_prefix("cmdline=").unwrap_or(arguments);
        Some(Record {
            main_file: maps.lines().find_map(|line| file_at(line, headers_at))?,
            loader_file: maps.lines().filter_map(mapped_file).find(|file| is_loader(&file_name(file))),
            arguments: arguments.split(ARGUMENT_SEPARATOR).map(str::to_owned).collect(),
            library_path: value("ldpath").unwrap_or_default().to_owned(),
        })
    }

    /// Whether this is the script's interpreter: the kernel hands it the script's path as an argument.
    pub fn still_interprets(&self, script: &Path) -> bool {
        let script = std::path::absolute(script).unwrap_or_else(|_| script.to_owned());
        self.arguments.iter().skip(1).any(|argument| Path::new(argument) == script)
    }
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

/// Whether a file of this name is glibc's loader.
pub(super) fn is_loader(name: &str) -> bool {
    name.starts_with("ld-") && name.contains(".so")
}

/// A program as its loader was told to start it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Loaded {
    /// `--library-path`, empty if not given.
    pub library_path: String,
    /// What the program itself is given.
    pub arguments: Vec<String>,
}

impl Loaded {
    /// A program that the kernel starts by itself.
    pub fn directly(arguments: &[String]) -> Loaded {
        Loaded { library_path: String::new(), arguments: arguments.iter().skip(1).cloned().collect() }
    }
}

/// Takes `ld.so --library-path DIR [--argv0 NAME] [--preload …] BINARY ARGUMENT…` apart.
pub(super) fn loaded(arguments: &[String]) -> Loaded {
    let mut loaded = Loaded::default();
    let mut rest = arguments.iter().skip(1);
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--library-path" => loaded.library_path = rest.next().cloned().unwrap_or_default(),
            option if LOADER_OPTIONS_WITH_VALUE.contains(&option) => drop(rest.next()),
            option if option.starts_with("--") => {}
            _binary => {
                loaded.arguments = rest.cloned().collect();
                break;
            }
        }
    }
    loaded
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
        format!("phdr=0x555555554040\n{arguments}\nldpath=/a:/b\nmaps\n{MAPS}")
    }

    fn arguments(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_record_names_the_main_program_and_the_loader() {
        let record =
            Record::parse(&record_text("/usr/bin/valkey-server\x1f--version\x1f")).expect("a whole record");
        assert_eq!(record.main_file, Path::new("/opt/my servers/valkey-server"));
        assert_eq!(record.loader_file.as_deref(), Some(Path::new("/opt/lib/ld-linux-x86-64.so.2")));
        assert_eq!(record.arguments, ["/usr/bin/valkey-server", "--version"]);
        assert_eq!(record.library_path, "/a:/b");
    }

    #[test]
    fn a_garbled_record_is_no_record() {
        let whole = record_text("valkey-server");
        assert_eq!(Record::parse(""), None);
        assert_eq!(Record::parse(&whole.replace("0x555555554040", "0x10")), None);
        assert_eq!(Record::parse(&whole.replace("0x5", "5")), None);
        assert_eq!(Record::parse(&whole.replace("\nmaps\n", "\n")), None);
        for length in 0..whole.find("/opt").expect("a path") {
            assert_eq!(Record::parse(&whole[..length]), None, "cut at {length}");
        }
    }

    #[test]
    fn a_script_that_keeps_its_process_is_recognised() {
        let record = Record::parse(&record_text("/bin/sh\x1f-e\x1f/opt/wrapper\x1f--version\x1f"))
            .expect("a whole record");
        assert!(record.still_interprets(Path::new("/opt/wrapper")));
        assert!(!record.still_interprets(Path::new("/bin/sh")));
    }

    #[test]
    fn a_loader_named_outright_is_taken_apart() {
        let path = |text: &str| loaded(&arguments(text)).library_path;
        assert_eq!(
            loaded(&arguments("ld.so --argv0 x /bin/s --a --version")).arguments,
            ["--a", "--version"]
        );
        assert_eq!(path("/l/ld.so --library-path /l:/m /bin/valkey-server --version"), "/l:/m");
        assert_eq!(path("/l/ld.so --argv0 valkey-server --library-path /l /bin/check-rdb"), "/l");
        assert_eq!(path("ld.so --inhibit-cache --preload x.so /bin/check-rdb --library-path /l"), "");
    }
}
