//! `docs/reference/diagnostics.md`, from the codes.

use std::collections::BTreeSet;

use homeostat::diagnostic::Code;

use super::{MADE, cell, hold};

/// What each hundred is about.
const HUNDREDS: &[(u16, &str)] = &[
    (0, "Files"),
    (1, "Expressions"),
    (2, "Rules"),
    (3, "Workflows"),
    (4, "Plans"),
    (5, "Configuration and store"),
    (6, "Running"),
    (7, "Lints"),
    (8, "Tests"),
];

#[test]
fn every_code_is_described() {
    let numbers: BTreeSet<u16> = Code::ALL.iter().map(|code| code.number()).collect();
    assert_eq!(numbers.len(), Code::ALL.len(), "two codes share a number");
    let mut page = format!(
        "{MADE}# Codes\n\nEvery problem that Homeostat tells has a code. A code keeps its meaning for ever; a code that is no \
         longer used is not\ngiven to another problem. The message itself says where and what.\n"
    );
    for (hundred, title) in HUNDREDS {
        page.push_str(&format!("\n## {title}\n\n| code | what it is | what to do |\n| --- | --- | --- |\n"));
        for code in Code::ALL.iter().filter(|code| code.number() / 100 == *hundred) {
            page.push_str(&format!("| `{code}` | {} | {} |\n", cell(code.title()), cell(code.remedy())));
        }
    }
    let last = HUNDREDS.last().map_or(0, |(hundred, _)| *hundred);
    assert!(Code::ALL.iter().all(|code| code.number() / 100 <= last), "a code is in no hundred of the reference");
    hold("docs/reference/diagnostics.md", &page);
}
