//! Levels, lists, and what is written.

use super::{Args, Level, levels, run};
use crate::cli::exit::Exit;
use crate::cli::report::{FailOn, ReportArgs};
use crate::config;

const HASTY: &str = "\u{feff}workflow: hasty\r\nsteps:\r\n  lower:\r\n    uses: agents.dispatch\r\n    with: { factor: 0.5 }\r\n    timeout: 30s # homeostat: allow(missing-undo): of no use\r\n  rest: { needs: [lower], uses: state.degraded }\r\n";

fn hasty() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hasty.yaml");
    std::fs::write(&file, HASTY).unwrap();
    (folder, file)
}

fn args(file: &std::path::Path) -> Args {
    Args { paths: vec![file.to_owned()], ..Args::default() }
}

#[test]
fn findings_fail_as_their_level_and_the_command_say() {
    let (_folder, file) = hasty();
    let strict = ReportArgs { fail_on: FailOn::Warning, ..ReportArgs::default() };
    let name = || vec!["unused-suppression".to_owned()];
    assert_eq!(run(&args(&file)), Exit::Done);
    assert_eq!(run(&Args { report: strict, ..args(&file) }), Exit::Findings);
    assert_eq!(run(&Args { deny: name(), ..args(&file) }), Exit::Findings);
    assert_eq!(run(&Args { allow: name(), report: strict, ..args(&file) }), Exit::Done);
    assert_eq!(run(&Args { allow: name(), deny: name(), ..args(&file) }), Exit::Usage);
    assert_eq!(run(&Args { deny: vec!["unused-supression".to_owned()], ..args(&file) }), Exit::Usage);
    assert_eq!(run(&args(&file.with_file_name("gone.yaml"))), Exit::Usage);
}

#[test]
fn the_command_line_goes_before_the_configuration() {
    let text = "lint: { racing-rules: deny, missing-docs: warn }";
    let config = config::read("homeostat.yaml", text, std::path::Path::new(""), &[]).config.unwrap();
    let given = Args { allow: vec!["racing-rules".to_owned()], ..Args::default() };
    let levels = levels(&given, &config.lint).unwrap();
    let of = |name: &str| levels.of(crate::lint::find(name).unwrap());
    assert_eq!(of("racing-rules"), Level::Allow);
    assert_eq!(of("missing-docs"), Level::Warn);
    assert_eq!(of("invented-rate"), Level::Deny);
}

#[test]
fn what_is_shown_is_not_written_and_what_is_written_keeps_the_rest() {
    let (folder, file) = hasty();
    let read = || std::fs::read_to_string(&file).unwrap();
    assert_eq!(run(&Args { fix: true, diff: true, ..args(&file) }), Exit::Findings);
    assert_eq!(read(), HASTY);
    assert_eq!(run(&Args { fix: true, ..args(&file) }), Exit::Done);
    assert_eq!(read(), HASTY.replace(" # homeostat: allow(missing-undo): of no use", ""));
    let strict = ReportArgs { fail_on: FailOn::Warning, ..ReportArgs::default() };
    assert_eq!(run(&Args { fix: true, diff: true, report: strict, ..args(&file) }), Exit::Done);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "something was left beside the file");
}

#[test]
fn every_lint_is_listed() {
    assert_eq!(run(&Args { list: true, ..Args::default() }), Exit::Done);
}
