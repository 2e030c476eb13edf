//! What was probably meant, by people who know other languages or do not know a type.
//!
//! Words alone: whether something is wrong is decided elsewhere.

use std::sync::Arc;

use crate::base::suggest::nearest;
use crate::expression::ast::Expr;
use crate::expression::environment::TypeEnv;
use crate::expression::types::Type;
use crate::model::schema::{Object, Shape};

/// What to do where an operator or a comparison meets these two types.
pub(super) fn operands(symbol: &str, left: &Type, right: &Type) -> Option<String> {
    let (left, right) = (left.without_null(), right.without_null());
    let help = match (left, right) {
        (Type::Optional(_), _) | (_, Type::Optional(_)) => {
            "one side may hold nothing: say what to take then, with `.orValue(…)`"
        }
        (Type::Int | Type::Uint, Type::Double) | (Type::Double, Type::Int | Type::Uint) => {
            "write the whole number with `.0`, or convert it with `double(…)`"
        }
        (Type::Int, Type::Uint) | (Type::Uint, Type::Int) => {
            "write the number with `u`, or convert it with `int(…)` or `uint(…)`"
        }
        (Type::Timestamp, Type::String) | (Type::String, Type::Timestamp) => {
            "a time is written `timestamp(\"2026-01-31T12:00:00Z\")`"
        }
        (Type::Duration, Type::String | Type::Int | Type::Double)
        | (Type::String | Type::Int | Type::Double, Type::Duration) => "a duration is written `duration(\"30s\")`",
        (Type::Bool, Type::String) | (Type::String, Type::Bool) => "`true` and `false` stand without quotes",
        (Type::String, Type::Int | Type::Uint | Type::Double)
        | (Type::Int | Type::Uint | Type::Double, Type::String) => match symbol {
            "+" => "to join text, convert the number with `string(…)`",
            _ => "a number stands without quotes; text is converted with `int(…)` or `double(…)`",
        },
        (Type::Bool, Type::Int | Type::Double) if matches!(symbol, "<" | "<=" | ">" | ">=") => {
            "comparisons are not chained: write `low < x && x < high`"
        }
        (Type::List(_), _) if matches!(symbol, "==" | "!=") => {
            "whether a list holds an item is asked with `item in list`"
        }
        (Type::Object(object), _) | (_, Type::Object(object)) if !object.fields.is_empty() => {
            let names: Vec<String> = object.fields.iter().take(12).map(|field| format!("`{}`", field.name)).collect();
            return Some(format!("compare one of the object's fields: {}", names.join(", ")));
        }
        _ => match symbol {
            "<" | "<=" | ">" | ">=" => "in order stand numbers, texts, times and durations, each with its own kind",
            "+" => "it adds numbers, times and durations, and joins texts and lists, each with its own kind",
            "-" | "*" | "/" | "%" => "it takes two numbers of one kind",
            "==" | "!=" => "both sides are of one type; `dyn(…)` around one leaves its type open",
            "&&" | "||" => "each side is true or false: compare it with something",
            _ => return None,
        },
    };
    Some(help.to_owned())
}

/// A dotted name as it is written.
pub(super) fn path(expr: &Expr) -> Option<String> {
    expr.path().map(|(words, _)| words.join("."))
}

/// Most fields that a help lists.
const MAX_LISTED: usize = 12;

/// What to write for a field that `object` at `path` does not have. `outer` is what `object` is itself a field of.
pub(super) fn field(
    object: &Object,
    path: Option<&str>,
    outer: Option<(Arc<Object>, String)>,
    name: &str,
) -> Option<String> {
    let did_you_mean = |path: &str| Some(format!("did you mean `{path}`?"));
    let within = |inner: &str, name: &str| match path {
        Some(path) => format!("{path}.{inner}.{name}"),
        None => format!("{inner}.{name}"),
    };
    let inner = || {
        object.fields.iter().filter_map(|field| match &field.shape {
            Shape::Object(inner) => Some((field.name.as_str(), inner)),
            _ => None,
        })
    };
    // It is there, but one level deeper or higher.
    if let Some((holder, _)) = inner().find(|(_, inner)| inner.field(name).is_some()) {
        return did_you_mean(&within(holder, name));
    }
    if let Some((_, path)) = outer.filter(|(outer, _)| outer.field(name).is_some()) {
        return did_you_mean(&format!("{path}.{name}"));
    }
    let names = |object: &Object| object.fields.iter().map(|field| field.name.clone()).collect::<Vec<_>>();
    let own = names(object);
    if let Some(near) = nearest(name, own.iter().map(String::as_str)) {
        return did_you_mean(near);
    }
    // `p99` for `p99_ms`.
    let mut longer = own.iter().filter(|field| name.len() > 1 && field.starts_with(name));
    if let (Some(only), None) = (longer.next(), longer.next()) {
        return did_you_mean(only);
    }
    for (holder, inner) in inner() {
        if let Some(near) = nearest(name, names(inner).iter().map(String::as_str)) {
            return did_you_mean(&within(holder, near));
        }
    }
    let listed: Vec<String> = own.iter().take(MAX_LISTED).map(|name| format!("`{name}`")).collect();
    match (listed.as_slice(), own.len().saturating_sub(MAX_LISTED)) {
        ([], _) => Some("it has no fields".to_owned()),
        ([only], 0) => Some(format!("its only field is {only}")),
        (listed, 0) => Some(format!("its fields are {}", listed.join(", "))),
        (listed, others) => Some(format!("its fields are {} and {others} more", listed.join(", "))),
    }
}

