//! The workflow checker, with a catalogue of its own and the one that ships.

use super::check::check_workflows;
use super::template::Template;
use super::{Undo, Workflow};
use crate::base::source::{SourceId, Sources};
use crate::diagnostic::{Diagnostics, render};
use crate::model::action::{ActionSignature, Catalogue};
use crate::model::schema::{Field, Object, Shape};
use crate::syntax::workflow::parse;

fn catalogue() -> Catalogue {
    let record = Object::new(vec![Field::required("max_rps", Shape::Double, "")]);
    let undoable = ActionSignature {
        undoable: true,
        ..ActionSignature::pure(
            "demo.act",
            "",
            vec![
                Field::optional("rate", Shape::Double, ""),
                Field::optional("names", Shape::List(Box::new(Shape::String)), ""),
            ],
            vec![Field::required("done", Shape::Bool, "")],
        )
    };
    Catalogue::new([
        ActionSignature::pure(
            "demo.look",
            "",
            vec![
                Field::required("key", Shape::String, "what to look for"),
                Field::optional("max_age", Shape::Duration, ""),
            ],
            vec![Field::optional("record", Shape::Object(record), ""), Field::required("count", Shape::Int, "")],
        ),
        undoable,
        ActionSignature::pure("demo.note", "", vec![Field::optional("text", Shape::String, "")], Vec::new()),
    ])
}

fn check(text: &str, catalogue: &Catalogue) -> (Vec<Workflow>, String) {
    let mut sources = Sources::new();
    let source: SourceId = sources.add("w.yaml", text);
    let (tree, mut diagnostics) = parse(source, text);
    let (checked, found) = check_workflows(&tree.into_iter().collect::<Vec<_>>(), catalogue);
    diagnostics.extend(found);
    (checked, render::to_people(&diagnostics, &sources, false))
}

fn good(text: &str) -> Workflow {
    let (mut checked, problems) = check(text, &catalogue());
    assert_eq!(problems, "");
    checked.remove(0)
}

fn problems(text: &str) -> String {
    check(text, &catalogue()).1
}

#[test]
fn a_workflow_is_resolved_with_its_edges_and_literals() {
    let workflow = good(
        r#"workflow: w
inputs: { key: string, names: list<string>, rate: double? }
steps:
  look: { uses: demo.look, with: { key: "${inputs.key}", max_age: 720h } }
  act:
    if: has(steps.look.record)
    uses: demo.act
    with: { rate: 5, names: [a, "${inputs.key}"] }
    undo: previous
    retry: { attempts: 3 }
  each:
    uses: demo.note
    for_each: ${inputs.names}
    concurrency: 2
    with: { text: "${index}: ${item}" }
    undo: { uses: demo.note, with: { text: "${steps.look.count} $${kept}" } }
outputs: { rate: "${steps.look.?record.?max_rps}", done: "${steps.?act.done}" }
on_failure:
  tell: { uses: demo.note, with: { text: "${error.step}: ${error.message}, ${has(steps.look)}" } }
"#,
    );
    let references = |step: usize| -> Vec<String> {
        workflow.steps[step].references.iter().map(|name| name.node.to_string()).collect()
    };
    assert_eq!((references(0), references(1), references(2)), (vec![], vec!["look".into()], vec!["look".into()]));
    let Template::Object(look) = &workflow.steps[0].with else { panic!() };
    assert!(matches!(&look[1].1, Template::Literal(value) if value == "30d"));
    let Template::Object(act) = &workflow.steps[1].with else { panic!() };
    assert!(matches!(&act[0].1, Template::Literal(value) if *value == serde_json::json!(5.0) && value.is_f64()));
    assert_eq!(workflow.steps[2].for_each.as_ref().unwrap().concurrency, 2);
    assert!(matches!(workflow.steps[2].undo, Some(Undo::Action { .. })));
    assert_eq!(workflow.steps[1].retry.unwrap().max_backoff.as_secs(), 60);
    assert_eq!(workflow.outputs.len(), 2);
}

