//! Values that may be absent.

use super::Declaration;
use crate::expression::fault::{Budget, Fault, Outcome};
use crate::expression::value::Value;

pub(super) const FUNCTIONS: &[Declaration] = &[
    Declaration { name: "optional.of", signatures: &["(A) -> optional(A)"], implementation: of },
    Declaration {
        name: "optional.ofNonZeroValue",
        signatures: &["(A) -> optional(A)"],
        implementation: of_non_zero_value,
    },
    Declaration { name: "optional.none", signatures: &["() -> optional(A)"], implementation: none },
    Declaration { name: "hasValue", signatures: &["optional(A).() -> bool"], implementation: has_value },
    Declaration { name: "value", signatures: &["optional(A).() -> A"], implementation: value },
    Declaration { name: "or", signatures: &["optional(A).(optional(A)) -> optional(A)"], implementation: or },
    Declaration { name: "orValue", signatures: &["optional(A).(A) -> A"], implementation: or_value },
    Declaration { name: "optional.unwrap", signatures: &["(list(optional(A))) -> list(A)"], implementation: unwrap },
    Declaration { name: "unwrapOpt", signatures: &["list(optional(A)).() -> list(A)"], implementation: unwrap },
];

fn of<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    match arguments {
        [value] => Ok(Value::some(value.clone())),
        _ => Err(Fault::no_overload("optional.of", arguments)),
    }
}

fn of_non_zero_value<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    match arguments {
        [value] if value.is_zero() => Ok(Value::Optional(None)),
        [value] => Ok(Value::some(value.clone())),
        _ => Err(Fault::no_overload("optional.ofNonZeroValue", arguments)),
    }
}

fn none<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    match arguments {
        [] => Ok(Value::Optional(None)),
        _ => Err(Fault::no_overload("optional.none", arguments)),
    }
}

fn has_value<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    match arguments {
        [Value::Optional(content)] => Ok(Value::Bool(content.is_some())),
        _ => Err(Fault::no_overload("hasValue", arguments)),
    }
}

fn value<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    match arguments {
        [Value::Optional(Some(content))] => Ok(content.as_ref().clone()),
        [Value::Optional(None)] => Err(Fault::new("optional.none() dereference: the optional holds no value")),
        _ => Err(Fault::no_overload("value", arguments)),
    }
}

fn or<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    match arguments {
        [Value::Optional(None), other @ Value::Optional(_)] => Ok(other.clone()),
        [first @ Value::Optional(Some(_)), Value::Optional(_)] => Ok(first.clone()),
        _ => Err(Fault::no_overload("or", arguments)),
    }
}

fn or_value<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    match arguments {
        [Value::Optional(Some(content)), _] => Ok(content.as_ref().clone()),
        [Value::Optional(None), other] => Ok(other.clone()),
        _ => Err(Fault::no_overload("orValue", arguments)),
    }
}

fn unwrap<'a>(arguments: &[Value<'a>], budget: &mut Budget) -> Outcome<'a> {
    let [list] = arguments else { return Err(Fault::no_overload("unwrapOpt", arguments)) };
    let Some(items) = list.as_list() else { return Err(Fault::no_overload("unwrapOpt", arguments)) };
    budget.spend(items.len())?;
    let mut held = Vec::new();
    for item in items.iter() {
        match item {
            Value::Optional(content) => held.extend(content.map(|content| content.as_ref().clone())),
            other => return Err(Fault::no_overload("unwrapOpt", &[other])),
        }
    }
    Ok(Value::list(held))
}
