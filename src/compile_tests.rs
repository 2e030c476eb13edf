//! The whole front end: several files at once, and files that mean harm.

use std::path::PathBuf;

use proptest::prelude::*;

use super::{Compilation, compile, load_and_compile};
use crate::base::source::Sources;
use crate::diagnostic::{Code, Diagnostics};

const RULES: &str = r"/// A deployment changed.
event CHANGED { signature: string, tags?: list<string> }
rule changed {
    on   CHANGED
    when event.data.signature != target.signature
    busy supersede
    run  change(signature: event.data.signature)
}
";

const WORKFLOW: &str = r#"workflow: change
inputs: { signature: string }
steps:
  look: { uses: recorder.lookup, with: { signature: "${inputs.signature}", max_age: 30d } }
  stable:
    if: '!has(steps.look.record) || true'
    uses: state.stable
    with: { signature: "${inputs.signature}" }
  degraded:
    if: "!(!has(steps.look.record) || true)"
    uses: state.degraded
"#;

fn compiled(files: &[(&str, &str)]) -> Compilation {
    let mut sources = Sources::new();
    for (path, text) in files {
        sources.add(*path, *text);
    }
    compile(sources, Diagnostics::new(), &crate::action::catalogue())
}

fn codes(compilation: &Compilation) -> Vec<Code> {
    compilation.diagnostics.iter().map(|problem| problem.code).collect()
}

#[test]
fn rules_and_workflows_become_one_program() {
    let compilation = compiled(&[("a.rules", RULES), ("w.yaml", WORKFLOW)]);
    assert!(codes(&compilation).is_empty(), "{:?}", compilation.diagnostics);
    let program = compilation.program.unwrap();
    assert_eq!((program.events.len(), program.rules.len(), program.workflows.len()), (1, 1, 1));
    assert_eq!(program.workflow("change").unwrap().steps.len(), 3);
    assert_eq!(compilation.plans.len(), 1);
}

#[test]
fn a_workflow_that_cannot_be_read_is_not_missed_as_well() {
    assert_eq!(codes(&compiled(&[("a.rules", RULES)])), [Code::UnknownWorkflow]);
    let broken = "workflow: change\ninputs: { signature: string }\nsteps: [\n";
    assert_eq!(codes(&compiled(&[("a.rules", RULES), ("w.yaml", broken)])), [Code::YamlSyntax]);
}

#[test]
fn a_file_that_cannot_be_loaded_says_only_that() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.yaml"), b"workflow: \xff\n").unwrap();
    std::fs::write(folder.path().join("b.rules"), b"event \xff\n").unwrap();
    std::fs::write(folder.path().join("c.yaml"), vec![b'a'; 5 * 1024 * 1024]).unwrap();
    let paths: Vec<PathBuf> = vec![folder.path().to_owned()];
    let compilation = load_and_compile(&paths, &crate::action::catalogue());
    assert_eq!(codes(&compilation), [Code::NotUtf8, Code::NotUtf8, Code::TooLarge]);
    assert!(compilation.program.is_none());
}

