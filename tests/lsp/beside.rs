//! Scenarios and the configuration in an editor.

use std::path::Path;

use serde_json::{Value as Json, json};

use super::editor::{mark, uri};
use super::{hovered, labels, open, program, told};

const SCENARIOS: &str = "\
given:
  targets:
    checkout: { agents: [one] }
scenarios:
  - scenario: Known 😀
    mock:
      find: { fails: nobody knows }
    when:
      - event: CHANGED
        data: { signature: a }
    then:
      runs:
        - workflow: settle
          status: failed
          steps: { find: failed }
";

const SETTINGS: &str = "program: [changed.rules, settle.yaml]\ntargets:\n  checkout: { mode: enforce }\n";

/// What may come at the mark of a file beside the program.
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

fn of_scenarios((from, to): (&str, &str)) -> Json {
    assert!(SCENARIOS.contains(from), "{from}");
    offered("settle.test.yaml", &SCENARIOS.replacen(from, to, 1))
}

#[test]
fn scenarios_are_checked_against_the_program() {
    let (folder, rules, workflow) = program();
    let root = folder.path().canonicalize().unwrap();
    // They are about the configured program wherever they stand.
    std::fs::write(root.join("homeostat.yaml"), SETTINGS).unwrap();
    std::fs::create_dir(root.join("checks")).unwrap();
    let scenarios = root.join("checks/settle.test.yaml");
    let mut editor = open(&folder);
    editor.did_open(&scenarios, SCENARIOS);
    assert_eq!(told(&editor.problems(&scenarios, 1)), Vec::<String>::new());

    editor.did_change(&scenarios, 2, &SCENARIOS.replace("steps: { find", "steps: { fnd").replace("CHANGED", "CHANGE"));
    let problems = editor.problems(&scenarios, 2);
    assert_eq!(
        told(&problems),
        ["H0202 8:15-8:21 no rules file declares an event `CHANGE`", "H0308 14:19-14:22 `settle` has no step `fnd`"]
    );
    assert!(problems[1]["message"].as_str().unwrap().contains("did you mean `find`?"));

    // What is wrong because of the program, as that is in the editor.
    editor.did_change(&scenarios, 3, SCENARIOS);
    assert_eq!(told(&editor.problems(&scenarios, 3)), Vec::<String>::new());
    editor.did_open(&workflow, &super::WORKFLOW.replace("find", "look"));
    let message = editor.wait_for(|message| {
        message["params"]["uri"] == uri(&scenarios)
            && message["params"]["diagnostics"].as_array().is_some_and(|list| !list.is_empty())
    });
    assert_eq!(message["params"]["diagnostics"].as_array().unwrap().len(), 2);

    // While the program is wrong itself, only what is no YAML is told.
    editor.did_open(&rules, "event A { a: strin }\n");
    editor.did_change(&scenarios, 4, &SCENARIOS.replace("fnd", "find"));
    assert_eq!(told(&editor.problems(&scenarios, 4)), Vec::<String>::new());
    editor.did_change(&scenarios, 5, "scenario: 'a\n");
    assert_eq!(editor.problems(&scenarios, 5).as_array().unwrap().len(), 1);
    assert!(editor.close().success());
}

#[test]
fn what_may_come_is_offered_in_scenarios() {
    let has = |found: &Json, wanted: &[&str]| {
        let labels = labels(found);
        wanted.iter().for_each(|label| assert!(labels.contains(label), "{labels:?} lacks {label}"));
    };
    let found = of_scenarios(("    then:", "    la‸\n    then:"));
    has(&found, &["lasts"]);
    assert!(!labels(&found).contains(&"when"), "{found}");
    has(
        &of_scenarios(("      find:", "      ‸\n      find:")),
        &["rest", "other", "recorder.lookup", "pressure.measure"],
    );
    has(&of_scenarios(("find: { fails: nobody knows }", "find: { ‸ }")), &["output", "fails", "never_ends", "after"]);
    has(&of_scenarios(("{ fails: nobody knows }", "{ output: { ‸ } }")), &["record"]);
    has(&of_scenarios(("event: CHANGED", "event: ‸")), &["CHANGED"]);
    has(&of_scenarios(("data: { signature: a }", "data: { ‸ }")), &["signature", "note"]);
    has(&of_scenarios(("        data: { signature: a }", "        sub‸")), &["subject", "data", "at"]);
    has(&of_scenarios(("data: { signature: a }", "subject: ‸")), &["checkout", "none"]);
    has(&of_scenarios(("event: CHANGED", "cancel: ‸")), &["settle"]);
    has(&of_scenarios(("event: CHANGED", "approve: ‸")), &["find", "rest"]);
    has(&of_scenarios(("      runs:", "      ne‸\n      runs:")), &["never", "dispatched", "phases"]);
    has(&of_scenarios(("workflow: settle", "workflow: ‸")), &["settle"]);
    has(&of_scenarios(("status: failed", "status: ‸")), &["succeeded", "parked"]);
    has(&of_scenarios(("status: failed", "rule: ‸")), &["changed"]);
    has(&of_scenarios(("{ find: failed }", "{ find: failed, ‸ }")), &["rest", "other"]);
    has(&of_scenarios(("{ find: failed }", "{ find: ‸ }")), &["succeeded", "skipped"]);
    has(&of_scenarios(("      runs:", "      phases: { ‸ }\n      runs:")), &["checkout"]);
    // An action has a dot in its name: it is replaced as a whole.
    let found = of_scenarios(("      find:", "      recorder.lo‸\n      find:"));
    let item = found.as_array().unwrap().iter().find(|item| item["label"] == "recorder.lookup").unwrap();
    assert_eq!(item["textEdit"]["range"]["start"], json!({ "line": 6, "character": 6 }));
    assert_eq!(item["textEdit"]["newText"], "recorder.lookup: ");
    assert_eq!(of_scenarios(("Known", "Kno‸wn")), json!([]));
    assert_eq!(of_scenarios(("given:", "# ‸\ngiven:")), json!([]));
}

