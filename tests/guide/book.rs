//! The book is whole: its summary lists every page, and every link and anchor leads somewhere.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::root;

/// What mdBook reads the order of the pages from.
const SUMMARY: &str = "docs/SUMMARY.md";

/// The pages of the book, in its order, relative to the package.
pub(super) fn pages() -> Vec<String> {
    let summary = read(&root().join(SUMMARY));
    links(&summary).into_iter().map(|(_, link)| format!("docs/{link}")).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn files(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.insert(path.strip_prefix(root()).unwrap().display().to_string());
        }
    }
}

/// The page without its fenced blocks and without code within lines: there, brackets are no links and `#` no heading.
fn prose(text: &str) -> Vec<(usize, String)> {
    let mut in_block = false;
    let mut kept = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            kept.push((number + 1, line.to_owned()));
        }
    }
    kept
}

/// Every link of a page to a place in this repository, with its line.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        let without_code: String = line.split('`').step_by(2).collect::<Vec<_>>().join("x");
        for link in without_code.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            if !link.contains("://") {
                found.push((number, link.to_owned()));
            }
        }
    }
    found
}

/// What a heading is called in a link, as GitHub and mdBook have it.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, line) in prose(text) {
        let title = line.trim_start_matches('#');
        if title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
        let name: String = title.trim().to_lowercase().chars().filter(kept).collect();
        let name = name.replace(' ', "-");
        let mut unique = name.clone();
        let mut count = 0;
        while !found.insert(unique.clone()) {
            count += 1;
            unique = format!("{name}-{count}");
        }
    }
    found
}

/// A path without `..`, so that it can be seen whether it leaves the book.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => assert!(plain.pop(), "{} leads out of the repository", path.display()),
            other => plain.push(other),
        }
    }
    plain
}

#[test]
fn the_summary_lists_every_page_once() {
    let listed = pages();
    let mut unique = BTreeSet::new();
    for page in &listed {
        assert!(unique.insert(page.clone()), "{SUMMARY} lists {page} twice");
    }
    let mut found = BTreeSet::new();
    files(&root().join("docs"), &mut found);
    found.remove(SUMMARY);
    let forgotten: Vec<_> = found.difference(&unique).collect();
    assert!(forgotten.is_empty(), "{SUMMARY} does not list {forgotten:?}");
    let missing: Vec<_> = unique.difference(&found).collect();
    assert!(missing.is_empty(), "{SUMMARY} lists what is not there: {missing:?}");
    let settings = read(&root().join("book.toml"));
    assert!(settings.contains("src = \"docs\""), "book.toml does not say where the pages are");
}

#[test]
fn no_link_leads_nowhere() {
    let mut found = BTreeSet::new();
    files(&root().join("docs"), &mut found);
    found.extend(["README.md", "CHANGELOG.md"].map(str::to_owned));
    let mut count = 0;
    for page in &found {
        let text = read(&root().join(page));
        for (line, link) in links(&text) {
            let (file, anchor) = link.split_once('#').map_or((link.as_str(), None), |(file, name)| (file, Some(name)));
            let folder = Path::new(page).parent().unwrap();
            let target = if file.is_empty() { PathBuf::from(page) } else { plain(&folder.join(file)) };
            assert!(root().join(&target).exists(), "{page}:{line}: {link} leads nowhere");
            let leaves = page.starts_with("docs/") && !target.starts_with("docs");
            assert!(!leaves, "{page}:{line}: {link} leaves the book: name the path as code, not as a link");
            if let Some(name) = anchor {
                let names = anchors(&read(&root().join(&target)));
                assert!(names.contains(name), "{page}:{line}: {link}: no such heading; there are {names:?}");
            }
            count += 1;
        }
    }
    assert!(count > 50, "the links were not found");
}

#[test]
fn headings_are_named_as_sites_do() {
    let text = "# One two\n## `rules`, and more\n```text\n# no heading\n```\n## One two\n";
    let expected = ["one-two", "rules-and-more", "one-two-1"].map(str::to_owned);
    assert_eq!(anchors(text), BTreeSet::from(expected));
}
