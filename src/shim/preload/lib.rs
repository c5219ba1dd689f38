//! The preload half: it answers a server's clocks, randomness, sockets, pipes and blocking calls from the shared page.
//!
//! It is compiled on its own into a shared object and never linked into the fuzzer, whose own clock it would replace.
//! It has no standard library and no allocator, because the allocators of servers call it before they work. It comes
//! alive only in the process whose environment names a page; anywhere else every call goes straight to the kernel.
//!
//! Layers, lowest first; a module names lower ones only: `sys baton` · `turn` (the page, and handing the turn over) ·
//! `work` (what it costs) · `give_up random` · `life` (is this process meant?) · `signal alarm` · `thread` (the baton) · `clock` ·
//! `arena` · `allocator jemalloc program` · `descriptor disk` · `ready` (what a descriptor has for whom) · `proc` ·
//! `transfer itimer lock shared_lock mask kill kernel_pipe pipe stream option socket event files file_names temporary entropy process` ·
//! `epoll poll` · `calls` (what works on any descriptor) · `exec` · `spawn` (programs that guests start) · `identity lookup counter check probe syscall` (what is called by number) ·
//! `start`.

#![no_std]
#![deny(clippy::all)]

use core::cell::Cell;

#[path = "../page.rs"]
#[expect(dead_code, reason = "each half of the page uses a part of it")]
mod page;

mod alarm;
mod allocator;
mod arena;
mod baton;
mod calls;
mod check;
mod clock;
mod counter;
mod descriptor;
mod disk;
mod entropy;
mod epoll;
mod event;
mod exec;
mod file_names;
mod files;
mod give_up;
mod identity;
mod itimer;
mod jemalloc;
mod kernel_pipe;
mod kill;
mod life;
mod lock;
mod lookup;
mod mask;
mod option;
mod pipe;
mod poll;
mod probe;
mod proc;
mod process;
mod program;
mod random;
mod ready;
mod shared_lock;
mod signal;
mod socket;
mod spawn;
mod start;
mod stream;
mod sys;
mod syscall;
mod temporary;
mod thread;
mod transfer;
mod turn;
mod unshared;
mod work;

/// A field of the page: others write it between this process's turns, so it is a cell.
type Shared<T> = Cell<T>;

/// Named by the unwind tables of the core library; nothing ever unwinds here.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
