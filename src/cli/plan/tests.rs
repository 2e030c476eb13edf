use std::fs;
use std::path::{Path, PathBuf};

use super::{Args, Format, Found, by_name, by_path, is_path, run};
use crate::cli::exit::Exit;
use crate::diagnostic::Code;

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows").join(name)
}

fn name_of(found: &Found) -> &str {
    match found {
        Found::Plan(plan, _) => plan.workflow.as_str(),
        Found::Problems(problems) => panic!("{problems}"),
    }
}

#[test]
fn a_workflow_is_found_by_its_file_and_by_its_name() {
    assert!(is_path("a.yaml") && is_path("x/y") && !is_path("deployment_change"));
    assert_eq!(name_of(&by_path(&shipped("retest.yaml")).unwrap()), "retest");
    assert_eq!(name_of(&by_name("retest", Path::new("no such folder")).unwrap()), "retest");
}

#[test]
fn what_is_here_goes_before_what_ships() {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(shipped("retest.yaml")).unwrap().replace("15m", "20m");
    fs::write(folder.path().join("mine.yaml"), text).unwrap();
    let Found::Plan(plan, _) = by_name("retest", folder.path()).unwrap() else { panic!("not found") };
    assert!(plan.source.path.ends_with("mine.yaml"));
    // What is wrong elsewhere does not hide a workflow that is right, but explains one that is missing.
    fs::write(folder.path().join("other.yaml"), "workflow: other\nsteps: 7\n").unwrap();
    assert_eq!(name_of(&by_name("retest", folder.path()).unwrap()), "retest");
    assert!(
        matches!(by_name("other", folder.path()), Ok(Found::Problems(problems)) if problems.contains("other.yaml"))
    );
}

#[test]
fn a_name_that_is_nearly_right_is_helped() {
    let failure = by_name("deployment_chnage", Path::new("no such folder")).unwrap_err();
    assert_eq!((failure.exit, failure.code), (Exit::Usage, Code::UnknownWorkflow.to_string()));
    assert_eq!(failure.help.as_deref(), Some("did you mean `deployment_change`?"));
    let failure = by_name("something", Path::new("no such folder")).unwrap_err();
    assert!(failure.help.is_some_and(|help| help.contains("deployment_change, high_latency")));
}

#[test]
fn a_file_with_problems_is_a_finding() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("circle.yaml");
    fs::write(
        &path,
        "workflow: circle\nsteps:\n  a:\n    needs: [b]\n    uses: state.stable\n  b:\n    needs: [a]\n    uses: state.stable\n",
    )
    .unwrap();
    let Found::Problems(problems) = by_path(&path).unwrap() else { panic!("a circle was accepted") };
    insta::assert_snapshot!(problems.replace(&folder.path().display().to_string(), ""));
    let workflow = path.display().to_string();
    assert_eq!(run(&Args { workflow, format: Format::Dot, diff: None }), Exit::Findings);
    assert_eq!(run(&Args { workflow: "gone.yaml".to_owned(), format: Format::Text, diff: None }), Exit::Usage);
}

#[test]
fn what_is_not_one_workflow_is_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("events.rules");
    fs::write(&rules, "event A {}\n").unwrap();
    for path in [rules, shipped("")] {
        assert_eq!(by_path(&path).unwrap_err().exit, Exit::Usage, "{path:?}");
    }
}

#[test]
fn two_versions_are_compared_and_the_end_says_whether_they_differ() {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(shipped("retest.yaml")).unwrap();
    let [old, spaced, new] = ["old.yaml", "spaced.yaml", "new.yaml"].map(|name| folder.path().join(name));
    fs::write(&old, &text).unwrap();
    fs::write(&spaced, text.replace(": ", ":  ")).unwrap();
    fs::write(&new, text.replace("15m", "20m")).unwrap();
    let against = |workflow: &Path, old: &Path, format| {
        run(&Args { workflow: workflow.display().to_string(), format, diff: Some(old.to_owned()) })
    };
    assert_eq!(against(&spaced, &old, Format::Text), Exit::Done);
    assert_eq!(against(&new, &old, Format::Json), Exit::Findings);
    assert_eq!(against(&new, &old, Format::Svg), Exit::Usage, "no such form");
    assert_eq!(against(&new, Path::new("gone.yaml"), Format::Text), Exit::Usage);
    fs::write(&spaced, "workflow: 7").unwrap();
    assert_eq!(against(&new, &spaced, Format::Text), Exit::Usage, "the old one cannot be read");
    assert_eq!(against(folder.path(), &old, Format::Text), Exit::Usage, "the new one cannot be read");
}
