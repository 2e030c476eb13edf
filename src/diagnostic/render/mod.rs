//! Diagnostics as text for people and as data for programs, one file a form.
//!
//! All are in the order of the places, whatever order the problems were found in. Nothing here decides what is wrong.

mod excerpt;
mod github;
mod json;
mod people;
mod sarif;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::collections::HashMap;

use serde::Serialize;

use super::{Diagnostic, Diagnostics, Severity};
use crate::base::source::{SourceId, Sources};
use crate::base::span::Span;
use excerpt::Lines;

pub use github::to_github;
pub use json::to_json;
pub use people::to_people;
pub use sarif::to_sarif;

/// One line that counts: `2 errors and 1 warning in 3 files`, or `no problems in 3 files`.
pub fn summary(diagnostics: &Diagnostics, files: usize) -> String {
    let diagnostics = deduplicated(diagnostics);
    let errors = count(diagnostics.count(Severity::Error), "error");
    let warnings = count(diagnostics.count(Severity::Warning), "warning");
    let found = match (errors, warnings) {
        (Some(errors), Some(warnings)) => format!("{errors} and {warnings}"),
        (Some(found), None) | (None, Some(found)) => found,
        (None, None) => "no problems".to_owned(),
    };
    format!("{found} in {}", count(files, "file").unwrap_or_else(|| "0 files".to_owned()))
}

fn count(number: usize, word: &str) -> Option<String> {
    match number {
        0 => None,
        1 => Some(format!("1 {word}")),
        _ => Some(format!("{number} {word}s")),
    }
}

fn deduplicated(diagnostics: &Diagnostics) -> Diagnostics {
    let mut diagnostics = diagnostics.clone();
    diagnostics.sort();
    diagnostics
}

fn sorted(diagnostics: &Diagnostics) -> Vec<Diagnostic> {
    deduplicated(diagnostics).list
}

/// Most text that is drawn for people, in bytes. Drawing costs by the length of the line, also where little of it is
/// shown: thousands of problems in one long line would take minutes. Those beyond have their place, without the lines.
const MAX_DRAWN: usize = 4 * 1024 * 1024;

/// Where the lines of each source begin.
struct Index<'a> {
    lines: HashMap<SourceId, Lines<'a>>,
    /// What is left of [`MAX_DRAWN`].
    left: Cell<usize>,
}

impl<'a> Index<'a> {
    fn of(sources: &'a Sources) -> Self {
        let lines = sources.iter().map(|(id, source)| (id, Lines::of(source))).collect();
        Self { lines, left: Cell::new(MAX_DRAWN) }
    }
}

/// Where a span is, as all forms for programs count it: lines and columns from 1, columns in characters (Unicode code
/// points), the end one past the last character.
#[derive(Serialize)]
struct Position {
    /// Empty where the span is of no source.
    path: String,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
}

impl Index<'_> {
    fn position(&self, span: Span) -> Position {
        match self.lines.get(&span.source) {
            Some(lines) => {
                let (line, column) = lines.line_column(span.start as usize);
                let (end_line, end_column) = lines.line_column(span.end as usize);
                Position { path: lines.source.path.clone(), line, column, end_line, end_column }
            }
            None => Position { path: String::new(), line: 1, column: 1, end_line: 1, end_column: 1 },
        }
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// A label's text, where there is one.
fn said(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}
