//! The string extension. Places in text count characters.

use super::Declaration;
use super::format::format;
use super::standard::count;
use crate::expression::fault::{Budget, Fault, Outcome};
use crate::expression::value::Value;

pub(super) const FUNCTIONS: &[Declaration] = &[
    Declaration { name: "charAt", signatures: &["string.(int) -> string"], implementation: char_at },
    Declaration {
        name: "indexOf",
        signatures: &["string.(string) -> int", "string.(string, int) -> int"],
        implementation: index_of,
    },
    Declaration {
        name: "lastIndexOf",
        signatures: &["string.(string) -> int", "string.(string, int) -> int"],
        implementation: last_index_of,
    },
    Declaration {
        name: "join",
        signatures: &["list(string).() -> string", "list(string).(string) -> string"],
        implementation: join,
    },
    Declaration { name: "lowerAscii", signatures: &["string.() -> string"], implementation: lower_ascii },
    Declaration { name: "upperAscii", signatures: &["string.() -> string"], implementation: upper_ascii },
    Declaration {
        name: "replace",
        signatures: &["string.(string, string) -> string", "string.(string, string, int) -> string"],
        implementation: replace,
    },
    Declaration {
        name: "split",
        signatures: &["string.(string) -> list(string)", "string.(string, int) -> list(string)"],
        implementation: split,
    },
    Declaration {
        name: "substring",
        signatures: &["string.(int) -> string", "string.(int, int) -> string"],
        implementation: substring,
    },
    Declaration { name: "trim", signatures: &["string.() -> string"], implementation: trim },
    Declaration { name: "strings.quote", signatures: &["(string) -> string"], implementation: quote },
    Declaration { name: "format", signatures: &["string.(list(dyn)) -> string"], implementation: format },
];

/// The receiver's text, paid for.
fn receiver<'v>(name: &str, arguments: &'v [Value<'_>], budget: &mut Budget) -> Result<&'v str, Fault> {
    match arguments.first().and_then(Value::as_str) {
        Some(text) => {
            budget.spend_bytes(text.len())?;
            Ok(text)
        }
        None => Err(Fault::no_overload(name, arguments)),
    }
}

fn out_of_range(index: i64) -> Fault {
    Fault::new(format!("index out of range: {index}"))
}

/// An index into `length` things, or just behind them.
fn place(index: i64, length: usize) -> Result<usize, Fault> {
    usize::try_from(index).ok().filter(|place| *place <= length).ok_or_else(|| out_of_range(index))
}

fn char_at<'a>(arguments: &[Value<'a>], budget: &mut Budget) -> Outcome<'a> {
    let text = receiver("charAt", arguments, budget)?;
    match arguments {
        [_, Value::Int(index)] => {
            let at = place(*index, text.chars().count())?;
            Ok(Value::text(text.chars().nth(at).map(String::from).unwrap_or_default()))
        }
        _ => Err(Fault::no_overload("charAt", arguments)),
    }
}

/// The arguments of `indexOf` and `lastIndexOf`.
struct Search {
    text: Vec<char>,
    part: Vec<char>,
    from: Option<i64>,
}

fn search(name: &str, arguments: &[Value<'_>], budget: &mut Budget) -> Result<Search, Fault> {
    let text: Vec<char> = receiver(name, arguments, budget)?.chars().collect();
    let (part, from) = match arguments {
        [_, part] => (part, None),
        [_, part, Value::Int(from)] => (part, Some(*from)),
        _ => return Err(Fault::no_overload(name, arguments)),
    };
    let part: Vec<char> = part.as_str().ok_or_else(|| Fault::no_overload(name, arguments))?.chars().collect();
    budget.spend(text.len().saturating_mul(part.len()) / 16)?;
    Ok(Search { text, part, from })
}

fn found<'a>(at: Option<usize>) -> Value<'a> {
    at.map_or(Value::Int(-1), count)
}

fn index_of<'a>(arguments: &[Value<'a>], budget: &mut Budget) -> Outcome<'a> {
    let Search { text, part, from } = search("indexOf", arguments, budget)?;
    let from = from.map_or(Ok(0), |from| place(from, text.len()))?;
    let starts = |at: &usize| text.get(*at..).is_some_and(|rest| rest.starts_with(&part));
    Ok(found((from..=text.len()).find(starts)))
}

fn last_index_of<'a>(arguments: &[Value<'a>], budget: &mut Budget) -> Outcome<'a> {
    let Search { text, part, from } = search("lastIndexOf", arguments, budget)?;
    let from = from.map_or(Ok(text.len()), |from| place(from, text.len()))?;
    let starts = |at: &usize| text.get(*at..).is_some_and(|rest| rest.starts_with(&part));
    Ok(found((0..=from).rev().find(starts)))
}

