//! What people are told who write an expression wrongly.

use std::fmt::Write as _;

use super::{compile, declared, fragment};

/// The expression with carets under the place, and what is said there.
fn told(text: &str) -> String {
    let mut told = format!("{text}\n");
    let Err(problems) = compile(&fragment(text), &declared()) else { return format!("{told}  fine\n") };
    for problem in problems.iter() {
        let range = problem.primary.span.range();
        let line_start = text[..range.start].rfind('\n').map_or(0, |at| at + 1);
        let before = text[line_start..range.start].chars().count();
        let width = text[range].chars().count().max(1);
        writeln!(told, "{}{} {}", " ".repeat(before), "^".repeat(width), problem.primary.text).unwrap();
        writeln!(told, "  {}: {}", problem.code, problem.message).unwrap();
        if let Some(help) = &problem.help {
            writeln!(told, "  help: {help}").unwrap();
        }
    }
    told
}

fn all(texts: &[&str]) -> String {
    texts.iter().map(|text| told(text)).collect::<Vec<_>>().join("\n")
}

#[test]
fn syntax() {
    insta::assert_snapshot!(all(&[
        "",
        "   ",
        "1 +",
        "a = 1",
        "a & b",
        "a and b",
        "not a",
        "(1 + 2",
        "1 + 2)",
        "[1, 2",
        "[1 2]",
        "{'a' 1}",
        "{'a': 1",
        "f(1,)",
        "event.",
        "event.data.1x",
        "event..data",
        "true ? 1",
        "'abc",
        "'a\nb'",
        "\"\"\"abc",
        "if",
        "event.data.`a$b`",
        "!-event.priority",
        "1; 2",
        "Message{field: 1}",
        "a ? b ? c : d : e",
        "§",
    ]));
}

#[test]
fn literals_and_macros() {
    insta::assert_snapshot!(all(&[
        r"'a\qb'",
        r"'\x4'",
        r"'\ud800'",
        r"b'\u0041'",
        "9223372036854775808",
        "-9223372036854775809",
        "18446744073709551616u",
        "-1u",
        "1e999",
        "has(event)",
        "has(event.data, 1)",
        "event.data.tags.all(event.x, true)",
        "event.data.tags.all(t)",
        "[1].all(a, a, true)",
        "cel.bind(1, 2, 3)",
        "'a'.matches('(')",
        "duration('soon') > duration('1s')",
        "timestamp('yesterday') == event.time",
    ]));
}

#[test]
fn names_and_types() {
    insta::assert_snapshot!(all(&[
        "evnt.type == 'A'",
        "event.data.signatrue == 'a'",
        "event.data.nothing_like_it == 'a'",
        "has(event.data.enviroment)",
        "event.data.p99_ms > 'high'",
        "event.priority == 1.0",
        "event.priority + 1.5",
        "event.type == null",
        "event.data.signature != target.signature",
        "event.type.startWith('A')",
        "startsWith(event.type, 'A')",
        "event.type.startsWith(1)",
        "math.gretest(1, 2)",
        "size(1)",
        "event.type && true",
        "event.type ? 1 : 2",
        "true ? 1 : 'a'",
        "event.priority.exists(x, true)",
        "event.data.tags.exists(t, t)",
        "event.data.tags['a']",
        "event.priority[0]",
        "event.priority.name",
        "1 in event.data.tags",
        "{1.5: 'a'}",
        "[?1]",
        "event.priority.optMap(x, x)",
        "evnt.a == 1 && event.data.b == 2 && foo(3) && 'a' < 1",
    ]));
}
