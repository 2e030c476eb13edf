//! Files that mean harm: each is answered in words, with the program left as it is.

use std::fmt::Write as _;

use homeostat::app::program::check;
use homeostat::diagnostic::render::to_people;

/// The codes that one file of this name and content gets, and that what people are shown of it stays readable.
fn codes(name: &str, content: &[u8]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    let compilation = check(&[path]);
    let shown = to_people(&compilation.diagnostics, &compilation.sources, false);
    for line in shown.lines() {
        assert!(line.chars().count() < 400, "a line of {} characters for {name}", line.chars().count());
    }
    let mut codes: Vec<String> = compilation.diagnostics.iter().map(|diagnostic| diagnostic.code.to_string()).collect();
    codes.dedup();
    codes
}

#[test]
fn a_hundred_thousand_brackets_are_too_many() {
    for bracket in ["(", "[", "{"] {
        let many = bracket.repeat(100_000);
        assert_eq!(codes("a.rules", many.as_bytes()), ["H0004"]);
        assert_eq!(codes("a.rules", format!("rule x {{ on A when {many}").as_bytes()), ["H0004"]);
        let workflow = format!("workflow: x\nsteps:\n  a: {{ uses: state.paused, if: '{many}' }}\n");
        assert_eq!(codes("a.yaml", workflow.as_bytes()), ["H0106"]);
    }
    for bracket in ["[", "{"] {
        assert_eq!(codes("a.yaml", bracket.repeat(100_000).as_bytes()), ["H0004"]);
    }
    assert_eq!(codes("a.yaml", "- ".repeat(100_000).as_bytes()), ["H0004"]);
}

#[test]
fn an_alias_bomb_does_not_go_off() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..20 {
        let line = vec![format!("*a{}", level - 1); 9].join(", ");
        writeln!(bomb, "a{level}: &a{level} [{line}]").unwrap();
    }
    let found = codes("a.yaml", bomb.as_bytes());
    assert!(!found.is_empty() && found.iter().all(|code| code.starts_with("H03") || code == "H0004"), "{found:?}");
}

#[test]
fn a_file_of_five_megabytes_is_too_large() {
    for name in ["a.rules", "a.yaml"] {
        assert_eq!(codes(name, &vec![b' '; 5 << 20]), ["H0004"]);
        assert_eq!(codes(name, &vec![b'a'; 5 << 20]), ["H0004"]);
    }
}

#[test]
fn what_is_not_utf8_is_named() {
    for name in ["a.rules", "a.yaml"] {
        assert_eq!(codes(name, b"// caf\xe9"), ["H0002"]);
        assert_eq!(codes(name, &[0xff, 0xfe, b'r', 0, b'u', 0]), ["H0002"]);
    }
}

#[test]
fn zero_bytes_and_escapes_reach_no_terminal() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("a.rules", "rule x\u{1b}[31m { on A\0 run \u{7}b() }\n\u{1b}]0;title\u{7}"),
        ("b.yaml", "workflow: \"\\e[31m\"\n\u{1b}: 1\nsteps: \"\\0\"\n"),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let compilation = check(&[folder.path().to_owned()]);
    assert!(compilation.diagnostics.has_errors());
    let shown = to_people(&compilation.diagnostics, &compilation.sources, false);
    assert!(shown.chars().all(|c| c == '\n' || !c.is_control()), "{shown:?}");
}

#[test]
fn one_long_line_shows_its_neighbourhood() {
    let rules = format!("event A {{}} {} rule x {{ on B run nothing() }}", "/* */ ".repeat(50_000));
    assert!(!codes("a.rules", rules.as_bytes()).is_empty());
    let names = (0..20_000).map(|index| format!("a{index}")).collect::<Vec<_>>().join(", ");
    let workflow = format!("workflow: x\nsteps:\n  a: {{ uses: state.paused, needs: [{names}] }}\n");
    assert!(!codes("a.yaml", workflow.as_bytes()).is_empty());
}

#[test]
fn an_empty_folder_and_a_missing_file_are_said_to_be_so() {
    let folder = tempfile::tempdir().unwrap();
    for (path, code) in [(folder.path().to_owned(), "H0003"), (folder.path().join("gone.rules"), "H0001")] {
        let compilation = check(&[path]);
        let codes: Vec<String> = compilation.diagnostics.iter().map(|diagnostic| diagnostic.code.to_string()).collect();
        assert_eq!(codes, [code]);
    }
}
