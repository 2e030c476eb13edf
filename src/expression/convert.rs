//! Data that was declared a duration or a time becomes one where an expression uses it.

use std::sync::Arc;

use super::evaluate::new_map;
use super::fault::{Budget, Fault, Outcome};
use super::functions::read_timestamp;
use super::types::Type;
use super::value::{Duration, Timestamp, Value};
use crate::base::clock;
use crate::base::literal::parse_duration;

/// The value as its type says; what is so already stays.
pub(super) fn convert<'a>(value: Value<'a>, to: &Type, budget: &mut Budget) -> Outcome<'a> {
    match (to, &value) {
        (Type::Nullable(inner), _) => convert(value, inner, budget),
        (Type::Duration, Value::Str(text)) => duration(text),
        (Type::Duration, Value::String(text)) => duration(text),
        (Type::Timestamp, Value::Str(text)) => timestamp(text),
        (Type::Timestamp, Value::String(text)) => timestamp(text),
        (Type::Optional(inner), Value::Optional(Some(content))) => {
            let content = convert(content.as_ref().clone(), inner, budget)?;
            Ok(Value::Optional(Some(Arc::new(content))))
        }
        (Type::List(inner), _) if inner.holds_time() => match value.as_list() {
            Some(items) => {
                budget.spend(items.len())?;
                let items: Result<Vec<_>, Fault> = items.iter().map(|item| convert(item, inner, budget)).collect();
                Ok(Value::list(items?))
            }
            None => Ok(value),
        },
        (Type::Map(_, inner), _) if inner.holds_time() => entries(value, |_| Some(inner.as_ref().clone()), budget),
        (Type::Object(object), _) => entries(value, |key| object.field(key.as_str()?).map(Type::of_field), budget),
        _ => Ok(value),
    }
}

fn entries<'a>(value: Value<'a>, of: impl Fn(&Value<'a>) -> Option<Type>, budget: &mut Budget) -> Outcome<'a> {
    let Some(map) = value.as_map() else { return Ok(value) };
    budget.spend(map.len())?;
    let mut made = Vec::with_capacity(map.len());
    for (key, value) in map.iter() {
        let value = match of(&key) {
            Some(kind) if kind.holds_time() => convert(value, &kind, budget)?,
            _ => value,
        };
        made.push((key, value));
    }
    new_map(made)
}

fn duration<'a>(text: &str) -> Outcome<'a> {
    let read = parse_duration(text).ok().and_then(|duration| i64::try_from(duration.as_nanos()).ok());
    let nanos = read.ok_or_else(|| Fault::new(format!("declared a duration, but the data holds {text:?}")))?;
    Ok(Value::Duration(Duration::from_nanoseconds(nanos)))
}

fn timestamp<'a>(text: &str) -> Outcome<'a> {
    if let Ok(timestamp) = read_timestamp(text) {
        return Ok(Value::Timestamp(timestamp));
    }
    // What a declaration takes as a time is a little more than what the language does.
    let moment = clock::Timestamp::parse(text).and_then(|moment| {
        let nanos = u32::try_from(moment.0.rem_euclid(1_000)).ok()? * 1_000_000;
        Timestamp::new(moment.0.div_euclid(1_000), nanos)
    });
    moment.map(Value::Timestamp).ok_or_else(|| Fault::new(format!("declared a timestamp, but the data holds {text:?}")))
}
