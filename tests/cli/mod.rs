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
    assert_eq!((exit, err.as_str()), (Some(0), "nothing to change in 11 files\n"));
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

/// What is wrong with the configuration is told as everything else is, and hides nothing of the program that it names.
#[test]
fn a_wrong_configuration_is_told_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let write = |name: &str, text: &str| std::fs::write(root.join(name), text).unwrap();
    write("homeostat.yaml", "tagets: {}\nprogram: [w.yaml, rulez]\n");
    write("w.yaml", "workflow: w\nsteps: { s: { uses: agents.dispach } }\n");
    for format in ["text", "json", "sarif", "github"] {
        for command in ["validate", "lint", "lint w.yaml"] {
            let (exit, out, err) = said(root, &format!("{command} --format {format}"));
            assert_eq!(exit, Some(2), "{command} {format}: {out}{err}");
            let (told, quiet) = if format == "text" { (err, out) } else { (out, err) };
            assert!(told.contains("tagets") && told.contains("H0305"), "{command} {format}: {told}\n{quiet}");
            assert_eq!(quiet, "", "{command} {format}");
            assert_eq!(told.contains("rulez"), command != "lint w.yaml", "{command} {format}: {told}");
        }
    }
    let (_, _, err) = said(root, "validate");
    assert!(err.ends_with("3 errors in 2 files\n"), "{err}");
    assert!(err.contains("homeostat.yaml:2:19"), "{err}");
    // Nobody can tell what the program is.
    write("homeostat.yaml", "program: { a: b }\n");
    let (exit, out, err) = said(root, "validate --format json");
    assert_eq!((exit, err.as_str()), (Some(2), ""));
    assert!(out.contains("\"homeostat.yaml\"") && !out.contains("w.yaml"), "{out}");
    // One that is named and not there is a mistake, even where it says nothing.
    for command in ["validate", "lint", "fmt"] {
        write("a.rules", "/// It happens.\nevent A {}\n");
        let (exit, _, err) = said(root, &format!("{command} a.rules --config nofile.yaml"));
        assert_eq!(exit, Some(2), "{command}: {err}");
        assert!(err.contains("nofile.yaml"), "{command}: {err}");
    }
}

#[test]
fn what_keeps_tests_from_being_played_is_told_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let write = |name: &str, text: &str| std::fs::write(root.join(name), text).unwrap();
    write("a.rules", "event A {}\nrule a { on A run w() }\n");
    write("w.yaml", "workflow: w\nsteps: { s: { uses: state.stable } }\n");
    write("w.test.yaml", "scenario: s\nwhen: [{ event: B }]\nthen: { never: [{ run: w }] }\n");
    for (what, code, exit) in [("scenario", "H0202", 2), ("program", "H0305", 1)] {
        if what == "program" {
            write("w.yaml", "workflow: w\nsteps: { s: { uses: state.stabel } }\n");
        }
        let (status, out, err) = said(root, "test . --format json");
        assert_eq!((status, err.as_str()), (Some(exit), ""), "{what}");
        let report: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(report["problems"][0]["code"], code, "{out}");
        let (status, out, err) = said(root, "test . --format junit");
        assert_eq!((status, err.as_str()), (Some(exit), ""), "{what}");
        assert!(out.contains("<error") && out.contains(code), "{out}");
        let (status, out, err) = said(root, "test .");
        assert_eq!((status, out.as_str()), (Some(exit), ""), "{what}");
        assert!(err.contains(code) && err.lines().last().is_some_and(|line| line.starts_with("1 error in ")), "{err}");
    }
}

#[test]
fn data_that_is_wrong_is_shown_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    std::fs::write(root.join("mark.json"), "\u{feff}{\"a\": 1}").unwrap();
    assert_eq!(said(root, "eval a==1 --data mark.json").1, "true\ntype: bool\n");
    std::fs::write(root.join("wrong.json"), "{\n  \"a\": tru,\n}").unwrap();
    let (exit, _, err) = said(root, "eval a==1 --data wrong.json");
    assert_eq!(exit, Some(2));
    assert!(err.contains("--> wrong.json:2:") && err.contains("2 |   \"a\": tru,\n") && err.contains("^\n"), "{err}");
    std::fs::write(root.join("state.yaml"), "phase: stabel\nrte: 5\n").unwrap();
    std::fs::write(root.join("event.json"), "{\"type\": \"IDLE\", \"subject\": \"a\"}").unwrap();
    let (exit, _, err) = said(root, "explain --event event.json --state state.yaml");
    assert_eq!(exit, Some(2));
    assert!(err.contains("--> state.yaml:1:8") && err.contains("unknown variant `stabel`"), "{err}");
    assert!(!err.contains("<input>"), "{err}");
}

/// What standard input holds is told by what it would be called.
#[test]
fn standard_input_is_formatted_as_what_it_is_called() {
    let folder = tempfile::tempdir().unwrap();
    let written = folder.path().join("written");
    for (text, line, expected) in [
        ("event  A{}\n", "fmt -", "event A {}\n"),
        ("a:   {b: 1}\n", "fmt - --stdin-path flow.yaml", "a: { b: 1 }\n"),
        ("a:   {b: 1}\n", "fmt - --stdin-path flow.test.yml", "a: { b: 1 }\n"),
    ] {
        std::fs::write(&written, text).unwrap();
        let input = std::fs::File::open(&written).unwrap();
        let output = homeostat(folder.path(), line).stdin(input).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected, "{line}");
    }
}
