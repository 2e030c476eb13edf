use super::*;
use std::fs;

const WRITTEN: &str = "rule x{on A // why\n run wf()}\n";
const FORMATTED: &str = "rule x {\n    on   A // why\n    run  wf()\n}\n";

fn args(paths: &[&Path], check: bool) -> Args {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    Args { paths, file: FileArgs::default(), check, stdin_path: None, format: Format::Text }
}

fn exit(paths: &[&Path], check: bool) -> Exit {
    run(&args(paths, check))
}

#[test]
fn a_folder_is_formatted_once_and_for_all() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::write(root.join("a.rules"), WRITTEN).unwrap();
    fs::write(root.join("b.yaml"), "steps:   {}\n").unwrap();
    fs::write(root.join("b.test.yaml"), "scenario:   b\n").unwrap();
    assert_eq!(exit(&[root], true), Exit::Findings);
    assert_eq!(fs::read_to_string(root.join("a.rules")).unwrap(), WRITTEN, "--check writes nothing");
    assert_eq!(exit(&[root], false), Exit::Done);
    assert_eq!(fs::read_to_string(root.join("a.rules")).unwrap(), FORMATTED);
    assert_eq!(fs::read_to_string(root.join("b.yaml")).unwrap(), "steps: {}\n");
    assert_eq!(fs::read_to_string(root.join("b.test.yaml")).unwrap(), "scenario: b\n");
    assert_eq!(exit(&[root], true), Exit::Done);
    assert_eq!(fs::read_dir(root).unwrap().count(), 3, "nothing is left beside the files");
}

#[test]
fn a_file_with_mistakes_stays_and_the_others_are_formatted() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::write(root.join("a.rules"), "rule x { on A when (a }\n").unwrap();
    fs::write(root.join("b.rules"), WRITTEN).unwrap();
    assert_eq!(exit(&[root], false), Exit::Findings);
    assert_eq!(fs::read_to_string(root.join("a.rules")).unwrap(), "rule x { on A when (a }\n");
    assert_eq!(fs::read_to_string(root.join("b.rules")).unwrap(), FORMATTED);
}

#[test]
fn what_cannot_be_meant_is_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    fs::write(root.join("b.json"), "{}").unwrap();
    assert_eq!(exit(&[root], false), Exit::Usage, "nothing to format");
    assert_eq!(exit(&[&root.join("c.rules")], false), Exit::Usage, "no file");
    assert_eq!(exit(&[root, Path::new("-")], false), Exit::Usage, "standard input among files");
}

#[cfg(unix)]
#[test]
fn links_and_permissions_are_kept() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let (real, link) = (folder.path().join("real.rules"), folder.path().join("link.rules"));
    fs::write(&real, WRITTEN).unwrap();
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    assert_eq!(exit(&[&link], false), Exit::Done);
    assert!(link.symlink_metadata().unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&real).unwrap(), FORMATTED);
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn a_difference_shows_the_lines_and_their_surroundings() {
    let shown = difference("a.rules", DONE, WRITTEN, FORMATTED);
    let expected = "--- a.rules\n+++ a.rules, formatted\n@@ -1,2 +1,4 @@\n-rule x{on A // why\n- run wf()}\n+rule x {\n\
        +    on   A // why\n+    run  wf()\n+}\n";
    assert_eq!(anstream::adapter::strip_str(&shown).to_string(), expected);
}

#[test]
fn a_summary_counts() {
    assert_eq!(summary(true, 1, 0, 0), "nothing to change in 1 file\n");
    assert_eq!(summary(true, 3, 2, 0), "2 of 3 files would change\n");
    assert_eq!(summary(false, 3, 1, 1), "1 of 3 files changed, 1 left as they are, with mistakes\n");
}

/// All lines differ: the fewest changes of it would take the square of them to find.
#[test]
fn the_difference_of_a_large_file_is_shown_without_thinking_long() {
    let mut old = String::new();
    for at in 0..5_000 {
        old.push_str(&format!("rule r{at} {{ on A run wf() }}\n"));
    }
    let new = old.replace(" { on A", " {\n    on   A");
    let start = std::time::Instant::now();
    let shown = difference("a.rules", DONE, &old, &new);
    assert!(start.elapsed() < std::time::Duration::from_secs(20), "{:?}", start.elapsed());
    let of = |sign: &str| {
        shown.lines().filter(|line| anstream::adapter::strip_str(line).to_string().starts_with(sign)).count()
    };
    // With the two lines of the head.
    assert_eq!((of("-"), of("+")), (old.lines().count() + 1, new.lines().count() + 1));
}
