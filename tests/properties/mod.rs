//! Whatever happens to a right text, it is answered: never a panic, always an end, and what is said can be shown.
//!
//! The fuzz targets hold the same invariants against texts of their own; what they find is kept in `corpus/hostile`.

use std::path::Path;

use proptest::prelude::*;

mod damage;
mod invariants;
mod limits;
mod recovery;

use damage::{Damage, any_damage, damaged};

/// How the names of files end that hold scenarios; other files in YAML hold workflows.
const SCENARIOS: &str = "test.yaml";

/// Every file below the folders with that ending, so that what is added is damaged, too.
fn texts(folders: &[&str], ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Vec<_> = folders.iter().map(|folder| Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).collect();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.to_string_lossy();
            let is_other = ending != SCENARIOS && name.ends_with(SCENARIOS);
            if path.is_dir() {
                open.push(path);
            } else if name.ends_with(&format!(".{ending}")) && !is_other {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "nothing to damage");
    found.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

const RIGHT: &[&str] = &["workflows", "examples", "tests/corpus/right"];
/// Expressions of every kind, messages of every mode, scenarios with every key.
const SEEDS: &[&str] = &["tests/properties/seeds"];
const RIGHT_SCENARIOS: &[&str] = &["workflows", "tests/properties/seeds"];

fn each(of: Vec<String>) -> impl Strategy<Value = (String, Vec<Damage>)> {
    (prop::sample::select(of), prop::collection::vec(any_damage(), 1..5))
}

fn done((text, damage): (String, Vec<Damage>)) -> String {
    damage.iter().fold(text, |text, damage| damaged(&text, damage))
}

#[test]
fn what_is_right_holds_too() {
    texts(RIGHT, "rules").iter().for_each(|text| invariants::rules(text));
    texts(RIGHT, "yaml").iter().for_each(|text| invariants::workflow(text));
    texts(RIGHT_SCENARIOS, SCENARIOS).iter().for_each(|text| invariants::scenario(text));
    texts(SEEDS, "cel").iter().for_each(|text| invariants::expression(text, &serde_json::json!([1, "a"])));
    texts(SEEDS, "http").iter().for_each(|text| invariants::event(text.as_bytes()));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn damaged_rules_are_answered(text in each(texts(RIGHT, "rules")).prop_map(done)) {
        invariants::rules(&text);
    }

    #[test]
    fn damaged_workflows_are_answered(text in each(texts(RIGHT, "yaml")).prop_map(done)) {
        invariants::workflow(&text);
    }

    #[test]
    fn damaged_scenarios_are_answered(text in each(texts(RIGHT_SCENARIOS, SCENARIOS)).prop_map(done)) {
        invariants::scenario(&text);
    }

    #[test]
    fn damaged_messages_are_answered(text in each(texts(SEEDS, "http")).prop_map(done)) {
        invariants::event(text.as_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]

    #[test]
    fn damaged_expressions_are_answered(text in each(texts(SEEDS, "cel")).prop_map(done), data in "[\\[{\"a1.5,:} \\]]{0,12}") {
        let data = serde_json::from_str(&data).unwrap_or_else(|_| serde_json::json!({ "a": { "b": [1, 2.5, "x"] } }));
        invariants::expression(&text, &data);
    }
}
