use super::ast::{ClauseKind, File, Item, Type};
use super::parse;
use crate::base::source::{SourceId, Sources};
use crate::diagnostic::render::to_people;

/// The tree of a text without mistakes.
fn tree(text: &str) -> File {
    let mut sources = Sources::new();
    let id = sources.add("test.rules", text);
    let (file, diagnostics) = parse(id, text);
    assert!(diagnostics.is_empty(), "{}", to_people(&diagnostics, &sources, false));
    file
}

fn outline(file: &File) -> String {
    let mut lines = Vec::new();
    for comment in &file.comments {
        lines.push(format!("comment {:?}", comment.node));
    }
    for item in &file.items {
        match item {
            Item::Event(event) => {
                lines.push(format!("event {} {:?}", event.name.node, event.docs.as_ref().map(|docs| &docs.node)));
                for field in &event.fields {
                    lines.push(format!(
                        "    {}{}: {} {:?}",
                        field.name.node,
                        if field.optional { "?" } else { "" },
                        kind(&field.kind.node),
                        field.docs.as_ref().map(|docs| &docs.node)
                    ));
                }
            }
            Item::Rule(rule) => {
                lines.push(format!("rule {} {:?}", rule.name.node, rule.docs.as_ref().map(|docs| &docs.node)));
                lines.extend(rule.clauses.iter().map(|clause| format!("    {}", outline_clause(&clause.kind))));
            }
        }
    }
    lines.join("\n")
}

fn kind(kind: &Type) -> String {
    match kind {
        Type::Named(name) => name.clone(),
        Type::List(item) => format!("list<{}>", self::kind(&item.node)),
        Type::Map(item) => format!("map<{}>", self::kind(&item.node)),
        Type::Object(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|field| format!("{}: {}", field.name.node, self::kind(&field.kind.node))).collect();
            format!("{{{}}}", fields.join(", "))
        }
    }
}

fn outline_clause(clause: &ClauseKind) -> String {
    let call = |call: &super::ast::Call| {
        let arguments: Vec<String> = call
            .arguments
            .iter()
            .map(|argument| format!("{} = ⟨{}⟩", argument.name.node, argument.value.text))
            .collect();
        format!("{}({})", call.name.node, arguments.join(", "))
    };
    match clause {
        ClauseKind::On(name) => format!("on {}", name.node),
        ClauseKind::When(text) => format!("when ⟨{}⟩", text.text),
        ClauseKind::Priority(number) => format!("priority {}", number.node),
        ClauseKind::Threshold { count, within } => format!("threshold {} within {:?}", count.node, within.node),
        ClauseKind::Debounce(duration) => format!("debounce {:?}", duration.node),
        ClauseKind::Throttle { count, per } => format!("throttle {} per {:?}", count.node, per.node),
        ClauseKind::Busy(mode) => format!("busy {}", mode.node),
        ClauseKind::Run(target) => format!("run {}", call(target)),
        ClauseKind::Emit { call: target, after } => {
            format!("emit {} after {:?}", call(target), after.as_ref().map(|after| after.node))
        }
        ClauseKind::CutWhen { read, .. } => format!("when {} …", read.text),
        ClauseKind::Bad(word) => format!("bad {word:?}"),
    }
}

#[test]
fn every_clause_and_type_has_its_node() {
    let file = tree(
        r#"// At the top.
//// Not documentation.

/// What happens.
///
///  Indented.
event A {
    name: string, // trailing
    /// How many.
    count?: int,
    rates: list< double >, labels: map<list<string>>,
    place: { host: string, since?: timestamp, port?: any },
}
event com.example.deployed {}
/// Everything.
rule all {
    on        A
    // Why.
    when      event.data.name == "}" && // not the end
              event.data.count in [1, 2] // the end
    priority  -10
    threshold 3 within 1m
    debounce  1.5s
    throttle  1 per 5m
    busy      supersede
    run       wf(name: "a, b)", count: size([1, 2, 3]), nested: {"a": (1)}, )
    emit      A(name: 'x')
    emit      com.example.deployed() after 1h30m
}
rule one_line { on A when event.data.name.matches(r"\d") }
"#,
    );
    insta::assert_snapshot!(outline(&file));
}

#[test]
fn an_expression_ends_where_it_should() {
    for (written, read) in [
        ("when a", "a"),
        ("when(a) // why", "(a)"),
        ("when a ||\n\n // why\n\n event.data.b", "a ||\n\n // why\n\n event.data.b"),
        ("when a in\n in_list", "a in\n in_list"),
        ("when x\n in runs", "x\n in runs"),
        ("when [\n run ]", "[\n run ]"),
        ("when '''\n run '''", "'''\n run '''"),
        ("when \"\"\"}\"\"\" == \"\\\"}\" ", "\"\"\"}\"\"\" == \"\\\"}\""),
        ("when r'\\' == b'}' && rb\"\\\" == bR'}'", "r'\\' == b'}' && rb\"\\\" == bR'}'"),
        ("when a.`x}y`", "a.`x}y`"),
        ("when {\"a\": {}}.a == {}", "{\"a\": {}}.a == {}"),
        ("when a ? {'b': 1} : {}", "a ? {'b': 1} : {}"),
        ("when a / b // c", "a / b"),
        ("when event\n .priority > 3", "event\n .priority > 3"),
        ("when a && on_call && runs > 1", "a && on_call && runs > 1"),
        ("when a\r\n && b\r\n", "a\r\n && b"),
    ] {
        for after in [" }", " run wf() }", " priority 3\n}", "\n run wf()\n}", "\r\n  // why\r\n emit B()\n}", "\n\n}"]
        {
            if !after.starts_with(['\n', '\r']) && written.contains("//") {
                // It would be part of the comment.
                continue;
            }
            let file = tree(&format!("rule x {{\n on A\n {written}{after}"));
            let Some(Item::Rule(rule)) = file.items.first() else { panic!("no rule") };
            let ClauseKind::When(text) = &rule.clauses[1].kind else { panic!("{:?}", rule.clauses) };
            assert_eq!(text.text, read, "{written:?} before {after:?}");
        }
    }
}

