//! The scheduler's view of a node's page: mapping, futexes, records, receive areas.
//!
//! All raw access to shared memory is in this file. It is sound because the scheduler touches a page only while it has
//! the turn; the turn word's sequentially consistent stores and loads order everything else.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use memmap2::{MmapOptions, MmapRaw};

use crate::shim::page::{self, Page, Participant, Record, Socket, socket_state};

/// A node's page, mapped.
pub struct SharedPage {
    file: OwnedFd,
    map: MmapRaw,
    /// Which socket used a receive area last, by area.
    holders: Vec<usize>,
}

/// A record and its payload.
pub struct Reported {
    /// What the record says.
    pub record: Record,
    /// The bytes behind it.
    pub payload: Vec<u8>,
}

impl SharedPage {
    /// A new page, all zero.
    pub fn new() -> io::Result<Self> {
        // SAFETY: the name is NUL-terminated; the call makes a descriptor of ours or fails.
        let fd = unsafe { libc::memfd_create(c"valkey-fuzzer-page".as_ptr(), libc::MFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor was just made and belongs to nobody else.
        let file = File::from(unsafe { OwnedFd::from_raw_fd(fd) });
        file.set_len(page::PAGE_BYTES as u64)?;
        let map = MmapOptions::new().len(page::PAGE_BYTES).map_raw(&file)?;
        Ok(SharedPage { file: file.into(), map, holders: Vec::new() })
    }

    /// The descriptor that the server inherits.
    pub fn fd(&self) -> RawFd {
        self.file.as_fd().as_raw_fd()
    }

    /// The page's fixed part.
    pub fn get(&mut self) -> &mut Page {
        // SAFETY: the mapping is larger than a `Page`, aligned to a memory page, valid for any bytes, and nobody else
        // works on it while the scheduler has the turn.
        unsafe { &mut *self.map.as_mut_ptr().cast::<Page>() }
    }

    /// One process's part.
    pub fn participant(&mut self, i: usize) -> &mut Participant {
        &mut self.get().participants[i]
    }

    /// The processes that were ever there, those that are gone among them.
    pub fn participants(&mut self) -> &mut [Participant] {
        let page = self.get();
        &mut page.participants[..page.participants_used as usize]
    }

    /// One socket, to do something with it.
    pub fn socket(&mut self, i: usize) -> &mut Socket {
        let page = self.get();
        page.stirred[i / 64] |= 1 << (i % 64);
        &mut page.sockets[i]
    }

    /// How one socket is.
    pub fn look_at(&mut self, i: usize) -> &Socket {
        &self.get().sockets[i]
    }

    /// Whether any process has a descriptor that names the socket.
    pub fn is_named(&mut self, i: usize) -> bool {
        let page = self.get();
        page.socket_refs[..page.participants_used as usize].iter().any(|refs| refs[i] > 0)
    }

    /// The turn word of a process, usable while the process has the turn.
    fn turn_word(&self, i: usize) -> &AtomicU32 {
        // SAFETY: `addr_of!` makes no reference to the page; the word itself is atomic.
        unsafe { &(*ptr::addr_of!((*self.map.as_ptr().cast::<Page>()).participants[i].turn)) }
    }

    /// The word that a process sets once it can take turns.
    fn ready_word(&self, i: usize) -> &AtomicU32 {
        // SAFETY: as for `turn_word`.
        unsafe { &(*ptr::addr_of!((*self.map.as_ptr().cast::<Page>()).participants[i].turn_value)) }
    }

    /// Waits up to `timeout` for a process to be able to take turns; whether it is.
    pub fn await_ready(&self, i: usize, timeout: Duration) -> bool {
        let word = self.ready_word(i);
        if word.load(Ordering::SeqCst) == 0 {
            futex_wait(word, 0, timeout);
        }
        word.load(Ordering::SeqCst) != 0
    }

    /// Hands the turn to a process.
    pub fn hand_over(&self, i: usize) {
        let value = self.ready_word(i).load(Ordering::SeqCst);
        self.turn_word(i).store(value, Ordering::SeqCst);
        futex_wake(self.turn_word(i));
    }

    /// Waits up to `timeout` for the turn to come back; the turn word if it did.
    pub fn await_turn(&self, i: usize, timeout: Duration) -> Option<u32> {
        let word = self.turn_word(i);
        let held = self.ready_word(i).load(Ordering::SeqCst);
        let awaited = held | page::TURN_WAITERS;
        let said = word.compare_exchange(held, awaited, Ordering::SeqCst, Ordering::SeqCst);
        if said.is_ok() || said == Err(awaited) {
            futex_wait(word, awaited, timeout);
        }
        Some(word.load(Ordering::SeqCst)).filter(|value| ![held, awaited].contains(value))
    }

    /// Takes all records out of the outbox, in order.
    pub fn take_records(&mut self) -> Vec<Reported> {
        let len = std::mem::take(&mut self.get().outbox_len) as usize;
        let mut reported = Vec::new();
        let mut at = 0;
        while at < len {
            let record = self.record_at(at);
            let payload = self.copy(page::OUTBOX_AT + at + size_of::<Record>(), record.len as usize);
            at += page::record_bytes(record.len as usize);
            reported.push(Reported { record, payload });
        }
        reported
    }

    fn record_at(&self, at: usize) -> Record {
        assert!(at + size_of::<Record>() <= page::OUTBOX_BYTES, "a record lies outside the outbox");
        // SAFETY: the offset lies within the mapping; the record is plain bytes.
        unsafe { self.map.as_ptr().add(page::OUTBOX_AT + at).cast::<Record>().read_unaligned() }
    }

    fn copy(&self, offset: usize, len: usize) -> Vec<u8> {
        assert!(offset + len <= page::PAGE_BYTES, "a payload lies outside the page");
        let mut bytes = vec![0; len];
        // SAFETY: the range lies within the mapping, and `bytes` is as long.
        unsafe { ptr::copy_nonoverlapping(self.map.as_ptr().add(offset), bytes.as_mut_ptr(), len) };
        bytes
    }

    /// The sockets that were ever in use, free ones among them.
    pub fn used_sockets(&mut self) -> Range<usize> {
        0..self.get().sockets_used as usize
    }

    /// The first free socket, which is the caller's to set up; nothing if all are in use.
    pub fn take_free(&mut self) -> Option<usize> {
        let page = self.get();
        let first = page.sockets_full as usize;
        let slot = (first..page::SOCKETS).find(|slot| page.sockets[*slot].state == socket_state::FREE)?;
        page.sockets_full = slot as u32 + 1;
        page.sockets_used = page.sockets_used.max(page.sockets_full);
        Some(slot)
    }

    /// A socket that was in use can be taken again.
    pub fn set_free(&mut self, slot: usize) {
        let page = self.get();
        page.sockets[slot].state = socket_state::FREE;
        page.sockets_full = page.sockets_full.min(slot as u32);
    }

    /// Moves as many of `bytes` as fit into a socket's receive area; how many.
    pub fn fill_window(&mut self, i: usize, bytes: &[u8]) -> usize {
        if bytes.is_empty() {
            return 0;
        }
        if !self.has_unread(i) {
            let area = self.free_area(i);
            let socket = self.socket(i);
            (socket.rx_area, socket.rx_start, socket.rx_end) = (area as u32, 0, 0);
        }
        let socket = self.socket(i);
        let (start, end) = (socket.rx_start as usize, socket.rx_end as usize);
        let base = page::RX_AT + socket.rx_area as usize * page::RX_BYTES;
        let taken = bytes.len().min(page::RX_BYTES - (end - start));
        let mut at = end;
        // SAFETY: all ranges lie within the socket's receive area, which lies within the mapping.
        unsafe {
            let area = self.map.as_mut_ptr().add(base);
            if end + taken > page::RX_BYTES {
                ptr::copy(area.add(start), area, end - start);
                at = end - start;
                self.socket(i).rx_start = 0;
            }
            ptr::copy_nonoverlapping(bytes.as_ptr(), area.add(at), taken);
        }
        self.socket(i).rx_end = (at + taken) as u32;
        taken
    }

    /// Whether a socket has bytes in a receive area that it names.
    fn has_unread(&mut self, i: usize) -> bool {
        let socket = self.look_at(i);
        socket.state != socket_state::FREE && socket.rx_end > socket.rx_start
    }

    /// The first receive area that nobody has unread bytes in, for a socket to use: few are touched that way, however many
    /// sockets there are.
    fn free_area(&mut self, i: usize) -> usize {
        let area = (0..page::SOCKETS).find(|area| self.is_free_area(*area)).expect("an area for each socket");
        match self.holders.get_mut(area) {
            Some(holder) => *holder = i,
            None => self.holders.push(i),
        }
        area
    }

    fn is_free_area(&mut self, area: usize) -> bool {
        let Some(holder) = self.holders.get(area).copied() else { return true };
        !self.has_unread(holder) || self.look_at(holder).rx_area as usize != area
    }

    /// The shim's last words.
    pub fn text(&mut self) -> String {
        let text = &self.get().text;
        let len = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
        String::from_utf8_lossy(&text[..len]).into_owned()
    }
}

fn futex_wait(word: &AtomicU32, while_value: u32, timeout: Duration) {
    let time =
        libc::timespec { tv_sec: timeout.as_secs() as i64, tv_nsec: i64::from(timeout.subsec_nanos()) };
    // SAFETY: the word is valid memory; the kernel only compares it and sleeps.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, while_value, &raw const time) };
}

fn futex_wake(word: &AtomicU32) {
    // SAFETY: the word is valid memory; the kernel only looks up who sleeps at it.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, 1) };
}
