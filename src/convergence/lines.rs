//! The lines of a server's log that say how a failover gets on.
//!
//! The texts are those of `cluster_legacy.c` and `replication.c` in Valkey 8.0 to 9.1 and of `cluster.c` and
//! `replication.c` in Redis 7, which says `master`.

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said<'a> {
    /// The server's own cluster id.
    Identity(&'a str),
    /// The server suspects the node with this id, or heard that another one does.
    Suspects(&'a str),
    /// The server marked the node with this id as failing.
    Fails(&'a str),
    /// The server is a primary from now on.
    Won,
    /// Every slot has an owner again, as the server sees it: it does what clients ask.
    ClusterOk,
    /// The server does not do what clients ask any more.
    ClusterDown,
    /// The server has what its primary has.
    Synced,
}

/// Reads a line; nothing if it says nothing of interest.
pub(super) fn read(line: &str) -> Option<Said<'_>> {
    let says = |text: &str| line.contains(text);
    if says(" possibly failing") {
        return id_after(line, "NODE ").map(Said::Suspects);
    }
    if says(" as not reachable") {
        return id_after(line, " reported node ").map(Said::Suspects);
    }
    if says(" as failing") {
        return id_after(line, "Marking node ").map(Said::Fails);
    }
    if says("Node configuration loaded, I'm ") || says("No cluster configuration found, I'm ") {
        return id_after(line, ", I'm ").map(Said::Identity);
    }
    let said = [
        ("Failover election won: I'm the new ", Said::Won),
        ("Taking over the primary (", Said::Won),
        ("Taking over the master (", Said::Won),
        ("Cluster state changed: ok", Said::ClusterOk),
        ("Cluster state changed: fail", Said::ClusterDown),
        (" <-> REPLICA sync: Finished with success", Said::Synced),
        ("Successful partial resynchronization with ", Said::Synced),
    ];
    said.into_iter().find(|(text, _)| says(text)).map(|(_, said)| said)
}

/// The cluster id that follows a text.
fn id_after<'a>(line: &'a str, text: &str) -> Option<&'a str> {
    const ID_LENGTH: usize = 40;
    let id = line.split_once(text)?.1.get(..ID_LENGTH)?;
    id.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "27af6a40cc3d5d9104ca9408fa429cf8b8feb6db";

    #[test]
    fn lines_of_all_versions_are_read() {
        let suspects = Some(Said::Suspects(ID));
        assert_eq!(read(&format!("1:S 03 Feb * NODE {ID} () possibly failing.")), suspects);
        assert_eq!(read(&format!("1:S 03 Feb . *** NODE {ID} possibly failing")), suspects);
        let other = "63e26c45c64c126dd1c3f31cd1cea5efbaa65d8c";
        let reported = format!("1:S * Node {other} (10.0.0.5:6379) reported node {ID} () as not reachable.");
        assert_eq!(read(&reported), suspects);
        let fails = Some(Said::Fails(ID));
        assert_eq!(read(&format!("1:M * Marking node {ID} () as failing (quorum reached).")), fails);
        assert_eq!(read(&format!("1:M * Marking node {ID} as failing (quorum reached).")), fails);
        let identity = Some(Said::Identity(ID));
        assert_eq!(read(&format!("1:M * No cluster configuration found, I'm {ID}")), identity);
        assert_eq!(read(&format!("1:M * Node configuration loaded, I'm {ID}")), identity);
        assert_eq!(read("1:S * Failover election won: I'm the new primary."), Some(Said::Won));
        assert_eq!(read("1:S # Failover election won: I'm the new master."), Some(Said::Won));
        assert_eq!(read("1:S * MASTER <-> REPLICA sync: Finished with success"), Some(Said::Synced));
        assert_eq!(read("1:S * Successful partial resynchronization with primary."), Some(Said::Synced));
    }

    #[test]
    fn lines_that_only_look_alike_say_nothing() {
        assert_eq!(read("1:M * Cluster state changed: unknown"), None);
        assert_eq!(read("1:M * Marking node somebody as failing"), None);
        assert_eq!(read("1:M * NODE é possibly failing"), None);
    }
}
