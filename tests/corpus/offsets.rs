//! A wrong word in an expression is marked at its very place, in whatever style of YAML the expression is written.

use homeostat::app::program::check;

/// What is wrong: a name that nobody has declared.
const WRONG: &str = "nobody_knows";

/// A style makes a value of lines; those after the first stand in column 7.
type Style = (&'static str, fn(&[String]) -> String);

fn double(line: &str) -> String {
    line.replace('\\', "\\\\").replace('"', "\\\"").replace('é', "\\u00e9").replace('😀', "\\ud83d\\ude00")
}

fn block(header: &str, first: &str, lines: &[String]) -> String {
    format!("{header}\n{first}      {}", lines.join("\n      "))
}

const STYLES: &[Style] = &[
    ("plain", |lines| lines.join(" ")),
    ("plain, over lines", |lines| lines.join("\n      ")),
    ("plain, with empty lines", |lines| lines.join("\n\n\n      ")),
    ("plain, further and further", |lines| lines.join("\n            ")),
    ("single quoted", |lines| format!("'{}'", lines.join(" ").replace('\'', "''"))),
    ("single quoted, over lines", |lines| format!("'{}'", lines.join("\n      ").replace('\'', "''"))),
    ("single quoted, with empty lines", |lines| {
        format!("'\n      {}\n      '", lines.join("  \n\n      ").replace('\'', "''"))
    }),
    ("double quoted", |lines| format!("\"{}\"", double(&lines.join(" ")))),
    ("double quoted, over lines", |lines| format!("\"{}\"", double(&lines.join("\n      ")))),
    ("double quoted, with empty lines", |lines| format!("\"\n      {}\n\n\"", double(&lines.join("  \n\n      ")))),
    ("double quoted, lines joined", |lines| format!("\"{}\"", double(&lines.join("\0")).replace('\0', " \\\n      "))),
    ("double quoted, blank kept", |lines| format!("\"{}\"", double(&lines.join("\0")).replace('\0', "\\\n      \\ "))),
    ("literal", |lines| block("|", "", lines)),
    ("literal, stripped", |lines| block("|-", "", lines)),
    ("literal, kept", |lines| block("|+", "", lines) + "\n\n"),
    ("literal, clipped, with empty lines", |lines| {
        block("|", "\n\n", lines).replace("      &&", "\n      &&") + "\n\n\n"
    }),
    ("literal, with a comment", |lines| block("|- # why", "", lines)),
    ("literal, indentation given", |lines| block("|2", "  ", lines)),
    ("literal, indentation given and stripped", |lines| block("|2-", "   ", lines)),
    ("literal, indented by eight", |lines| format!("|\n            {}", lines.join("\n            "))),
    ("folded", |lines| block(">", "", lines)),
    ("folded, stripped", |lines| block(">-", "", lines)),
    ("folded, kept", |lines| block(">+", "", lines) + "\n\n"),
    ("folded, with empty lines", |lines| block(">", "\n", lines).replace("      &&", "\n\n      &&")),
    ("folded, further in", |lines| block(">-", "", lines).replace("      &&", "         &&")),
    ("folded, indentation given", |lines| block(">2", "    ", lines)),
    ("folded, indentation given and stripped", |lines| block(">-2", "  ", lines)),
    ("folded, indentation given and kept", |lines| block(">2+", " ", lines)),
];

/// What stands in the line in front of the wrong word.
const BEFORE: &[(&str, &str)] = &[
    ("nothing special", "plain"),
    ("an apostrophe", "it's"),
    ("accents", "été, naïve"),
    ("wide characters", "漢字かな"),
    ("combining characters", "e\u{301}o\u{308}"),
    ("characters beyond the basic plane", "😀𝄞"),
    ("tabs", "a\tb"),
    ("a backslash", "a\\\\b"),
];

/// The line in front of the value, and what goes around the lines of the expression.
const PLACES: &[(&str, &str, &str, &str)] = &[
    ("if", "    if: ", "", ""),
    ("outputs", "outputs:\n  # What came of it.\n    o: ", "${string(", ")}"),
    ("text around", "outputs:\n    o: ", "é ${phase} and ${string(", ")} after"),
];

fn workflow(place: &(&str, &str, &str, &str), style: &Style, before: &str, blank: &str) -> String {
    let (_, key, open, close) = place;
    let open = open.replace("${phase}", "${target.phase}");
    let lines = [
        format!("{open}target.phase{blank}!= \"{before}\""),
        format!("&&{blank}[\"{before}\",{blank}{WRONG}] != []"),
        format!("&&{blank}true{close}"),
    ];
    let value = format!("{key}{}\n", style.1(&lines));
    let (condition, outputs) = if place.0 == "if" { (value, String::new()) } else { (String::new(), value) };
    let step = "  a:\n    uses: state.degraded\n";
    format!(
        "workflow: w\nsteps:\n{step}{condition}    with: {{ reason: x }}\n{outputs}on_failure: {{ b: {{ uses: state.paused }} }}\n"
    )
}

/// Reads the file as `validate` does, and gives the line and column of what is marked; both from 1, columns in characters.
fn marked(bytes: &[u8]) -> Result<(usize, usize), String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.yaml");
    std::fs::write(&path, bytes).unwrap();
    let compilation = check(&[path]);
    let found: Vec<_> = compilation.diagnostics.iter().collect();
    let [problem] = found.as_slice() else {
        let list: Vec<_> = found.iter().map(|problem| format!("{} {}\n", problem.code, problem.message)).collect();
        return Err(list.concat());
    };
    let source = compilation.sources.get(problem.primary.span.source).unwrap();
    match source.text.get(problem.primary.span.range()) {
        Some(WRONG) => Ok(source.line_column(problem.primary.span.range().start)),
        other => Err(format!("{} marks {other:?} at {:?}", problem.message, problem.primary.span)),
    }
}

/// Where the wrong word stands.
fn expected(text: &str) -> (usize, usize) {
    let at = text.find(WRONG).unwrap();
    let line = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    (text[..at].matches('\n').count() + 1, text[line..at].chars().count() + 1)
}

#[test]
fn the_caret_is_at_the_word_in_every_style() {
    let mut wrong = Vec::new();
    let mut tried = 0;
    for place in PLACES {
        for style in STYLES {
            for (what, before) in BEFORE {
                for (blanks, blank) in [("", " "), (", tabs between the words", "\t")] {
                    let unix = workflow(place, style, before, blank);
                    let windows = unix.replace('\n', "\r\n");
                    let marked_by_editor = format!("\u{feff}{unix}");
                    for (ends, text) in [("LF", &unix), ("CRLF", &windows), ("BOM", &marked_by_editor)] {
                        tried += 1;
                        let found = marked(text.as_bytes());
                        if found != Ok(expected(&unix)) {
                            let case = format!("{}, {}, {what}{blanks}, {ends}", place.0, style.0);
                            wrong.push(format!("{case}: {found:?}, expected {:?}\n{text}", expected(&unix)));
                        }
                    }
                }
            }
        }
    }
    assert_eq!(tried, PLACES.len() * STYLES.len() * BEFORE.len() * 2 * 3);
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong[..wrong.len().min(5)].join("\n"));
}
