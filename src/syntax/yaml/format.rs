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
/// A comment of this word leaves what stands behind it as it is.
const LEAVE: &str = "fmt-ignore";

/// Formats a YAML file. Keys and values are not looked at.
///
/// # Errors
/// What is wrong with the file's form: such a file has no layout.
pub fn format(source: SourceId, text: &str) -> Result<String, Diagnostics> {
    let (tree, problems) = parse(source, text);
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
    let mut found = Diagnostics::new();
    let mut refuse =
        |message: &str| {
            let problem = Diagnostic::error(Code::Internal, Span::new(source, 0, 0), message);
            found.push(problem.help(
                "put `# fmt-ignore` before the key at the left margin that holds what is unusual, and report this",
            ));
        };
    match pretty_yaml::format_text(text, &options) {
        Ok(formatted) => {
            let (again, broken) = parse(source, &formatted);
            let is_same = !broken.has_errors()
                && tree.map(|tree| tree.to_json()) == again.map(|tree| tree.to_json())
                && said(source, text) == said(source, &formatted);
            if is_same {
                return Ok(formatted);
            }
            refuse("formatting this file would change what it says, so it is left as it is");
        }
        Err(_) => refuse("this file cannot be formatted, so it is left as it is"),
    }
    Err(found)
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

    #[test]
    fn what_is_wrong_has_no_form() {
        for text in ["a: {", "a: 1\na: 2", "a: 1\rb: 2"] {
            assert_eq!(formatted(text), None, "{text}");
        }
    }
}
