//! What people get wrong in `homeostat.yaml`, and every word that is said of it, as `config show` and `serve` say it.
//!
//! A fixture is one file in `configuration/`; comments like `# $HOMEOSTAT__LISTEN=…` at its top are variables that are set
//! meanwhile.

use std::path::{Path, PathBuf};

use homeostat::config::{Loaded, read};
use homeostat::diagnostic::render::{to_json, to_people};

const WRONG: &str = "tests/corpus/configuration";

fn fixtures() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(WRONG).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

fn loaded(path: &Path) -> Loaded {
    let text = std::fs::read_to_string(path).unwrap();
    let variable = |line: &str| {
        let (name, value) = line.strip_prefix("# $")?.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    };
    let environment: Vec<_> = text.lines().map_while(variable).collect();
    read(path.to_str().unwrap(), &text, Path::new(WRONG), &environment)
}

#[test]
fn wrong_configurations_are_told_what_is_wrong() {
    let fixtures = fixtures();
    assert!(fixtures.len() >= 40, "fixtures are missing");
    // Every fixture is compared before any failure is told.
    let mut different = Vec::new();
    for path in fixtures {
        let name = format!("configuration_{}", path.file_stem().unwrap().to_string_lossy());
        let Loaded { config, diagnostics, sources, .. } = loaded(&path);
        assert!(config.is_none() && diagnostics.has_errors(), "{} is right", path.display());
        let output = to_people(&diagnostics, &sources, false);
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

/// Who is told only that something is wrong has to search: each problem says what to do, and no place is told twice.
#[test]
fn every_problem_of_a_configuration_says_what_to_do() {
    for path in fixtures() {
        let Loaded { diagnostics, sources, .. } = loaded(&path);
        let mut places = Vec::new();
        for problem in diagnostics.iter() {
            let message = &problem.message;
            assert!(problem.help.is_some() || message.contains("; it must be"), "{}: {message}", path.display());
            assert!(!places.contains(&problem.primary.span), "{}: told twice: {message}", path.display());
            places.push(problem.primary.span);
        }
        let json: serde_json::Value = serde_json::from_str(&to_json(&diagnostics, &sources)).unwrap();
        assert_eq!(json.as_array().unwrap().len(), places.len());
    }
}
