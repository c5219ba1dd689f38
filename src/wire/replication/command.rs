//! Cuts a stream of commands, arrays of bulk strings, into whole ones without looking at a byte twice.

/// The longest command that is waited for: as much as a server takes (`proto-max-bulk-len`, and some for the rest).
const COMMAND_BYTES_MAX: usize = (512 << 20) + (1 << 20);
/// The longest line: a length takes some twenty bytes.
const LINE_BYTES_MAX: usize = 64;
/// How many parts of a command are looked at; what follows them only counts.
pub const PARTS: usize = 3;

/// The bytes of a stream that are not whole commands yet.
#[derive(Debug, Default)]
pub struct Commands {
    bytes: Vec<u8>,
    /// Where in `bytes` the next command begins.
    start: usize,
    /// How many bytes from there on are needed before it is worth looking again.
    wanted: usize,
}

/// A whole command.
#[derive(Debug, PartialEq, Eq)]
pub struct Whole<'a> {
    /// All of it, as sent.
    pub bytes: &'a [u8],
    /// Its first parts: its name, and what follows.
    pub parts: [Option<&'a [u8]>; PARTS],
}

/// The stream is none of commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

/// How far a command was read.
enum Read {
    /// So many bytes, at least, are needed.
    Wants(usize),
    /// It is whole: its length, and where its first parts are.
    Whole(usize, [Option<(usize, usize)>; PARTS]),
}

impl Commands {
    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.start);
        self.start = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// Passes over line ends where a command may begin.
    pub fn skip_empty_lines(&mut self) {
        let is_end = |byte: &&u8| matches!(byte, b'\r' | b'\n');
        self.start += self.bytes[self.start..].iter().take_while(is_end).count();
    }

    /// What is written as words in a line at the place of the next command; nothing if there is a command there, or no
    /// whole line. A replica asks for the data set alone in that way.
    pub fn take_line(&mut self) -> Option<String> {
        let waiting = &self.bytes[self.start..];
        let end = waiting.iter().take(LINE_BYTES_MAX).position(|byte| *byte == b'\n');
        let end = end.filter(|_| waiting.first() != Some(&b'*'))?;
        let line = String::from_utf8_lossy(&waiting[..end]).trim_end().to_owned();
        self.start += end + 1;
        Some(line)
    }

    /// Whether a line of words has begun and is not whole.
    pub fn is_within_line(&self) -> bool {
        let waiting = &self.bytes[self.start..];
        waiting.first().is_some_and(|first| *first != b'*') && waiting.len() < LINE_BYTES_MAX
    }

    /// How many bytes of an unfinished command there are.
    pub fn rest(&self) -> u64 {
        (self.bytes.len() - self.start) as u64
    }

    /// The next whole command, or nothing until more arrives.
    pub fn pop(&mut self) -> Result<Option<Whole<'_>>, Broken> {
        let waiting = self.bytes.len() - self.start;
        if waiting == 0 || waiting < self.wanted {
            return Ok(None);
        }
        match read(&self.bytes[self.start..])? {
            Read::Wants(wanted) if wanted > COMMAND_BYTES_MAX => Err(Broken),
            Read::Wants(wanted) => {
                self.wanted = wanted;
                Ok(None)
            }
            Read::Whole(len, parts) => {
                let bytes = &self.bytes[self.start..self.start + len];
                self.start += len;
                self.wanted = 0;
                Ok(Some(Whole { bytes, parts: parts.map(|part| part.map(|(from, to)| &bytes[from..to])) }))
            }
        }
    }
}

impl Whole<'_> {
    /// Whether this is its part of that number, in any case.
    pub fn says(&self, part: usize, word: &str) -> bool {
        self.parts[part].is_some_and(|said| said.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// A part as text.
    pub fn text(&self, part: usize) -> Option<&str> {
        str::from_utf8(self.parts[part]?).ok()
    }
}

/// Reads the command at the start of `bytes`.
fn read(bytes: &[u8]) -> Result<Read, Broken> {
    let mut parts = [None; PARTS];
    let Some((count, mut at)) = number(bytes, 0, b'*')? else {
        return Ok(Read::Wants(bytes.len() + 1));
    };
    let mut kept = parts.iter_mut();
    for _ in 0..count {
        let Some((len, begin)) = number(bytes, at, b'$')? else {
            return Ok(Read::Wants(bytes.len().max(at) + 1));
        };
        let end = begin + len;
        if let Some(part) = kept.next() {
            *part = Some((begin, end));
        }
        at = end + 2;
        if at > bytes.len() {
            return Ok(Read::Wants(at));
        }
    }
    Ok(Read::Whole(at, parts))
}

/// The number in the line at `at` and where the next line begins; nothing if the line is not whole.
fn number(bytes: &[u8], at: usize, kind: u8) -> Result<Option<(usize, usize)>, Broken> {
    let rest = &bytes[at..];
    let Some(end) = memchr::memchr(b'\n', &rest[..rest.len().min(LINE_BYTES_MAX)]) else {
        let is_begun = rest.first().is_none_or(|first| *first == kind);
        return if is_begun && rest.len() < LINE_BYTES_MAX { Ok(None) } else { Err(Broken) };
    };
    let digits = rest[..end].strip_suffix(b"\r").and_then(|line| line.strip_prefix(&[kind]));
    let number = digits.and_then(|digits| str::from_utf8(digits).ok()).and_then(|text| text.parse().ok());
    number
        .filter(|number| *number <= COMMAND_BYTES_MAX)
        .map(|number| Some((number, at + end + 1)))
        .ok_or(Broken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packed(words: &[&[u8]]) -> Vec<u8> {
        let mut out = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            out.extend(format!("${}\r\n", word.len()).bytes());
            out.extend(*word);
            out.extend(b"\r\n");
        }
        out
    }

    #[test]
    fn commands_come_whole_however_they_were_cut() {
        let stream = [packed(&[b"PING"]), packed(&[b"set", b"k\r\n$", b"v", b"EX", b"9"])].concat();
        for cut in 0..stream.len() {
            let mut commands = Commands::default();
            let mut seen = Vec::new();
            for piece in [&stream[..cut], &stream[cut..]] {
                commands.push(piece);
                while let Some(whole) = commands.pop().expect("they are commands") {
                    seen.push((whole.bytes.len(), whole.says(0, "SET"), whole.text(1).map(str::to_owned)));
                }
            }
            let expected = [(14, false, None), (stream.len() - 14, true, Some("k\r\n$".to_owned()))];
            assert_eq!(seen, expected, "cut at {cut}");
        }
    }

    #[test]
    fn what_is_no_command_breaks_the_stream() {
        for wrong in ["+OK\r\n", "*x\r\n", "*1\r\n+PING\r\n", "*1\r\n$-1\r\n", "*99999999999999\r\n"] {
            let mut commands = Commands::default();
            commands.push(wrong.as_bytes());
            assert_eq!(commands.pop(), Err(Broken), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8)) {
            let mut commands = Commands::default();
            for piece in pieces {
                commands.push(&piece);
                while let Ok(Some(_)) = commands.pop() {}
            }
        }
    }
}
