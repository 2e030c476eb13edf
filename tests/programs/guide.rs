//! The guide shows nothing that is not so: every snippet is part of the file that it names.

use std::fs;

use super::{entries, root};

/// Each fenced block of a page that names a file, as (file, text).
fn snippets(page: &str) -> Vec<(String, String)> {
    let mut list = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in page.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => {
                let file = info.split_once(' ').map(|(_, file)| file.trim().to_owned()).unwrap_or_default();
                open = Some((file, String::new()));
            }
            (Some(_), Some(_)) => list.extend(open.take()),
            (Some((_, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    list
}

#[test]
fn every_snippet_is_part_of_its_file() {
    for page in ["docs/rules.md", "docs/workflows.md"] {
        let text = fs::read_to_string(root().join(page)).unwrap();
        let snippets = snippets(&text);
        assert!(snippets.len() >= 4, "{page} shows too little");
        for (file, snippet) in snippets {
            let whole =
                fs::read_to_string(root().join(&file)).unwrap_or_else(|error| panic!("{page}: {file}: {error}"));
            assert!(whole.contains(&snippet), "{page}: this is not part of {file}:\n{snippet}");
            assert!(text.contains(&format!("`{file}`")), "{page} shows {file} without naming it");
        }
    }
}

#[test]
fn every_example_says_what_it_shows() {
    for folder in entries(&root().join("examples")) {
        let readme = fs::read_to_string(folder.join("README.md")).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
        assert!(readme.starts_with("# "), "{folder:?}");
        // The commands in it name files that exist.
        for word in readme.split_whitespace().filter(|word| word.starts_with("examples/")) {
            assert!(root().join(word).exists(), "{folder:?}: {word}");
        }
    }
}
