//! Files that mean harm: as large as is taken, and each made to be slow to read, to check or to complain about.

use std::fmt::Write as _;

/// Bytes of a rules file that are just taken.
const RULES: usize = (1 << 20) - 1_000;
/// Bytes of a workflow file that are just taken.
const WORKFLOW: usize = (4 << 20) - 1_000;
/// Bytes of an expression that are just taken.
const EXPRESSION: usize = (64 << 10) - 100;

/// A name for the table, the file's name, and its text.
pub(crate) type Hostile = (&'static str, &'static str, String);

/// Every hostile file.
pub(crate) fn files() -> Vec<Hostile> {
    let mut files =
        vec![("5 MB of letters", "a.rules", "a".repeat(5 << 20)), ("5 MB of letters", "a.yaml", "a".repeat(5 << 20))];
    files.extend(rules().into_iter().map(|(name, text)| (name, "a.rules", text)));
    files.extend(workflows().into_iter().map(|(name, text)| (name, "a.yaml", text)));
    files
}

/// `piece` again and again, with its number in it for `#`, up to so many bytes.
fn fill(head: &str, piece: &str, tail: &str, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 100);
    text.push_str(head);
    let mut number = 0;
    while text.len() + piece.len() + tail.len() + 8 < bytes {
        let mut parts = piece.split('#');
        text.push_str(parts.next().unwrap_or_default());
        for part in parts {
            let _ = write!(text, "{number}{part}");
        }
        number += 1;
    }
    text + tail
}

/// A rule with this condition.
fn when(condition: &str) -> String {
    format!(
        "event A {{ n: int, tags: list<string> }}\nrule a {{\n  on A\n  when {condition}\n  emit A(n: 1, tags: [])\n}}\n"
    )
}

fn rules() -> Vec<(&'static str, String)> {
    let expression = |piece: &str| when(&fill("true", piece, "", EXPRESSION));
    let event = "event A { n: int }\n";
    vec![
        ("blanks", " ".repeat(RULES)),
        ("line breaks", "\n".repeat(RULES)),
        ("letters", "a".repeat(RULES)),
        ("words", fill("", "word# ", "", RULES)),
        ("words, a line each", fill("", "word#\n", "", RULES)),
        ("comments", fill("", "// #\n", "", RULES)),
        ("documentation", fill("", "/// #\n", "", RULES)),
        ("closing braces", "}".repeat(RULES)),
        ("quotes", "\"".repeat(RULES)),
        ("rules without braces", fill("", "rule ", "", RULES)),
        ("rules without clauses", fill("", "rule a# {}\n", "", RULES)),
        ("bad clauses", fill("rule a {\n", "  wehn #\n", "}\n", RULES)),
        ("bad clauses in one line", fill("rule a {", " wehn #", "}", RULES)),
        ("blanks in a rule", format!("rule a {{{}}}", " ".repeat(RULES - 10))),
        ("bad fields", fill("event A {\n", "  f# int\n", "}\n", RULES)),
        ("fields", fill("event A {\n", "  f#: int,\n", "}\n", RULES)),
        ("the same field", fill("event A {\n", "  f: int,\n", "}\n", RULES)),
        ("events", fill("", "event A# {}\n", "", RULES)),
        ("the same event", fill("", "event A {}\n", "", RULES)),
        ("unknown events among 10,000", {
            let events = fill("", "event SOMETHING_HAPPENED_# {}\n", "", RULES / 3);
            fill(&events, "rule r# { on SOMETHING_HAPENED_# emit SOMTHING_HAPPENED_#() }\n", "", RULES)
        }),
        ("unknown arguments", fill(&format!("{event}rule a {{ on A emit A("), "x#: 1, ", ") }", RULES)),
        ("arguments of many fields", {
            let event = fill("event A { ", "field#: int, ", "}\n", RULES / 2);
            fill(&format!("{event}rule a {{ on A emit A("), "feld#: 1, ", ") }", RULES)
        }),
        ("unknown fields of many", {
            let event = fill("event A { ", "field#: int, ", "}\n", RULES / 2);
            fill(&event, "rule r# { on A when event.data.feld# == 1 emit A() }\n", "", RULES)
        }),
        ("a condition of a megabyte", when(&fill("true", " || true", "", RULES - 200))),
        ("`||`", expression(" || event.data.n == #")),
        ("equalities", expression("||1==1")),
        ("sums", expression("+1")),
        ("a list", when(&fill("[0", ",#", "] == []", EXPRESSION))),
        ("a list of lists", when(&fill("[[]", ",[]", "] == []", EXPRESSION))),
        ("a map", when(&fill("{0: 0", ",1#: #", "} == {}", EXPRESSION))),
        ("unknown names", when(&fill("x", " || x#", "", EXPRESSION))),
        ("unknown fields", when(&fill("x", " || event.data.n#", "", EXPRESSION))),
        ("unknown functions", when(&fill("x", " || siz#(1)", "", EXPRESSION))),
        ("a text", when(&format!("'{}' == ''", "x".repeat(EXPRESSION)))),
        ("escapes", when(&fill("'", "\\u00e9", "' == ''", EXPRESSION))),
        ("wrong escapes", when(&fill("''", "+'\\q'", " == ''", EXPRESSION))),
        ("wrong types", when(&fill("true", " || 1 == 'a'", "", EXPRESSION))),
        ("indices", when(&fill("true", " || event.data.tags[#] == ''", "", EXPRESSION))),
        ("macros", when(&fill("true", " || event.data.tags.exists(x, x == '')", "", EXPRESSION))),
        ("brackets", when(&format!("{}1{}", "(".repeat(48), ")".repeat(48)).repeat(1))),
        ("conditionals", when(&fill("true", " && (true?true:false)", "", EXPRESSION))),
        ("expressions", fill(event, "rule r# { on A when event.data.n == # emit A(n: #) }\n", "", RULES)),
    ]
}