fn join<'a>(arguments: &[Value<'a>], budget: &mut Budget) -> Outcome<'a> {
    let wrong = || Fault::no_overload("join", arguments);
    let (list, between) = match arguments {
        [list] => (list, ""),
        [list, between] => (list, between.as_str().ok_or_else(wrong)?),
        _ => return Err(wrong()),
    };
    let items = list.as_list().ok_or_else(wrong)?;
    let mut joined = String::new();
    for (index, item) in items.iter().enumerate() {
        let text = item.as_str().ok_or_else(wrong)?;
        budget.spend_bytes(text.len() + between.len())?;
        if index > 0 {
            joined.push_str(between);
        }
        joined.push_str(text);
    }
    Ok(Value::text(joined))
}

fn lower_ascii<'a>(arguments: &[Value<'a>], budget: &mut Budget) -> Outcome<'a> {
    Ok(Value::text(receiver("lowerAscii", arguments, budget)?.to_ascii_lowercase()))
}

fn upper_ascii<'a>(arguments: &[Value<'a>], budget: &mut Budget) -> Outcome<'a> {
    Ok(Value::text(receiver("upperAscii", arguments, budget)?.to_ascii_uppercase()))
}

/// A count that was given; `None`: no limit, as it is for a negative one.
fn limit(given: i64) -> Option<usize> {
    usize::try_from(given).ok()
}

fn replace<'a>(arguments: &[Value<'a>], budget: &mut Budget) -> Outcome<'a> {
    let text = receiver("replace", arguments, budget)?;
    let (from, to, most) = match arguments {
        [_, from, to] => (from, to, None),
        [_, from, to, Value::Int(most)] => (from, to, limit(*most)),
        _ => return Err(Fault::no_overload("replace", arguments)),
    };
    let (Some(from), Some(to)) = (from.as_str(), to.as_str()) else {
        return Err(Fault::no_overload("replace", arguments));
    };
    let times = text.matches(from).count().min(most.unwrap_or(usize::MAX));
    budget.spend_bytes(times.saturating_mul(to.len()))?;
    Ok(Value::text(match most {
        None => text.replace(from, to),
        Some(most) => text.replacen(from, to, most),
    }))
}

fn split<'a>(arguments: &[Value<'a>], budget: &mut Budget) -> Outcome<'a> {
    let text = receiver("split", arguments, budget)?;
    let (separator, most) = match arguments {
        [_, separator] => (separator, None),
        [_, separator, Value::Int(most)] => (separator, limit(*most)),
        _ => return Err(Fault::no_overload("split", arguments)),
    };
    let separator = separator.as_str().ok_or_else(|| Fault::no_overload("split", arguments))?;
    let most = most.unwrap_or(usize::MAX);
    budget.spend(text.len())?;
    let parts: Vec<Value<'a>> = if separator.is_empty() {
        // Between every two characters; the last part keeps the rest.
        let mut ends: Vec<usize> = text.char_indices().map(|(at, _)| at).skip(1).take(most.saturating_sub(1)).collect();
        ends.push(text.len());
        let starts = std::iter::once(0).chain(ends.iter().copied());
        let parts = starts.zip(ends.iter().copied()).filter_map(|(start, end)| text.get(start..end));
        parts.take(if text.is_empty() { 0 } else { most }).map(Value::text).collect()
    } else if most == 0 {
        Vec::new()
    } else {
        text.splitn(most, separator).map(Value::text).collect()
    };
    Ok(Value::list(parts))
}

fn substring<'a>(arguments: &[Value<'a>], budget: &mut Budget) -> Outcome<'a> {
    let text = receiver("substring", arguments, budget)?;
    let length = text.chars().count();
    let (start, end) = match arguments {
        [_, Value::Int(start)] => (place(*start, length)?, length),
        [_, Value::Int(start), Value::Int(end)] => {
            let range = (place(*start, length)?, place(*end, length)?);
            if range.0 > range.1 {
                return Err(Fault::new(format!("invalid substring range. start: {start}, end: {end}")));
            }
            range
        }
        _ => return Err(Fault::no_overload("substring", arguments)),
    };
    Ok(Value::text(text.chars().skip(start).take(end - start).collect::<String>()))
}

fn trim<'a>(arguments: &[Value<'a>], budget: &mut Budget) -> Outcome<'a> {
    let text = receiver("trim", arguments, budget)?;
    match arguments {
        [_] => Ok(Value::text(text.trim())),
        _ => Err(Fault::no_overload("trim", arguments)),
    }
}

fn quote<'a>(arguments: &[Value<'a>], budget: &mut Budget) -> Outcome<'a> {
    let text = receiver("strings.quote", arguments, budget)?;
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            '\\' => quoted.push_str("\\\\"),
            '"' => quoted.push_str("\\\""),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    Ok(Value::text(quoted))
}
