use super::*;
use crate::base::source::{SourceId, Sources};
use crate::diagnostic::{Code, Diagnostics};
use proptest::prelude::*;

const SOURCE: SourceId = SourceId(0);

fn read(text: &str) -> Node {
    let (node, diagnostics) = parse(SOURCE, text);
    assert!(diagnostics.is_empty(), "{text:?}: {diagnostics:?}");
    node.unwrap()
}

fn problems(text: &str) -> Vec<(Code, String, String)> {
    let (_, diagnostics) = parse(SOURCE, text);
    list(text, &diagnostics)
}

fn list(text: &str, diagnostics: &Diagnostics) -> Vec<(Code, String, String)> {
    diagnostics.iter().map(|d| (d.code, text[d.primary.span.range()].to_owned(), d.message.clone())).collect()
}

/// Every byte of every scalar, as `decoded char` -> `what is written at its place`.
fn places(text: &str, fragment: &Fragment) -> String {
    fragment
        .text
        .char_indices()
        .map(|(at, c)| text[fragment.span(at..at + c.len_utf8()).range()].chars().next().unwrap_or('$'))
        .collect()
}

#[test]
fn every_scalar_style_knows_where_its_bytes_were_written() {
    let cases = [
        ("a: plain text", "plain text", "plain text"),
        ("a: plain\n  folded   # comment\nb: 1", "plain folded", "plain\nfolded"),
        ("a: one\n\n\n  two", "one\n\ntwo", "one\n\ntwo"),
        ("a: 'it''s'", "it's", "it's"),
        ("a: 'one\n   two'", "one two", "one\ntwo"),
        (r#"a: "x\ty\u00e9\"z""#, "x\tyé\"z", r"x\y\\z"),
        ("a: \"one  \n\n  two\\\n   three\"", "one\ntwothree", "one\ntwothree"),
        (r#"a: "\ud834\udd1e!""#, "𝄞!", r"\!"),
        ("a: |\n  one\n   two\n\n  three\n", "one\n two\n\nthree\n", "one\n two\n\nthree\n"),
        ("a: |-\n  one\n  two\n\nb: 1", "one\ntwo", "one\ntwo"),
        ("a: |+\n  one\n\nb: 1", "one\n\n", "one\n\n"),
        (
            "a: >\n  one\n  two\n\n  three\n    code\n  end\n",
            "one two\nthree\n  code\nend\n",
            "one\ntwo\nthree\n  code\nend\n",
        ),
        ("a: >2-\n    deep\n  flat\n", "  deep\nflat", "  deep\nflat"),
        ("a: |\r\n  one\r\n  two\r\n", "one\ntwo\n", "one\rtwo\r"),
        ("a: \u{e9}t\u{e9}", "été", "été"),
        ("{ a: [x y, 'z'] }", "", ""),
    ];
    for (text, value, written) in cases {
        let node = read(text);
        let node = node.get("a").unwrap();
        let Some(fragment) = node.scalar() else { continue };
        assert_eq!(fragment.text, value, "{text:?}");
        let found = places(text, fragment).replace('\r', "\n");
        assert_eq!(found, written.replace('\r', "\n"), "{text:?}");
    }
}

#[test]
fn an_expression_in_a_folded_block_is_found_in_the_file() {
    let text = "if: >-\n  has(a) &&\n  bad(b)\n";
    let node = read(text);
    let fragment = node.get("if").unwrap().scalar().unwrap();
    let at = fragment.text.find("bad").unwrap();
    let span = fragment.span(at..at + 3);
    assert_eq!(&text[span.range()], "bad");
    let mut sources = Sources::new();
    let id = sources.add("w.yaml", text);
    assert_eq!(sources.get(id).unwrap().line_column(span.start as usize), (3, 3));
}

#[test]
fn scalars_are_what_the_core_schema_says_less_its_traps() {
    let kinds = |text: &str| read(&format!("a: {text}")).get("a").unwrap().to_json().to_string();
    for (text, json) in [
        ("", "null"),
        ("~", "null"),
        ("true", "true"),
        ("yes", "\"yes\""),
        ("no", "\"no\""),
        ("on", "\"on\""),
        ("42", "42"),
        ("-7", "-7"),
        ("0x1F", "31"),
        ("0o17", "15"),
        ("007", "\"007\""),
        ("1_000", "\"1_000\""),
        ("1.50", "1.5"),
        ("1e3", "1000.0"),
        (".5", "0.5"),
        ("00.5", "\"00.5\""),
        (".inf", "\".inf\""),
        ("1e999", "\"1e999\""),
        ("12345678901234567890123", "\"12345678901234567890123\""),
        ("1.2.3", "\"1.2.3\""),
        ("'42'", "\"42\""),
        ("\"true\"", "\"true\""),
        ("!!str 42", "\"42\""),
        ("30d", "\"30d\""),
        ("12:30:45", "\"12:30:45\""),
        ("2026-01-01", "\"2026-01-01\""),
    ] {
        assert_eq!(kinds(text), json, "{text}");
    }
}

#[test]
fn spans_cover_what_was_written_and_no_more() {
    let text = "top:\n  list:\n    - one\n    - { a: 1, b: [2, 3] }\n\n# end\nlast: x\n";
    let node = read(text);
    let list = node.get("top").unwrap().get("list").unwrap();
    assert_eq!(&text[list.span.range()], "- one\n    - { a: 1, b: [2, 3] }");
    let flow = &list.as_seq().unwrap()[1];
    assert_eq!(&text[flow.span.range()], "{ a: 1, b: [2, 3] }");
    let (key, value) = node.entry("last").unwrap();
    assert_eq!((&text[key.span.range()], &text[value.span.range()]), ("last", "x"));
}

#[test]
fn aliases_are_expanded_within_limits() {
    let node = read("a: &x { n: 1 }\nb: *x\n");
    assert_eq!(node.to_json().to_string(), r#"{"a":{"n":1},"b":{"n":1}}"#);

    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..30 {
        let before = level - 1;
        let items = vec![format!("*a{before}"); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    let found = problems(&bomb);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, Code::TooLarge);

    let long = "y".repeat(1 << 20);
    let bomb = format!("a: &a {long}\nb: [{}]\n", vec!["*a"; 1000].join(", "));
    assert_eq!(problems(&bomb)[0].0, Code::TooLarge);

    assert_eq!(problems("a: &a [*a]\n")[0].2, "the alias refers to the value that it stands in");
}

#[test]
fn hostile_nesting_is_one_diagnostic() {
    for text in ["[".repeat(100_000), "{a: ".repeat(100_000), "- ".repeat(100_000), "[{a: ".repeat(40)] {
        let found = problems(&text);
        assert_eq!(found.len(), 1, "{found:?}");
    }
    let chained: String = (0..40)
        .map(|n| if n == 0 { "a0: &a0 [[1]]\n".to_owned() } else { format!("a{n}: &a{n} [[*a{}]]\n", n - 1) })
        .collect();
    assert_eq!(problems(&chained)[0].0, Code::TooLarge);
}

#[test]
fn what_is_wrong_is_said_once_with_its_place() {
    let shown: Vec<String> = [
        "a: 1\nb: 2\na: 3\n",
        "a: 1\n---\nb: 2\n",
        "a:\n\tb: 1\n",
        "a: \"x\n",
        "a: 'x' y\n",
        "a: [1, 2\nb: 1\n",
        "a: b: c\n",
        "a: *nobody\n",
        "a: !tag x\n",
        "a: @x\n",
        "a: {x: 1]\n",
        "? [a, b]\n: c\n",
        "a: 1\n  b: 2\n",
        "%YAML 1.2\n---\na: 1\n",
        "just text\nkey: 1\n",
        "a: >\n one\n  - two\nb\n",
    ]
    .iter()
    .map(|text| format!("{text:?}\n  {:?}", problems(text)))
    .collect();
    insta::assert_snapshot!(shown.join("\n"));
}

proptest! {
    #[test]
    fn no_text_makes_a_panic(text in "[a-c:\\-{}\\[\\]&*!|>'\"#%@,\\\\ \t\n\ré]{0,80}") {
        let (node, diagnostics) = parse(SOURCE, &text);
        prop_assert!(node.is_some() || diagnostics.has_errors());
        if let Some(node) = node {
            check_spans(&text, &node)?;
        }
    }
}

/// Every span lies within the text, and every verbatim byte of a scalar stands where its place says.
fn check_spans(text: &str, node: &Node) -> Result<(), TestCaseError> {
    prop_assert!(text.get(node.span.range()).is_some(), "{:?}", node.span);
    if let Some(fragment) = node.scalar() {
        for (at, c) in fragment.text.char_indices() {
            let span = fragment.span(at..at + c.len_utf8());
            let written = text.get(span.start as usize..).and_then(|rest| rest.chars().next());
            prop_assert!(written == Some(c) || !c.is_ascii_alphanumeric(), "{c:?} at {written:?} in {text:?}");
        }
    }
    for child in node.as_seq().into_iter().flatten() {
        check_spans(text, child)?;
    }
    for (key, child) in node.as_map().into_iter().flatten() {
        prop_assert!(text.get(key.span.range()).is_some());
        check_spans(text, child)?;
    }
    Ok(())
}
