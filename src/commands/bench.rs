//! `bench`: many runs of a scenario on one or more servers, their convergence measured and compared.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::output::{check_file, check_folder};
use super::progress::CountLine;
use super::servers::find_server;
use super::{CANNOT_LISTEN, Environment, Exit, say, say_to_stderr};
use crate::benchmark::plot::{self, Kind};
use crate::benchmark::{
    self, Bench, Config, Results, Run, ScenarioIdentity, Seeds, Variant, counterpart, differences,
    interval_log, parse_config, percentile_distribution, regressions,
};
use crate::convergence::Metric;
use crate::plan::resolve::resolve;
use crate::scenario::Scenario;
use crate::servers::Server;
use crate::stop;
use crate::words::counted;

/// The name of the results in their folder.
pub const RESULTS_FILE: &str = "bench.json";
/// The name of the picture in the folder of results.
const PLOT_FILE: &str = "bench.svg";

/// What was asked for, as typed.
#[derive(Clone, Debug)]
pub struct Request {
    /// The scenario's file; the built-in one without it.
    pub scenario: Option<PathBuf>,
    /// How many seeds.
    pub runs: u64,
    /// The first of them.
    pub seed_start: u64,
    /// The servers, paths or versions; the one of a plain run without any.
    pub servers: Vec<String>,
    /// The sets of directives.
    pub configs: Vec<String>,
    /// How many runs at once.
    pub jobs: NonZeroUsize,
    /// The folder of results.
    pub out: Option<PathBuf>,
    /// Pictures beside the one in the folder of results.
    pub plots: Vec<PathBuf>,
    /// The metrics that pictures show; the main ones without any.
    pub plot_metrics: Vec<Metric>,
    /// The results of an earlier benchmark.
    pub baseline: Option<PathBuf>,
    /// From where on worse is a regression: 0.05 is 5 %.
    pub threshold: f64,
    /// Whether calls that go round the shim end a run.
    pub check_interposition: bool,
}

/// Runs a benchmark, prints its table and keeps its results.
pub fn bench(request: &Request, environment: &Environment) -> Result<Exit> {
    stop::listen().context(CANNOT_LISTEN)?;
    let scenario = benchmark::scenario(request.scenario.as_deref())?;
    let variants = variants(request, &scenario, environment)?;
    for file in &request.plots {
        Kind::of(file)?;
    }
    let baseline = request.baseline.as_deref().map(benchmark::read).transpose()?;
    if let Some(baseline) = &baseline {
        let identity = ScenarioIdentity::of(&scenario);
        for variant in &variants {
            counterpart(baseline, &identity, &variant.label)?;
        }
    }
    for variant in &variants {
        resolve(&variant.scenario, Some(request.seed_start))?;
    }
    // A benchmark takes long: what it cannot write is said before.
    check_folder(&out(request, &scenario))?;
    request.plots.iter().try_for_each(|file| check_file(file))?;
    let Some(runs) = runs(request, &variants, environment)? else {
        say_to_stderr("interrupted: nothing is kept");
        return Ok(Exit::Interrupted);
    };
    let seeds = Seeds { first: request.seed_start, count: request.runs };
    let results = Results::of(&scenario, seeds, &variants, &runs);
    print(&results);
    keep(request, &scenario, &results, &runs)?;
    let worse = baseline.map_or(Ok(Vec::new()), |baseline| worse(&baseline, &results, request.threshold))?;
    Ok(end(request, &results, &worse))
}

fn variants(request: &Request, scenario: &Scenario, environment: &Environment) -> Result<Vec<Variant>> {
    let configs =
        request.configs.iter().map(|text| parse_config(text)).collect::<Result<Vec<Config>, _>>()?;
    let mut specs: Vec<Option<String>> = request.servers.iter().cloned().map(Some).collect();
    if specs.is_empty() {
        specs.push(scenario.server.clone());
    }
    let servers =
        specs.into_iter().map(|spec| find_server(spec, environment)).collect::<Result<Vec<Server>>>()?;
    Ok(Variant::all(scenario, &servers, &configs)?)
}

