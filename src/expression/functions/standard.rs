//! The functions that every implementation of the language has: size, text, regular expressions, types.

use super::Declaration;
use super::pattern::regex;
use crate::expression::fault::{Budget, Fault, Outcome};
use crate::expression::value::Value;

pub(super) const FUNCTIONS: &[Declaration] = &[
    Declaration {
        name: "size",
        signatures: &[
            "(string) -> int",
            "(bytes) -> int",
            "(list(A)) -> int",
            "(map(A, B)) -> int",
            "string.() -> int",
            "bytes.() -> int",
            "list(A).() -> int",
            "map(A, B).() -> int",
        ],
        implementation: size,
    },
    Declaration { name: "contains", signatures: &["string.(string) -> bool"], implementation: contains },
    Declaration { name: "startsWith", signatures: &["string.(string) -> bool"], implementation: starts_with },
    Declaration { name: "endsWith", signatures: &["string.(string) -> bool"], implementation: ends_with },
    Declaration {
        name: "matches",
        signatures: &["(string, string) -> bool", "string.(string) -> bool"],
        implementation: matches,
    },
    Declaration { name: "type", signatures: &["(A) -> type(A)"], implementation: type_of },
    Declaration { name: "dyn", signatures: &["(A) -> dyn"], implementation: identity },
];

/// A count as an int.
pub(super) fn count<'a>(count: usize) -> Value<'a> {
    Value::Int(i64::try_from(count).unwrap_or(i64::MAX))
}

fn size<'a>(arguments: &[Value<'a>], budget: &mut Budget) -> Outcome<'a> {
    let [value] = arguments else { return Err(Fault::no_overload("size", arguments)) };
    if let Some(text) = value.as_str() {
        budget.spend_bytes(text.len())?;
        return Ok(count(text.chars().count()));
    }
    match (value, value.as_list(), value.as_map()) {
        (Value::Bytes(bytes), _, _) => Ok(count(bytes.len())),
        (_, Some(list), _) => Ok(count(list.len())),
        (_, _, Some(map)) => Ok(count(map.len())),
        _ => Err(Fault::no_overload("size", arguments)),
    }
}

/// The receiver's and the argument's text.
fn two_texts<'v>(name: &str, arguments: &'v [Value<'_>], budget: &mut Budget) -> Result<(&'v str, &'v str), Fault> {
    match arguments {
        [text, part] => match (text.as_str(), part.as_str()) {
            (Some(text), Some(part)) => {
                budget.spend_bytes(text.len())?;
                Ok((text, part))
            }
            _ => Err(Fault::no_overload(name, arguments)),
        },
        _ => Err(Fault::no_overload(name, arguments)),
    }
}

fn contains<'a>(arguments: &[Value<'a>], budget: &mut Budget) -> Outcome<'a> {
    let (text, part) = two_texts("contains", arguments, budget)?;
    Ok(Value::Bool(text.contains(part)))
}

fn starts_with<'a>(arguments: &[Value<'a>], budget: &mut Budget) -> Outcome<'a> {
    let (text, part) = two_texts("startsWith", arguments, budget)?;
    Ok(Value::Bool(text.starts_with(part)))
}

fn ends_with<'a>(arguments: &[Value<'a>], budget: &mut Budget) -> Outcome<'a> {
    let (text, part) = two_texts("endsWith", arguments, budget)?;
    Ok(Value::Bool(text.ends_with(part)))
}

fn matches<'a>(arguments: &[Value<'a>], budget: &mut Budget) -> Outcome<'a> {
    let (text, pattern) = two_texts("matches", arguments, budget)?;
    // Compiling costs far more than matching: a pattern that is written as a literal is compiled once, elsewhere.
    budget.spend(200 + 20 * pattern.len())?;
    Ok(Value::Bool(regex(pattern).map_err(Fault::new)?.is_match(text)))
}

fn type_of<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    match arguments {
        [value] => Ok(Value::Type(value.type_name())),
        _ => Err(Fault::no_overload("type", arguments)),
    }
}

fn identity<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    match arguments {
        [value] => Ok(value.clone()),
        _ => Err(Fault::no_overload("dyn", arguments)),
    }
}
