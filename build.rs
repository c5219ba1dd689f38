//! Compiles the preload half of the shim into a shared object that `src/shim/mod.rs` embeds.
//!
//! The shim is a package of its own (`src/shim/Cargo.toml`), linted and formatted like the rest, but not a member of a
//! workspace: such a `cdylib` is not built by a clean `cargo test`, and linking it as a library would replace the
//! fuzzer's own clock. So it is built here, by the cargo that builds the rest, in a target folder of its own.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

/// What cargo, clippy and wrappers around the compiler set for the package they build, which is not the shim.
const NOT_INHERITED: [&str; 7] = [
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
    "CLIPPY_ARGS",
];

#[expect(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a build script speaks to cargo through the environment and its output, and starts the compiler"
)]
fn main() {
    println!("cargo::rerun-if-changed=src/shim");
    let target = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("shim");
    let mut cargo = Command::new(env::var_os("CARGO").expect("cargo sets CARGO"));
    // One version of the tool has one shim, whatever the surroundings say about profiles.
    let profiles = env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CARGO_PROFILE_"));
    let not_inherited = NOT_INHERITED.iter().map(OsString::from).chain(profiles.map(|(name, _)| name));
    not_inherited.for_each(|name| {
        cargo.env_remove(name);
    });
    let status = cargo
        .args(["build", "--release", "--locked", "--manifest-path", "src/shim/Cargo.toml", "--target-dir"])
        .arg(&target)
        .env("CARGO_INCREMENTAL", "0")
        .env("RUSTFLAGS", "-C relocation-model=pic -C link-arg=-Wl,--build-id=sha1 -C link-arg=-lc")
        .status()
        .expect("the cargo that runs this script can be started");
    assert!(status.success(), "the shim does not compile");
    println!("cargo::rustc-env=SHIM_OBJECT={}", target.join("release/libvalkey_fuzzer_shim.so").display());
}
