//! The conformance suite of cel-spec, one JSON object a line.
//!
//! Read from `$HOMEOSTAT_CEL_CASES`, or else from `cel/conformance.jsonl` in `$HOMEOSTAT_TEST_DATA`, which by default is
//! a folder beside this repository. Where there is none, the test says so and does nothing; on CI that is a failure.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use homeostat::base::fragment::Fragment;
use homeostat::base::source::SourceId;
use homeostat::expression::value::{MapValue, Value};
use homeostat::expression::{Bindings, Type, TypeEnv, compile, compile_unchecked};
use serde_json::{Value as Json, json};

/// Sections of the suite that are left out, with the reason.
const LEFT_OUT: &[(&str, &str)] = &[("block_ext", "`cel.block` is what optimisers write; no person does")];

#[test]
fn cel_conformance() {
    let Some(path) = cases() else {
        assert!(std::env::var_os("CI").is_none(), "the CEL conformance cases are missing on CI");
        aloud("SKIPPED: no CEL conformance cases; set HOMEOSTAT_TEST_DATA or HOMEOSTAT_CEL_CASES");
        return;
    };
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (mut passed, mut left_out, mut failed) = (0, 0, Vec::new());
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let case: Json = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let file = case["file"].as_str().unwrap_or_default();
        if LEFT_OUT.iter().any(|(name, _)| *name == file) {
            left_out += 1;
            continue;
        }
        match run(&case) {
            Ok(()) => passed += 1,
            Err(why) => failed.push(format!(
                "{file}/{}/{}: {}\n    {why}",
                case["section"].as_str().unwrap_or_default(),
                case["name"].as_str().unwrap_or_default(),
                case["expr"].as_str().unwrap_or_default(),
            )),
        }
    }
    aloud(&format!("CEL conformance: {passed} passed, {} failed, {left_out} left out", failed.len()));
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), passed + failed.len(), failed.join("\n"));
    assert!(passed > 0, "{} holds no cases", path.display());
}

/// Runs the conformance test in a process of its own, over these cases.
fn over(cases: &[Json]) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cases.jsonl");
    let lines: Vec<String> = cases.iter().map(Json::to_string).collect();
    std::fs::write(&path, lines.join("\n")).unwrap();
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "conformance::cel::cel_conformance", "--nocapture"]).env("HOMEOSTAT_CEL_CASES", path);
    let output = command.output().unwrap();
    let told = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    (output.status.success(), told)
}

