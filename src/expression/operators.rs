//! What the operators compute.

use super::ast::BinaryOperator;
use super::fault::{Budget, Fault, Outcome};
use super::value::Value;

/// What an operator makes of numbers, text and the like.
pub(super) fn arithmetic<'a>(
    operator: BinaryOperator,
    left: &Value<'a>,
    right: &Value<'a>,
    budget: &mut Budget,
) -> Outcome<'a> {
    match operator {
        BinaryOperator::Add => add(left, right, budget),
        BinaryOperator::Subtract => subtract(left, right),
        _ => scale(operator, left, right),
    }
}

/// What an operator says of two values.
#[inline]
pub(super) fn compare<'a>(
    operator: BinaryOperator,
    left: &Value<'a>,
    right: &Value<'a>,
    budget: &mut Budget,
) -> Result<bool, Fault> {
    match operator {
        BinaryOperator::Equal => equal(left, right, budget),
        BinaryOperator::NotEqual => equal(left, right, budget).map(|equal| !equal),
        BinaryOperator::In => within(left, right, budget),
        _ => match left.order(right) {
            Some(order) => Ok(order.is_some_and(|order| operator.admits(order))),
            None => Err(no_overload(operator, left, right)),
        },
    }
}

fn no_overload(operator: BinaryOperator, left: &Value<'_>, right: &Value<'_>) -> Fault {
    Fault::no_overload(operator.symbol(), &[left.clone(), right.clone()])
}

fn overflow(operator: BinaryOperator, left: impl std::fmt::Display, right: impl std::fmt::Display) -> Fault {
    Fault::new(format!("overflow: {left} {} {right} is out of range", operator.symbol()))
}

/// Equality; what is looked at within lists and maps is paid for.
fn equal<'a>(left: &Value<'a>, right: &Value<'a>, budget: &mut Budget) -> Result<bool, Fault> {
    left.equals_within(right, |count| budget.spend(count))
}

fn within<'a>(item: &Value<'a>, right: &Value<'a>, budget: &mut Budget) -> Result<bool, Fault> {
    if let Some(list) = right.as_list() {
        budget.spend(list.len())?;
        for other in list.iter() {
            if equal(&other, item, budget)? {
                return Ok(true);
            }
        }
        return Ok(false);
    }
    match right.as_map() {
        Some(map) => Ok(map.get(item).is_some()),
        None => Err(no_overload(BinaryOperator::In, item, right)),
    }
}

fn add<'a>(left: &Value<'a>, right: &Value<'a>, budget: &mut Budget) -> Outcome<'a> {
    const ADD: BinaryOperator = BinaryOperator::Add;
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => a.checked_add(*b).map(Value::Int).ok_or_else(|| overflow(ADD, a, b)),
        (Value::Uint(a), Value::Uint(b)) => a.checked_add(*b).map(Value::Uint).ok_or_else(|| overflow(ADD, a, b)),
        (Value::Double(a), Value::Double(b)) => Ok(Value::Double(a + b)),
        (Value::Duration(a), Value::Duration(b)) => {
            a.checked_add(*b).map(Value::Duration).ok_or_else(|| overflow(ADD, a, b))
        }
        (Value::Timestamp(moment), Value::Duration(by)) | (Value::Duration(by), Value::Timestamp(moment)) => {
            moment.checked_add(*by).map(Value::Timestamp).ok_or_else(|| overflow(ADD, moment, by))
        }
        (Value::Bytes(a), Value::Bytes(b)) => {
            budget.spend_bytes(a.len() + b.len())?;
            Ok(Value::Bytes(a.iter().chain(b.iter()).copied().collect()))
        }
        _ => {
            if let (Some(a), Some(b)) = (left.as_str(), right.as_str()) {
                budget.spend_bytes(a.len() + b.len())?;
                return Ok(Value::text([a, b].concat()));
            }
            match (left.as_list(), right.as_list()) {
                (Some(a), Some(b)) => {
                    budget.spend(a.len() + b.len())?;
                    Ok(Value::list(a.iter().chain(b.iter()).collect::<Vec<_>>()))
                }
                _ => Err(no_overload(ADD, left, right)),
            }
        }
    }
}

fn subtract<'a>(left: &Value<'a>, right: &Value<'a>) -> Outcome<'a> {
    const SUBTRACT: BinaryOperator = BinaryOperator::Subtract;
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => a.checked_sub(*b).map(Value::Int).ok_or_else(|| overflow(SUBTRACT, a, b)),
        (Value::Uint(a), Value::Uint(b)) => a.checked_sub(*b).map(Value::Uint).ok_or_else(|| overflow(SUBTRACT, a, b)),
        (Value::Double(a), Value::Double(b)) => Ok(Value::Double(a - b)),
        (Value::Duration(a), Value::Duration(b)) => {
            a.checked_sub(*b).map(Value::Duration).ok_or_else(|| overflow(SUBTRACT, a, b))
        }
        (Value::Timestamp(a), Value::Timestamp(b)) => {
            a.checked_since(*b).map(Value::Duration).ok_or_else(|| overflow(SUBTRACT, a, b))
        }
        (Value::Timestamp(moment), Value::Duration(by)) => by
            .checked_neg()
            .and_then(|by| moment.checked_add(by))
            .map(Value::Timestamp)
            .ok_or_else(|| overflow(SUBTRACT, moment, by)),
        _ => Err(no_overload(SUBTRACT, left, right)),
    }
}

