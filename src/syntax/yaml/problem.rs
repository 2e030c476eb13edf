//! What the YAML parser could not read, in the words of whoever wrote it.

use serde_yaml::granit_parser::{ErrorKind, ScanError};

use super::flow;
use super::parse::too_deep;
use crate::base::lookalike;
use crate::base::source::SourceId;
use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic};

/// What is said of a tab, and what to do.
pub(super) const TAB: (&str, &str) =
    ("a tab indents the line; YAML takes only blanks for that", "replace the tab with blanks");

/// What is to be done with a text that holds a problem, so that the rest of it can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// The line of the problem is cut out, and what belongs to it.
    Cut,
    /// The same from where the last quote opens.
    CutQuotes,
    /// What is marked says nothing, and becomes blank.
    Blank,
    /// Tabs in front of lines become blanks, where there are only tabs.
    Untab,
    /// Nothing: it is another language, or too much of it.
    None,
}

/// Where the parser could go no further.
pub(super) fn place(text: &str, error: &ScanError) -> usize {
    error.marker().byte_offset().unwrap_or(text.len()).min(text.len())
}

/// The problem at that place.
pub(super) fn explain(source: SourceId, text: &str, error: &ScanError) -> (Diagnostic, Remedy) {
    let mut at = place(text, error);
    if *error.kind() == ErrorKind::TabInPlainScalar {
        // The text that it follows is right; the tab stands in front of the next line.
        let tab = text.get(at..).and_then(|rest| rest.find("\n\t")).map_or(0, |found| found + 2);
        at += tab;
    }
    if let Some(found) = of_another_language(source, text, at) {
        return found;
    }
    if let Some(problem) = flow::explain(source, text, at) {
        return (problem, Remedy::Cut);
    }
    let remedy = match error.kind() {
        ErrorKind::RecursionLimitExceeded => Remedy::None,
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar
        | ErrorKind::TabAtBlockScalarStart => Remedy::Untab,
        ErrorKind::InvalidQuotedScalarIndent
        | ErrorKind::DocumentIndicatorInQuotedScalar
        | ErrorKind::InvalidTrailingSingleQuotedScalar
        | ErrorKind::InvalidTrailingDoubleQuotedScalar => Remedy::CutQuotes,
        ErrorKind::DirectiveDisallowed => Remedy::Blank,
        _ => Remedy::Cut,
    };
    (of_kind(source, text, at, error.kind()), remedy)
}