#[test]
fn other_cases_are_taken_from_the_environment() {
    let case = |expr: &str, expect: Json| json!({ "file": "own", "section": "s", "name": "n", "expr": expr, "expect": expect });
    let right = [case("1 + 1", json!({ "value": { "int": "2" } })), case("1 / 0", json!({ "error": true }))];
    let (passed, told) = over(&right);
    assert!(passed && told.contains("2 passed, 0 failed, 0 left out"), "{told}");
    for (wrong, why) in [
        (case("1 + 1", json!({ "value": { "int": "3" } })), "own/s/n: 1 + 1"),
        (case("1 + 1", json!({ "value": { "uint": "2" } })), r#"gives {"int":"Int(2)"}"#),
        (case("1 + 1", json!({ "error": true })), "expected an error"),
        (case("1 / 0", json!({ "value": { "int": "3" } })), "fails: divide by zero"),
        (case("1 + 'a'", json!({ "value": { "int": "3" } })), "does not compile"),
    ] {
        let (passed, told) = over(&[wrong]);
        assert!(!passed && told.contains(why), "{why}: {told}");
    }
    let (passed, told) = over(&[]);
    assert!(!passed && told.contains("holds no cases"), "{told}");
}

/// Says something past the capture of a passing test's output.
fn aloud(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn cases() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("HOMEOSTAT_CEL_CASES") {
        return Some(path.into());
    }
    let folder = std::env::var_os("HOMEOSTAT_TEST_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    Some(folder.join("cel/conformance.jsonl")).filter(|path| path.exists())
}

/// Runs one case; what went wrong otherwise.
fn run(case: &Json) -> Result<(), String> {
    let text = case["expr"].as_str().ok_or("no expression")?;
    let unchecked = case["disable_check"].as_bool().unwrap_or_default();
    let check_only = case["check_only"].as_bool().unwrap_or_default();
    let entries = |key: &str| case[key].as_object().cloned().unwrap_or_default();
    let mut env = TypeEnv::new().with_container(case["container"].as_str().unwrap_or_default());
    for name in entries("bindings").keys() {
        env = env.with_type(name, Type::Dyn);
    }
    for (name, kind) in entries("type_env") {
        let kind = if unchecked { Type::Dyn } else { read_type(kind.as_str().unwrap_or_default())? };
        env = env.with_type(&name, kind);
    }
    for function in case["functions"].as_array().into_iter().flatten() {
        let kinds = |value: &Json| read_type(value.as_str().unwrap_or_default());
        let parameters: Result<Vec<Type>, String> =
            function["params"].as_array().into_iter().flatten().map(kinds).collect();
        let name = function["name"].as_str().unwrap_or_default();
        let member = function["member"].as_bool().unwrap_or_default();
        env = env.with_function(name, member, parameters?, kinds(&function["result"])?);
    }
    let fails = case.pointer("/expect/error").and_then(Json::as_bool).unwrap_or_default();
    let fragment = Fragment::verbatim(SourceId(0), 0, text);
    let compiled = if unchecked { compile_unchecked(&fragment, &env) } else { compile(&fragment, &env) };
    let program = match compiled {
        Ok(program) => program,
        Err(_) if fails => return Ok(()),
        Err(problems) => {
            let messages: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
            return Err(format!("does not compile: {}", messages.join("; ")));
        }
    };
    if let Some(deduced) = case["deduced_type"].as_str()
        && program.type_of().to_string() != deduced
    {
        return Err(format!("has type {}, not {deduced}", program.type_of()));
    }
    if check_only {
        return Ok(());
    }
    let bound = entries("bindings");
    let mut bindings = Bindings::new();
    for (name, value) in &bound {
        bindings = bindings.with_value(name, read_value(value)?);
    }
    let expected = case.pointer("/expect/value").unwrap_or(&Json::Null);
    match program.evaluate_value(&bindings) {
        Err(_) if fails => Ok(()),
        Err(error) => Err(format!("fails: {}; expected {expected}", error.message)),
        Ok(value) if fails => Err(format!("gives {}; expected an error", write_value(&value))),
        Ok(value) => {
            let given = write_value(&value);
            let expected = write_value(&read_value(expected)?);
            if given == expected { Ok(()) } else { Err(format!("gives {given}; expected {expected}")) }
        }
    }
}

/// A type as the suite writes it.
fn read_type(text: &str) -> Result<Type, String> {
    let (name, inner) = match text.split_once('(') {
        Some((name, inner)) => (name, inner.strip_suffix(')').ok_or_else(|| format!("`{text}` is not closed"))?),
        None => (text, ""),
    };
    let mut parameters = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, c) in inner.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parameters.push(inner[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parameters.push(inner[start..].trim());
    if name == "param" {
        let letter = inner.bytes().next().unwrap_or(b'A');
        return Ok(Type::Parameter(u32::from(letter - b'A')));
    }
    let inner: Result<Vec<Type>, String> =
        parameters.iter().filter(|text| !text.is_empty()).map(|text| read_type(text)).collect();
    let inner = inner?;
    let first = || Arc::new(inner.first().cloned().unwrap_or(Type::Dyn));
    Ok(match name {
        "dyn" => Type::Dyn,
        "null" => Type::Null,
        "bool" => Type::Bool,
        "int" => Type::Int,
        "uint" => Type::Uint,
        "double" => Type::Double,
        "string" => Type::String,
        "bytes" => Type::Bytes,
        "duration" => Type::Duration,
        "timestamp" => Type::Timestamp,
        "list" => Type::List(first()),
        "map" => Type::Map(first(), Arc::new(inner.get(1).cloned().unwrap_or(Type::Dyn))),
        "optional_type" => Type::Optional(first()),
        "type" => Type::Type(first()),
        _ => Type::Opaque(name.into(), inner.clone().into()),
    })
}

/// A value as the suite writes it.
fn read_value(json: &Json) -> Result<Value<'static>, String> {
    let (kind, inner) = json.as_object().and_then(|object| object.iter().next()).ok_or(format!("no value: {json}"))?;
    let text = inner.as_str().unwrap_or_default();
    let wrong = || format!("no {kind}: {inner}");
    Ok(match kind.as_str() {
        "null" => Value::Null,
        "bool" => Value::Bool(inner.as_bool().ok_or_else(wrong)?),
        "int" => Value::Int(text.parse().map_err(|_| wrong())?),
        "uint" => Value::Uint(text.parse().map_err(|_| wrong())?),
        "double" => Value::Double(text.parse().map_err(|_| wrong())?),
        "string" => Value::text(text),
        "bytes" => Value::Bytes(base64::engine::general_purpose::STANDARD.decode(text).map_err(|_| wrong())?.into()),
        "timestamp" => Value::Timestamp(text.parse().map_err(|()| wrong())?),
        "duration" => Value::Duration(text.parse().map_err(|()| wrong())?),
        "type" => Value::Type(text.to_owned().leak()),
        "list" => {
            let items: Result<Vec<_>, String> = inner.as_array().into_iter().flatten().map(read_value).collect();
            Value::list(items?)
        }
        "map" => {
            let mut entries = Vec::new();
            for entry in inner.as_array().into_iter().flatten() {
                entries.push((read_value(&entry[0])?, read_value(&entry[1])?));
            }
            Value::Map(Arc::new(MapValue::new(entries).map_err(|problem| format!("{problem:?}"))?))
        }
        _ => return Err(format!("unknown kind of value: {json}")),
    })
}

/// A value in a form in which only equal ones of the same types are the same; the order of a map does not count.
fn write_value(value: &Value<'_>) -> Json {
    if let Some(list) = value.as_list() {
        return json!({ "list": list.iter().map(|item| write_value(&item)).collect::<Vec<_>>() });
    }
    if let Some(map) = value.as_map() {
        let mut entries: Vec<Json> =
            map.iter().map(|(key, value)| json!([write_value(&key), write_value(&value)])).collect();
        entries.sort_by_key(ToString::to_string);
        return json!({ "map": entries });
    }
    match value {
        Value::Double(double) if double.is_nan() => json!({ "double": "NaN" }),
        Value::Double(double) => json!({ "double": format!("{double:?}") }),
        Value::Optional(None) => json!({ "optional": null }),
        Value::Optional(Some(content)) => json!({ "optional": write_value(content) }),
        Value::Timestamp(timestamp) => json!({ "timestamp": timestamp.to_string() }),
        Value::Duration(duration) => json!({ "duration": duration.to_string() }),
        Value::Bytes(bytes) => json!({ "bytes": base64::engine::general_purpose::STANDARD.encode(bytes) }),
        other => match other.as_str() {
            Some(text) => json!({ "string": text }),
            None => json!({ other.type_name(): format!("{other:?}") }),
        },
    }
}
