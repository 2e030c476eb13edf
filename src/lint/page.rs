//! A lint's page: a paragraph, then a wrong and a right example, cut from Markdown.

/// What is written of a lint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Why it matters, in Markdown.
    pub text: String,
    pub wrong: Example,
    pub right: Example,
}

/// Files that are linted together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Example {
    /// As it stands on the page.
    pub markdown: String,
    /// Names with texts.
    pub files: Vec<(String, String)>,
}

impl Page {
    /// Reads a page: what follows the line `Wrong:` and the line `Right:` are the examples.
    pub(super) fn read(page: &str) -> Self {
        let (text, examples) = page.split_once("\nWrong:\n").unwrap_or((page, ""));
        let (wrong, right) = examples.split_once("\nRight:\n").unwrap_or((examples, ""));
        Self { text: text.trim().to_owned(), wrong: Example::read(wrong), right: Example::read(right) }
    }
}

impl Example {
    /// Each fenced block is a file, named by its language: `example.rules`, `example.yaml`, `homeostat.yaml`.
    fn read(markdown: &str) -> Self {
        let mut files = Vec::new();
        for block in markdown.split("```").skip(1).step_by(2) {
            let (language, text) = block.split_once('\n').unwrap_or((block, ""));
            let name = match language.split_once(' ') {
                Some((_, name)) => name.to_owned(),
                None => format!("example.{language}"),
            };
            files.push((name, text.to_owned()));
        }
        Self { markdown: markdown.trim().to_owned(), files }
    }
}
