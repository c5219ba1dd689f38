//! The threads of a process that may be doing something.

use std::fs;

/// The threads that do not sleep: one that is merely not given a processor is runnable. One that is gone meanwhile is none of them.
#[expect(clippy::disallowed_methods, reason = "all threads are looked at, in whichever order")]
pub fn awake(process: u32) -> Vec<i32> {
    let is_awake = |stat: &str| stat.rsplit_once(") ").is_none_or(|(_, rest)| !rest.starts_with('S'));
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let awake = threads
        .filter(|thread| fs::read_to_string(thread.path().join("stat")).is_ok_and(|stat| is_awake(&stat)));
    awake.filter_map(|thread| thread.file_name().to_str()?.parse().ok()).collect()
}
