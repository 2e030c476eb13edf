//! Mistakes that have nothing to do with each other stand in one file, in any order: each is told as if it stood alone.

use std::fs;

use homeostat::app::program::check;
use proptest::prelude::*;

use super::RIGHT;

/// Items of a rules file, each with a mistake.
const ITEMS: &[&str] = &[
    "rule no_clause {\n    on   SPIKE\n    wehn event.data.count > 3\n    run  rest()\n}\n",
    "rule assigned {\n    on   SPIKE\n    when event.data.count = 3\n    run  rest()\n}\n",
    "rule unit {\n    on        SPIKE\n    threshold 3 within 60\n    run       rest()\n}\n",
    "rule open_bracket {\n    on   SPIKE\n    when (event.data.count > 3\n    run  rest()\n}\n",
    "rule open_text {\n    on   SPIKE\n    when event.type == \"SPIKE\n    run  rest()\n}\n",
    "rule open_call {\n    on   SPIKE\n    run  rest(\n}\n",
    "rule not_closed {\n    on   SPIKE\n    run  rest()\n",
    "rule twice {\n    on   SPIKE\n    on   CHANGE\n    run  rest()\n}\n",
    "rule misspelt_input {\n    on   CHANGE\n    run  measure(signatrue: event.data.signature)\n}\n",
    "rule null {\n    on   SPIKE\n    when target.rate_rps > 1.0\n    run  rest()\n}\n",
    "rule types {\n    on   SPIKE\n    when event.data.count == \"3\"\n    run  rest()\n}\n",
    "rule bad-name {\n    on   SPIKE\n    run  rest()\n}\n",
    "RULE capitals {\n    on   SPIKE\n    run  rset()\n}\n",
    "ruel swapped {\n    on   SPIKES\n    run  rest()\n}\n",
    "rule nothing_to_do {\n    on   SPIKE\n}\n",
    "rule over_long_lines {\n    on   SPIKE\n    when event.data.count > 3 ||\n         event.data.cuont > 4\n    run  rest()\n}\n",
    "event FIELDS { a: strin, b: int? }\n",
    "event COMMA { a: string b: int }\n",
    "event NOT_CLOSED { a: string\n",
    "Event CAPITALS { a: enum(\"x\", \"y\") }\n",
];

/// Steps of a workflow, each with a mistake.
const STEPS: &[&str] = &[
    "  unit: { uses: state.stable, timeout: 30 }\n",
    "  action: { uses: state.stabel }\n",
    "  key: { use: state.stable }\n",
    "  no-name: { uses: state.stable }\n",
    "  quotes:\n    if: !has(inputs.name)\n    uses: state.stable\n",
    "  template:\n    if: ${inputs.name == \"x\"}\n    uses: state.stable\n",
    "  part:\n    if: \"${inputs.name} == 'x'\"\n    uses: state.stable\n",
    "  syntax:\n    if: inputs.name = \"x\"\n    uses: state.stable\n",
    "  types:\n    if: inputs.name == 3\n    uses: state.stable\n",
    "  field:\n    if: inputs.nmae == \"x\"\n    uses: state.stable\n",
    "  need: { uses: state.stable, needs: [nobody] }\n",
    "  itself: { uses: state.stable, needs: [itself] }\n",
    "  text: { uses: state.stable, needs: other }\n",
    "  open: { uses: recorder.lookup, with: { signature: \"${inputs.name\" } }\n",
    "  missing: { uses: adjust.compute }\n",
    "  misspelt: { uses: adjust.compute, with: { max_rsp: 3.0 } }\n",
    "  exclusive: { uses: agents.dispatch, with: { total_rps: 3.0, factor: 0.5 } }\n",
    "  list:\n    - uses: state.stable\n",
    "  empty:\n",
    "  back: { uses: state.stable, undo: previous }\n",
    "  again: { uses: state.stable, retry: 3 }\n",
    "  loop: { uses: state.stable, for_each: inputs.name }\n",
    "  may_be_null: { uses: recorder.lookup, with: { signature: \"at ${target.rate_rps}\" } }\n",
];

/// Code and message of everything that is told of a file, sorted.
fn told(name: &str, text: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    fs::write(&file, text).unwrap();
    let compilation = check(&[RIGHT.into(), file]);
    let mut told: Vec<String> =
        compilation.diagnostics.iter().map(|problem| format!("{}: {}", problem.code, problem.message)).collect();
    told.sort();
    told
}

/// Of each that stands alone, and of all together.
fn compare(name: &str, head: &str, mistakes: &[&str]) {
    let mut alone: Vec<String> = mistakes.iter().flat_map(|mistake| told(name, &format!("{head}{mistake}"))).collect();
    alone.sort();
    let text = format!("{head}{}", mistakes.concat());
    assert_eq!(told(name, &text), alone, "\n{text}");
}

const HEAD: &str = "workflow: together\ninputs: { name: string }\nsteps:\n";

#[test]
fn every_mistake_is_told_once() {
    for (name, head, mistakes) in [("a.rules", "", ITEMS), ("a.yaml", HEAD, STEPS)] {
        for mistake in mistakes {
            let told = told(name, &format!("{head}{mistake}"));
            assert!((1..=2).contains(&told.len()), "{mistake}{told:#?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_mistake_of_a_rules_file_hides_another(
        mistakes in proptest::sample::subsequence(ITEMS.to_vec(), 2..=5).prop_shuffle(),
    ) {
        compare("a.rules", "", &mistakes);
    }

    #[test]
    fn no_mistake_of_a_workflow_hides_another(
        mistakes in proptest::sample::subsequence(STEPS.to_vec(), 2..=5).prop_shuffle(),
    ) {
        compare("a.yaml", HEAD, &mistakes);
    }
}
