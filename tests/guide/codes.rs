//! Every code's page is so: its wrong example gives that very code, with every word that the page shows, and its right
//! one gives none.
//!
//! Each example is a folder of its own, in which the page's commands are run. The pages of lints are held against them by
//! the lints' own test.

use std::collections::BTreeSet;
use std::fs;

use homeostat::diagnostic::Code;
use homeostat::diagnostic::page::Example;
use regex::Regex;

use super::folder::Folder;
use super::session::{Session, Step, steps};
use super::{PATIENCE, WRITE, root};

/// Codes that no file and no command by itself can provoke, and why: their pages say in prose when they appear.
const PROSE: &[(Code, &str)] = &[
    (Code::NotWritable, "who runs the tests may be allowed to write everywhere"),
    (Code::TooManyProblems, "a page with a thousand problems is read by nobody"),
    (Code::TooManySteps, "nine workflows, one calling the other"),
    (Code::UnknownTarget, "an engine answers it"),
    (Code::AddressInUse, "the port of another process"),
    (Code::BadKey, "a store that was sealed with another key"),
    (Code::MissingSealKey, "a store whose key is lost"),
    (Code::NewerStore, "a store of a version that is not there yet"),
    (Code::StoreFull, "a full disk"),
    (Code::StoreBusy, "a store that another process holds"),
    (Code::StoreBroken, "a store that is damaged"),
    (Code::Refused, "an engine answers it"),
    (Code::EngineAway, "the operating system's words for a port that nobody listens on"),
    (Code::NotFound, "an engine answers it"),
    (Code::Conflict, "an engine answers it"),
    (Code::RunFailed, "a run that fails by what is around it"),
    (Code::BadRequest, "an engine answers it"),
    (Code::TooManyEvents, "an engine answers it under load"),
    (Code::Draining, "an engine that is stopping"),
    (Code::ForeignOrigin, "a web page"),
    (Code::BadAnswer, "an engine of another version"),
    (Code::TimedOut, "an engine that hangs"),
    (Code::ProgramRefused, "an engine answers it"),
    (Code::Internal, "a mistake of ours"),
];

/// Runs commands in a folder that holds the example's files.
fn run(example: &Example, steps: &[Step]) -> Vec<String> {
    let mut folder = Folder::new();
    for (name, text) in &example.files {
        folder.write(name, text);
    }
    let mut session = Session::new(&folder.path(), PATIENCE);
    steps.iter().map(|step| session.run(step)).collect()
}

/// Every code that an output names.
fn codes(output: &[String]) -> BTreeSet<String> {
    let code = Regex::new(r"\bH\d{4}\b").unwrap();
    output.iter().flat_map(|text| code.find_iter(text).map(|found| found.as_str().to_owned())).collect()
}

/// What is wrong with the page of a code; `Ok` holds its file's text as it should be.
fn check(code: Code, text: &str) -> Result<String, String> {
    let page = code.page().ok_or("there is no page")?;
    let wrong = steps(&page.wrong.console)?;
    if wrong.is_empty() {
        return Err("its wrong example runs no command".to_owned());
    }
    let printed = run(&page.wrong, &wrong);
    if codes(&printed) != BTreeSet::from([code.to_string()]) {
        return Err(format!("its wrong example prints\n{}", printed.concat()));
    }
    let own = steps(&page.right.console)?;
    let right = run(&page.right, if own.is_empty() { &wrong } else { &own });
    if !codes(&right).is_empty() {
        return Err(format!("its right example prints\n{}", right.concat()));
    }
    let mut text = text.to_owned();
    let told = |steps: &[Step], printed: &[String]| -> String {
        let lines = steps.iter().zip(printed).map(|(step, printed)| format!("$ {}\n{printed}", step.command));
        lines.collect::<Vec<_>>().concat()
    };
    for (console, now) in
        [(&page.wrong.console, told(&wrong, &printed)), (&page.right.console, told(&own, &right[..own.len()]))]
    {
        if !console.is_empty() {
            text = text.replace(&format!("```console\n{console}```"), &format!("```console\n{now}```"));
        }
    }
    Ok(text)
}

#[test]
fn every_page_of_a_code_is_so() {
    let mut failures = Vec::new();
    let mut checked = 0;
    for code in Code::ALL.iter().copied().filter(|code| code.lint_name().is_none()) {
        let page = code.page().unwrap();
        let prose = PROSE.iter().any(|(known, _)| *known == code);
        if page.wrong.is_empty() {
            if !prose {
                failures.push(format!("{code}: the page has no example, and no reason is given for it"));
            }
            continue;
        }
        assert!(!prose, "{code} has an example now");
        checked += 1;
        let file = root().join(format!("src/diagnostic/pages/{code}.md"));
        let text = fs::read_to_string(&file).unwrap();
        match check(code, &text) {
            Err(problem) => failures.push(format!("{code}: {problem}")),
            Ok(now) if now == text => {}
            Ok(now) if std::env::var_os(WRITE).is_some() => fs::write(&file, now).unwrap(),
            Ok(now) => failures.push(format!("{code}: the page should be\n{now}{WRITE}=1 writes it")),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    assert!(checked > 50, "the examples were not found");
}
