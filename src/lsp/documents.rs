//! What is open in the editor: texts that go before the files on disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tower_lsp_server::ls_types::{TextDocumentContentChangeEvent, Uri};

use super::position;
use crate::syntax::load::{Language, is_scenarios};

/// One open text.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) uri: Uri,
    pub(super) version: i32,
    pub(super) text: Arc<str>,
}

/// Every open text by its path. Cheap to clone: texts are shared.
#[derive(Clone, Debug, Default)]
pub(super) struct Documents {
    open: BTreeMap<PathBuf, Document>,
}

impl Documents {
    /// Takes a text in. One that is neither a file of this machine nor to become one is not looked at.
    pub(super) fn open(&mut self, uri: &Uri, language: &str, version: i32, text: &str) {
        if let Some(path) = path_of(uri).or_else(|| unnamed(uri, language)) {
            self.open.insert(path, Document { uri: uri.clone(), version, text: text.into() });
        }
    }

    /// Makes the changes, one after the other. What was never opened, or is older than what is known, changes nothing.
    pub(super) fn change(&mut self, uri: &Uri, version: i32, changes: &[TextDocumentContentChangeEvent]) {
        let Some(document) = self.path_of(uri).and_then(|path| self.open.get_mut(&path)) else { return };
        if version <= document.version {
            return;
        }
        let text = changes.iter().fold(document.text.to_string(), |text, change| position::apply(&text, change));
        document.version = version;
        document.text = text.into();
    }

    pub(super) fn close(&mut self, uri: &Uri) {
        if let Some(path) = self.path_of(uri) {
            self.open.remove(&path);
        }
    }

    /// The file that a URI names, or the open text that is none yet.
    pub(super) fn path_of(&self, uri: &Uri) -> Option<PathBuf> {
        path_of(uri).or_else(|| {
            let paths = [RULES, WORKFLOW].map(|name| Path::new(uri.as_str()).join(name));
            paths.into_iter().find(|path| self.open.contains_key(path))
        })
    }

    pub(super) fn get(&self, path: &Path) -> Option<&Document> {
        self.open.get(path)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&PathBuf, &Document)> {
        self.open.iter()
    }
}

/// The file that a URI names; `None` for one of another scheme.
pub(super) fn path_of(uri: &Uri) -> Option<PathBuf> {
    let is_file = uri.scheme().as_str().eq_ignore_ascii_case("file");
    uri.to_file_path().filter(|path| is_file && path.is_absolute()).map(std::borrow::Cow::into_owned)
}

/// What a text without a file is known as: its URI, and one of these names behind it.
const RULES: &str = "unnamed.rules";
const WORKFLOW: &str = "unnamed.yaml";
/// How the URI of a text begins that was never saved.
const UNTITLED: &str = "untitled:";

/// The path of a text that was never saved; `None` for one that is none of ours.
fn unnamed(uri: &Uri, language: &str) -> Option<PathBuf> {
    let text = uri.as_str();
    if !text.starts_with(UNTITLED) || is_scenarios(text) {
        return None;
    }
    let name = match (Language::of(text), language) {
        (Some(Language::Rules), _) | (None, "homeostat-rules") => RULES,
        (Some(Language::Workflow), _) | (None, "yaml") => WORKFLOW,
        _ => return None,
    };
    Some(Path::new(text).join(name))
}

/// Whether a text was never saved: then it stands beside no other.
pub(super) fn is_unnamed(path: &Path) -> bool {
    path.to_str().is_some_and(|path| path.starts_with(UNTITLED))
}

/// The URI of a file, or of what is to become one.
pub(super) fn uri_of(path: &Path) -> Option<Uri> {
    if is_unnamed(path) { path.parent()?.to_str()?.parse().ok() } else { Uri::from_file_path(path) }
}
