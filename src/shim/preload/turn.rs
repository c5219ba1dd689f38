//! The hand-over of the turn between this process and the scheduler.
//!
//! The turn word is a futex in the shared page. It holds the thread id while this process has the turn and stands in
//! the main thread's robust list, so that the kernel itself wakes the scheduler when the process dies in its turn.

use core::cell::{Cell, UnsafeCell};
use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::baton::Baton;
use crate::page::{self, Page, Participant, Record, Socket, record, state};
use crate::sys::{self, sys};

const FUTEX_WAIT: usize = 0;
const FUTEX_WAKE: usize = 1;

/// Stands in for the page where there is none, so that a look at it is never a look at nothing.
// SAFETY: a page is plain data, and all zeroes are a page.
static NO_PAGE: Baton<Page> = Baton::new(unsafe { core::mem::zeroed() });
static PAGE: Baton<Cell<*const Page>> = Baton::new(Cell::new(ptr::null()));
static ME: Baton<Cell<usize>> = Baton::new(Cell::new(0));
static SINCE_NS: Baton<Cell<u64>> = Baton::new(Cell::new(0));

/// What becomes of it when memory gets a limit, or loses it; whoever hands memory out says so.
type MindLimit = fn(bool);
static MIND_LIMIT: Baton<Cell<Option<MindLimit>>> = Baton::new(Cell::new(None));
static IS_LIMITED: Baton<Cell<bool>> = Baton::new(Cell::new(false));

/// The head of the kernel's robust list, as `set_robust_list(2)` describes it.
#[repr(C)]
struct RobustHead {
    next: u64,
    futex_offset: i64,
    pending: u64,
}

static ROBUST: Baton<UnsafeCell<RobustHead>> =
    Baton::new(UnsafeCell::new(RobustHead { next: 0, futex_offset: 0, pending: 0 }));

/// The page; whoever has the turn is alone on it, and what the scheduler writes meanwhile is in cells.
#[inline]
pub fn page() -> &'static Page {
    let page = PAGE.get();
    // SAFETY: once set, it points to the mapping, which lives as long as the process.
    if page.is_null() { &NO_PAGE } else { unsafe { &*page } }
}

/// Whether the processes are a user's programs, and no servers.
#[inline]
pub fn is_guest() -> bool {
    page().flags.get() & page::FLAG_GUEST != 0
}

/// Which participant of the page this process is.
#[inline]
pub fn my_number() -> usize {
    ME.get()
}

/// This process's part of the page.
#[inline]
pub fn me() -> &'static Participant {
    &page().participants[my_number()]
}

/// The sockets of the page that were ever in use: it is not touched for the others, which are many.
pub fn sockets() -> &'static [Socket] {
    &page().sockets[..page().sockets_used.get() as usize]
}

/// The participants of the page that were ever in use.
pub fn participants() -> &'static [Participant] {
    &page().participants[..page().participants_used.get() as usize]
}

/// The bytes of the memory file at `offset`, which is made of the page's constants.
pub fn area(offset: usize) -> *mut u8 {
    debug_assert!(offset < page::PAGE_BYTES);
    PAGE.get().cast::<u8>().wrapping_add(offset).cast_mut()
}

/// Takes a page into use: this process is its first participant, in possession of the turn.
pub fn open(page: *const Page) {
    PAGE.set(page);
    let held = enlist(0);
    // SAFETY: a system call without arguments.
    me().real_pid.set(unsafe { sys!(sys::GETPID) } as u32);
    // In this order: whoever sees the value to hand over must also see that the turn is not his yet.
    // It says that the scheduler may sleep, which has not yet had the chance to say so itself.
    me().turn.store(held | page::TURN_WAITERS, Ordering::SeqCst);
    announce(held);
}

/// Takes a page into use as a participant that was another program so far, and has the turn.
pub fn reopen(page: *const Page, participant: usize) {
    PAGE.set(page);
    let held = enlist(participant);
    SINCE_NS.set(self::page().now_ns.get());
    if me().turn_value.load(Ordering::SeqCst) != held {
        give_up(b"a program that takes the place of one of several threads is not simulated");
    }
}

/// Ends a process that must not take this page into use.
pub fn refuse(page: *const Page, reason: &[u8]) -> ! {
    PAGE.set(page);
    // SAFETY: a system call without arguments.
    let pid = unsafe { sys!(sys::GETPID) } as u32;
    let known = participants().iter().position(|participant| participant.real_pid.get() == pid);
    ME.set(known.unwrap_or(0));
    give_up(reason)
}

/// Lets go of the turn word before another program takes this one's place: the kernel would take that for a death.
/// Undone by [`keep_hold`] where that fails.
pub fn loosen() {
    let head = ROBUST.get();
    // SAFETY: as in `enlist`; an empty list points to itself.
    unsafe { (*head).next = head as u64 };
}

/// Takes hold of the turn word again.
pub fn keep_hold() {
    enlist(my_number());
}

/// Makes this process participant `participant` while its parent still has the turn, and waits for its own.
pub fn adopt_waiting(participant: usize) {
    announce(enlist(participant));
    await_turn();
}

/// Tells the scheduler, which may be waiting for it, that this process can take turns.
fn announce(held: u32) {
    me().turn_value.store(held, Ordering::SeqCst);
    wake(&me().turn_value);
}

