//! Drives apt in folders of its own: another set of sources, lists and caches, and none of the system's hooks.
//!
//! The system's configuration is still read, for its proxy and its keys. Packages are downloaded and verified, never
//! installed, so no privilege is needed and nothing of the system changes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::command::{self, CommandError};
use super::error::FetchError;
use super::folder;
use super::sources::Mirror;
use super::version::Version;

const UPDATE_LIMIT: Duration = Duration::from_secs(300);
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(300);
const LOCAL_LIMIT: Duration = Duration::from_secs(60);
const CONFIGURATION: &str = "apt.conf";

/// Private lists of some suites of one mirror.
pub(super) struct Apt {
    folder: PathBuf,
    unpacked: PathBuf,
    downloads: usize,
}

/// One version of a package on offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    /// The package's version, epoch and revision included.
    pub package_version: String,
    /// The server's or library's version inside.
    pub version: Version,
}

impl Apt {
    /// Downloads and verifies the lists of `suites` into `folder`.
    pub fn update(
        folder: &Path,
        mirror: &Mirror,
        suites: &[&str],
        components: &str,
    ) -> Result<Apt, FetchError> {
        let apt = Apt { folder: folder.to_owned(), unpacked: folder.join("unpacked"), downloads: 0 };
        for dir in ["state/lists/partial", "cache/archives/partial", "unpacked"] {
            fs::create_dir_all(folder.join(dir))?;
        }
        fs::write(folder.join("status"), "")?;
        fs::write(folder.join("machine.sources"), stanza(mirror, suites, components))?;
        fs::write(folder.join(CONFIGURATION), configuration(folder))?;
        apt.run("apt-get", &["update"], UPDATE_LIMIT)?;
        Ok(apt)
    }

    /// The versions of `package`, the highest first.
    pub fn candidates(&self, package: &str) -> Result<Vec<Candidate>, FetchError> {
        let mut candidates = parse_madison(&self.run("apt-cache", &["madison", package], LOCAL_LIMIT)?);
        candidates.sort_by(|a, b| b.version.cmp(&a.version));
        Ok(candidates)
    }

    /// Downloads `packages` (`name` or `name=version`), unpacks them over each other, and returns the files.
    pub fn download(&mut self, packages: &[String]) -> Result<Vec<PathBuf>, FetchError> {
        self.downloads += 1;
        let into = self.folder.join(format!("download-{}", self.downloads));
        fs::create_dir(&into)?;
        let mut command = self.command("apt-get");
        command::output(command.arg("download").args(packages).current_dir(&into), DOWNLOAD_LIMIT)?;
        let files = folder::sorted(&into)?;
        files.iter().try_for_each(|file| self.unpack(file))?;
        Ok(files)
    }

    /// Where a file of the unpacked packages is, looked for in `folders` in turn.
    pub fn unpacked(&self, folders: &[&str], name: &str) -> Option<PathBuf> {
        let file = folders.iter().map(|dir| self.unpacked.join(dir).join(name)).find(|file| file.exists())?;
        file.canonicalize().ok()
    }

    /// The names of the packages that the package in `file` depends on; of alternatives the first.
    pub fn dependencies(&self, file: &Path) -> Result<Vec<String>, FetchError> {
        let mut query = command::command("dpkg-deb");
        query.arg("--field").arg(file).args(["Depends", "Pre-Depends"]);
        Ok(parse_dependencies(&command::output(&mut query, LOCAL_LIMIT)?))
    }

    fn unpack(&self, file: &Path) -> Result<(), CommandError> {
        let mut unpack = command::command("dpkg-deb");
        command::output(unpack.arg("--extract").args([file, &self.unpacked]), LOCAL_LIMIT).map(drop)
    }

    fn run(&self, program: &str, arguments: &[&str], limit: Duration) -> Result<String, CommandError> {
        command::output(self.command(program).args(arguments), limit)
    }

    fn command(&self, program: &str) -> std::process::Command {
        let mut command = command::command(program);
        command.arg("--config-file").arg(self.folder.join(CONFIGURATION));
        command
    }
}