/// `*`, `/` and `%`.
fn scale<'a>(operator: BinaryOperator, left: &Value<'a>, right: &Value<'a>) -> Outcome<'a> {
    let by_zero = matches!(right, Value::Int(0) | Value::Uint(0));
    match (operator, left, right) {
        (BinaryOperator::Divide, Value::Int(_), Value::Int(0))
        | (BinaryOperator::Divide, Value::Uint(_), Value::Uint(0)) => Err(Fault::new("divide by zero")),
        (BinaryOperator::Modulo, Value::Int(_), Value::Int(0))
        | (BinaryOperator::Modulo, Value::Uint(_), Value::Uint(0)) => Err(Fault::new("modulus by zero")),
        (_, Value::Int(a), Value::Int(b)) if !by_zero || operator == BinaryOperator::Multiply => match operator {
            BinaryOperator::Multiply => a.checked_mul(*b),
            BinaryOperator::Divide => a.checked_div(*b),
            _ => a.checked_rem(*b),
        }
        .map(Value::Int)
        .ok_or_else(|| overflow(operator, a, b)),
        (_, Value::Uint(a), Value::Uint(b)) => match operator {
            BinaryOperator::Multiply => a.checked_mul(*b),
            BinaryOperator::Divide => a.checked_div(*b),
            _ => a.checked_rem(*b),
        }
        .map(Value::Uint)
        .ok_or_else(|| overflow(operator, a, b)),
        (BinaryOperator::Multiply, Value::Double(a), Value::Double(b)) => Ok(Value::Double(a * b)),
        (BinaryOperator::Divide, Value::Double(a), Value::Double(b)) => Ok(Value::Double(a / b)),
        _ => Err(no_overload(operator, left, right)),
    }
}

pub(super) fn negate<'a>(value: &Value<'a>) -> Outcome<'a> {
    match value {
        Value::Int(value) => value
            .checked_neg()
            .map(Value::Int)
            .ok_or_else(|| Fault::new(format!("overflow: -({value}) is out of range"))),
        Value::Double(value) => Ok(Value::Double(-value)),
        Value::Duration(value) => value
            .checked_neg()
            .map(Value::Duration)
            .ok_or_else(|| Fault::new(format!("overflow: -({value}) is out of range"))),
        other => Err(Fault::no_overload("-", std::slice::from_ref(other))),
    }
}

/// `of.field`, and with `optional` `of.?field`. A field of an optional is an optional.
pub(super) fn select<'a>(of: &Value<'a>, field: &str, optional: bool) -> Outcome<'a> {
    if let Some(map) = of.as_map() {
        return match map.field(field) {
            Some(value) if optional => Ok(Value::some(value)),
            Some(value) => Ok(value),
            None if optional => Ok(Value::Optional(None)),
            None => Err(Fault::no_such_key(field)),
        };
    }
    match of {
        Value::Optional(None) => Ok(Value::Optional(None)),
        Value::Optional(Some(content)) => select(content, field, true),
        Value::Null => Err(Fault::new(format!("no such key: `{field}` of null"))),
        other => {
            Err(Fault::new(format!("no such key: `{field}`; a value of type {} has no fields", other.type_name())))
        }
    }
}

/// `has(of.field)`.
pub(super) fn has(of: &Value<'_>, field: &str) -> Result<bool, Fault> {
    if let Some(map) = of.as_map() {
        return Ok(map.field(field).is_some());
    }
    match of {
        Value::Optional(None) => Ok(false),
        Value::Optional(Some(content)) => has(content, field),
        other => {
            Err(Fault::new(format!("no such key: `{field}`; a value of type {} has no fields", other.type_name())))
        }
    }
}

/// `of[key]`, and with `optional` `of[?key]`.
pub(super) fn index<'a>(of: &Value<'a>, key: &Value<'a>, optional: bool) -> Outcome<'a> {
    let found = if let Some(list) = of.as_list() {
        let place = match key {
            Value::Int(place) => Some(*place),
            Value::Uint(place) => i64::try_from(*place).ok(),
            #[expect(clippy::cast_possible_truncation, reason = "whole and small")]
            Value::Double(place) if place.fract() == 0.0 && place.abs() < 9e15 => Some(*place as i64),
            other => {
                return Err(Fault::new(format!("invalid argument: a list has no place of type {}", other.type_name())));
            }
        };
        let found = place.and_then(|place| usize::try_from(place).ok()).and_then(|place| list.get(place));
        found.ok_or_else(|| Fault::new(format!("invalid argument: no such place in a list of {}", list.len())))
    } else if let Some(map) = of.as_map() {
        map.get(key).ok_or_else(|| match key {
            Value::Bool(key) => Fault::no_such_key(&key.to_string()),
            Value::Int(key) => Fault::no_such_key(&key.to_string()),
            Value::Uint(key) => Fault::no_such_key(&format!("{key}u")),
            Value::Double(key) => Fault::no_such_key(&key.to_string()),
            other => Fault::no_such_key(other.as_str().unwrap_or(other.type_name())),
        })
    } else {
        return match of {
            Value::Optional(None) => Ok(Value::Optional(None)),
            Value::Optional(Some(content)) => index(content, key, true),
            other => Err(Fault::no_overload("[]", &[other.clone(), key.clone()])),
        };
    };
    match found {
        Ok(value) if optional => Ok(Value::some(value)),
        Ok(value) => Ok(value),
        Err(_) if optional => Ok(Value::Optional(None)),
        Err(fault) => Err(fault),
    }
}
