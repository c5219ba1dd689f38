//! Compiles the preload half of the shim into a shared object that `src/shim/mod.rs` embeds.
//!
//! A `cdylib` member of a workspace is not built by a clean `cargo test`, and linking the shim as a library would
//! replace the fuzzer's own clock; so it is compiled here, with the compiler that compiles the rest.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

#[expect(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a build script speaks to cargo through the environment and its output, and starts the compiler"
)]
fn main() {
    let source = Path::new("src/shim");
    println!("cargo::rerun-if-changed=src/shim");
    let object = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("shim.so");
    let status = Command::new(env::var_os("RUSTC").expect("cargo sets RUSTC"))
        .args(["--edition", "2021", "--crate-type", "cdylib", "--crate-name", "valkey_fuzzer_shim"])
        .args(["-C", "opt-level=3", "-C", "panic=abort", "-C", "debuginfo=0", "-C", "strip=debuginfo"])
        .args(["-C", "relocation-model=pic", "-C", "link-arg=-Wl,--build-id=sha1", "-C", "link-arg=-lc"])
        .arg("-o")
        .arg(&object)
        .arg(source.join("preload/lib.rs"))
        .status()
        .expect("the compiler that runs this script can be started");
    assert!(status.success(), "the shim does not compile");
    println!("cargo::rustc-env=SHIM_OBJECT={}", object.display());
}