/// Private folders; no hooks, because those of some systems clean the system's own caches; no pins.
fn configuration(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "#clear APT::Update::Pre-Invoke;\n\
         #clear APT::Update::Post-Invoke;\n\
         #clear APT::Update::Post-Invoke-Success;\n\
         #clear APT::Architectures;\n\
         APT::Architecture \"amd64\";\n\
         APT::Architectures {{ \"amd64\"; }};\n\
         APT::Default-Release \"\";\n\
         APT::Sandbox::User \"root\";\n\
         APT::Update::Error-Mode \"any\";\n\
         Acquire::Languages \"none\";\n\
         Acquire::Retries \"1\";\n\
         Acquire::http::Timeout \"20\";\n\
         Acquire::https::Timeout \"20\";\n\
         Dir::Cache \"{folder}/cache\";\n\
         Dir::Cache::pkgcache \"pkgcache.bin\";\n\
         Dir::Cache::srcpkgcache \"srcpkgcache.bin\";\n\
         Dir::State \"{folder}/state\";\n\
         Dir::State::lists \"{folder}/state/lists\";\n\
         Dir::State::status \"{folder}/status\";\n\
         Dir::Etc::sourcelist \"{folder}/machine.sources\";\n\
         Dir::Etc::sourceparts \"/dev/null\";\n\
         Dir::Etc::preferences \"/dev/null\";\n\
         Dir::Etc::preferencesparts \"/dev/null\";\n"
    )
}

/// Only the lists of packages: descriptions, icons and file lists are many times their size.
fn stanza(mirror: &Mirror, suites: &[&str], components: &str) -> String {
    let signed_by = mirror.signed_by.as_ref().map_or(String::new(), |key| format!("Signed-By: {key}\n"));
    format!(
        "Types: deb\nURIs: {}\nSuites: {}\nComponents: {components}\nTargets: Packages\nLanguages: none\n{signed_by}",
        mirror.uri,
        suites.join(" ")
    )
}

/// Reads lines of `name | version | address suite/component architecture Packages`.
fn parse_madison(text: &str) -> Vec<Candidate> {
    let version = |line: &str| line.split('|').nth(1).map(|version| version.trim().to_owned());
    text.lines().filter_map(version).filter_map(Candidate::new).collect()
}

impl Candidate {
    fn new(package_version: String) -> Option<Candidate> {
        Version::of_package(&package_version).map(|version| Candidate { package_version, version })
    }
}

/// Reads `Depends: a (>= 1), b | c` lines, and the bare list that is printed for one field alone.
fn parse_dependencies(text: &str) -> Vec<String> {
    let lists = text.lines().map(|line| line.split_once("Depends:").map_or(line, |(_, list)| list));
    let names = lists.flat_map(|list| list.split(',')).filter_map(|item| item.split_whitespace().next());
    names.map(|name| name.split(':').next().unwrap_or(name).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_versions_is_read() {
        let text = " valkey-tools | 9.1.2-1 | http://mirror.example/debian sid/main amd64 Packages\n \
                    valkey-tools | 8.1.1+dfsg1-3+deb13u3 | http://mirror.example/debian trixie/main amd64 Packages\n";
        let versions: Vec<String> = parse_madison(text).iter().map(|c| c.version.to_string()).collect();
        assert_eq!(versions, ["9.1.2", "8.1.1"]);
        assert_eq!(parse_madison(""), []);
        assert_eq!(parse_madison("N: Unable to locate package"), []);
    }

    #[test]
    fn the_first_of_alternatives_is_depended_on() {
        let text = "Depends: systemd | sysusers, libatomic1 (>= 4.8), libgcc-s1:amd64\nPre-Depends: libc6 (>= 2.38)\n";
        assert_eq!(parse_dependencies(text), ["systemd", "libatomic1", "libgcc-s1", "libc6"]);
        assert_eq!(parse_dependencies("libc6 (>= 2.38), libstdc++6\n"), ["libc6", "libstdc++6"]);
        assert!(parse_dependencies("").is_empty());
    }

    #[test]
    fn the_sources_carry_the_machines_key() {
        let mirror =
            Mirror { uri: "http://m.example/debian".to_owned(), signed_by: Some("/k.gpg".to_owned()) };
        let text = stanza(&mirror, &["bookworm", "bookworm-backports"], "main");
        assert!(
            text.contains("Suites: bookworm bookworm-backports\n") && text.ends_with("Signed-By: /k.gpg\n")
        );
    }
}
