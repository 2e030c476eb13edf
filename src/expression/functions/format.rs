//! `"…%s…".format([…])`: the clauses of the string extension.

use crate::expression::fault::{Budget, Fault, Outcome};
use crate::expression::value::Value;

/// Digits behind the point that one may ask for.
const MAX_PRECISION: usize = 100;

/// Lists and maps within each other that are written; each takes a frame of the stack.
const MAX_LEVELS: usize = 100;

/// Clauses take the list's items in turn.
pub(super) fn format<'a>(arguments: &[Value<'a>], budget: &mut Budget) -> Outcome<'a> {
    let (template, items) = match arguments {
        [template, items] => match (template.as_str(), items.as_list()) {
            (Some(template), Some(items)) => (template, items),
            _ => return Err(Fault::no_overload("format", arguments)),
        },
        _ => return Err(Fault::no_overload("format", arguments)),
    };
    budget.spend_bytes(template.len())?;
    let mut written = String::new();
    let mut next = 0;
    let mut rest = template;
    while let Some(at) = rest.find('%') {
        written.push_str(rest.get(..at).unwrap_or_default());
        rest = rest.get(at + 1..).unwrap_or_default();
        if let Some(tail) = rest.strip_prefix('%') {
            written.push('%');
            rest = tail;
            continue;
        }
        let (precision, tail) = precision(rest)?;
        let Some(clause) = tail.chars().next() else {
            return Err(unparsable("unexpected end of string"));
        };
        rest = tail.get(clause.len_utf8()..).unwrap_or_default();
        if !"sdfebxXo".contains(clause) {
            return Err(unparsable(&format!("unrecognized formatting clause \"{clause}\"")));
        }
        let item =
            items.get(next).ok_or_else(|| Fault::new(format!("index {next} out of range: too few arguments")))?;
        next += 1;
        let before = written.len();
        write_clause(&mut written, clause, precision, &item, budget)?;
        budget.spend_bytes(written.len() - before)?;
    }
    written.push_str(rest);
    Ok(Value::text(written))
}

fn unparsable(why: &str) -> Fault {
    Fault::new(format!("could not parse formatting clause: {why}"))
}

/// `.3`, if it stands at the start.
fn precision(text: &str) -> Result<(Option<usize>, &str), Fault> {
    let Some(tail) = text.strip_prefix('.') else { return Ok((None, text)) };
    let length = tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len());
    let digits = tail.get(..length).unwrap_or_default();
    let precision = digits.parse().ok().filter(|precision| *precision <= MAX_PRECISION);
    let precision = precision.ok_or_else(|| unparsable(&format!("precision must be 0 to {MAX_PRECISION}")))?;
    Ok((Some(precision), tail.get(length..).unwrap_or_default()))
}

fn wrong(why: &str, item: &Value<'_>) -> Fault {
    Fault::new(format!("error during formatting: {why}, was given {}", item.type_name()))
}

fn write_clause(
    written: &mut String,
    clause: char,
    precision: Option<usize>,
    item: &Value<'_>,
    budget: &mut Budget,
) -> Result<(), Fault> {
    match clause {
        's' => write_text(written, item, MAX_LEVELS, budget)?,
        'd' => match item {
            Value::Int(value) => written.push_str(&value.to_string()),
            Value::Uint(value) => written.push_str(&value.to_string()),
            Value::Double(value) if !value.is_finite() => written.push_str(&not_finite(*value)),
            _ => return Err(wrong("decimal clause can only be used on integers", item)),
        },
        'f' => match as_double(item) {
            Some(value) if !value.is_finite() => written.push_str(&not_finite(value)),
            Some(value) => written.push_str(&format!("{value:.*}", precision.unwrap_or(6))),
            None => return Err(wrong("fixed-point clause can only be used on doubles", item)),
        },
        'e' => match as_double(item) {
            Some(value) if !value.is_finite() => written.push_str(&not_finite(value)),
            Some(value) => written.push_str(&scientific(value, precision.unwrap_or(6))),
            None => return Err(wrong("scientific clause can only be used on doubles", item)),
        },
        'b' => match item {
            Value::Bool(value) => written.push(if *value { '1' } else { '0' }),
            Value::Int(value) => written.push_str(&signed(*value, format!("{:b}", value.unsigned_abs()))),
            Value::Uint(value) => written.push_str(&format!("{value:b}")),
            _ => return Err(wrong("only integers and bools can be formatted as binary", item)),
        },
        'o' => match item {
            Value::Int(value) => written.push_str(&signed(*value, format!("{:o}", value.unsigned_abs()))),
            Value::Uint(value) => written.push_str(&format!("{value:o}")),
            _ => return Err(wrong("octal clause can only be used on integers", item)),
        },
        _ => {
            let digits = match item {
                Value::Int(value) => signed(*value, format!("{:x}", value.unsigned_abs())),
                Value::Uint(value) => format!("{value:x}"),
                Value::Bytes(bytes) => hex::encode(bytes),
                other => match other.as_str() {
                    Some(text) => hex::encode(text),
                    None => {
                        return Err(wrong("only integers, byte buffers, and strings can be formatted as hex", item));
                    }
                },
            };
            written.push_str(&if clause == 'X' { digits.to_uppercase() } else { digits });
        }
    }
    Ok(())
}