#[test]
fn hostile_nesting_ends_in_one_diagnostic_of_its_file() {
    let deep = |open: &str| open.repeat(100_000);
    let step = |text: &str| format!("workflow: w\nsteps:\n  a:\n    uses: state.degraded\n    {text}\n");
    for text in [
        deep("["),
        deep("{a: "),
        step(&format!("if: 'x{}'", deep("("))),
        step(&format!("with: {{ reason: '${{{}}}' }}", deep("("))),
        step(&format!("with: {{ reason: '{}' }}", deep("${"))),
        format!("workflow: w\nsteps: {{ a: {{ uses: state.degraded }} }}\ninputs: {{ a: '{}' }}\n", deep("list<")),
    ] {
        let compilation = compiled(&[("w.yaml", &text)]);
        assert_eq!(compilation.diagnostics.iter().count(), 1, "{} {:?}", &text[..60], codes(&compilation));
    }
    for text in [deep("("), deep("event A { a: {"), format!("rule a {{\n when {}\n}}\n", deep("["))] {
        assert!(compiled(&[("a.rules", &text)]).diagnostics.has_errors());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_change_of_right_files_makes_a_panic(
        at in 0..RULES.len().min(WORKFLOW.len()),
        length in 0..30_usize,
        with in "[a-z:(){}\\[\\]<>&*!|'\"#$?.=/ \t\né0-9]{0,12}",
    ) {
        let changed = |text: &str| {
            let mut text = text.to_owned();
            let end = (at + length).min(text.len());
            text.replace_range(at..end, &with);
            text
        };
        let (rules, workflow) = (changed(RULES), changed(WORKFLOW));
        let compilation = compiled(&[("a.rules", &rules), ("w.yaml", &workflow)]);
        for problem in compilation.diagnostics.iter() {
            let source = compilation.sources.get(problem.primary.span.source).unwrap();
            prop_assert!(source.text.get(problem.primary.span.range()).is_some(), "{problem:?}");
        }
    }

    #[test]
    fn no_bytes_make_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        compiled(&[("a.rules", &text), ("w.yaml", &text)]);
    }
}

/// What two files are called here that call each other.
fn calls(text: &str) -> String {
    format!("workflow: outer\ninputs: {{ signature: string }}\nsteps:\n{text}")
}

const PART: &str = r#"workflow: part
inputs: { signature: string, factor?: double }
steps:
  look: { uses: recorder.lookup, with: { signature: "${inputs.signature}" } }
  slow:
    if: has(inputs.factor)
    uses: agents.dispatch
    with: { factor: "${inputs.factor}" }
    undo: previous
outputs:
  known: "${has(steps.look.record)}"
  total: "${steps.?slow.total_rps}"
  running: "${target.signature}"
  text: "at ${inputs.signature}"
  list: [1, 2]
  fixed: { number: 1.5, nothing: null }
"#;

fn messages(compilation: &Compilation) -> Vec<String> {
    compilation.diagnostics.iter().map(|problem| format!("{} {}", problem.code, problem.message)).collect()
}

#[test]
fn a_call_is_typed_by_what_is_called() {
    let wrong = calls(concat!(
        "  call: { uses: workflow.part, with: { signature: \"${inputs.signature}\" } }\n",
        "  bool: { if: \"steps.call.known == 1\", uses: state.stable }\n",
        "  absent: { uses: adjust.compute, with: { max_rps: \"${steps.call.?total}\" } }\n",
        "  nullable: { uses: recorder.lookup, with: { signature: \"${steps.call.running}\" } }\n",
        "  text: { uses: adjust.compute, with: { max_rps: \"${steps.call.text}\" } }\n",
        "  right: { uses: adjust.compute, with: { max_rps: \"${steps.call.fixed.number}\" } }\n",
        "  list: { if: steps.call.list.size() > 1, uses: recorder.lookup, with: { signature: \"${steps.call.fixed.more}\" } }\n",
    ));
    let compilation = compiled(&[("a/outer.yaml", &wrong), ("b/part.yaml", PART)]);
    insta::assert_snapshot!(messages(&compilation).join("\n"));
}

#[test]
fn workflows_that_call_each_other_are_told_once_with_the_whole_circle() {
    let one =
        |name: &str, callee: &str| format!("workflow: {name}\nsteps: {{ call: {{ uses: workflow.{callee} }} }}\n");
    let files = [("a", "b"), ("b", "c"), ("c", "a"), ("d", "a"), ("e", "e")];
    let texts: Vec<_> = files.iter().map(|(name, callee)| (format!("{name}.yaml"), one(name, callee))).collect();
    let texts: Vec<_> = texts.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let compilation = compiled(&texts);
    assert_eq!(
        messages(&compilation),
        [
            "H0405 workflows call each other: `a` calls `b`, which calls `c`, which calls `a`",
            "H0405 workflow `e` calls itself",
        ]
    );
    assert_eq!(compilation.diagnostics.iter().next().unwrap().secondary.len(), 2);
    assert!(compilation.plans.is_empty());
}

