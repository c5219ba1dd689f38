//! Where the commands of a replay that stands still come from: somebody at a terminal, who can edit a line and call
//! earlier ones back, or a pipe.
//!
//! Lines are read on a thread of their own, so that a signal ends the waiting for one. A terminal is then left as it
//! was found.

use std::io::{self, BufRead, IsTerminal, Write};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;

use crate::stop;

/// How often somebody who waits for a line looks whether a signal came.
const LOOK: Duration = Duration::from_millis(50);

/// What came of asking for a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// A line, without its end.
    Line(String),
    /// There are no more.
    Nothing,
    /// Somebody asked for the end.
    Stop,
}

/// Asks for lines.
pub(super) struct Prompt {
    prompts: Sender<String>,
    lines: Receiver<io::Result<Said>>,
    /// How the terminal was, if it is one.
    found: Option<Termios>,
}

impl Prompt {
    /// Asks whoever is at standard input; `dialogue` if that is somebody at a terminal.
    pub(super) fn new(dialogue: bool) -> io::Result<Self> {
        let found = if dialogue { tcgetattr(io::stdin()).ok() } else { None };
        let (prompts, asked) = bounded::<String>(0);
        let (answers, lines) = bounded(1);
        let read = move || match dialogue {
            true => serve(&asked, &answers, edited()),
            false => serve(&asked, &answers, plain),
        };
        std::thread::Builder::new().name("prompt".to_owned()).spawn(read)?;
        Ok(Prompt { prompts, lines, found })
    }

    /// The next line.
    pub(super) fn ask(&self, prompt: &str) -> io::Result<Said> {
        if self.prompts.send(prompt.to_owned()).is_err() {
            return Ok(Said::Nothing);
        }
        loop {
            match self.lines.recv_timeout(LOOK) {
                Ok(said) => return said,
                Err(RecvTimeoutError::Disconnected) => return Ok(Said::Nothing),
                Err(RecvTimeoutError::Timeout) if stop::is_asked() => return Ok(self.leave()),
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Leaves the terminal as it was found, while a line is still being edited.
    fn leave(&self) -> Said {
        if let Some(found) = &self.found {
            // A terminal that went away needs nothing any more.
            let _ = tcsetattr(io::stdin(), SetArg::TCSADRAIN, found);
        }
        Said::Stop
    }
}

/// Reads a line for every prompt, until nobody asks any more.
fn serve(
    asked: &Receiver<String>,
    answers: &Sender<io::Result<Said>>,
    mut read: impl FnMut(&str) -> io::Result<Said>,
) {
    for prompt in asked {
        if answers.send(read(&prompt)).is_err() {
            return;
        }
    }
}

/// A line as it comes.
fn plain(prompt: &str) -> io::Result<Said> {
    if io::stdout().is_terminal() {
        print_prompt(prompt)?;
    }
    let mut line = String::new();
    Ok(match io::stdin().lock().read_line(&mut line)? {
        0 => Said::Nothing,
        _ => Said::Line(line.trim().to_owned()),
    })
}

fn print_prompt(prompt: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(prompt.as_bytes())?;
    out.flush()
}

/// Lines that can be edited; plain ones where the terminal does not let itself be asked.
fn edited() -> impl FnMut(&str) -> io::Result<Said> {
    let mut editor = DefaultEditor::new().ok();
    move |prompt| match &mut editor {
        None => plain(prompt),
        Some(editor) => match editor.readline(prompt) {
            Ok(line) => {
                // A history without this line is still a history.
                let _ = editor.add_history_entry(line.as_str());
                Ok(Said::Line(line.trim().to_owned()))
            }
            Err(ReadlineError::Eof) => Ok(Said::Nothing),
            Err(ReadlineError::Interrupted) => Ok(Said::Stop),
            Err(error) => Err(io::Error::other(error)),
        },
    }
}
