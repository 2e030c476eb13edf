use super::*;
use crate::harness::snapshots::State;

fn folder(then: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let files = [
        ("a.rules", "event A {}\nrule a { on A run w() }\n".to_owned()),
        (
            "w.yaml",
            "workflow: w\nsteps: { s: { uses: agents.dispatch, with: { total_rps: 5.0 }, timeout: 5s } }\n".to_owned(),
        ),
        (
            "w.test.yaml",
            format!(
                "scenario: it runs\ngiven: {{ targets: {{ checkout: {{ agents: [one] }} }} }}\nwhen: [{{ event: A }}]\nthen: {then}\n"
            ),
        ),
    ];
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn args(paths: Vec<PathBuf>) -> Args {
    let (update, check) = (false, true);
    Args { paths, filter: None, update, check, min_coverage: None, format: Format::Text }
}

fn exit(then: &str, change: impl FnOnce(&mut Args)) -> Exit {
    let folder = folder(then);
    let mut args = args(vec![folder.path().to_owned()]);
    change(&mut args);
    run(&args, &LogArgs::default())
}

#[test]
fn the_exit_code_says_what_came_of_it() {
    let right = "{ runs: [{ status: succeeded }] }";
    assert_eq!(exit(right, |_| {}), Exit::Done);
    assert_eq!(exit("{ runs: [] }", |_| {}), Exit::Findings);
    assert_eq!(exit("{ rnus: [] }", |_| {}), Exit::Usage);
    assert_eq!(exit(right, |args| args.min_coverage = Some(100.0)), Exit::Done);
    assert_eq!(exit(right, |args| args.filter = Some("runs".to_owned())), Exit::Done);
    assert_eq!(exit(right, |args| args.filter = Some("no such".to_owned())), Exit::Usage);
    assert_eq!(exit(right, |args| args.paths = vec!["no/such".into()]), Exit::Usage);
    for format in [Format::Json, Format::Junit] {
        assert_eq!(exit("{ runs: [] }", |args| args.format = format), Exit::Findings);
    }
}

#[test]
fn too_little_coverage_is_a_finding() {
    let folder = folder("{ runs: [] }");
    let test =
        "scenario: nothing\ngiven: { targets: { checkout: } }\nwhen: [{ at: 1s, halt: all }]\nthen: { runs: [] }\n";
    std::fs::write(folder.path().join("w.test.yaml"), test).unwrap();
    let mut args = args(vec![folder.path().join("w.test.yaml")]);
    assert_eq!(run(&args, &LogArgs::default()), Exit::Done);
    args.min_coverage = Some(50.0);
    assert_eq!(run(&args, &LogArgs::default()), Exit::Findings);
}

/// A report of each kind, of a test that fails in each way.
#[test]
fn the_reports_are_these() {
    let folder = folder("{ runs: [{ status: failed }], dispatched: [{ total_rps: 5 }] }");
    std::fs::create_dir(folder.path().join("snapshots")).unwrap();
    let args = args(vec![folder.path().to_owned()]);
    let laws = Laws { program: assemble(check(&args.paths)).unwrap(), planner: Arc::new(StoredPlans) };
    let options = Options { paths: &args.paths, laws, filter: None, mode: Mode::Check };
    let report = session::test(&options, |_| {});
    assert_eq!(report.snapshots[0].state, State::Missing);
    let all = format!(
        "{}\n{:#}\n\n{}",
        report::to_people(&report, false),
        report::to_json(&report),
        report::to_junit(&report).unwrap()
    );
    insta::assert_snapshot!(all.replace(&folder.path().display().to_string(), "FOLDER"));
}

#[test]
fn a_file_of_scenarios_stands_for_its_folder() {
    let paths = ["rules", "a/b.test.yaml", "a/c.test.yaml", "d.test.yaml"].map(PathBuf::from);
    assert_eq!(program_paths(&paths, Path::new("no/such")), ["rules", "a", "."].map(PathBuf::from));
}

#[test]
fn only_a_ci_that_is_meant_is_one() {
    assert!(is_ci(Some("true")) && is_ci(Some("1")));
    assert!(!is_ci(None) && !is_ci(Some("")) && !is_ci(Some("false")));
}

#[test]
fn scenarios_alone_are_about_the_configured_program() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    for name in ["rules", "workflows", "checks"] {
        std::fs::create_dir(here.join(name)).unwrap();
    }
    std::fs::write(here.join("homeostat.yaml"), "program: [rules, workflows]\n").unwrap();
    std::fs::write(here.join("rules/a.rules"), "event A {}\nrule a { on A run w() }\n").unwrap();
    std::fs::write(here.join("workflows/w.yaml"), "workflow: w\nsteps: { s: { uses: state.stable } }\n").unwrap();
    let scenarios = here.join("checks/w.test.yaml");
    std::fs::write(&scenarios, "").unwrap();
    let program = ["rules", "workflows"].map(|name| here.join(name));
    assert_eq!(program_paths(std::slice::from_ref(&scenarios), here), program);
    // What is named besides says what the program is.
    assert_eq!(
        program_paths(&[scenarios.clone(), here.join("rules")], here),
        ["checks", "rules"].map(|it| here.join(it))
    );
    // Scenarios that stand elsewhere are about what stands beside them.
    let elsewhere = tempfile::tempdir().unwrap();
    let other = elsewhere.path().join("w.test.yaml");
    std::fs::write(&other, "").unwrap();
    assert_eq!(program_paths(&[other], here), [elsewhere.path().to_owned()]);
    // A configuration that is wrong names nothing.
    std::fs::write(here.join("homeostat.yaml"), "programm: []\n").unwrap();
    assert_eq!(program_paths(&[scenarios], here), [here.join("checks")]);
}