#[test]
fn what_is_wrong_with_a_callee_is_told_there_alone() {
    let outer = calls(
        "  call: { uses: workflow.part, with: { signature: v1 } }\n  rest: { uses: state.stable, needs: [call] }\n",
    );
    for (from, to, code) in [
        ("uses: recorder.lookup", "uses: recorder.lokup", Code::UnknownAction),
        ("has(steps.look.record)", "has(steps.look.rcord)", Code::UnknownField),
        ("    undo: previous", "    needs: [slow]", Code::UnknownStep),
        ("    undo: previous", "    needs: [look, look]", Code::RedundantNeeds),
        ("steps:\n  look:", "steps:\n  rest: { if: has(inputs.factor), uses: state.stable }\n  look:", Code::NoRest),
        ("steps:\n", "steps: [\n", Code::YamlSyntax),
    ] {
        let part = PART.replace(from, to);
        let compilation = compiled(&[("outer.yaml", &outer), ("part.yaml", &part)]);
        assert_eq!(codes(&compilation), [code], "{to}: {:?}", compilation.diagnostics);
    }
}

#[test]
fn calls_are_bounded_in_depth_and_in_all() {
    // Each calls the one before it twice.
    let mut files = vec![(
        "w00.yaml".to_owned(),
        "workflow: w00\nsteps: { look: { uses: recorder.lookup, with: { signature: v1 } } }\n".to_owned(),
    )];
    for level in 1..60 {
        let before = level - 1;
        let text = format!(
            "workflow: w{level:02}\nsteps:\n  one: {{ uses: workflow.w{before:02} }}\n  two: {{ uses: workflow.w{before:02}, needs: [one] }}\n"
        );
        files.push((format!("w{level:02}.yaml"), text));
    }
    let texts: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let compilation = compiled(&texts);
    assert_eq!(
        messages(&compilation),
        ["H0407 with all that it calls, the plan has 1276 steps, and 1000 are the most"]
    );
    assert_eq!(compilation.plans.len(), 8);
    let deep: Vec<_> = files
        .iter()
        .map(|(path, text)| {
            (path.clone(), text.lines().filter(|line| !line.contains("two:")).collect::<Vec<_>>().join("\n"))
        })
        .collect();
    let texts: Vec<_> = deep.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let compilation = compiled(&texts);
    assert_eq!(messages(&compilation), ["H0407 calls within each other are 9 deep here, and 8 are the most"]);
}

#[test]
fn a_plan_is_made_again_from_its_text_and_what_it_calls() {
    let outer = calls("  call: { uses: workflow.part, with: { signature: v1 } }\n");
    let of = |part: &str| {
        let compilation = compiled(&[("a/outer.yaml", &outer), ("b/part.yaml", part), ("c/other.yaml", WORKFLOW)]);
        let plan = compilation.plans.iter().find(|plan| plan.workflow.as_str() == "outer").unwrap();
        super::Plan::clone(plan)
    };
    let plan = of(PART);
    let called: Vec<_> = plan.source.called.iter().map(|called| called.path.as_str()).collect();
    assert_eq!(called, ["b/part.yaml"]);
    let again = super::plan_of(&plan.source, &crate::action::catalogue()).unwrap();
    assert_eq!((&again.digest, &again.source), (&plan.digest, &plan.source));
    // What is called is part of what the plan does; comments are not.
    assert_ne!(of(&PART.replace("undo: previous", "timeout: 30s")).digest, plan.digest);
    assert_eq!(of(&format!("# A comment.\n{PART}")).digest, plan.digest);
}
