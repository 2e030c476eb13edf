//! `docs/architecture.md` has the import table of `tests/tidy.rs`, and names only modules, functions and tests that exist.

use std::collections::BTreeSet;
use std::path::Path;

use super::{hold, read, root};
use crate::tidy::MAY_IMPORT;

const PAGE: &str = "docs/architecture.md";
const BEGIN: &str = "<!-- imports: made from tests/tidy.rs -->\n";
const END: &str = "<!-- end of imports -->";

#[test]
fn the_import_table_is_that_of_the_test() {
    let page = read(&root().join(PAGE));
    let (before, rest) = page.split_once(BEGIN).expect("the page has a place for the table");
    let (_, after) = rest.split_once(END).expect("the table ends");
    let mut table = String::from("\n| module | may import |\n| --- | --- |\n");
    for (module, others) in MAY_IMPORT.iter().filter(|(module, _)| !["base", "model"].contains(module)) {
        let others: Vec<String> = others.iter().map(|name| format!("`{name}`")).collect();
        let others = if others.is_empty() { "–".to_owned() } else { others.join(", ") };
        table.push_str(&format!("| `{module}` | {others} |\n"));
    }
    hold(PAGE, &format!("{before}{BEGIN}{table}\n{END}{after}"));
}

/// All code, sources and tests.
fn code(folder: &Path, text: &mut String, files: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            code(&path, text, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&read(&path));
            files.insert(path.display().to_string());
        }
    }
}

/// Every test that the page names stands in code spans like `store::suite::an_event_is_taken_once`.
#[test]
fn every_test_that_it_names_exists() {
    let (mut all, mut files) = (String::new(), BTreeSet::new());
    code(&root().join("src"), &mut all, &mut files);
    code(&root().join("tests"), &mut all, &mut files);
    let page = read(&root().join(PAGE));
    let promises = page.split_once("\n## What is promised").expect("the page says what is promised").1;
    let promises = promises.split("\n## ").next().unwrap();
    let mut named = 0;
    for path in promises.split('`').skip(1).step_by(2).filter(|span| span.contains("::")) {
        let (modules, function) = path.rsplit_once("::").unwrap();
        assert!(all.contains(&format!("fn {function}(")), "{PAGE} names `{path}`, which does not exist");
        // The file it stands in: `a::b::c` is in `a/b/c.rs`, in `a/b/c_tests.rs`, or below `a/b/c/`.
        let place = modules.replace("::", "/");
        let near =
            files.iter().any(|file| file.contains(&format!("/{place}")) && read(Path::new(file)).contains(function));
        assert!(near, "{PAGE} names `{path}`, which is not in `{modules}`");
        named += 1;
    }
    assert!(named > 30, "only {named} tests are named");
}

/// A function in the table of stages exists in the module that the table gives.
#[test]
fn every_arrow_is_a_function() {
    let page = read(&root().join(PAGE));
    let stages = page.split_once("\n## The way of the data").expect("the page shows the way of the data").1;
    let stages = stages.split("\n## ").next().unwrap();
    let mut named = 0;
    for path in stages.split('`').skip(1).step_by(2).filter_map(|span| span.strip_suffix("()")) {
        let parts: Vec<&str> = path.split("::").collect();
        let (function, modules) = parts.split_last().unwrap();
        let modules: Vec<&str> =
            modules.iter().copied().filter(|part| part.starts_with(|c: char| c.is_ascii_lowercase())).collect();
        let place = root().join("src").join(modules.join("/"));
        let mut text = read(&place.with_extension("rs"));
        if place.is_dir() {
            code(&place, &mut text, &mut BTreeSet::new());
        }
        let exists = ["(", "<"].iter().any(|next| text.contains(&format!("fn {function}{next}")));
        assert!(exists, "{PAGE} names `{path}()`, which does not exist");
        named += 1;
    }
    assert!(named > 8, "only {named} functions are named");
}
