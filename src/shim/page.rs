//! The shared page: the only thing the scheduler's side and a simulated server's side have in common.
//!
//! One page (a sparse memory file) belongs to one node and outlives none of its incarnations. Exactly one side works
//! on it at any moment: the holder of the turn. So nothing in it is atomic but the turn words themselves. Both halves
//! compile this file, so a change of layout cannot reach only one of them; [`VERSION`] catches a stale shim. A field is
//! `Shared`: plain data where the scheduler borrows the whole page, a cell in the shim, where others write between turns.

use core::sync::atomic::AtomicU32;

use super::Shared;

/// First word of a page.
pub const MAGIC: u64 = 0x766b_667a_7061_6765;
/// Layout version; the shim refuses another one.
pub const VERSION: u32 = 11;
/// The variable that names the page's descriptor to the shim.
pub const PAGE_VARIABLE: &str = "VALKEY_FUZZER_PAGE";
/// The variable that says which participant a program is that took another one's place.
pub const PARTICIPANT_VARIABLE: &str = "VALKEY_FUZZER_PARTICIPANT";
/// The descriptors that a guest's processes hand down from program to program: the page, and the shim itself. Higher than
/// those that most programs open, and lower than the smallest limit that hosts set (256).
pub const GUEST_PAGE_FD: i32 = 250;
/// See [`GUEST_PAGE_FD`].
pub const GUEST_SHIM_FD: i32 = 251;
/// The variable that asks the shim to describe the process images it is loaded into, and do nothing else.
pub const PROBE_VARIABLE: &str = "VALKEY_FUZZER_PROBE";

/// Processes of one host that can live at once: a server and its forked children, or a guest and all it started.
pub const PARTICIPANTS: usize = 256;
/// Sockets of one host that can be open at once: two links of a node to each of a thousand, and clients; or all ends of all
/// links of a cluster of sixty nodes that a guest starts.
pub const SOCKETS: usize = 8192;
/// Pipes of one node that can be open at once.
pub const PIPES: usize = 64;
/// Counters of one node (`eventfd`, `timerfd`) that can be open at once.
pub const COUNTERS: usize = 128;
/// Signals, counted from 0.
pub const SIGNALS: usize = 65;
/// Rules for file calls that one machine can have at once.
pub const FILE_RULES: usize = 16;
/// Options of a socket that are numbers.
pub const OPTIONS: usize = 18;
/// Where among them those stand that the network asks for.
pub mod option_at {
    pub const KEEP_ALIVE: usize = 2;
    pub const KEEP_IDLE: usize = 12;
    pub const KEEP_INTERVAL: usize = 13;
    pub const KEEP_COUNT: usize = 14;
}
/// Bytes a receive area holds, which is what a socket can have unread.
pub const RX_BYTES: usize = 64 * 1024;
/// Bytes a pipe holds, as on Linux.
pub const PIPE_BYTES: usize = 64 * 1024;
/// Bytes of records a turn can produce before it must hand them over.
pub const OUTBOX_BYTES: usize = 1024 * 1024;
/// Bytes a sender may have under way: its send buffer and the peer's receive buffer together.
pub const WINDOW_BYTES: u64 = 512 * 1024;
/// Bytes of a message for people.
pub const TEXT_BYTES: usize = 512;
/// Memory that nothing limits, in bytes.
pub const UNLIMITED: u64 = u64::MAX;
/// No socket.
pub const NOBODY: u16 = u16::MAX;

/// The address of a host to itself, in the order of its bytes.
pub const LOOPBACK: u32 = u32::from_be_bytes([127, 0, 0, 1]);

/// Whether an address leads to the host that says it.
pub fn is_loopback(address: u32) -> bool {
    address.to_be_bytes()[0] == 127
}

