//! Memory of ours, for a server that takes it from the C library: the same addresses and sizes beside every C library.
//!
//! What glibc hands out depends on its version, its tunables and where its heap happens to be, and a server counts it
//! (`used_memory`) and orders by it. So blocks come from places of ours in sizes of ours: a header of eight bytes, as
//! glibc has, then what was asked for, rounded up to a multiple of 16 or an eighth of a power of two. Blocks never split
//! and never join; a freed one waits for the next of its size. What libraries allocate, each version of them otherwise,
//! comes from a place of its own and moves nothing of the server's.

use core::cell::Cell;
use core::ptr::{self, null_mut};
use core::sync::atomic::{AtomicBool, Ordering};

use crate::baton::Baton;
use crate::clock;
use crate::give_up::give_up;
use crate::sys::{self, ENOMEM, sys};

const HEADER_BYTES: usize = 8;
const ALIGNMENT: usize = 16;
const SMALLEST_BLOCK: usize = 32;
/// Up to this size there is a class for every multiple of the alignment; above, eight for every doubling.
const LINEAR_BYTES: usize = 1 << LINEAR_BITS;
const LINEAR_BITS: u32 = 10;
const LINEAR_CLASSES: usize = LINEAR_BYTES / ALIGNMENT + 1;
const STEPS: usize = 8;
const CLASSES: usize = LINEAR_CLASSES + (ARENA_BITS - LINEAR_BITS) as usize * STEPS;
/// What a place has room for; who asks for more than that gets nothing, as from a C library without memory.
const ARENA_BITS: u32 = 36;
/// Memory is taken from the kernel in pieces of this size.
const PIECE_BYTES: usize = 4 << 20;
/// The pages of a freed block of this size go back to the kernel.
const LARGE_BYTES: usize = 256 << 10;
const PAGE_BYTES: usize = 4096;
/// Far from where programs, libraries and stacks are.
const SERVERS_AT: usize = 0x1000_0000_0000;
const LIBRARIES_AT: usize = 0x1800_0000_0000;
/// In a header: the block begins further in front than its size says, for the sake of an alignment.
const SHIFTED: u64 = 1 << 63;
const SHIFT_BITS: u32 = 16;

/// A place that blocks come from.
struct Arena {
    start: usize,
    /// Where the next new block begins; 0 before the first.
    fresh: Cell<usize>,
    /// Where the memory that the kernel gave so far ends.
    end: Cell<usize>,
    /// The freed blocks of each class, each pointing to the next.
    freed: [Cell<usize>; CLASSES],
}

static SERVERS: Baton<Arena> = Baton::new(Arena::new(SERVERS_AT));
static LIBRARIES: Baton<Arena> = Baton::new(Arena::new(LIBRARIES_AT));
/// A thread that ends frees what the C library gave it without having the turn.
static LIBRARIES_BUSY: AtomicBool = AtomicBool::new(false);

/// The class of the smallest block for `bytes`.
fn class_of(bytes: usize) -> usize {
    let block = (bytes + HEADER_BYTES).next_multiple_of(ALIGNMENT).max(SMALLEST_BLOCK);
    if block <= LINEAR_BYTES {
        return block / ALIGNMENT;
    }
    let doubling = (block - 1).ilog2();
    let step = (block - 1 - (1 << doubling)) >> (doubling - STEPS.ilog2());
    LINEAR_CLASSES + (doubling - LINEAR_BITS) as usize * STEPS + step
}

/// The bytes of a block of `class`, its header included.
fn block_bytes(class: usize) -> usize {
    if class < LINEAR_CLASSES {
        return class * ALIGNMENT;
    }
    let doubling = (class - LINEAR_CLASSES) / STEPS + LINEAR_BITS as usize;
    let step = (class - LINEAR_CLASSES) % STEPS + 1;
    (1 << doubling) + (step << (doubling - STEPS.ilog2() as usize))
}

impl Arena {
    const fn new(start: usize) -> Self {
        Arena { start, fresh: Cell::new(0), end: Cell::new(0), freed: [const { Cell::new(0) }; CLASSES] }
    }

