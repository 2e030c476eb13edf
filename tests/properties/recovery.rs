//! One broken line in a right workflow: it is told once, nothing is said that follows from it alone, and what is wrong
//! elsewhere is told all the same.

use homeostat::action::catalogue;
use homeostat::base::source::Sources;
use homeostat::compile::compile;
use homeostat::diagnostic::{Code, Diagnostic, Diagnostics, Severity};
use proptest::prelude::*;

const RIGHT: &[&str] = &["workflows", "examples", "tests/properties/seeds/workflow"];

/// Given its blanks and the rest, what becomes of a line.
type Break = fn(&str, &str) -> String;

/// What a tired hand does to one line of YAML.
const BREAKS: &[(&str, Break)] = &[
    ("a tab in front", |_, content| format!("\t{content}")),
    ("one blank more", |indent, content| format!("{indent} {content}")),
    ("one blank less", |indent, content| format!("{}{content}", indent.get(1..).unwrap_or_default())),
    ("a quote that is not closed", |indent, content| format!("{indent}{}", before_value(content, "\""))),
    ("an apostrophe that is not closed", |indent, content| format!("{indent}{}", before_value(content, "'"))),
    ("a list that is not closed", |indent, content| format!("{indent}{}", before_value(content, "["))),
    ("a mapping that is not closed", |indent, content| format!("{indent}{}", before_value(content, "{ "))),
    ("no colon", |indent, content| format!("{indent}{}", content.replacen(':', "", 1))),
    ("no blank behind the colon", |indent, content| format!("{indent}{}", content.replacen(": ", ":", 1))),
    ("a dash", |indent, content| format!("{indent}- {content}")),
    ("a second colon", |indent, content| format!("{indent}{}", before_value(content, "more: "))),
    ("a reserved character", |indent, content| format!("{indent}{}", before_value(content, "@"))),
    ("a bracket too many", |indent, content| format!("{indent}{content} ]")),
    ("a word behind the quote", |indent, content| format!("{indent}{}", before_value(content, "'it's' "))),
];

fn before_value(content: &str, inserted: &str) -> String {
    match content.split_once(": ") {
        Some((key, value)) => format!("{key}: {inserted}{value}"),
        None => format!("{content} {inserted}"),
    }
}

/// The text with line `at` broken, and that line as it was; `None` where it says nothing.
fn broken(text: &str, at: usize, how: Break) -> Option<(String, &str)> {
    let line = text.lines().nth(at)?;
    let content = line.trim_start();
    // Behind a dash, the lines of a text stand too far to the left: two mistakes in one.
    let is_text = how(" ", "a: |").contains('-') && content.ends_with(['|', '>']);
    if is_text || content.is_empty() || content.starts_with('#') {
        return None;
    }
    let indent = &line[..line.len() - content.len()];
    let lines: Vec<String> = text
        .lines()
        .enumerate()
        .map(|(index, line)| if index == at { how(indent, content) } else { line.to_owned() })
        .collect();
    Some((lines.join("\n") + "\n", line))
}

fn errors(text: &str) -> Vec<Diagnostic> {
    let mut sources = Sources::new();
    sources.add("broken.yaml", text);
    let compilation = compile(sources, Diagnostics::new(), &catalogue());
    super::invariants::diagnostics_can_be_shown(&compilation.diagnostics, &compilation.sources);
    compilation.diagnostics.iter().filter(|problem| problem.severity == Severity::Error).cloned().collect()
}

/// What is wrong with the form of the file, as YAML or as an expression that YAML took for something else.
fn is_form(problem: &Diagnostic) -> bool {
    matches!(problem.code, Code::YamlSyntax | Code::UnquotedExpression)
}

fn told_once(
    name: &str,
    text: &str,
    at: usize,
    (what, how): (&str, fn(&str, &str) -> String),
) -> Result<(), TestCaseError> {
    let Some((broken, line)) = broken(text, at, how) else { return Ok(()) };
    let found = errors(&broken);
    if found.iter().any(is_form) {
        let said: Vec<_> = found
            .iter()
            .map(|problem| format!("{} {:?} {}", problem.code, &broken[problem.primary.span.range()], problem.message))
            .collect();
        prop_assert!(found.len() == 1, "{name}:{}: {what} in {line:?}:\n{}", at + 1, said.join("\n"));
    }
    Ok(())
}

/// A step with a mistake that has nothing to do with anything else, put in front of the first step.
const PLANTED: &str = "  planted_step:\n    uses: recorder.lookup\n    with: { signature: a, nobody_knows_this: 1 }\n";

fn planted(text: &str) -> String {
    text.replacen("\nsteps:\n", &format!("\nsteps:\n{PLANTED}"), 1)
}

fn told_beside(
    name: &str,
    text: &str,
    at: usize,
    (what, how): (&str, fn(&str, &str) -> String),
) -> Result<(), TestCaseError> {
    let planted = planted(text);
    let steps = planted.lines().position(|line| line == "steps:");
    // In the line of `steps:`, or in the planted step itself, everything may go with it.
    if steps.is_none_or(|steps| (steps..=steps + 3).contains(&at)) {
        return Ok(());
    }
    let Some((broken, line)) = broken(&planted, at, how) else { return Ok(()) };
    let found = errors(&broken);
    let is_told = found.iter().any(|problem| problem.message.contains("nobody_knows_this"));
    let said: Vec<_> = found
        .iter()
        .map(|problem| format!("{} {:?} {}", problem.code, &broken[problem.primary.span.range()], problem.message))
        .collect();
    prop_assert!(is_told, "{name}:{}: {what} in {line:?} hides what is wrong elsewhere:\n{}", at + 1, said.join("\n"));
    Ok(())
}

/// Those that stand by themselves: they call no other workflow.
fn right() -> Vec<String> {
    super::texts(RIGHT, "yaml").into_iter().filter(|text| errors(text).is_empty()).collect()
}

fn any_break() -> impl Strategy<Value = (String, prop::sample::Index, usize)> {
    let texts = prop::sample::select(right());
    (texts, any::<prop::sample::Index>(), 0..BREAKS.len())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn a_broken_line_is_told_once((text, at, how) in any_break()) {
        told_once("", &text, at.index(text.lines().count()), BREAKS[how])?;
    }

    #[test]
    fn a_broken_line_hides_nothing_in_another_step((text, at, how) in any_break()) {
        told_beside("", &text, at.index(planted(&text).lines().count()), BREAKS[how])?;
    }
}

#[test]
#[ignore = "every line of every file, by hand: what is told of a break that is not told once"]
fn every_break() {
    let mut bad = Vec::new();
    for (index, text) in right().iter().enumerate() {
        let name = format!("{index} {}", text.lines().find(|line| line.starts_with("workflow:")).unwrap_or_default());
        for at in 0..planted(text).lines().count() {
            for how in BREAKS {
                bad.extend(told_once(&name, text, at, *how).err().map(|error| error.to_string()));
                bad.extend(told_beside(&name, text, at, *how).err().map(|error| error.to_string()));
            }
        }
    }
    assert!(bad.is_empty(), "{} of them:\n{}", bad.len(), bad.join("\n\n"));
}
