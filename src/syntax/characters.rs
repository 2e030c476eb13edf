//! Characters that look like a blank, or like nothing, and are neither: what comes with text from web pages and chats.

use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};

/// A longer line is looked at only around the place, bytes.
const MAX_LINE: usize = 1_000;

/// Problems of form in a line that holds such a character, told as that: nobody would see it.
pub(super) fn explain(found: Diagnostics, text: &str) -> Diagnostics {
    if !text.contains(is_invisible) {
        return found;
    }
    let mut told = Diagnostics::new();
    for problem in found.iter() {
        told.push(in_line(problem, text).unwrap_or_else(|| problem.clone()));
    }
    told.sort();
    told
}

fn in_line(problem: &Diagnostic, text: &str) -> Option<Diagnostic> {
    let is_form = matches!(
        problem.code,
        Code::RuleSyntax | Code::YamlSyntax | Code::UnknownKey | Code::MissingKey | Code::BadName | Code::WrongKind
    );
    let range = problem.primary.span.range();
    // Thousands of problems may stand in one long line: only what is near is looked at.
    let near = text.floor_char_boundary(range.start.saturating_sub(MAX_LINE));
    let start = text.get(near..range.start)?.rfind('\n').map_or(near, |newline| near + newline + 1);
    let far = text.floor_char_boundary(range.end.saturating_add(MAX_LINE));
    let end = text.get(range.end..far)?.find('\n').map_or(far, |newline| range.end + newline);
    // What is empty ends where the next line begins to matter.
    let next = text.get(end..text.floor_char_boundary(end + MAX_LINE))?;
    let next = next.get(1..).and_then(|rest| rest.find('\n')).map_or(end, |newline| end + 1 + newline);
    let end = if is_form && range.is_empty() { next } else { end };
    let at = start + outside_quotes(text.get(start..end)?)?;
    let c = text.get(at..)?.chars().next()?;
    let name = if c.is_whitespace() { "a non-breaking space" } else { "an invisible character" };
    is_form.then(|| {
        let span = Span::new(problem.primary.span.source, at, at + c.len_utf8());
        let message = format!("{name} (U+{:04X}) stands here", u32::from(c));
        let help = if c.is_whitespace() { "replace it with a plain blank" } else { "delete it" };
        // One mistake, whatever it made of the line.
        let code = if problem.code == Code::RuleSyntax { Code::RuleSyntax } else { Code::YamlSyntax };
        Diagnostic::error(code, span, message).help(help)
    })
}

/// The first such character that is not within quotes.
fn outside_quotes(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (None, c) if is_invisible(c) => return Some(at),
            _ => {}
        }
    }
    None
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{a0}' | '\u{2007}' | '\u{202f}' | '\u{3000}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::source::SourceId;

    #[test]
    fn what_nobody_sees_is_named_where_it_stands() {
        let text = "a: 'x\u{a0}y'\nuses:\u{a0}x\nb: 1\n";
        let at = text.find("uses").unwrap();
        let mut found = Diagnostics::new();
        for span in [(at, at + 4), (0, 1)] {
            found.push(Diagnostic::error(Code::UnknownKey, Span::new(SourceId(0), span.0, span.1), "no key"));
        }
        let told: Vec<String> = explain(found, text).iter().map(|problem| problem.message.clone()).collect();
        assert_eq!(told, ["no key", "a non-breaking space (U+00A0) stands here"]);
    }
}
