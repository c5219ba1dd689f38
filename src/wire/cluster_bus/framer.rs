//! Cuts the byte stream of one direction of a bus link into whole messages.
//!
//! A server writes messages in pieces and several at a time, and a fault may be set on any one of them. A stream that
//! is not the bus's protocol (any more) is not to be swallowed either: after an error the bytes are handed on as they are.

use super::{BusError, check_prefix};

/// The bytes of one direction of a link that were not yet handed on.
#[derive(Debug, Default)]
pub struct Framer {
    bytes: Vec<u8>,
    /// Where in `bytes` the next message begins.
    start: usize,
    broken: bool,
}

impl Framer {
    /// A framer at the beginning of a stream.
    pub fn new() -> Self {
        Framer::default()
    }

    /// Takes the next bytes of the stream. What is held grows by them and shrinks with each message handed on, so it
    /// is one incomplete message at most (64 MiB) when the messages are fetched after each push.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole message; nothing while it is incomplete. The first error ends the stream of messages: there is
    /// nothing after it, and [`Framer::take_rest`] has the bytes from the wrong one on.
    pub fn next_message(&mut self) -> Option<Result<Vec<u8>, BusError>> {
        if self.broken {
            return None;
        }
        let pending = &self.bytes[self.start..];
        match check_prefix(pending) {
            Ok(Some(length)) if length <= pending.len() => Some(Ok(self.cut(length))),
            Ok(_) => None,
            Err(error) => {
                self.broken = true;
                Some(Err(error))
            }
        }
    }

    /// Whether the stream turned out not to be messages; its bytes are then to be passed on by [`Framer::take_rest`].
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// All bytes that are not handed on yet: after an error, or of a message that its sender did not complete.
    pub fn take_rest(&mut self) -> Vec<u8> {
        let start = std::mem::take(&mut self.start);
        let mut rest = std::mem::take(&mut self.bytes);
        rest.drain(..start);
        rest
    }

    /// Hands on `length` bytes. The usual case, one message that is all there is, costs no second copy.
    fn cut(&mut self, length: usize) -> Vec<u8> {
        if self.start == 0 && self.bytes.len() == length {
            return std::mem::take(&mut self.bytes);
        }
        let message = self.bytes[self.start..self.start + length].to_vec();
        self.start += length;
        if self.start == self.bytes.len() {
            self.bytes = Vec::new();
            self.start = 0;
        }
        message
    }
}
