use super::{summary, to_github, to_json, to_people, to_sarif};
use crate::base::source::{SourceId, Sources};
use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};

/// The place of `word` in the source's text.
fn find(sources: &Sources, id: SourceId, word: &str) -> Span {
    let start = sources.get(id).unwrap().text.find(word).unwrap();
    Span::new(id, start, start + word.len())
}

fn two_files() -> (Sources, Diagnostics) {
    let mut sources = Sources::new();
    let rules = sources.add("shop/rules.rules", "event A {}\n\nrule x {\n\ton B\n    run größe(größe: 1)\n}\n");
    let other = sources.add("shop/other.rules", "event A {}\n");
    let empty = sources.add("shop/empty", "");
    let mut found = Diagnostics::new();
    found.push(
        Diagnostic::error(Code::UnknownWorkflow, find(&sources, rules, "größe"), "there is no workflow `größe`")
            .label("not among the files")
            .help("name a workflow among the checked files"),
    );
    found.push(
        Diagnostic::error(Code::DuplicateName, find(&sources, other, "A"), "the event `A` is declared twice")
            .label("declared again")
            .also(find(&sources, rules, "A"), "declared here first"),
    );
    found.push(
        Diagnostic::error(Code::UnknownEvent, find(&sources, rules, "B"), "there is no event `B`")
            .suggest("B", ["A"])
            .also(find(&sources, rules, "x"), "in this rule"),
    );
    found.push(Diagnostic::warning(Code::NothingFound, Span::new(empty, 0, 0), "nothing is there"));
    let end = sources.get(rules).unwrap().text.len();
    found.push(Diagnostic::error(Code::RuleSyntax, Span::new(rules, end, end), "the file ends here"));
    found.push(Diagnostic::error(Code::RuleSyntax, Span::new(rules, end, end), "the file ends here"));
    (sources, found)
}

#[test]
fn people_see_the_lines_with_carets() {
    let (sources, found) = two_files();
    insta::assert_snapshot!(to_people(&found, &sources, false));
    assert!(to_people(&found, &sources, true).contains("\u{1b}["));
    assert_eq!(to_people(&Diagnostics::new(), &sources, false), "");
}

#[test]
fn programs_get_places_as_numbers() {
    let (sources, found) = two_files();
    insta::assert_snapshot!(to_json(&found, &sources));
    assert_eq!(to_json(&Diagnostics::new(), &sources), "[]");
}

#[test]
fn the_summary_counts() {
    let (_, found) = two_files();
    assert_eq!(summary(&found, 3), "4 errors and 1 warning in 3 files");
    assert_eq!(summary(&Diagnostics::new(), 1), "no problems in 1 file");
    let mut warning = Diagnostics::new();
    warning.push(Diagnostic::warning(Code::NothingFound, Span::new(SourceId(0), 0, 0), "nothing"));
    assert_eq!(summary(&warning, 0), "1 warning in 0 files");
}

#[test]
fn long_lines_are_cut_around_the_caret() {
    let mut sources = Sources::new();
    let long = format!("{}\t«HERE»{}\nnext\n", "ä".repeat(600), "b".repeat(4_000));
    let id = sources.add("long.rules", long.as_str());
    let wide = sources.add("wide.rules", format!("{}HERE  {}\n", "word ".repeat(60), "word ".repeat(60)));
    let mut found = Diagnostics::new();
    found.push(Diagnostic::error(Code::RuleSyntax, find(&sources, id, "HERE"), "in the middle").label("here"));
    found.push(Diagnostic::error(Code::RuleSyntax, Span::new(id, 0, long.len()), "the whole file").label("all"));
    found.push(Diagnostic::error(Code::RuleSyntax, find(&sources, wide, "HERE"), "far to the right").label("here"));
    insta::assert_snapshot!(to_people(&found, &sources, false));
}

#[test]
fn places_out_of_the_text_do_no_harm() {
    let mut sources = Sources::new();
    let id = sources.add("a\u{1b}.rules", "größe\r\nx");
    let mut found = Diagnostics::new();
    for (start, end) in [(3, 4), (100, 200), (0, 100), (7, 8), (8, 9), (6, 6)] {
        found.push(Diagnostic::error(Code::RuleSyntax, Span::new(id, start, end), format!("{start} to {end}")));
    }
    found.push(Diagnostic::error(Code::RuleSyntax, Span::new(SourceId(9), 0, 1), "of no source"));
    insta::assert_snapshot!(to_people(&found, &sources, false));
    assert!(to_json(&found, &sources).contains("of no source"));
}