    fn holds(&self, block: usize) -> bool {
        (self.start..self.start + (1 << ARENA_BITS)).contains(&block)
    }

    /// A block for `bytes`, and whether it was never used; null if that is more than there can be.
    unsafe fn take(&self, bytes: usize) -> (*mut u8, bool) {
        if bytes >= 1 << (ARENA_BITS - 1) {
            sys::fail(ENOMEM);
            return (null_mut(), true);
        }
        let class = class_of(bytes);
        let freed = self.freed[class].get();
        if freed == 0 {
            return (self.new_block(class), true);
        }
        // SAFETY: a freed block of ours begins with the address of the next one.
        unsafe { self.freed[class].set(*(freed as *const usize)) };
        (freed as *mut u8, false)
    }

    fn new_block(&self, class: usize) -> *mut u8 {
        if self.fresh.get() == 0 {
            self.fresh.set(self.start + ALIGNMENT - HEADER_BYTES);
            self.end.set(self.start);
        }
        let at = self.fresh.get();
        let behind = at + block_bytes(class);
        if behind > self.end.get() {
            self.grow(behind);
        }
        self.fresh.set(behind);
        let block = at + HEADER_BYTES;
        // SAFETY: the header lies within memory that the kernel just gave or gave before.
        unsafe { *(at as *mut u64) = class as u64 };
        block as *mut u8
    }

    fn grow(&self, needed: usize) {
        const PROT_READ_WRITE: usize = 3;
        const PRIVATE_ANONYMOUS_UNRESERVED_EXACT: usize = 0x2 | 0x20 | 0x4000 | 0x10_0000;
        let bytes = (needed - self.end.get()).next_multiple_of(PIECE_BYTES);
        let flags = PRIVATE_ANONYMOUS_UNRESERVED_EXACT;
        // SAFETY: a new mapping where there is none.
        let mapped = unsafe { sys!(sys::MMAP, self.end.get(), bytes, PROT_READ_WRITE, flags, usize::MAX, 0) };
        if mapped != self.end.get() as isize {
            give_up!("the host gives the server no more memory ({bytes} bytes; error {})", -mapped);
        }
        self.end.set(self.end.get() + bytes);
    }

    /// Takes a block back that `take` gave.
    unsafe fn give_back(&self, block: usize) {
        // SAFETY: in front of a block stands its header, and a block has room for an address.
        unsafe {
            let class = *((block - HEADER_BYTES) as *const u64) as usize;
            if class >= CLASSES {
                give_up!("the server freed {block:#x}, which is no block or was written over");
            }
            if block_bytes(class) >= LARGE_BYTES {
                return_pages(block + HEADER_BYTES, block - HEADER_BYTES + block_bytes(class));
            }
            *(block as *mut usize) = self.freed[class].get();
            self.freed[class].set(block);
        }
    }
}

/// Gives the whole pages of a range back to the kernel.
unsafe fn return_pages(start: usize, end: usize) {
    const MADVISE: usize = 28;
    const DONTNEED: usize = 4;
    let (first, last) = (start.next_multiple_of(PAGE_BYTES), end / PAGE_BYTES * PAGE_BYTES);
    // SAFETY: the range lies within a freed block.
    unsafe { sys!(MADVISE, first, last - first, DONTNEED) };
}

/// Works on the place that blocks of a caller come from, or that a block lies in.
fn in_arena<T>(is_servers: bool, work: impl FnOnce(&Arena) -> T) -> T {
    if is_servers {
        return work(&SERVERS);
    }
    while LIBRARIES_BUSY.swap(true, Ordering::Acquire) {
        core::hint::spin_loop();
    }
    let result = work(&LIBRARIES);
    LIBRARIES_BUSY.store(false, Ordering::Release);
    result
}