#[test]
fn words_of_scenarios_are_explained_and_lead_to_where_they_are_declared() {
    let (folder, ..) = program();
    let scenarios = folder.path().canonicalize().unwrap().join("settle.test.yaml");
    let mut editor = open(&folder);
    editor.did_open(&scenarios, SCENARIOS);
    let cases: [((u32, u32), &[&str]); 9] = [
        ((0, 2), &["What is so in all scenarios"]),
        ((4, 6), &["What it shows."]),
        ((6, 7), &["step find", "uses `recorder.lookup`"]),
        ((6, 17), &["Why it fails."]),
        ((8, 10), &["An event of this type is sent."]),
        ((8, 18), &["event CHANGED", "A new image runs."]),
        ((12, 22), &["workflow settle", "Let the target rest."]),
        ((13, 12), &["How it ended.", "`succeeded`, `failed`"]),
        ((14, 20), &["step find"]),
    ];
    for (place, expected) in cases {
        let text = hovered(&mut editor, &scenarios, place);
        expected.iter().for_each(|part| assert!(text.contains(part), "{place:?} says {text:?}, not {part:?}"));
    }
    let mut definition = |at: (u32, u32)| {
        let found = editor.ask_at("definition", &scenarios, at);
        let place = found[0]["range"]["start"].clone();
        let file = found[0]["uri"].as_str().unwrap_or_default().rsplit('/').next().unwrap_or_default().to_owned();
        (file, place["line"].as_u64().unwrap_or_default())
    };
    assert_eq!(definition((6, 7)), ("settle.yaml".to_owned(), 6));
    assert_eq!(definition((8, 18)), ("changed.rules".to_owned(), 1));
    assert_eq!(definition((12, 22)), ("settle.yaml".to_owned(), 0));
    assert_eq!(definition((14, 20)), ("settle.yaml".to_owned(), 6));
    assert!(editor.close().success());
}

#[test]
fn settings_are_checked_explained_and_offered() {
    let (folder, ..) = program();
    let path = folder.path().canonicalize().unwrap().join("homeostat.yaml");
    let mut editor = open(&folder);
    editor.did_open(&path, SETTINGS);
    assert_eq!(told(&editor.problems(&path, 1)), Vec::<String>::new());
    editor.did_change(&path, 2, &SETTINGS.replace("enforce", "enforced"));
    let problems = editor.problems(&path, 2);
    assert_eq!(problems.as_array().unwrap().len(), 1);
    assert_eq!(problems[0]["range"]["start"], json!({ "line": 2, "character": 20 }));
    assert!(hovered(&mut editor, &path, (2, 16)).contains("How far Homeostat may go"));
    assert!(hovered(&mut editor, &path, (2, 22)).contains("**H0500**"));
    assert!(editor.close().success());

    let offered = |from: &str, to: &str| {
        assert!(SETTINGS.contains(from));
        offered("homeostat.yaml", &SETTINGS.replacen(from, to, 1))
    };
    let of_engine = offered("program:", "‸\nprogram:");
    assert!(labels(&of_engine).contains(&"listen") && labels(&of_engine).contains(&"defaults"), "{of_engine}");
    assert!(!labels(&of_engine).contains(&"program"), "{of_engine}");
    let of_target = offered("{ mode: enforce }", "{ mode: enforce, ‸ }");
    assert!(labels(&of_target).contains(&"measure") && labels(&of_target).contains(&"slo"), "{of_target}");
    assert!(!labels(&of_target).contains(&"mode"), "{of_target}");
    assert_eq!(labels(&offered("enforce", "‸"))[..2], ["observe", "recommend"]);
    assert!(labels(&offered("mode: enforce", "rate: { fl‸ }")).contains(&"floor"));
}

#[test]
fn yaml_that_is_another_programs_is_left_alone() {
    let (folder, ..) = program();
    let root = folder.path().canonicalize().unwrap();
    let other = root.join("compose.yaml");
    let text = "services:\n  web: { image: web }\n";
    std::fs::write(&other, text).unwrap();
    let told_of = |other: &Path| {
        let mut editor = open(&folder);
        editor.did_open(other, text);
        let told = told(&editor.problems(other, 1));
        let options = json!({ "tabSize": 2, "insertSpaces": true });
        let asked = json!({ "textDocument": { "uri": uri(other) }, "options": options });
        let formatted = editor.ask("textDocument/formatting", asked);
        assert!(editor.close().success());
        (told, formatted.is_null())
    };
    assert_eq!(told_of(&other), (Vec::<String>::new(), true));
    // What the configuration names is meant.
    std::fs::write(root.join("homeostat.yaml"), "program: ['.']\n").unwrap();
    let (told, is_left) = told_of(&other);
    assert!(!told.is_empty() && !is_left, "{told:?}");
}
