//! Whatever happens to a right text, it is answered: never a panic, always an end, and what is said can be shown.
//!
//! The fuzz targets hold the same invariants against texts of their own; what they find is kept in `corpus/hostile`.

use std::path::Path;

use proptest::prelude::*;

mod damage;
mod invariants;
mod limits;

use damage::{Damage, any_damage, damaged};

/// Every file below the folders with that ending, so that what is added is damaged, too.
fn texts(folders: &[&str], ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Vec<_> = folders.iter().map(|folder| Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).collect();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "nothing to damage");
    found.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

const RIGHT: &[&str] = &["workflows", "examples", "tests/corpus/right"];
/// Expressions of every kind, messages of every mode.
const SEEDS: &[&str] = &["tests/properties/seeds"];

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
