//! What was written is compared with what happened: mappings key by key, lists as a whole, texts of people in part.

use serde_json::Value as Json;

use crate::base::literal::{format_duration, parse_duration};
use crate::base::span::Span;
use crate::syntax::yaml::{Kind, Node};

/// Something that is not as it was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mismatch {
    pub(super) span: Span,
    pub(super) message: String,
}

/// Texts that people read: an expectation is a part of them.
const PARTS: &[&str] = &["error", "reason", "note", "undo_error", "refused"];
/// Durations, however they are written.
const MOMENTS: &[&str] = &["at", "began", "ended", "after"];
/// What a text alone is compared with where there is a whole document.
const SHORT_FORMS: &[&str] = &["status", "result", "phase"];

/// Every way in which `actual` is not as `expected`. `path` names it for people; its last part says how it is compared.
pub(super) fn compare(expected: &Node, actual: &Json, path: &str, found: &mut Vec<Mismatch>) {
    match (&expected.kind, actual) {
        (Kind::Map(entries), Json::Object(fields)) => {
            for (key, value) in entries {
                let field = fields.get(&key.name).unwrap_or(&Json::Null);
                compare(value, field, &format!("{path}.{}", key.name), found);
            }
        }
        (Kind::Seq(items), Json::Array(list)) => {
            for (index, (item, value)) in items.iter().zip(list).enumerate() {
                compare(item, value, &format!("{path}[{index}]"), found);
            }
            if items.len() != list.len() {
                found.push(lengths(expected, items, list, path));
            }
        }
        (Kind::String(_), Json::Object(fields)) => {
            let short = SHORT_FORMS.iter().find_map(|name| fields.get_key_value(*name));
            match short {
                Some((name, value)) => compare(expected, value, &format!("{path}.{name}"), found),
                None => found.push(differs(expected, actual, path)),
            }
        }
        _ if !is_equal(expected, actual, path) => found.push(differs(expected, actual, path)),
        _ => {}
    }
}

fn is_equal(expected: &Node, actual: &Json, path: &str) -> bool {
    let key = path.rsplit('.').next().map(|last| last.split('[').next().unwrap_or(last)).unwrap_or_default();
    match (&expected.kind, actual) {
        (Kind::Null, Json::Null) => true,
        (Kind::Bool(wanted), Json::Bool(is)) => wanted == is,
        (Kind::Int(_) | Kind::Float(_), Json::Number(is)) => match (expected.as_float(), is.as_f64()) {
            (Some(wanted), Some(is)) => is_close(wanted, is),
            _ => false,
        },
        (Kind::String(wanted), Json::String(is)) if PARTS.contains(&key) => is.contains(&wanted.text),
        (Kind::String(wanted), Json::String(is)) if MOMENTS.contains(&key) => {
            parse_duration(&wanted.text).ok().is_some_and(|wanted| format_duration(wanted) == *is)
        }
        (Kind::String(wanted), Json::String(is)) => wanted.text == *is,
        _ => false,
    }
}

/// Rates are sums of shares: equal but for what floating-point arithmetic and the grain of shares make of them.
fn is_close(wanted: f64, is: f64) -> bool {
    (wanted - is).abs() <= 1e-4_f64.max(wanted.abs() * 1e-9)
}

fn differs(expected: &Node, actual: &Json, path: &str) -> Mismatch {
    let part = if PARTS.iter().any(|part| path.ends_with(&format!(".{part}"))) { " one that holds" } else { "" };
    let wanted = expected.to_json();
    let message = match actual {
        Json::Null if !expected.is_null() => format!("`{path}` is not there; expected{part} {}", brief(&wanted)),
        _ => format!("`{path}` is {}, expected{part} {}", brief(actual), brief(&wanted)),
    };
    Mismatch { span: expected.span, message }
}

fn lengths(expected: &Node, items: &[Node], list: &[Json], path: &str) -> Mismatch {
    let (wanted, is) = (items.len(), list.len());
    let extra: Vec<String> = list.iter().skip(wanted).map(|more| cut(brief(more), 60)).collect();
    let extra = if extra.is_empty() { String::new() } else { format!("; also {}", extra.join(", ")) };
    let span = items.get(is).map_or(expected.span, |item| item.span);
    let count = if is == 1 { "1 entry".to_owned() } else { format!("{is} entries") };
    Mismatch { span, message: format!("`{path}` has {count}, expected {wanted}{extra}") }
}

/// A value on one line that is not too long.
pub(super) fn brief(value: &Json) -> String {
    const LONGEST: usize = 120;
    let text = match value {
        Json::String(text) => format!("`{text}`"),
        Json::Null => "nothing".to_owned(),
        // What is null says nothing.
        Json::Object(fields) => {
            let said: serde_json::Map<_, _> =
                fields.iter().filter(|(_, value)| !value.is_null()).map(|(k, v)| (k.clone(), v.clone())).collect();
            Json::Object(said).to_string()
        }
        other => other.to_string(),
    };
    cut(text, LONGEST)
}

/// No more than so many letters.
fn cut(text: String, longest: usize) -> String {
    if text.chars().count() > longest { format!("{}…", text.chars().take(longest).collect::<String>()) } else { text }
}
