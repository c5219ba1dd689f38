//! No server process ends unless it is told to, and none writes that it found itself broken.

/// What a server or a sanitizer writes when it found itself broken.
const SUSPICIOUS: [&str; 10] = [
    "ASSERTION FAILED",
    "Guru Meditation",
    "crashed by signal",
    "BUG REPORT START",
    "Out Of Memory allocating",
    "AddressSanitizer",
    "LeakSanitizer",
    "MemorySanitizer",
    "ThreadSanitizer",
    ": runtime error: ",
];

/// Whether a line of a server's log or standard error tells of an assertion, a crash or a sanitizer's find.
pub fn is_suspicious(line: &str) -> bool {
    SUSPICIOUS.iter().any(|text| line.contains(text))
}
