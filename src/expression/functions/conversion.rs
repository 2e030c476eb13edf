//! Conversions between types: `int(x)`, `string(x)`, `duration(x)`, …

use super::Declaration;
use crate::expression::fault::{Budget, Fault, Outcome};
use crate::expression::value::{Duration, Timestamp, Value};

pub(super) const FUNCTIONS: &[Declaration] = &[
    Declaration { name: "bool", signatures: &["(bool) -> bool", "(string) -> bool"], implementation: bool },
    Declaration {
        name: "int",
        signatures: &[
            "(int) -> int",
            "(uint) -> int",
            "(double) -> int",
            "(string) -> int",
            "(timestamp) -> int",
            "(duration) -> int",
        ],
        implementation: int,
    },
    Declaration {
        name: "uint",
        signatures: &["(uint) -> uint", "(int) -> uint", "(double) -> uint", "(string) -> uint"],
        implementation: uint,
    },
    Declaration {
        name: "double",
        signatures: &["(double) -> double", "(int) -> double", "(uint) -> double", "(string) -> double"],
        implementation: double,
    },
    Declaration {
        name: "string",
        signatures: &[
            "(string) -> string",
            "(bool) -> string",
            "(int) -> string",
            "(uint) -> string",
            "(double) -> string",
            "(bytes) -> string",
            "(timestamp) -> string",
            "(duration) -> string",
            "(net.IP) -> string",
            "(net.CIDR) -> string",
        ],
        implementation: string,
    },
    Declaration { name: "bytes", signatures: &["(bytes) -> bytes", "(string) -> bytes"], implementation: bytes },
    Declaration {
        name: "timestamp",
        signatures: &["(timestamp) -> timestamp", "(string) -> timestamp", "(int) -> timestamp"],
        implementation: timestamp,
    },
    Declaration {
        name: "duration",
        signatures: &["(duration) -> duration", "(string) -> duration", "(int) -> duration"],
        implementation: duration,
    },
];

/// Text that does not stand for a value of the type.
fn unreadable(kind: &str, text: &str) -> Fault {
    Fault::new(format!("type conversion error: {text:?} is no {kind}"))
}

fn bool<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    match arguments {
        [Value::Bool(value)] => Ok(Value::Bool(*value)),
        [value] => match value.as_str() {
            Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(Value::Bool(true)),
            Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(Value::Bool(false)),
            Some(text) => Err(unreadable("bool", text)),
            None => Err(Fault::no_overload("bool", arguments)),
        },
        _ => Err(Fault::no_overload("bool", arguments)),
    }
}

/// 2⁶³: the first double that no int holds.
const INT_END: f64 = 9_223_372_036_854_775_808.0;

fn int<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    let range = |what: String| Fault::range(&format!("{what} is no int"));
    Ok(Value::Int(match arguments {
        [Value::Int(value)] => *value,
        [Value::Uint(value)] => i64::try_from(*value).map_err(|_| range(value.to_string()))?,
        #[expect(clippy::cast_possible_truncation, reason = "within the range of an int, and cut on purpose")]
        [Value::Double(value)] if *value > -INT_END && *value < INT_END => *value as i64,
        [Value::Double(value)] => return Err(range(value.to_string())),
        [Value::Timestamp(value)] => value.seconds(),
        [Value::Duration(value)] => value.nanoseconds() / 1_000_000_000,
        [value] => match value.as_str() {
            Some(text) => text.parse().map_err(|_| unreadable("int", text))?,
            None => return Err(Fault::no_overload("int", arguments)),
        },
        _ => return Err(Fault::no_overload("int", arguments)),
    }))
}

fn uint<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    let range = |what: String| Fault::range(&format!("{what} is no uint"));
    Ok(Value::Uint(match arguments {
        [Value::Uint(value)] => *value,
        [Value::Int(value)] => u64::try_from(*value).map_err(|_| range(value.to_string()))?,
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "within the range of a uint, and cut on purpose"
        )]
        [Value::Double(value)] if *value > -1.0 && *value < 2.0 * INT_END => *value as u64,
        [Value::Double(value)] => return Err(range(value.to_string())),
        [value] => match value.as_str() {
            Some(text) if text.starts_with('+') => return Err(unreadable("uint", text)),
            Some(text) => text.parse().map_err(|_| unreadable("uint", text))?,
            None => return Err(Fault::no_overload("uint", arguments)),
        },
        _ => return Err(Fault::no_overload("uint", arguments)),
    }))
}

