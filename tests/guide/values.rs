//! Blocks that hold values: expressions with what they give, events, their data.

use homeostat::api::cloud_event;
use homeostat::base::clock::Timestamp;
use homeostat::base::fragment::Fragment;
use homeostat::base::source::SourceId;
use homeostat::compile::Compilation;
use homeostat::expression::value::Value;
use homeostat::expression::{Bindings, Program, Type, TypeEnv, compile};
use homeostat::model::assignment::Answer;
use homeostat::model::schema::Shape;
use serde_json::Value as Json;

/// What stands between an expression and what it gives.
const GIVES: &str = "// → ";

/// Holds each line of a `cel` block against what it says the expression gives. Lines without it go on in the next one.
pub(super) fn expressions(text: &str, names: &Json) -> Result<(), String> {
    let mut expression = String::new();
    for line in text.lines() {
        let Some((rest, expected)) = line.split_once(GIVES) else {
            expression.push_str(line);
            expression.push('\n');
            continue;
        };
        expression.push_str(rest.trim_end());
        one(&expression, expected.trim(), names).map_err(|problem| format!("`{expression}` {problem}"))?;
        expression.clear();
    }
    if expression.trim().is_empty() {
        Ok(())
    } else {
        Err(format!("`{}` does not say what it gives", expression.trim()))
    }
}

fn one(text: &str, expected: &str, names: &Json) -> Result<(), String> {
    if let Some(message) = expected.strip_prefix("refused: ") {
        return match program(text, names) {
            Ok(_) => Err("is not refused".to_owned()),
            Err(problem) if problem.contains(message) => Ok(()),
            Err(problem) => Err(format!("is refused, but: {problem}")),
        };
    }
    let bindings = bindings(names);
    let program = program(text, names)?;
    let given = program.evaluate_value(&bindings).map_err(|error| error.message);
    if let Some(message) = expected.strip_prefix("error: ") {
        return match given {
            Ok(value) => Err(format!("gives {value:?}")),
            Err(problem) if problem.contains(message) => Ok(()),
            Err(problem) => Err(format!("fails, but: {problem}")),
        };
    }
    let given = given?;
    let wanted = self::program(expected, &Json::Null)?;
    let no_names = Bindings::new();
    let wanted = wanted.evaluate_value(&no_names).map_err(|error| error.message)?;
    // `3 == 3.0` holds in the language, but a page that says the one for the other is wrong.
    if given.equals(&wanted) && given.type_name() == wanted.type_name() {
        Ok(())
    } else {
        Err(format!("gives {given:?}"))
    }
}

fn program(text: &str, names: &Json) -> Result<Program, String> {
    let mut env = TypeEnv::new();
    for name in names.as_object().into_iter().flat_map(serde_json::Map::keys) {
        env = env.with_type(name, Type::Dyn);
    }
    compile(&Fragment::verbatim(SourceId(0), 0, text), &env)
        .map_err(|problems| problems.iter().map(|problem| problem.message.clone()).collect::<Vec<_>>().join("; "))
}

fn bindings(names: &Json) -> Bindings<'_> {
    let entries = names.as_object().into_iter().flatten();
    entries.fold(Bindings::new(), |bindings, (name, value)| bindings.with_value(name, Value::from_json(value)))
}

/// Whether a text is an event, or a list of events, that the folder's rules take.
pub(super) fn event(text: &str, compilation: &Compilation) -> Result<(), String> {
    let is_list = text.trim_start().starts_with('[');
    let kind = if is_list { "application/cloudevents-batch+json" } else { "application/cloudevents+json" };
    let mut headers = http::HeaderMap::new();
    headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    let events = cloud_event::read(&headers, text.as_bytes(), Timestamp::parse("2026-03-01T09:30:00Z").unwrap());
    for event in events.map_err(|problem| format!("{problem:?}"))? {
        data(&event.kind, &event.data.to_string(), compilation)?;
    }
    Ok(())
}

/// Whether a text is the data of such an event.
pub(super) fn data(kind: &str, text: &str, compilation: &Compilation) -> Result<(), String> {
    let program = compilation.program.as_ref().ok_or("the folder holds no program")?;
    let declared = program.events.iter().find(|event| event.name == kind);
    let declared = declared.ok_or_else(|| format!("{kind} is not declared"))?;
    let mut value: Json = serde_json::from_str(text).map_err(|error| error.to_string())?;
    Shape::Object(declared.data.clone()).conform("data", &mut value).map_err(|problems| {
        problems.into_iter().map(|one| format!("{} {}", one.path, one.problem)).collect::<Vec<_>>().join("; ")
    })
}

/// Whether each value of a text can be read as what agents and engine say to each other.
pub(super) fn like(kind: &str, text: &str) -> Result<(), String> {
    for value in serde_json::Deserializer::from_str(text).into_iter::<Json>() {
        let value = value.map_err(|error| error.to_string())?;
        match kind {
            "an answer" => {
                serde_json::from_value::<Answer>(value).map_err(|error| error.to_string())?;
            }
            _ => return Err(format!("`{kind}` is no type")),
        }
    }
    Ok(())
}
