use super::*;
use crate::base::source::SourceId;
use crate::diagnostic::{Code, Diagnostics};
use proptest::prelude::*;

const SOURCE: SourceId = SourceId(0);

/// The tree in one line, with `…` where something was cut out.
fn outline(node: &Node) -> String {
    let cut = if node.is_cut() { "…" } else { "" };
    match &node.kind {
        Kind::Seq(items) => format!("[{}{cut}]", items.iter().map(outline).collect::<Vec<_>>().join(", ")),
        Kind::Map(entries) => {
            let entries = entries.iter().map(|(key, value)| format!("{}: {}", key.name, outline(value)));
            format!("{{{}{cut}}}", entries.collect::<Vec<_>>().join(", "))
        }
        Kind::Null if node.is_cut() => "…".to_owned(),
        _ => node.to_json().to_string(),
    }
}

fn told(text: &str, diagnostics: &Diagnostics) -> String {
    let lines = diagnostics.iter().map(|problem| {
        let line = text[..problem.primary.span.range().start].matches('\n').count() + 1;
        format!("\n  {line}: {} {:?}", problem.message, &text[problem.primary.span.range()])
    });
    lines.collect()
}

#[test]
fn what_is_not_broken_is_read_and_what_is_broken_is_told_once() {
    let shown: Vec<String> = [
        "a: 1\nb: \"x\nc: 3\n",
        "a: 1\nb: 'x\n  y\nc: 3\n",
        "a: [1, 2\nb: 1\n",
        "a: { b: 1, c: [2 }\nd: 1\n",
        "a:\n  - x\n  - [y\n  - z\nb: 1\n",
        "a:\n  - x\n  y\n  - z\nb: 1\n",
        "a:\n  b: 1\n    c: 2\n    d: 3\n  e: 4\nf: 5\n",
        "a:\n  b: 1\n c: 2\n  d: 3\ne: 4\n",
        "a:\n    b: 1\n  c:\n    d: 2\n  e: 3\nf: 4\n",
        "a:\n  b 1\n  c: 2\nd: 3\n",
        "a:\n  b: 1\n  c 2\n  d: 3\ne: 4\n",
        "a\n  b: 1\nc: 2\n",
        "a:\n  b\n    c: 1\n  d:\n    e: 2\n",
        "a:\n\tb: 1\n\tc:\n\t\td: 2\ne: 3\n",
        "a:\n  b: 1\n\tc: 2\n  d: 3\n",
        "a:1\nb: 2\n",
        "a: b: c\nd: 1\n",
        "a: @x\nb: `y`\nc: 1\n",
        "a: \"x\\q\"\nb: 1\n",
        "a: 'it's'\nb: 1\n",
        "- a: 1\n  b: [\n- c: 2\n",
        "a:\n- b\n-c\n- d\ne: 1\n",
        "// x\na: 1 // y\nb: 2\n",
        "%YAML 1.2\n---\na: 1\n",
        "a: 1\n---\nb: [\n",
        "a: &x [1\nb: *x\nc: *y\n",
        "? [a, b]\n: c\nd: 1\n",
        "a: |x\n  text\nb: 1\n",
        "a: {{ x }}\nb: 1\n",
        "rule x {\n  on A\n}\n",
        "[",
        "\"",
        "a: [\n  1,\n  b c: d e: f,\n]\ng: 1\n",
    ]
    .iter()
    .map(|text| {
        let (root, diagnostics) = parse(SOURCE, text);
        let root = root.as_ref().map_or("nothing".to_owned(), outline);
        format!("{text:?}\n  {root}{}", told(text, &diagnostics))
    })
    .collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn only_so_many_problems_are_told_and_read_around() {
    let text = |count: usize| (0..count).map(|at| format!("a{at}: [\n")).collect::<Vec<_>>().concat();
    let (root, diagnostics) = parse(SOURCE, &text(MAX_BROKEN));
    assert_eq!((root.is_some(), diagnostics.iter().count()), (true, MAX_BROKEN));
    let (root, diagnostics) = parse(SOURCE, &text(MAX_BROKEN + 5));
    assert_eq!((root.is_some(), diagnostics.iter().count()), (false, MAX_BROKEN + 1));
}

/// Files that mean harm: many lines, each of which would be read again.
#[test]
fn broken_files_of_any_size_are_read_a_bounded_number_of_times() {
    let long = format!("a: [\n{}", "b: 1\n".repeat(100_000));
    let deep = (0..900).map(|at| format!("{}a:\n", " ".repeat(at))).collect::<Vec<_>>().concat() + "@\n";
    for text in [long, deep, "\t@\n".repeat(50_000), "a: \"\n".repeat(50_000)] {
        let (_, diagnostics) = parse(SOURCE, &text);
        let count =
            diagnostics.iter().filter(|problem| matches!(problem.code, Code::YamlSyntax | Code::TooLarge)).count();
        assert!((1..=MAX_BROKEN + 1).contains(&count), "{count}: {:?}", &text[..20]);
    }
}

proptest! {
    /// Lines in any order: an error is told, each place once, and what is read again stays within the text.
    #[test]
    fn every_mixture_of_lines_is_answered(lines in prop::collection::vec(
        ("[ \t]{0,4}", prop::sample::select(vec![
            "a:", "b: 1", "c: [1, 2", "d: \"x", "- e", "f: g: h", "'i': 'j'", "k", "]", "}", "# l", "", "m: |", "n: {o: 1}", "p: *q", "r: &q s",
        ])), 0..12,
    )) {
        let text = lines.iter().map(|(indent, line)| format!("{indent}{line}\n")).collect::<Vec<_>>().concat();
        let (root, diagnostics) = parse(SOURCE, &text);
        prop_assert!(root.is_some() || diagnostics.has_errors());
        prop_assert!(!root.as_ref().is_some_and(Node::has_cuts) || diagnostics.has_errors(), "cut without a word: {text:?}");
        let mut places: Vec<_> = diagnostics.iter().map(|problem| (problem.primary.span, problem.message.clone())).collect();
        let all = places.len();
        places.sort();
        places.dedup();
        prop_assert_eq!(places.len(), all, "told twice: {:?}", text);
        prop_assert!(places.iter().all(|(span, _)| text.get(span.range()).is_some()));
    }
}
