//! A guest: built from its C file, and run natively or under the shim.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

use tempfile::TempDir;
use valkey_fuzzer::time::SimDuration;
use valkey_fuzzer::world::WorldError;
use valkey_fuzzer::world::simulated::lone::{self, Fate};

/// Seconds of real time after which a native check has failed; no simulated one is measured by them.
const NATIVE_PATIENCE_S: &str = "60";
/// Far more than any check needs.
const TURNS_MAX: u64 = 200_000;
const TIME_MAX: SimDuration = SimDuration::from_secs(3_600);

/// A built guest.
pub struct Guest {
    folder: TempDir,
}

impl Guest {
    /// Compiles the guest of a topic.
    #[expect(clippy::disallowed_methods, reason = "the compiler is started")]
    pub fn build(topic: &str) -> Self {
        let folder = tempfile::tempdir().expect("there is room for a guest");
        let sources = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/conformity/guests");
        let built = Command::new("cc")
            .args(["-D_GNU_SOURCE", "-O1", "-pthread", "-Wall", "-Wextra", "-o"])
            .arg(folder.path().join("guest"))
            .arg(sources.join(format!("{topic}.c")))
            .output()
            .expect("there is a C compiler");
        assert!(built.status.success(), "{topic}: {}", String::from_utf8_lossy(&built.stderr));
        Guest { folder }
    }

    /// Its file.
    pub fn program(&self) -> PathBuf {
        self.folder.path().join("guest")
    }

    /// The names of its checks.
    #[expect(clippy::disallowed_methods, reason = "the guest is asked")]
    pub fn checks(&self) -> Vec<String> {
        let told = Command::new(self.program()).arg("--list").output().expect("the guest starts");
        String::from_utf8(told.stdout).expect("names are text").lines().map(str::to_owned).collect()
    }
}

/// What a check shows on this host's own kernel.
pub fn natively(guest: &Guest, check: &str) -> String {
    on_this_host(guest, check, None)
}

/// The same in a process that the shim is loaded into, and not meant for.
pub fn beside_the_shim(guest: &Guest, check: &str) -> String {
    let shim = guest.folder.path().join("shim.so");
    fs::write(&shim, valkey_fuzzer::shim::OBJECT).expect("there is room for the shim");
    on_this_host(guest, check, Some(("LD_PRELOAD", shim.as_os_str())))
}

#[expect(clippy::disallowed_methods, reason = "the guest is run")]
fn on_this_host(guest: &Guest, check: &str, with: Option<(&str, &OsStr)>) -> String {
    let folder = tempfile::tempdir().expect("there is room for a check");
    let output = folder.path().join("output");
    let directory = folder.path().join("directory");
    fs::create_dir(&directory).expect("a folder");
    let open = || File::options().create(true).append(true).open(&output).expect("a file");
    let status = Command::new("timeout")
        .args(["--foreground", "--signal=KILL", NATIVE_PATIENCE_S])
        .arg(guest.program())
        .args([check, "127.0.0.1"])
        .current_dir(&directory)
        .env_clear()
        .envs([("TZ", "UTC0"), ("LC_ALL", "C")])
        .envs(with)
        .stdin(Stdio::null())
        .stdout(open())
        .stderr(open())
        .status()
        .expect("the guest starts");
    told(&fs::read(&output).expect("it was written"), &fate(status))
}

fn fate(status: ExitStatus) -> String {
    use nix::sys::signal::Signal;
    // `timeout` ends itself by the signal that ended the guest.
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit {code}"),
        (_, Some(number)) => Signal::try_from(number).expect("a signal").as_str().to_owned(),
        _ => "unknown".to_owned(),
    }
}

/// What a check shows under the shim.
pub fn in_simulation(guest: &Guest, check: &str) -> String {
    on_host(guest, check, 0, 1)
}

/// The same, where what is ready at once is reported in an order shuffled by `order`.
pub fn in_order(guest: &Guest, check: &str, order: u64) -> String {
    on_host(guest, check, order, 1)
}

/// The same, on a host that works so many times slower.
pub fn on_a_slow_host(guest: &Guest, check: &str, times_slower: u64) -> String {
    on_host(guest, check, 0, times_slower)
}

fn on_host(guest: &Guest, check: &str, order: u64, times_slower: u64) -> String {
    let arguments = [check.to_owned(), lone::address().to_string()];
    let ran = lone::run(&lone::Guest {
        program: &guest.program(),
        arguments: &arguments,
        seed: 1,
        order,
        times_slower,
        check: false,
        turns_max: TURNS_MAX,
        time_max: TIME_MAX,
    });
    match ran {
        Ok(ran) => {
            let fate = match ran.fate {
                Fate::Ended(status) => status,
                other => format!("{other:?}"),
            };
            told(&ran.output, &fate)
        }
        Err(WorldError::GaveUp { reason, .. }) => format!("gave up: {reason}\n"),
        Err(WorldError::Silent { reason, .. }) => format!("silent: {reason}\n"),
        Err(error) => panic!("{check}: {error}"),
    }
}

fn told(output: &[u8], fate: &str) -> String {
    let mut text = String::from_utf8_lossy(output).into_owned();
    let _ = writeln!(text, "-> {fate}");
    text
}
