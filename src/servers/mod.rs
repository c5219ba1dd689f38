//! Finds, fetches and inspects the server binaries that are simulated.
//!
//! A run needs one real server whose every byte is known: which file, which build, which C library. What a person
//! names may be a version, a wrapper script or nothing at all; what leaves this module is a [`Server`] that was started
//! once with `--version`, or a reason. Nothing here prints, reads the environment or knows of clusters.

mod apt;
mod command;
mod debian;
mod elf;
mod error;
mod fetch;
mod find;
mod folder;
mod inspect;
mod libc_version;
mod libraries;
mod memo;
mod options;
mod probe;
mod record;
mod server;
mod sources;
mod stand_in;
mod store;
mod toolbox;
mod tools;
mod version;
mod wheel;
mod workshop;

pub use command::CommandError;
pub use error::{Attempt, FetchError, Reason, Refusal, ServerError};
pub use find::{Listed, find, find_exact, install, list};
pub use inspect::{inspect, sha256_of};
pub use options::{Notify, Options};
pub use server::{DATABASES_SINCE, Loader, Origin, Server};
pub use toolbox::Toolbox;
pub use tools::{Program, ProgramError};
pub use version::{Family, Spec, Version};
