//! What the reference says is what the code says: pages are made here, and held against `docs/`.
//!
//! To write them anew: `HOMEOSTAT_WRITE_REFERENCES=1 cargo test --test integration references`.

use std::fs;
use std::path::{Path, PathBuf};

mod actions;
mod api;
mod architecture;
mod cli;
mod diagnostics;
mod editors;
mod lints;
mod schemas;

/// Names the variable that has pages written in place of checked.
const WRITE: &str = "HOMEOSTAT_WRITE_REFERENCES";

/// The first line of a page that is made from the code.
const MADE: &str = "<!-- Made from the code by `tests/references`: change the code, not this page. -->\n";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(page: &Path) -> String {
    fs::read_to_string(page).unwrap_or_default()
}

/// Fails where the page is not `expected`, or writes it where that is asked for.
fn hold(page: &str, expected: &str) {
    let path = root().join(page);
    if std::env::var_os(WRITE).is_some() {
        fs::write(&path, expected).unwrap_or_else(|error| panic!("{page}: {error}"));
        return;
    }
    let found = read(&path);
    if found == expected {
        return;
    }
    let line = found.lines().zip(expected.lines()).take_while(|(found, expected)| found == expected).count();
    let shown = |text: &str| text.lines().nth(line).unwrap_or("(the end)").to_owned();
    panic!(
        "{page} is not what the code says, from line {} on:\n  the page: {}\n  the code: {}\nto write it anew: \
         {WRITE}=1 cargo test --test integration references",
        line + 1,
        shown(&found),
        shown(expected)
    );
}

/// Text as a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
