//! What is compared: a server and a set of configuration directives, over one scenario.

use std::collections::BTreeMap;
use std::path::Path;

use crate::scenario::Scenario;
use crate::servers::Server;

/// Directives of every server of a cluster, by name.
pub type Config = BTreeMap<String, String>;

/// One column of a benchmark.
#[derive(Clone, Debug)]
pub struct Variant {
    /// What tables and plots call it; no two of a benchmark are alike.
    pub label: String,
    /// The server.
    pub server: Server,
    /// The directives that are set on top of the scenario's.
    pub config: Config,
    /// The scenario with them.
    pub scenario: Scenario,
}

/// A set of directives that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BadConfig {
    /// A directive without a value.
    #[error("--config {0}: write `key=value`, and several of them with commas between")]
    NoValue(String),
    /// A node timeout that is no number.
    #[error("--config {NODE_TIMEOUT}={0}: a node timeout is a number of milliseconds")]
    NoTimeout(String),
}

/// The directive that scenarios have a key of their own for.
const NODE_TIMEOUT: &str = "cluster-node-timeout";

/// Reads a set of directives: `key=value,key=value`.
pub fn parse_config(text: &str) -> Result<Config, BadConfig> {
    let directive = |part: &str| {
        let (key, value) = part.split_once('=').filter(|(key, _)| !key.trim().is_empty())?;
        Some((key.trim().to_owned(), value.trim().to_owned()))
    };
    text.split(',')
        .map(directive)
        .collect::<Option<Config>>()
        .ok_or_else(|| BadConfig::NoValue(text.to_owned()))
}

impl Variant {
    /// Every server with every set of directives, servers first.
    pub fn all(
        scenario: &Scenario,
        servers: &[Server],
        configs: &[Config],
    ) -> Result<Vec<Variant>, BadConfig> {
        let none = [Config::new()];
        let configs = if configs.is_empty() { &none[..] } else { configs };
        let pairs = servers.iter().flat_map(|server| configs.iter().map(move |config| (server, config)));
        let mut variants = pairs
            .map(|(server, config)| Variant::new(scenario, server, config))
            .collect::<Result<Vec<_>, _>>()?;
        tell_apart(&mut variants);
        Ok(variants)
    }

    fn new(scenario: &Scenario, server: &Server, config: &Config) -> Result<Variant, BadConfig> {
        let mut scenario = scenario.clone();
        for (key, value) in config {
            if key == NODE_TIMEOUT {
                let timeout = value.parse().map_err(|_| BadConfig::NoTimeout(value.clone()))?;
                scenario.cluster.node_timeout_ms = Some(timeout);
            } else {
                scenario.cluster.config.insert(key.clone(), value.clone());
            }
        }
        let mut label = format!("{} {}", server.name, server.version);
        label.extend(config.iter().map(|(key, value)| format!(" {key}={value}")));
        Ok(Variant { label, server: server.clone(), config: config.clone(), scenario })
    }
}

/// What of a label can stand in a file's name.
pub fn file_name(label: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') { c } else { '-' };
    label.chars().map(safe).collect()
}

/// Two builds of one version are told apart by their digests, and what is still alike by its place.
fn tell_apart(variants: &mut [Variant]) {
    let twice = |variants: &[Variant], label: &str| variants.iter().filter(|v| v.label == label).count() > 1;
    for place in 0..variants.len() {
        let label = variants[place].label.clone();
        if twice(variants, &label) {
            let alike: Vec<usize> = (0..variants.len()).filter(|i| variants[*i].label == label).collect();
            for (nth, index) in alike.into_iter().enumerate() {
                let build = variants[index].server.sha256.get(..8).unwrap_or_default().to_owned();
                variants[index].label = format!("{label} ({build} {})", nth + 1);
            }
        }
    }
}

/// The scenario of the file, or the built-in one.
pub fn scenario(file: Option<&Path>) -> Result<Scenario, crate::scenario::ScenarioError> {
    match file {
        Some(file) => crate::scenario::load(file),
        None => crate::scenario::parse_str("the built-in scenario", super::DEFAULT_SCENARIO),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::{Family, Origin};

    fn server(version: &str, sha256: &str) -> Server {
        Server {
            name: Family::Valkey,
            version: version.to_owned(),
            build_id: String::new(),
            sha256: sha256.to_owned(),
            binary: "/server".into(),
            loader: None,
            libc: String::new(),
            origin: Origin::File,
            toolbox: Default::default(),
            spec: "/server".to_owned(),
            beside: BTreeMap::new(),
        }
    }

    fn config(text: &str) -> Config {
        parse_config(text).expect("a good set")
    }

    #[test]
    fn a_variant_is_a_server_with_a_set_of_directives() {
        let scenario = scenario(None).expect("the built-in scenario is good");
        let servers = [server("8.1.8", "aa"), server("9.1.2", "bb")];
        let configs = [config("cluster-node-timeout=500"), config("hz=100, repl-backlog-size=1mb")];
        let all = Variant::all(&scenario, &servers, &configs).expect("good variants");
        let labels: Vec<&str> = all.iter().map(|variant| variant.label.as_str()).collect();
        let expected = [
            "valkey 8.1.8 cluster-node-timeout=500",
            "valkey 8.1.8 hz=100 repl-backlog-size=1mb",
            "valkey 9.1.2 cluster-node-timeout=500",
            "valkey 9.1.2 hz=100 repl-backlog-size=1mb",
        ];
        assert_eq!(labels, expected);
        assert_eq!(all[0].scenario.cluster.node_timeout_ms, Some(500));
        assert_eq!(all[1].scenario.cluster.config["repl-backlog-size"], "1mb");
        assert_eq!(file_name(&all[0].label), "valkey-8.1.8-cluster-node-timeout-500");
    }

    #[test]
    fn two_builds_of_one_version_have_two_labels() {
        let scenario = scenario(None).expect("the built-in scenario is good");
        let servers = [server("9.1.2", "0123456789ab"), server("9.1.2", "ba9876543210")];
        let all = Variant::all(&scenario, &servers, &[]).expect("good variants");
        assert_eq!(all[0].label, "valkey 9.1.2 (01234567 1)");
        assert_eq!(all[1].label, "valkey 9.1.2 (ba987654 2)");
    }

    #[test]
    fn a_directive_without_a_value_is_refused() {
        for text in ["hz", "hz=10,", "=3"] {
            assert!(matches!(parse_config(text), Err(BadConfig::NoValue(_))), "{text}");
        }
        let scenario = scenario(None).expect("the built-in scenario is good");
        let soon = [config("cluster-node-timeout=soon")];
        let all = Variant::all(&scenario, &[server("9.1.2", "aa")], &soon);
        assert!(matches!(all, Err(BadConfig::NoTimeout(_))));
    }
}
