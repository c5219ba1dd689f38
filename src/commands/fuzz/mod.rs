//! `fuzz`: runs seeds until told to stop, and says what was found.

mod live;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, Result};

use super::progress::SearchLine;
use super::servers::{find_server, with_others};
use super::{BadInput, CANNOT_LISTEN, Environment, Exit, folder_name, say, say_to_stderr};
use crate::campaign::summary::{Summary, junit, markdown, text};
use crate::campaign::worker::leave_session;
use crate::campaign::{
    Campaign, CampaignError, Contestant, Crew, Divergence, Ended, Find, Ledger, Question, RunLine, Signature,
    Source, Tally,
};
use crate::plan::Overrides;
use crate::replay::bisect::ProbeError;
use crate::scenario;
use crate::servers::Server;
use crate::stop;
use crate::words::counted;
use live::{Live, PlainLine};

/// What was asked for, as typed.
#[derive(Clone, Debug)]
pub struct Request {
    /// How many seeds.
    pub runs: Option<u64>,
    /// For how long.
    pub time: Option<Duration>,
    /// How many runs at once.
    pub jobs: NonZeroUsize,
    /// The first seed.
    pub seed_start: u64,
    /// The servers, each a path or a version; the one of a plain `run` if empty.
    pub servers: Vec<String>,
    /// The scenarios, in which only seeds vary; generated ones if empty.
    pub scenarios: Vec<PathBuf>,
    /// What is not left to the seeds of generated ones.
    pub overrides: Overrides,
    /// Whether the first violation ends it.
    pub stop_on_first: bool,
    /// Whether failures are only grouped.
    pub no_shrink: bool,
    /// Which share of seeds is run twice.
    pub doublecheck: (u64, u64),
    /// The campaign's folder.
    pub out: Option<PathBuf>,
    /// The process that this one does single runs for, if it is a worker.
    pub works_for: Option<u32>,
}

/// Runs a campaign, or goes on with it.
pub fn fuzz(request: &Request, environment: &Environment) -> Result<Exit> {
    request.works_for.map_or(Ok(()), leave_session).context("cannot begin to work")?;
    let stop = stop::listen().context(CANNOT_LISTEN)?;
    let campaign = campaign(request, environment, stop)?;
    if request.works_for.is_some() {
        return serve(&campaign);
    }
    let mut ledger = open(&campaign)?;
    let mut live = Live::new(&campaign, ledger.runs().collect(), environment.progress);
    let ended = campaign.run(&mut ledger, &mut |line| live.show(line));
    live.finish();
    match ended.map_err(|error| stopped(error, &campaign.out))? {
        Ended::Interrupted => {
            conclude(&campaign, &ledger, &BTreeMap::new(), environment)?;
            say_to_stderr(&format!("interrupted; {}", goes_on(&campaign.out)));
            Ok(Exit::Interrupted)
        }
        Ended::Diverged(divergence) => Ok(say_divergence(&divergence)),
        Ended::Complete | Ended::TimeUp | Ended::FirstViolation => {
            look_into(&campaign, &ledger, request.no_shrink, environment)
        }
    }
}

/// Does single runs of a campaign for another process.
pub(super) fn serve(campaign: &Campaign) -> Result<Exit> {
    campaign.serve(io::stdin().lock(), io::stdout().lock()).context("cannot go on working")?;
    Ok(Exit::AllHold)
}

/// Opens the ledger of a campaign, or begins it, and says so.
pub(super) fn open(campaign: &Campaign) -> Result<Ledger> {
    let servers = campaign.contestants.iter().map(|on| (on.label.clone(), on.server.identity())).collect();
    let question =
        Question::new(campaign.source.clone(), servers).context("cannot read this program's own file")?;
    fs::create_dir_all(&campaign.out).with_context(|| format!("cannot make {}", campaign.out.display()))?;
    let ledger = Ledger::open(&campaign.out, &question)?;
    say_what_begins(campaign, &ledger);
    Ok(ledger)
}

pub(super) fn goes_on(out: &Path) -> String {
    format!("what there is stays in {}, and the same command goes on from there", out.display())
}

pub(super) fn stopped(error: CampaignError, out: &Path) -> anyhow::Error {
    match error {
        CampaignError::Refused(error) => error.into(),
        CampaignError::Worker { said, is_refusal: true } => BadInput(said).into(),
        error => anyhow::anyhow!("{error}\n  {}", goes_on(out)),
    }
}