/// What to write where a value without fields, at `path`, was selected from.
pub(super) fn selection(of: &Type, path: Option<&str>, field: &str) -> Option<String> {
    let whole = path.unwrap_or("…");
    let help = match (of, field) {
        (Type::List(_) | Type::String | Type::Bytes, "length" | "len" | "size" | "count") => {
            format!("how long it is, is asked with `size({whole})`")
        }
        (Type::List(_), _) => {
            "its items may have them: take one with `[0]`, or look through all with `.exists(x, …)`".to_owned()
        }
        (Type::String | Type::Bytes | Type::Int | Type::Uint | Type::Double | Type::Bool, _) => {
            "it is a single value: take it as it is".to_owned()
        }
        (Type::Timestamp | Type::Duration, _) => match part_of_time(of, field) {
            Some((function, note)) => format!("write `{whole}.{function}()`{note}"),
            None => {
                let last = if *of == Type::Timestamp { ", `.getDate()`, `.getMonth()`, `.getFullYear()`" } else { "" };
                format!("its parts are asked with functions: `.getHours()`, `.getMinutes()`, `.getSeconds()`{last}")
            }
        },
        _ => return None,
    };
    Some(help)
}

/// The function that gives a part of a time or a duration, and how it counts, by what others call the part.
fn part_of_time(of: &Type, part: &str) -> Option<(&'static str, &'static str)> {
    let plain: String = part.chars().filter(|c| *c != '_').flat_map(char::to_lowercase).collect();
    let plain = plain.strip_prefix("get").unwrap_or(&plain);
    let found = match plain {
        "hour" | "hours" => ("getHours", ""),
        "minute" | "minutes" => ("getMinutes", ""),
        "second" | "seconds" => ("getSeconds", ""),
        "millisecond" | "milliseconds" | "millis" | "ms" => ("getMilliseconds", ""),
        _ if *of == Type::Duration => return None,
        "year" | "years" | "fullyear" => ("getFullYear", ""),
        "month" | "months" => ("getMonth", ": January is 0"),
        "day" | "days" | "date" | "dayofmonth" => ("getDate", ""),
        "weekday" | "dayofweek" | "dow" => ("getDayOfWeek", ": Sunday is 0"),
        "yearday" | "dayofyear" => ("getDayOfYear", ": January 1st is 0"),
        _ => return None,
    };
    Some(found)
}

/// The word of ours for a constant of another language.
pub(super) fn constant(name: &str) -> Option<&'static str> {
    Some(match name {
        "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => "true",
        "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => "false",
        "None" | "nil" | "NULL" | "Null" | "undefined" | "nothing" => "null",
        _ => return None,
    })
}

/// What does the work of a function of another language.
pub(super) fn function(name: &str) -> Option<&'static str> {
    Some(match name {
        "len" | "length" | "count" => "write `size(…)`",
        "lower" | "toLower" | "toLowerCase" | "lowercase" | "downcase" => "write `.lowerAscii()`",
        "upper" | "toUpper" | "toUpperCase" | "uppercase" | "upcase" => "write `.upperAscii()`",
        "max" => "write `math.greatest(…)`",
        "min" => "write `math.least(…)`",
        "abs" => "write `math.abs(…)`",
        "round" => "write `math.round(…)`",
        "floor" => "write `math.floor(…)`",
        "ceil" => "write `math.ceil(…)`",
        "includes" | "has_key" | "hasKey" | "containsKey" => {
            "whether a list holds an item, or a map a key, is asked with `x in list`"
        }
        "any" | "some" => "write `.exists(x, …)`, with a name for the item",
        "every" => "write `.all(x, …)`, with a name for the item",
        "find" | "first" => "write `.filter(x, …)[0]`, with a name for the item",
        "str" | "toString" | "to_string" => "write `string(…)`",
        "float" | "number" | "parseFloat" => "write `double(…)`",
        "parseInt" | "integer" => "write `int(…)`",
        "bool_" | "boolean" => "write `bool(…)`",
        "default" | "coalesce" | "orElse" | "or_else" | "getOrElse" => "write `a.?b.orValue(…)`",
        "test" | "match" | "regex" => "write `.matches(…)`",
        "now" => "`now` is a name, and stands without `()`",
        "hour" | "hours" => "write `.getHours()`",
        "minute" | "minutes" => "write `.getMinutes()`",
        "weekday" | "dayOfWeek" | "day_of_week" => "write `.getDayOfWeek()`: Sunday is 0",
        "month" => "write `.getMonth()`: January is 0",
        "year" => "write `.getFullYear()`",
        "isNull" | "is_null" => "compare with `null`",
        "defined" | "exists_" | "isset" => "whether a field is there is asked with `has(…)`",
        _ => return None,
    })
}

/// Functions of other languages whose arguments name a variable of their own, so that nothing is said of these.
pub(super) fn is_foreign_macro(name: &str) -> bool {
    matches!(name, "any" | "some" | "every" | "find" | "first" | "reduce" | "forEach")
}

/// Where a bare name is a field of what exists: the ways to write it, at most three.
pub(super) fn fields_named(env: &TypeEnv, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (root, kind) in env.variables() {
        let Type::Object(object) = kind else { continue };
        if object.field(name).is_some() {
            found.push(format!("`{root}.{name}`"));
        }
        for field in &object.fields {
            if let Shape::Object(inner) = &field.shape
                && inner.field(name).is_some()
                && field.name == "data"
            {
                found.insert(0, format!("`{root}.{}.{name}`", field.name));
            }
        }
    }
    found.truncate(3);
    found
}
