//! What a line decides, read off its bytes where it is written in this tool's own hand.
//!
//! Everything that a replay waits for before its first event is one pass over the whole log, in which most lines
//! matter only by their number. A line that is written in another way is parsed as JSON instead.

use crate::event::{Body, Told};
use crate::history::Request;
use crate::id::ActorId;
use crate::time::{SimDuration, SimTime};

/// The beginning of a line, which every event has.
pub(super) struct Glance<'a> {
    /// The event's number.
    pub i: u64,
    /// When it happened.
    pub at: SimTime,
    actor: &'a [u8],
    kind: &'a [u8],
    what: &'a [u8],
    /// What follows.
    rest: &'a [u8],
}

/// A client's next operation is due, in the formats 1 and 2.
const NEXT: [&[u8]; 2] = [b",\"text\":\"Next\"}", b",\"message\":\"next\"}"];

/// What a glance at a line finds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// It decides nothing.
    Nothing,
    /// It may decide something.
    Decision(ActorId, Body),
    /// A glance is not enough.
    Unclear,
}

impl<'a> Glance<'a> {
    /// Nothing if the line is written in another way.
    pub fn at(line: &'a [u8]) -> Option<Self> {
        let (i, rest) = number(line.strip_prefix(b"{\"i\":")?)?;
        let (at, rest) = number(rest.strip_prefix(b",\"at\":")?)?;
        let (actor, rest) = word(rest.strip_prefix(b",\"actor\":\"")?)?;
        let (kind, rest) = word(rest.strip_prefix(b",\"kind\":\"")?)?;
        let rest = rest.strip_prefix(b",\"cause\":")?;
        let rest = rest.strip_prefix(b"null").or_else(|| Some(number(rest)?.1))?;
        let (what, rest) = word(rest.strip_prefix(b",\"what\":\"")?)?;
        Some(Glance { i, at: SimTime::from_ns(at), actor, kind, what, rest })
    }

    /// What the line decides.
    pub fn sight(&self) -> Sight {
        let is_client = self.actor.starts_with(b"client-");
        let body = match self.what {
            b"latency" => self.latency(),
            b"invoke" if is_client => self.invocation(),
            b"tell" if is_client && NEXT.contains(&self.rest) => Some(Body::Tell { message: Told::Next }),
            b"picked" | b"gap" if is_client => None,
            b"split" | b"order" => None,
            _ if self.kind == b"verdict" => None,
            _ => return Sight::Nothing,
        };
        let actor = std::str::from_utf8(self.actor).ok().and_then(|actor| actor.parse().ok());
        actor.zip(body).map_or(Sight::Unclear, |(actor, body)| Sight::Decision(actor, body))
    }

    fn latency(&self) -> Option<Body> {
        let (conn, rest) = number(self.rest.strip_prefix(b",\"conn\":")?)?;
        let (ns, rest) = number(rest.strip_prefix(b",\"ns\":")?)?;
        (rest == b"}").then_some(Body::Latency { conn, ns: SimDuration::from_ns(ns) })
    }

    fn invocation(&self) -> Option<Body> {
        let (sequence, rest) = number(self.rest.strip_prefix(b",\"sequence\":")?)?;
        let request = rest.strip_prefix(b",\"request\":")?.strip_suffix(b"}")?;
        let request: Request = serde_json::from_slice(request).ok()?;
        Some(Body::Invoke { sequence, request })
    }
}

/// The number at the beginning of a text, as JSON has it, and what follows it.
fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = text.split_at(digits);
    let append = |so_far: u64, digit: &u8| so_far.checked_mul(10)?.checked_add(u64::from(digit - b'0'));
    match number {
        [] | [b'0', _, ..] => None,
        digits => Some((digits.iter().try_fold(0, append)?, rest)),
    }
}

/// The word up to a quotation mark, and what follows that.
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| *byte == b'"')?;
    Some((&text[..end], &text[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::super::format::Format;
    use super::*;

    fn sight(line: &str) -> Option<Sight> {
        Glance::at(line.as_bytes()).map(|glance| glance.sight())
    }

    fn line(actor: &str, kind: &str, rest: &str) -> String {
        format!(r#"{{"i":7,"at":40,"actor":"{actor}","kind":"{kind}","cause":3,{rest}}}"#)
    }

    #[test]
    fn what_decides_is_what_the_parser_finds() {
        for (format, text) in [
            (Format::Two, line("network", "decision", r#""what":"latency","conn":3,"ns":700"#)),
            (Format::One, line("client-2", "effect", r#""what":"tell","text":"Next""#)),
            (Format::Two, line("client-2", "effect", r#""what":"tell","message":"next""#)),
            (
                Format::Two,
                line(
                    "client-2",
                    "observation",
                    r#""what":"invoke","sequence":4,"request":{"set":{"key":"a\"}","value":"}"}}"#,
                ),
            ),
        ] {
            let event = format.parse_event(text.as_bytes(), 2).expect("the line is good");
            assert_eq!(sight(&text), Some(Sight::Decision(event.actor, event.body)), "{text}");
        }
    }

    #[test]
    fn lines_that_decide_nothing_are_passed_over() {
        for (actor, rest) in [
            ("node-1", r#""what":"wake""#),
            ("node-1", r#""what":"tell","text":"Next""#),
            ("client-2", r#""what":"tell","text":"Alarm""#),
            ("client-2", r#""what":"tell","message":"alarm""#),
            ("client-2", r#""what":"deliver","conn":3,"len":5"#),
        ] {
            assert_eq!(sight(&line(actor, "effect", rest)), Some(Sight::Nothing), "{rest}");
        }
    }

    #[test]
    fn what_is_cut_off_or_out_of_the_ordinary_is_left_to_the_parser() {
        for text in [
            line("client-2", "decision", r#""what":"picked","node":4,"why":"no owner""#),
            line("client-2", "decision", r#""what":"gap","ns":7"#),
            line("network", "decision", r#""what":"split","conn":3,"first":7"#),
            line("node-1", "decision", r#""what":"order","turn":3,"draw":7"#),
            line("validator", "verdict", r#""what":"verdict","invariant":"reads""#),
            line("network", "decision", r#""what":"latency","conn":3,"ns":07"#),
            line("network", "decision", r#""what":"latency","conn":3,"ns":99999999999999999999"#),
            line("somebody", "decision", r#""what":"latency","conn":3,"ns":7"#),
            line("client-2", "observation", r#""what":"invoke","sequence":4,"request":{"set":{}}"#),
        ] {
            assert_eq!(sight(&text), Some(Sight::Unclear), "{text}");
            assert_eq!(sight(&text[..40]), None);
            assert_eq!(sight(&text.replace(',', ", ")), None);
        }
    }
}