/// The turn word's value while the scheduler has the turn.
pub const TURN_SCHEDULER: u32 = 0;
/// Set in the turn word, beside the thread id of the process that has it, once the scheduler sleeps: whoever ends the
/// turn, the process or the kernel that buries it, has to wake it.
pub const TURN_WAITERS: u32 = 0x8000_0000;
/// Set by the kernel in the turn word when the process that had the turn died.
pub const TURN_DIED: u32 = 0x4000_0000;

/// Check that no system call goes round the shim.
pub const FLAG_CHECK: u32 = 1;
/// The processes are a user's programs, and no servers.
pub const FLAG_GUEST: u32 = 2;

/// Where everything is.
#[repr(C)]
pub struct Page {
    pub magic: Shared<u64>,
    pub version: Shared<u32>,
    pub flags: Shared<u32>,
    /// Seed of everything random in this incarnation.
    pub seed: Shared<[u64; 4]>,
    /// The time of day.
    pub wall: WallClock,
    /// Value of the monotonic clock when virtual time is zero.
    pub monotonic_base_ns: Shared<u64>,
    /// How many times slower than a quick machine this one works, at least 1; the world may change it between turns.
    pub times_slower: Shared<u64>,
    /// The node's virtual time; advanced by the scheduler between turns, and by looks at a clock.
    pub now_ns: Shared<u64>,
    /// Virtual time spent on work: the process's CPU time.
    pub busy_ns: Shared<u64>,
    /// The host's IPv4 address.
    pub address: Shared<u32>,
    /// The process id of the next child.
    pub next_pid: Shared<u32>,
    /// The next name a process gives to a socket of its own.
    pub next_handle: Shared<u64>,
    /// No participant from here on was ever in use.
    pub participants_used: Shared<u32>,
    /// The next local port of a dialled connection.
    pub next_port: Shared<u32>,
    /// Seed of the order in which this turn's multiplexers report; 0 for the order of the descriptors.
    pub order: Shared<u64>,
    /// Counts what happened to pipes, so that blocked siblings look again.
    pub pipe_activity: Shared<u32>,
    /// Some process called another one by a socket of their host's own, which is the kernel's.
    pub local_calls: Shared<u32>,
    /// Set when something was written to the standard output.
    pub printed: Shared<u32>,
    /// Who minds file calls, bits of [`watch`]; 0 lets them all pass unseen.
    pub files_watched: Shared<u32>,
    /// What becomes of file calls; the first rule that matches and is not spent decides.
    pub file_rules: [FileRule; FILE_RULES],
    /// Bytes that the server may still have beside what it has; `UNLIMITED` if nothing limits it. The shim counts.
    pub memory_left: Shared<u64>,
    /// Unlocks of mutexes that the server is still to leave out: a saboteur's.
    pub unlocks_left_out: Shared<u32>,
    /// The kernel took no filter, so calls that go round the shim go unnoticed.
    pub unguarded: Shared<u32>,
    /// Bytes of records in the outbox.
    pub outbox_len: Shared<u32>,
    /// No socket from here on was ever in use.
    pub sockets_used: Shared<u32>,
    /// Every socket before this one is in use.
    pub sockets_full: Shared<u32>,
    /// Sockets that somebody touched since a multiplexer found nothing to read at them and nothing wrong with them, bit by bit.
    pub stirred: [Shared<u64>; SOCKETS / 64],
    /// The working directory as the server may know it, NUL-terminated.
    pub directory: Shared<[u8; 64]>,
    /// What the shim has to say when it gives up, NUL-terminated.
    pub text: Shared<[u8; TEXT_BYTES]>,
    pub participants: [Participant; PARTICIPANTS],
    pub sockets: [Socket; SOCKETS],
    /// Descriptors that name each socket, by process: apart from the sockets, as few processes live at once and memory that is touched
    /// counts.
    pub socket_refs: [[Shared<u16>; SOCKETS]; PARTICIPANTS],
    pub pipes: [Pipe; PIPES],
    pub counters: [Counter; COUNTERS],
}