/// Tells the kernel which word to mark when this thread dies; the word's value while this process has the turn.
fn enlist(participant: usize) -> u32 {
    ME.set(participant);
    let (me, head) = (me(), ROBUST.get());
    let entry = (&raw const me.robust_next) as u64;
    me.robust_next.set(head as u64);
    let futex_offset = (&raw const me.turn) as i64 - entry as i64;
    // SAFETY: the head is this process's own, and the kernel reads it only when the thread dies.
    unsafe {
        head.write(RobustHead { next: entry, futex_offset, pending: 0 });
        sys!(sys::SET_ROBUST_LIST, head, core::mem::size_of::<RobustHead>());
        sys!(sys::GETTID) as u32
    }
}

fn wake(word: &AtomicU32) {
    // SAFETY: the kernel only looks up who sleeps at the word.
    unsafe { sys!(sys::FUTEX, word.as_ptr(), FUTEX_WAKE, 1) };
}

fn await_turn() {
    let turn = &me().turn;
    while turn.load(Ordering::SeqCst) == page::TURN_SCHEDULER {
        // SAFETY: the word lives in the shared mapping for as long as the process.
        unsafe { sys!(sys::FUTEX, turn.as_ptr(), FUTEX_WAIT, page::TURN_SCHEDULER, 0) };
    }
}

/// Gives the turn to the scheduler and waits until it comes back.
pub fn hand_over(reason: u32) {
    let me = me();
    me.state.set(reason);
    if me.turn.swap(page::TURN_SCHEDULER, Ordering::SeqCst) & page::TURN_WAITERS != 0 {
        wake(&me.turn);
    }
    await_turn();
    SINCE_NS.set(page().now_ns.get());
    let is_limited = page().memory_left.get() != page::UNLIMITED;
    if IS_LIMITED.replace(is_limited) != is_limited
        && let Some(mind) = MIND_LIMIT.get()
    {
        mind(is_limited);
    }
}

/// Calls `mind` whenever memory gets a limit, or loses it.
pub fn on_limit(mind: MindLimit) {
    MIND_LIMIT.set(Some(mind));
}

/// When this process last got the turn.
pub fn since_ns() -> u64 {
    SINCE_NS.get()
}

/// Gives the turn up until `deadline_ns` or until something happens that the process waits for, bits of [`page::waits`].
pub fn give_way(deadline_ns: u64, waits: u32) {
    let me = me();
    me.deadline_ns.set(deadline_ns);
    me.waits.set(waits);
    me.seen_activity.set(page().pipe_activity.get());
    me.poked.set(0);
    hand_over(state::BLOCKED);
}

/// Gives the turn up until another process lets this one go on.
pub fn stop() {
    me().stopped.set(1);
    while me().stopped.get() != 0 {
        give_way(u64::MAX, 0);
    }
}

/// Room for `len` bytes of payload in the outbox, after it was emptied if need be.
fn reserve(len: usize) -> *mut u8 {
    let bytes = page::record_bytes(len);
    if page().outbox_len.get() as usize + bytes > page::OUTBOX_BYTES {
        hand_over(state::FLUSH);
    }
    area(page::OUTBOX_AT + page().outbox_len.get() as usize)
}

/// Puts a record without payload into the outbox.
pub fn report(kind: u32, handle: u64, value: u64, extra: u64) {
    append(Record { kind, len: 0, handle, value, extra }, &[]);
}

/// Puts a record with `record.len` bytes of payload into the outbox.
fn append(record: Record, payload: &[u8]) {
    let at = reserve(payload.len());
    // SAFETY: `reserve` made room for the record and its payload.
    unsafe {
        at.cast::<Record>().write_unaligned(record);
        ptr::copy_nonoverlapping(payload.as_ptr(), at.add(core::mem::size_of::<Record>()), payload.len());
    }
    page().outbox_len.set(page().outbox_len.get() + page::record_bytes(payload.len()) as u32);
}

/// Reports a payload of any length in pieces that fit the outbox.
pub fn report_sent(handle: u64, bytes: &[u8]) {
    const PIECE: usize = 256 * 1024;
    for piece in bytes.chunks(PIECE) {
        append(Record { kind: record::SEND, len: piece.len() as u32, handle, value: 0, extra: 0 }, piece);
    }
}

/// Reports a file call: what the record's numbers are (`handle`, `value`, `extra`), and its one or two paths.
pub fn report_file([handle, value, extra]: [u64; 3], [path, other]: [&[u8]; 2]) {
    let mut text = [0; 2048];
    let separator: &[u8] = if other.is_empty() { b"" } else { b"\0" };
    let mut len = 0;
    for part in [path, separator, other] {
        let taken = part.len().min(text.len() - len);
        text[len..len + taken].copy_from_slice(&part[..taken]);
        len += taken;
    }
    append(Record { kind: record::FILE, len: len as u32, handle, value, extra }, &text[..len]);
}

/// Tells the scheduler that this process will never go on, and why; it ends the process.
pub fn deadlock(reason: &[u8]) {
    leave_text(reason);
    hand_over(state::DEADLOCK);
}

fn leave_text(reason: &[u8]) {
    let mut text = [0; page::TEXT_BYTES];
    text[..reason.len()].copy_from_slice(reason);
    page().text.set(text);
}

/// Leaves a reason in the page and ends the process.
pub fn give_up(reason: &[u8]) -> ! {
    if PAGE.get().is_null() {
        // SAFETY: the reason is readable memory.
        unsafe { sys!(sys::WRITE, 2, reason.as_ptr(), reason.len()) };
    } else {
        leave_text(reason);
        me().state.set(state::GAVE_UP);
    }
    loop {
        // SAFETY: ends the process.
        unsafe { sys!(sys::EXIT_GROUP, 97) };
    }
}
