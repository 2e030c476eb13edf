//! `docs/reference/lints.md`, from the lints and their pages.

use homeostat::lint::LINTS;

use super::{MADE, cell, hold};

#[test]
fn every_lint_is_described() {
    let mut page = format!(
        "{MADE}# Lints\n\nWhat [`homeostat lint`](../tools/lint.md) looks for. The level is the one that holds where nobody sets \
         another: `deny` makes a\nfinding an error, `warn` a warning, and what is on `allow` is not looked for. Every example here \
         is linted by a test: the wrong\none is found by its lint and no other, the right one by none.\n\n\
         | lint | code | level | what it finds |\n| --- | --- | --- | --- |\n"
    );
    for lint in LINTS {
        let (name, summary) = (lint.name, cell(lint.summary()));
        page.push_str(&format!("| [`{name}`](#{name}) | `{}` | {} | {summary} |\n", lint.code, lint.level));
    }
    for lint in LINTS {
        let docs = lint.page();
        page.push_str(&format!(
            "\n## `{}`\n\n{}\n\nWrong:\n\n{}\n\nRight:\n\n{}\n",
            lint.name,
            docs.text,
            example(&docs.wrong.markdown),
            example(&docs.right.markdown)
        ));
    }
    hold("docs/reference/lints.md", &page);
}

/// The blocks as the guide's own test takes them: each is held against its page by a test of its own, and need not be
/// right.
pub(super) fn example(markdown: &str) -> String {
    let mut text = String::new();
    let mut in_block = false;
    for line in markdown.lines() {
        let mut line = line;
        if line.starts_with("```") {
            if !in_block {
                // A file that has a name of its own.
                if let Some((language, name)) = line.split_once(' ') {
                    text.push_str(&format!("`{name}`:\n\n"));
                    line = language;
                }
                text.push_str("<!-- guide: example -->\n");
            }
            in_block = !in_block;
        }
        text.push_str(line);
        text.push('\n');
    }
    text.trim_end().to_owned()
}
