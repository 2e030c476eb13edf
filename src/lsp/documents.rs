//! What is open in the editor: texts that go before the files on disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tower_lsp_server::ls_types::{TextDocumentContentChangeEvent, Uri};

use super::position;

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
    /// Takes a text in. One that is no file of this machine is not looked at.
    pub(super) fn open(&mut self, uri: &Uri, version: i32, text: &str) {
        if let Some(path) = path_of(uri) {
            self.open.insert(path, Document { uri: uri.clone(), version, text: text.into() });
        }
    }

    /// Makes the changes, one after the other. What was never opened, or is older than what is known, changes nothing.
    pub(super) fn change(&mut self, uri: &Uri, version: i32, changes: &[TextDocumentContentChangeEvent]) {
        let Some(document) = path_of(uri).and_then(|path| self.open.get_mut(&path)) else { return };
        if version <= document.version {
            return;
        }
        let text = changes.iter().fold(document.text.to_string(), |text, change| position::apply(&text, change));
        document.version = version;
        document.text = text.into();
    }

    pub(super) fn close(&mut self, uri: &Uri) {
        if let Some(path) = path_of(uri) {
            self.open.remove(&path);
        }
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

/// The URI of a file.
pub(super) fn uri_of(path: &Path) -> Option<Uri> {
    Uri::from_file_path(path)
}
