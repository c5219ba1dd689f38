//! Proves that a process works for ever: the same state comes again.
//!
//! A turn that does not end is no verdict by itself; how long it is waited for is a matter of the host. But a thread that makes no
//! system call, while all others of its process sleep, depends on nothing but its registers and its memory. If these are the same
//! twice, it does the same between, again and again. So the thread is led instruction by instruction until all of that recurs
//! (Brent's algorithm), or it is about to ask anybody: a loop that ends, or that changes anything, is not taken for one that
//! does not.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::FileExt;
use std::{mem, ptr};

use super::threads;

/// Instructions after which registers that did not recur are given up: some ten seconds.
const STEPS: u64 = 1_000_000;
/// How often all memory is compared, which takes milliseconds.
const LOOKS: u32 = 200;
const PAGE_BYTES: u64 = 4096;
/// What `syscall` and `sysenter` begin with, and what reads the time stamp counter or draws a random number.
const LEAVES: [&[u8]; 6] =
    [&[0x0f, 0x05], &[0x0f, 0x34], &[0xcd, 0x80], &[0x0f, 0x31], &[0x0f, 0x01, 0xf9], &[0x0f, 0xc7]];
/// How many general registers there are.
const GENERAL: usize = mem::size_of::<libc::user_regs_struct>() / 8;
/// The most bytes that an instruction has.
const LONGEST: usize = 15;
/// The vector and floating point registers, among the sets of `PTRACE_GETREGSET`.
const NT_X86_XSTATE: usize = 0x202;

/// Whether the one thread of a process that does not sleep will never do anything else than what it does. No, if that cannot be
/// shown, or if the host lets nobody look.
pub fn works_for_ever(process: u32) -> bool {
    works_in_a_circle(process, STEPS)
}

/// Whether that shows within so many instructions.
fn works_in_a_circle(process: u32, steps: u64) -> bool {
    let [thread] = threads::awake(process)[..] else { return false };
    let shown = Tracee::seize(process, thread).and_then(|tracee| tracee.recurs(steps));
    if let Err(error) = &shown {
        tracing::warn!(process, %error, "nobody can see whether the process works in a circle");
    }
    shown.unwrap_or(false)
}

/// A thread that is stopped, and goes on when this is dropped.
struct Tracee {
    process: u32,
    thread: i32,
    memory: File,
}

/// The general registers, as `PTRACE_GETREGS` gives them.
type General = [u64; GENERAL];

/// All registers: the general ones, and those of vectors.
#[derive(Clone, PartialEq, Eq)]
struct Registers {
    general: General,
    vectors: Vec<u8>,
}

impl Tracee {
    fn seize(process: u32, thread: i32) -> io::Result<Self> {
        request(libc::PTRACE_SEIZE, thread, 0, ptr::null_mut())?;
        let tracee = Tracee { process, thread, memory: File::open(format!("/proc/{process}/mem"))? };
        request(libc::PTRACE_INTERRUPT, thread, 0, ptr::null_mut())?;
        tracee.await_stop()?;
        Ok(tracee)
    }

    /// Waits until it is stopped, and tells by which signal.
    fn await_stop(&self) -> io::Result<i32> {
        // SAFETY: there is room for the answer; the end of a thread is left to whoever waits for its process.
        unsafe {
            let mut info: libc::siginfo_t = mem::zeroed();
            let flags = libc::WSTOPPED | libc::__WALL;
            match libc::waitid(libc::P_PID, self.thread as u32, &raw mut info, flags) {
                0 => Ok(info.si_status() & 0xff),
                _ => Err(io::Error::last_os_error()),
            }
        }
    }

    /// Executes one instruction; false if something else happened.
    fn step(&self) -> io::Result<bool> {
        request(libc::PTRACE_SINGLESTEP, self.thread, 0, ptr::null_mut())?;
        Ok(self.await_stop()? == libc::SIGTRAP)
    }

    fn general(&self) -> io::Result<General> {
        let mut registers = [0; GENERAL];
        request(libc::PTRACE_GETREGS, self.thread, 0, registers.as_mut_ptr().cast())?;
        Ok(registers)
    }

    fn registers(&self) -> io::Result<Registers> {
        let mut vectors = vec![0u8; 16 << 10];
        let mut room = libc::iovec { iov_base: vectors.as_mut_ptr().cast(), iov_len: vectors.len() };
        request(libc::PTRACE_GETREGSET, self.thread, NT_X86_XSTATE, (&raw mut room).cast())?;
        vectors.truncate(room.iov_len);
        Ok(Registers { general: self.general()?, vectors })
    }

    /// Whether its state comes again within so many instructions, none of which asks anybody: it could wait for an answer of whoever
    /// leads it. All memory, which may be much, is looked at only where registers and stack are what they
    /// were.
    fn recurs(&self, steps: u64) -> io::Result<bool> {
        let mut now = self.general()?;
        let (mut before, mut stack, mut state) = (now, self.stack()?, None);
        let (mut since, mut power, mut looks) = (0, 1, 0);
        for _ in 0..steps {
            if self.leaves(&now)? || !self.step()? {
                return Ok(false);
            }
            since += 1;
            now = self.general()?;
            if now == before && self.stack()? == stack && looks < LOOKS {
                looks += 1;
                let found = Some(self.state()?);
                if found == state {
                    return Ok(true);
                }
                state = state.or(found);
            }
            if since == power {
                (before, stack, state) = (now, self.stack()?, None);
                (since, power) = (0, power * 2);
            }
        }
        Ok(false)
    }

    /// Everything that it depends on: its registers and its memory.
    fn state(&self) -> io::Result<(Registers, u64)> {
        Ok((self.registers()?, self.memory()?))
    }