#[test]
fn a_fragment_knows_its_place() {
    let text = "rule x {\n on A\n run wf(a: 1,\n  b: größe + 2 )\n}";
    let file = tree(text);
    let Some(Item::Rule(rule)) = file.items.first() else { panic!("no rule") };
    let ClauseKind::Run(call) = &rule.clauses[1].kind else { panic!("{:?}", rule.clauses) };
    let value = &call.arguments[1].value;
    assert_eq!(&text[value.span(0..value.text.len()).range()], "größe + 2");
    assert_eq!(&text[rule.clauses[1].span.range()], "run wf(a: 1,\n  b: größe + 2 )");
}

#[test]
fn only_what_is_said_makes_the_canonical_text() {
    let canonical = |text: &str| match tree(text).items.pop() {
        Some(Item::Rule(rule)) => rule.canonical,
        other => panic!("{other:?}"),
    };
    let one = canonical("/// Docs.\nrule x {\n  on A // why\n  when a  &&  b\n  run wf( a: 'x  y' )\n}");
    assert_eq!(one, "rule x{on A when a&&b run wf(a:'x  y')}");
    assert_eq!(one, canonical("rule x { on A\n\nwhen a&&b\nrun wf(a:'x  y') }"));
    assert_ne!(one, canonical("rule x { on A\n\nwhen a&&b\nrun wf(a:'x y') }"));
}

#[test]
fn a_mark_of_the_byte_order_is_passed_over() {
    assert_eq!(tree("\u{FEFF}event A {}").items.len(), 1);
    assert_eq!(tree("").items.len(), 0);
    assert_eq!(tree("\n// nothing\n").comments.len(), 1);
}

/// What is left of a file with mistakes, and what is said of them.
fn mistakes(text: &str) -> String {
    let mut sources = Sources::new();
    let id = sources.add("test.rules", text);
    let (file, diagnostics) = parse(id, text);
    format!("{}\n\n{}", outline(&file), to_people(&diagnostics, &sources, false))
}

#[test]
fn one_mistake_does_not_hide_the_next() {
    insta::assert_snapshot!(mistakes(
        r#"
evnt A { a: int }
event B { a: int b: string, c string, d: list, e: list<int, , "f": int, g: int }
event my-event {}
event {}
event C
rule a-b {
    on B
    whne event.data.a == 1
    threshold within 1m
    threshold 3 wihtin 1m
    threshold 3 within 10
    debounce 10 seconds
    throttle 0 per 5m
    priority high
    priority 99999999999999999999
    busy
    when
    run wf(a: 1
    run wf a: 1
    run wf(a 1, b: )
    emit B() after
    on B, C
    when (a && b
    when a && b)
    when a == "open
    when a == (1]
    42
}
}
on B
/// Before nothing in the rule.
rule unclosed {
    on B
    run wf()

/// The last.
rule last {
    on B
    /// Astray.
    run wf()
}
/// At the end.
"#
    ));
}

#[test]
fn hostile_text_is_refused_or_read_but_never_hurts() {
    let refused = |text: String, what: &str| {
        let (_, diagnostics) = parse(SourceId(0), &text);
        assert!(diagnostics.has_errors(), "{what}");
    };
    for bracket in ["(", "[", "{", "{a:", "([{"] {
        let many = bracket.repeat(100_000);
        refused(format!("rule x {{ on A when {many}"), bracket);
        refused(format!("rule x {{ on A run wf(a: {many}) }}"), bracket);
        refused(format!("event A {{ a: {many} }}"), bracket);
        refused(many, bracket);
    }
    refused(format!("event A {{ a: {} }}", "list<".repeat(100_000)), "types");
    refused("/*".repeat(10_000), "another language");
    let deep = format!("event A {{ a: {}int{} }}", "list<".repeat(40), ">".repeat(40));
    let (file, diagnostics) = parse(SourceId(0), &deep);
    assert_eq!((file.items.len(), diagnostics.iter().count()), (1, 1));
    refused("x".repeat(2 << 20), "too large");
    refused("}".repeat(100_000), "closing");
    for piece in [
        "\"\"\"\\",
        "'''\n",
        "rule x {\n",
        "event A {\n",
        "when (\n",
        "a:{,",
        "\n",
        "/// d\n",
        "}",
        "rule x { on A when {\n",
    ] {
        let t = std::time::Instant::now();
        let (_, d) = parse(SourceId(0), &piece.repeat((1 << 16) / piece.len()));
        eprintln!("{piece:?} {:?} {}", t.elapsed(), d.iter().count());
    }
}

#[test]
fn a_file_of_the_largest_size_is_read() {
    let rule = "/// Docs of it.\nrule name_of_it {\n    on        A // why\n    when      event.data.name == \"text\" && (event.data.count in [1, 2, 3] || now > event.time)\n    threshold 3 within 1m\n    run       workflow(name: event.data.name, count: 2 * event.data.count)\n}\n\n";
    let text = rule.repeat((1 << 20) / rule.len());
    let (file, diagnostics) = parse(SourceId(0), &text);
    assert!(diagnostics.is_empty(), "{:?}", diagnostics.iter().next());
    assert_eq!(file.items.len(), (1 << 20) / rule.len());
}
