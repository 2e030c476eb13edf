//! The limits that `docs/limits.md` states: what is just within is taken, what is just beyond is refused by its code.

use std::fmt::Write as _;

use homeostat::action::catalogue;
use homeostat::api::cloud_event;
use homeostat::base::clock::Timestamp;
use homeostat::base::source::Sources;
use homeostat::compile::compile;
use homeostat::diagnostic::{Diagnostics, MAX_OF_FILE};

/// The codes of what is wrong with one file, in the order of their places, each run of the same once.
fn codes(path: &str, text: &str) -> Vec<String> {
    let mut sources = Sources::new();
    sources.add(path, text);
    let compilation = compile(sources, Diagnostics::new(), &catalogue());
    super::invariants::diagnostics_can_be_shown(&compilation.diagnostics, &compilation.sources);
    let mut codes: Vec<String> = compilation.diagnostics.iter().map(|problem| problem.code.to_string()).collect();
    codes.dedup();
    codes
}

/// What the limit allows has no problem; one more has that one.
fn limit(path: &str, most: usize, code: &str, text: impl Fn(usize) -> String) {
    let none: [&str; 0] = [];
    assert_eq!(codes(path, &text(most)), none, "{path} with {most}");
    assert_eq!(codes(path, &text(most + 1)), [code], "{path} with {}", most + 1);
}

fn listed(count: usize, mut item: impl FnMut(usize) -> String) -> String {
    (0..count).map(&mut item).collect()
}

#[test]
fn a_rules_file_has_a_mebibyte() {
    limit("a.rules", 1 << 20, "H0004", |bytes| format!("//{}", "x".repeat(bytes - 2)));
}

#[test]
fn a_file_of_four_mebibytes_is_read_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.yaml");
    let right = "workflow: w\nsteps: { a: { uses: state.degraded } }\n#";
    for (bytes, found) in [(4 << 20, vec![]), ((4 << 20) + 1, vec!["H0004"])] {
        std::fs::write(&path, format!("{right}{}", "x".repeat(bytes - right.len()))).unwrap();
        let compilation = homeostat::app::program::check(std::slice::from_ref(&path));
        let codes: Vec<String> = compilation.diagnostics.iter().map(|problem| problem.code.to_string()).collect();
        assert_eq!(codes, found);
    }
}

/// A rule whose condition is this expression.
fn when(condition: &str) -> String {
    format!("event A {{}}\nrule a {{\n    on A\n    when {condition}\n    emit A()\n}}\n")
}

#[test]
fn an_expression_has_64_kibibytes_48_brackets_and_128_levels() {
    limit("a.rules", 64 << 10, "H0106", |bytes| when(&format!("'{}' == ''", "x".repeat(bytes - 8))));
    limit("a.rules", 48, "H0106", |deep| when(&format!("{}true{}", "(".repeat(deep), ")".repeat(deep))));
    limit("a.rules", 127, "H0106", |deep| when(&format!("{}true", "!".repeat(deep))));
}

#[test]
fn brackets_nest_64_deep_in_a_rules_file_and_types_32_deep() {
    let found = codes("a.rules", &when(&format!("{}true{}", "(".repeat(64), ")".repeat(64))));
    assert_eq!(found, ["H0004"], "the braces of the rule count, too");
    limit("a.rules", 31, "H0004", |deep| format!("event A {{ a: {}int{} }}", "list<".repeat(deep), ">".repeat(deep)));
    limit("a.yaml", 32, "H0004", |deep| {
        let inputs = format!("inputs: {{ a: '{}int{}' }}", "list<".repeat(deep), ">".repeat(deep));
        format!("workflow: w\n{inputs}\nsteps: {{ a: {{ uses: state.degraded }} }}\n")
    });
}

#[test]
fn an_object_has_a_thousand_fields() {
    limit("a.rules", 1_000, "H0004", |count| format!("event A {{ {} }}", listed(count, |at| format!("f{at}: int, "))));
}

/// A workflow of one step with this argument.
fn with(reason: &str) -> String {
    format!("workflow: w\nsteps:\n  a:\n    uses: state.degraded\n    with: {{ reason: {reason} }}\n")
}

