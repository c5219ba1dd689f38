//! What a recorded run was: its header, its length, and everything that happened in it, counted.

use super::line::names;
use super::word::{clean, word};
use crate::event::{Kind, Phase, What};
use crate::event_log::digest::{Digest, Fault, Life, List, Operation, Seen, Traffic};
use crate::event_log::{Header, IndexedLog};
use crate::report::paint::{Paint, grouped};

/// The summary of a log. Ends with a newline.
pub fn summary(log: &IndexedLog, colour: bool) -> String {
    let (digest, paint) = (log.digest(), Paint { colour });
    let parts = [
        head(log.header(), digest, paint),
        section("Phases", &phases(digest)),
        section("Nodes", &nodes(digest)),
        section("Operations", &listed(&digest.operations, |entry| operation(entry, paint))),
        section("Faults", &listed(&digest.faults, |entry| fault(entry, paint))),
        section("Clients", &clients(digest)),
        section(
            "Ended Processes",
            &listed(&digest.exits, |exit| format!("- {}: {}\n", exit.is.0, told(exit, &exit.is.1))),
        ),
        section("Events", &counts(digest)),
        section("Sent", &sent(digest)),
        section("Verdicts", &listed(&digest.verdicts, |entry| verdict(entry, paint))),
    ];
    parts.concat()
}

fn head(header: &Header, digest: &Digest, paint: Paint) -> String {
    let Header { tool, seed, plan, server, shim, .. } = header;
    let shape = &plan.cluster;
    let digits = server.sha256.get(..12).unwrap_or(&server.sha256);
    let lines = [
        format!("Scenario: {}", plan.name),
        format!("Seed: {seed}"),
        format!("Server: {} {} (sha256 {digits})", server.name, server.version),
        format!("Recorded by: {tool}, shim {}", shim.get(..12).unwrap_or(shim)),
        format!(
            "Cluster: {} nodes, {} shards with {} replicas each, node timeout {} ms",
            u32::from(shape.shards) * (1 + u32::from(shape.replicas)),
            shape.shards,
            shape.replicas,
            shape.node_timeout_ms
        ),
        format!("Length: {} events, {} virtual", grouped(digest.events), digest.until),
    ];
    let mut text = "=== Event Log ===\n".to_owned();
    lines.iter().for_each(|line| text += &format!("{}\n", clean(line)));
    if digest.truncated {
        text +=
            &format!("{}\n", paint.doubtful("Cut off in the middle of a line: the run went on after this."));
    } else if digest.phases.entries.last().is_none_or(|last| last.is != Phase::Done) {
        text += &format!("{}\n", paint.doubtful("The run did not come to its end."));
    }
    text
}

/// A part with its title; nothing if there is nothing to say.
fn section(title: &str, lines: &str) -> String {
    if lines.is_empty() { String::new() } else { format!("\n{title}:\n{lines}") }
}

fn listed<T>(list: &List<T>, line: impl Fn(&T) -> String) -> String {
    let mut text: String = list.entries.iter().map(line).collect();
    if list.left_out > 0 {
        text += &format!("... and {} more\n", grouped(list.left_out));
    }
    text
}

/// The event that told something, and what.
fn told<T>(seen: &Seen<T>, text: &str) -> String {
    format!("{} (event {}, {})", clean(text), seen.i, seen.at)
}

fn phases(digest: &Digest) -> String {
    let phases = &digest.phases.entries;
    let ends = phases.iter().skip(1).map(|next| next.at).chain([digest.until]);
    let line = |(phase, end): (&Seen<Phase>, _)| {
        format!("- {:<9} {:>12} to {end} (from event {})\n", word(&phase.is), phase.at.to_string(), phase.i)
    };
    phases.iter().zip(ends).map(line).collect()
}