fn of_kind(source: SourceId, text: &str, at: usize, kind: &ErrorKind) -> Diagnostic {
    let (start, end) = token_at(text, at);
    let span = Span::new(source, start, end);
    let yaml = |message: &str| Diagnostic::error(Code::YamlSyntax, span, message);
    if let Some(problem) = in_context(source, text, at, kind) {
        return problem;
    }
    match kind {
        ErrorKind::RecursionLimitExceeded => too_deep(span),
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar
        | ErrorKind::TabAtBlockScalarStart => yaml(TAB.0).help(TAB.1),
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => {
            yaml("a `:` makes a mapping here, where none can stand")
                .help("text that holds `: ` needs quotes; a key needs a line of its own; a bracket may be open above")
        }
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => {
            yaml("this line is no `key: value`").help("a key is followed by `:` and a blank")
        }
        ErrorKind::ExpectedBlockMappingKey => {
            yaml("a key is expected here").help("keys of one mapping stand in one column")
        }
        ErrorKind::ExpectedBlockSequenceEntry => {
            yaml("a `- ` is expected here").help("items of one list stand in one column")
        }
        ErrorKind::InvalidIndentation | ErrorKind::InvalidFlowScalarIndent => {
            yaml("the line is indented wrongly").help("keys of one mapping stand in one column")
        }
        ErrorKind::UnclosedQuotedScalar | ErrorKind::DocumentIndicatorInQuotedScalar => {
            yaml("the quotes that open here are not closed").help("close them with the quote they start with")
        }
        ErrorKind::InvalidQuotedScalarIndent => {
            yaml("quotes are not closed, or a line within them is indented too little")
                .help("look for a missing quote above")
        }
        ErrorKind::InvalidTrailingSingleQuotedScalar | ErrorKind::InvalidTrailingDoubleQuotedScalar => {
            yaml("more text follows the closing quote").help("quote the whole value, or none of it")
        }
        ErrorKind::UnclosedFlowCollection { open } => yaml(&format!("the `{open}` is not closed"))
            .help("close it, or put the whole value in quotes if it is text"),
        ErrorKind::UnexpectedEofFlowSequence => yaml("a `[` is not closed").help("close it with `]`"),
        ErrorKind::UnexpectedEofFlowMapping | ErrorKind::UnexpectedEofImplicitFlowMapping => {
            yaml("a `{` is not closed").help("close it with `}`")
        }
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => yaml(&format!("`{open}` is closed by `{close}`"))
            .help("close each bracket with its own kind, the last one first"),
        ErrorKind::MisplacedFlowCollectionEnd => {
            yaml("a bracket is closed that was not opened").help("delete it, or quote the value if it is text")
        }
        ErrorKind::ExpectedFlowMappingSeparator => yaml("`,` or `}` is expected here").help(FLOW_TEXT),
        ErrorKind::ExpectedFlowSequenceSeparator => yaml("`,` or `]` is expected here").help(FLOW_TEXT),
        ErrorKind::UnexpectedCharacter { character } => {
            yaml(&format!("no value can start with {}", named(*character))).help("quote the value")
        }
        ErrorKind::DirectiveDisallowed => yaml("directives mean nothing here").help("delete the line"),
        ErrorKind::ExpectedDocumentStart => yaml("what begins the file has ended, and more follows")
            .help("a file is one mapping: its keys stand in one column"),
        ErrorKind::InvalidBlockScalarHeader | ErrorKind::ZeroBlockScalarIndent => {
            yaml("`|` and `>` take a digit and `-` or `+`, and the text begins in the next line")
                .help("write `|`, or `>-` for lines that are joined")
        }
        ErrorKind::InvalidBlockScalarIndent => {
            yaml("this line of the text is indented too little").help("lines of one text begin in one column")
        }
        ErrorKind::BlockEntryInFlowCollection
        | ErrorKind::BlockSequenceEntryNotAllowed
        | ErrorKind::InvalidBlockEntryWhitespace => yaml("an item of a list cannot stand here")
            .help("each item stands in a line of its own, `- item`, below the key of the list"),
        ErrorKind::PlainScalarStartsWithDashFlowIndicator => {
            yaml("text cannot begin with `-` and a bracket or a comma").help("quote the value")
        }
        ErrorKind::CommentInterceptedScalar => {
            yaml("a comment stands within text that goes on over lines").help("move the comment, or use `|`")
        }
        ErrorKind::CommentNotSeparated => {
            yaml("a comment begins with a blank and `#`").help("put a blank in front of it")
        }
        ErrorKind::MappingKeyNotAllowed => yaml("a key cannot stand here").help("a key needs a line of its own"),
        ErrorKind::InvalidMappingValueWhitespace | ErrorKind::FlowMappingValueAdjacentCollection => {
            yaml("a blank is missing behind a `:`").help("write `key: value`")
        }
        ErrorKind::BomInsideDocument => {
            yaml("a byte order mark, which nobody sees, stands in the middle of the file").help("delete it")
        }
        ErrorKind::MissingAnchorOrAliasName => {
            yaml("`&` and `*` begin the name of an anchor, and none follows").help("quote the value")
        }
        other => yaml(&other.to_string()).help("quote the value"),
    }
}

