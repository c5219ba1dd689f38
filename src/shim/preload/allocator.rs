//! Whose memory a server gets, and how much of it.
//!
//! A server that takes it from the C library gets it from us ([`crate::arena`]). A server that brings an allocator (Debian's
//! bring jemalloc as a library) keeps it: every call is handed on to it. While the page limits memory, calls of the
//! server's own program are counted against what may still be had.

use core::mem::transmute;
use core::ptr::{self, null_mut};
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::arena::{
    own_aligned_alloc, own_calloc, own_free, own_malloc, own_malloc_usable_size, own_posix_memalign,
    own_realloc,
};
use crate::life::{alive, next_definition, real};
use crate::sys::{self, ENOMEM};
use crate::{clock, page, turn};

/// Every function, where its calls go, where they go without a limit, what takes the very first, what of ours there is for
/// it, what counts, and in which register the address is put that the call returns to. Whoever is called next knows nothing
/// of that one and ignores it.
macro_rules! functions {
    ($($name:ident $slot:ident $first:ident $own:ident $counted:ident $register:literal ($($argument:ident: $type:ty),*) $(-> $result:ty)?;)*) => {
        $(
            static $slot: [AtomicPtr<u8>; 2] =
                [AtomicPtr::new($first as *mut u8), AtomicPtr::new(ptr::null_mut())];

            #[unsafe(naked)]
            #[unsafe(no_mangle)]
            unsafe extern "C" fn $name($($argument: $type),*) $(-> $result)? {
                core::arch::naked_asm!(
                    concat!("mov ", $register, ", [rsp]"),
                    "jmp qword ptr [rip + {slot}]",
                    slot = sym $slot
                )
            }

            unsafe extern "C" fn $first($($argument: $type,)* caller: usize) $(-> $result)? {
                decide();
                // SAFETY: the caller's arguments.
                unsafe { unlimited::$name($($argument,)* caller) }
            }
        )*

        /// Each as if there were no limit.
        mod unlimited {
            use super::*;

            $(
                pub unsafe fn $name($($argument: $type,)* caller: usize) $(-> $result)? {
                    // SAFETY: the slot holds a function of this type, whether it takes the last argument or not.
                    unsafe {
                        let go: unsafe extern "C" fn($($type,)* usize) $(-> $result)? =
                            transmute($slot[UNLIMITED].load(Ordering::Relaxed));
                        go($($argument,)* caller)
                    }
                }
            )*
        }

        fn use_own() {
            $(use_for(&$slot, $own as *mut u8);)*
        }

        /// All are looked up before any is used: to look up may allocate.
        fn use_next() {
            let found = [$(next_definition(concat!(stringify!($name), "\0").as_bytes())),*];
            let slots = [$(&$slot),*];
            slots.iter().zip(found).for_each(|(slot, next)| use_for(slot, next.cast_mut()));
        }

        /// From now on calls are counted, or not any more.
        fn mind_limit(is_limited: bool) {
            $(
                let unlimited = $slot[UNLIMITED].load(Ordering::Relaxed);
                $slot[NOW].store(if is_limited { $counted as *mut u8 } else { unlimited }, Ordering::Relaxed);
            )*
        }
    };
}

/// Where calls go, of a slot's two.
const NOW: usize = 0;
/// Where they go without a limit.
const UNLIMITED: usize = 1;

fn use_for(slot: &[AtomicPtr<u8>; 2], function: *mut u8) {
    slot.iter().for_each(|place| place.store(function, Ordering::Relaxed));
}

functions! {
    malloc MALLOC first_malloc own_malloc counted_malloc "rsi" (_bytes: usize) -> *mut u8;
    calloc CALLOC first_calloc own_calloc counted_calloc "rdx" (_count: usize, _each: usize) -> *mut u8;
    realloc REALLOC first_realloc own_realloc counted_realloc "rdx" (_memory: *mut u8, _bytes: usize) -> *mut u8;
    free FREE first_free own_free counted_free "rsi" (_memory: *mut u8);
    aligned_alloc ALIGNED_ALLOC first_aligned_alloc own_aligned_alloc counted_aligned_alloc "rdx" (_alignment: usize, _bytes: usize) -> *mut u8;
    memalign MEMALIGN first_memalign own_aligned_alloc counted_memalign "rdx" (_alignment: usize, _bytes: usize) -> *mut u8;
    posix_memalign POSIX_MEMALIGN first_posix_memalign own_posix_memalign counted_posix_memalign "rcx"
        (_memory: *mut *mut u8, _alignment: usize, _bytes: usize) -> i32;
    malloc_usable_size USABLE_SIZE first_usable_size own_malloc_usable_size counted_usable_size "rsi" (_memory: *mut u8) -> usize;
}

/// How much of a block can be used; nothing of none.
unsafe fn usable(memory: *mut u8) -> u64 {
    // SAFETY: the caller's block.
    if memory.is_null() { 0 } else { unsafe { unlimited::malloc_usable_size(memory, 0) as u64 } }
}

/// Whether a call is one that the page's limit holds for: of the server's own program, and not of a child that it forked.
fn is_counted(caller: usize) -> bool {
    turn::my_number() == 0 && clock::is_servers_own(caller)
}

