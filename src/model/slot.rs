//! The slot of a key.

use crc::{CRC_16_XMODEM, Crc};

use super::database::bare;

/// How many slots there are (`CLUSTER_SLOTS`).
pub const SLOT_COUNT: u16 = 16_384;

/// What the server calls CRC16 (`crc16.c`).
const CRC16: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);

/// The slot of a key: of the part in its first braces, if there is something in them (`keyHashSlot` of the server). Of a key's
/// place in a database it is the key's.
pub fn key_slot(key: &[u8]) -> u16 {
    let key = bare(key);
    CRC16.checksum(hash_tag(key).unwrap_or(key)) % SLOT_COUNT
}

fn hash_tag(key: &[u8]) -> Option<&[u8]> {
    let open = key.iter().position(|byte| *byte == b'{')?;
    let rest = &key[open + 1..];
    let close = rest.iter().position(|byte| *byte == b'}')?;
    (close > 0).then(|| &rest[..close])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_the_server() {
        // The first from the cluster specification, the others from CLUSTER KEYSLOT of a server.
        assert_eq!(CRC16.checksum(b"123456789"), 0x31c3);
        assert_eq!((key_slot(b"foo"), key_slot(b"bar"), key_slot(b"")), (12_182, 5061, 0));
        assert_eq!(key_slot(b"{user1000}.following"), key_slot(b"user1000"));
        assert_eq!(key_slot(b"foo{{bar}}zap"), key_slot(b"{bar"));
        assert_ne!(key_slot(b"foo{}{bar}"), key_slot(b"bar"));
    }
}
