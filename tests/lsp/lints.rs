//! Findings of lints in an editor: shown with their level, explained, mended.

use std::path::Path;

use serde_json::{Value as Json, json};

use super::editor::{Editor, uri};
use super::{RULES, WORKFLOW, hovered, open, program, told};

/// What is offered for the first problem of a file.
fn offered(editor: &mut Editor, file: &Path, problems: &Json, only: &Json) -> Json {
    let context = json!({ "diagnostics": problems, "only": only });
    editor.ask(
        "textDocument/codeAction",
        json!({ "textDocument": { "uri": uri(file) }, "range": problems[0]["range"], "context": context }),
    )
}

/// A text with edits made, the last one first.
fn edited(text: &str, edits: &Json) -> String {
    let at = |place: &Json| {
        let (line, character) = (place["line"].as_u64().unwrap(), place["character"].as_u64().unwrap());
        let start: usize = text.split_inclusive('\n').take(usize::try_from(line).unwrap()).map(str::len).sum();
        let mut units = 0;
        let within = text[start..].char_indices().find(|(_, c)| {
            let is_there = units >= character;
            units += c.len_utf16() as u64;
            is_there
        });
        start + within.map_or(text.len() - start, |(at, _)| at)
    };
    let mut changed = text.to_owned();
    for edit in edits.as_array().unwrap().iter().rev() {
        let range = at(&edit["range"]["start"])..at(&edit["range"]["end"]);
        changed.replace_range(range, edit["newText"].as_str().unwrap());
    }
    changed
}

#[test]
fn findings_are_shown_explained_and_mended() {
    let (folder, rules, _) = program();
    let mut editor = open(&folder);
    // A throttle that never drops anything.
    let useless = RULES.replace("    run ", "    debounce 30s\n    throttle 1 per 10s\n    run ");
    editor.did_open(&rules, &useless);
    let problems = editor.problems(&rules, 1);
    assert_eq!(
        told(&problems),
        ["H0723 12:4-12:22 behind `debounce 30s` matches are at least so far apart: this `throttle` drops none"]
    );
    assert_eq!(problems[0]["severity"], 2);
    // The finding means something, whatever stands there.
    let text = hovered(&mut editor, &rules, (12, 6));
    for part in
        ["throttle 1 per 5m", "**H0723**, lint `useless-clause`", "makes the next reader believe", "explain H0723"]
    {
        assert!(text.contains(part), "{text} does not say {part}");
    }

    assert_eq!(offered(&mut editor, &rules, &problems, &json!(["refactor"])), Json::Null);
    let actions = offered(&mut editor, &rules, &problems, &Json::Null);
    assert_eq!(actions[0]["kind"], "quickfix");
    assert_eq!(actions[0]["diagnostics"][0]["code"], "H0723");
    let mended = edited(&useless, &actions[0]["edit"]["changes"][uri(&rules)]);
    assert_eq!(mended, RULES.replace("    run ", "    debounce 30s\n    run "));
    editor.did_change(&rules, 2, &mended);
    assert_eq!(told(&editor.problems(&rules, 2)), Vec::<String>::new());
    assert!(editor.close().success());
}

#[test]
fn a_need_that_a_reference_says_already_goes_away() {
    let (folder, _, workflow) = program();
    let mut editor = open(&folder);
    let text = WORKFLOW.replace("    uses: state.stable\n", "    uses: state.stable\n    needs: [find]\n");
    editor.did_open(&workflow, &text);
    let problems = editor.problems(&workflow, 1);
    let expected =
        "H0403 12:12-12:16 step `rest` waits for `find` already, because it refers to it (repeats the reference)";
    assert_eq!(told(&problems), [expected]);
    let actions = offered(&mut editor, &workflow, &problems, &json!(["quickfix"]));
    assert_eq!(edited(&text, &actions[0]["edit"]["changes"][uri(&workflow)]), WORKFLOW);
    assert!(editor.close().success());
}

#[test]
fn the_configuration_sets_the_levels_as_it_is_in_the_editor() {
    let (folder, _, workflow) = program();
    let configuration = folder.path().canonicalize().unwrap().join("homeostat.yaml");
    let config = |level: &str| format!("program: [changed.rules, settle.yaml]\nlint: {{ unused-input: {level} }}\n");
    std::fs::write(&configuration, config("deny")).unwrap();
    let mut editor = open(&folder);
    let unused = WORKFLOW.replace("has(inputs.wait)", "target.phase == 'degraded'");
    editor.did_open(&workflow, &unused);
    let problems = editor.problems(&workflow, 1);
    assert_eq!(told(&problems), ["H0713 4:2-4:7 input `wait` of workflow `settle` is never used"]);
    assert_eq!(problems[0]["severity"], 1);
    // Not saved.
    editor.did_open(&configuration, &config("allow"));
    let message = editor.wait_for(|message| {
        message["params"]["uri"] == uri(&workflow) && message["params"]["diagnostics"] == json!([])
    });
    assert_eq!(message["params"]["version"], 1);
    editor.did_change(&configuration, 2, &config("warn"));
    assert_eq!(editor.problems(&workflow, 1)[0]["severity"], 2);
    assert!(editor.close().success());
}
