//! What people get wrong, and every word that is said of it.
//!
//! A fixture is one file in `wrong/`, compiled together with the right program in `right/`; its whole output is a
//! snapshot in `snapshots/`.

use std::path::{Path, PathBuf};

use homeostat::app::program::check;
use homeostat::compile::Compilation;
use homeostat::diagnostic::render::{summary, to_json, to_people};

mod configuration;
mod hostile;
mod offsets;
mod random;
mod together;

/// Relative, as people write them: tests run in the package's folder.
const RIGHT: &str = "tests/corpus/right";
const WRONG: &str = "tests/corpus/wrong";

/// What people are shown.
fn shown(compilation: &Compilation) -> String {
    let problems = to_people(&compilation.diagnostics, &compilation.sources, false);
    format!("{problems}{}", summary(&compilation.diagnostics, compilation.sources.iter().count()))
}

fn fixtures() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(WRONG).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

#[test]
fn the_right_program_has_no_problems() {
    assert_eq!(shown(&check(&[RIGHT.into()])), "no problems in 3 files");
}

#[test]
fn wrong_files_are_told_what_is_wrong() {
    let fixtures = fixtures();
    assert!(fixtures.len() >= 120, "fixtures are missing");
    // Every fixture is compared before any failure is told.
    let mut different = Vec::new();
    for path in fixtures {
        let name = path.file_name().unwrap().to_string_lossy().replace('.', "_");
        let compilation = check(&[RIGHT.into(), path.clone()]);
        let output = shown(&compilation);
        let kept = std::panic::catch_unwind(|| {
            insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
                insta::assert_snapshot!(name.as_str(), output);
            });
        });
        if kept.is_err() {
            different.push(path);
        }
    }
    assert!(different.is_empty(), "{different:?}");
}

/// A fixture that compiles tests nothing; a caret outside the file, or in the right program, misleads.
#[test]
fn every_wrong_file_is_found_out_where_it_is_wrong() {
    for path in fixtures() {
        let compilation = check(&[RIGHT.into(), path.clone()]);
        let json: serde_json::Value =
            serde_json::from_str(&to_json(&compilation.diagnostics, &compilation.sources)).unwrap();
        let problems = json.as_array().unwrap();
        assert!(!problems.is_empty(), "{} is right", path.display());
        for problem in problems {
            assert_eq!(Path::new(problem["path"].as_str().unwrap()), path, "{problem}");
        }
    }
}