/// How the time of day goes. A right clock has gone at its rate from the beginning of virtual time.
#[repr(C)]
pub struct WallClock {
    /// The instant of virtual time from which on the rest holds.
    pub since_ns: Shared<u64>,
    /// Nanoseconds of the Unix epoch that it shows then.
    pub shown_ns: Shared<u64>,
    /// How fast it goes, in millionths of virtual time.
    pub rate_ppm: Shared<u64>,
    /// How far its other time is from this one.
    pub strobe_ns: Shared<i64>,
    /// How long it shows each of the two; 0 if there is but one.
    pub every_ns: Shared<u64>,
}

/// As fast as virtual time.
pub const RATE_PPM: u64 = 1_000_000;

/// Who minds file calls.
pub mod watch {
    /// There are rules.
    pub const RULES: u32 = 1;
    /// What is on the disk for sure is kept account of.
    pub const JOURNAL: u32 = 2;
    /// Each call is to be told.
    pub const TELL: u32 = 4;
    /// What stands in a `nodes.conf` that is synchronised is to be looked at.
    pub const NODES_CONF: u32 = 8;
}

/// The classes of files, one bit each, told by their names.
pub mod file_class {
    pub const NODES_CONF: u32 = 1;
    pub const AOF_BASE: u32 = 2;
    pub const AOF_INCR: u32 = 4;
    pub const AOF_MANIFEST: u32 = 8;
    pub const RDB: u32 = 16;
    pub const CONFIG: u32 = 32;
    pub const FOLDER: u32 = 64;
}

/// The calls that concern files, one bit each.
pub mod file_call {
    pub const OPEN: u32 = 1;
    pub const WRITE: u32 = 2;
    pub const FSYNC: u32 = 4;
    pub const RENAME: u32 = 8;
    pub const UNLINK: u32 = 16;
    /// The bytes that a file had are none any more.
    pub const TRUNCATE: u32 = 32;
}

/// What a rule makes of a call.
pub mod file_verdict {
    /// It is done, and that is all.
    pub const PASS: u32 = 0;
    /// It fails with the `errno` that is the rule's value.
    pub const FAIL: u32 = 1;
    /// Half of the bytes are written.
    pub const SHORT: u32 = 2;
    /// It takes as many nanoseconds as the rule's value says.
    pub const SLOW: u32 = 3;
    /// The machine is gone before it took effect.
    pub const CRASH_BEFORE: u32 = 4;
    /// The machine is gone after it took effect.
    pub const CRASH_AFTER: u32 = 5;
    /// It says that it is done, and it is not.
    pub const LIE: u32 = 6;
}

/// A rule for file calls.
#[repr(C)]
pub struct FileRule {
    /// Which calls it is for, bits of [`file_call`]; 0 is no rule.
    pub calls: Shared<u32>,
    /// Which files it is for, bits of [`file_class`].
    pub classes: Shared<u32>,
    /// One of [`file_verdict`].
    pub verdict: Shared<u32>,
    pub value: Shared<u64>,
    /// Calls that match and still pass before it begins to decide.
    pub skip: Shared<u64>,
    /// Calls that it still decides.
    pub left: Shared<u64>,
}

/// Why a process gave the turn up, or what became of it.
pub mod state {
    /// Nobody.
    pub const FREE: u32 = 0;
    /// Wants the turn as soon as possible (a child that was just forked).
    pub const READY: u32 = 1;
    /// Blocked until its deadline, or until something happens at one of its descriptors.
    pub const BLOCKED: u32 = 2;
    /// Wants the outbox emptied and the turn back.
    pub const FLUSH: u32 = 3;
    /// The shim gave up; the page's text says why.
    pub const GAVE_UP: u32 = 4;
    /// Has ended.
    pub const EXITED: u32 = 5;
    /// Worked on and on without ever waiting for anything, beyond every bound.
    pub const BUSY: u32 = 6;
    /// All its threads wait for locks or conditions that only they themselves could give; the page's text says which.
    pub const DEADLOCK: u32 = 7;
    /// Its machine is gone, by a rule for file calls.
    pub const CRASHED: u32 = 8;
}

