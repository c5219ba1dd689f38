//! `self-test`: proves on a real cluster that the judge sees misbehaviour, saboteur by saboteur.

use std::fmt::Write as _;

use anyhow::{Context, Result, bail};

use super::servers::find_server;
use super::{CANNOT_LISTEN, Environment, Exit, say, say_to_stderr};
use crate::invariant::CATALOGUE;
use crate::saboteurs::{self, Saboteur, Tried, Verdict};
use crate::scratch::ScratchFolder;
use crate::stop;
use crate::words::counted;

/// What was asked for, as typed.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The server, a path or a version.
    pub server: Option<String>,
    /// The saboteurs, by name; all of them if empty.
    pub only: Vec<String>,
}

/// Lets saboteurs try, and prints which invariants saw which.
pub fn self_test(request: &Request, environment: &Environment) -> Result<Exit> {
    let chosen = chosen(&request.only)?;
    let stop = stop::listen().context(CANNOT_LISTEN)?;
    let server = find_server(request.server.clone(), environment)?;
    let mut tried = Vec::new();
    for saboteur in chosen {
        if !saboteur.suits(&server) {
            say_to_stderr(&format!("{}: needs a newer server", saboteur.name));
            continue;
        }
        let out = ScratchFolder::in_memory().context("cannot make a folder for a run")?;
        let came = saboteur.try_on(&server, out.path(), stop)?;
        if stop::is_asked() {
            return Ok(Exit::Interrupted);
        }
        say_to_stderr(&format!("{}: {}", saboteur.name, word(saboteur.verdict(&came))));
        tried.push((saboteur, came));
    }
    say(&matrix(&tried));
    let is_caught = |(saboteur, tried): &(&Saboteur, Tried)| saboteur.verdict(tried) == Verdict::Caught;
    Ok(if tried.iter().all(is_caught) { Exit::AllHold } else { Exit::Violated })
}

fn chosen(only: &[String]) -> Result<Vec<&'static Saboteur>> {
    if let Some(unknown) = only.iter().find(|name| saboteurs::all().all(|known| known.name != **name)) {
        bail!("there is no saboteur {unknown}: leave the names out to see them all");
    }
    Ok(saboteurs::all()
        .filter(|known| only.is_empty() || only.iter().any(|name| name == known.name))
        .collect())
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Caught => "caught",
        Verdict::Missed => "missed",
        Verdict::NeverFired => "never fired",
    }
}

/// Saboteurs down, invariants across: `C` where one that must see it does, `M` where it does not, `o` where another one sees it
/// as well.
fn matrix(tried: &[(&Saboteur, Tried)]) -> String {
    let mut text = String::new();
    for (number, invariant) in (1..).zip(CATALOGUE) {
        let _ = writeln!(text, "{number:>3} {}", invariant.name);
    }
    let _ = writeln!(text);
    for (saboteur, tried) in tried {
        let cells: Vec<String> =
            CATALOGUE.iter().map(|one| cell(saboteur, tried, one.name).to_string()).collect();
        let (name, verdict) = (saboteur.name, word(saboteur.verdict(tried)));
        let _ = writeln!(text, "{name:<26} {}  {verdict}: {}", cells.concat(), saboteur.about);
    }
    let count = |wanted| tried.iter().filter(|(saboteur, tried)| saboteur.verdict(tried) == wanted).count();
    let [caught, missed, never] = [Verdict::Caught, Verdict::Missed, Verdict::NeverFired].map(count);
    let all = counted(tried.len() as u64, "saboteur");
    let _ = write!(text, "\n{all}: {caught} caught, {missed} missed, {never} never fired");
    let is_hit = |name: &str| {
        tried
            .iter()
            .any(|(saboteur, tried)| saboteur.catches.contains(&name) && tried.violated.contains(&name))
    };
    let unhit: Vec<&str> = CATALOGUE.iter().map(|one| one.name).filter(|name| !is_hit(name)).collect();
    if !unhit.is_empty() {
        let _ = write!(text, "\nhit by none of them: {}", unhit.join(", "));
    }
    text
}

fn cell(saboteur: &Saboteur, tried: &Tried, invariant: &str) -> char {
    match (saboteur.catches.contains(&invariant), tried.violated.contains(&invariant)) {
        (true, true) => 'C',
        (true, false) => 'M',
        (false, true) => 'o',
        (false, false) => '.',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_says_who_saw_whom() {
        let saboteur = saboteurs::all().find(|known| known.name == "vote-twice").expect("it is one");
        let seen = Tried { fired: true, violated: vec!["votes", "reads"] };
        let unseen = Tried { fired: true, violated: vec![] };
        let idle = Tried { fired: false, violated: vec![] };
        let text = matrix(&[(saboteur, seen), (saboteur, unseen), (saboteur, idle)]);
        assert!(
            text.contains("\n3 saboteurs: 1 caught, 1 missed, 1 never fired\nhit by none of them: "),
            "{text}"
        );
        let cells = |invariant| ['C', 'M', 'o'].map(|cell| text.matches(cell).count() > invariant);
        assert_eq!(cells(0), [true; 3]);
    }

    #[test]
    fn an_unknown_name_is_refused() {
        assert!(chosen(&["nobody".to_owned()]).is_err());
        assert_eq!(chosen(&["vote-twice".to_owned()]).expect("it is known").len(), 1);
    }
}
