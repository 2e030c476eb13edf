//! Workflows that call others, played: crashes and failures at every step within, what is undone, and what is kept.

use std::sync::Arc;

use super::coverage::Coverage;
use super::tests::{played, read};
use super::verdict::judge;
use super::world::Laws;
use crate::app::program::{StoredPlans, assemble};
use crate::base::source::Sources;
use crate::compile::compile;
use crate::diagnostic::Diagnostics;
use crate::diagnostic::render::to_people;

/// Two calls within each other, and one of the same workflow beside them.
const OUTER: &str = r#"workflow: outer
inputs: { signature: string }
steps:
  first: { uses: workflow.lower, with: { factor: 0.9 } }
  middle:
    needs: [first]
    uses: workflow.middle
    with: { signature: "${inputs.signature}" }
  rest:
    needs: [middle]
    uses: state.stable
    with: { signature: "${steps.middle.signature}" }
on_failure:
  again: { uses: workflow.lower, with: { factor: 0.1 } }
  degrade: { needs: [again], uses: state.degraded, with: { reason: "${error.step}" } }
outputs:
  total_rps: "${steps.middle.?total_rps}"
"#;
const MIDDLE: &str = r#"workflow: middle
inputs: { signature: string }
steps:
  look: { uses: recorder.lookup, with: { signature: "${inputs.signature}" } }
  lower:
    if: "!has(steps.look.record)"
    uses: workflow.lower
    with: { factor: 0.5 }
  undo: { needs: [lower], uses: agents.dispatch, with: { factor: 0.5 }, undo: previous }
outputs:
  signature: "${inputs.signature}"
  total_rps: "${steps.?lower.total_rps}"
"#;
const LOWER: &str = r#"workflow: lower
inputs: { factor: double }
steps:
  slow: { uses: agents.dispatch, with: { factor: "${inputs.factor}" }, undo: previous }
outputs:
  total_rps: "${steps.slow.total_rps}"
"#;

