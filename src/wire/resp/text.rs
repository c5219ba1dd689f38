//! A reply as `valkey-cli` prints it.

use redis::Value;

use super::ServerError;

/// The lines of a reply.
pub fn lines(reply: &Value) -> Vec<String> {
    match reply {
        Value::Nil => vec!["(nil)".to_owned()],
        Value::Int(n) => vec![format!("(integer) {n}")],
        Value::BulkString(bytes) => vec![format!("\"{}\"", bytes.escape_ascii())],
        Value::SimpleString(text) => vec![text.clone()],
        Value::Okay => vec!["OK".to_owned()],
        Value::ServerError(error) => vec![format!("(error) {}", ServerError::from(error))],
        Value::Array(items) if items.is_empty() => vec!["(empty array)".to_owned()],
        Value::Array(items) => {
            let digits = items.len().to_string().len();
            items.iter().enumerate().flat_map(|item| numbered(digits, item)).collect()
        }
        other => vec![format!("{other:?}")],
    }
}

/// The lines of an element of an array: its number, as wide as the last one's, and what follows moved below its
/// beginning.
fn numbered(digits: usize, (index, item): (usize, &Value)) -> Vec<String> {
    let number = format!("{:digits$}) ", index + 1);
    let blank = " ".repeat(number.len());
    lines(item)
        .into_iter()
        .enumerate()
        .map(|(n, line)| format!("{}{line}", if n == 0 { &number } else { &blank }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::Decoder;
    use super::lines;

    fn printed(reply: &str) -> String {
        let mut decoder = Decoder::default();
        decoder.push(reply.as_bytes());
        lines(&decoder.pop().expect("it is a reply").expect("it is whole")).join("\n")
    }

    #[test]
    fn replies_are_printed_as_valkey_cli_prints_them() {
        for (reply, text) in [
            ("-ERR unknown command 'X', with args\r\n", "(error) ERR unknown command 'X', with args"),
            ("-MOVED 5 10.0.0.1:6379\r\n", "(error) MOVED 5 10.0.0.1:6379"),
            ("-LOADING\r\n", "(error) LOADING"),
            (":7\r\n", "(integer) 7"),
            ("$-1\r\n", "(nil)"),
            ("*0\r\n", "(empty array)"),
            ("*2\r\n$1\r\na\r\n*1\r\n:1\r\n", "1) \"a\"\n2) 1) (integer) 1"),
        ] {
            assert_eq!(printed(reply), text);
        }
    }

    #[test]
    fn numbers_stand_in_a_column() {
        let reply = format!("*10\r\n{}", ":3\r\n".repeat(10));
        let text = printed(&reply);
        assert!(text.starts_with(" 1) (integer) 3\n") && text.ends_with("\n10) (integer) 3"), "{text}");
    }
}