#[test]
fn names_that_do_not_exist_are_told_with_the_nearest() {
    insta::assert_snapshot!(problems(
        r#"workflow: w
inputs: { key: string }
steps:
  look: { uses: demo.lok, with: { key: x } }
  act: { uses: demo.act, needs: [loook, act], with: { raet: 1.0 } }
  other: { uses: demo.look, with: { max_age: 1h } }
  note: { uses: demo.note, with: { text: "${steps.lok.count} ${inputs.kex} ${steps.note.x} ${steps.tell}" } }
  whole: { uses: demo.note, with: { text: "${size(steps)}" } }
  undone: { uses: demo.note, undo: previous }
on_failure:
  note: { uses: demo.note }
  tell: { uses: demo.note, needs: [act] }
"#
    ));
}

#[test]
fn values_that_do_not_fit_are_told_at_the_very_value() {
    insta::assert_snapshot!(problems(
        r#"workflow: w
inputs: { n: int, key: string, names: list<string>, maybe: string? }
steps:
  a: { uses: demo.look, with: { key: 5, max_age: 10 } }
  b: { uses: demo.act, with: { rate: "${inputs.n}", names: nobody } }
  c: { uses: demo.act, with: { rate: fast, names: [x, 3, "${inputs.n}"] } }
  d: { uses: demo.note, with: { text: "all: ${inputs.names}" } }
  e: { uses: demo.act, with: { rate: "about ${inputs.n}" } }
  f: { uses: demo.look, with: { key: "${inputs.?maybe}" } }
  g: { uses: demo.note, with: { text: "${inputs.key" } }
  h: { if: inputs.n, uses: demo.note }
  i: { uses: demo.note, for_each: "${inputs.key}" }
  j: { uses: demo.note, with: { text: "${}" } }
  k: { uses: demo.note, with: { text: ~ } }
  l:
    if: inputs.key == "a #1"
    uses: demo.note
"#
    ));
}

#[test]
fn a_step_that_may_be_skipped_may_be_missing() {
    let text = |expression: &str| {
        format!(
            "workflow: w\ninputs: {{ n: int }}\nsteps:\n  a: {{ if: inputs.n > 1, uses: demo.look, with: {{ key: x }} }}\n  b: {{ uses: demo.note, with: {{ text: \"{expression}\" }} }}\n"
        )
    };
    assert_eq!(problems(&text("${string(steps.?a.count.orValue(0))}")), "");
    assert_eq!(problems(&text("${steps.?a.count.optMap(n, string(n))}")), "");
    assert!(problems(&text("n: ${steps.?a.count}")).contains("this may hold nothing"));
}

#[test]
fn two_workflows_of_one_name_are_told() {
    let text = "workflow: w\nsteps: { a: { uses: demo.note } }\n";
    let mut sources = Sources::new();
    let mut trees = Vec::new();
    for path in ["a.yaml", "b.yaml"] {
        let source = sources.add(path, text);
        trees.extend(parse(source, text).0);
    }
    let (_, found): (_, Diagnostics) = check_workflows(&trees, &catalogue());
    insta::assert_snapshot!(render::to_people(&found, &sources, false));
}

#[test]
fn the_deployment_change_checks_against_the_shipped_actions() {
    let (_, problems) = check(
        r#"workflow: deployment_change
summary: Measure a new deployment, then set every agent's rate to what it can bear.
inputs: { signature: string }
steps:
  check_recorder:
    uses: recorder.lookup
    with: { signature: "${inputs.signature}", max_age: 30d }
  hold:
    if: "!has(steps.check_recorder.record)"
    uses: agents.dispatch
    with: { total_rps: "${target.rate.interim_rps}" }
    undo: previous
  load_test:
    needs: [hold]
    if: "!has(steps.check_recorder.record)"
    uses: pressure.measure
    timeout: 10m
  save:
    if: has(steps.?load_test.max_rps)
    uses: recorder.save
    with: { signature: "${inputs.signature}", measurement: "${steps.load_test}" }
  adjust:
    uses: adjust.compute
    with: { max_rps: "${steps.?load_test.max_rps.or(steps.check_recorder.?record.max_rps).value()}" }
  dispatch:
    uses: agents.dispatch
    with: { assignments: "${steps.adjust.assignments}" }
    undo: previous
  stable:
    uses: state.stable
    needs: [save, dispatch]
    with: { signature: "${inputs.signature}" }
on_failure:
  degrade: { uses: state.degraded, with: { reason: "${error.message}" } }
"#,
        &crate::action::catalogue(),
    );
    assert_eq!(problems, "");
}
