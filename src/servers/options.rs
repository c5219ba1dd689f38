//! What the caller says about where to look; the environment was read by then.

use std::ffi::OsString;
use std::path::PathBuf;

/// Where to look for a server, as the command line and the environment say.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `--server PATH|VERSION`.
    pub explicit_spec: Option<String>,
    /// The value of `VALKEY_SERVER`, of the same form.
    pub env_spec: Option<String>,
    /// The value of `PATH`.
    pub path_dirs: Option<OsString>,
    /// The folder for what may be fetched again; servers are kept in its `servers`.
    pub cache_dir: PathBuf,
    /// The preload library, needed only to see through wrapper scripts.
    pub shim: Option<PathBuf>,
}

/// Takes the one-line notices of what happened meanwhile.
pub type Notify<'a> = &'a mut dyn FnMut(&str);
