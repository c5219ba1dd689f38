//! Replies in any pieces give the same values; what is no reply is an error and not a hang.

use proptest::prelude::*;
use redis::Value;

use super::{Decoder, Malformed, REPLY_BYTES_MAX, ServerError, pack};

/// Feeds `bytes` in pieces that end at `cuts` (taken modulo the length) and collects all replies.
fn decode(bytes: &[u8], cuts: &[usize]) -> Result<Vec<Value>, Malformed> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    ends.push(bytes.len());
    ends.sort_unstable();
    let (mut decoder, mut values, mut start) = (Decoder::default(), Vec::new(), 0);
    for end in ends {
        decoder.push(&bytes[start..end]);
        start = end;
        while let Some(value) = decoder.pop()? {
            values.push(value);
        }
    }
    Ok(values)
}

fn server_error(line: &str) -> ServerError {
    match decode(line.as_bytes(), &[]).as_deref() {
        Ok([Value::ServerError(error)]) => error.into(),
        other => panic!("{line:?} became {other:?}"),
    }
}

/// Every kind of element, nested, and several replies one after the other.
const MANY: &[u8] = b"+OK\r\n$-1\r\n$5\r\na\r\nb!\r\n*-1\r\n*3\r\n:1\r\n*0\r\n*2\r\n$0\r\n\r\n-ERR no\r\n\
    %1\r\n+a\r\n:2\r\n~1\r\n#t\r\n_\r\n,1.5\r\n=7\r\ntxt:abc\r\n!6\r\nERR no\r\n(12\r\n>2\r\n+message\r\n:1\r\n\
    |1\r\n+ttl\r\n:9\r\n+OK\r\n:-7\r\n";

#[test]
fn a_command_is_packed_as_an_array_of_bulk_strings() {
    assert_eq!(pack(&["GET", "key:1"]), b"*2\r\n$3\r\nGET\r\n$5\r\nkey:1\r\n");
    assert_eq!(pack(&[b"\x00\xff".to_vec()]), b"*1\r\n$2\r\n\x00\xff\r\n");
}

#[test]
fn every_kind_of_reply_is_read() {
    let values = decode(MANY, &[]).expect("all of it is well formed");
    assert_eq!(values.len(), 15);
    assert_eq!(values[0], Value::Okay);
    assert_eq!(values[2], Value::BulkString(b"a\r\nb!".to_vec()));
    assert_eq!(values[14], Value::Int(-7));
}

#[test]
fn a_reply_of_megabytes_in_small_pieces_costs_its_length() {
    let body = vec![b'x'; 10 << 20];
    let mut big = format!("${}\r\n", body.len()).into_bytes();
    big.extend_from_slice(&body);
    big.extend_from_slice(b"\r\n");
    let cuts: Vec<usize> = (0..big.len()).step_by(16 << 10).collect();
    assert_eq!(decode(&big, &cuts), Ok(vec![Value::BulkString(body)]));
}

#[test]
fn a_long_array_in_small_pieces_costs_its_length() {
    let count = 200_000;
    let mut big = format!("*{count}\r\n").into_bytes();
    big.extend(b"$4\r\nabcd\r\n".repeat(count));
    let cuts: Vec<usize> = (0..big.len()).step_by(1000).collect();
    let values = decode(&big, &cuts).expect("the array is well formed");
    assert!(matches!(values.as_slice(), [Value::Array(elements)] if elements.len() == count));
}

#[test]
fn what_is_no_reply_is_an_error() {
    let too_long = format!("${}\r\n", REPLY_BYTES_MAX + 1);
    let too_many = format!("*{}\r\n", REPLY_BYTES_MAX / 3 + 1);
    let no_end = "+".repeat(70_000);
    let deep = "*1\r\n".repeat(200) + ":1\r\n";
    let bad = ["HTTP/1.1 400\r\n", "\r\n", "$x\r\n", "$3\r\nabcdef\r\n", ":x\r\n", "%-1\r\n"];
    for text in bad.into_iter().chain([&*too_long, &too_many, &no_end, &deep]) {
        assert!(decode(text.as_bytes(), &[]).is_err(), "{:?} was taken", &text[..text.len().min(20)]);
    }
}

#[test]
fn redirections_name_slot_and_node() {
    let moved = server_error("-MOVED 1234 10.0.0.2:6379\r\n");
    assert_eq!((moved.code.as_str(), moved.detail.as_str()), ("MOVED", "1234 10.0.0.2:6379"));
    expect_test::expect!["Some(Redirect { slot: 1234, to: 10.0.0.2:6379, ask: false })"]
        .assert_eq(&format!("{:?}", moved.redirect()));
    let ask = server_error("-ASK 16383 10.0.0.2:6379\r\n").redirect();
    assert!(ask.is_some_and(|redirect| redirect.ask));
    for other in
        ["-MOVED 16384 10.0.0.2:6379\r\n", "-MOVED 1 :6379\r\n", "-MOVED\r\n", "-ERR 1 10.0.0.2:6379\r\n"]
    {
        assert_eq!(server_error(other).redirect(), None, "{other:?}");
    }
}

#[test]
fn a_server_error_reads_as_the_server_wrote_it() {
    assert_eq!(
        server_error("-CLUSTERDOWN The cluster is down\r\n").to_string(),
        "CLUSTERDOWN The cluster is down"
    );
    assert_eq!(server_error("-NOAUTH\r\n").to_string(), "NOAUTH");
    assert_eq!(server_error("-MISCONF full disk\r\n").code, "MISCONF");
}

proptest! {
    #[test]
    fn any_split_gives_the_same_replies(cuts in prop::collection::vec(any::<usize>(), 0..40)) {
        prop_assert_eq!(decode(MANY, &cuts), decode(MANY, &[]));
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..60), cuts in prop::collection::vec(any::<usize>(), 0..3)) {
        let _ = decode(&bytes, &cuts);
    }

    #[test]
    fn nothing_that_looks_like_a_reply_makes_it_panic(text in "([-+:$*%|~>=!_#,(][-0-9a-z]{0,4}\r\n){0,12}") {
        let _ = decode(text.as_bytes(), &[text.len() / 2]);
    }
}
