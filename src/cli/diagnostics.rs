//! Problems in files, as a person reads them.

use crate::base::source::Sources;
use crate::diagnostic::{Diagnostics, Severity};

/// The problems with their places.
pub(super) fn text(diagnostics: &Diagnostics, sources: &Sources) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics.iter() {
        let severity = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        text.push_str(&format!("{severity}[{}]: {}\n", diagnostic.code, diagnostic.message));
        for label in std::iter::once(&diagnostic.primary).chain(&diagnostic.secondary) {
            if let Some(source) = sources.get(label.span.source) {
                let (line, column) = source.line_column(label.span.start as usize);
                let said = if label.text.is_empty() { String::new() } else { format!(" ({})", label.text) };
                text.push_str(&format!("  --> {}:{line}:{column}{said}\n", source.path));
            }
        }
        if let Some(help) = &diagnostic.help {
            text.push_str(&format!("  help: {help}\n"));
        }
    }
    text
}
