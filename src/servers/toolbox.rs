//! Where the programs of guests are looked for; `tools` looks.

use std::ffi::OsString;
use std::path::PathBuf;

use super::options::Options;

/// Where the programs of guests are looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Toolbox {
    pub(super) cache_dir: PathBuf,
    pub(super) path_dirs: Option<OsString>,
}

impl Toolbox {
    /// Where the caller says.
    pub fn of(options: &Options) -> Self {
        Toolbox { cache_dir: options.cache_dir.clone(), path_dirs: options.path_dirs.clone() }
    }
}
