//! Text that nobody wrote: whatever it is, it is answered, and what is said of it can be drawn.

use homeostat::base::source::Sources;
use homeostat::diagnostic::render::{to_json, to_people};
use homeostat::ir::rules::check;
use homeostat::model::schema::Object;
use homeostat::syntax::rules::ast::Item;
use homeostat::syntax::rules::parse;
use proptest::prelude::*;

const WHOLE: &str = r#"
/// What happens.
event CHANGE { signature: string, n?: int, place: { host: string, tags: list<map<double>> } } // why
rule spike {
    on        CHANGE
    when      event.data.signature != "a\"}" && // not yet
              (event.data.place.host in ['x', r"\"] || {"a": [1]}.a[0] == 1)
    priority  -1
    threshold 3 within 1m
    debounce  10s
    throttle  1 per 5m
    busy      supersede
    run       measure(signature: event.data.signature, n: 1,)
    emit      CHANGE(signature: '''x'''.trim(), place: {"host": "h", "tags": []}) after 30m
}
"#;

/// Reads, checks and draws; every place lies in the text.
fn survives(text: &str) -> Result<(), TestCaseError> {
    let mut sources = Sources::new();
    let id = sources.add("random.rules", text);
    let (file, mut diagnostics) = parse(id, text);
    for item in &file.items {
        let span = match item {
            Item::Event(event) => event.span,
            Item::Rule(rule) => rule.span,
        };
        prop_assert!(text.get(span.range()).is_some());
    }
    let inputs = Object::default();
    let (_, _, checked) = check(&[file], &[("measure", Some(&inputs))].into());
    diagnostics.extend(checked);
    for diagnostic in diagnostics.iter() {
        let range = diagnostic.primary.span.range();
        prop_assert!(range.start <= range.end && range.end <= text.len(), "{diagnostic:?}");
    }
    to_people(&diagnostics, &sources, true);
    to_json(&diagnostics, &sources);
    Ok(())
}

/// Pieces that mean something, in no order that does.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "rule x {",
        "event A {",
        "}",
        "{",
        "(",
        ")",
        "[",
        "]",
        "<",
        ">",
        ",",
        ":",
        "?",
        "on A",
        "when",
        "run wf(",
        "emit A()",
        "after 3m",
        "threshold 3 within",
        "busy",
        "priority",
        "a: int",
        "list<",
        "map<",
        "\"",
        "'",
        "'''",
        "\"\"\"",
        "r\"",
        "b'",
        "\\",
        "//",
        "///",
        "\n",
        "\r\n",
        " ",
        "\t",
        "a.b",
        "in",
        "&&",
        "`",
        "é",
        "\u{0}",
        "1",
        "1m",
        "\u{FEFF}",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        survives(&text)?;
    }

    #[test]
    fn pieces_in_any_order_are_answered(text in pieces()) {
        survives(&text)?;
    }

    #[test]
    fn a_file_with_any_piece_replaced_is_answered(
        start in 0..WHOLE.len(),
        length in 0_usize..40,
        inserted in prop_oneof![pieces(), any::<String>()],
    ) {
        let boundary = |mut at: usize| {
            while !WHOLE.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let (start, end) = (boundary(start), boundary((start + length).min(WHOLE.len())));
        survives(&format!("{}{inserted}{}", &WHOLE[..start], &WHOLE[end.max(start)..]))?;
    }
}
