//! Between what the protocol says and what the parts of this server know.

use std::path::PathBuf;

use serde_json::json;
use tower_lsp_server::ls_types::{
    CompletionItem, CompletionItemKind, CompletionTextEdit, DidChangeWatchedFilesRegistrationOptions, Documentation,
    FileSystemWatcher, GlobPattern, InitializeParams, InsertTextFormat, MarkupContent, MarkupKind, Range, Registration,
    TextEdit,
};

use super::completion::{Completion, Item, ItemKind};
use super::documents::path_of;
use super::position::position;
use super::workspace::Workspace;

/// The folders that the editor has open, and its setting `program`.
pub(super) fn workspace(params: &InitializeParams) -> Workspace {
    let folders = params.workspace_folders.iter().flatten().filter_map(|folder| path_of(&folder.uri)).collect();
    let options = params.initialization_options.as_ref();
    let program = options.and_then(|options| options.get("program")).and_then(serde_json::Value::as_array);
    let program = program.into_iter().flatten().filter_map(|path| path.as_str().map(PathBuf::from)).collect();
    Workspace { folders, program }
}

/// Asks to be told of rules and workflows that change on disk.
pub(super) fn file_watch() -> Registration {
    let watchers = ["**/*.rules", "**/*.yaml", "**/*.yml"]
        .map(|pattern| FileSystemWatcher { glob_pattern: GlobPattern::String(pattern.to_owned()), kind: None });
    let options = DidChangeWatchedFilesRegistrationOptions { watchers: watchers.to_vec() };
    Registration {
        id: "files".to_owned(),
        method: "workspace/didChangeWatchedFiles".to_owned(),
        register_options: serde_json::to_value(options).ok(),
    }
}

/// Offers to format rules and YAML.
pub(super) fn formatting() -> Registration {
    Registration {
        id: "formatting".to_owned(),
        method: "textDocument/formatting".to_owned(),
        register_options: Some(json!({ "documentSelector": [
            { "scheme": "file", "pattern": "**/*.rules" },
            { "scheme": "untitled", "language": "homeostat-rules" },
            { "scheme": "file", "pattern": "**/*.{yaml,yml}" },
            { "scheme": "untitled", "language": "yaml" },
        ] })),
    }
}

/// What may come, as the protocol has it. Without `snippets` no places to fill are sent.
pub(super) fn completion(text: &str, offset: usize, found: Completion, snippets: bool) -> Vec<CompletionItem> {
    let replaced = Range { start: position(text, offset - found.replaces.min(offset)), end: position(text, offset) };
    found.items.into_iter().map(|item| completion_item(item, replaced, snippets)).collect()
}

fn completion_item(item: Item, replaced: Range, snippets: bool) -> CompletionItem {
    let has_places = item.snippet.as_ref().is_some_and(|snippet| snippet.contains('$'));
    let inserted = item.snippet.clone().filter(|_| snippets || !has_places).unwrap_or_else(|| item.label.clone());
    let docs = MarkupContent { kind: MarkupKind::Markdown, value: item.docs };
    CompletionItem {
        kind: Some(kind(item.kind)),
        detail: (!item.detail.is_empty()).then_some(item.detail),
        documentation: (!docs.value.is_empty()).then_some(Documentation::MarkupContent(docs)),
        sort_text: Some(format!("{}{}", if item.comes_first { '0' } else { '1' }, item.label)),
        text_edit: Some(CompletionTextEdit::Edit(TextEdit { range: replaced, new_text: inserted })),
        insert_text_format: Some(if has_places && snippets {
            InsertTextFormat::SNIPPET
        } else {
            InsertTextFormat::PLAIN_TEXT
        }),
        label: item.label,
        ..CompletionItem::default()
    }
}

fn kind(kind: ItemKind) -> CompletionItemKind {
    match kind {
        ItemKind::Action | ItemKind::Function => CompletionItemKind::FUNCTION,
        ItemKind::Event => CompletionItemKind::EVENT,
        ItemKind::Field => CompletionItemKind::FIELD,
        ItemKind::Key => CompletionItemKind::PROPERTY,
        ItemKind::Keyword => CompletionItemKind::KEYWORD,
        ItemKind::Namespace | ItemKind::Workflow => CompletionItemKind::MODULE,
        ItemKind::Step => CompletionItemKind::REFERENCE,
        ItemKind::Type => CompletionItemKind::TYPE_PARAMETER,
        ItemKind::Variable => CompletionItemKind::VARIABLE,
    }
}
