//! Lies between a primary and its replica, beside the bus: commands that are left out, doubled or altered, and receipts.

use super::Liar;
use super::client::replaced;
use crate::fault::Lie;
use crate::wire::resp::pack;

/// A write in a stream of commands.
const SET: &[u8] = b"*3\r\n$3\r\nSET\r\n";
/// A deletion of one key in a stream, and a command of its length that does nothing.
const DEL: &[u8] = b"*2\r\n$3\r\nDEL\r\n";
const GET: &[u8] = b"*2\r\n$3\r\nGET\r\n";
/// The second database is selected in a stream, and the first.
const SELECT_SECOND: &[u8] = b"*2\r\n$6\r\nSELECT\r\n$1\r\n1\r\n";
const SELECT_FIRST: &[u8] = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n";
/// What comes before a deadline in milliseconds of these years.
const DEADLINE: &[u8] = b"$4\r\nPXAT\r\n$13\r\n";
/// The beginning of a receipt: `REPLCONF ACK` with its offset, and the offset of an append-only file behind it, if there is one.
const ACK: &[u8] = b"REPLCONF\r\n$3\r\nACK\r\n";
/// What is acknowledged too much.
const TOO_MUCH: u64 = 10_000;
/// So many receipts are honest.
const HONEST: u64 = 3;

impl Liar {
    pub(super) fn tells_node(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        match self.lie {
            Lie::SwallowStream | Lie::RepeatStream | Lie::AlterStream => self.write(bytes),
            Lie::AckMore | Lie::AckBack => self.receipt(bytes),
            Lie::DelUntold => replaced(bytes, DEL, GET),
            Lie::ExpiryUntold => later(bytes),
            Lie::SelectUntold => replaced(bytes, SELECT_SECOND, SELECT_FIRST),
            _ => None,
        }
    }

    /// The first write that goes out by itself.
    fn write(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let is_one = bytes.starts_with(SET) && bytes.ends_with(b"\r\n") && self.count == 0;
        if !is_one {
            return None;
        }
        self.count = 1;
        let mut out = bytes.to_vec();
        match self.lie {
            Lie::SwallowStream => out.clear(),
            Lie::RepeatStream => out.extend_from_slice(bytes),
            _ => out[bytes.len() - 3] ^= 1,
        }
        Some(out)
    }

    fn receipt(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let at = bytes.windows(ACK.len()).position(|window| window == ACK)? + ACK.len();
        let rest = std::str::from_utf8(&bytes[at..]).ok()?;
        let offset: u64 = rest.split("\r\n").nth(1)?.parse().ok()?;
        self.count += 1;
        let lie = match self.lie {
            Lie::AckMore => offset + TOO_MUCH,
            _ => offset / 2,
        };
        (self.count > HONEST).then(|| pack(&["REPLCONF", "ACK", &lie.to_string()]))
    }
}

/// The stream with every deadline that it tells some 30 years later.
fn later(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = bytes.to_vec();
    let places = bytes.windows(DEADLINE.len()).enumerate().filter(|(_, window)| *window == DEADLINE);
    let digits = places.map(|(at, _)| at + DEADLINE.len()).filter(|at| *at < bytes.len()).collect::<Vec<_>>();
    digits.iter().for_each(|at| out[*at] += 1);
    (!digits.is_empty()).then_some(out)
}