#[expect(clippy::cast_precision_loss, reason = "a double is the nearest one")]
fn double<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    Ok(Value::Double(match arguments {
        [Value::Double(value)] => *value,
        [Value::Int(value)] => *value as f64,
        [Value::Uint(value)] => *value as f64,
        [value] => match value.as_str() {
            Some(text) => read_double(text).ok_or_else(|| unreadable("double", text))?,
            None => return Err(Fault::no_overload("double", arguments)),
        },
        _ => return Err(Fault::no_overload("double", arguments)),
    }))
}

/// A number is in range; only what says that it is infinite is so.
fn read_double(text: &str) -> Option<f64> {
    let value: f64 = text.parse().ok()?;
    let says_so = || text.trim_start_matches(['+', '-']).starts_with(['i', 'I']);
    (!value.is_infinite() || says_so()).then_some(value)
}

/// A double as text: the shortest that reads back the same, with an exponent where it is far from 1.
pub(super) fn double_text(value: f64) -> String {
    let magnitude = value.abs();
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() }
    } else if magnitude != 0.0 && !(1e-4..1e21).contains(&magnitude) {
        let text = format!("{value:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
        format!("{mantissa}e{sign}{digits:0>2}")
    } else {
        format!("{value}")
    }
}

fn string<'a>(arguments: &[Value<'a>], budget: &mut Budget) -> Outcome<'a> {
    let text = match arguments {
        [value @ (Value::Str(_) | Value::String(_))] => return Ok(value.clone()),
        [Value::Bool(value)] => value.to_string(),
        [Value::Int(value)] => value.to_string(),
        [Value::Uint(value)] => value.to_string(),
        [Value::Double(value)] => double_text(*value),
        [Value::Bytes(bytes)] => {
            budget.spend_bytes(bytes.len())?;
            let text = std::str::from_utf8(bytes).map_err(|_| Fault::new("invalid UTF-8: the bytes are no text"))?;
            text.to_owned()
        }
        [Value::Timestamp(value)] => value.to_string(),
        [Value::Duration(value)] => value.to_string(),
        [Value::Ip(address)] => address.to_string(),
        [Value::Cidr(cidr)] => format!("{}/{}", cidr.address, cidr.prefix),
        _ => return Err(Fault::no_overload("string", arguments)),
    };
    Ok(Value::text(text))
}

fn bytes<'a>(arguments: &[Value<'a>], budget: &mut Budget) -> Outcome<'a> {
    match arguments {
        [value @ Value::Bytes(_)] => Ok(value.clone()),
        [value] => match value.as_str() {
            Some(text) => {
                budget.spend_bytes(text.len())?;
                Ok(Value::Bytes(text.as_bytes().into()))
            }
            None => Err(Fault::no_overload("bytes", arguments)),
        },
        _ => Err(Fault::no_overload("bytes", arguments)),
    }
}

/// A timestamp from its text.
pub(in crate::expression) fn read_timestamp(text: &str) -> Result<Timestamp, Fault> {
    text.parse().map_err(|()| {
        Fault::new(format!("{text:?} is no timestamp in range: write RFC 3339, like 2009-02-13T23:31:30Z"))
    })
}

/// A duration from its text.
pub(in crate::expression) fn read_duration(text: &str) -> Result<Duration, Fault> {
    text.parse().map_err(|()| Fault::new(format!("{text:?} is no duration in range: write it like 1h30m or 250ms")))
}

fn timestamp<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    match arguments {
        [Value::Timestamp(value)] => Ok(Value::Timestamp(*value)),
        [Value::Int(seconds)] => Timestamp::new(*seconds, 0)
            .map(Value::Timestamp)
            .ok_or_else(|| Fault::range(&format!("{seconds} s after 1970 is beyond the years 1 to 9999"))),
        [value] => match value.as_str() {
            Some(text) => read_timestamp(text).map(Value::Timestamp),
            None => Err(Fault::no_overload("timestamp", arguments)),
        },
        _ => Err(Fault::no_overload("timestamp", arguments)),
    }
}

fn duration<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
    match arguments {
        [Value::Duration(value)] => Ok(Value::Duration(*value)),
        [Value::Int(seconds)] => seconds
            .checked_mul(1_000_000_000)
            .map(|nanos| Value::Duration(Duration::from_nanoseconds(nanos)))
            .ok_or_else(|| Fault::range(&format!("{seconds} s is no duration"))),
        [value] => match value.as_str() {
            Some(text) => read_duration(text).map(Value::Duration),
            None => Err(Fault::no_overload("duration", arguments)),
        },
        _ => Err(Fault::no_overload("duration", arguments)),
    }
}
