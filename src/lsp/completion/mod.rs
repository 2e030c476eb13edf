//! What may come next under the cursor, in files that need not parse at the moment.

mod expression;
mod rules;
mod scan;
mod workflow;
pub(super) mod yaml_cursor;

pub(super) use scan::last_word;

use super::index::{File, Index, Tree};
use crate::model::schema::Object;
use crate::syntax::workflow::ast::Workflow;

/// One thing that may come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) label: String,
    pub(super) kind: ItemKind,
    /// One line: a type, or how it is written.
    pub(super) detail: String,
    /// Markdown.
    pub(super) docs: String,
    /// What is put in, with places to fill (`$1`); the label where there is none.
    pub(super) snippet: Option<String>,
    /// Whether it stands before the others.
    pub(super) comes_first: bool,
}

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ItemKind {
    Action,
    Event,
    Field,
    Function,
    Key,
    Keyword,
    Namespace,
    Step,
    Type,
    Variable,
    Workflow,
}

impl Item {
    pub(super) fn new(label: &str, kind: ItemKind) -> Self {
        let (detail, docs) = (String::new(), String::new());
        Self { label: label.to_owned(), kind, detail, docs, snippet: None, comes_first: false }
    }

    pub(super) fn detail(mut self, detail: &str) -> Self {
        detail.clone_into(&mut self.detail);
        self
    }

    pub(super) fn docs(mut self, docs: &str) -> Self {
        docs.clone_into(&mut self.docs);
        self
    }

    pub(super) fn snippet(mut self, snippet: &str) -> Self {
        self.snippet = Some(snippet.to_owned());
        self
    }

    pub(super) fn first(mut self) -> Self {
        self.comes_first = true;
        self
    }
}

/// What may come, and how many bytes before the cursor it replaces.
pub(super) struct Completion {
    pub(super) items: Vec<Item>,
    pub(super) replaces: usize,
}

/// What may come at `offset` of a file. `last_good` is a text of the file that could be read, where this one cannot.
pub(super) fn complete(index: &Index, file: &File, offset: usize, last_good: Option<&str>) -> Completion {
    let text = index.text(file.id);
    let before = text.get(..offset).unwrap_or_default();
    let items = match &file.tree {
        Tree::Rules(rules) => rules::complete(index, rules, text, offset),
        Tree::Workflow(_) => {
            let tree = readable(file, text, offset, last_good);
            workflow::complete(index, tree.as_ref(), text, offset)
        }
    };
    let word = scan::last_word(before);
    let is_dotted = items.iter().any(|item| matches!(item.kind, ItemKind::Action | ItemKind::Event));
    let replaces = if is_dotted {
        before.len() - before.trim_end_matches(|c: char| scan::is_word(c) || c == '.').len()
    } else {
        word
    };
    Completion { items, replaces }
}

/// The newest tree that can be had: of the text, of the text without the line under the cursor, or of the last text
/// that could be read.
fn readable(file: &File, text: &str, offset: usize, last_good: Option<&str>) -> Option<Workflow> {
    if let Tree::Workflow(Some(tree)) = &file.tree {
        return Some(tree.as_ref().clone());
    }
    let start = text.get(..offset).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
    let end = text.get(offset..).and_then(|rest| rest.find('\n')).map_or(text.len(), |newline| offset + newline);
    let without = format!("{}{}", text.get(..start).unwrap_or_default(), text.get(end..).unwrap_or_default());
    let read = |text: &str| crate::syntax::workflow::parse(file.id, text).0;
    read(&without).or_else(|| last_good.and_then(read))
}

/// Inputs and fields that can be given, without those that are.
pub(super) fn named_fields(object: &Object, given: &[String]) -> Vec<Item> {
    let open = object.fields.iter().filter(|field| !given.contains(&field.name));
    open.map(|field| {
        let mark = if field.optional { "?" } else { "" };
        let item = Item::new(&field.name, ItemKind::Field)
            .detail(&format!("{}{mark}", field.shape))
            .docs(&field.docs)
            .snippet(&format!("{}: ", field.name));
        if field.optional { item } else { item.first() }
    })
    .collect()
}
