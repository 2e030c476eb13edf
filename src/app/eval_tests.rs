use serde_json::json;

use super::*;

const NOW: Timestamp = Timestamp(1_772_368_200_000);

fn given(text: &str, data: &Json) -> Result<(Json, String), String> {
    match eval(text, data.as_object().unwrap(), NOW) {
        Ok(Evaluated { value, kind }) => Ok((value.unwrap_or_default(), kind)),
        Err(EvalError::Data(message)) => Err(message),
        Err(EvalError::Expression { diagnostics, .. }) => {
            let told = diagnostics.iter().map(|it| {
                format!("{} at {}: {}", it.code, text.get(it.primary.span.range()).unwrap_or_default(), it.message)
            });
            Err(told.collect::<Vec<_>>().join("\n"))
        }
    }
}

#[test]
fn values_come_with_their_types() {
    let data = json!({ "a": 1, "list": [1, 2.5], "deep": { "x": ["y"] }, "no name": 1 });
    for (text, value, kind) in [
        ("1 + 2", json!(3), "int"),
        ("2u", json!(2), "uint"),
        ("1.0", json!(1.0), "double"),
        ("'a' + 'b'", json!("ab"), "string"),
        ("b'hello'", json!("aGVsbG8="), "bytes"),
        ("null", json!(null), "null"),
        ("a > 0", json!(true), "bool"),
        ("a", json!(1), "int"),
        ("list", json!([1, 2.5]), "list(dyn)"),
        ("deep", json!({ "x": ["y"] }), "map(string, list(string))"),
        ("deep.x[0]", json!("y"), "string"),
        ("[1, 2]", json!([1, 2]), "list(int)"),
        ("[]", json!([]), "list(dyn)"),
        ("{'a': 1u}", json!({ "a": 1 }), "map(string, uint)"),
        ("duration('90m')", json!("1h30m"), "duration"),
        ("timestamp(0)", json!("1970-01-01T00:00:00Z"), "timestamp"),
        ("optional.none()", json!(null), "optional_type(dyn)"),
        ("optional.of(1)", json!(1), "optional_type(int)"),
        ("type(1)", json!("int"), "type(int)"),
        ("ip('::1')", json!("::1"), "net.IP"),
        ("1.0 / 0.0", json!("Infinity"), "double"),
        ("-1.0 / 0.0", json!("-Infinity"), "double"),
        ("0.0 / 0.0", json!("NaN"), "double"),
    ] {
        assert_eq!(given(text, &data), Ok((value, kind.to_owned())), "{text}");
    }
}

#[test]
fn a_cloud_event_is_an_event_as_rules_see_it() {
    let data = json!({
        "specversion": "1.0", "id": "1", "source": "/a", "type": "HIGH_LATENCY", "subject": "checkout",
        "time": "2026-03-01T12:00:00Z", "data": { "p99_ms": 312.5 },
    });
    for (text, value, kind) in [
        ("event.type == 'HIGH_LATENCY' && event.data.p99_ms > 250", json!(true), "bool"),
        ("event.priority", json!(5), "int"),
        ("now - event.time", json!("30m"), "duration"),
        ("subject", json!("checkout"), "string"),
        ("data.p99_ms", json!(312.5), "double"),
    ] {
        assert_eq!(given(text, &data), Ok((value, kind.to_owned())), "{text}");
    }
    assert_eq!(given("event.tipe", &data), Err("H0102 at tipe: `event` has no field `tipe`".to_owned()));
    let wrong = json!({ "specversion": "1.0", "id": "1", "source": "/a" });
    assert_eq!(given("1", &wrong), Err("`type` is missing".to_owned()));
}

#[test]
fn what_is_wrong_has_its_place() {
    let data = json!({ "a": { "b": 1 } });
    for (text, told) in [
        ("1 +", "H0100 at +: the expression ends too early"),
        ("a.b + c", "H0101 at c: `c` is not declared"),
        ("a.b + a.c", "H0109 at a.c: no such key: `c`"),
        ("a.b / 0", "H0109 at a.b / 0: divide by zero"),
        ("[1.0 / 0.0]", "H0109 at [1.0 / 0.0]: the result is inf, which is no number that can be kept"),
    ] {
        let error = given(text, &data).expect_err(text);
        assert!(error.starts_with(told), "{text}: {error}");
    }
}