/// The block behind an address that was handed out, and what of it can be used; none if it was not from here.
unsafe fn block_of(memory: *const u8) -> Option<(usize, usize)> {
    let at = memory as usize;
    if !SERVERS.holds(at) && !LIBRARIES.holds(at) {
        return None;
    }
    // SAFETY: in front of all memory that is handed out stands a header.
    let header = unsafe { *((at - HEADER_BYTES) as *const u64) };
    let class = (header & ((1 << SHIFT_BITS) - 1)) as usize;
    let shift = ((header & !SHIFTED) >> SHIFT_BITS) as usize;
    (class < CLASSES).then(|| (at - shift, block_bytes(class) - HEADER_BYTES - shift))
}

pub unsafe extern "C" fn own_malloc(bytes: usize, caller: usize) -> *mut u8 {
    // SAFETY: `take` works on memory of its own.
    in_arena(clock::is_servers_own(caller), |arena| unsafe { arena.take(bytes).0 })
}

pub unsafe extern "C" fn own_calloc(count: usize, each: usize, caller: usize) -> *mut u8 {
    let Some(bytes) = count.checked_mul(each) else {
        sys::fail(ENOMEM);
        return null_mut();
    };
    // SAFETY: `take` works on memory of its own, and gave `bytes`.
    unsafe {
        let (block, is_new) = in_arena(clock::is_servers_own(caller), |arena| arena.take(bytes));
        if !is_new {
            ptr::write_bytes(block, 0, bytes);
        }
        block
    }
}

pub unsafe extern "C" fn own_free(memory: *mut u8) {
    // SAFETY: the caller hands back what it was given; anything else is left alone.
    unsafe {
        if let Some((block, _)) = block_of(memory) {
            in_arena(SERVERS.holds(block), |arena| arena.give_back(block));
        }
    }
}

pub unsafe extern "C" fn own_realloc(memory: *mut u8, bytes: usize, caller: usize) -> *mut u8 {
    // SAFETY: the caller hands back what it was given; both blocks have room for what is copied.
    unsafe {
        if memory.is_null() {
            return own_malloc(bytes, caller);
        }
        if bytes == 0 {
            own_free(memory);
            return null_mut();
        }
        let Some((block, usable)) = block_of(memory) else {
            give_up!("memory at {memory:?} is to be resized, which came from elsewhere or was written over");
        };
        if usable + HEADER_BYTES == block_bytes(class_of(bytes)) {
            return memory;
        }
        let new = in_arena(SERVERS.holds(block), |arena| arena.take(bytes).0);
        if !new.is_null() {
            ptr::copy_nonoverlapping(memory, new, usable.min(bytes));
            own_free(memory);
        }
        new
    }
}

pub unsafe extern "C" fn own_aligned_alloc(alignment: usize, bytes: usize, caller: usize) -> *mut u8 {
    // SAFETY: the block has room for the shift, and for a second header in front of what is handed out.
    unsafe {
        if alignment <= ALIGNMENT {
            return own_malloc(bytes, caller);
        }
        let block = own_malloc(bytes.saturating_add(alignment), caller) as usize;
        let shift = block.next_multiple_of(alignment) - block;
        if block != 0 && shift != 0 {
            let class = *((block - HEADER_BYTES) as *const u64);
            *((block + shift - HEADER_BYTES) as *mut u64) = SHIFTED | ((shift as u64) << SHIFT_BITS) | class;
        }
        (block + shift) as *mut u8
    }
}

pub unsafe extern "C" fn own_posix_memalign(
    memory: *mut *mut u8,
    alignment: usize,
    bytes: usize,
    caller: usize,
) -> i32 {
    if !alignment.is_power_of_two() || alignment < HEADER_BYTES {
        return sys::EINVAL;
    }
    // SAFETY: the caller has room for the answer.
    unsafe {
        let block = own_aligned_alloc(alignment, bytes, caller);
        if block.is_null() {
            return ENOMEM;
        }
        *memory = block;
    }
    0
}

pub unsafe extern "C" fn own_malloc_usable_size(memory: *mut u8) -> usize {
    // SAFETY: only a block of ours is looked at.
    unsafe { block_of(memory) }.map_or(0, |(_, usable)| usable)
}
