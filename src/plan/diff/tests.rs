use serde_json::json;

use super::{Outline, diff, to_json, to_text};
use crate::base::source::Sources;
use crate::compile::compile;
use crate::diagnostic::Diagnostics;
use crate::diagnostic::render::to_people;
use crate::plan::render::{Format, render};

const RULES: &str = r#"
event SPIKE { p99_ms: double, who?: string }
event CALM {}
rule spike {
    on        SPIKE
    when      event.data.p99_ms > 100.0 && target.phase == "stable"
    threshold 3 within 1m
    busy      drop
    run       slow(factor: 0.8, note: event.data.?who.orValue("nobody"))
    emit      CALM() after 30m
}
"#;

const WORKFLOW: &str = r#"
workflow: slow
summary: Slower.
inputs: { factor: double, note?: string }
steps:
  # First of all.
  look:
    uses: recorder.lookup
    with: { signature: "a ${inputs.?note.orValue('b')} c", max_age: 30d }
    timeout: 60s
  tell:
    needs: [look]
    if: "!has(steps.look.record) && inputs.factor < 1.0"
    uses: agents.dispatch
    with: { total_rps: "${target.rate.floor_rps * inputs.factor}" }
    retry: { attempts: 3, backoff: 1s }
    timeout: 30s
    undo: previous
  rest:
    needs: [tell]
    uses: state.stable
on_failure:
  degrade: { uses: state.degraded, with: { reason: "${error.message}" } }
outputs: { seen: "${steps.look.?record}" }
"#;

fn outline(rules: &str, workflow: &str) -> Outline {
    let mut sources = Sources::new();
    if !rules.is_empty() {
        sources.add("a.rules", rules);
    }
    sources.add("a.yaml", workflow);
    let compilation = compile(sources, Diagnostics::new(), &crate::action::catalogue());
    let Some(program) = compilation.program else {
        panic!("{}", to_people(&compilation.diagnostics, &compilation.sources, false));
    };
    Outline::of_program(&program, compilation.plans.iter().map(AsRef::as_ref))
}

/// What the replacements change, in the rules and in the workflow.
fn changed(replacements: &[(&str, &str)]) -> String {
    let (mut rules, mut workflow) = (RULES.to_owned(), WORKFLOW.to_owned());
    for (old, new) in replacements {
        assert!(rules.contains(old) != workflow.contains(old), "{old}");
        rules = rules.replace(old, new);
        workflow = workflow.replace(old, new);
    }
    to_text(&diff(&outline(RULES, WORKFLOW), &outline(&rules, &workflow)))
}

#[test]
fn another_text_of_the_same_meaning_is_no_change() {
    for replacements in [
        &[("summary: Slower.", "summary: Other words."), ("  # First of all.\n", "")][..],
        &[("max_age: 30d", "max_age: \"720h\""), ("timeout: 60s", "timeout: 1m")],
        &[("!has(steps.look.record) && inputs.factor < 1.0", "( !has( steps.look.record ) )&&inputs.factor<1.00")],
        &[("orValue('b')} c\"", "orValue( \\\"b\\\" ) } c\"")],
        &[("with: { reason: \"${error.message}\" }", "with: { reason: '${ error.message }' }")],
        &[("{ factor: double, note?: string }", "\n  note?: string\n  factor: double")],
        &[("threshold 3 within 1m", "// Often.\n threshold 3 within 60s")],
        &[(
            "factor: 0.8, note: event.data.?who.orValue(\"nobody\")",
            "note: event.data.?who.orValue('nobody'), factor: 8e-1",
        )],
        &[("event CALM {}", "/// Nothing.\nevent CALM {\n}")],
        &[("    needs: [look]\n    if:", "    if:")],
    ] {
        assert_eq!(changed(replacements), "no change in meaning\n", "{replacements:?}");
    }
}

#[test]
fn every_change_of_meaning_is_told() {
    let all = [
        ("timeout: 60s", "timeout: 2m"),
        ("inputs.factor < 1.0", "inputs.factor <= 1.0"),
        ("floor_rps * inputs.factor", "floor_rps"),
        ("retry: { attempts: 3, backoff: 1s }", "retry: { attempts: 4, backoff: 1s }"),
        ("    undo: previous\n", ""),
        ("{ factor: double, note?: string }", "{ factor: double, note?: string, more?: int }"),
        ("needs: [tell]", "needs: [wait]"),
        ("  rest:\n", "  wait: { uses: recorder.lookup, needs: [tell], with: { signature: x } }\n  rest:\n"),
        ("degrade: {", "worse: {"),
        ("outputs: { seen: \"${steps.look.?record}\" }", ""),
        ("when      event.data.p99_ms > 100.0 &&", "when      event.data.p99_ms > 200.0 &&"),
        ("threshold 3 within 1m", "throttle  1 per 5m"),
        ("busy      drop", "busy      queue"),
        ("factor: 0.8", "factor: 0.7"),
        ("CALM() after 30m", "CALM() after 10m"),
        ("who?: string", "who: string"),
        ("event.data.?who.orValue(\"nobody\")", "event.data.who"),
        ("event CALM {}", "event CALM {}\nevent STORM {}"),
    ];
    insta::assert_snapshot!(changed(&all));
    for one in all
        .chunks(1)
        .filter(|one| !matches!(one, [("needs: [tell]" | "who?: string" | "event.data.?who.orValue(\"nobody\")", _)]))
    {
        assert_ne!(changed(one), "no change in meaning\n", "{one:?}");
    }
}

#[test]
fn a_saved_plan_is_as_good_as_its_file() {
    let mut sources = Sources::new();
    sources.add("a.yaml", WORKFLOW);
    let compilation = compile(sources, Diagnostics::new(), &crate::action::catalogue());
    let saved = serde_json::from_str(&render(&compilation.plans[0], Format::Json)).unwrap();
    let saved = Outline::of_saved(&saved).unwrap();
    assert_eq!(diff(&saved, &Outline::of_plan(&compilation.plans[0])), []);
    assert_eq!(diff(&saved, &outline(RULES, WORKFLOW)), [], "of a folder, the workflow of that name counts");
    let other = outline("", &WORKFLOW.replace("workflow: slow", "workflow: slower"));
    assert_eq!(to_text(&diff(&saved, &other)), "~ workflow slower\n    ~ workflow: slow → slower\n\n1 change\n");
    for broken in [json!(null), json!({}), json!({ "workflow": "x" }), json!({ "workflow": 1, "steps": [] })] {
        assert_eq!(Outline::of_saved(&broken), None);
    }
}

#[test]
fn programs_get_each_change_with_both_values() {
    let new = outline(RULES, &WORKFLOW.replace("timeout: 60s", "timeout: 2m"));
    let changes = to_json(&diff(&outline(RULES, WORKFLOW), &new));
    let expected = json!({ "changes": [{
        "in": "workflow", "name": "slow", "path": ["steps", "look", "timeout"], "change": "changed", "old": "1m", "new": "2m",
    }] });
    assert_eq!(changes, expected);
}
