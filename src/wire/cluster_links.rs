//! `CLUSTER LINKS`: a node's connections of the cluster bus, in both directions (`addReplyClusterLinkDescription`).

use std::collections::BTreeSet;

use crate::event::Said;

/// With whom a node is connected, by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// Whom it has dialled.
    pub to: BTreeSet<String>,
    /// Who has dialled it, as far as it knows who they are.
    pub from: BTreeSet<String>,
}

/// Reads the answer; nothing if it is none.
pub fn parse(said: &Said) -> Option<Links> {
    let mut links = Links::default();
    for link in said.list()? {
        let id = link.field("node")?.text()?.to_owned();
        match link.field("direction")?.text()? {
            "to" => links.to.insert(id),
            "from" => links.from.insert(id),
            _ => return None,
        };
    }
    Some(links)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_direction_is_told_apart() {
        let said = r#"[["direction","to","node","a","events","r"],["direction","from","node","b"]]"#;
        let links = parse(&serde_json::from_str(said).expect("a list")).expect("links");
        assert_eq!(links, Links { to: ["a".to_owned()].into(), from: ["b".to_owned()].into() });
        assert_eq!(parse(&Said::Nothing), None);
    }
}
