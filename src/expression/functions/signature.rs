//! Reads signatures as the families write them.

use super::Overload;
use crate::expression::types::Type;

/// The overload, and whether its last parameter may repeat. `None`: malformed.
pub(super) fn read(text: &str) -> Option<(Overload, bool)> {
    let (parameters, result) = text.split_once(" -> ")?;
    let (receiver, rest) = if let Some(rest) = parameters.strip_prefix('(') {
        (None, rest)
    } else {
        let (receiver, rest) = parameters.split_once(".(")?;
        (Some(receiver), rest)
    };
    let mut inner = rest.strip_suffix(')')?;
    let variadic = inner.ends_with("...");
    if variadic {
        inner = inner.strip_suffix("...")?;
    }
    let mut parameters: Vec<Type> = Vec::new();
    if let Some(receiver) = receiver {
        parameters.push(read_type(receiver)?);
    }
    for parameter in split(inner) {
        parameters.push(read_type(parameter)?);
    }
    let result = read_type(result)?;
    Some((Overload::new(receiver.is_some(), parameters, result), variadic))
}

/// The parts between the commas that stand outside of parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_u32, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.extend(text.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.extend(text.get(start..).filter(|last| !last.trim().is_empty()));
    parts.into_iter().map(str::trim).collect()
}

fn read_type(text: &str) -> Option<Type> {
    Some(match text {
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
        "net.IP" | "net.CIDR" => Type::opaque(text),
        "A" => Type::Parameter(0),
        "B" => Type::Parameter(1),
        _ => {
            let (name, inner) = text.strip_suffix(')')?.split_once('(')?;
            let mut inner = split(inner).into_iter().map(read_type);
            let first = inner.next()??;
            match name {
                "list" => Type::list(first),
                "map" => Type::map(first, inner.next()??),
                "optional" => Type::optional(first),
                "type" => Type::type_of(first),
                _ => return None,
            }
        }
    })
}

/// One more than the highest type parameter within.
pub(super) fn generics(of: &Type) -> u32 {
    match of {
        Type::Parameter(index) => index + 1,
        Type::List(inner) | Type::Optional(inner) | Type::Type(inner) | Type::Nullable(inner) => generics(inner),
        Type::Map(key, value) => generics(key).max(generics(value)),
        Type::Opaque(_, parameters) => parameters.iter().map(generics).max().unwrap_or(0),
        _ => 0,
    }
}
