//! One event for people: what led to it, back to the root, which decision stood on its way, and what it caused.

use super::line::{line, whole_line};
use crate::event::Event;
use crate::event_log::Trace;
use crate::report::paint::{Paint, grouped};

/// The event with its causes and effects. Ends with a newline.
pub fn trace(trace: &Trace, colour: bool) -> String {
    let paint = Paint { colour };
    let Some(event) = trace.chain.near.first() else { return String::new() };
    let mut text = format!("{}\n", paint.strong(&whole_line(event, Paint { colour: false })));
    if let Some(note) = trace.noted.get(&event.i) {
        text += &noted(note, paint);
    }
    text + &causes(trace, paint) + &origins(trace, colour) + &effects(trace, colour)
}

fn causes(trace: &Trace, paint: Paint) -> String {
    let chain = &trace.chain;
    let length = chain.near.len() as u64 + chain.left_out + chain.far.len() as u64 - 1;
    if length == 0 {
        return "\nIt has no cause: it is where the run began, or what was judged at its end.\n".to_owned();
    }
    let mut text = format!("\nBecause of (nearest first, {} back to the root):\n", grouped(length));
    let at = chain.near[0].at;
    let cause = |event: &Event| {
        let before = paint.faint(&format!("[{:.6}s before]", at.since(event.at).as_secs_f64()));
        let notes = trace.noted.get(&event.i).map_or(String::new(), |notes| noted(notes, paint));
        format!("{} {before}\n{notes}", line(event, paint.colour))
    };
    chain.near[1..].iter().for_each(|event| text += &cause(event));
    if chain.left_out > 0 {
        text += &format!("{:>8} ({} causes left out)\n", "...", grouped(chain.left_out));
    }
    chain.far.iter().for_each(|event| text += &cause(event));
    text
}

/// What was decided or injected on the way to an event.
fn noted(notes: &[Event], paint: Paint) -> String {
    let words = |note: &Event| format!("{:>8} {}\n", "+", paint.faint(line(note, false).trim_start()));
    notes.iter().map(words).collect()
}

/// Which decision and which injected event led to it.
fn origins(trace: &Trace, colour: bool) -> String {
    let back = |steps: usize| match steps {
        0 => "of the event itself".to_owned(),
        1 => "1 cause back".to_owned(),
        steps => format!("{steps} causes back"),
    };
    let words = |name: &str, found: &Option<(usize, Event)>| match (found, trace.looked_back) {
        (Some((steps, event)), _) => format!("\n{name}, {}:\n{}\n", back(*steps), line(event, colour)),
        (None, Some(steps)) => format!("\n{name}: none within {steps} causes\n"),
        (None, None) => format!("\n{name}: none\n"),
    };
    words("Nearest decision", &trace.decision) + &words("Nearest injected event", &trace.injected)
}

fn effects(trace: &Trace, colour: bool) -> String {
    let count = trace.effect_count();
    if count == 0 {
        return "\nIt caused nothing.\n".to_owned();
    }
    let counts = trace.effect_counts.iter().map(|(what, count)| format!("{what} {}", grouped(*count)));
    let mut text = format!("\nIt caused {}: {}\n", grouped(count), counts.collect::<Vec<_>>().join(" · "));
    trace.effects.iter().for_each(|event| text += &format!("{}\n", line(event, colour)));
    if let Some(more) = count.checked_sub(trace.effects.len() as u64).filter(|more| *more > 0) {
        text += &format!("{:>8} and {} more\n", "...", grouped(more));
    }
    text
}