#[test]
fn a_hundred_problems_in_one_long_line_all_have_their_place() {
    let mut sources = Sources::new();
    let id = sources.add("long.rules", "ä word ".repeat(20_000));
    let mut found = Diagnostics::new();
    for at in 0..100 {
        found.push(Diagnostic::error(Code::RuleSyntax, Span::new(id, at * 1_600, at * 1_600 + 2), "wrong"));
    }
    let shown = to_people(&found, &sources, false);
    assert_eq!(shown.matches("--> long.rules:1:").count(), 100);
    // The line is drawn for the first ones; whoever comes later still has the right column.
    assert!((1..100).contains(&shown.matches('^').count().div_ceil(2)));
    assert!(shown.trim_end().ends_with(&format!("--> long.rules:1:{}", 99 * 200 * 7 + 1)));
}

#[test]
fn what_nobody_reads_is_counted() {
    let mut sources = Sources::new();
    let id = sources.add("many.rules", "x".repeat(200));
    let mut found = Diagnostics::new();
    for at in 0..103 {
        found.push(Diagnostic::error(Code::RuleSyntax, Span::new(id, at, at + 1), "x"));
    }
    let shown = to_people(&found, &sources, false);
    assert_eq!(shown.matches("error[H0200]").count(), 100);
    assert!(shown.ends_with("\n\n… and 3 more problems in many.rules\n\n"), "{shown}");
    assert_eq!(to_json(&found, &sources).matches("H0200").count(), 103);
}

/// The two files, a certain fix, and text with everything that needs escaping.
fn with_a_fix() -> (Sources, Diagnostics) {
    let (mut sources, mut found) = two_files();
    let odd = sources.add("./größe, 100%: a b.rules", "rule 𝒳 { on A }\n");
    let mut escaped = Diagnostic::warning(Code::BadClause, find(&sources, odd, "on"), "")
        .label("here")
        .help("turn it round")
        .edit(find(&sources, odd, "on"), "off")
        .edit(find(&sources, odd, "A"), "B");
    // No message has line ends; whoever writes one out must not rely on that.
    escaped.message = "100% of\r\nwhat: is, odd".to_owned();
    found.push(escaped);
    let absolute = sources.add("/srv/a.rules", "rule\n{ }\n");
    found.push(Diagnostic::error(Code::RuleSyntax, Span::new(absolute, 0, 6), "over two lines"));
    (sources, found)
}

#[test]
fn sarif_is_what_its_schema_says() {
    let schema = std::fs::read_to_string("tests/schemas/sarif-2.1.0.json").unwrap();
    // As published, the pattern of a language has a bracket too many, which not every engine takes.
    let schema = schema.replace("-[a-zA-Z]{2}]?$", "-[a-zA-Z]{2}$");
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let (sources, found) = with_a_fix();
    let log = to_sarif(&found, &sources);
    for text in [&log, &to_sarif(&Diagnostics::new(), &sources)] {
        let log: serde_json::Value = serde_json::from_str(text).unwrap();
        let problems: Vec<String> =
            schema.iter_errors(&log).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(problems.is_empty(), "{problems:#?}");
    }
    insta::assert_snapshot!(log.replace(env!("CARGO_PKG_VERSION"), "VERSION"));
    let broken: serde_json::Value = serde_json::from_str(&log.replace("\"startLine\": 1", "\"startLine\": 0")).unwrap();
    assert!(!schema.is_valid(&broken), "the schema finds nothing wrong");
}

#[test]
fn annotations_are_one_line_each_with_everything_escaped() {
    let (sources, found) = with_a_fix();
    insta::assert_snapshot!(to_github(&found, &sources));
    assert_eq!(to_github(&Diagnostics::new(), &sources), "");
}

#[test]
fn programs_get_the_edits() {
    let (sources, found) = with_a_fix();
    let list: serde_json::Value = serde_json::from_str(&to_json(&found, &sources)).unwrap();
    let edits: Vec<_> = list.as_array().unwrap().iter().flat_map(|one| one["edits"].as_array().unwrap()).collect();
    assert_eq!(edits.len(), 2);
    assert_eq!((edits[0]["column"].as_u64(), edits[0]["replacement"].as_str()), (Some(10), Some("off")));
}

#[test]
fn line_ends_alone_can_be_marked() {
    for text in ["\r\r", "\n\n", "a\r\n\r\n\r\n", "\r"] {
        let mut sources = Sources::new();
        let source = sources.add("a", text);
        let mut diagnostics = Diagnostics::new();
        for start in 0..=text.len() {
            diagnostics.push(Diagnostic::error(Code::ExpressionSyntax, Span::new(source, start, text.len()), "empty"));
        }
        let shown = to_people(&diagnostics, &sources, false);
        assert_eq!(shown.matches("error[").count(), text.len() + 1, "{text:?}:\n{shown}");
    }
}
