//! `docs/reference/diagnostics.md` and the pages under `docs/reference/codes/`, from the codes and their pages.

use std::collections::BTreeSet;

use homeostat::diagnostic::Code;

use super::lints::example;
use super::{MADE, cell, hold};

/// Lints have pages of their own.
const LINTS: u16 = 7;

/// What each hundred is about, and the name of its page.
const HUNDREDS: &[(u16, &str, &str)] = &[
    (0, "Files", "files"),
    (1, "Expressions", "expressions"),
    (2, "Rules", "rules"),
    (3, "Workflows", "workflows"),
    (4, "Plans", "plans"),
    (5, "Configuration and store", "settings"),
    (6, "Running", "running"),
    (LINTS, "Lints", "lints"),
    (8, "Tests", "tests"),
];

#[test]
fn every_code_is_described() {
    let numbers: BTreeSet<u16> = Code::ALL.iter().map(|code| code.number()).collect();
    assert_eq!(numbers.len(), Code::ALL.len(), "two codes share a number");
    let mut page = format!(
        "{MADE}# Codes\n\nEvery problem that Homeostat tells has a code. A code keeps its meaning for ever; a code that is no \
         longer used is not\ngiven to another problem. The message itself says where and what; the page behind each code, which \
         [`homeostat explain`](../tools/explain.md)\nprints as well, says when it appears, with a wrong and a right example.\n"
    );
    for (hundred, title, file) in HUNDREDS {
        page.push_str(&format!("\n## {title}\n\n| code | what it is | what to do |\n| --- | --- | --- |\n"));
        for code in Code::ALL.iter().filter(|code| code.number() / 100 == *hundred) {
            let place = match code.lint_name() {
                Some(name) => format!("lints.md#{name}"),
                None => format!("codes/{file}.md#{}", code.to_string().to_lowercase()),
            };
            page.push_str(&format!("| [`{code}`]({place}) | {} | {} |\n", cell(code.title()), cell(code.remedy())));
        }
    }
    let last = HUNDREDS.last().map_or(0, |(hundred, ..)| *hundred);
    assert!(Code::ALL.iter().all(|code| code.number() / 100 <= last), "a code is in no hundred of the reference");
    hold("docs/reference/diagnostics.md", &page);
}

#[test]
fn every_code_has_its_page() {
    for (hundred, title, file) in HUNDREDS.iter().filter(|(hundred, ..)| *hundred != LINTS) {
        let mut page = format!(
            "{MADE}# Codes: {title}\n\nThe pages of `homeostat explain`. Every example is run by a test: the wrong one gives the code, in \
             these words, the right one\nno problem at all. [All codes](../diagnostics.md) are listed.\n"
        );
        for code in Code::ALL.iter().filter(|code| code.number() / 100 == *hundred) {
            let docs = code.page().unwrap_or_else(|| panic!("{code} has no page"));
            let (title, remedy) = (sentence(code.title()), code.remedy());
            page.push_str(&format!("\n## `{code}`\n\n**{title}.** {remedy}\n\n{}\n", docs.text));
            for (title, shown) in [("Wrong", &docs.wrong), ("Right", &docs.right)] {
                if !shown.is_empty() {
                    page.push_str(&format!("\n{title}:\n\n{}\n", example(&shown.markdown)));
                }
            }
        }
        hold(&format!("docs/reference/codes/{file}.md"), &page);
    }
}

/// A title as the beginning of a sentence.
fn sentence(title: &str) -> String {
    let mut letters = title.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