/// A process of the node.
#[repr(C)]
pub struct Participant {
    /// The kernel's robust-futex list entry; points back to the list's head in the process.
    pub robust_next: Shared<u64>,
    /// Who has the turn: [`TURN_SCHEDULER`], or the process's `turn_value`.
    pub turn: AtomicU32,
    /// What the scheduler writes into `turn` to hand it over; 0 until the process is ready for it.
    pub turn_value: AtomicU32,
    /// One of [`state`].
    pub state: Shared<u32>,
    /// The process id the kernel knows.
    pub real_pid: Shared<u32>,
    /// The process id the server knows.
    pub pid: Shared<u32>,
    /// `pipe_activity` when the process blocked.
    pub seen_activity: Shared<u32>,
    /// When it wants the turn at the latest.
    pub deadline_ns: Shared<u64>,
    /// Signals that wait, one bit each.
    pub signals: Shared<u64>,
    /// Whether something happened at one of its sockets.
    pub poked: Shared<u32>,
    /// What besides time it waits for, bits of [`waits`].
    pub waits: Shared<u32>,
    /// The process that forked it, as it knows it; 0 for the first one.
    pub parent: Shared<u32>,
    /// What the program that takes its place ignores and blocks of signals, one bit each.
    pub ignored: Shared<u64>,
    pub blocked: Shared<u64>,
    /// How many programs it has been so far.
    pub programs: Shared<u32>,
    /// A signal stopped it, and none let it go on.
    pub stopped: Shared<u32>,
    /// Who sent the latest signal of each number: a process id of the node, or 0.
    pub senders: [Shared<u32>; SIGNALS],
}

/// What a process waits for.
pub mod waits {
    /// Descriptors.
    pub const IO: u32 = 1;
    /// What others do at pipes and counters.
    pub const OTHERS: u32 = 2;
}

/// The life of a socket.
pub mod socket_state {
    pub const FREE: u32 = 0;
    /// Made, perhaps bound.
    pub const FRESH: u32 = 1;
    pub const LISTENING: u32 = 2;
    pub const CONNECTING: u32 = 3;
    pub const CONNECTED: u32 = 4;
    /// Refused, timed out or reset.
    pub const DEAD: u32 = 5;
}

/// A simulated socket.
#[repr(C)]
pub struct Socket {
    /// The name the scheduler knows it by.
    pub handle: Shared<u64>,
    /// Bytes that may still be sent.
    pub credit: Shared<u64>,
    pub state: Shared<u32>,
    /// An `errno` that the next call reports.
    pub error: Shared<i32>,
    pub local_address: Shared<u32>,
    pub peer_address: Shared<u32>,
    pub local_port: Shared<u16>,
    pub peer_port: Shared<u16>,
    /// The first connection that waits at this listening socket, or the next one behind this waiting connection.
    pub pending: Shared<u16>,
    /// The last connection that waits at this listening socket.
    pub pending_last: Shared<u16>,
    pub pending_count: Shared<u32>,
    /// Which receive area the unread bytes are in, while there are any.
    pub rx_area: Shared<u32>,
    /// The unread bytes within the receive area.
    pub rx_start: Shared<u32>,
    pub rx_end: Shared<u32>,
    /// The peer sends nothing more, after what is unread.
    pub rx_eof: Shared<u32>,
    /// This side sends nothing more.
    pub tx_shut: Shared<u32>,
    /// More bytes wait outside the receive area.
    pub rx_more: Shared<u32>,
    /// Closing aborts the connection.
    pub linger_abort: Shared<u32>,
    /// The options that are numbers, as they were set.
    pub options: [Shared<i32>; OPTIONS],
    /// How long a call may block to receive; zero is for ever.
    pub receive_timeout_ns: Shared<u64>,
    /// How long a call may block to send; zero is for ever.
    pub send_timeout_ns: Shared<u64>,
}

