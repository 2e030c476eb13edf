//! What differs in meaning between two versions of rules and workflows.
//!
//! Spaces, comments, the order of keys and of independent steps, quotes and the unit of a duration mean nothing.
//! Expressions are compared as trees. What it must not know: where a version comes from, terminals, colours.

mod compare;
mod outline;
mod text;

use serde_json::{Value as Json, json};

pub use outline::Outline;

/// One difference: something is new, gone, or another.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// `event`, `rule` or `workflow`.
    pub kind: &'static str,
    pub name: String,
    /// From there down to what differs, like `steps`, `hold`, `timeout`; empty for the whole.
    pub path: Vec<String>,
    /// `None` where it is new.
    pub old: Option<Json>,
    /// `None` where it is gone.
    pub new: Option<Json>,
}

/// All differences, in the order of their places.
///
/// Where both sides hold one workflow and nothing else, these are compared whatever their names are. Where only the old side
/// is one workflow, it is compared with the new one of its name.
pub fn diff(old: &Outline, new: &Outline) -> Vec<Change> {
    let mut changes = Vec::new();
    if let Some((name, was)) = only_workflow(old)
        && let Some(is) = new.workflows.get(name)
    {
        compare::values("workflow", name, &mut Vec::new(), was, is, &mut changes);
        return changes;
    }
    compare::named("event", &old.events, &new.events, &mut changes);
    compare::named("rule", &old.rules, &new.rules, &mut changes);
    match (only_workflow(old), only_workflow(new)) {
        (Some((was, old)), Some((name, new))) => {
            let (old_name, new_name) = (Some(json!(was)), Some(json!(name)));
            let path = vec!["workflow".to_owned()];
            changes.push(Change { kind: "workflow", name: name.clone(), path, old: old_name, new: new_name });
            compare::values("workflow", name, &mut Vec::new(), old, new, &mut changes);
        }
        _ => compare::named("workflow", &old.workflows, &new.workflows, &mut changes),
    }
    changes
}

fn only_workflow(outline: &Outline) -> Option<(&String, &Json)> {
    let mut workflows = outline.workflows.iter();
    let only = workflows.next().filter(|_| outline.events.is_empty() && outline.rules.is_empty());
    only.filter(|_| workflows.next().is_none())
}

/// The differences for people; nothing but a sentence where there are none.
pub fn to_text(changes: &[Change]) -> String {
    text::render(changes)
}

/// The differences for programs: `{ "changes": [ { "in", "name", "path", "change", "old", "new" } ] }`.
pub fn to_json(changes: &[Change]) -> Json {
    let list = changes.iter().map(|change| {
        let word = match (&change.old, &change.new) {
            (None, _) => "added",
            (_, None) => "removed",
            _ => "changed",
        };
        json!({
            "in": change.kind,
            "name": change.name,
            "path": change.path,
            "change": word,
            "old": change.old,
            "new": change.new,
        })
    });
    json!({ "changes": list.collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests;
