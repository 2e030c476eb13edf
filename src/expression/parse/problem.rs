//! What the grammar could not read, in the words of whoever wrote it.

use pest::error::{Error, ErrorVariant, InputLocation};

use super::{Rule, text_length, token_length};
use crate::base::fragment::Fragment;
use crate::diagnostic::{Code, Diagnostic};

/// Words for what a rule reads. `None`: it is part of something that is named already.
fn words(rule: Rule) -> Option<&'static str> {
    Some(match rule {
        Rule::or
        | Rule::and
        | Rule::less_equal
        | Rule::less
        | Rule::greater_equal
        | Rule::greater
        | Rule::equal
        | Rule::not_equal
        | Rule::within
        | Rule::plus
        | Rule::times
        | Rule::divide
        | Rule::modulo => "an operator",
        Rule::EOI => "the end",
        Rule::close_paren => "`)`",
        Rule::close_bracket => "`]`",
        Rule::close_brace => "`}`",
        Rule::comma => "`,`",
        Rule::colon => "`:`",
        Rule::field | Rule::selector | Rule::escaped => "a field name",
        Rule::open_paren => "`(`",
        Rule::fraction | Rule::hexadecimal | Rule::decimal | Rule::hexadecimal_unsigned | Rule::decimal_unsigned => {
            "a number"
        }
        Rule::program
        | Rule::expression
        | Rule::row
        | Rule::operand
        | Rule::member
        | Rule::element
        | Rule::entry
        | Rule::literal
        | Rule::primary
        | Rule::identifier
        | Rule::name
        | Rule::call
        | Rule::integer
        | Rule::string
        | Rule::list
        | Rule::map => "a value",
        _ => return None,
    })
}

/// The problem at the place where the grammar could go no further.
pub(super) fn explain(fragment: &Fragment, error: &Error<Rule>) -> Diagnostic {
    let at = match error.location {
        InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
    };
    let positives = match &error.variant {
        ErrorVariant::ParsingError { positives, .. } => positives.as_slice(),
        ErrorVariant::CustomError { .. } => {
            let message = "the expression is too long or nested too deeply to be read";
            return Diagnostic::error(Code::ExpressionTooDeep, fragment.span(at..at + 1), message).help("split it");
        }
    };
    let rest = fragment.text.get(at..).unwrap_or_default();
    let syntax = |range: std::ops::Range<usize>, message: String| {
        Diagnostic::error(Code::ExpressionSyntax, fragment.span(range), message)
    };
    if fragment.text.trim().is_empty() {
        return syntax(0..fragment.text.len(), "the expression is empty".to_owned());
    }
    let Some(first) = rest.chars().next() else {
        let end = fragment.text.trim_end().len();
        let last = fragment.text.get(..end).and_then(|text| text.char_indices().next_back()).map_or(0, |(i, _)| i);
        return syntax(last..end, "the expression ends too early".to_owned()).label(expected(positives));
    };
    let token = rest.get(..token_length(rest)).unwrap_or(rest);
    let range = at..at + token.len();
    if let Some(open) = unclosed_text(rest) {
        return syntax(at..at + open, "the string is not closed".to_owned())
            .help("close it with the quote it starts with; text over several lines needs `\"\"\"`");
    }
    if first == '`' {
        return syntax(range, "a quoted field name is malformed".to_owned())
            .help("between backticks stand letters, digits, `_`, `.`, `-`, `/` and spaces, and they follow a dot");
    }
    let problem = syntax(range.clone(), format!("unexpected `{token}`"));
    match (first, token) {
        ('=', _) if !rest.starts_with("==") => problem.label("an expression assigns nothing").help("compare with `==`"),
        ('&', _) => problem.label("not an operator").help("`and` is written `&&`"),
        ('|', _) => problem.label("not an operator").help("`or` is written `||`"),
        (_, "and") => problem.label(expected(positives)).help("`and` is written `&&`"),
        (_, "or") => problem.label(expected(positives)).help("`or` is written `||`"),
        ('?', _) => problem.label(expected(positives)).help("put parentheses around a `? :` within another"),
        _ if follows_word(fragment, at, "not") => problem.label(expected(positives)).help("`not` is written `!`"),
        (_, word) if is_reserved(word) && expected(positives).contains("a value") => {
            syntax(range, format!("`{word}` is a reserved word")).help("it may stand only behind a dot, as a field")
        }
        (';', _) => problem.label(expected(positives)).help("an expression has no statements"),
        _ => problem.label(expected(positives)),
    }
}

/// "expected …", each thing once.
fn expected(positives: &[Rule]) -> String {
    let mut things: Vec<&str> = Vec::new();
    for thing in positives.iter().copied().filter_map(words) {
        if !things.contains(&thing) {
            things.push(thing);
        }
    }
    // What may always follow a value says little beside what must.
    if things.contains(&"a value") || things.contains(&"a number") {
        things.retain(|thing| matches!(*thing, "a value" | "a number" | "`)`" | "`]`" | "`}`"));
    } else if things.iter().any(|thing| thing.starts_with('`')) {
        things.retain(|thing| *thing != "`(`" && *thing != "the end");
    } else {
        things.retain(|thing| *thing != "`(`" || positives.len() == 1);
    }
    match things.as_slice() {
        [] => String::new(),
        [only] => format!("expected {only}"),
        [most @ .., last] => format!("expected {} or {last}", most.join(", ")),
    }
}

/// How much of `rest` to underline, where it starts with a text that is never closed.
fn unclosed_text(rest: &str) -> Option<usize> {
    let prefix = rest.find(['"', '\'']).filter(|at| *at <= 2)?;
    let letters = rest.get(..prefix)?;
    if !letters.chars().all(|c| matches!(c, 'r' | 'R' | 'b' | 'B')) {
        return None;
    }
    let text = rest.get(prefix..)?;
    let raw = letters.ends_with(['r', 'R']);
    let length = text_length(text, raw);
    let body = text.get(..length)?;
    let quote = body.get(..1)?;
    let close = if text.starts_with(&quote.repeat(3)) { quote.repeat(3) } else { quote.to_owned() };
    let closed = body.len() >= 2 * close.len() && body.ends_with(&close);
    let line = body.find(['\n', '\r']).unwrap_or(body.len());
    (!closed).then_some(prefix + line)
}

/// Whether the word `word` stands just before `at`.
fn follows_word(fragment: &Fragment, at: usize, word: &str) -> bool {
    let before = fragment.text.get(..at).unwrap_or_default().trim_end();
    before
        .strip_suffix(word)
        .is_some_and(|rest| !rest.ends_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.')))
}

fn is_reserved(word: &str) -> bool {
    matches!(
        word,
        "as" | "break"
            | "const"
            | "continue"
            | "else"
            | "for"
            | "function"
            | "if"
            | "import"
            | "let"
            | "loop"
            | "package"
            | "namespace"
            | "return"
            | "var"
            | "void"
            | "while"
    )
}