/// Comments of other languages above or in the line, and the rule language.
fn of_another_language(source: SourceId, text: &str, at: usize) -> Option<(Diagnostic, Remedy)> {
    let start = text.get(..at)?.rfind('\n').map_or(0, |newline| newline + 1);
    let line = text.get(start..)?.lines().next().unwrap_or_default();
    let yaml = |from: usize, to: usize, message: &str| {
        Diagnostic::error(Code::YamlSyntax, Span::new(source, from, to), message)
    };
    if let Some((from, comment)) = foreign_comment(text, start + line.len()) {
        let problem = yaml(from, from + comment.len(), "`//` begins no comment in YAML");
        return Some((problem.help("comments begin with `#`"), Remedy::Blank));
    }
    let word = line.trim_start();
    (["rule ", "event "].iter().any(|known| word.starts_with(known)) && line.contains('{')).then(|| {
        let problem =
            yaml(start + line.len() - word.len(), start + line.trim_end().len(), "this line is of the rule language");
        (problem.help("rules stand in files that end in `.rules`, workflows in `.yaml`"), Remedy::None)
    })
}

/// What the lines around the place say that the kind of the error does not.
fn in_context(source: SourceId, text: &str, at: usize, kind: &ErrorKind) -> Option<Diagnostic> {
    let start = text.get(..at)?.rfind('\n').map_or(0, |newline| newline + 1);
    let line = text.get(start..)?.lines().next().unwrap_or_default();
    let before = text.get(..start)?;
    let last = before.lines().next_back().unwrap_or_default();
    let indent = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let place = |from: usize, to: usize| Span::new(source, from, to);
    let whole = |line: &str, start: usize| place(start + indent(line), start + line.trim_end().len());
    let yaml = |span: Span, message: &str| Diagnostic::error(Code::YamlSyntax, span, message);
    let key = line.trim_start().split(':').next().unwrap_or_default();
    let is_key = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "_-?".contains(c));
    if let Some((word, value)) = line.trim_start().split_once(' ').filter(|(word, _)| is_key(word) && *word != "-")
        && value.trim_start().starts_with(['{', '['])
    {
        let end = start + indent(line) + word.len();
        let help = format!("write `{word}: {}`", value.trim());
        return Some(yaml(place(end - word.len(), end), &format!("a `:` is missing behind `{word}`")).help(help));
    }
    match kind {
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => {
            let (word, rest) = line.trim_start().split_once(':')?;
            (is_key(word) && rest.starts_with(|c: char| !c.is_whitespace())).then(|| {
                let from = start + indent(line) + word.len();
                let help = format!("write `{word}: {}`", rest.trim());
                yaml(place(from, from + 1), "a blank is missing behind this `:`").help(help)
            })
        }
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => {
            let last_start = before.len() - last.len() - 1.min(before.len());
            if let Some((word, rest)) = last.trim_start().split_once(':')
                && is_key(word)
                && rest.starts_with(|c: char| !c.is_whitespace())
            {
                let from = last_start + indent(last) + word.len();
                let help = format!("write `{word}: {}`", rest.trim());
                return Some(yaml(place(from, from + 1), "a blank is missing behind this `:`").help(help));
            }
            // Only a key stands before the colon: the line goes on with the value of the line before it.
            if is_key(key)
                && at == start + indent(line) + key.len()
                && indent(line) > indent(last)
                && last.contains(": ")
            {
                let message = "this line is indented further than the one before it, which has a value already";
                let help = "keys of one mapping stand in one column";
                return Some(yaml(whole(line, start), message).help(help));
            }
            // `key: text: more text`
            let (word, value) = line.trim_start().split_once(": ")?;
            let value = value.trim();
            (is_key(word) && value.contains(": ") && !value.starts_with(['"', '\'', '{', '['])).then(|| {
                let from = start + line.find(value).unwrap_or(0);
                let help = format!("write `{word}: \"{}\"`", value.replace('"', "\\\""));
                yaml(place(from, from + value.len()), "text with `: ` in it needs quotes").help(help)
            })
        }
        ErrorKind::InvalidTrailingSingleQuotedScalar => {
            let help = "a quote within `'…'` is written twice, `''`; or put the text in `\"…\"`";
            Some(yaml(place(at, at + token(text, at)), "more text follows the closing quote").help(help))
        }
        ErrorKind::InvalidTrailingDoubleQuotedScalar => {
            let help = "a quote within `\"…\"` is written `\\\"`; or put the text in `'…'`";
            Some(yaml(place(at, at + token(text, at)), "more text follows the closing quote").help(help))
        }
        ErrorKind::ExpectedBlockMappingKey if line.trim_start().starts_with("- ") => {
            let among_keys = indent(last) == indent(line) && !last.trim_start().starts_with("- ");
            let (message, help) = if among_keys {
                let message = "this line begins with a dash, like an item of a list, among keys";
                (message, "delete the dash, or put the list behind a key")
            } else {
                return Some(astray_item(whole(line, start)));
            };
            Some(yaml(whole(line, start), message).help(help))
        }
        ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator => {
            let quote = line.char_indices().find(|(_, c)| "\u{201c}\u{201d}\u{201e}\u{2018}\u{2019}".contains(*c));
            if let Some((column, quote)) = quote
                && let Some((message, help)) = lookalike::character(quote)
            {
                return Some(yaml(place(start + column, start + column + quote.len_utf8()), &message).help(help));
            }
            let first = text.get(..at)?.trim_end();
            let is_next = text.get(first.len()..at)?.contains('\n');
            (is_next && !first.ends_with([',', '{', '[']))
                .then(|| yaml(place(first.len(), first.len()), "a `,` is missing here").label("add `,`"))
        }
        other => unknown_escape(source, text, at, other),
    }
}

