//! `docs/reference/schema/*.json`, from the tables that reading goes by; and every file of the house held against them.

use std::path::{Path, PathBuf};

use homeostat::base::source::SourceId;
use homeostat::json_schema;
use homeostat::syntax::yaml;
use serde_json::Value as Json;

use super::{hold, root};

fn page(schema: &Json) -> String {
    format!("{}\n", serde_json::to_string_pretty(schema).unwrap())
}

#[test]
fn every_schema_is_written_down() {
    for (name, schema) in json_schema::all(&homeostat::action::catalogue()) {
        assert!(jsonschema::meta::is_valid(&schema), "{name} is no schema");
        hold(&format!("docs/reference/schema/{name}.json"), &page(&schema));
    }
}

/// Workflows below a folder, by path.
fn workflows(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
            let is_yaml = path.extension().is_some_and(|ending| ending == "yaml");
            if path.is_dir() {
                folders.push(path);
            } else if is_yaml && stem.strip_suffix(".test").is_none() && stem != "homeostat" {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The file as JSON, by our own reader of YAML.
fn tree(path: &Path) -> Option<Json> {
    let (root, _) = yaml::parse(SourceId(0), &std::fs::read_to_string(path).unwrap());
    root.map(|root| root.to_json())
}

#[test]
fn every_right_workflow_is_of_the_schema() {
    let validator = jsonschema::validator_for(&json_schema::workflow(&homeostat::action::catalogue())).unwrap();
    let found: Vec<PathBuf> = ["workflows", "examples", "tests/corpus/right"].into_iter().flat_map(workflows).collect();
    assert!(found.len() >= 12, "{found:?}");
    for path in found {
        let problems: Vec<String> = validator
            .iter_errors(&tree(&path).unwrap())
            .map(|problem| format!("{}: {problem}", problem.instance_path()))
            .collect();
        assert!(problems.is_empty(), "{}: {problems:#?}", path.display());
    }
}

/// Mistakes in what a file looks like: those that a schema can see.
#[test]
fn what_is_wrong_in_its_form_is_refused_by_the_schema() {
    let validator = jsonschema::validator_for(&json_schema::workflow(&homeostat::action::catalogue())).unwrap();
    for name in [
        "action_unknown",
        "condition_in_braces",
        "declared_types",
        "durations",
        "empty",
        "for_each",
        "input_missing",
        "input_types",
        "input_unknown",
        "keys_misspelt",
        "keys_missing",
        "no_steps",
        "not_a_mapping",
        "step_names",
        "steps_as_list",
    ] {
        let path = root().join(format!("tests/corpus/wrong/{name}.yaml"));
        let tree = tree(&path).unwrap_or_else(|| panic!("{name} is no YAML"));
        assert!(!validator.is_valid(&tree), "{name} is taken");
    }
}

/// The first line of every file that has a schema names it, so that editors find it.
#[test]
fn every_shipped_file_names_its_schema() {
    for path in ["workflows", "examples"].into_iter().flat_map(workflows) {
        let text = std::fs::read_to_string(&path).unwrap();
        let first = text.lines().next().unwrap_or_default();
        let schema = first.strip_prefix("# yaml-language-server: $schema=");
        let schema = schema.unwrap_or_else(|| panic!("{} begins with no modeline", path.display()));
        assert!(path.parent().unwrap().join(schema).exists(), "{}: {schema} leads nowhere", path.display());
    }
}

#[test]
fn every_file_of_scenarios_is_of_the_schema() {
    let schema = json_schema::scenario();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mut found = 0;
    for (_, folder) in crate::programs::folders() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if !homeostat::syntax::load::is_scenarios(&path.to_string_lossy()) {
                continue;
            }
            found += 1;
            let tree = tree(&path).unwrap();
            let problems: Vec<String> = validator.iter_errors(&tree).map(|problem| problem.to_string()).collect();
            assert!(problems.is_empty(), "{}: {problems:#?}", path.display());
        }
    }
    assert!(found >= 8);
    for wrong in [
        serde_json::json!({ "scenario": "a", "when": [] }),
        serde_json::json!({ "scenario": "a", "when": [], "then": { "run": [] } }),
        serde_json::json!({ "scenarios": [{ "scenario": "a", "when": [{ "evnt": "A" }], "then": {} }] }),
        serde_json::json!({ "scenario": "a", "when": [], "then": {}, "mock": { "s": "never" } }),
    ] {
        assert!(!validator.is_valid(&wrong), "{wrong}");
    }
}
