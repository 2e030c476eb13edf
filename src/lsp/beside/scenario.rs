//! Scenarios: their keys with what they mean, from the tables that they are read by, and the names of the program that may
//! stand in them.

use super::{Place, key, readable};
use crate::harness::scenario::keys::{FILE, Key, SCENARIO, Table, Takes};
use crate::ir::call::called;
use crate::lsp::completion::yaml_cursor::Cursor;
use crate::lsp::completion::{Item, ItemKind, named_fields};
use crate::lsp::describe;
use crate::lsp::index::{Index, Tree, data};
use crate::lsp::symbols::Symbol;
use crate::model::schema::Object;
use crate::syntax::workflow::ast::{Step, Workflow};
use crate::syntax::yaml::Node;

/// What the tables say of a path: the last key of theirs in it, and what stands at its end.
#[derive(Clone, Copy, Debug)]
struct Spot {
    key: Option<&'static Key>,
    /// `None`: the root of the file.
    takes: Option<Takes>,
}

/// `None` for a path that is not in the tables.
fn spot(path: &[&str]) -> Option<Spot> {
    let mut spot = Spot { key: None, takes: None };
    for part in path {
        spot = match (spot.takes, *part) {
            (Some(takes), "-") => Spot { takes: Some(item(takes)?), ..spot },
            (Some(Takes::Named(inner)), _) => Spot { takes: Some(*inner), ..spot },
            // Below it everything is data.
            (Some(Takes::Any), _) => spot,
            (takes, name) => {
                let key = tables(takes).into_iter().flatten().find(|key| key.name == name)?;
                Spot { key: Some(key), takes: Some(key.takes) }
            }
        };
    }
    Some(spot)
}

/// The tables of the mapping that stands there, if one may.
fn tables(takes: Option<Takes>) -> Vec<Table> {
    match takes {
        None => vec![FILE, SCENARIO],
        Some(Takes::Mapping(table) | Takes::WordOr(_, table) | Takes::TextOr(table) | Takes::Outcomes(table)) => {
            vec![table]
        }
        _ => Vec::new(),
    }
}

/// What an item of the list is that stands there.
fn item(takes: Takes) -> Option<Takes> {
    match takes {
        Takes::List(table) => Some(Takes::Mapping(table)),
        Takes::ListOfTextOr(table) => Some(Takes::TextOr(table)),
        Takes::Outcomes(table) => Some(Takes::Outcomes(table)),
        Takes::Texts => Some(Takes::Text),
        Takes::Any => Some(Takes::Any),
        _ => None,
    }
}

/// What a key means.
pub(super) fn docs(path: &[&str]) -> Option<String> {
    let spot = spot(path)?;
    let key = spot.key.filter(|key| path.last() == Some(&key.name))?;
    let words = match key.takes {
        Takes::Word(words) | Takes::WordOr(words, _) => words,
        _ => &[],
    };
    let list: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    let choice = if list.is_empty() { String::new() } else { format!("\n\nOne of {}.", list.join(", ")) };
    Some(format!("{}{choice}", key.docs))
}

/// What names of the program a word can stand for.
pub(super) fn symbols(index: &Index, path: &[&str], value: Option<&str>) -> Vec<Symbol> {
    let steps = |name: &str| {
        let (workflow, name) = match name.split_once('.') {
            Some((workflow, step)) if index.workflow(workflow).is_some() => (Some(workflow), step),
            _ => (None, name),
        };
        let mut found: Vec<Symbol> = steps(index)
            .filter(|(of, _, step)| step.name.node == name && workflow.is_none_or(|wanted| wanted == *of))
            .map(|(_, path, _)| Symbol::Step(path.to_owned(), name.to_owned()))
            .collect();
        found.push(Symbol::Action(name.to_owned()));
        found
    };
    let (above, name) = match (value, path.split_last()) {
        (Some(value), _) => (path, value),
        (None, Some((name, above))) => (above, *name),
        _ => return Vec::new(),
    };
    let Some(Spot { key: Some(key), takes }) = spot(above) else { return Vec::new() };
    let is_text = takes == Some(Takes::Text);
    let is_name = matches!(takes, Some(Takes::Named(_)));
    match (key.name, value) {
        ("steps" | "mock", None) if is_name => steps(name),
        ("rules", None) if is_name => vec![Symbol::Rule(name.to_owned())],
        ("rule", Some(_)) => vec![Symbol::Rule(name.to_owned())],
        ("workflow" | "run", Some(_)) => vec![Symbol::Workflow(name.to_owned())],
        ("event" | "type" | "emitted", Some(_)) if is_text => vec![Symbol::Event(name.to_owned())],
        ("step" | "action", Some(_)) => steps(name),
        ("before" | "after" | "approve" | "reject", Some(_)) if is_text => steps(name),
        ("cancel" | "retry", Some(_)) if is_text => vec![Symbol::Workflow(name.to_owned())],
        _ => Vec::new(),
    }
}

