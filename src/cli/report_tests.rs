use clap::Parser;

use super::*;
use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic};

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    report: ReportArgs,
}

fn args(line: &str) -> ReportArgs {
    Command::try_parse_from(std::iter::once("x").chain(line.split_whitespace())).unwrap().report
}

fn one(severity: Severity) -> (Diagnostics, Sources) {
    let mut sources = Sources::new();
    let id = sources.add("a.rules", "event A {}\n");
    let mut found = Diagnostics::new();
    found.push(Diagnostic { severity, ..Diagnostic::error(Code::RuleSyntax, Span::new(id, 6, 7), "odd") });
    (found, sources)
}

#[test]
fn warnings_fail_where_that_is_asked_for() {
    let (warning, _) = one(Severity::Warning);
    let (error, _) = one(Severity::Error);
    assert_eq!(args("").exit(&warning), Exit::Done);
    assert_eq!(args("--fail-on warning").exit(&warning), Exit::Findings);
    assert_eq!(args("").exit(&error), Exit::Findings);
    assert_eq!(args("--fail-on warning").exit(&Diagnostics::new()), Exit::Done);
}

#[test]
fn every_form_tells_the_problem() {
    let (found, sources) = one(Severity::Error);
    for (format, holds) in [
        ("text", "1 error in 1 file\n"),
        ("json", "\"column\": 7"),
        ("sarif", "\"startColumn\": 7"),
        ("github", "::error file=a.rules,line=1,col=7,endColumn=7,title=H0200::odd\n"),
    ] {
        let text = args(&format!("--format {format}")).render(&found, &sources);
        assert!(text.contains(holds), "{text}");
        assert!(!text.contains("no problems"), "{text}");
    }
    assert_eq!(args("").render(&Diagnostics::new(), &sources), "no problems in 1 file\n");
}
