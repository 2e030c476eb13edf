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
    assert_eq!(program_paths(&paths), ["rules", "a", "."].map(PathBuf::from));
}

#[test]
fn only_a_ci_that_is_meant_is_one() {
    assert!(is_ci(Some("true")) && is_ci(Some("1")));
    assert!(!is_ci(None) && !is_ci(Some("")) && !is_ci(Some("false")));
}