/// An item of a list that stands left or right of the others.
pub(super) fn astray_item(span: Span) -> Diagnostic {
    Diagnostic::error(Code::YamlSyntax, span, "this item is not in the column of the others")
        .help("items of one list stand in one column")
}

/// The escape that a double-quoted text cannot have, at its very place.
fn unknown_escape(source: SourceId, text: &str, at: usize, kind: &ErrorKind) -> Option<Diagnostic> {
    if !kind.to_string().contains("escape") {
        return None;
    }
    let rest = text.get(at..)?;
    let mut characters = rest.char_indices();
    while let Some((index, c)) = characters.next() {
        if c != '\\' {
            continue;
        }
        let (_, escaped) = characters.next()?;
        if !"0abt\tnvfre \"/\\N_LPxuU\n\r".contains(escaped) {
            let span = Span::new(source, at + index, at + index + 1 + escaped.len_utf8());
            let message = format!("`\\{escaped}` is no escape of YAML");
            let help = "write `\\\\` for a backslash, or put the text in `'…'`, which has no escapes";
            return Some(Diagnostic::error(Code::YamlSyntax, span, message).help(help));
        }
    }
    None
}

/// A comment of another language: of a whole line above, or in the line that ends at `end`.
fn foreign_comment(text: &str, end: usize) -> Option<(usize, &str)> {
    let mut start = 0;
    for line in text.get(..end)?.split_inclusive('\n') {
        let is_last = start + line.len() == end;
        let whole = line.trim_start().starts_with("//").then(|| line.find("//"));
        let at = whole.unwrap_or_else(|| line.find(" // ").filter(|_| is_last).map(|at| at + 1));
        if let Some(at) = at {
            return Some((start + at, line.get(at..)?.trim_end()));
        }
        start += line.len();
    }
    None
}

/// A character in a message.
fn named(c: char) -> String {
    match c {
        '`' => "a backtick".to_owned(),
        c if c.is_control() => format!("`{}`", c.escape_default()),
        c => format!("`{c}`"),
    }
}

fn token(text: &str, at: usize) -> usize {
    let (start, end) = token_at(text, at);
    end - start
}

const FLOW_TEXT: &str =
    "within `{ … }` and `[ … ]`, text with brackets, commas or `: ` in it needs quotes, as in `\"${ … }\"`";

/// The bytes of the token at `at`: up to the next blank, at least one character unless at the end of the line.
fn token_at(text: &str, mut at: usize) -> (usize, usize) {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let rest = text.get(at..).unwrap_or_default();
    let length = rest.find(char::is_whitespace).unwrap_or(rest.len());
    (at, at + length)
}