/// Every step with its workflow and its file.
fn steps(index: &Index) -> impl Iterator<Item = (&str, &std::path::Path, &Step)> {
    index.files.iter().flat_map(|file| {
        let tree: Option<&Workflow> = match &file.tree {
            Tree::Workflow(Some(tree)) => Some(tree.as_ref()),
            _ => None,
        };
        tree.into_iter().flat_map(move |tree| {
            let name = tree.name.as_ref().map_or("", |name| name.node.as_str());
            let steps = tree.steps.iter().chain(&tree.on_failure);
            steps.map(move |step| (name, file.path.as_path(), step))
        })
    })
}

fn step_items(index: &Index, of: Option<&str>) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    for (_, _, step) in steps(index).filter(|(workflow, ..)| of.is_none_or(|of| of == *workflow)) {
        let name = &step.name.node;
        if !name.is_empty() && !items.iter().any(|item| item.label == *name) {
            let docs = describe::step(step, index.action(step).as_deref());
            items.push(Item::new(name, ItemKind::Step).docs(&docs));
        }
        within(index, step, name, 0, &mut items);
    }
    items
}

/// Most calls within each other whose steps are offered, and most steps within calls.
const MAX_DEPTH: usize = 3;
const MAX_WITHIN: usize = 500;

/// The steps of what a step calls, by the names that the plan gives them.
fn within(index: &Index, step: &Step, name: &str, depth: usize, items: &mut Vec<Item>) {
    let callee = step.uses.as_ref().and_then(|uses| called(&uses.node)).and_then(|callee| index.workflow(callee));
    for inner in callee.filter(|_| depth < MAX_DEPTH).into_iter().flat_map(|callee| &callee.steps) {
        let name = format!("{name}/{}", inner.name.node);
        if items.len() < MAX_WITHIN && !items.iter().any(|item| item.label == name) {
            let docs = describe::step(inner, index.action(inner).as_deref());
            items.push(Item::new(&name, ItemKind::Step).docs(&docs));
        }
        within(index, inner, &name, depth + 1, items);
    }
}

fn action_items(index: &Index) -> impl Iterator<Item = Item> {
    index.catalogue.iter().map(|action| Item::new(&action.name, ItemKind::Action).docs(&describe::action(action)))
}

/// Each as a key, with the colon behind it.
fn as_keys(items: impl IntoIterator<Item = Item>) -> Vec<Item> {
    let with_colon = |item: Item| {
        let text = format!("{}: ", item.label);
        item.snippet(&text)
    };
    items.into_iter().map(with_colon).collect()
}

/// What may stand as a key at the cursor.
pub(super) fn keys(place: &Place<'_>, cursor: &Cursor) -> Vec<Item> {
    let path: Vec<&str> = cursor.path.iter().map(String::as_str).collect();
    let index = place.index;
    let Some(Spot { key: last, takes }) = spot(&path) else { return Vec::new() };
    let name = last.map_or("", |key| key.name);
    match takes {
        Some(Takes::Named(_)) => match name {
            "steps" => as_keys(step_items(index, written(place, cursor, "workflow"))),
            "mock" => as_keys(step_items(index, None).into_iter().chain(action_items(index))),
            "rules" => as_keys(index.rule_names().map(|rule| Item::new(rule, ItemKind::Variable))),
            "targets" | "phases" if path.contains(&"then") => as_keys(targets(place)),
            _ => Vec::new(),
        },
        Some(Takes::Any) => {
            data_of(place, cursor, &path).map(|object| as_keys(named_fields(&object, &[]))).unwrap_or_default()
        }
        // An item of a list may be a text: it may stand where a key may.
        _ => {
            let tables = tables(takes).into_iter().flatten();
            let keys = tables.map(|known| {
                let item = key(known.name, "", known.docs);
                if matches!(known.name, "scenario" | "when" | "then") { item.first() } else { item }
            });
            let words = if path.last() == Some(&"-") { self::words(takes, name) } else { Vec::new() };
            keys.chain(words).collect()
        }
    }
}

