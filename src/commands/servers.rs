//! `servers`: what can be run here, and fetching more.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::{Environment, Exit, say, say_to_stderr};
use crate::event_log::{Header, ServerIdentity};
use crate::replay::{Begun, Recording, corpus};
use crate::scratch::ScratchFolder;
use crate::servers::{self, Listed, Options, Server};
use crate::shim;
use crate::words::no_temporary_folder;
use crate::workers;

/// Options for looking servers up, with the shim where it can be preloaded; valid as long as the folder.
pub fn options(spec: Option<String>, environment: &Environment) -> Result<(Options, ScratchFolder)> {
    let folder = ScratchFolder::new().with_context(no_temporary_folder)?;
    let shim = folder.path().join("shim.so");
    fs::write(&shim, shim::OBJECT).context("cannot write the shim")?;
    let options = Options {
        explicit_spec: spec,
        env_spec: environment.server.clone(),
        path_dirs: environment.path_dirs.clone(),
        cache_dir: environment.cache_dir.clone(),
        shim: Some(shim),
    };
    Ok((options, folder))
}

/// The server that a run is to use.
pub fn find_server(spec: Option<String>, environment: &Environment) -> Result<Server> {
    let (options, _folder) = options(spec, environment)?;
    Ok(servers::find(&options, &mut say_to_stderr)?)
}

/// A server with those that a plan gives to nodes beside it.
pub fn with_others(server: Server, others: BTreeSet<String>, environment: &Environment) -> Result<Server> {
    let find = |name: String| Ok((name.clone(), find_server(Some(name), environment)?));
    Ok(Server { beside: others.into_iter().map(find).collect::<Result<_>>()?, ..server })
}

/// A server with those that a log was recorded with beside it.
fn with_recorded(server: Server, header: &Header, options: &Options) -> Result<Server> {
    let find = |(name, recorded): (&String, &ServerIdentity)| {
        let found = servers::find_exact(recorded, options);
        Ok((name.clone(), found.map_or_else(|| fetch_recorded(recorded, options), Ok)?))
    };
    Ok(Server { beside: header.servers.iter().map(find).collect::<Result<_>>()?, ..server })
}

/// Opens a recording while the server that it was made with is looked for here: neither waits for the other. `spec`
/// names another server. Nothing is fetched for a log that cannot be read.
pub fn open_with_server(
    log: &Path,
    spec: Option<&String>,
    environment: &Environment,
) -> Result<(Recording, Server)> {
    if let Some(spec) = spec {
        let recording = Recording::open(log)?;
        let server = server_for(&recording, Some(spec), environment)?;
        return Ok((recording, server));
    }
    let begun = Begun::open(log)?;
    let recorded = &begun.header.server;
    let (options, _folder) = options(None, environment)?;
    let (recording, found) = workers::both(|| begun.read(), || servers::find_exact(recorded, &options));
    let recording = recording?;
    let server = found.map_or_else(|| fetch_recorded(recorded, &options), Ok)?;
    let server = with_recorded(server, &recording.header, &options)?;
    Ok((recording, server))
}

/// The server that `spec` names, or else the very program that a log was recorded with: found here, or fetched by its
/// version.
pub fn server_for(recording: &Recording, spec: Option<&String>, environment: &Environment) -> Result<Server> {
    let (options, _folder) = options(None, environment)?;
    if let Some(spec) = spec {
        let server = find_server(Some(spec.clone()), environment)?;
        return with_recorded(server, &recording.header, &options);
    }
    let recorded = &recording.header.server;
    let server =
        servers::find_exact(recorded, &options).map_or_else(|| fetch_recorded(recorded, &options), Ok)?;
    with_recorded(server, &recording.header, &options)
}

/// Fetches the very program that a log was recorded with, by its version.
fn fetch_recorded(recorded: &ServerIdentity, options: &Options) -> Result<Server> {
    let is_it = |server: &Server| server.sha256 == recorded.sha256;
    let why_not = match servers::install(&corpus::spec(recorded), options, &mut say_to_stderr) {
        Ok(server) if is_it(&server) => return Ok(server),
        Ok(other) => {
            let asked = corpus::spec(recorded);
            format!("what can be had as {asked} is {} (sha256 {})", other.version, other.sha256)
        }
        Err(error) => error.to_string(),
    };
    let ServerIdentity { name, version, sha256, .. } = recorded;
    anyhow::bail!(
        "the log was recorded with {name} {version} (sha256 {sha256}), which is not here: {why_not}\n  \
         name another server with --server: the two histories are then compared by meaning"
    )
}

/// Lists every server that is found, and why one cannot be simulated.
pub fn list(environment: &Environment) -> Result<Exit> {
    let (options, _folder) = options(None, environment)?;
    let listed = servers::list(&options);
    if listed.is_empty() {
        say("no servers; `valkey-fuzzer servers install 8.1` fetches one");
    }
    for Listed { found_by, path, server } in listed {
        match server {
            Ok(server) => say(&format!(
                "{} {:<8} {:<20} sha256 {}  {:<12} can be simulated  {}",
                server.name,
                server.version,
                server.libc,
                server.sha256,
                found_by,
                path.display()
            )),
            Err(refusal) => say(&format!("{found_by}: cannot be simulated: {refusal}")),
        }
    }
    Ok(Exit::AllHold)
}

/// Fetches servers into the managed store.
pub fn install(versions: &[String], environment: &Environment) -> Result<Exit> {
    let (options, _folder) = options(None, environment)?;
    for version in versions {
        let server = servers::install(version, &options, &mut say_to_stderr)?;
        say(&format!("{} {} ({}): {}", server.name, server.version, server.libc, server.binary.display()));
    }
    Ok(Exit::AllHold)
}