fn campaign<'a>(request: &Request, environment: &Environment, stop: &'a AtomicBool) -> Result<Campaign<'a>> {
    let scenarios =
        request.scenarios.iter().map(|file| scenario::load(file)).collect::<Result<Vec<_>, _>>()?;
    let specs = match request.servers.as_slice() {
        [] => vec![scenarios.iter().find_map(|scenario| scenario.server.clone())],
        specs => specs.iter().cloned().map(Some).collect(),
    };
    let servers =
        specs.into_iter().map(|spec| find_server(spec, environment)).collect::<Result<Vec<Server>>>()?;
    let source = match scenarios.is_empty() {
        true => Source::Generated(request.overrides.clone()),
        false => Source::Scenarios(scenarios),
    };
    // A scenario that has no plan at all is better refused now than after it was started.
    let others = source.other_servers(request.seed_start)?;
    let servers = servers.into_iter().map(|server| with_others(server, others.clone(), environment));
    let servers = servers.collect::<Result<Vec<Server>>>()?;
    let out = request.out.clone().unwrap_or_else(|| Path::new("campaigns").join(folder_name(&source.name())));
    Ok(Campaign {
        source,
        contestants: Contestant::of(servers),
        seed_start: request.seed_start,
        seeds: request.runs,
        time: request.time,
        jobs: request.jobs,
        crew: Crew::Processes(environment.words.clone()),
        stop_on_first: request.stop_on_first,
        doublecheck: request.doublecheck,
        kept_max: None,
        out,
        stop,
    })
}

fn say_what_begins(campaign: &Campaign, ledger: &Ledger) {
    let labels: Vec<&str> = campaign.contestants.iter().map(|on| on.label.as_str()).collect();
    let known = match ledger.runs().count() {
        0 => String::new(),
        1 => "; 1 run is there already".to_owned(),
        count => format!("; {count} runs are there already"),
    };
    say_to_stderr(&format!(
        "{} on {}, {} at once, into {}{known}",
        campaign.source.name(),
        labels.join(", "),
        campaign.jobs,
        campaign.out.display()
    ));
}

/// Looks into what failed, and says what the campaign came to.
fn look_into(
    campaign: &Campaign,
    ledger: &Ledger,
    no_shrink: bool,
    environment: &Environment,
) -> Result<Exit> {
    let tally: Tally = ledger.runs().collect();
    let mut finds = BTreeMap::new();
    let groups: Vec<_> = tally.groups.iter().filter(|_| !no_shrink).collect();
    for (number, (signature, group)) in groups.iter().enumerate() {
        let what = format!("group {} of {}", number + 1, groups.len());
        if !environment.progress {
            say_to_stderr(&format!("looking into {what}: {} × {signature}", group.count));
        }
        let mut plain = PlainLine::new(!environment.progress);
        let found = SearchLine::during(environment.progress, |line| {
            campaign.find(signature, group, &mut |part, progress| {
                line.show(&format!("{what}, {part}"), progress);
                plain.show(|| format!("{what}, {part}: {}", counted(progress.probes as u64, "probe")));
            })
        });
        match found {
            Ok(find) => drop(finds.insert(Signature::clone(signature), find)),
            Err(CampaignError::Probe(ProbeError::Interrupted)) => {
                say_to_stderr(&format!("interrupted; {}", goes_on(&campaign.out)));
                return Ok(Exit::Interrupted);
            }
            Err(error) => return Err(stopped(error, &campaign.out)),
        }
    }
    conclude(campaign, ledger, &finds, environment)
}

/// Writes and prints the summary.
fn conclude(
    campaign: &Campaign,
    ledger: &Ledger,
    finds: &BTreeMap<Signature, Find>,
    environment: &Environment,
) -> Result<Exit> {
    let summary = write_summary(campaign, ledger, finds)?;
    say(&text::render(&summary, environment.colour));
    Ok(exit(&summary))
}

/// How a campaign ends that came to this.
pub(super) fn exit(summary: &Summary) -> Exit {
    match () {
        () if summary.failed > 0 => Exit::Violated,
        () if summary.errors + summary.unknown > 0 => Exit::NotJudged,
        () => Exit::AllHold,
    }
}

/// Writes the files that say what a campaign came to.
pub(super) fn write_summary(
    campaign: &Campaign,
    ledger: &Ledger,
    finds: &BTreeMap<Signature, Find>,
) -> Result<Summary> {
    let folders = if finds.is_empty() { BTreeMap::new() } else { campaign.publish(finds)? };
    let summary = Summary::new(campaign, ledger, finds, &folders);
    let any = &campaign.contestants[0].server;
    let name = |line: &RunLine| campaign.source.scenario(line.seed, any).head.name;
    let files = [
        ("summary.txt", text::render(&summary, false)),
        ("summary.md", markdown::render(&summary)),
        ("summary.json", summary.to_json()),
        ("junit.xml", junit::render(ledger.runs(), name)),
    ];
    for (name, text) in files {
        let path = campaign.out.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(summary)
}

fn say_divergence(divergence: &Divergence) -> Exit {
    let Divergence { seed, server, parted, folder } = divergence;
    say(&format!(
        "seed {seed} on {server} was run twice and gave two histories: this is a bug of valkey-fuzzer"
    ));
    say(&parted.to_string());
    say(&format!("both logs are in {}", folder.display()));
    Exit::Diverged
}
