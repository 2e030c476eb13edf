//! Every example says what it shows, and names what there is.

use std::fs;

use super::{entries, root};

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
