//! Diagnostics for people: the lines in question with carets, labels and help.

use annotate_snippets::{AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};

use super::excerpt::{self, Excerpt};
use super::{Index, count, sorted};
use crate::base::source::{SourceId, Sources};
use crate::base::span::Span;
use crate::diagnostic::{Diagnostic, Diagnostics, Label, Severity};

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