fn workflows() -> Vec<(&'static str, String)> {
    let head = "workflow: w\nsteps:\n";
    let step = "workflow: w\nsteps:\n  a:\n    uses: state.degraded\n";
    vec![
        ("blanks", " ".repeat(WORKFLOW)),
        ("line breaks", "\n".repeat(WORKFLOW)),
        ("comments", fill("", "# #\n".replace("# #", "# x").as_str(), "", WORKFLOW)),
        ("keys", fill("", "k#: 1\n", "", WORKFLOW)),
        ("the same key", fill("", "k: 1\n", "", WORKFLOW)),
        ("the same key in one line", fill("{", "k: 1, ", "}", WORKFLOW)),
        ("tags in one line", fill("[", "!x 1, ", "]", WORKFLOW)),
        ("a list in one line", fill("[", "1, ", "]", WORKFLOW)),
        ("anchors and aliases", fill("- &a0 x\n", "- *a0\n", "", WORKFLOW)),
        ("many anchors", fill("", "- &a# x\n", "", WORKFLOW)),
        ("aliases of a list", {
            let list = fill("- &a [", "x, ", "]\n", 2_000);
            fill(&list, "- *a\n", "", WORKFLOW)
        }),
        ("a quoted text", format!("workflow: \"{}\"\n", "x".repeat(WORKFLOW - 20))),
        ("escapes", fill("workflow: \"", "\\u00e9", "\"\n", WORKFLOW)),
        ("a folded text", fill("workflow: >\n", "  word #\n", "", WORKFLOW)),
        ("a literal text", fill("workflow: |\n", "  word #\n", "", WORKFLOW)),
        ("a plain text of many lines", fill("workflow:\n", "  word #\n", "", WORKFLOW)),
        ("open quotes", fill("", "a: \"#\n", "", WORKFLOW)),
        ("1,000 steps", fill(head, "  s#: { uses: state.degraded }\n", "", 33_000)),
        ("too many steps", fill(head, "  s#: { uses: state.degraded }\n", "", WORKFLOW)),
        ("1,000 steps in a chain", {
            let mut text = "workflow: w\nsteps:\n  s0: { uses: recorder.lookup, with: { signature: a } }\n".to_owned();
            for at in 1..999 {
                let _ = writeln!(
                    text,
                    "  s{at}: {{ needs: [s{0}], uses: recorder.lookup, with: {{ signature: \"${{string(has(steps.s{0}.record))}}\" }} }}",
                    at - 1
                );
            }
            text + "  end: { needs: [s998], uses: state.stable }\n"
        }),
        ("each step needs all before", {
            let mut text = head.to_owned();
            let mut names = String::new();
            for at in 0..900 {
                let _ =
                    writeln!(text, "  s{at}: {{ uses: recorder.lookup, with: {{ signature: a }}, needs: [{names}] }}");
                let _ = write!(names, "s{at}, ");
            }
            text
        }),
        ("a cycle of 1,000", {
            let mut text = head.to_owned();
            for at in 0..1_000 {
                let _ = writeln!(text, "  s{at}: {{ uses: state.stable, needs: [s{}] }}", (at + 1) % 1_000);
            }
            text
        }),
        ("64 conditional phases", {
            let mut text = head.to_owned();
            for at in 0..64 {
                let _ = writeln!(
                    text,
                    "  s{at}: {{ uses: state.stable, if: target.name == \"{}\" && target.mode == \"{at}\" }}",
                    at % 7
                );
            }
            text
        }),
        ("inputs", fill("workflow: w\ninputs:\n", "  i#: string\n", "steps: {}\n", WORKFLOW)),
        ("unknown inputs of an action", fill(&format!("{step}    with:\n"), "      k#: 1\n", "", WORKFLOW)),
        ("holes in one text", fill(&format!("{step}    with:\n      reason: \""), "${run.id}", "\"\n", WORKFLOW)),
        (
            "holes in a folded text",
            fill(&format!("{step}    with:\n      reason: >\n"), "        ${run.id}\n", "", WORKFLOW),
        ),
        (
            "holes among escapes",
            fill(&format!("{step}    with:\n      reason: \""), "\\u00e9${run.id}", "\"\n", WORKFLOW),
        ),
        (
            "expressions in a list",
            fill(&format!("{step}    for_each:\n"), "      - ${run.id}\n", "    with: {}\n", WORKFLOW),
        ),
        ("unknown steps in a list", {
            let steps = fill(head, "  step_#: { uses: state.degraded }\n", "", 34_000);
            fill(
                &format!("{steps}  z:\n    uses: state.degraded\n    for_each:\n"),
                "      - ${steps.stp_#}\n",
                "",
                WORKFLOW,
            )
        }),
        ("unknown fields in a list", {
            let inputs = fill("workflow: w\ninputs:\n", "  input_#: string\n", "", 15_000);
            fill(
                &format!("{inputs}steps:\n  z:\n    uses: state.degraded\n    for_each:\n"),
                "      - ${inputs.inpt_#}\n",
                "",
                WORKFLOW,
            )
        }),
        ("64 KB of an expression", format!("{step}    if: {}\n", fill("true", " || run.id == '#'", "", EXPRESSION))),
        ("4 MB of an expression", format!("{step}    if: {}\n", fill("true", " || run.id == '#'", "", WORKFLOW - 200))),
        ("conditions that need quotes", fill(head, "  s#: { uses: state.degraded, if: !has(x) }\n", "", WORKFLOW)),
    ]
}
