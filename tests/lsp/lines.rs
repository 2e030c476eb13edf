//! Texts whose lines end as on Windows, with characters of several bytes and units before every place that is asked about.

use std::path::Path;

use serde_json::{Value as Json, json};

use super::editor::{mark, uri};
use super::{RULES, WORKFLOW, hovered, labels, open, program, told};

/// The same text with other line ends, and a comment of wide characters above it.
fn windows(text: &str, comment: &str) -> String {
    format!("{comment} größer 😀\n{text}").replace('\n', "\r\n")
}

fn rules(text: &str) -> String {
    windows(text, "//")
}

fn workflow(text: &str) -> String {
    windows(text, "#")
}

#[test]
fn problems_have_their_places() {
    let (folder, rules_file, workflow_file) = program();
    let mut editor = open(&folder);
    editor.did_open(&rules_file, &rules(RULES));
    assert_eq!(told(&editor.problems(&rules_file, 1)), Vec::<String>::new());
    let slip = RULES.replace("when event.data.signature", "when \"😀é\" != event.data.signatur");
    editor.did_change(&rules_file, 2, &rules(&slip));
    let problems = editor.problems(&rules_file, 2);
    let expected = "H0102 11:29-11:37 `event.data` has no field `signatur`".to_owned();
    assert!(told(&problems).contains(&expected), "{:?}", told(&problems));
    let slip = WORKFLOW.replace("😀😀${inputs.signature}", "😀é${inputs.signatur}");
    editor.did_open(&workflow_file, &workflow(&slip));
    assert_eq!(told(&editor.problems(&workflow_file, 1)), ["H0102 13:36-13:44 `inputs` has no field `signatur`"]);
    // An edit of that place, and one that takes a line end away.
    let change = |version: i32, range: Json, text: &str| {
        json!({
            "textDocument": { "uri": uri(&workflow_file), "version": version },
            "contentChanges": [{ "range": range, "text": text }],
        })
    };
    let place = json!({ "start": { "line": 13, "character": 36 }, "end": { "line": 13, "character": 44 } });
    editor.tell("textDocument/didChange", change(2, place, "signature"));
    assert_eq!(told(&editor.problems(&workflow_file, 2)), Vec::<String>::new());
    let line = json!({ "start": { "line": 2, "character": 0 }, "end": { "line": 3, "character": 0 } });
    editor.tell("textDocument/didChange", change(3, line, ""));
    assert_eq!(told(&editor.problems(&workflow_file, 3)), Vec::<String>::new());
    assert!(editor.close().success());
}

#[test]
fn names_are_explained_and_found() {
    let (folder, rules_file, workflow_file) = program();
    let mut editor = open(&folder);
    editor.did_open(&rules_file, &rules(RULES));
    editor.did_open(&workflow_file, &workflow(WORKFLOW));
    let cases: [(&Path, (u32, u32), &str); 5] = [
        (&rules_file, (11, 22), "Which one."),
        (&rules_file, (12, 10), "Let the target rest. 😀"),
        (&workflow_file, (8, 12), "Finds the newest record"),
        (&workflow_file, (9, 13), "input of `recorder.lookup`"),
        (&workflow_file, (13, 40), "signature: string"),
    ];
    for (file, place, expected) in cases {
        let text = hovered(&mut editor, file, place);
        assert!(text.contains(expected), "{place:?} says {text:?}");
        // No part of what is shown has the other line ends.
        assert!(!text.contains('\r'), "{text:?}");
    }
    let found = editor.ask_at("definition", &workflow_file, (13, 41));
    assert_eq!(
        found[0]["range"],
        json!({ "start": { "line": 4, "character": 2 }, "end": { "line": 4, "character": 11 } })
    );
    let found = editor.ask_at("documentSymbol", &workflow_file, (0, 0));
    assert_eq!(found[0]["selectionRange"]["start"], json!({ "line": 1, "character": 10 }));
    assert!(editor.close().success());
}

#[test]
fn what_may_come_is_offered() {
    let offered = |file: &str, text: &str| {
        let (folder, ..) = program();
        let path = folder.path().canonicalize().unwrap().join(file);
        let mut editor = open(&folder);
        let (text, place) = mark(text);
        editor.did_open(&path, &text);
        let found = editor.ask_at("completion", &path, place);
        assert!(editor.close().success());
        found
    };
    let in_workflow = |from: &str, to: &str| {
        assert!(WORKFLOW.contains(from));
        offered("settle.yaml", &workflow(&WORKFLOW.replacen(from, to, 1)))
    };
    let has = |found: Json, wanted: &str| assert!(labels(&found).contains(&wanted), "{wanted}: {:?}", labels(&found));
    has(in_workflow("    needs: [rest]", "    ti‸"), "timeout");
    has(in_workflow("recorder.lookup", "recorder.‸"), "recorder.save");
    has(in_workflow("with: { signature: \"${inputs.signature}\" }", "with:\n      ‸"), "max_age");
    has(in_workflow("with: { signature: \"${inputs.signature}\" }", "with: {\n      ‸\n    }"), "max_age");
    has(in_workflow("😀😀${inputs.signature}", "😀😀${inputs.‸}"), "wait");
    has(in_workflow("if: has(steps.find.record)", "if: has(steps.‸)"), "find");
    has(in_workflow("needs: [rest]", "needs:\n      - ‸"), "find");
    let rule = "event A { a: int }\nrule r {\n    on A\n    when event.data.‸\n}\n";
    has(offered("more.rules", &rules(rule)), "a");
    let scenario = "scenario: größer\nwhen:\n  - event: ‸\n";
    has(offered("a.test.yaml", &workflow(scenario)), "CHANGED");
}

#[test]
fn rules_are_formatted() {
    let (folder, rules_file, _) = program();
    let mut editor = open(&folder);
    let mut format = |text: &str| {
        editor.did_open(&rules_file, text);
        let options = json!({ "tabSize": 2, "insertSpaces": true });
        editor
            .ask("textDocument/formatting", json!({ "textDocument": { "uri": uri(&rules_file) }, "options": options }))
    };
    let made = format("event  A{a:int} // größer 😀\r\n\r\n\r\nevent B {}\r\n");
    assert_eq!(made[0]["range"]["end"], json!({ "line": 4, "character": 0 }));
    let once = made[0]["newText"].as_str().unwrap().to_owned();
    assert!(once.contains("event A { a: int } // größer 😀"), "{once:?}");
    // What was formatted is formatted.
    assert_eq!(format(&once), json!([]));
    assert!(editor.close().success());
}
