//! What a program of the user's asks a server, read from the chunks that it writes, as far as whole commands stand in them.
//!
//! A chunk in the middle of a command, or one that is no RESP at all, is not understood, and says so: nobody may conclude
//! from it that nothing was asked.

/// The most commands that are told of one chunk, and the most words of one command.
const MOST: usize = 8;
/// The most bytes of a word that are told.
const WORD_BYTES: usize = 64;

/// What a chunk asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The commands, each as its words, cut to what is told.
    pub commands: Vec<Vec<String>>,
    /// There is more in the chunk than what is told.
    pub is_partial: bool,
}

impl Asked {
    /// Reads a chunk.
    pub fn of(chunk: &[u8]) -> Self {
        let (mut asked, mut rest) = (Asked::default(), chunk);
        while !rest.is_empty() && asked.commands.len() < MOST {
            let Some((words, cut, after)) = command(rest) else { break };
            asked.commands.push(words);
            asked.is_partial |= cut;
            rest = after;
        }
        asked.is_partial |= !rest.is_empty();
        asked
    }
}

/// The command that bytes begin with: its words, whether some are cut or left out, and what follows.
fn command(bytes: &[u8]) -> Option<(Vec<String>, bool, &[u8])> {
    let (count, mut rest) = number(bytes, b'*')?;
    let (mut words, mut cut) = (Vec::new(), false);
    for place in 0..count {
        let (len, after) = number(rest, b'$')?;
        let word = after.get(..len)?;
        rest = after.get(len..)?.strip_prefix(b"\r\n")?;
        cut |= len > WORD_BYTES || place >= MOST;
        if place < MOST {
            words.push(String::from_utf8_lossy(&word[..len.min(WORD_BYTES)]).into_owned());
        }
    }
    Some((words, cut, rest))
}

/// The number in a line that begins with `mark`, and what follows the line.
fn number(bytes: &[u8], mark: u8) -> Option<(usize, &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\r')?;
    let text = std::str::from_utf8(bytes.get(1..end)?).ok()?;
    (bytes[0] == mark).then_some((text.parse().ok()?, bytes.get(end..)?.strip_prefix(b"\r\n")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::resp::pack;

    fn words(asked: &Asked) -> Vec<Vec<&str>> {
        asked.commands.iter().map(|words| words.iter().map(String::as_str).collect()).collect()
    }

    #[test]
    fn whole_commands_are_told_with_their_words() {
        let chunk = [pack(&["SET", "k", "v"]), pack(&["PING"])].concat();
        let asked = Asked::of(&chunk);
        assert_eq!(words(&asked), [vec!["SET", "k", "v"], vec!["PING"]]);
        assert!(!asked.is_partial);
    }

    #[test]
    fn what_is_cut_or_no_command_is_said_to_be_partial() {
        let chunk = pack(&["SET", "k", "v"]);
        assert_eq!(Asked::of(&chunk[..chunk.len() - 3]), Asked { commands: vec![], is_partial: true });
        assert!(Asked::of(b"PING\r\n").is_partial);
        assert!(Asked::of(&pack(&["SET", "k", &"v".repeat(65)])).is_partial);
        assert!(Asked::of(&pack(&["MSET"; 9])).is_partial);
        assert!(Asked::of(&pack(&["PING"]).repeat(9)).is_partial);
    }
}
