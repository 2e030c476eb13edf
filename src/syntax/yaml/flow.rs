//! What is wrong between the brackets of `{ … }` and `[ … ]` in a line that the parser could not read.

use crate::base::source::SourceId;
use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic};

/// A comma too many or too few, or a blank that is missing behind a colon: at its very place in the line of `at`.
pub(super) fn explain(source: SourceId, text: &str, at: usize) -> Option<Diagnostic> {
    let start = text.get(..at)?.rfind('\n').map_or(0, |newline| newline + 1);
    let line = text.get(start..)?.lines().next().unwrap_or_default();
    let yaml = |from: usize, to: usize, message: String| {
        Diagnostic::error(Code::YamlSyntax, Span::new(source, start + from, start + to), message)
    };
    let mut brackets: Vec<char> = Vec::new();
    // The last character that says something, and where the last value of an open mapping begins.
    let mut before = ' ';
    let mut value = 0;
    let mut characters = line.char_indices().peekable();
    while let Some((offset, c)) = characters.next() {
        match c {
            '"' | '\'' if before == ':' && brackets.last() == Some(&'{') && line.get(..offset)?.ends_with(':') => {
                let (colon, key) = (offset - 1, key_before(line, offset - 1)?);
                let problem = yaml(colon, colon + 1, "a blank is missing behind this `:`".to_owned());
                return Some(problem.help(format!("write `{key}: {c}…{c}`")));
            }
            '"' | '\'' if " {[,:".contains(before) => skip_quoted(c, &mut characters)?,
            '{' | '[' if " {[,:-".contains(before) => brackets.push(c),
            '}' | ']' => drop(brackets.pop()),
            ',' if !brackets.is_empty() && matches!(before, ',' | '{' | '[') => {
                let problem = yaml(offset, offset + 1, "nothing stands before this `,`".to_owned());
                return Some(problem.help("delete it, or write what is missing"));
            }
            ':' if brackets.last() == Some(&'{') && start + offset == at => {
                let key = key_before(line, offset)?;
                let from = offset - key.len();
                let written = line.get(value..from)?.trim();
                // Of several words, the value may be text with a colon in it.
                let is_one = !written.is_empty() && !written.contains([' ', ',', '{', '[']);
                return is_one.then(|| {
                    let place = start + value + line.get(value..from).unwrap_or_default().trim_end().len();
                    let place = Span::new(source, place, place);
                    Diagnostic::error(Code::YamlSyntax, place, format!("a `,` is missing before `{key}`"))
                        .label("add `,`")
                });
            }
            ':' if line.get(offset + 1..).is_some_and(|rest| rest.starts_with(' ')) => value = offset + 1,
            _ => {}
        }
        if !c.is_whitespace() {
            before = c;
        }
    }
    None
}

/// Goes on behind the closing quote; `None` where there is none in the line.
fn skip_quoted(quote: char, characters: &mut std::iter::Peekable<std::str::CharIndices<'_>>) -> Option<()> {
    loop {
        match characters.next()?.1 {
            '\\' if quote == '"' => {
                characters.next()?;
            }
            '\'' if quote == '\'' && characters.peek().is_some_and(|(_, next)| *next == '\'') => {
                characters.next();
            }
            c if c == quote => return Some(()),
            _ => {}
        }
    }
}

/// The key that ends before a colon.
fn key_before(line: &str, colon: usize) -> Option<&str> {
    let before = line.get(..colon)?;
    let start = before.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-').map_or(0, |found| found + 1);
    before.get(start..).filter(|key| !key.is_empty())
}
