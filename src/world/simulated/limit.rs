//! How many descriptors and how much memory a server's process may have: lowered to what it has, and what it was again.
//!
//! The kernel keeps the limit of descriptors: those that stand for something simulated are real ones, with the numbers that the kernel gives
//! out, so that the next one fails as it would on any machine.

use std::collections::BTreeMap;
use std::io;

use crate::fault::FaultId;
use crate::shim::page::UNLIMITED;

/// The limit of one process.
#[derive(Debug)]
pub struct DescriptorLimit {
    process: u32,
    /// What it was before any fault.
    before: Option<libc::rlimit>,
    /// The number below which all descriptors are to be, by each fault that lowers it.
    lowered: BTreeMap<FaultId, u64>,
}

impl DescriptorLimit {
    /// That of a process of ours, as it is.
    pub fn of(process: u32) -> Self {
        DescriptorLimit { process, before: None, lowered: BTreeMap::new() }
    }

    /// The process can have so many more than it has.
    pub fn lower(&mut self, fault: FaultId, spare: u16) {
        let open = self.open();
        let free = (0..).filter(|number| !open.contains(number));
        let least = free.map(|number| number as u64).nth(usize::from(spare));
        self.lowered.extend(least.map(|least| (fault, least)));
        self.apply();
    }

    /// What a fault did is undone.
    pub fn lift(&mut self, fault: FaultId) {
        if self.lowered.remove(&fault).is_some() {
            self.apply();
        }
    }

    /// Sets the limit that holds now. A process that has just ended needs none.
    fn apply(&mut self) {
        let Some(before) = self.before.or_else(|| self.set(None).ok()) else { return };
        self.before = Some(before);
        let lowest = self.lowered.values().min().map_or(before.rlim_cur, |least| before.rlim_cur.min(*least));
        let _ = self.set(Some(libc::rlimit { rlim_cur: lowest, ..before }));
    }

    /// The limit until now, and from now on another one if one is given.
    fn set(&self, new: Option<libc::rlimit>) -> io::Result<libc::rlimit> {
        let mut old = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        let new = new.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: both point to limits of this function, or nowhere.
        let done = unsafe { libc::prlimit(self.process as i32, libc::RLIMIT_NOFILE, new, &raw mut old) };
        if done == 0 { Ok(old) } else { Err(io::Error::last_os_error()) }
    }

    /// The numbers of the descriptors that are open.
    #[expect(clippy::disallowed_methods, reason = "their order makes no difference")]
    fn open(&self) -> Vec<u32> {
        let listed = std::fs::read_dir(format!("/proc/{}/fd", self.process));
        let names = listed.into_iter().flatten().filter_map(Result::ok);
        names.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
    }
}

/// How much memory one process may still have, which its shim counts.
#[derive(Debug, Default)]
pub struct MemoryLimit {
    /// Bytes beside what it has, by each fault that limits them, as of the last change.
    left: BTreeMap<FaultId, u64>,
}

impl MemoryLimit {
    /// The process can have `spare` bytes more than it has; `left` is what the shim counts.
    pub fn lower(&mut self, left: &mut u64, fault: FaultId, spare: u64) {
        self.count(*left);
        self.left.insert(fault, spare);
        *left = self.least();
    }

    /// What a fault did is undone.
    pub fn lift(&mut self, left: &mut u64, fault: FaultId) {
        self.count(*left);
        if self.left.remove(&fault).is_some() {
            *left = self.least();
        }
    }

    /// What the process took and gave back since the last change counts for each fault.
    fn count(&mut self, left: u64) {
        let before = self.least();
        for each in self.left.values_mut() {
            *each =
                each.saturating_add(left.saturating_sub(before)).saturating_sub(before.saturating_sub(left));
        }
    }

    fn least(&self) -> u64 {
        self.left.values().min().copied().unwrap_or(UNLIMITED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    fn soft(limit: &DescriptorLimit) -> u64 {
        limit.set(None).expect("it runs").rlim_cur
    }

    #[test]
    fn memory_is_limited_by_the_tighter_of_two_faults_each_from_its_own_beginning() {
        let (mut limit, mut left) = (MemoryLimit::default(), UNLIMITED);
        limit.lower(&mut left, FaultId(1), 1000);
        left -= 300;
        limit.lower(&mut left, FaultId(2), 50);
        assert_eq!(left, 50);
        left += 10;
        limit.lift(&mut left, FaultId(2));
        assert_eq!(left, 710);
        limit.lift(&mut left, FaultId(3));
        assert_eq!(left, 710);
        limit.lift(&mut left, FaultId(1));
        assert_eq!(left, UNLIMITED);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a process of the test's own")]
    fn a_limit_is_lowered_to_what_is_open_and_is_what_it_was_in_the_end() {
        let mut child =
            Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("a process");
        let mut limit = DescriptorLimit::of(child.id());
        let before = soft(&limit);
        limit.lower(FaultId(1), 2);
        limit.lower(FaultId(2), 0);
        assert!(soft(&limit) < before && soft(&limit) + 2 <= limit.lowered[&FaultId(1)], "{limit:?}");
        limit.lift(FaultId(2));
        assert_eq!(soft(&limit), limit.lowered[&FaultId(1)]);
        limit.lift(FaultId(1));
        assert_eq!(soft(&limit), before);
        child.kill().expect("it is killed");
        child.wait().expect("it ends");
    }
}
