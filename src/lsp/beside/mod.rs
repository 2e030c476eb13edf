//! The files beside a program, scenarios and the configuration: what a place in them means, and what may come there.
//!
//! `scenario` and `settings` say what a path of keys stands for, from the tables that reading goes by.

mod scenario;
mod settings;

use super::completion::yaml_cursor::{At, find};
use super::completion::{Completion, Item, ItemKind, last_word};
use super::hover::{Shown, of_symbol};
use super::index::Index;
use super::symbols::Symbol;
use super::workspace::Role;
use crate::base::source::SourceId;
use crate::base::span::Span;
use crate::syntax::yaml::{self, Node};

/// A place in a file of scenarios or settings that is open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) role: Role,
    /// Of the program that the file is about.
    pub(super) index: &'a Index,
    pub(super) text: &'a str,
    pub(super) offset: usize,
}

/// What stands at a place: a key, or the text behind one.
struct Word {
    /// The keys from the root down to the key itself, or to the one whose value it is; `-` for an item of a list.
    path: Vec<String>,
    span: Span,
    /// The text, where it is a value.
    value: Option<String>,
}

/// What is to be said of the place; `None` where nothing is.
pub(super) fn hover(place: &Place<'_>) -> Option<Shown> {
    let word = word_at(place)?;
    let path: Vec<&str> = word.path.iter().map(String::as_str).collect();
    let named = symbols_of(place, &word).iter().find_map(|symbol| of_symbol(place.index, symbol));
    let text = named.or_else(|| match place.role {
        _ if word.value.is_some() => None,
        Role::Scenarios => scenario::docs(&path),
        _ => settings::docs(&path),
    })?;
    Some(Shown { text, span: word.span })
}

/// What the word at the place names, if it names anything: the first that is declared counts.
pub(super) fn symbols(place: &Place<'_>) -> Vec<Symbol> {
    word_at(place).map(|word| symbols_of(place, &word)).unwrap_or_default()
}

fn symbols_of(place: &Place<'_>, word: &Word) -> Vec<Symbol> {
    let path: Vec<&str> = word.path.iter().map(String::as_str).collect();
    match place.role {
        Role::Scenarios => scenario::symbols(place.index, &path, word.value.as_deref()),
        _ => Vec::new(),
    }
}

/// What may come at the place.
pub(super) fn complete(place: &Place<'_>) -> Completion {
    let before = place.text.get(..place.offset).unwrap_or_default();
    let cursor = find(place.text, place.offset);
    let path: Vec<&str> = cursor.path.iter().map(String::as_str).collect();
    let given = keys_beside(place, &path);
    let mut items = match (&cursor.at, place.role) {
        (At::Comment, _) => Vec::new(),
        (At::Key, Role::Scenarios) => scenario::keys(place, &cursor),
        (At::Value { .. }, Role::Scenarios) => scenario::values(place, &cursor),
        (At::Key, _) => settings::keys(&path),
        (At::Value { .. }, _) => settings::values(&path),
    };
    let mut seen = given;
    items.retain(|item| {
        let is_new = cursor.at != At::Key || !seen.contains(&item.label);
        seen.push(item.label.clone());
        is_new
    });
    let is_dotted = items.iter().any(|item| item.kind == ItemKind::Action || item.label.contains('.'));
    let replaces = if is_dotted {
        before.len() - before.trim_end_matches(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.').len()
    } else {
        last_word(before)
    };
    Completion { items, replaces }
}

/// The keys that the mapping at a path has already, as far as the text can be read.
fn keys_beside(place: &Place<'_>, path: &[&str]) -> Vec<String> {
    let Some(root) = readable(place) else { return Vec::new() };
    let mut found = Vec::new();
    // Which item of a list the cursor is in is not known by the path: the one that begins nearest before it is.
    let mut node = &root;
    for key in path {
        let next = match *key {
            "-" => node
                .as_seq()
                .and_then(|items| items.iter().rfind(|item| item.span.range().start <= place.offset).or(items.last())),
            key => node.get(key),
        };
        match next {
            Some(next) => node = next,
            None => return found,
        }
    }
    found.extend(node.as_map().unwrap_or_default().iter().map(|(key, _)| key.name.clone()));
    found
}

/// The tree of the text; where it cannot be read, of the text without the line under the cursor.
fn readable(place: &Place<'_>) -> Option<Node> {
    let Place { text, offset, .. } = *place;
    let (root, problems) = yaml::parse(SourceId(0), text);
    if root.is_some() && !problems.has_errors() {
        return root;
    }
    let start = text.get(..offset)?.rfind('\n').map_or(0, |newline| newline + 1);
    let end = text.get(offset..)?.find('\n').map_or(text.len(), |newline| offset + newline);
    // As long as before, so that places stay.
    let blank = " ".repeat(end - start);
    let without = format!("{}{blank}{}", text.get(..start)?, text.get(end..)?);
    yaml::parse(SourceId(0), &without).0.or(root)
}

fn word_at(place: &Place<'_>) -> Option<Word> {
    let (root, _) = yaml::parse(SourceId(0), place.text);
    let mut path = Vec::new();
    let (span, value) = within(&root?, place.offset, &mut path)?;
    Some(Word { path, span, value })
}

/// Depth is bounded by the reader's limit on nesting.
fn within(node: &Node, offset: usize, path: &mut Vec<String>) -> Option<(Span, Option<String>)> {
    let holds = |span: Span| span.range().start <= offset && offset <= span.range().end;
    for (key, value) in node.as_map().unwrap_or_default() {
        path.push(key.name.clone());
        if holds(key.span) {
            return Some((key.span, None));
        }
        if let Some(found) = within(value, offset, path) {
            return Some(found);
        }
        path.pop();
    }
    for item in node.as_seq().unwrap_or_default() {
        path.push("-".to_owned());
        if let Some(found) = within(item, offset, path) {
            return Some(found);
        }
        path.pop();
    }
    let text = node.scalar().filter(|_| holds(node.span))?;
    Some((node.span, Some(text.text.clone())))
}

/// A key with what is said of it.
fn key(name: &str, detail: &str, docs: &str) -> Item {
    Item::new(name, ItemKind::Key).detail(detail).docs(docs).snippet(&format!("{name}: "))
}