/// The runs of each variant; nothing if somebody asked for the end.
fn runs(request: &Request, variants: &[Variant], environment: &Environment) -> Result<Option<Vec<Vec<Run>>>> {
    let bench = Bench {
        variants,
        seeds: request.seed_start..=request.seed_start + (request.runs - 1),
        jobs: request.jobs,
        check_interposition: request.check_interposition,
        stop: stop::flag(),
    };
    let mut line = CountLine::new(environment.progress);
    let runs = bench.run(&mut |counted| line.show(counted.done, counted.of, counted.failed));
    line.clear();
    Ok(runs?)
}

fn print(results: &Results) {
    let Some((first, others)) = results.variants.split_first() else {
        return;
    };
    let found = differences(first, &others.iter().collect::<Vec<_>>());
    say(&benchmark::render(results, &found));
}

/// Writes the histograms, the interval logs, the results and the pictures.
fn keep(request: &Request, scenario: &Scenario, results: &Results, runs: &[Vec<Run>]) -> Result<()> {
    let out = out(request, scenario);
    fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    for (variant, runs) in results.variants.iter().zip(runs) {
        let name = variant.file_name();
        for metric in &variant.metrics {
            let file = out.join(format!("{name}_{}.hgrm", metric.name));
            write(&file, percentile_distribution(&metric.samples_ns).as_bytes())?;
        }
        write(&out.join(format!("{name}.hlog")), &interval_log(&variant.label, runs))?;
    }
    write(&out.join(RESULTS_FILE), results.to_json().as_bytes())?;
    let metrics = if request.plot_metrics.is_empty() { &plot::MAIN[..] } else { &request.plot_metrics };
    for file in [out.join(PLOT_FILE)].iter().chain(&request.plots) {
        plot::draw(results, metrics, file)?;
    }
    say_to_stderr(&format!("results: {}", out.display()));
    Ok(())
}

fn write(file: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(file, bytes).with_context(|| format!("cannot write {}", file.display()))
}

fn out(request: &Request, scenario: &Scenario) -> PathBuf {
    let by_name = || Path::new("runs").join(format!("bench-{}", benchmark::file_name(&scenario.head.name)));
    request.out.clone().unwrap_or_else(by_name)
}

/// What became worse than the baseline.
fn worse(baseline: &Results, results: &Results, threshold: f64) -> Result<Vec<String>> {
    if baseline.seeds != results.seeds {
        let Seeds { first, count } = baseline.seeds;
        say_to_stderr(&format!("note: the baseline has other seeds ({count} from {first})"));
    }
    let mut worse = Vec::new();
    for variant in &results.variants {
        let base = counterpart(baseline, &results.scenario, &variant.label)?;
        let found = differences(base, &[variant]);
        worse.extend(regressions(base, variant, &found[0], threshold));
    }
    Ok(worse)
}

/// Says what is not good, and with what the program ends.
fn end(request: &Request, results: &Results, worse: &[String]) -> Exit {
    if request.baseline.is_some() {
        let percent = percent(request.threshold);
        match worse {
            [] => say(&format!("no regression beyond {percent} % against the baseline")),
            worse => {
                let count = counted(worse.len() as u64, "regression");
                say(&format!("{count} beyond {percent} % against the baseline:"));
                worse.iter().for_each(|one| say(&format!("  {one}")));
            }
        }
    }
    let has_failed = results.variants.iter().any(|variant| !variant.failures.is_empty());
    match (worse, has_failed) {
        ([_, ..], _) => Exit::Violated,
        ([], true) => Exit::NotJudged,
        ([], false) => Exit::AllHold,
    }
}

/// A share in percent, without the digits that the binary fraction adds.
fn percent(share: f64) -> f64 {
    (share * 1e8).round() / 1e6
}
