//! The page of a code: a paragraph, then a wrong and a right example, cut from Markdown.
//!
//! Lints have theirs beside their checks; all others stand in `pages/`. Whether an example does what its page says is not
//! known here: tests hold each against the binary.

use super::Code;

/// What is written of a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// When it appears and why it matters, in Markdown.
    pub text: String,
    /// Without files and commands where no file shows the problem.
    pub wrong: Example,
    pub right: Example,
}

/// Files, and the commands that are tried on them together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Example {
    /// As it stands on the page.
    pub markdown: String,
    /// Names with texts.
    pub files: Vec<(String, String)>,
    /// Commands, each after `$ `, with what they print. Empty where the page shows none.
    pub console: String,
}

impl Page {
    /// Reads a page: what follows the line `Wrong:` and the line `Right:` are the examples.
    pub fn read(page: &str) -> Self {
        let (text, examples) = page.split_once("\nWrong:\n").unwrap_or((page, ""));
        let (wrong, right) = examples.split_once("\nRight:\n").unwrap_or((examples, ""));
        Self { text: text.trim().to_owned(), wrong: Example::read(wrong), right: Example::read(right) }
    }
}

impl Example {
    /// Each fenced block is a file, named by its language (`example.rules`, `example.yaml`) or behind it (`yaml shop.yaml`);
    /// those of the language `console` are commands.
    fn read(markdown: &str) -> Self {
        let (mut files, mut console) = (Vec::new(), String::new());
        for block in markdown.split("```").skip(1).step_by(2) {
            let (language, text) = block.split_once('\n').unwrap_or((block, ""));
            let name = match language.split_once(' ') {
                Some((_, name)) => name.to_owned(),
                None if language == "console" => {
                    console.push_str(text);
                    continue;
                }
                None => format!("example.{language}"),
            };
            files.push((name, text.to_owned()));
        }
        Self { markdown: markdown.trim().to_owned(), files, console }
    }

    /// Whether there is nothing to see.
    pub fn is_empty(&self) -> bool {
        self.markdown.is_empty()
    }
}

macro_rules! pages {
    ($($number:literal)*) => {
        /// Each page, by the number of its code as it is written.
        const PAGES: &[(&str, &str)] = &[$(($number, include_str!(concat!("pages/H", $number, ".md"))),)*];
    };
}

pages! {
    "0001" "0002" "0003" "0004" "0005" "0006" "0007"
    "0100" "0101" "0102" "0103" "0104" "0105" "0106" "0107" "0108" "0109" "0110"
    "0200" "0201" "0202" "0203" "0204" "0205" "0206" "0207" "0208"
    "0300" "0301" "0302" "0303" "0304" "0305" "0306" "0307" "0308" "0309" "0310" "0311" "0312" "0313"
    "0400" "0401" "0402" "0403" "0404" "0405" "0406" "0407"
    "0500" "0501" "0502" "0503" "0504" "0505" "0506" "0507" "0508" "0509" "0510" "0511" "0512" "0513" "0514"
    "0520"
    "0600" "0601" "0602" "0603" "0604" "0605" "0606" "0607" "0608" "0609" "0610" "0611" "0612" "0699"
    "0800" "0801" "0802" "0803" "0804" "0805" "0806"
}

impl Code {
    /// What is written of the code; `None` for the code of a lint, whose page is the lint's.
    pub fn page(self) -> Option<Page> {
        let number = format!("{:04}", self.number());
        let found = PAGES.iter().find(|(known, _)| *known == number);
        found.map(|(_, page)| Page::read(page))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_that_is_no_lint_has_a_page() {
        for code in Code::ALL {
            let page = code.page();
            assert_eq!(page.is_none(), code.lint_name().is_some(), "{code} has no page, or a lint has two");
            if let Some(page) = page {
                assert!(!page.text.is_empty(), "{code}");
                assert_eq!(page.wrong.is_empty(), page.right.is_empty(), "{code} has half an example");
            }
        }
        let known: Vec<String> = Code::ALL.iter().map(|code| format!("{:04}", code.number())).collect();
        let of_none: Vec<_> = PAGES.iter().filter(|(number, _)| !known.iter().any(|known| known == number)).collect();
        assert!(of_none.is_empty(), "{of_none:?}");
    }

    #[test]
    fn a_page_is_cut_into_its_parts() {
        let page = Page::read(
            "Why.\n\nWrong:\n\n```rules\na\n```\n\n```console\n$ b\nc\n```\n\nRight:\n\n```yaml d.yaml\ne\n```\n",
        );
        assert_eq!(page.text, "Why.");
        assert_eq!(page.wrong.files, [("example.rules".to_owned(), "a\n".to_owned())]);
        assert_eq!(page.wrong.console, "$ b\nc\n");
        assert_eq!(page.right.files, [("d.yaml".to_owned(), "e\n".to_owned())]);
        assert!(Page::read("Why.\n").wrong.is_empty());
    }
}
