//! The index of `docs/` lists every page, and no link in the documentation leads nowhere.

use std::path::{Path, PathBuf};

use super::{read, root};

fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            pages(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

/// Where the links of a page lead, but for those to other sites.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link).filter(|link| {
        let elsewhere = link.contains("://") || link.starts_with('#');
        !elsewhere && !link.contains(char::is_whitespace)
    })
}

#[test]
fn every_page_is_in_the_index() {
    let index = read(&root().join("docs/README.md"));
    let mut found = Vec::new();
    pages(&root().join("docs"), &mut found);
    for page in found.iter().filter(|page| !page.ends_with("docs/README.md")) {
        let name = page.strip_prefix(root().join("docs")).unwrap().display().to_string();
        assert!(index.contains(&format!("]({name})")), "docs/README.md does not list {name}");
    }
}

#[test]
fn no_link_leads_nowhere() {
    let mut found = vec![root().join("README.md"), root().join("CHANGELOG.md")];
    pages(&root().join("docs"), &mut found);
    let mut count = 0;
    for page in &found {
        let text = read(page);
        for link in links(&text) {
            let file = link.split_once('#').map_or(link, |(file, _)| file);
            let path = page.parent().unwrap().join(file);
            assert!(path.exists(), "{}: {link} leads nowhere", page.display());
            count += 1;
        }
    }
    assert!(count > 10, "the links were not found");
}
