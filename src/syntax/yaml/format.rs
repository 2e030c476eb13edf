//! A YAML file in the form in which all YAML files are written: the same values, every comment, one layout.
//!
//! The layout is a library's; that nothing of what the file says is lost is looked at here.

use pretty_yaml::config::{FormatOptions, LanguageOptions, LayoutOptions, LineBreak};

use super::{comments, parse};
use crate::base::source::SourceId;
use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};

/// Characters of a line; what cannot be broken is longer.
const WIDTH: usize = 120;
/// The library knows columns by the bits of a word, and those behind it panic.
const MOST_INDENT: usize = 64;
/// A comment of this word leaves what stands behind it as it is.
const LEAVE: &str = "fmt-ignore";

/// Formats a YAML file. Keys and values are not looked at.
///
/// # Errors
/// What is wrong with the file's form: such a file has no layout.
pub fn format(source: SourceId, text: &str) -> Result<String, Diagnostics> {
    let (_, problems) = parse(source, text);
    if problems.has_errors() {
        return Err(problems);
    }
    // Some readers take it for the end of a line, and some do not.
    if let Some(at) = text.match_indices('\r').map(|(at, _)| at).find(|at| text.as_bytes().get(at + 1) != Some(&b'\n'))
    {
        let mut found = Diagnostics::new();
        let message = "a carriage return stands alone here, so the file is left as it is";
        let problem = Diagnostic::error(Code::YamlSyntax, Span::new(source, at, at + 1), message);
        found.push(problem.help("end lines with `\\n` or `\\r\\n`"));
        return Err(found);
    }
    let line_break = match text.split_once('\n') {
        Some((first, _)) if first.ends_with('\r') => LineBreak::Crlf,
        _ => LineBreak::Lf,
    };
    let options = FormatOptions {
        layout: LayoutOptions { print_width: WIDTH, line_break, ..LayoutOptions::default() },
        language: LanguageOptions { ignore_comment_directive: LEAVE.to_owned(), ..LanguageOptions::default() },
    };
    if let Some(formatted) = laid_out(source, text, &options) {
        return Ok(formatted);
    }
    // What the library would change stands under some key at the left margin: the others get their layout.
    let mut parts = String::with_capacity(text.len());
    for part in sections(text) {
        match laid_out(source, part, &options) {
            Some(formatted) => parts.push_str(&formatted),
            None => parts.push_str(part),
        }
    }
    if is_same(source, text, &parts) {
        return Ok(parts);
    }
    let mut found = Diagnostics::new();
    let message = "formatting this file would change what it says, so it is left as it is";
    let problem = Diagnostic::error(Code::Internal, Span::new(source, 0, 0), message);
    found.push(
        problem
            .help("put `# fmt-ignore` before the key at the left margin that holds what is unusual, and report this"),
    );
    Err(found)
}

/// The text as the library lays it out; `None` where that would lose something.
fn laid_out(source: SourceId, text: &str, options: &FormatOptions) -> Option<String> {
    let indent = |line: &str| line.find(|c: char| !c.is_whitespace() && !matches!(c, '-' | '?' | ':')).unwrap_or(0);
    if text.lines().any(|line| indent(line) >= MOST_INDENT) {
        return None;
    }
    pretty_yaml::format_text(text, options).ok().filter(|formatted| is_same(source, text, formatted))
}

/// Whether both say the same, in values and comments.
fn is_same(source: SourceId, text: &str, formatted: &str) -> bool {
    let ((before, _), (after, broken)) = (parse(source, text), parse(source, formatted));
    !broken.has_errors()
        && before.map(|tree| tree.to_json()) == after.map(|tree| tree.to_json())
        && said(source, text) == said(source, formatted)
}

/// The text, cut before each key at the left margin and the comments above it.
fn sections(text: &str) -> Vec<&str> {
    let mut cuts = Vec::new();
    let (mut start, mut comment) = (0, None);
    for line in text.split_inclusive('\n') {
        let is_comment = line.starts_with('#');
        if is_comment {
            comment = comment.or(Some(start));
        } else if line.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '"' | '\'')) {
            cuts.push(comment.take().unwrap_or(start));
        } else if !line.trim().is_empty() {
            comment = None;
        }
        start += line.len();
    }
    cuts.push(text.len());
    let mut from = 0;
    let pieces = cuts.into_iter().filter_map(|cut| {
        let piece = text.get(from..cut)?;
        from = cut;
        Some(piece)
    });
    pieces.filter(|piece| !piece.is_empty()).collect()
}

/// The comments, as they are written.
fn said(source: SourceId, text: &str) -> Vec<&str> {
    comments(source, text).into_iter().map(|span| text.get(span.range()).unwrap_or_default().trim_end()).collect()
}

#[cfg(test)]
mod tests {
    use super::format;
    use crate::base::source::Sources;

    fn formatted(text: &str) -> Option<String> {
        let mut sources = Sources::new();
        let id = sources.add("a.yaml", text);
        format(id, text).ok()
    }

    #[test]
    fn the_layout_changes_and_nothing_else() {
        let text = "# top\nworkflow:   a\n\n\nsteps:\n    b: {uses:   sleep,with: { for: 1s }} # b\n    c:\n        if: \"a == 'x'\"\n        uses: sleep\n";
        let expected = "# top\nworkflow: a\n\nsteps:\n  b: { uses: sleep, with: { for: 1s } } # b\n  c:\n    if: \"a == 'x'\"\n    uses: sleep\n";
        assert_eq!(formatted(text).as_deref(), Some(expected));
        assert_eq!(formatted(expected).as_deref(), Some(expected));
    }

    #[test]
    fn line_ends_stay_and_what_is_to_be_left_is_left() {
        assert_eq!(formatted("a:   1\r\nb:  2\r\n").as_deref(), Some("a: 1\r\nb: 2\r\n"));
        let text = "# fmt-ignore\na:   1\nb: 2\n";
        assert_eq!(formatted(text).as_deref(), Some(text));
    }

    /// Blanks at the end of a line of text, which the library would drop.
    #[test]
    fn what_cannot_be_laid_out_keeps_nothing_else_from_it() {
        let text = "# top\na:   1\n# of b\nb:\n  c: |\n    x  \n    y\nd:   2\n";
        let expected = "# top\na: 1\n# of b\nb:\n  c: |\n    x  \n    y\nd: 2\n";
        assert_eq!(formatted(text).as_deref(), Some(expected));
        assert_eq!(formatted(expected).as_deref(), Some(expected));
    }

    #[test]
    fn what_stands_far_to_the_right_is_left_as_it_is() {
        for blanks in [31, 32, 63, 64, 127, 128, 200] {
            let text = format!("a:\n{}b:   1\nc:   2\n", " ".repeat(blanks));
            let formatted = formatted(&text).unwrap();
            assert!(formatted.ends_with("\nc: 2\n"), "{formatted}");
            let deep = format!("{}a: 1\n", "- ".repeat(blanks.min(60)));
            assert!(super::format(Sources::new().add("a.yaml", deep.as_str()), &deep).is_ok(), "{deep}");
        }
    }

    #[test]
    fn what_is_wrong_has_no_form() {
        for text in ["a: {", "a: 1\na: 2", "a: 1\rb: 2"] {
            assert_eq!(formatted(text), None, "{text}");
        }
    }
}