/// Takes a block of `bytes` in place of one of which `had` can be used, as `take` does it, if as much is left.
unsafe fn within_limit(caller: usize, had: u64, bytes: usize, take: impl FnOnce() -> *mut u8) -> *mut u8 {
    if !is_counted(caller) {
        return take();
    }
    let left = turn::page().memory_left.get().saturating_add(had);
    if bytes as u64 > left {
        sys::fail(ENOMEM);
        return null_mut();
    }
    let block = take();
    if !block.is_null() {
        // SAFETY: the block was just taken.
        let has = unsafe { usable(block) };
        turn::page().memory_left.set(left.saturating_sub(has).min(page::UNLIMITED - 1));
    }
    block
}

unsafe extern "C" fn counted_malloc(bytes: usize, caller: usize) -> *mut u8 {
    // SAFETY: the caller's arguments.
    unsafe { within_limit(caller, 0, bytes, || unlimited::malloc(bytes, caller)) }
}

unsafe extern "C" fn counted_calloc(count: usize, each: usize, caller: usize) -> *mut u8 {
    let bytes = count.saturating_mul(each);
    // SAFETY: the caller's arguments.
    unsafe { within_limit(caller, 0, bytes, || unlimited::calloc(count, each, caller)) }
}

unsafe extern "C" fn counted_realloc(memory: *mut u8, bytes: usize, caller: usize) -> *mut u8 {
    // SAFETY: the caller's block, which stays as it is if there is no memory for a larger one.
    unsafe {
        if !memory.is_null() && bytes == 0 {
            counted_free(memory, caller);
            return null_mut();
        }
        within_limit(caller, usable(memory), bytes, || unlimited::realloc(memory, bytes, caller))
    }
}

unsafe extern "C" fn counted_free(memory: *mut u8, caller: usize) {
    // SAFETY: the caller hands back what it was given.
    unsafe {
        if is_counted(caller) {
            let left = turn::page().memory_left.get().saturating_add(usable(memory));
            turn::page().memory_left.set(left.min(page::UNLIMITED - 1));
        }
        unlimited::free(memory, caller);
    }
}

unsafe extern "C" fn counted_aligned_alloc(alignment: usize, bytes: usize, caller: usize) -> *mut u8 {
    // SAFETY: the caller's arguments.
    unsafe { within_limit(caller, 0, bytes, || unlimited::aligned_alloc(alignment, bytes, caller)) }
}

unsafe extern "C" fn counted_memalign(alignment: usize, bytes: usize, caller: usize) -> *mut u8 {
    // SAFETY: the caller's arguments.
    unsafe { within_limit(caller, 0, bytes, || unlimited::memalign(alignment, bytes, caller)) }
}

unsafe extern "C" fn counted_posix_memalign(
    memory: *mut *mut u8,
    alignment: usize,
    bytes: usize,
    caller: usize,
) -> i32 {
    let mut error = ENOMEM;
    // SAFETY: the caller's arguments; its place holds a block if there is no error.
    unsafe {
        within_limit(caller, 0, bytes, || {
            error = unlimited::posix_memalign(memory, alignment, bytes, caller);
            if error == 0 { *memory } else { null_mut() }
        });
    }
    error
}

unsafe extern "C" fn counted_usable_size(memory: *mut u8, caller: usize) -> usize {
    // SAFETY: the caller's argument.
    unsafe { unlimited::malloc_usable_size(memory, caller) }
}

/// There is nothing to give back: freed pages of ours went to the kernel already. The C library's own would set up its
/// heap first if nobody used it yet, and draw a random number for it.
#[unsafe(no_mangle)]
extern "C" fn malloc_trim(pad: usize) -> i32 {
    if alive() {
        return 0;
    }
    // SAFETY: the C library's function, with the caller's argument.
    unsafe { real!("malloc_trim" as fn(usize) -> i32)(pad) }
}

/// Every tuning of a heap that is not used succeeds; see `malloc_trim`.
#[unsafe(no_mangle)]
extern "C" fn mallopt(option: i32, value: i32) -> i32 {
    if alive() {
        return 1;
    }
    // SAFETY: the C library's function, with the caller's arguments.
    unsafe { real!("mallopt" as fn(i32, i32) -> i32)(option, value) }
}

/// Decides whose functions are used, with the first call of all.
fn decide() {
    use_own();
    if !(alive() && is_the_c_librarys(next_definition(b"malloc\0"))) {
        use_next();
    }
    turn::on_limit(mind_limit);
}

/// Whether a function is the C library's own.
fn is_the_c_librarys(function: *const u8) -> bool {
    file_of(function) == file_of(next_definition(b"gnu_get_libc_version\0"))
}

/// Where the file that holds a function is mapped.
fn file_of(function: *const u8) -> usize {
    /// `Dl_info`: the file's name and place, the symbol's name and address.
    type Found = [usize; 4];
    let mut found: Found = [0; 4];
    // SAFETY: there is room for the answer.
    unsafe { real!("dladdr" as fn(*const u8, *mut Found) -> i32)(function, &raw mut found) };
    found[1]
}
