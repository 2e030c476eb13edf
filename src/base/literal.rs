//! Durations, rates and percentages as people write them in rules, workflows and the configuration.

use std::fmt;
use std::time::Duration;

/// Why a literal could not be read. The message says what is wrong and what is expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LiteralError(pub String);

/// Reads `250ms`, `1.5s`, `10m`, `1h30m`, `30d`: numbers with units `ms s m h d`, largest first, no spaces.
///
/// # Errors
/// A number without a unit, an unknown unit, or a value above 100 years.
pub fn parse_duration(text: &str) -> Result<Duration, LiteralError> {
    let fail = |why: &str| LiteralError(format!("`{text}` is not a duration: {why}"));
    let expected = "write a number and a unit, like `250ms`, `30s`, `10m`, `2h` or `30d`";
    let mut rest = text;
    let mut total = 0.0_f64;
    if rest.is_empty() {
        return Err(fail(expected));
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let number: f64 = number.parse().map_err(|_| fail(expected))?;
        let scale_ms = match unit {
            "ms" => 1.0,
            "s" => 1_000.0,
            "m" => 60_000.0,
            "h" => 3_600_000.0,
            "d" => 86_400_000.0,
            "" => return Err(fail("it has no unit; units are `ms`, `s`, `m`, `h`, `d`")),
            _ => return Err(fail(&format!("`{unit}` is not a unit; units are `ms`, `s`, `m`, `h`, `d`"))),
        };
        total += number * scale_ms;
        rest = tail;
    }
    if total > 100.0 * 365.0 * 86_400_000.0 {
        return Err(fail("it is longer than 100 years"));
    }
    Ok(Duration::from_secs_f64(total / 1_000.0))
}

/// Writes a duration in the form [`parse_duration`] reads, to the millisecond.
pub fn format_duration(duration: Duration) -> String {
    let mut left = duration.as_millis();
    if left == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    for (unit, scale) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
        let count = left / scale;
        if count > 0 {
            text.push_str(&format!("{count}{unit}"));
            left %= scale;
        }
    }
    text
}

/// Requests per second: finite and not negative.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Rate(pub f64);

impl std::str::FromStr for Rate {
    type Err = LiteralError;

    /// Reads `50rps` or `0.5rps`.
    fn from_str(text: &str) -> Result<Self, LiteralError> {
        let fail = || LiteralError(format!("`{text}` is not a rate: write requests per second, like `50rps`"));
        let number = text.strip_suffix("rps").ok_or_else(fail)?.trim_end();
        match number.parse::<f64>() {
            Ok(rate) if rate.is_finite() && rate >= 0.0 => Ok(Self(rate)),
            _ => Err(fail()),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}rps", self.0)
    }
}

/// A share, kept as a fraction: `20%` is 0.2.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Percentage(pub f64);

impl std::str::FromStr for Percentage {
    type Err = LiteralError;

    /// Reads `20%` or `0.1%`.
    fn from_str(text: &str) -> Result<Self, LiteralError> {
        let fail = || LiteralError(format!("`{text}` is not a percentage: write it like `20%`"));
        let number = text.strip_suffix('%').ok_or_else(fail)?.trim_end();
        match number.parse::<f64>() {
            Ok(share) if share.is_finite() && share >= 0.0 => Ok(Self(share / 100.0)),
            _ => Err(fail()),
        }
    }
}

impl fmt::Display for Percentage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounded, so that 0.1 % does not print as 0.10000000000000001 %.
        write!(f, "{}%", (self.0 * 1e8).round() / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_units() {
        for (text, ms) in [("250ms", 250), ("1.5s", 1_500), ("1h30m", 5_400_000), ("30d", 2_592_000_000), ("0s", 0)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(ms)), "{text}");
            assert_eq!(parse_duration(&format_duration(Duration::from_millis(ms))), Ok(Duration::from_millis(ms)));
        }
    }

    #[test]
    fn durations_without_a_unit_say_so() {
        for text in ["", "10", "10 m", "m", "-5s", "1w", "99999999d", "1..2s"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rates_and_percentages_print_as_they_are_read() {
        assert_eq!("50rps".parse(), Ok(Rate(50.0)));
        assert_eq!("0.1%".parse(), Ok(Percentage(0.001)));
        assert_eq!(Percentage(0.001).to_string(), "0.1%");
        assert!("50".parse::<Rate>().is_err());
        assert!("NaNrps".parse::<Rate>().is_err());
        assert!("-1%".parse::<Percentage>().is_err());
    }
}
