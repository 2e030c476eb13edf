use super::*;
use crate::base::source::SourceId;
use proptest::prelude::*;

const SOURCE: SourceId = SourceId(0);

fn problems(text: &str) -> Vec<String> {
    let (_, diagnostics) = parse(SOURCE, text);
    diagnostics
        .iter()
        .map(|d| {
            let help = d.help.as_deref().map(|help| format!(" ({help})")).unwrap_or_default();
            format!("{} at `{}`: {}{help}", d.code, &text[d.primary.span.range()], d.message)
        })
        .collect()
}

const GOOD: &str = r#"workflow: every_key
summary: All that a workflow can say.
inputs:
  signature: string
  factor: double?
  tags?: list<string>
  limits: { most: int, names: map<list<string>> }
steps:
  first:
    summary: Looks.
    uses: a.look
    with: { n: 1, text: "x ${inputs.signature}" }
    retry: { attempts: 3, backoff: 1s, max_backoff: 30s }
    timeout: 10m
  second:
    if: '!has(steps.first.x) && "a #b" != inputs.signature'
    needs: [first]
    uses: a.act
    undo: previous
    for_each: ${inputs.tags}
    concurrency: 4
  third:
    if: >-
      steps.first.x > 1 ||
      inputs.factor > 2.0
    uses: a.act
    undo: { uses: a.look, with: { n: 2 } }
outputs:
  n: ${steps.first.n}
on_failure:
  note: { uses: a.look }
"#;

#[test]
fn every_key_finds_its_place() {
    let (workflow, diagnostics) = parse(SOURCE, GOOD);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    let workflow = workflow.unwrap();
    assert_eq!(workflow.name.unwrap().node, "every_key");
    let inputs: Vec<String> = workflow
        .inputs
        .fields
        .iter()
        .map(|f| format!("{}{}: {}", f.name, if f.optional { "?" } else { "" }, f.shape))
        .collect();
    assert_eq!(inputs, ["signature: string", "factor?: double", "tags?: list<string>", "limits: object"]);
    let third = &workflow.steps[2];
    let expression = &third.condition.as_ref().unwrap().expression;
    assert_eq!(expression.text, "steps.first.x > 1 || inputs.factor > 2.0");
    let at = expression.text.find("inputs").unwrap();
    assert_eq!(&GOOD[expression.span(at..at + 6).range()], "inputs");
    assert_eq!(workflow.steps[0].retry.unwrap().attempts, 3);
    assert!(matches!(third.undo, Some(ast::Undo::Action { .. })));
    assert_eq!(workflow.steps[1].concurrency.as_ref().unwrap().node, 4);
    assert_eq!((workflow.outputs.len(), workflow.on_failure.len()), (1, 1));
}

#[test]
fn an_unquoted_condition_is_told_how_to_quote() {
    let shown: Vec<String> = [
        "!has(steps.a.x)",
        "\"a\" in inputs.tags",
        "'a' == inputs.x",
        "[1, 2].exists(x, x == inputs.n)",
        "{\"a\": 1}.a == 1",
        "&x",
        "*x == 1",
        "a ? b : c",
        "[1]",
        "${inputs.x}",
        "",
    ]
    .iter()
    .map(|condition| {
        let text = format!("workflow: w\nsteps:\n  a:\n    if: {condition}\n    uses: x.y\n");
        format!("{condition}\n  {}", problems(&text).join("\n  "))
    })
    .collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn all_problems_of_a_file_are_found_at_once() {
    let text = r#"workflow: 2fast
sumary: x
inputs: { a: strng, b: number, c-d: int, e: "list<int", f: 3 }
steps:
  one:
    use: a.b
    retry: { backoff: soon, attempts: 0, more: 1 }
    timeout: 10
    needs: two
    undo: next
    for_each: nothing
  two: just.text
  three:
    uses: [a]
    with: 5
    concurrency: 2
    retry: { attempts: 2, backoff: 1m, max_backoff: 1s }
  fo-ur: { uses: a.b }
  in: { uses: a.b }
outputs: [a]
on_failure:
  - uses: a.b
"#;
    insta::assert_snapshot!(problems(text).join("\n"));
}

#[test]
fn files_that_are_no_workflow_get_one_problem() {
    let shown: Vec<String> = [
        "",
        "# only a comment\n",
        "services:\n  web: {}\nversion: 3\n",
        "- a\n- b\n",
        "hello\n",
        "workflow: w\n",
        "steps: {}\n",
    ]
    .iter()
    .map(|text| format!("{text:?}\n  {}", problems(text).join("\n  ")))
    .collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn more_than_anyone_writes_is_one_problem() {
    let many = (0..1_001).map(|n| format!("s{n}: {{ uses: a.b }}")).collect::<Vec<_>>().join(", ");
    let found = problems(&format!("workflow: w\nsteps: {{ {many} }}\n"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("H0004") && found[0].contains("1001 entries"), "{found:?}");
}

proptest! {
    #[test]
    fn no_change_of_a_good_file_makes_a_panic(at in 0..GOOD.len(), length in 0..20_usize, with in "[a-z:\\-{}\\[\\]&*!|>'\"#$ \t\né]{0,8}") {
        let mut text = GOOD.to_owned();
        let end = (at + length).min(text.len());
        text.replace_range(at..end, &with);
        let (_, diagnostics) = parse(SOURCE, &text);
        for d in diagnostics.iter() {
            prop_assert!(text.get(d.primary.span.range()).is_some(), "{d:?}");
        }
    }
}
