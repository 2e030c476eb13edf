//! Diagnostics for programs, as JSON of our own.

use serde::Serialize;

use super::{Index, Position, said, severity, sorted};
use crate::base::source::Sources;
use crate::diagnostic::{Diagnostic, Diagnostics};

/// For programs: an array of `{code, severity, message, path, line, column, end_line, end_column, label, help, related,
/// edits}`.
///
/// Lines and columns count from 1, columns in characters; the end is one past the last character. `label` and `help`
/// are null where there is none; `related` holds other places that explain the problem; `edits` together mend it, and
/// are empty where what mends it is not certain.
pub fn to_json(diagnostics: &Diagnostics, sources: &Sources) -> String {
    let index = Index::of(sources);
    let list: Vec<Problem> = sorted(diagnostics).iter().map(|diagnostic| problem(diagnostic, &index)).collect();
    // Plain strings and numbers always serialise.
    serde_json::to_string_pretty(&list).unwrap_or_else(|_| "[]".to_owned())
}

#[derive(Serialize)]
struct Problem {
    code: String,
    severity: &'static str,
    message: String,
    #[serde(flatten)]
    place: Position,
    label: Option<String>,
    help: Option<String>,
    related: Vec<Related>,
    edits: Vec<Edit>,
}

#[derive(Serialize)]
struct Related {
    #[serde(flatten)]
    place: Position,
    label: Option<String>,
}

#[derive(Serialize)]
struct Edit {
    #[serde(flatten)]
    place: Position,
    replacement: String,
}

fn problem(diagnostic: &Diagnostic, index: &Index<'_>) -> Problem {
    let related =
        |label: &crate::diagnostic::Label| Related { place: index.position(label.span), label: said(&label.text) };
    let edit = |edit: &crate::diagnostic::Edit| Edit {
        place: index.position(edit.span),
        replacement: edit.replacement.clone(),
    };
    Problem {
        code: diagnostic.code.to_string(),
        severity: severity(diagnostic.severity),
        message: diagnostic.message.clone(),
        place: index.position(diagnostic.primary.span),
        label: said(&diagnostic.primary.text),
        help: diagnostic.help.clone(),
        related: diagnostic.secondary.iter().map(related).collect(),
        edits: diagnostic.edits.iter().map(edit).collect(),
    }
}
