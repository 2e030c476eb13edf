use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value as Json, json};

use super::{config, text, workflow};
use crate::action::catalogue;
use crate::base::literal::{Percentage, Rate, parse_duration};
use crate::base::source::SourceId;
use crate::config::keys::detector::DETECTOR;
use crate::config::keys::{ENGINE, SCHEDULE, TARGET, WEBHOOK};
use crate::syntax::workflow::keys::{self, Key};
use crate::syntax::{name, workflow as language};

fn accepts(schema: &Json, value: &Json) -> bool {
    jsonschema::validator_for(schema).unwrap().is_valid(value)
}

fn names(schema: &Json) -> BTreeSet<&str> {
    schema["properties"].as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn patterns_take_what_the_readers_take() {
    let durations =
        ["250ms", "1.5s", "1h30m", "30d", "0s", ".5s", "", "10", "10 m", "m", "-5s", "1w", "1..2s", "${ a }"];
    for written in durations {
        assert_eq!(accepts(&text::duration(), &json!(written)), parse_duration(written).is_ok(), "{written}");
        let is_positive = parse_duration(written).is_ok_and(|duration| !duration.is_zero());
        assert_eq!(accepts(&text::positive_duration(), &json!(written)), is_positive, "{written}");
    }
    for written in
        ["50rps", "0.5rps", "1e3rps", "50 rps", "+5rps", "50", "rps", "-1rps", "NaNrps", "infrps", "1e400rps"]
    {
        let expected = written.parse::<Rate>().is_ok() || written == "1e400rps";
        assert_eq!(accepts(&text::rate(), &json!(written)), expected, "{written}");
    }
    for written in ["20%", "0.1%", "20 %", "20", "-1%", "%"] {
        assert_eq!(accepts(&text::percentage(), &json!(written)), written.parse::<Percentage>().is_ok(), "{written}");
    }
    for written in ["a", "_a9", "A_b", "in", "true", "9a", "a-b", "a.b", "", "é", "into"] {
        assert_eq!(accepts(&text::name(false), &json!(written)), name::is_name(written), "{written}");
    }
    for (written, is_type) in [
        ("string", true),
        ("list<map<int>>", true),
        ("list< string >?", true),
        ("any?", true),
        ("number", false),
        ("list", false),
        ("list<>", false),
        ("string??", false),
    ] {
        assert_eq!(accepts(&text::type_name(), &json!(written)), is_type, "{written}");
    }
}

/// A key that the table has and the reader passes over would be of no use: every one is given a value that it cannot
/// take.
#[test]
fn the_reader_reads_every_key_of_the_schema() {
    let schema = workflow(&catalogue());
    let definitions = &schema["$defs"];
    let undo = &definitions["undo"]["anyOf"][1];
    let places: [(&'static [Key], &Json, &str); 4] = [
        (keys::WORKFLOW, &schema, "KEY"),
        (keys::STEP, &definitions["step"], "workflow: a\nsteps: { a: { KEY } }"),
        (keys::RETRY, &definitions["retry"], "workflow: a\nsteps: { a: { uses: b, retry: { KEY } } }"),
        (keys::UNDO, undo, "workflow: a\nsteps: { a: { uses: b, undo: { KEY } } }"),
    ];
    for (table, schema, frame) in places {
        assert_eq!(names(schema), table.iter().map(|key| key.name).collect());
        for key in table {
            assert!(!schema["properties"][key.name]["description"].as_str().unwrap().is_empty());
            let wrong = if key.name == "for_each" { "-5" } else { "[[-5]]" };
            let named = if frame == "KEY" && key.name != "workflow" { "workflow: a\n" } else { "" };
            let file = format!("{named}{}", frame.replace("KEY", &format!("{}: {wrong}", key.name)));
            let at = file.find(wrong).unwrap();
            let (_, problems) = language::parse(SourceId(0), &file);
            let told = problems.iter().any(|problem| {
                problem.primary.span.range().start >= at && problem.primary.span.range().start < at + wrong.len()
            });
            assert!(told, "{file}: {problems:?}");
        }
    }
}

#[test]
fn every_setting_is_in_the_schema_and_no_other() {
    fn paths(schema: &Json, prefix: &str, found: &mut BTreeSet<String>) {
        let alternatives = schema["anyOf"].as_array().into_iter().flatten();
        let mut is_group = false;
        for group in alternatives.chain([schema]) {
            if let Some(properties) = group["properties"].as_object() {
                is_group = true;
                properties.iter().for_each(|(name, inner)| paths(inner, &format!("{prefix}{name}."), found));
            }
            if group["additionalProperties"].is_object() {
                is_group = true;
                found.insert(format!("{prefix}KEY"));
            }
        }
        if !is_group || schema["anyOf"].is_array() {
            found.insert(prefix.trim_end_matches('.').to_owned());
        }
    }
    let schema = config();
    let mut engine = BTreeSet::new();
    paths(&schema, "", &mut engine);
    let expected = ENGINE.iter().map(|key| key.path).chain([
        "targets.KEY",
        "schedules.KEY",
        "webhooks.KEY",
        "detectors.KEY",
        "defaults",
    ]);
    assert_eq!(engine, expected.map(str::to_owned).collect());
    let mut target = BTreeSet::new();
    paths(&schema["$defs"]["target"], "", &mut target);
    assert_eq!(target, TARGET.iter().map(|key| key.path.to_owned()).collect());
    assert_eq!(names(&schema["$defs"]["schedule"]), SCHEDULE.iter().map(|key| key.path).collect());
    assert_eq!(names(&schema["$defs"]["webhook"]), WEBHOOK.iter().map(|key| key.path).collect());
    let mut detector = BTreeSet::new();
    paths(&schema["$defs"]["detector"], "", &mut detector);
    assert_eq!(detector, DETECTOR.iter().map(|key| key.path.to_owned()).collect());
}

/// Whatever the configuration's reader takes, the schema takes; what is refused for its form is refused by both.
#[test]
fn settings_are_taken_and_refused_as_the_reader_does() {
    let schema = config();
    let both = |file: &str| {
        let loaded = crate::config::read("homeostat.yaml", file, Path::new(""), &[]);
        let (root, _) = crate::syntax::yaml::parse(SourceId(0), file);
        (loaded.config.is_some(), accepts(&schema, &root.unwrap().to_json()))
    };
    for right in [
        include_str!("../cli/init/homeostat.yaml"),
        "{}",
        "program: rules, workflows",
        "encryption: off",
        "encryption: { key_env: KEY }",
        "log: { level: debug, format: json }\ntargets:\ndefaults:",
        "targets: { a: { labels: { tier: 1, team: null }, slo: { p99: 250ms }, rate: { floor: 0.5 rps }, agents: [{ id: a, push: http://127.0.0.1/ }] } }",
        "targets: { a: { measure: { endpoint: http://127.0.0.1/, trial_requests: 1_000 } } }",
        "defaults: { measure: { limits: { time: 5m } } }",
        "defaults: { measure: { endpoint: http://127.0.0.1/ } }\ntargets: { a: { measure: { limits: { time: 5m } } } }",
        "targets: { a: { measure: { endpoint: null, limits: { time: null }, precision: } }, b: { measure: } }",
        "lint: { racing-rules: deny, missing-docs: allow }",
        "targets: { a: { strategy: { keep: 95% }, slo: { errors: 100 % } }, b: { strategy: { keep: 0.5% }, slo: { errors: 099.99% } } }",
        "targets: { a: { strategy: { keep: 9.5e1% } } }",
        "schedules: { a: { cron: '30 2 * * *', time_zone: Europe/Zurich, event: A, data: { n: [1, { b: null }] }, catch_up: none } }",
        "schedules: { a: { every: 5m, event: A, target: }, b: { cron: '@daily', every:, event: B, data: } }\ndefaults:",
        "schedules:",
        "webhooks: { a: { url: http://127.0.0.1/, secret: '${secret.A}', events: A, refusals: 2 } }\nsecrets: { folder: /a }",
        "detectors: { a: { kind: http, url: http://127.0.0.1/, headers: { a: b }, value: body.a, event: A, data: { n: '${value}' } } }",
        "detectors: { a: { kind: oci, image: 'a.example/b:c', url: }, b: { kind: file, path: /a, format: json } }",
        "detectors: { a: { kind: prometheus, url: http://127.0.0.1/, query: up, when: value > 1.0, event: A } }",
        "detectors: { a: { kind: kubernetes, url: http://127.0.0.1/, namespace: shop } }",
        "detectors: { a: { kind: alertmanager, event: A, when: alert.status == 'firing' } }",
        "detectors: { a: { kind: http, url: http://127.0.0.1/, for: 5s, first: skip, per_minute: 3, headers: , value: } }",
        "webhooks: { a: { url: http://127.0.0.1/, secret: '${ secret.A_1 }', events: [A, B], timeout: } }",
    ] {
        assert_eq!(both(right), (true, true), "{right}");
    }
    for wrong in [
        "stor: a",
        "lint: { foo: deny }",
        "targets: { a: { strategy: { keep: 120% } } }",
        "targets: { a: { strategy: { keep: 95.5% } } }",
        "targets: { a: { strategy: { keep: 96% } } }",
        "defaults: { slo: { errors: 101% } }",
        "targets: { a: { measure: { limits: { time: 5m } } } }",
        "defaults: { measure: { limits: { time: 5m } } }\ntargets: { a: { measure: { precision: 2% } } }",
        "store: postgres://a",
        "listen: here",
        "encryption: on",
        "log: { format: yaml }",
        "targets: [a]",
        "targets: { 'a b': {} }",
        "targets: { a: { slo: { p99: 250 } } }",
        "targets: { a: { slo: { errors: 1 } } }",
        "targets: { a: { rate: { floor: 50 } } }",
        "targets: { a: { mode: on } }",
        "targets: { a: { measure: { endpoint: checkout } } }",
        "targets: { a: { measure: { endpoint: http://127.0.0.1/, trial_requests: 0 } } }",
        "targets: { a: { agents: [{ id: a }] } }",
        "targets: { a: { agents: [{ id: a, push: http://127.0.0.1/, x: 1 }] } }",
        "tables: {}",
        "schedules: { a: { event: A } }",
        "schedules: { a: { every: 5m } }",
        "schedules: { a: }",
        "schedules: { a: { every: 5m, cron: '@daily', event: A } }",
        "schedules: { a: { every: 5m, time_zone: UTC, event: A } }",
        "schedules: { a: { every: 5m, event: A, data: [1] } }",
        "schedules: { a: { every: 5m, event: A, catch_up: some } }",
        "schedules: [a]",
        "detectors: { a: }",
        "detectors: { a: { url: http://127.0.0.1/ } }",
        "detectors: { a: { kind: http } }",
        "detectors: { a: { kind: http, url: } }",
        "detectors: { a: { kind: http, url: http://127.0.0.1/, image: 'a.example/b:c' } }",
        "detectors: { a: { kind: prometheus, url: http://127.0.0.1/, query: up, event: A } }",
        "detectors: { a: { kind: alertmanager } }",
        "detectors: { a: { kind: alertmanager, event: A, every: 5s } }",
        "detectors: { a: { kind: htp, url: http://127.0.0.1/ } }",
        "detectors: { a: { kind: http, url: http://127.0.0.1/, data: [1] } }",
        "detectors: { a: { kind: http, url: http://127.0.0.1/, colour: red } }",
        "webhooks: { a: }",
        "webhooks: { a: { url: http://127.0.0.1/ } }",
        "webhooks: { a: { secret: '${secret.A}' } }",
        "webhooks: { a: { url: http://127.0.0.1/, secret: whsec_abc } }",
        "webhooks: { a: { url: http://127.0.0.1/, secret: '${secret.}' } }",
        "webhooks: { a: { url: nowhere, secret: '${secret.A}' } }",
    ] {
        assert_eq!(both(wrong), (false, false), "{wrong}");
    }
}

#[test]
fn of_inputs_that_exclude_each_other_one_is_taken() {
    let schema = workflow(&catalogue());
    let takes = |with: Json| {
        let step = json!({ "uses": "agents.dispatch", "with": with });
        accepts(&schema, &json!({ "workflow": "w", "steps": { "a": step } }))
    };
    assert!(takes(json!({ "factor": 0.5 })));
    assert!(takes(json!({ "total_rps": 5.0, "signature": "a" })));
    // Which of the two is there shows when the step runs.
    assert!(takes(json!({ "total_rps": "${inputs.?total}", "factor": "${inputs.?factor}" })));
    assert!(!takes(json!({ "total_rps": 5.0, "factor": 0.5 })));
    assert!(!takes(json!({ "signature": "a" })));
    assert!(!takes(json!({})));
    assert!(!takes(Json::Null));
    assert!(!accepts(&schema, &json!({ "workflow": "w", "steps": { "a": { "uses": "agents.dispatch" } } })));
}