    /// What is on top of its stack.
    fn stack(&self) -> io::Result<Vec<u8>> {
        /// Where the stack pointer is among the registers.
        const AT: usize = mem::offset_of!(libc::user_regs_struct, rsp) / 8;
        /// What a function may use below it.
        const RED_ZONE: u64 = 128;
        let mut bytes = vec![0; PAGE_BYTES as usize];
        let read = self.memory.read_at(&mut bytes, self.general()?[AT] - RED_ZONE)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// Whether the next instruction asks anybody else for anything.
    fn leaves(&self, general: &General) -> io::Result<bool> {
        /// Where the instruction pointer is among the registers.
        const AT: usize = mem::offset_of!(libc::user_regs_struct, rip) / 8;
        let mut bytes = [0; LONGEST];
        let read = self.memory.read_at(&mut bytes, general[AT])?;
        Ok(asks(&bytes[..read]))
    }

    /// A digest of all memory that the process can write.
    fn memory(&self) -> io::Result<u64> {
        /// A page is in memory, or on a disk.
        const PRESENT: u64 = 0b11 << 62;
        let pages = File::open(format!("/proc/{}/pagemap", self.process))?;
        let mut digest = DefaultHasher::new();
        let mut bytes = [0; PAGE_BYTES as usize];
        for (start, end) in writable(&fs::read_to_string(format!("/proc/{}/maps", self.process))?) {
            let mut entries = vec![0; ((end - start) / PAGE_BYTES * 8) as usize];
            pages.read_exact_at(&mut entries, start / PAGE_BYTES * 8)?;
            for (page, entry) in (start..end).step_by(PAGE_BYTES as usize).zip(entries.chunks_exact(8)) {
                if u64::from_ne_bytes(entry.try_into().expect("eight bytes")) & PRESENT != 0 {
                    // The guard of a thread's stack can be read by nobody.
                    let is_read = self.memory.read_exact_at(&mut bytes, page).is_ok();
                    (page, is_read.then_some(&bytes)).hash(&mut digest);
                }
            }
        }
        Ok(digest.finish())
    }
}

impl Drop for Tracee {
    fn drop(&mut self) {
        // A thread that is gone needs no leave.
        let _ = request(libc::PTRACE_DETACH, self.thread, 0, ptr::null_mut());
    }
}

/// Whether bytes begin with an instruction that asks anybody else for anything, behind its prefixes (`66`, `67`, `f2`, `f3`, `REX`).
fn asks(bytes: &[u8]) -> bool {
    let is_prefix = |byte: &u8| matches!(byte, 0x40..=0x4f | 0x66 | 0x67 | 0xf2 | 0xf3);
    let begins = bytes.iter().position(|byte| !is_prefix(byte)).unwrap_or(bytes.len());
    LEAVES.iter().any(|leaves| bytes[begins..].starts_with(leaves))
}

/// The places that a process can write to, of its list of mappings.
fn writable(maps: &str) -> Vec<(u64, u64)> {
    let place = |line: &str| {
        let (place, rest) = line.split_once(' ')?;
        let (start, end) = place.split_once('-').filter(|_| rest.starts_with("rw"))?;
        Some((u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?))
    };
    maps.lines().filter_map(place).collect()
}

fn request(what: libc::c_uint, thread: i32, address: usize, data: *mut libc::c_void) -> io::Result<()> {
    // SAFETY: what is written through `data` is what the caller made room for.
    match unsafe { libc::ptrace(what, thread, address, data) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::process::{Child, Command, Stdio};

    /// A program of a few instructions, which is written as a file of its own.
    #[expect(clippy::disallowed_methods, reason = "a process of the test's own")]
    fn started(folder: &std::path::Path, body: &str) -> Child {
        let (source, program) = (folder.join("it.c"), folder.join("it"));
        // It says when it begins.
        let begins = "extern long write(int, const void *, unsigned long);";
        let main = format!("int main(void) {{ write(1, \"x\", 1); {body} }}");
        fs::write(&source, format!("{begins} volatile long x; {main}")).expect("it is written");
        let compiled = Command::new("cc").arg(&source).arg("-o").arg(&program).status().expect("a compiler");
        assert!(compiled.success());
        Command::new(program).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("it starts")
    }

    fn is_endless(body: &str) -> bool {
        let folder = tempfile::tempdir().expect("a folder");
        let mut child = started(folder.path(), body);
        child.stdout.as_mut().expect("a pipe").read_exact(&mut [0]).expect("it begins");
        let endless = works_in_a_circle(child.id(), 20_000);
        child.kill().expect("it is killed");
        child.wait().expect("it ends");
        endless
    }

    #[test]
    fn a_loop_that_changes_nothing_is_endless() {
        assert!(is_endless("for (;;) { for (int i = 0; i < 100; i++) x; }"));
        assert!(is_endless(
            "struct n { struct n *next; } a, b; a.next = &b; b.next = &a; for (struct n *p = &a; p; p = p->next) x;"
        ));
    }

    #[test]
    fn a_loop_that_counts_or_asks_or_sleeps_is_not_known_to_be() {
        assert!(!is_endless("for (;;) x++;"));
        assert!(!is_endless("extern int getppid(void); for (;;) getppid();"));
        assert!(!is_endless("extern int pause(void); for (;;) pause();"));
    }

    #[test]
    fn an_instruction_asks_whatever_stands_before_it() {
        for asks_for in
            [&b"\x0f\x05"[..], b"\x48\x0f\x05", b"\x0f\x31", b"\x48\x0f\xc7\xf0", b"\xf3\x0f\xc7\xf8"]
        {
            assert!(asks(asks_for), "{asks_for:x?}");
        }
        assert!(!asks(b"\x48\x85\xc0\x75\xe5\x0f\x05") && !asks(b"\x0f\xb6\x05") && !asks(b""));
    }
}