fn nodes(digest: &Digest) -> String {
    let line = |(node, life): (_, &Life)| {
        let exits = if life.exits > 0 { format!(", ended {} times", life.exits) } else { String::new() };
        let (events, lines) = (grouped(life.events), grouped(life.log_lines));
        format!("- {node}: {events} events, {lines} log lines, started {} times{exits}\n", life.starts)
    };
    digest.nodes.iter().map(line).collect()
}

fn operation(entry: &Seen<Operation>, paint: Paint) -> String {
    let Operation { op, text, ended } = &entry.is;
    let (mark, end) = match ended {
        Some(ended) => {
            let mark = if ended.is.0 { paint.good("✓") } else { paint.bad("✗") };
            let after = ended.at.since(entry.at);
            (mark, format!("{} after {after}", told(ended, &ended.is.1)))
        }
        None => (paint.doubtful("○"), "did not end".to_owned()),
    };
    format!(
        "{mark} {}: {}\n    {end}\n",
        op.0,
        told(entry, if text.is_empty() { "never sent" } else { text })
    )
}

fn fault(entry: &Seen<Fault>, paint: Paint) -> String {
    let Fault { fault, text, hit, healed } = &entry.is;
    let mark = if hit.is_empty() { paint.doubtful("○") } else { paint.good("✓") };
    let mut shown = format!("{mark} {}: {}\n", fault.0, told(entry, text));
    if !hit.is_empty() {
        shown += &format!("    hits {}\n", names(hit));
    }
    match healed {
        Some(healed) => shown += &format!("    healed: {}\n", told(healed, &healed.is)),
        None if !hit.is_empty() => shown += "    never healed\n",
        None => {}
    }
    shown
}

fn clients(digest: &Digest) -> String {
    let clients = digest.clients;
    if clients.invoked == 0 {
        return String::new();
    }
    let open = clients.invoked.saturating_sub(clients.ok + clients.fail + clients.info);
    let [asked, ok, fail, info, open] =
        [clients.invoked, clients.ok, clients.fail, clients.info, open].map(grouped);
    format!("- {asked} commands: {ok} ok, {fail} fail, {info} info, {open} open\n")
}

fn counts(digest: &Digest) -> String {
    let kinds = [Kind::Decision, Kind::Effect, Kind::Observation, Kind::Verdict];
    let line = |kind: &Kind| {
        let whats = What::ALL.into_iter().filter(|what| what.kind() == *kind);
        let words = whats.map(|what| (what.word(), digest.of_what(what)));
        let mut words: Vec<_> = words.filter(|(_, count)| *count > 0).collect();
        words.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        format!("- {:<11} {:>10}: {}\n", word(kind), grouped(digest.of_kind(*kind)), in_a_row(&words))
    };
    kinds.iter().filter(|kind| digest.of_kind(**kind) > 0).map(line).collect()
}

fn sent(digest: &Digest) -> String {
    let line = |(channel, traffic): (_, &Traffic)| {
        let (sent, bytes) = (grouped(traffic.sent), grouped(traffic.bytes));
        format!("- {:<11} {sent:>10} writes, {bytes} bytes\n", word(channel))
    };
    let mut text: String = digest.channels.iter().map(line).collect();
    let mut types: Vec<_> = digest.messages.iter().map(|(name, count)| (name.as_str(), *count)).collect();
    types.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    if !types.is_empty() {
        text += &format!("- bus messages: {}\n", clean(&in_a_row(&types)));
    }
    text
}

/// Words with their counts.
fn in_a_row(counts: &[(&str, u64)]) -> String {
    counts.iter().map(|(word, count)| format!("{word} {}", grouped(*count))).collect::<Vec<_>>().join(" · ")
}

fn verdict(entry: &Seen<(String, String, String)>, paint: Paint) -> String {
    let (invariant, verdict, detail) = &entry.is;
    let mark = match verdict.as_str() {
        "holds" => paint.good("✓"),
        "violated" => paint.bad("✗"),
        _ => paint.doubtful("?"),
    };
    let text = format!("{invariant}: {detail}");
    format!("{mark} {} (event {})\n", clean(&text), entry.i)
}
