//! An expression on its own: its text and data become a value with its type, as a rule would get it.

use axum::http::{HeaderMap, HeaderValue, header};
use serde_json::Value as Json;

use crate::api::cloud_event;
use crate::base::clock::Timestamp;
use crate::base::fragment::Fragment;
use crate::base::source::Sources;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::expression::{Bindings, TypeEnv, compile};
use crate::model::event::Event;
use crate::model::schema::{JsonMap, Object, Shape};
use crate::syntax::name::is_name;

/// What an expression gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluated {
    /// `None`: an optional that holds nothing.
    pub value: Option<Json>,
    pub kind: String,
}

/// Why an expression gave nothing.
#[derive(Debug)]
pub enum EvalError {
    /// The data is no event, though it says so.
    Data(String),
    /// What is wrong with the expression, or what failed as it ran.
    Expression { diagnostics: Diagnostics, sources: Sources },
}

/// Evaluates an expression. The entries of `data` are its variables. If `data` is a CloudEvent, `event` and `now` are
/// what they are in a rule.
///
/// # Errors
/// See [`EvalError`].
pub fn eval(text: &str, data: &JsonMap, now: Timestamp) -> Result<Evaluated, EvalError> {
    let event = if data.contains_key("specversion") { Some(read_event(data, now)?.view()) } else { None };
    let moment = Json::from(now.to_string());
    let (mut env, mut bindings) = (TypeEnv::new(), Bindings::new());
    for (name, value) in data.iter().filter(|(name, _)| is_name(name)) {
        env = env.with(name, Shape::Any);
        bindings = bindings.with(name, value);
    }
    if let Some(event) = &event {
        let data = Object { fields: Vec::new(), open: true };
        env = env.with("event", Shape::Object(Event::shape(data))).with("now", Shape::Timestamp);
        bindings = bindings.with("event", event).with("now", &moment);
    }
    let mut sources = Sources::new();
    let fragment = Fragment::verbatim(sources.add("expression", text), 0, text);
    let program = match compile(&fragment, &env) {
        Ok(program) => program,
        Err(found) => {
            let mut diagnostics = Diagnostics::new();
            found.iter().for_each(|problem| diagnostics.push(with_names(problem.clone(), data)));
            return Err(EvalError::Expression { diagnostics, sources });
        }
    };
    let result = program.evaluate_value(&bindings).and_then(|value| Ok((program.json(&value)?, value.kind())));
    match result {
        Ok((value, at_run_time)) => {
            let known = program.type_of();
            let kind = if known.is_open() { &at_run_time } else { known };
            Ok(Evaluated { value, kind: kind.to_string() })
        }
        Err(error) => {
            let span = error.span.unwrap_or(program.expr().span);
            let mut diagnostics = Diagnostics::new();
            diagnostics.push(Diagnostic::error(Code::EvaluationFailed, span, error.message));
            Err(EvalError::Expression { diagnostics, sources })
        }
    }
}

/// A name that is not declared, with what declares one here, where nothing nearer is known.
fn with_names(problem: Diagnostic, data: &JsonMap) -> Diagnostic {
    if problem.code != Code::UnknownName || problem.help.is_some() {
        return problem;
    }
    let names: Vec<String> = data.keys().filter(|name| is_name(name)).map(|name| format!("`{name}`")).collect();
    problem.help(if names.is_empty() {
        "the entries of a JSON object that `--data FILE` names are variables here, and so is `event` if it is a CloudEvent"
            .to_owned()
    } else {
        format!("the data has {}", names.join(", "))
    })
}

/// The event that the engine would take.
fn read_event(data: &JsonMap, now: Timestamp) -> Result<Event, EvalError> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/cloudevents+json"));
    let body = Json::Object(data.clone()).to_string();
    let events = cloud_event::read(&headers, body.as_bytes(), now).map_err(|problem| {
        let told: Vec<String> = problem
            .errors
            .iter()
            .map(|error| match &error.attribute {
                Some(attribute) => format!("`{attribute}` {}", error.detail),
                None => error.detail.clone(),
            })
            .collect();
        EvalError::Data(if told.is_empty() { problem.detail } else { told.join("; ") })
    })?;
    events.into_iter().next().ok_or_else(|| EvalError::Data("it holds no event".to_owned()))
}

#[cfg(test)]
#[path = "eval_tests.rs"]
mod tests;
