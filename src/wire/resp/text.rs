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
        Value::Double(number) => vec![format!("(double) {number}")],
        Value::Boolean(is_true) => vec![format!("({is_true})")],
        Value::BigNumber(number) => {
            vec![format!("(big number) {}", str::from_utf8(number).unwrap_or_default())]
        }
        Value::VerbatimString { text, .. } => vec![text.clone()],
        Value::Array(items) => list(items, ")", "array"),
        Value::Set(items) => list(items, "~", "set"),
        Value::Push { kind, data } => under(&format!("(push {kind}) "), list(data, ")", "array")),
        Value::Map(pairs) if pairs.is_empty() => vec!["(empty hash)".to_owned()],
        Value::Map(pairs) => pairs.iter().enumerate().flat_map(pair).collect(),
        Value::Attribute { data, .. } => lines(data),
        other => vec![format!("{other:?}")],
    }
}

/// The lines of a collection: before each element its number, as wide as the last one's, and a mark.
fn list(items: &[Value], mark: &str, name: &str) -> Vec<String> {
    if items.is_empty() {
        return vec![format!("(empty {name})")];
    }
    let digits = items.len().to_string().len();
    let element = |(item, n): (&Value, usize)| under(&format!("{n:digits$}{mark} "), lines(item));
    let numbered = items.iter().zip(1..).map(element);
    numbered.flatten().collect()
}

/// The lines of an entry of a map: its number, its key, and its value below the key's end.
fn pair((index, (key, value)): (usize, &(Value, Value))) -> Vec<String> {
    under(&format!("{}# {} => ", index + 1, lines(key).join(" ")), lines(value))
}

/// Lines with a text before the first, and the others moved below its end.
fn under(head: &str, lines: Vec<String>) -> Vec<String> {
    let blank = " ".repeat(head.chars().count());
    let indented = |(n, line): (usize, String)| format!("{}{line}", if n == 0 { head } else { &blank });
    lines.into_iter().enumerate().map(indented).collect()
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
            ("%1\r\n+a\r\n~2\r\n:1\r\n#t\r\n", "1# a => 1~ (integer) 1\n        2~ (true)"),
            (",1.5\r\n", "(double) 1.5"),
            ("=7\r\ntxt:abc\r\n", "abc"),
            ("_\r\n", "(nil)"),
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
