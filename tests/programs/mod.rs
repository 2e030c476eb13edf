//! The programs that people copy: what ships, the examples, and what the guide shows of them.

use std::fs;
use std::path::{Path, PathBuf};

mod failures;
mod plans;
mod readmes;
mod run;
mod scenarios;

pub(super) use plans::folders;

/// The package's folder.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What is in a folder, by name.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}
