//! The parts of timestamps and durations.

use super::{Declaration, read_timestamp};
use crate::expression::fault::{Budget, Fault, Outcome};
use crate::expression::value::time::{Civil, zone_offset};
use crate::expression::value::{Duration, Value};

macro_rules! parts {
    ($($name:literal, $function:ident, [$($signature:literal),*], $part:expr, $duration:expr;)*) => {
        pub(super) const FUNCTIONS: &[Declaration] = &[
            $(Declaration { name: $name, signatures: &[$($signature),*], implementation: $function },)*
        ];
        $(fn $function<'a>(arguments: &[Value<'a>], _: &mut Budget) -> Outcome<'a> {
            part($name, arguments, $part, $duration)
        })*
    };
}

type OfDuration = Option<fn(i64) -> i64>;

parts! {
    "getFullYear", full_year, ["timestamp.() -> int", "timestamp.(string) -> int"], |at| at.year, None;
    "getMonth", month, ["timestamp.() -> int", "timestamp.(string) -> int"], |at| i64::from(at.month) - 1, None;
    "getDate", date, ["timestamp.() -> int", "timestamp.(string) -> int"], |at| i64::from(at.day), None;
    "getDayOfMonth", day_of_month, ["timestamp.() -> int", "timestamp.(string) -> int"],
        |at| i64::from(at.day) - 1, None;
    "getDayOfWeek", day_of_week, ["timestamp.() -> int", "timestamp.(string) -> int"], |at| at.weekday, None;
    "getDayOfYear", day_of_year, ["timestamp.() -> int", "timestamp.(string) -> int"], |at| at.day_of_year, None;
    "getHours", hours, ["timestamp.() -> int", "timestamp.(string) -> int", "duration.() -> int"],
        |at| at.hour, Some(|nanos| nanos / 3_600_000_000_000);
    "getMinutes", minutes, ["timestamp.() -> int", "timestamp.(string) -> int", "duration.() -> int"],
        |at| at.minute, Some(|nanos| nanos / 60_000_000_000);
    "getSeconds", seconds, ["timestamp.() -> int", "timestamp.(string) -> int", "duration.() -> int"],
        |at| at.second, Some(|nanos| nanos / 1_000_000_000);
    "getMilliseconds", milliseconds, ["timestamp.() -> int", "timestamp.(string) -> int", "duration.() -> int"],
        |at| at.millisecond, Some(|nanos| nanos / 1_000_000 % 1_000);
}

/// Whether a time zone is called so.
pub(in crate::expression) fn is_zone(name: &str) -> bool {
    read_timestamp("1970-01-01T00:00:00Z").is_ok_and(|moment| zone_offset(name, moment).is_some())
}

/// A part of a timestamp, in UTC or a named zone, or of a duration.
fn part<'a>(
    name: &str,
    arguments: &[Value<'a>],
    of_timestamp: fn(Civil) -> i64,
    of_duration: OfDuration,
) -> Outcome<'a> {
    match (arguments, of_duration) {
        ([Value::Timestamp(moment)], _) => Ok(Value::Int(of_timestamp(moment.civil(0)))),
        ([Value::Timestamp(moment), zone], _) => {
            let zone = zone.as_str().ok_or_else(|| Fault::no_overload(name, arguments))?;
            let offset = zone_offset(zone, *moment).ok_or_else(|| {
                Fault::new(format!(
                    "`{zone}` is no time zone: write a name like Europe/Zurich, or an offset like +01:00"
                ))
            })?;
            Ok(Value::Int(of_timestamp(moment.civil(offset))))
        }
        ([Value::Duration(duration)], Some(of_duration)) => {
            Ok(Value::Int(of_duration(Duration::nanoseconds(*duration))))
        }
        _ => Err(Fault::no_overload(name, arguments)),
    }
}
