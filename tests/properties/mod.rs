//! Whatever happens to a right text, it is answered: never a panic, always an end, and what is said can be shown.
//!
//! The fuzz targets hold the same invariants against texts of their own; what they find is kept in `corpus/hostile`.

use std::path::Path;

use proptest::prelude::*;

mod damage;
mod invariants;

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

/// Expressions of every kind.
const EXPRESSIONS: &[&str] = &[
    r#"event.data.p99_ms > 2.0 * 100.0 && !event.during_test || event.data.region in ["eu", 'us']"#,
    r#"event.data.?missing.orValue(3) + event.data.labels["x"] * -2 % 7"#,
    r#"event.data.tags.exists(tag, tag.startsWith("prod-") && size(tag) > 3) ? "yes" : string(any)"#,
    r#"target.rate_rps != null && target.since < event.time - duration("1h") && event.data.window > duration("10m")"#,
    r#"cel.bind(x, [1, 2, 3].map(n, n > 1, n * 2), {"a": x, ?"b": optional.of(x[0]), "c": {1: b"\xff"}})"#,
    r#"any.map(k, v, k)[?0].optMap(x, type(x) == int).or(optional.none()).hasValue()"#,
    r#""%s and %.2f, %x".format([event.data.tags, target.limits[0], 255]).split(",").join("") + '''
        é''' + r"\d""#,
    r#"[3, 1, 2].sortBy(n, -n).slice(0, 2) == [3, 2] && math.greatest(1, 2.5, 3u) >= 2 && has(any.a.b)"#,
    r#"ip("10.0.0.1") in [ip("::1")] || cidr("10.0.0.0/8").containsIP("10.1.1.1") || "a-b".matches("^[a-z-]+$")"#,
    r#"base64.encode(bytes(event.subject)) != "" && timestamp("2026-01-01T00:00:00Z").getFullYear() == 2026"#,
];

/// Messages of every mode.
const MESSAGES: &[&str] = &[
    r#"content-type: application/cloudevents+json

{"specversion": "1.0", "id": "1", "source": "/ci", "type": "DEPLOYMENT_CHANGE", "subject": "checkout",
 "time": "2026-01-31T12:00:00.123+01:00", "priority": 0, "deliverat": "2026-02-01T00:00:00Z", "flag": true, "n": -7,
 "datacontenttype": "application/json", "data": {"signature": "sha256:1", "deep": [[{"a": 1e300}, null, -0.0]]}}"#,
    r#"content-type: application/cloudevents-batch+json; charset="utf-8"

[{"specversion": "1.0", "id": "1", "source": "/ci", "type": "A", "data_base64": "eyJhIjogMX0="},
 {"specversion": "1.0", "id": "2", "source": "/ci", "type": "A", "datacontenttype": "text/plain", "data": "é"}]"#,
    r#"content-type: application/json
ce-specversion: 1.0
ce-id: "quoted \" id"
ce-source: /ci
ce-type: A
ce-subject: caf%C3%A9
ce-priority: 9
ce-time: 2026-01-31T12:00:00Z

{"signature": "x"}"#,
];

fn each(of: Vec<String>) -> impl Strategy<Value = (String, Vec<Damage>)> {
    (prop::sample::select(of), prop::collection::vec(any_damage(), 1..5))
}

fn done((text, damage): (String, Vec<Damage>)) -> String {
    damage.iter().fold(text, |text, damage| damaged(&text, damage))
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn what_is_right_holds_too() {
    texts(RIGHT, "rules").iter().for_each(|text| invariants::rules(text));
    texts(RIGHT, "yaml").iter().for_each(|text| invariants::workflow(text));
    EXPRESSIONS.iter().for_each(|text| invariants::expression(text, &serde_json::json!([1, "a"])));
    MESSAGES.iter().for_each(|text| invariants::event(text.as_bytes()));
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
    fn damaged_messages_are_answered(text in each(owned(MESSAGES)).prop_map(done)) {
        invariants::event(text.as_bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]

    #[test]
    fn damaged_expressions_are_answered(text in each(owned(EXPRESSIONS)).prop_map(done), data in "[\\[{\"a1.5,:} \\]]{0,12}") {
        let data = serde_json::from_str(&data).unwrap_or_else(|_| serde_json::json!({ "a": { "b": [1, 2.5, "x"] } }));
        invariants::expression(&text, &data);
    }
}
