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