/// A simulated pipe.
#[repr(C)]
pub struct Pipe {
    pub used: Shared<u32>,
    pub start: Shared<u32>,
    pub len: Shared<u32>,
    /// Nothing more can be written ([`SHUT_WRITERS`]) or read ([`SHUT_READERS`]), whoever names an end.
    pub shut: Shared<u32>,
    /// Descriptors that read, by process.
    pub readers: [Shared<u16>; PARTICIPANTS],
    /// Descriptors that write, by process.
    pub writers: [Shared<u16>; PARTICIPANTS],
}

/// Nothing more can be written to a pipe.
pub const SHUT_WRITERS: u32 = 1;
/// Nothing more can be read from a pipe.
pub const SHUT_READERS: u32 = 2;

/// A simulated counter: an `eventfd`, or a `timerfd` that counts how often its time came.
#[repr(C)]
pub struct Counter {
    pub value: Shared<u64>,
    /// When a timer's time comes next, in virtual time; 0 is never.
    pub next_ns: Shared<u64>,
    /// After how long it comes again; 0 is never.
    pub interval_ns: Shared<u64>,
    /// Whether reads take one of the count instead of all.
    pub semaphore: Shared<u32>,
    pub is_timer: Shared<u32>,
    /// Descriptors that name it, by process.
    pub refs: [Shared<u16>; PARTICIPANTS],
}

/// What a record in the outbox says.
pub mod record {
    /// Listens at port `value`.
    pub const LISTEN: u32 = 1;
    /// Dials address `value >> 16`, port `value & 0xffff`; the local port is in `extra`.
    pub const CONNECT: u32 = 2;
    /// Wrote the payload.
    pub const SEND: u32 = 3;
    /// Read `value` bytes.
    pub const CONSUMED: u32 = 4;
    /// Sends nothing more.
    pub const SHUT: u32 = 5;
    /// Closed; `value` is 1 if the peer must see a reset.
    pub const CLOSE: u32 = 6;
    /// Forked; `value` is the child's participant, or 0 where there was no room for one, and `extra` its process id.
    pub const FORK: u32 = 7;
    /// Sends signal `value` to the process with pid `extra`.
    pub const SIGNAL: u32 = 8;
    /// Listens at port `value` no more.
    pub const UNLISTEN: u32 = 9;
    /// Makes the file call `value & 0xffff` for a file of class `value >> 16`; the bytes it wrote are in `handle`, the
    /// number of the file's node in `extra`, and its path is the payload. Where there are two paths, NUL is between them.
    pub const FILE: u32 = 10;
}

/// A record in the outbox, followed by `len` bytes of payload, padded to 8.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Record {
    pub kind: u32,
    pub len: u32,
    pub handle: u64,
    pub value: u64,
    pub extra: u64,
}

const ALIGN: usize = 4096;

const fn align(bytes: usize) -> usize {
    bytes.div_ceil(ALIGN) * ALIGN
}

/// Offset of the outbox.
pub const OUTBOX_AT: usize = align(core::mem::size_of::<Page>());
/// Offset of the receive areas: as many as there are sockets, and the first ones are used before the others.
pub const RX_AT: usize = OUTBOX_AT + OUTBOX_BYTES;
/// Offset of the pipes' contents.
pub const PIPE_AT: usize = RX_AT + SOCKETS * RX_BYTES;
/// Size of the whole memory file.
pub const PAGE_BYTES: usize = PIPE_AT + PIPES * PIPE_BYTES;
// Where files may have no more than a gibibyte (`ulimit -f`), a larger one would end whoever makes it.
const _: () = assert!(PAGE_BYTES < 1 << 30);

/// How many bytes a record with `len` bytes of payload takes.
pub const fn record_bytes(len: usize) -> usize {
    core::mem::size_of::<Record>() + len.div_ceil(8) * 8
}
