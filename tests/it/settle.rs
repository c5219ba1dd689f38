//! A cluster is judged when it has settled, and not before.

use crate::support::{all_servers, plan, run};

/// A primary that comes back from a partition learns that another took over, and copies that one whole: for a moment
/// all views agree and nobody has what it needs.
#[test]
fn a_replica_that_copies_its_new_primary_is_waited_for() {
    let yaml = include_str!("../../replay/lost-acknowledged-write/scenario.yaml");
    for server in all_servers() {
        for seed in [3, 6] {
            let ran = run(&plan(&yaml.replacen("seed: 5", &format!("seed: {seed}"), 1)), &server);
            for invariant in ["replica_sync", "data_consistency"] {
                let verdict = &ran.validation(invariant).verdict;
                assert_eq!(verdict.name(), "holds", "{} seed {seed}: {verdict:?}", server.version);
            }
        }
    }
}
