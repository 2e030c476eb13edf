use super::{summary, to_json, to_people};
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
