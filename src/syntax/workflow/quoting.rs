//! What YAML made of an expression that should have been quoted, told as that.

use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic};
use crate::syntax::interpolation::{expression_length, is_raw, string_length};
use crate::syntax::yaml;

/// A longer line is looked at only around the place, bytes.
const MAX_LINE: usize = 4_096;

/// A YAML problem in a line that holds an expression most often means that the expression needs quotes.
pub(super) fn explain(problem: &Diagnostic, text: &str) -> Diagnostic {
    if problem.code != Code::YamlSyntax {
        return problem.clone();
    }

    let at = problem.primary.span.range().start.min(text.len());
    // No condition is as long as that, and there may be thousands of problems in one line.
    let before = text.get(text.floor_char_boundary(at.saturating_sub(MAX_LINE))..at).unwrap_or_default();
    let start = before.rfind('\n').map_or(at - before.len(), |newline| at - before.len() + newline + 1);
    let rest = text.get(start..text.floor_char_boundary(start + 2 * MAX_LINE)).unwrap_or_default();
    let line = rest.lines().next().unwrap_or_default();
    let key = line.trim_start().trim_start_matches("- ").trim_start_matches("{ ");
    let Some(value) = key.strip_prefix("if:").filter(|value| value.starts_with([' ', '\t'])) else {
        return template(problem, start, line).unwrap_or_else(|| problem.clone());
    };
    if value.trim_start().starts_with(['|', '>']) {
        return problem.clone();
    }
    let value_at = start + line.len() - value.trim_start().len();
    let value = value.trim();
    // A quote that has no other one in its line was not closed: that is told.
    if value.starts_with(['"', '\'']) && value.matches(value.get(..1).unwrap_or_default()).count() == 1 {
        return problem.clone();
    }
    let source = problem.primary.span.source;
    // A value that YAML can read is not what is wrong with the line.
    if !yaml::parse(source, &format!("if: {value}\n")).1.has_errors() {
        return problem.clone();
    }
    unquoted("if", Span::new(source, value_at, value_at + value.len()), value)
}

/// The same for a value with `${ … }` in it. `line` begins at `start`.
fn template(problem: &Diagnostic, start: usize, line: &str) -> Option<Diagnostic> {
    let source = problem.primary.span.source;
    let at = problem.primary.span.start as usize - start;
    let open = line.get(..at + 2).unwrap_or(line).rfind("${").or_else(|| line.find("${"))?;
    let before = line.get(..open)?;
    // Where a quote opens before it, or was meant to, the expression is not what is wrong.
    let is_quoted = before.chars().filter(|c| *c == '"').count() % 2 == 1 && !before.trim_end().ends_with(['"', '\'']);
    if before.contains(['#', '\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}']) || is_quoted {
        return None;
    }
    let quote = before.trim_end().chars().next_back().filter(|c| matches!(c, '"' | '\''));
    if let Some(quote) = quote {
        let other = if quote == '"' { '\'' } else { '"' };
        let inner = line.get(open..)?.find(quote).map(|found| open + found)?;
        let expression = line.get(open..inner)?;
        if expression.matches('{').count() <= expression.matches('}').count() {
            return None; // The expression has ended before the quote does.
        }
        let span = Span::new(source, start + inner, start + inner + 1);
        let message = format!("this `{quote}` ends the value, in the middle of the expression");
        let help = format!("within `{quote}…{quote}` write the texts of the expression as `{other}…{other}`");
        return Some(Diagnostic::error(Code::UnquotedExpression, span, message).help(help));
    }
    let length = line.get(open..)?.rfind('}').map(|found| found + 1)?;
    // Within a flow mapping the last brace is the mapping's.
    let within_flow = before.contains(['{', '[']);
    let first = line.get(open..)?.find('}').map_or(length, |found| found + 1);
    let end = open + if within_flow { first } else { length };
    let expression = line.get(open..end)?;
    let why = if within_flow {
        "YAML takes its braces for a mapping"
    } else if expression.contains(": ") {
        "YAML takes `: ` for a key"
    } else {
        return None;
    };
    let span = Span::new(source, start + open, start + end);
    let message = format!("this expression needs quotes: {why}");
    Some(Diagnostic::error(Code::UnquotedExpression, span, message).help(format!("write `{}`", quoted(expression))))
}

/// Text in those quotes that change the least of it.
fn quoted(text: &str) -> String {
    if text.contains(['"', '\\']) { format!("'{}'", text.replace('\'', "''")) } else { format!("\"{text}\"") }
}

/// H0310, with the expression of `key` as it should be written.
pub(super) fn unquoted(key: &str, span: Span, expression: &str) -> Diagnostic {
    let why = match expression.chars().next() {
        Some('!') => "YAML takes a leading `!` for a tag",
        Some('&') => "YAML takes a leading `&` for an anchor",
        Some('*') => "YAML takes a leading `*` for an alias",
        Some('[') => "YAML takes a leading `[` for a list",
        Some('{') => "YAML takes a leading `{` for a mapping",
        Some('"' | '\'') => "YAML takes a leading quote for that of the whole value",
        Some('@' | '`' | '%') => "YAML keeps its first character for itself",
        _ if expression.contains(" #") => "YAML takes ` #` for a comment",
        _ => "YAML takes `: ` for a key",
    };
    let quoted = if expression.contains('\'') && !expression.contains(['"', '\\']) {
        format!("\"{expression}\"")
    } else {
        format!("'{}'", expression.replace('\'', "''"))
    };
    Diagnostic::error(Code::UnquotedExpression, span, format!("this expression needs quotes: {why}"))
        .help(format!("write `{key}: {quoted}`"))
}

/// A condition without the `${ … }` around parts of it; `None` where there is none outside its texts.
pub(super) fn without_template(condition: &str) -> Option<String> {
    let text = condition.trim();
    // What is within backticks is another mistake.
    if text.contains('`') {
        return None;
    }
    let mut bare = String::new();
    let (mut at, mut found) = (0, false);
    while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let rest = text.get(at..)?;
        if matches!(c, '"' | '\'') {
            let length = string_length(rest, is_raw(text.get(..at)?));
            bare.push_str(rest.get(..length)?);
            at += length;
        } else if let Some(body) = rest.strip_prefix("${") {
            let length = expression_length(body)?;
            let inner = body.get(..length)?.trim();
            let doubled = inner.strip_prefix('{').and_then(|inner| inner.strip_suffix('}'));
            bare.push_str(doubled.map_or(inner, str::trim));
            at += 2 + length + 1;
            found = true;
        } else {
            bare.push(c);
            at += c.len_utf8();
        }
    }
    found.then_some(bare)
}

#[cfg(test)]
mod tests {
    use super::without_template;

    #[test]
    fn braces_are_taken_off_outside_texts() {
        let bare = |text| without_template(text);
        assert_eq!(bare("${a}").as_deref(), Some("a"));
        assert_eq!(bare("${{ a.b }}").as_deref(), Some("a.b"));
        assert_eq!(bare("${inputs.x} == 'y'").as_deref(), Some("inputs.x == 'y'"));
        assert_eq!(bare("${a} == ${b} && c").as_deref(), Some("a == b && c"));
        assert_eq!(bare("a == '${b}'"), None);
        assert_eq!(bare("a == ${b"), None);
        assert_eq!(bare("a == b"), None);
    }
}