fn signed(value: i64, magnitude: String) -> String {
    if value < 0 { format!("-{magnitude}") } else { magnitude }
}

fn not_finite(value: f64) -> String {
    let text = if value.is_nan() {
        "NaN"
    } else if value > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    };
    text.to_owned()
}

#[expect(clippy::cast_precision_loss, reason = "printed to a precision that was asked for")]
fn as_double(item: &Value<'_>) -> Option<f64> {
    match item {
        Value::Int(value) => Some(*value as f64),
        Value::Uint(value) => Some(*value as f64),
        Value::Double(value) => Some(*value),
        _ => None,
    }
}

/// With an exponent of at least two digits and its sign.
fn scientific(value: f64, precision: usize) -> String {
    let text = format!("{value:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}e{sign}{digits:0>2}")
}

/// What `%s` writes: any value, lists and maps with what is in them, maps in the order of their keys' text.
fn write_text(written: &mut String, item: &Value<'_>, levels: usize, budget: &mut Budget) -> Result<(), Fault> {
    budget.spend(1)?;
    let Some(levels) = levels.checked_sub(1) else {
        return Err(Fault::new(format!(
            "error during formatting: more than {MAX_LEVELS} lists and maps within each other"
        )));
    };
    if let Some(text) = item.as_str() {
        written.push_str(text);
        return Ok(());
    }
    if let Some(list) = item.as_list() {
        written.push('[');
        for (index, item) in list.iter().enumerate() {
            if index > 0 {
                written.push_str(", ");
            }
            write_text(written, &item, levels, budget)?;
        }
        written.push(']');
        return Ok(());
    }
    if let Some(map) = item.as_map() {
        let mut entries = Vec::with_capacity(map.len());
        for (key, value) in map.iter() {
            let mut text = String::new();
            write_text(&mut text, &key, levels, budget)?;
            entries.push((text, value));
        }
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        written.push('{');
        for (index, (key, value)) in entries.iter().enumerate() {
            if index > 0 {
                written.push_str(", ");
            }
            written.push_str(key);
            written.push_str(": ");
            write_text(written, value, levels, budget)?;
        }
        written.push('}');
        return Ok(());
    }
    match item {
        Value::Null => written.push_str("null"),
        Value::Bool(value) => written.push_str(&value.to_string()),
        Value::Int(value) => written.push_str(&value.to_string()),
        Value::Uint(value) => written.push_str(&value.to_string()),
        Value::Double(value) if !value.is_finite() => written.push_str(&not_finite(*value)),
        Value::Double(value) => written.push_str(&value.to_string()),
        Value::Bytes(bytes) => written.push_str(&String::from_utf8_lossy(bytes)),
        Value::Duration(value) => written.push_str(&value.to_string()),
        Value::Timestamp(value) => written.push_str(&value.to_string()),
        Value::Type(name) => written.push_str(name),
        Value::Ip(address) => written.push_str(&address.to_string()),
        Value::Cidr(cidr) => written.push_str(&format!("{}/{}", cidr.address, cidr.prefix)),
        _ => {
            let why = "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, \
                       durations, and timestamps";
            return Err(wrong(why, item));
        }
    }
    Ok(())
}
