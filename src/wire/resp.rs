//! RESP, the protocol of clients: commands to bytes, and bytes back to replies as they trickle in.
//!
//! The `redis` crate packs commands and parses replies; it wants a whole reply at once or a reader that blocks, and
//! simulated connections are neither. So a [`Decoder`] finds where a reply ends, looking at no byte twice, and
//! parses only whole ones: a reply of many megabytes in many pieces costs no more than its length.
//! Which connection the bytes belong to is not known here.

mod text;

use std::fmt;
use std::net::SocketAddrV4;

use redis::Value;

use super::SLOT_COUNT;
pub use crate::model::key_slot;
pub use text::lines;

/// The longest reply that is taken; a server that announces more is not believed.
pub const REPLY_BYTES_MAX: usize = 64 << 20;
/// The longest first line of a reply, or of an element of one.
const LINE_BYTES_MAX: usize = 64 << 10;
/// How much room a decoder keeps between replies.
const IDLE_BYTES_MAX: usize = 64 << 10;

/// A command as the bytes to send.
pub fn pack<A: AsRef<[u8]>>(args: &[A]) -> Vec<u8> {
    let mut command = redis::Cmd::new();
    for arg in args {
        command.arg(arg.as_ref());
    }
    command.get_packed_command()
}

/// Bytes that are no reply. Nothing after them can be read: the connection is of no more use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a reply: {0}")]
pub struct Malformed(String);

/// Takes bytes as they come and gives whole replies.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// How much of the buffer belongs to replies already given.
    taken: usize,
    scanner: Scanner,
}

impl Decoder {
    /// Adds what arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.taken);
        self.taken = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole reply, or nothing until more arrives. Errors of the server are values: [`Value::ServerError`].
    pub fn pop(&mut self) -> Result<Option<Value>, Malformed> {
        let waiting = &self.buffer[self.taken..];
        let Some(len) = self.scanner.find_end(waiting)? else {
            return Ok(None);
        };
        let value =
            redis::parse_redis_value(&waiting[..len]).map_err(|error| Malformed(error.to_string()))?;
        self.take(len);
        Ok(Some(value))
    }

    fn take(&mut self, len: usize) {
        self.taken += len;
        self.scanner = Scanner::default();
        if self.taken == self.buffer.len() {
            self.buffer.clear();
            self.buffer.shrink_to(IDLE_BYTES_MAX);
            self.taken = 0;
        }
    }
}

/// Finds the end of a reply in a buffer that grows.
#[derive(Debug)]
struct Scanner {
    /// Where the next element begins; behind the buffer's end while a body is still arriving.
    at: usize,
    /// How many bytes of that element's first line were already seen to hold no line end.
    looked: usize,
    /// How many elements are still missing.
    open: usize,
}

impl Default for Scanner {
    fn default() -> Self {
        Scanner { at: 0, looked: 0, open: 1 }
    }
}

impl Scanner {
    /// The length of the reply at the start of `buffer`, if all of it is there.
    fn find_end(&mut self, buffer: &[u8]) -> Result<Option<usize>, Malformed> {
        while self.open > 0 {
            let Some(line) = self.line(buffer)? else {
                return Ok(None);
            };
            self.step(line)?;
        }
        Ok((self.at <= buffer.len()).then_some(self.at))
    }

    /// The first line of the next element, without its end.
    fn line<'a>(&mut self, buffer: &'a [u8]) -> Result<Option<&'a [u8]>, Malformed> {
        let Some(rest) = buffer.get(self.at..) else {
            return Ok(None);
        };
        // The last byte looked at may have been the first half of a line end.
        let from = self.looked.saturating_sub(1);
        let end = rest[from..].windows(2).position(|two| two == b"\r\n").map(|end| from + end);
        self.looked = if end.is_some() { 0 } else { rest.len() };
        if end.unwrap_or(rest.len()) > LINE_BYTES_MAX {
            return Err(Malformed("a line without an end".to_owned()));
        }
        Ok(end.map(|end| &rest[..end]))
    }

    /// Passes one element, whose own elements come next.
    fn step(&mut self, line: &[u8]) -> Result<(), Malformed> {
        let (kind, text) = line.split_first().ok_or_else(|| Malformed("an empty line".to_owned()))?;
        self.at += line.len() + 2;
        self.open -= 1;
        match kind {
            b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(' => {}
            b'$' | b'!' | b'=' => self.at += length(text)?.map_or(0, |len| len + 2),
            b'*' | b'~' | b'>' => self.open += length(text)?.unwrap_or(0),
            b'%' => self.open += 2 * length(text)?.unwrap_or(0),
            b'|' => self.open += 2 * length(text)?.unwrap_or(0) + 1,
            _ => return Err(Malformed(format!("a line that begins with byte {kind}"))),
        }
        // Every missing element has at least its kind and a line end.
        if self.at + 3 * self.open > REPLY_BYTES_MAX {
            return Err(Malformed(format!("more than {REPLY_BYTES_MAX} bytes")));
        }
        Ok(())
    }
}

/// The number after the kind of a body or a collection; nothing if it is negative, which stands for null.
fn length(text: &[u8]) -> Result<Option<usize>, Malformed> {
    let number = str::from_utf8(text).ok().and_then(|text| text.parse::<i64>().ok());
    match number {
        Some(n) if n > REPLY_BYTES_MAX as i64 => Err(Malformed(format!("a length of {n}"))),
        Some(n) => Ok(usize::try_from(n).ok()),
        None => Err(Malformed("a length that is no number".to_owned())),
    }
}

/// An error that a server answered with, `-CODE detail`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ServerError {
    /// The first word: `ERR`, `MOVED`, `CLUSTERDOWN`.
    pub code: String,
    /// What follows it.
    pub detail: String,
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.detail.as_str() {
            "" => f.write_str(&self.code),
            detail => write!(f, "{} {detail}", self.code),
        }
    }
}

impl From<&redis::ServerError> for ServerError {
    fn from(error: &redis::ServerError) -> Self {
        ServerError { code: error.code().to_owned(), detail: error.details().unwrap_or_default().to_owned() }
    }
}

/// Where a server sends a client for a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// The slot it is about.
    pub slot: u16,
    /// Who is to be asked.
    pub to: SocketAddrV4,
    /// Only for the one command and after `ASKING`, because the slot is on its way there.
    pub ask: bool,
}

impl ServerError {
    /// What `MOVED` and `ASK` say; nothing for other errors, or if the server does not know the other's address.
    pub fn redirect(&self) -> Option<Redirect> {
        let ask = match self.code.as_str() {
            "MOVED" => false,
            "ASK" => true,
            _ => return None,
        };
        let (slot, to) = self.detail.split_once(' ')?;
        let slot = slot.parse().ok().filter(|slot| *slot < SLOT_COUNT)?;
        Some(Redirect { slot, to: to.parse().ok()?, ask })
    }
}

#[cfg(test)]
mod tests;
