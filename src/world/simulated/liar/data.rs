//! Lies about data: a command that is not done, done twice, or done to something else, with an answer that looks right.
//!
//! Only commands are replaced, so that the server answers in its own order and form, and tells its replicas what it did.

use super::Liar;
use super::client::DOES_NOTHING;
use crate::fault::Lie;
use crate::wire::resp::pack;

/// How often a lie is told that is told seldom: once in so many commands.
const SELDOM: u64 = 300;

impl Liar {
    /// What the server is asked in the place of a command of this name with these arguments.
    pub(super) fn about_data(&mut self, name: &[u8], rest: &[&[u8]]) -> Option<Vec<u8>> {
        match name {
            b"GET" | b"SET" => self.of_a_text(name, rest),
            b"MULTI" | b"WATCH" | b"EVAL" | b"AUTH" | b"WAIT" | b"EXEC" => self.of_a_session(name, rest),
            _ => self.of_a_key(name, rest),
        }
    }

    /// Once in so many.
    fn is_seldom(&mut self) -> bool {
        self.count += 1;
        self.count.is_multiple_of(SELDOM)
    }

    fn of_a_text(&mut self, name: &[u8], rest: &[&[u8]]) -> Option<Vec<u8>> {
        match (self.lie, name, rest) {
            (Lie::LostSeldom, b"SET", [_, _]) => self.is_seldom().then(|| pack(&[DOES_NOTHING])),
            (Lie::OtherValue, b"SET", [key, value]) => {
                self.values.insert(key.to_vec(), [value.to_vec(), value.to_vec()]);
                None
            }
            (Lie::OtherValue, b"GET", [key]) if self.values.contains_key(*key) => {
                let (_, [other, _]) = self.values.iter().find(|(other, _)| other != key)?;
                Some(pack(&[&b"ECHO"[..], other]))
            }
            (Lie::NxOverwrites, b"SET", [key, value, b"NX"]) => Some(pack(&[&b"SET"[..], key, value])),
            (Lie::NeverExpires, b"SET", [key, value, b"PX", _]) => Some(pack(&[&b"SET"[..], key, value])),
            (Lie::ExpiresEarly, b"SET", [key, value, b"PX", _]) => {
                Some(pack(&[&b"SET"[..], key, value, b"PX", b"1"]))
            }
            // Its first argument is not the key's: only what stands in a transaction is left out.
            (Lie::ExecHalf, b"SET", [_, _]) if self.count == 1 => Some(pack(&[DOES_NOTHING])),
            _ => None,
        }
    }

    fn of_a_session(&mut self, name: &[u8], rest: &[&[u8]]) -> Option<Vec<u8>> {
        match (self.lie, name, rest) {
            (Lie::ExecHalf, b"MULTI" | b"EXEC", _) => {
                self.count = u64::from(name == b"MULTI");
                None
            }
            (Lie::WatchBlind, b"WATCH", _) => Some(pack(&[DOES_NOTHING])),
            // Whatever it would have written, it tells what was there.
            (Lie::ScriptHalf, b"EVAL", [body, b"1", key, value]) if body.starts_with(b"local old") => {
                let reads = b"return redis.call('GET', KEYS[1])";
                Some(pack(&[&b"EVAL"[..], reads, b"1", key, value]))
            }
            (Lie::ReaderWrites, b"AUTH", [_, secret]) => Some(pack(&[&b"AUTH"[..], b"default", secret])),
            (Lie::WaitMore, b"WAIT", [count, _]) => {
                Some(pack(&[&b"EVAL"[..], b"return tonumber(ARGV[1])", b"0", count]))
            }
            _ => None,
        }
    }

    fn of_a_key(&mut self, name: &[u8], rest: &[&[u8]]) -> Option<Vec<u8>> {
        match (self.lie, name, rest) {
            (Lie::TwiceSeldom, b"INCR", [key]) => {
                self.is_seldom().then(|| pack(&[&b"INCRBY"[..], key, b"2"]))
            }
            (Lie::PushTwice, b"RPUSH", [key, element]) => Some(pack(&[&b"RPUSH"[..], key, element, element])),
            (Lie::PopKeeps, b"LPOP", [key]) => Some(pack(&[&b"LINDEX"[..], key, b"0"])),
            (Lie::DelKeeps, b"DEL", keys) => Some(pack(&[&[&b"EXISTS"[..]][..], keys].concat())),
            (Lie::ScanLess, b"SCAN", [cursor, word, pattern, rest @ ..]) => {
                let (tag, _) = pattern.split_at_checked(pattern.len().checked_sub(1)?)?;
                let less = [tag, b"[a-c]"].concat();
                Some(pack(&[&[&b"SCAN"[..], cursor, word, &less][..], rest].concat()))
            }
            (Lie::PopForgets, b"BLPOP" | b"BRPOP", [key, seconds]) => {
                let elsewhere = [b"{", *key, b"}nowhere"].concat();
                Some(pack(&[name, &elsewhere, seconds]))
            }
            _ => None,
        }
    }
}
