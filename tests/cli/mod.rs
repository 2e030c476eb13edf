//! The command line as a shell sees it: what it prints where, what it ends with, and what happens when nobody reads.

use std::path::Path;
use std::process::{Command, Output, Stdio};

fn homeostat(folder: &Path, line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_homeostat"));
    command.args(line.split(' ')).current_dir(folder).stdin(Stdio::null()).env_remove("CI");
    command
}

fn said(folder: &Path, line: &str) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = homeostat(folder, line).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// A folder as `homeostat init` makes it.
fn made() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(said(folder.path(), "init").0, Some(0));
    folder
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    let folder = made();
    for line in [
        // More than a pipe takes in.
        "schema workflow",
        "schema scenario",
        "completions bash",
        "completions zsh",
        "explain",
        "explain --format json",
        "lint --list",
        "validate --format sarif",
        "plan deployment_change",
        "plan deployment_change --format svg",
        "config show",
        "man",
        "test --format json",
        "--help",
        "plan --help",
    ] {
        let mut child = homeostat(folder.path(), line).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let Output { status, stderr, .. } = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(stderr).unwrap();
        assert_eq!(status.code(), Some(0), "{line}: {stderr}");
        assert!(!stderr.contains("panicked") && !stderr.contains("error"), "{line}: {stderr}");
    }
}

/// Data goes to standard output, everything else to standard error.
#[test]
fn no_command_says_that_all_is_well_after_a_problem() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let write = |name: &str, text: &str| std::fs::write(root.join(name), text).unwrap();
    write("a.rules", "/// It happens.\nevent A {}\nrule a { on A run w() }\n");
    write("w.yaml", "workflow: w\nsteps: { s: { uses: agents.dispatch, with: { total_rps: 5.0 } } }\n");
    // A warning alone: done, unless warnings fail.
    let (exit, out, err) = said(root, "lint .");
    assert_eq!((exit, out.as_str()), (Some(0), ""));
    assert!(err.contains("warning[H0700]") && !err.contains("no problems"), "{err}");
    assert_eq!(said(root, "lint . --fail-on warning").0, Some(1));
    assert_eq!(said(root, "validate .").2, "no problems in 2 files\n");
    // An error, in every format.
    write("w.yaml", "workflow: w\nsteps: { s: { uses: agents.dispach } }\n");
    for format in ["text", "json", "sarif", "github"] {
        for command in ["validate", "lint"] {
            let (exit, out, err) = said(root, &format!("{command} . --format {format}"));
            assert_eq!(exit, Some(1), "{command} {format}");
            assert!(!err.contains("no problems") && !out.contains("no problems"), "{command} {format}: {out}{err}");
            let (told, quiet) = if format == "text" { (err, out) } else { (out, err) };
            assert!(told.contains("H0305") && quiet.is_empty(), "{command} {format}: {told}\n{quiet}");
        }
    }
}

/// What is named goes first; without it, commands are about the configured program.
#[test]
fn without_paths_a_command_is_about_the_configured_program() {
    let folder = made();
    let root = folder.path();
    for line in ["validate", "lint", "validate rules workflows"] {
        assert_eq!(said(root, line), (Some(0), String::new(), "no problems in 8 files\n".to_owned()), "{line}");
    }
    let (exit, _, err) = said(root, "fmt --check");
    assert_eq!((exit, err.as_str()), (Some(0), "nothing to change in 3 files\n"));
    // Scenarios alone are about it as well.
    let (exit, out, err) = said(root, "test workflows/idle_system.test.yaml");
    assert_eq!(exit, Some(0), "{out}{err}");
    assert!(out.contains("15 scenarios passed"), "{out}");

    std::fs::write(root.join("homeostat.yaml"), "listen: 127.0.0.1:0\n").unwrap();
    for line in ["validate", "lint", "fmt"] {
        let (exit, out, err) = said(root, line);
        assert_eq!((exit, out.as_str()), (Some(2), ""), "{line}");
        assert!(err.contains(&format!("there is nothing to {line}")), "{err}");
    }
}

#[test]
fn an_unknown_name_is_told_once_by_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let text = "workflow: w\nsteps:\n  a: { uses: no.such }\n  b: { uses: no.such, needs: [c] }\n  d: { uses: no.such, needs: [c] }\n";
    std::fs::write(folder.path().join("w.yaml"), text).unwrap();
    for line in ["validate .", "lint ."] {
        let (exit, _, err) = said(folder.path(), line);
        assert_eq!(exit, Some(1), "{line}");
        assert!(err.ends_with("2 errors in 1 file\n"), "{line}: {err}");
    }
}
