//! Which glibc a loader belongs to, read from the loader's file or from the library beside it.

use std::path::{Path, PathBuf};

use super::version::Version;

/// Where the kernel finds the host's loader, by the x86-64 ABI.
pub(super) const HOST_LOADER: &str = "/lib64/ld-linux-x86-64.so.2";

const BANNER: &[u8] = b"release version ";

/// The version of the glibc that `loader` starts programs with.
pub(super) fn of_loader(loader: &Path) -> Option<Version> {
    let loader = loader.canonicalize().ok()?;
    let candidates = [loader.clone(), loader.with_file_name("libc.so.6")];
    candidates.iter().find_map(|file| in_banner(&std::fs::read(file).ok()?))
}

/// The version of the host's glibc.
pub(super) fn of_host() -> Option<Version> {
    of_loader(Path::new(HOST_LOADER))
}

/// The C library in words, as in `glibc 2.36 (host)`.
pub(super) fn describe(loader: &Path) -> String {
    let version = of_loader(loader).map_or("of unknown version".to_owned(), |v| v.to_string());
    let whose = if same_file(loader, Path::new(HOST_LOADER)) { "host" } else { "own" };
    format!("glibc {version} ({whose})")
}

/// Whether two paths lead to one file.
pub(super) fn same_file(a: &Path, b: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| PathBuf::from(path));
    real(a) == real(b)
}

/// Whether a loader can be told the program's name.
pub(super) fn takes_argv0(loader: &Path) -> bool {
    std::fs::read(loader).is_ok_and(|bytes| find(&bytes, b"--argv0").is_some())
}

/// Both files carry `… (Debian GLIBC 2.36-9) stable release version 2.36.` for their `--version`.
fn in_banner(bytes: &[u8]) -> Option<Version> {
    let start = find(bytes, BANNER)? + BANNER.len();
    let text: String = bytes[start..].iter().take(16).map(|&byte| byte as char).collect();
    Version::leading(&text)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_banner_gives_the_version() {
        let file = b"\0\0ld.so (Debian GLIBC 2.41-12+deb13u5) stable release version 2.41.\nCopyright\0";
        assert_eq!(in_banner(file), Version::leading("2.41"));
        assert_eq!(in_banner(b"no such words"), None);
        assert_eq!(in_banner(b"stable release version "), None);
    }
}
