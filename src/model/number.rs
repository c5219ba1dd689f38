//! Numbers as the server reads them from text (`string2ll`): no blanks, no plus, no leading zeros.

/// The whole number that is written, if it is one.
pub fn whole(text: &[u8]) -> Option<i64> {
    let text = str::from_utf8(text).ok()?;
    let number: i64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// First and last place of a range that is counted from either end, in something of a length; nothing if it is empty.
pub fn range(from: i64, to: i64, len: usize) -> Option<(usize, usize)> {
    let len = i64::try_from(len).ok()?;
    let place = |at: i64| if at < 0 { at + len } else { at };
    let (from, to) = (place(from).max(0), place(to).min(len - 1));
    (from <= to).then_some((from as usize, to as usize))
}

/// The place of an index that is counted from either end.
pub fn place(at: i64, len: usize) -> Option<usize> {
    let len = i64::try_from(len).ok()?;
    let at = if at < 0 { at + len } else { at };
    (0..len).contains(&at).then_some(at as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_what_the_server_would_write() {
        assert_eq!(whole(b"-12"), Some(-12));
        for no in ["", "+1", "01", " 1", "1.0", "-0", "9223372036854775808"] {
            assert_eq!(whole(no.as_bytes()), None, "{no}");
        }
    }

    #[test]
    fn ranges_count_from_either_end() {
        assert_eq!(range(0, -1, 3), Some((0, 2)));
        assert_eq!(range(-2, 9, 3), Some((1, 2)));
        assert_eq!(range(2, 1, 3), None);
        assert_eq!(range(0, -1, 0), None);
        assert_eq!((place(-1, 3), place(3, 3)), (Some(2), None));
    }
}
