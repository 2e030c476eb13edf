//! Diagnostics as text for people and as JSON for programs.
//!
//! Both are in the order of the places, whatever order the problems were found in. Nothing here decides what is wrong.

mod excerpt;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::collections::HashMap;

use annotate_snippets::{AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};
use serde::Serialize;

use super::{Diagnostic, Diagnostics, Label, Severity};
use crate::base::source::{SourceId, Sources};
use crate::base::span::Span;
use excerpt::{Excerpt, Lines};

/// Problems of one file that are drawn: nobody reads more at once.
const MAX_SHOWN: usize = 100;

/// For people: `error[H0123]: message`, `path:line:column`, the lines in question with carets, labels and help.
///
/// Each problem ends with an empty line; no problems are an empty text. `colour` writes ANSI escapes. Of a file with
/// more than a hundred problems the others are only counted.
pub fn to_people(diagnostics: &Diagnostics, sources: &Sources, colour: bool) -> String {
    let renderer = if colour { Renderer::styled().hyperlink(false) } else { Renderer::plain() };
    let lines = Index::of(sources);
    let mut text = String::new();
    for problems in sorted(diagnostics).chunk_by(|a, b| a.primary.span.source == b.primary.span.source) {
        for diagnostic in problems.iter().take(MAX_SHOWN) {
            text.push_str(&renderer.render(&[group(diagnostic, &lines)]));
            text.push_str("\n\n");
        }
        let source = problems.first().and_then(|first| sources.get(first.primary.span.source));
        if let (Some(source), Some(more)) = (source, count(problems.len().saturating_sub(MAX_SHOWN), "more problem")) {
            text.push_str(&format!("… and {more} in {}\n\n", excerpt::printable(&source.path)));
        }
    }
    text
}

/// For programs: an array of `{code, severity, message, path, line, column, end_line, end_column, label, help, related}`.
///
/// Lines and columns count from 1, columns in characters; the end is one past the last character. `label` and `help`
/// are null where there is none; `related` holds other places that explain the problem.
pub fn to_json(diagnostics: &Diagnostics, sources: &Sources) -> String {
    let lines = Index::of(sources);
    let list: Vec<Problem> = sorted(diagnostics).iter().map(|diagnostic| problem(diagnostic, &lines)).collect();
    // Plain strings and numbers always serialise.
    serde_json::to_string_pretty(&list).unwrap_or_else(|_| "[]".to_owned())
}

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

fn level(severity: Severity) -> Level<'static> {
    match severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    }
}

fn group<'a>(diagnostic: &Diagnostic, index: &Index<'a>) -> Group<'a> {
    let title = level(diagnostic.severity).primary_title(diagnostic.message.clone()).id(diagnostic.code.to_string());
    let mut elements: Vec<Element<'a>> = Vec::new();
    let home = diagnostic.primary.span.source;
    let labels = |source: SourceId| {
        let here = |label: &&Label| label.span.source == source;
        let primary = Some(&diagnostic.primary).filter(here).map(|label| (AnnotationKind::Primary, label));
        let others = diagnostic.secondary.iter().filter(here).map(|label| (AnnotationKind::Context, label));
        primary.into_iter().chain(others).collect::<Vec<_>>()
    };
    elements.extend(place(index, home, &labels(home)));
    let mut shown = vec![home];
    for label in &diagnostic.secondary {
        let source = label.span.source;
        if !shown.contains(&source) {
            shown.push(source);
            elements.extend(place(index, source, &labels(source)));
        }
    }
    if let Some(help) = &diagnostic.help {
        elements.push(Level::HELP.message(help.clone()).into());
    }
    title.elements(elements)
}

/// The path and the lines of one source with its labels.
fn place<'a>(index: &Index<'a>, source: SourceId, labels: &[(AnnotationKind, &Label)]) -> Vec<Element<'a>> {
    let Some(lines) = index.lines.get(&source) else {
        return Vec::new();
    };
    let path = excerpt::printable(&lines.source.path);
    if lines.source.text.is_empty() {
        return vec![Origin::path(path).into()];
    }
    if index.left.get() == 0 {
        let (line, column) = lines.line_column(labels.first().map_or(0, |(_, label)| label.span.start as usize));
        return vec![Origin::path(path).line(line).char_column(column).into()];
    }
    let spans: Vec<Span> = labels.iter().map(|(_, label)| label.span).collect();
    let excerpt = Excerpt::of(lines, &spans);
    index.left.set(index.left.get().saturating_sub(excerpt.text.len()));
    let annotations = labels.iter().zip(excerpt.ranges).map(|((kind, label), range)| {
        let text = Some(label.text.clone()).filter(|text| !text.is_empty());
        kind.span(range).label(text)
    });
    vec![Snippet::source(excerpt.text).path(path).line_start(excerpt.line).annotations(annotations).into()]
}

#[derive(Serialize)]
struct Problem {
    code: String,
    severity: &'static str,
    message: String,
    #[serde(flatten)]
    place: Place,
    label: Option<String>,
    help: Option<String>,
    related: Vec<Related>,
}

#[derive(Serialize)]
struct Related {
    #[serde(flatten)]
    place: Place,
    label: Option<String>,
}

#[derive(Serialize)]
struct Place {
    path: String,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
}

fn problem(diagnostic: &Diagnostic, index: &Index<'_>) -> Problem {
    let said = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let place = |span: Span| match index.lines.get(&span.source) {
        Some(lines) => {
            let (line, column) = lines.line_column(span.start as usize);
            let (end_line, end_column) = lines.line_column(span.end as usize);
            Place { path: lines.source.path.clone(), line, column, end_line, end_column }
        }
        None => Place { path: String::new(), line: 1, column: 1, end_line: 1, end_column: 1 },
    };
    Problem {
        code: diagnostic.code.to_string(),
        severity: match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        message: diagnostic.message.clone(),
        place: place(diagnostic.primary.span),
        label: said(&diagnostic.primary.text),
        help: diagnostic.help.clone(),
        related: diagnostic
            .secondary
            .iter()
            .map(|label| Related { place: place(label.span), label: said(&label.text) })
            .collect(),
    }
}
