//! What a whole file says, completed by what one scenario says.

use std::collections::{HashMap, HashSet};

use crate::syntax::yaml::{Key, Kind, Node};

/// Mappings down to `depth` are merged key by key; of anything else `own` counts.
pub(super) fn merge(shared: Option<&Node>, own: Option<&Node>, depth: usize) -> Option<Node> {
    match (shared, own) {
        (Some(shared), Some(own)) => Some(merged(shared, own, depth)),
        (shared, own) => own.or(shared).cloned(),
    }
}

fn merged(shared: &Node, own: &Node, depth: usize) -> Node {
    let (Kind::Map(below), Kind::Map(above), 1..) = (&shared.kind, &own.kind, depth) else { return own.clone() };
    let mut entries = Vec::with_capacity(below.len() + above.len());
    let over: HashMap<&str, &(Key, Node)> = above.iter().map(|entry| (entry.0.name.as_str(), entry)).collect();
    for (key, value) in below {
        match over.get(key.name.as_str()) {
            Some((key, over)) => entries.push((key.clone(), merged(value, over, depth - 1))),
            None => entries.push((key.clone(), value.clone())),
        }
    }
    let under: HashSet<&str> = below.iter().map(|(key, _)| key.name.as_str()).collect();
    entries.extend(above.iter().filter(|(key, _)| !under.contains(key.name.as_str())).cloned());
    let mut whole = own.clone();
    whole.kind = Kind::Map(entries);
    whole.cut_like(shared)
}
