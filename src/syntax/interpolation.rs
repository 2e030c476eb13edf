//! `${ … }` within a text: where each expression begins and ends.
//!
//! Whether an expression is one is not looked at; only its strings and brackets, to find the `}` that ends it.

use crate::base::fragment::Fragment;
use crate::diagnostic::{Code, Diagnostic};

/// A piece of a text with holes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Text(String),
    Expression(Fragment),
}

/// A text of which not every hole can be read.
#[derive(Clone, Debug)]
pub struct Broken {
    /// Each H0309, at least one.
    pub problems: Vec<Diagnostic>,
    /// What can be read all the same.
    pub pieces: Vec<Piece>,
}

/// Cuts a text at its expressions; `$${` stands for `${`. Neighbouring text is one piece.
///
/// # Errors
/// H0309: a `${` without its `}`, with nothing in it, or doubled as `${{ … }}`.
pub fn split(fragment: &Fragment) -> Result<Vec<Piece>, Broken> {
    let text = fragment.text.as_str();
    let mut pieces = Vec::new();
    let mut problems = Vec::new();
    let mut plain = String::new();
    let mut at = 0;
    while let Some(found) = text.get(at..).and_then(|rest| rest.find("${")) {
        let open = at + found;
        let before = text.get(at..open).unwrap_or_default();
        if let Some(before) = before.strip_suffix('$') {
            plain.push_str(before);
            plain.push_str("${");
            at = open + 2;
            continue;
        }
        plain.push_str(before);
        let body = open + 2;
        let Some(length) = expression_length(text.get(body..).unwrap_or_default()) else {
            let diagnostic = Diagnostic::error(Code::BadTemplate, fragment.span(open..body), "the `${` is not closed")
                .label("no `}` ends it")
                .help("close it with `}`; `$${` writes the characters themselves");
            problems.push(diagnostic);
            return Err(Broken { problems, pieces });
        };
        let inner = text.get(body..body + length).unwrap_or_default();
        let doubled = inner.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')).map(str::trim);
        if let Some(meant) = doubled.filter(|meant| !meant.is_empty() && !meant.contains([':', '{'])) {
            let span = fragment.span(open..body + length + 1);
            let diagnostic = Diagnostic::error(Code::BadTemplate, span, "`${{ … }}` is the form of another tool")
                .help(format!("write `${{{meant}}}`"));
            problems.push(diagnostic);
            let start = body + inner.find(meant).unwrap_or_default();
            pieces.push(Piece::Expression(fragment.slice(start..start + meant.len())));
            at = body + length + 1;
            continue;
        }
        if inner.trim().is_empty() {
            let span = fragment.span(open..body + length + 1);
            let diagnostic = Diagnostic::error(Code::BadTemplate, span, "`${}` holds no expression")
                .help("write one, like `${inputs.name}`; `$${` writes the characters themselves");
            problems.push(diagnostic);
            at = body + length + 1;
            continue;
        }
        if !plain.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
        }
        let leading = inner.len() - inner.trim_start().len();
        let trailing = inner.trim_end().len();
        pieces.push(Piece::Expression(fragment.slice(body + leading..body + trailing)));
        at = body + length + 1;
    }
    plain.push_str(text.get(at..).unwrap_or_default());
    if !plain.is_empty() {
        pieces.push(Piece::Text(plain));
    }
    if problems.is_empty() { Ok(pieces) } else { Err(Broken { problems, pieces }) }
}

/// How long the expression is that `rest` begins with: up to a `}` outside its own strings and brackets.
pub(super) fn expression_length(rest: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(c) = rest.get(at..).and_then(|rest| rest.chars().next()) {
        match c {
            '"' | '\'' => {
                at += string_length(rest.get(at..)?, is_raw(rest.get(..at)?));
                continue;
            }
            '{' => depth += 1,
            '}' if depth == 0 => return Some(at),
            '}' => depth -= 1,
            _ => {}
        }
        at += c.len_utf8();
    }
    None
}

/// Whether what stands before a quote makes it a raw string: `r` or `R`, alone or with `b` or `B`.
pub(super) fn is_raw(before: &str) -> bool {
    let start = before
        .rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .map_or(0, |last| last + before.get(last..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8));
    matches!(before.get(start..).unwrap_or_default().to_ascii_lowercase().as_str(), "r" | "rb" | "br")
}

/// How long the string literal is that `rest` begins with. One that is not closed goes to the end of its line, one
/// in triple quotes to the end of the text.
pub(super) fn string_length(rest: &str, raw: bool) -> usize {
    let Some(quote) = rest.get(..1) else { return 0 };
    let triple = quote.repeat(3);
    let (delimiter, multiline) = if rest.starts_with(&triple) { (triple.as_str(), true) } else { (quote, false) };
    let mut at = delimiter.len();
    while let Some(c) = rest.get(at..).and_then(|rest| rest.chars().next()) {
        let here = rest.get(at..).unwrap_or_default();
        if here.starts_with(delimiter) {
            return at + delimiter.len();
        }
        if !multiline && (c == '\n' || c == '\r') {
            return at;
        }
        at += c.len_utf8();
        if c == '\\' && !raw {
            let escaped = rest.get(at..).and_then(|rest| rest.chars().next());
            at += escaped.filter(|c| multiline || (*c != '\n' && *c != '\r')).map_or(0, char::len_utf8);
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::source::SourceId;

    fn pieces(text: &str) -> Vec<String> {
        match split(&Fragment::verbatim(SourceId(0), 0, text)) {
            Ok(pieces) => pieces
                .into_iter()
                .map(|piece| match piece {
                    Piece::Text(text) => format!("text {text}"),
                    Piece::Expression(fragment) => {
                        let span = fragment.span(0..fragment.text.len());
                        assert_eq!(&text[span.range()], fragment.text);
                        format!("expression {}", fragment.text)
                    }
                })
                .collect(),
            Err(broken) => broken.problems.into_iter().map(|problem| problem.message).collect(),
        }
    }

    #[test]
    fn expressions_end_at_their_own_brace() {
        assert_eq!(pieces("plain"), ["text plain"]);
        assert_eq!(pieces("${ a.b }"), ["expression a.b"]);
        assert_eq!(pieces("x ${a} y ${b}"), ["text x ", "expression a", "text  y ", "expression b"]);
        assert_eq!(pieces(r#"${ {"a": "}"}.a }"#), [r#"expression {"a": "}"}.a"#]);
        assert_eq!(pieces(r#"${ r"\" + '\'}' }!"#), [r#"expression r"\" + '\'}'"#, "text !"]);
        assert_eq!(pieces(r#"${ """}"'}""" }"#), [r#"expression """}"'}""""#]);
        assert_eq!(pieces("a $${b} $ {c} $"), ["text a ${b} $ {c} $"]);
        assert_eq!(pieces("été ${é}"), ["text été ", "expression é"]);
    }

    #[test]
    fn what_is_not_closed_or_empty_is_said() {
        for text in ["${", "${ a", "a ${ {b } c", "${ \"}\" "] {
            assert_eq!(pieces(text), ["the `${` is not closed"], "{text}");
        }
        assert_eq!(pieces("${  }"), ["`${}` holds no expression"]);
    }
}
