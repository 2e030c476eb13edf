//! The language server as an editor knows it: the real binary, over the real protocol.

use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};
use tempfile::TempDir;

mod beside;
mod calls;
mod editor;
mod lines;
mod lints;

use editor::{Editor, mark, uri};

const RULES: &str = "\
/// A new image runs.
event CHANGED {
    /// Which one.
    signature: string,
    note?: string,
}

/// Every change is looked at.
rule changed {
    on   CHANGED
    when event.data.signature != target.signature
    run  settle(signature: event.data.signature)
}
";

const WORKFLOW: &str = "\
workflow: settle
summary: Let the target rest. 😀
inputs:
  signature: string
  wait?: duration
steps:
  find:
    uses: recorder.lookup
    with: { signature: \"${inputs.signature}\" }
  rest:
    if: has(steps.find.record)
    uses: state.stable
    with: { signature: \"😀😀${inputs.signature}\" }
  other:
    if: \"!has(steps.find.record)\"
    uses: state.degraded
    with: { reason: \"${has(inputs.wait) ? 'late' : 'unknown'}\" }
    needs: [rest]
";

/// A folder with one right program.
fn program() -> (TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let (rules, workflow) = (root.join("changed.rules"), root.join("settle.yaml"));
    std::fs::write(&rules, RULES).unwrap();
    std::fs::write(&workflow, WORKFLOW).unwrap();
    (folder, rules, workflow)
}

fn open(folder: &TempDir) -> Editor {
    Editor::open(&folder.path().canonicalize().unwrap(), json!({}))
}

/// Each problem in a line: its code, its place, and the first line of what is said.
fn told(problems: &Json) -> Vec<String> {
    let places = |problem: &Json| {
        let (start, end) = (&problem["range"]["start"], &problem["range"]["end"]);
        format!("{}:{}-{}:{}", start["line"], start["character"], end["line"], end["character"])
    };
    let said = |problem: &Json| problem["message"].as_str().unwrap().lines().next().unwrap().to_owned();
    let problems = problems.as_array().unwrap().iter();
    problems.map(|it| format!("{} {} {}", it["code"].as_str().unwrap(), places(it), said(it))).collect()
}

fn labels(items: &Json) -> Vec<&str> {
    items.as_array().unwrap().iter().map(|item| item["label"].as_str().unwrap()).collect()
}

/// What may come at the mark, in a file whose text is this.
fn offered(file: &str, text: &str) -> Json {
    let (folder, ..) = program();
    let path = folder.path().canonicalize().unwrap().join(file);
    let mut editor = open(&folder);
    let (text, place) = mark(text);
    editor.did_open(&path, &text);
    let found = editor.ask_at("completion", &path, place);
    assert!(editor.close().success());
    found
}

fn hovered(editor: &mut Editor, file: &Path, place: (u32, u32)) -> String {
    editor.ask_at("hover", file, place)["contents"]["value"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn problems_come_as_one_types_and_go_when_they_are_mended() {
    let (folder, rules, workflow) = program();
    let mut editor = open(&folder);
    editor.did_open(&rules, RULES);
    assert_eq!(told(&editor.problems(&rules, 1)), Vec::<String>::new());

    // A slip in the workflow, behind two emoji of two units each.
    let slip = WORKFLOW.replace("😀😀${inputs.signature}", "😀😀${inputs.signatur}");
    editor.did_open(&workflow, &slip);
    let problems = editor.problems(&workflow, 1);
    assert_eq!(told(&problems), ["H0102 12:37-12:45 `inputs` has no field `signatur`"]);
    assert!(problems[0]["message"].as_str().unwrap().contains("did you mean `signature`?"));

    // Mended by an edit of that very place.
    let place = problems[0]["range"].clone();
    editor.tell(
        "textDocument/didChange",
        json!({
            "textDocument": { "uri": uri(&workflow), "version": 2 },
            "contentChanges": [{ "range": place, "text": "signature" }],
        }),
    );
    assert_eq!(told(&editor.problems(&workflow, 2)), Vec::<String>::new());

    // What is wrong with one file because of another is told at the one.
    editor.did_change(&workflow, 3, &WORKFLOW.replace("workflow: settle", "workflow: rested"));
    let message = editor.wait_for(|message| {
        message["params"]["uri"] == uri(&rules)
            && message["params"]["diagnostics"].as_array().is_some_and(|list| !list.is_empty())
    });
    assert_eq!(told(&message["params"]["diagnostics"]), ["H0206 11:9-11:15 there is no workflow `settle`"]);

    // Closed without being saved, the file is again what it is on disk.
    editor.tell("textDocument/didClose", json!({ "textDocument": { "uri": uri(&workflow) } }));
    let message = editor
        .wait_for(|message| message["params"]["uri"] == uri(&rules) && message["params"]["diagnostics"] == json!([]));
    assert_eq!(message["params"]["version"], 1);
    assert!(editor.close().success());
}

#[test]
fn an_older_version_changes_nothing() {
    let (folder, rules, _) = program();
    let mut editor = open(&folder);
    editor.did_open(&rules, RULES);
    editor.did_change(&rules, 5, "event A { a: strin }\n");
    editor.did_change(&rules, 4, "event A {\n");
    assert_eq!(told(&editor.problems(&rules, 5)), ["H0208 0:13-0:18 `strin` is no type"]);
    assert!(editor.close().success());
}

#[test]
fn names_are_explained() {
    let (folder, rules, workflow) = program();
    let mut editor = open(&folder);
    editor.did_open(&rules, RULES);
    editor.did_open(&workflow, WORKFLOW);
    let cases: [(&Path, (u32, u32), &[&str]); 14] = [
        (&rules, (9, 5), &["on EVENT"]),
        (&rules, (9, 10), &["event CHANGED", "A new image runs.", "- `signature`: `string`: Which one.", "`note?`"]),
        (&rules, (10, 12), &["event: object", "The event that the rule looks at."]),
        (&rules, (10, 22), &["signature: string", "Which one."]),
        (&rules, (10, 38), &["target: object"]),
        (&rules, (10, 44), &["signature: string", "the deployment that runs"]),
        (&rules, (11, 10), &["workflow settle", "Let the target rest.", "`wait?`: `duration`"]),
        (&rules, (11, 18), &["signature: string", "input of workflow `settle`"]),
        (&workflow, (5, 2), &["What is done"]),
        (&workflow, (7, 12), &["recorder.lookup", "Finds the newest record", "Inputs:", "Output:"]),
        (&workflow, (8, 13), &["signature: string", "input of `recorder.lookup`"]),
        (&workflow, (8, 38), &["signature: string"]),
        (&workflow, (10, 9), &["has(value.field)"]),
        (&workflow, (10, 20), &["step find", "uses `recorder.lookup`", "`record?`"]),
    ];
    for (file, place, expected) in cases {
        let text = hovered(&mut editor, file, place);
        for part in expected {
            assert!(text.contains(part), "{}:{place:?} says {text:?}, not {part:?}", file.display());
        }
    }
    assert!(editor.close().success());
}

#[test]
fn what_may_come_is_offered_in_rules() {
    let rule =
        |clauses: &str| format!("event A {{ a: int, b?: list<string> }}\nrule r {{\n    on A\n    {clauses}\n}}\n");
    let offered = |clauses: &str| offered("more.rules", &rule(clauses));
    assert_eq!(labels(&super::lsp::offered("more.rules", "ev‸")), ["event", "rule"]);
    assert!(labels(&super::lsp::offered("more.rules", "event A { a: ‸ }")).contains(&"timestamp"));
    assert_eq!(labels(&super::lsp::offered("more.rules", "rule r {\n    on ‸\n}\n")), ["CHANGED"]);
    let clauses = offered("th‸");
    assert!(labels(&clauses).contains(&"throttle") && !labels(&clauses).contains(&"on"), "{clauses}");
    assert_eq!(labels(&offered("busy ‸")), ["queue", "coalesce", "supersede", "drop"]);
    assert_eq!(labels(&offered("threshold 3 ‸")), ["within"]);
    assert_eq!(labels(&offered("run ‸")), ["settle"]);
    assert_eq!(labels(&offered("run settle(‸)")), ["signature", "wait"]);
    assert_eq!(labels(&offered("run settle(signature: \"a\", ‸)")), ["wait"]);
    assert_eq!(labels(&offered("emit CHANGED(‸)")), ["signature", "note"]);
    assert_eq!(labels(&offered("emit CHANGED(signature: \"a\") ‸")), ["after"]);
    assert!(labels(&offered("when event.‸")).contains(&"during_test"));
    assert_eq!(labels(&offered("when event.data.‸"))[..2], ["a", "b"]);
    assert!(labels(&offered("when target.slo.‸")).contains(&"p99_ms"));
    assert!(labels(&offered("when event.data.a > 1 && ma‸")).contains(&"math"));
    assert!(labels(&offered("when math.‸")).contains(&"greatest"));
    assert!(labels(&offered("when event.data.b.‸")).contains(&"exists"));
    // `x` is a string.
    let of_item = offered("when event.data.b.exists(x, x.‸)");
    assert!(labels(&of_item).contains(&"startsWith") && !labels(&of_item).contains(&"exists"), "{of_item}");
    assert_eq!(offered("when event.data.a == \"event.‸\""), json!([]));
    assert_eq!(offered("// when event.‸"), json!([]));
}

#[test]
fn what_may_come_is_offered_in_workflows() {
    let offered = |change: (&str, &str)| {
        assert!(WORKFLOW.contains(change.0));
        offered("settle.yaml", &WORKFLOW.replacen(change.0, change.1, 1))
    };
    assert_eq!(labels(&offered(("steps:", "on‸\nsteps:")))[..1], ["outputs"]);
    assert!(labels(&offered(("signature: string", "signature: ‸"))).contains(&"duration"));
    assert!(labels(&offered(("recorder.lookup", "recorder.‸"))).contains(&"recorder.save"));
    let keys = offered(("    needs: [rest]", "    t‸"));
    assert!(labels(&keys).contains(&"timeout") && labels(&keys).contains(&"needs"), "{keys}");
    assert!(!labels(&keys).contains(&"uses") && !labels(&keys).contains(&"if"), "{keys}");
    assert_eq!(labels(&offered(("{ signature: \"${inputs.signature}\" }", "{ ‸ }"))), ["signature", "max_age"]);
    assert_eq!(labels(&offered(("{ signature: \"${inputs.signature}\" }", "{ signature: a, ‸"))), ["max_age"]);
    assert_eq!(labels(&offered(("needs: [rest]", "needs: [‸]"))), ["find", "rest"]);
    assert_eq!(labels(&offered(("needs: [rest]", "undo: ‸"))), ["previous"]);
    assert_eq!(labels(&offered(("needs: [rest]", "retry: { ‸"))), ["attempts", "backoff", "max_backoff"]);
    assert_eq!(labels(&offered(("${inputs.signature}", "${inputs.‸}")))[..2], ["signature", "wait"]);
    // Neither quote nor brace is closed: the file is no YAML.
    assert_eq!(labels(&offered(("${inputs.signature}\" }", "${inputs.‸")))[..2], ["signature", "wait"]);
    assert!(labels(&offered(("has(steps.find.record)", "has(steps.‸)"))).contains(&"find"));
    // A step cannot refer to itself.
    assert!(!labels(&offered(("has(steps.find.record)", "has(steps.‸)"))).contains(&"rest"));
    assert_eq!(labels(&offered(("has(steps.find.record)", "has(steps.find.‸")))[..1], ["record"]);
    assert!(labels(&offered(("has(steps.find.record)", "has(steps.find.record.‸"))).contains(&"max_rps"));
}

#[test]
fn what_is_put_in_replaces_the_word_under_the_cursor() {
    let found = offered("settle.yaml", &WORKFLOW.replacen("😀😀${inputs.signature}", "😀😀${inputs.sig‸}", 1));
    let item = found.as_array().unwrap().iter().find(|item| item["label"] == "signature").unwrap();
    assert_eq!(
        item["textEdit"]["range"],
        json!({ "start": { "line": 12, "character": 37 }, "end": { "line": 12, "character": 40 } })
    );
    assert_eq!(item["textEdit"]["newText"], "signature");
}

#[test]
fn names_lead_to_where_they_are_declared_and_used() {
    let (folder, rules, workflow) = program();
    let mut editor = open(&folder);
    editor.did_open(&rules, RULES);
    let place = |found: &Json| {
        let start = &found["range"]["start"];
        let file = found["uri"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        (file, start["line"].as_u64().unwrap(), start["character"].as_u64().unwrap())
    };
    let mut definition = |file: &Path, at: (u32, u32)| {
        let found = editor.ask_at("definition", file, at);
        found.as_array().map(|found| found.iter().map(place).collect::<Vec<_>>()).unwrap_or_default()
    };
    let (in_rules, in_workflow) = ("changed.rules".to_owned(), "settle.yaml".to_owned());
    // Event, field, workflow and input; the workflow is not open.
    assert_eq!(definition(&rules, (9, 10)), [(in_rules.clone(), 1, 6)]);
    assert_eq!(definition(&rules, (10, 22)), [(in_rules.clone(), 3, 4)]);
    assert_eq!(definition(&rules, (11, 10)), [(in_workflow.clone(), 0, 10)]);
    assert_eq!(definition(&rules, (11, 18)), [(in_workflow.clone(), 3, 2)]);
    // Step and input from within expressions, and a step from `needs`.
    assert_eq!(definition(&workflow, (10, 20)), [(in_workflow.clone(), 6, 2)]);
    assert_eq!(definition(&workflow, (12, 40)), [(in_workflow.clone(), 3, 2)]);
    assert_eq!(definition(&workflow, (17, 13)), [(in_workflow.clone(), 9, 2)]);

    let found = editor.ask_at("references", &workflow, (3, 4));
    let found: Vec<_> = found.as_array().unwrap().iter().map(place).collect();
    let expected =
        [(in_rules, 11, 16), (in_workflow.clone(), 3, 2), (in_workflow.clone(), 8, 33), (in_workflow, 12, 37)];
    assert_eq!(found, expected);
    assert!(editor.close().success());
}

#[test]
fn a_file_has_an_outline() {
    let (folder, rules, workflow) = program();
    let mut editor = open(&folder);
    let found = editor.ask_at("documentSymbol", &workflow, (0, 0));
    assert_eq!(found[0]["name"], "settle");
    let steps: Vec<_> = found[0]["children"].as_array().unwrap().iter().map(|step| step["name"].clone()).collect();
    assert_eq!(steps, ["find", "rest", "other"]);
    let found = editor.ask_at("documentSymbol", &rules, (0, 0));
    let names: Vec<_> =
        found.as_array().unwrap().iter().map(|item| (item["name"].clone(), item["detail"].clone())).collect();
    assert_eq!(names, [(json!("CHANGED"), Json::Null), (json!("changed"), json!("on CHANGED"))]);
    assert!(editor.close().success());
}

#[test]
fn the_configuration_says_which_files_are_one_program() {
    let (folder, rules, _) = program();
    let root = folder.path().canonicalize().unwrap();
    std::fs::create_dir(root.join("elsewhere")).unwrap();
    // Of another program: it declares the same event.
    let other = root.join("elsewhere/other.rules");
    std::fs::write(&other, RULES).unwrap();
    std::fs::write(root.join("homeostat.yaml"), "program: [changed.rules, settle.yaml]\n").unwrap();
    let mut editor = open(&folder);
    editor.did_open(&rules, RULES);
    assert_eq!(told(&editor.problems(&rules, 1)), Vec::<String>::new());
    // What the configuration does not name stands with the files beside it.
    editor.did_open(&other, RULES);
    assert_eq!(told(&editor.problems(&other, 1)), ["H0206 11:9-11:15 there is no workflow `settle`"]);
    // The configuration itself is checked, too.
    let configuration = root.join("homeostat.yaml");
    editor.did_open(&configuration, "programm: []\n");
    assert_eq!(told(&editor.problems(&configuration, 1)), ["H0501 0:0-0:8 there is no setting `programm`"]);
    assert!(editor.close().success());

    // Somebody is at work on it: what it names is named all the same.
    let mut editor = open(&folder);
    editor.did_open(&configuration, "program: [changed.rules, settle.yaml]\nmo\n");
    assert_eq!(editor.problems(&configuration, 1).as_array().unwrap().len(), 1);
    editor.did_open(&rules, RULES);
    assert_eq!(told(&editor.problems(&rules, 1)), Vec::<String>::new());
    assert!(editor.close().success());

    // The editor's settings go before.
    let mut editor = Editor::open(&root, json!({ "program": ["elsewhere", "settle.yaml"] }));
    editor.did_open(&other, RULES);
    assert_eq!(told(&editor.problems(&other, 1)), Vec::<String>::new());
    assert!(editor.close().success());
}

#[test]
fn rules_and_workflows_are_formatted() {
    let (folder, rules, workflow) = program();
    let mut editor = open(&folder);
    let mut format = |file: &Path, text: &str| {
        editor.did_open(file, text);
        let options = json!({ "tabSize": 2, "insertSpaces": true });
        editor.ask("textDocument/formatting", json!({ "textDocument": { "uri": uri(file) }, "options": options }))
    };
    let untidy = format(&rules, "event  A{a:int}\n\n\n// 😀 stays");
    assert_eq!(untidy[0]["newText"], "event A { a: int }\n\n// 😀 stays\n");
    assert_eq!(untidy[0]["range"]["end"], json!({ "line": 3, "character": 11 }));
    assert_eq!(format(&rules, "event A { a: int }\n"), json!([]));
    // A file that is wrong has no form.
    assert_eq!(format(&rules, "event A { a int }\n"), Json::Null);
    assert_eq!(format(&workflow, "workflow:   a\n")[0]["newText"], "workflow: a\n");
    assert_eq!(format(&workflow, "workflow: {\n"), Json::Null);
    assert!(editor.close().success());
}

#[test]
fn nonsense_does_no_harm() {
    let (folder, rules, _) = program();
    let mut editor = open(&folder);
    // No JSON, no request, no such method, wrong parameters.
    editor.write(b"Content-Length: 9\r\n\r\n{nonsense");
    assert_eq!(
        editor.wait_for(|message| message["id"].is_null() && !message["error"].is_null())["error"]["code"],
        -32700
    );
    editor.write(b"Content-Length: 2\r\n\r\n[]");
    let answer = editor.wait_for(|message| message["id"].is_null() && !message["error"].is_null());
    assert_eq!(answer["error"]["code"], -32600);
    assert_eq!(editor.ask("textDocument/nonsense", json!({}))["error"]["code"], -32601);
    assert_eq!(editor.ask("textDocument/hover", json!({ "nonsense": true }))["error"]["code"], -32602);
    // Files that are not open, not there, not ours, no files.
    for file in ["gone.rules", "gone.yaml", "notes.txt", "folder.rules/"] {
        let path = folder.path().join(file);
        assert_eq!(editor.ask_at("hover", &path, (3, 3)), Json::Null);
        assert_eq!(editor.ask_at("definition", &path, (3, 3)), Json::Null);
        editor.did_change(&path, 2, "event A {}");
    }
    editor.tell("textDocument/didOpen", json!({ "textDocument": { "uri": "untitled:Untitled-1", "languageId": "homeostat", "version": 1, "text": "event" } }));
    // A place far beyond the text.
    assert_eq!(editor.ask_at("hover", &rules, (9999, 9999)), Json::Null);
    editor.did_open(&rules, "event A { a: strin }\n");
    assert_eq!(told(&editor.problems(&rules, 1)).len(), 1);
    assert!(editor.close().success());
}

#[test]
fn an_editor_that_is_gone_ends_the_server() {
    let (folder, rules, _) = program();
    let mut editor = open(&folder);
    editor.did_open(&rules, RULES);
    assert!(editor.vanish().success());
}

/// In no workspace, and below no configuration: those of its folder, however much lies below.
#[test]
fn a_file_alone_stands_with_those_of_its_folder() {
    let (folder, rules, workflow) = program();
    let below = folder.path().canonicalize().unwrap().join("below");
    std::fs::create_dir(&below).unwrap();
    std::fs::write(below.join("more.rules"), RULES).unwrap();
    std::fs::write(below.join("settle.yaml"), WORKFLOW).unwrap();
    let mut editor = Editor::start();
    editor.ask("initialize", json!({ "processId": null, "capabilities": {} }));
    editor.tell("initialized", json!({}));
    // Also before it is opened.
    assert!(hovered(&mut editor, &rules, (11, 10)).contains("workflow settle"));
    editor.did_open(&rules, RULES);
    assert_eq!(told(&editor.problems(&rules, 1)), Vec::<String>::new());
    assert!(hovered(&mut editor, &workflow, (7, 12)).contains("recorder.lookup"));
    assert!(editor.close().success());
}

#[test]
fn what_was_never_saved_is_a_program_of_its_own() {
    let (folder, ..) = program();
    let mut editor = open(&folder);
    for (name, language, text, place, holds) in [
        ("untitled:Untitled-1", "homeostat-rules", "/// It happens.\nevent A { a: strin }\n", (1, 7), "event A"),
        ("untitled:new.rules", "plaintext", "/// It happens.\nevent CHANGED { a: strin }\n", (1, 7), "event CHANGED"),
        ("untitled:Untitled-2", "yaml", "workflow: w\nsteps: { s: { uses: state.stabel } }\n", (0, 2), "name"),
    ] {
        let document = json!({ "uri": name, "languageId": language, "version": 1, "text": text });
        editor.tell("textDocument/didOpen", json!({ "textDocument": document }));
        let message = editor.wait_for(|message| message["params"]["uri"] == name);
        assert_eq!(told(&message["params"]["diagnostics"]).len(), 1, "{message}");
        let position = json!({ "line": place.0, "character": place.1 });
        let found = editor.ask("textDocument/hover", json!({ "textDocument": { "uri": name }, "position": position }));
        assert!(found["contents"]["value"].as_str().unwrap_or_default().contains(holds), "{name}: {found}");
    }
    assert!(editor.close().success());
}
