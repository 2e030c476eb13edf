use super::*;
use crate::base::fragment::Fragment;
use crate::base::source::SourceId;
use crate::expression::{Bindings, compile};
use crate::model::target;

fn env() -> TypeEnv {
    TypeEnv::new().with("target", Shape::Object(target::shape())).with("name", Shape::String)
}

/// The words that are reported, and whether the whole may be null.
fn found(text: &str) -> (Vec<String>, bool) {
    let program = compile(&Fragment::verbatim(SourceId(0), 0, text), &env()).unwrap();
    let mut found = Diagnostics::new();
    check(&program, &env(), &Known::new(), &mut found);
    let words = found.iter().map(|problem| text[problem.primary.span.range()].to_owned()).collect();
    (words, may_be_null(&program, &env(), &Known::new()).is_some())
}

#[test]
fn null_is_found_where_it_fails() {
    for (text, word) in [
        ("target.rate_rps > 1.0", "target.rate_rps"),
        ("2.0 * target.rate_rps", "target.rate_rps"),
        ("target.record.max_rps > 1.0", "target.record"),
        ("has(target.record.max_rps)", "target.record"),
        ("target.signature.startsWith('a')", "target.signature"),
        ("size(target.signature) > 1", "target.signature"),
        ("['a'].exists(x, target.rate_rps > 1.0)", "target.rate_rps"),
        ("target.signature != null && target.rate_rps > 1.0", "target.rate_rps"),
        ("target.rate_rps != null || target.rate_rps > 1.0", "target.rate_rps"),
        ("target.rate_rps == null && target.rate_rps > 1.0", "target.rate_rps"),
        ("target.rate_rps == null ? target.rate_rps : -target.rate_rps + target.record.max_rps", "target.record"),
    ] {
        assert_eq!(found(text).0, [word], "{text}");
    }
}

/// Nothing that would do is refused.
#[test]
fn what_is_refused_fails_on_null() {
    let target = serde_json::json!({ "signature": null, "rate_rps": null, "record": null });
    for text in [
        "target.rate_rps > 1.0",
        "2.0 * target.rate_rps",
        "-target.rate_rps < 0.0",
        "target.record.max_rps > 1.0",
        "has(target.record.max_rps)",
        "target.signature.startsWith('a')",
        "size(target.signature) > 1",
        "string(target.rate_rps) == 'x'",
        "['a'].exists(x, target.rate_rps > 1.0)",
        "target.rate_rps == null && target.rate_rps > 1.0",
    ] {
        assert_eq!(found(text).0.len(), 1, "{text}");
        let program = compile(&Fragment::verbatim(SourceId(0), 0, text), &env()).unwrap();
        assert!(program.evaluate(&Bindings::new().with("target", &target)).is_err(), "{text}");
    }
}

#[test]
fn what_is_made_sure_of_is_not_reported() {
    for text in [
        "target.rate_rps != null && target.rate_rps > 1.0",
        "target.rate_rps > 1.0 && target.rate_rps != null",
        "target.rate_rps == null || target.rate_rps > 1.0",
        "!(target.rate_rps == null) && target.rate_rps > 1.0",
        "null != target.record && target.record.max_rps > 1.0",
        "target.rate_rps != null ? target.rate_rps * 2.0 : 0.0",
        "target.signature == name && target.signature.startsWith('a')",
        "target.signature == null",
        "target.signature != name",
        "dyn(target.signature) == 5",
        "target.slo.p99_ms > 1.0",
    ] {
        assert_eq!(found(text).0, [""; 0], "{text}");
    }
}

#[test]
fn a_whole_value_may_be_null_unless_a_choice_prevents_it() {
    assert!(found("target.signature").1);
    assert!(found("target.signature == null ? target.signature : 'x'").1);
    assert!(!found("target.signature != null ? target.signature : 'x'").1);
    assert!(!found("target.name").1);
}