#[test]
fn yaml_nests_64_deep_and_has_200_000_values_with_its_aliases() {
    let deep = |deep: usize| format!("{}x{}", "[".repeat(deep), "]".repeat(deep));
    // Three mappings are around it; that a list is no text is said where it is not too deep.
    assert_eq!(codes("a.yaml", &with(&deep(60))), ["H0304"]);
    assert_eq!(codes("a.yaml", &with(&deep(61))), ["H0004"]);
    let aliases = |count: usize| format!("a: &a [{}]\nb: [{}]\n", "x, ".repeat(1_000), "*a, ".repeat(count));
    assert_ne!(codes("a.yaml", &aliases(100)), ["H0004"]);
    assert_eq!(codes("a.yaml", &aliases(200)), ["H0004"]);
    let text = |count: usize| format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), "*a, ".repeat(count));
    assert_ne!(codes("a.yaml", &text(4)), ["H0004"]);
    assert_eq!(codes("a.yaml", &text(8)), ["H0004"]);
}

#[test]
fn a_workflow_has_a_thousand_steps_and_inputs() {
    let steps = |count| listed(count, |at| format!("  s{at}: {{ uses: recorder.lookup, with: {{ signature: a }} }}\n"));
    limit("a.yaml", 1_000, "H0004", |count| format!("workflow: w\nsteps:\n{}", steps(count)));
    let end = "  end: { uses: recorder.lookup, with: { signature: a }";
    limit("a.yaml", 1_000, "H0004", |count| {
        let inputs = listed(count, |at| format!("  i{at}: string\n"));
        format!("workflow: w\ninputs:\n{inputs}steps:\n{end} }}\n")
    });
}

#[test]
fn what_is_counted_in_a_step_has_its_most() {
    let step = |more: &str| {
        format!("workflow: w\nsteps:\n  a: {{ uses: recorder.lookup, with: {{ signature: a }}, {more} }}\n")
    };
    limit("a.yaml", 100, "H0304", |count| step(&format!("retry: {{ attempts: {count} }}")));
    limit("a.yaml", 1_000, "H0304", |count| step(&format!("for_each: [1], concurrency: {count}")));
}

#[test]
fn sixty_four_steps_propose_phases() {
    limit("a.yaml", 64, "H0401", |count| {
        format!("workflow: w\nsteps:\n{}", listed(count, |at| format!("  s{at}: {{ uses: state.stable }}\n")))
    });
}

#[test]
fn a_thousand_problems_of_a_file_are_listed() {
    let wrong = |count| listed(count, |at| format!("rule r{at} {{ on B emit C() }}\n"));
    assert_eq!(codes("a.rules", &wrong(MAX_OF_FILE / 2)), ["H0202"]);
    assert_eq!(codes("a.rules", &wrong(MAX_OF_FILE / 2 + 1)), ["H0202", "H0007"]);
    let mut right_too = wrong(MAX_OF_FILE);
    let _ = writeln!(right_too, "event B {{}}\nevent C {{}}");
    let none: [&str; 0] = [];
    assert_eq!(codes("a.rules", &right_too), none);
}

#[test]
fn an_event_has_64_extensions_of_1024_bytes_and_a_batch_1000_events() {
    let event = |more: &str| format!(r#"{{"specversion": "1.0", "id": "1", "source": "/s", "type": "A"{more}}}"#);
    let read = |kind: &str, body: &str| {
        let mut headers = http::HeaderMap::new();
        headers.insert("content-type", kind.parse().unwrap());
        cloud_event::read(&headers, body.as_bytes(), Timestamp(0)).map_err(|problem| problem.status)
    };
    let one = "application/cloudevents+json";
    for (extensions, taken) in [(64, true), (65, false)] {
        let more = listed(extensions, |at| format!(r#", "x{at}": 1"#));
        assert_eq!(read(one, &event(&more)).is_ok(), taken);
    }
    for (bytes, taken) in [(1_024, true), (1_025, false)] {
        assert_eq!(read(one, &event(&format!(r#", "subject": "{}""#, "s".repeat(bytes)))).is_ok(), taken);
    }
    let batch = |count| format!("[{}]", vec![event(""); count].join(","));
    let many = "application/cloudevents-batch+json";
    assert_eq!(read(many, &batch(1_000)).map(|events| events.len()), Ok(1_000));
    assert_eq!(read(many, &batch(1_001)).map(|events| events.len()), Err(413));
}