/// What the data at the path holds: an event's, a workflow's inputs, a mocked action's output.
fn data_of(place: &Place<'_>, cursor: &Cursor, path: &[&str]) -> Option<Object> {
    let index = place.index;
    match path {
        [.., "when", "-", "data"] => Some(data(&index.event(written(place, cursor, "event")?)?.fields)),
        [.., "when", "-", "inputs"] => Some(index.workflow(written(place, cursor, "run")?)?.inputs.clone()),
        [.., "mock", name, "output"] | [.., "mock", name, "-", "output"] => {
            let action = index.catalogue.get(name).map(std::sync::Arc::clone).or_else(|| {
                let wanted = name.rsplit(['.', '/']).next().unwrap_or(name);
                steps(index).find(|(_, _, step)| step.name.node == wanted).and_then(|(_, _, step)| index.action(step))
            });
            Some(action?.output.clone())
        }
        _ => None,
    }
}

/// What stands behind a key of the list's item that the cursor is in, before the cursor.
fn written<'t>(place: &Place<'t>, cursor: &Cursor, key: &str) -> Option<&'t str> {
    let item = cursor.path.iter().rposition(|part| part == "-")?;
    let extent = place.text.get(*cursor.lines.get(item)?..place.offset)?;
    let at = extent.rmatch_indices(key).map(|(at, _)| at).find(|at| {
        let begins = extent.get(..*at).is_some_and(|before| before.ends_with(['\n', ' ', '{', ',']));
        begins && extent.get(at + key.len()..).is_some_and(|behind| behind.starts_with(':'))
    })?;
    let value = extent.get(at + key.len() + 1..)?.trim_start_matches([' ', '"', '\'']);
    let end = value.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.').unwrap_or(value.len());
    value.get(..end).filter(|value| !value.is_empty())
}

/// The targets that the file gives itself.
fn targets(place: &Place<'_>) -> Vec<Item> {
    let Some(root) = readable(place) else { return Vec::new() };
    let scenarios = root.get("scenarios").and_then(Node::as_seq).unwrap_or_default();
    let given = scenarios.iter().chain([&root]).filter_map(|scenario| scenario.get("given"));
    let mut names: Vec<String> = Vec::new();
    for given in given {
        for targets in [given.get("targets"), given.get("config").and_then(|config| config.get("targets"))] {
            let entries = targets.and_then(Node::as_map).unwrap_or_default();
            names.extend(entries.iter().map(|(key, _)| key.name.clone()));
        }
    }
    names.sort();
    names.dedup();
    names.iter().map(|name| Item::new(name, ItemKind::Variable)).collect()
}

/// What may stand as a value at the cursor.
pub(super) fn values(place: &Place<'_>, cursor: &Cursor) -> Vec<Item> {
    let path: Vec<&str> = cursor.path.iter().map(String::as_str).collect();
    let index = place.index;
    let Some(Spot { key: Some(key), takes: Some(takes) }) = spot(&path) else { return Vec::new() };
    let is_text = takes == Takes::Text;
    let workflows = || index.workflows().map(|(name, _)| Item::new(name, ItemKind::Workflow)).collect();
    let words = |words: &[&str]| words.iter().map(|word| Item::new(word, ItemKind::Keyword)).collect::<Vec<_>>();
    match key.name {
        "workflow" | "run" => workflows(),
        "event" | "type" | "emitted" if is_text => {
            index.events().map(|event| Item::new(&event.name.node, ItemKind::Event)).collect()
        }
        "step" => step_items(index, None),
        "before" | "after" | "approve" | "reject" if is_text => step_items(index, None),
        "cancel" | "retry" if is_text => workflows(),
        "action" => action_items(index).collect(),
        "rule" => index.rule_names().map(|rule| Item::new(rule, ItemKind::Variable)).collect(),
        "subject" | "target" => targets(place).into_iter().chain(words(&["none"])).collect(),
        "halt" | "unhalt" => targets(place).into_iter().chain(words(&["all"])).collect(),
        "pause" | "resume" => targets(place),
        "phase" if is_text => words(&["stable", "adjusting", "degraded", "paused"]),
        name => self::words(Some(takes), name),
    }
}

/// The words that may stand there.
fn words(takes: Option<Takes>, key: &str) -> Vec<Item> {
    let of_status = |table: Table| match table.iter().find(|key| matches!(key.name, "status" | "result"))?.takes {
        Takes::Word(words) => Some(words),
        _ => None,
    };
    let words: &[&str] = match takes {
        Some(Takes::Word(words) | Takes::WordOr(words, _)) => words,
        Some(Takes::Bool) => &["true", "false"],
        Some(Takes::Outcomes(_)) => &["real", "never_ends"],
        Some(Takes::TextOr(_)) if key == "phases" => &["stable", "adjusting", "degraded", "paused"],
        Some(Takes::TextOr(table)) => of_status(table).unwrap_or_default(),
        _ => &[],
    };
    words.iter().map(|word| Item::new(word, ItemKind::Keyword)).collect()
}