const GIVEN: &str = "given:
  config: { targets: { checkout: { mode: enforce, rate: { floor: 1rps }, measure: { endpoint: \"http://127.0.0.1:1/\" } } } }
  targets: { checkout: { signature: v1, rate: 100rps, agents: [one, two] } }
";

fn laws() -> Laws {
    let mut sources = Sources::new();
    for (path, text) in [("outer.yaml", OUTER), ("middle.yaml", MIDDLE), ("lower.yaml", LOWER)] {
        sources.add(path, text);
    }
    let compilation = compile(sources, Diagnostics::new(), &crate::action::catalogue());
    Laws { program: assemble(compilation).unwrap(), planner: Arc::new(StoredPlans) }
}

/// Everything that is wrong once the scenario was played.
fn wrong(text: &str, laws: &Laws) -> String {
    let (scenario, played, sources) = played(text, laws);
    to_people(&judge(&scenario, &played, &laws.program), &sources, false)
}

const PERFORMED: [&str; 4] = ["first/slow", "middle/look", "middle/lower/slow", "middle/undo"];

#[test]
fn a_crash_at_any_step_within_changes_nothing() {
    let laws = laws();
    for step in PERFORMED.iter().chain(&["rest"]) {
        for side in ["before", "after"] {
            let text = format!(
                "scenario: a
{GIVEN}when:
  - {{ crash: {{ {side}: {step} }}, down: 3s }}
  - {{ run: outer, inputs: {{ signature: v2 }} }}
then:
  runs: [{{ status: succeeded, outputs: {{ total_rps: 50 }}, steps: {{ middle/lower: {{ output: {{ total_rps: 50 }} }} }} }}]
  dispatched:
    - {{ step: first/slow, undo: false, total_rps: 90 }}
    - {{ step: middle/lower/slow, undo: false, total_rps: 50 }}
    - {{ step: middle/undo, undo: false, total_rps: 50 }}
  targets: {{ checkout: {{ phase: stable, signature: v2 }} }}
"
            );
            assert_eq!(wrong(&text, &laws), "", "{side} {step}");
        }
    }
}

#[test]
fn a_failure_at_any_step_within_undoes_all_in_reverse_order_and_the_caller_handles_it() {
    let laws = laws();
    let undone = ["first/slow", "middle/lower/slow", "middle/undo"];
    for step in PERFORMED.iter().chain(&["rest"]) {
        let begun = PERFORMED.iter().chain(&["rest"]).take_while(|other| *other != step).chain([step]);
        let undone: Vec<_> = begun.filter(|begun| undone.contains(begun)).collect();
        let undone: Vec<_> =
            undone.iter().rev().map(|step| format!("    - {{ step: {step}, undo: true }}\n")).collect();
        let done: Vec<_> = PERFORMED.iter().take_while(|other| *other != step).collect();
        let done = done.iter().filter(|step| **step != &"middle/look");
        let done: Vec<_> = done.map(|step| format!("    - {{ step: {step}, undo: false }}\n")).collect();
        for crash in ["", &format!("  - {{ crash: {{ after: {step} }} }}\n")] {
            let text = format!(
                "scenario: a
{GIVEN}mock: {{ {step}: {{ fails: it was made to }} }}
when:
{crash}  - {{ run: outer, inputs: {{ signature: v2 }} }}
then:
  runs: [{{ status: failed, steps: {{ {step}: failed, again/slow: succeeded, degrade: succeeded }} }}]
  dispatched:
{}{}    - {{ step: again/slow, undo: false }}
  targets: {{ checkout: {{ phase: degraded, reason: {step} }} }}
",
                done.concat(),
                undone.concat(),
            );
            assert_eq!(wrong(&text, &laws), "", "{step} {crash}");
        }
    }
}

#[test]
fn what_has_succeeded_within_a_call_is_kept_where_the_run_is_tried_again() {
    let text = format!(
        "scenario: a
{GIVEN}mock: {{ rest: [{{ fails: it was made to }}, real] }}
when:
  - {{ run: outer, inputs: {{ signature: v2 }} }}
  - {{ at: 10s, retry: outer, from_failed_step: true }}
then:
  runs:
    - {{ status: failed }}
    - status: succeeded
      # Its effect was undone, so it is done again; what only looked is not.
      steps: {{ first/in: kept, first/slow: {{ performed: 1 }}, middle/in: kept, middle/look: kept, middle/undo: succeeded }}
"
    );
    assert_eq!(wrong(&text, &laws()), "");
}

#[test]
fn steps_count_for_the_workflow_that_they_are_written_in() {
    let laws = laws();
    let mut coverage = Coverage::of(&laws.program);
    for when in ["{ run: outer, inputs: { signature: v2 } }", "{ run: lower, inputs: { factor: 0.5 } }"] {
        let (_, played, _) = played(
            &format!("scenario: a\n{GIVEN}when: [{when}]\nthen: {{ runs: [{{ status: succeeded }}] }}\n"),
            &laws,
        );
        coverage.take_in(&played, &laws.program);
    }
    let gaps: Vec<_> = coverage.gaps().map(ToString::to_string).collect();
    insta::assert_snapshot!(gaps.join("\n"));
}

#[test]
fn a_call_itself_is_not_performed() {
    let text = format!(
        "scenario: a
{GIVEN}mock: {{ first: {{ fails: no }}, outer.middle/lower: {{ output: {{}} }}, slow: real }}
when:
  - {{ crash: {{ before: first/in }} }}
  - {{ run: outer, inputs: {{ signature: v2 }} }}
then:
  runs: [{{ workflow: outer, steps: {{ first: succeeded, middle/lower/slow: {{ output: {{ total: 5 }} }}, middle/slow: failed }} }}]
  never: [{{ step: middle }}]
"
    );
    let (_, problems, sources) = read(&text, &laws());
    insta::assert_snapshot!(to_people(&problems, &sources, false));
}
