//! Data that a scenario gives, held against what the program declares of it.

use serde_json::Value as Json;

use crate::base::span::Span;
use crate::diagnostic::Code;
use crate::model::schema::{Mismatch, Object, Shape};
use crate::syntax::fields::Walk;
use crate::syntax::yaml::Node;

/// Brings `value` into the shape's form; `written` is where it stands, and `whose` what is said of it behind its path.
/// `false` where it does not fit, which is told.
pub(super) fn conforms(
    value: &mut Json,
    declared: &Object,
    (path, whose): (&str, &str),
    written: &Node,
    walk: &mut Walk,
) -> bool {
    let Err(mismatches) = Shape::Object(declared.clone()).conform(path, value) else { return true };
    let misspelt: Vec<String> = mismatches.iter().filter_map(suggested).collect();
    for Mismatch { path: at, problem } in &mismatches {
        // What is missing because it is misspelt is told once.
        if problem == "is missing" && misspelt.contains(at) {
            continue;
        }
        let span = place(written, at.strip_prefix(path).unwrap_or(at)).unwrap_or(written.span);
        walk.error(Code::BadScenario, span, format!("`{at}`{whose} {problem}"), "");
    }
    false
}

/// The path that an undeclared one probably stands for.
fn suggested(mismatch: &Mismatch) -> Option<String> {
    let (_, rest) = mismatch.problem.split_once("is not declared; did you mean `")?;
    let (above, _) = mismatch.path.rsplit_once('.')?;
    Some(format!("{above}.{}", rest.strip_suffix("`?")?))
}

/// Where the entry of a path like `.a[2].b` is written; `None` for one that is not.
fn place(node: &Node, path: &str) -> Option<Span> {
    let mut node = node;
    let mut span = node.span;
    for part in path.split(['.', '[']).filter(|part| !part.is_empty()) {
        (span, node) = match part.strip_suffix(']') {
            Some(index) => {
                let item = node.as_seq()?.get(index.parse::<usize>().ok()?)?;
                (item.span, item)
            }
            None => {
                let (key, value) = node.entry(part)?;
                (key.span.to(value.span), value)
            }
        };
    }
    Some(span)
}
