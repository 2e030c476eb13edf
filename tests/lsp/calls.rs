//! What a step calls, as an editor shows it.

use super::{hovered, labels, offered, open, program};

/// Calls `settle`, which stands in another file.
const CALLER: &str = "\
workflow: caller
steps:
  call:
    uses: workflow.settle
    with: { signature: v1, wait: 5s }
  after:
    uses: recorder.lookup
    with: { signature: \"${steps.call.found}\" }
";

#[test]
fn what_is_called_is_offered() {
    let offered = |from: &str, to: &str| {
        assert!(CALLER.contains(from));
        offered("caller.yaml", &CALLER.replacen(from, to, 1))
    };
    let uses = offered("workflow.settle", "‸");
    assert!(labels(&uses).contains(&"workflow.settle") && labels(&uses).contains(&"sleep"), "{uses}");
    assert!(!labels(&uses).contains(&"workflow.caller"), "{uses}");
    assert!(labels(&offered("workflow.settle", "workflow.s‸")).contains(&"workflow.settle"));
    assert_eq!(labels(&offered("{ signature: v1, wait: 5s }", "{ ‸ }")), ["signature", "wait"]);
    // What undoes a step is one action.
    let undo = offered("    with: { signature: v1, wait: 5s }", "    undo: { uses: ‸ }");
    assert!(!labels(&undo).contains(&"workflow.settle"), "{undo}");
}

#[test]
fn what_is_called_is_typed_explained_and_found() {
    let (folder, rules, workflow) = program();
    let caller = rules.with_file_name("caller.yaml");
    let settle = std::fs::read_to_string(&workflow).unwrap();
    std::fs::write(&workflow, format!("{settle}outputs:\n  found: \"${{inputs.signature}}\"\n")).unwrap();
    let mut editor = open(&folder);
    editor.did_open(&caller, CALLER);
    let problems = editor.problems(&caller, 1);
    let errors = problems.as_array().unwrap().iter().filter(|problem| problem["severity"] == 1);
    assert_eq!(errors.count(), 0, "{problems}");
    let about = hovered(&mut editor, &caller, (3, 22));
    assert!(about.contains("workflow settle") && about.contains("Let the target rest."), "{about}");
    assert!(hovered(&mut editor, &caller, (4, 15)).contains("input of workflow `settle`"));
    assert!(hovered(&mut editor, &caller, (7, 38)).contains("found: string"));
    let mut definition = |place: (u32, u32)| {
        let found = editor.ask_at("definition", &caller, place);
        let start = &found[0]["range"]["start"];
        let file = found[0]["uri"].as_str().unwrap_or_default().rsplit('/').next().unwrap_or_default().to_owned();
        (file, start["line"].as_u64(), start["character"].as_u64())
    };
    let in_settle = |line, character| ("settle.yaml".to_owned(), Some(line), Some(character));
    assert_eq!(definition((3, 22)), in_settle(0, 10));
    assert_eq!(definition((4, 28)), in_settle(4, 2));
    assert!(editor.close().success());
}
