//! The hand-over of the turn between this process and the scheduler.
//!
//! The turn word is a futex in the shared page. It holds the thread id while this process has the turn and stands in
//! the main thread's robust list, so that the kernel itself wakes the scheduler when the process dies in its turn.

use core::ptr;
use core::sync::atomic::Ordering;

use crate::page::{self, record, state, Page, Participant, Record};
use crate::sys::{self, sys};

const FUTEX_WAIT: usize = 0;
const FUTEX_WAKE: usize = 1;

/// The page, or null where the shim is not alive.
pub static mut PAGE: *mut Page = ptr::null_mut();
/// Which participant of the page this process is.
pub static mut ME: usize = 0;

/// The head of the kernel's robust list, as `set_robust_list(2)` describes it.
#[repr(C)]
struct RobustHead {
    next: u64,
    futex_offset: i64,
    pending: u64,
}

static mut ROBUST: RobustHead = RobustHead { next: 0, futex_offset: 0, pending: 0 };

/// The page; only where the shim is alive.
pub fn page() -> &'static mut Page {
    // SAFETY: callers check `start::alive` first, and whoever has the turn is alone on the page.
    unsafe { &mut *PAGE }
}

/// This process's part of the page.
pub fn me() -> &'static mut Participant {
    // SAFETY: as for `page`.
    unsafe { &mut (*PAGE).participants[ME] }
}

/// The bytes of the memory file at `offset`.
pub fn area(offset: usize) -> *mut u8 {
    // SAFETY: the mapping is PAGE_BYTES long and every offset is made of the page's constants.
    unsafe { PAGE.cast::<u8>().add(offset) }
}

/// Makes this process participant `participant`, in possession of the turn.
pub unsafe fn adopt(participant: usize) {
    let held = enlist(participant);
    me().real_pid = sys!(sys::GETPID) as u32;
    // In this order: whoever sees the value to hand over must also see that the turn is not his yet.
    me().turn.store(held, Ordering::SeqCst);
    announce(held);
}

/// Makes this process participant `participant` while its parent still has the turn, and waits for its own.
pub unsafe fn adopt_waiting(participant: usize) {
    announce(enlist(participant));
    await_turn();
}

/// Tells the scheduler, which may be waiting for it, that this process can take turns.
unsafe fn announce(held: u32) {
    let word = &me().turn_value;
    word.store(held, Ordering::SeqCst);
    sys!(sys::FUTEX, word.as_ptr(), FUTEX_WAKE, 1);
}

/// Tells the kernel which word to mark when this thread dies; the word's value while this process has the turn.
unsafe fn enlist(participant: usize) -> u32 {
    ME = participant;
    let me = me();
    let entry = &raw mut me.robust_next;
    ROBUST.next = entry as u64;
    ROBUST.futex_offset = (&raw mut me.turn) as i64 - entry as i64;
    me.robust_next = (&raw mut ROBUST) as u64;
    sys!(sys::SET_ROBUST_LIST, &raw mut ROBUST, core::mem::size_of::<RobustHead>());
    sys!(sys::GETTID) as u32 | page::TURN_WAITERS
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
    me.state = reason;
    me.turn.store(page::TURN_SCHEDULER, Ordering::SeqCst);
    // SAFETY: the word lives in the shared mapping for as long as the process.
    unsafe { sys!(sys::FUTEX, me.turn.as_ptr(), FUTEX_WAKE, 1) };
    await_turn();
}

/// Blocks the process until `deadline_ns` or until something happens at one of its descriptors.
pub fn block(deadline_ns: u64, waits_io: bool) {
    let me = me();
    me.deadline_ns = deadline_ns;
    me.waits_io = waits_io as u32;
    me.seen_activity = page().pipe_activity;
    me.poked = 0;
    hand_over(state::BLOCKED);
    crate::signal::deliver();
}

/// Room for `len` bytes of payload in the outbox, after it was emptied if need be.
fn reserve(len: usize) -> *mut u8 {
    let bytes = page::record_bytes(len);
    if page().outbox_len as usize + bytes > page::OUTBOX_BYTES {
        hand_over(state::FLUSH);
    }
    area(page::OUTBOX_AT + page().outbox_len as usize)
}

/// Puts a record without payload into the outbox.
pub fn report(kind: u32, handle: u64, value: u64, extra: u64) {
    report_bytes(Record { kind, len: 0, handle, value, extra }, ptr::null());
}

/// Puts a record with `record.len` bytes of payload into the outbox.
pub fn report_bytes(record: Record, payload: *const u8) {
    let len = record.len as usize;
    let at = reserve(len);
    // SAFETY: `reserve` made room for the record and its payload.
    unsafe {
        at.cast::<Record>().write_unaligned(record);
        if len > 0 {
            ptr::copy_nonoverlapping(payload, at.add(core::mem::size_of::<Record>()), len);
        }
    }
    page().outbox_len += page::record_bytes(len) as u32;
}

/// Reports a payload of any length in pieces that fit the outbox.
pub unsafe fn report_sent(handle: u64, bytes: *const u8, len: usize) {
    const PIECE: usize = 256 * 1024;
    let mut done = 0;
    while done < len {
        let piece = (len - done).min(PIECE);
        report_bytes(
            Record { kind: record::SEND, len: piece as u32, handle, value: 0, extra: 0 },
            bytes.add(done),
        );
        done += piece;
    }
}

/// Leaves a reason in the page and ends the process.
pub unsafe fn give_up(text: &[u8; page::TEXT_BYTES], len: usize) -> ! {
    if PAGE.is_null() {
        sys!(sys::WRITE, 2, text.as_ptr(), len);
    } else {
        page().text = *text;
        me().state = state::GAVE_UP;
    }
    loop {
        sys!(sys::EXIT_GROUP, 97);
    }
}
