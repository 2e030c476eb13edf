//! Two values held against each other, part by part.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::Change;
use crate::base::fragment::Fragment;
use crate::base::source::SourceId;
use crate::expression;
use crate::ir::template::{Piece, split};
use crate::model::schema::JsonMap;

/// Things of one kind, by name.
pub(super) fn named(kind: &'static str, old: &JsonMap, new: &JsonMap, changes: &mut Vec<Change>) {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        match (old.get(name), new.get(name)) {
            (Some(old), Some(new)) => values(kind, name, &mut Vec::new(), old, new, changes),
            (old, new) => changes.push(Change {
                kind,
                name: name.clone(),
                path: Vec::new(),
                old: old.cloned(),
                new: new.cloned(),
            }),
        }
    }
}

/// What stands under `path`: mappings key by key, everything else as a whole.
pub(super) fn values(
    kind: &'static str,
    name: &str,
    path: &mut Vec<String>,
    old: &Json,
    new: &Json,
    changes: &mut Vec<Change>,
) {
    if let (Json::Object(old), Json::Object(new)) = (old, new) {
        let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for key in keys {
            path.push(key.clone());
            match (old.get(key), new.get(key)) {
                (Some(old), Some(new)) => values(kind, name, path, old, new, changes),
                (old, new) => changes.push(Change {
                    kind,
                    name: name.to_owned(),
                    path: path.clone(),
                    old: old.cloned(),
                    new: new.cloned(),
                }),
            }
            path.pop();
        }
    } else if !is_same(path.last().map(String::as_str), old, new) {
        changes.push(Change {
            kind,
            name: name.to_owned(),
            path: path.clone(),
            old: Some(old.clone()),
            new: Some(new.clone()),
        });
    }
}

/// Whether two values say the same. What stands under `if` and `when` is an expression; other texts may hold some.
fn is_same(key: Option<&str>, old: &Json, new: &Json) -> bool {
    match (old, new) {
        (Json::String(old), Json::String(new)) if old != new => match key {
            Some("if" | "when") => is_same_expression(old, new),
            _ => is_same_template(old, new),
        },
        (Json::Array(old), Json::Array(new)) => {
            old.len() == new.len() && old.iter().zip(new).all(|(old, new)| is_same(None, old, new))
        }
        (Json::Object(old), Json::Object(new)) => {
            old.len() == new.len()
                && old.iter().all(|(key, old)| new.get(key).is_some_and(|new| is_same(Some(key), old, new)))
        }
        _ => old == new,
    }
}

fn fragment(text: &str) -> Fragment {
    Fragment::verbatim(SourceId(0), 0, text)
}

fn is_same_expression(old: &str, new: &str) -> bool {
    match (expression::parse(&fragment(old)), expression::parse(&fragment(new))) {
        (Ok(old), Ok(new)) => old.is_same(&new),
        _ => old == new,
    }
}

fn is_same_template(old: &str, new: &str) -> bool {
    let (Ok(old), Ok(new)) = (split(&fragment(old)), split(&fragment(new))) else { return false };
    old.len() == new.len()
        && old.iter().zip(&new).all(|pair| match pair {
            (Piece::Text(old), Piece::Text(new)) => old == new,
            (Piece::Expression(old), Piece::Expression(new)) => is_same_expression(&old.text, &new.text),
            _ => false,
        })
}
