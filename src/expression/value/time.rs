//! Timestamps and durations of the language: the years 1 to 9999 and ±292 years, both in nanoseconds.
//!
//! The calendar is computed here because the ends of that range lie outside what time libraries convert.

use std::fmt;
use std::str::FromStr;

/// A signed span of time, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(i64);

const NANOS: i64 = 1_000_000_000;

impl Duration {
    pub fn from_nanoseconds(nanoseconds: i64) -> Self {
        Self(nanoseconds)
    }

    pub fn nanoseconds(self) -> i64 {
        self.0
    }

    /// Milliseconds, where it is a whole number of them and not negative.
    pub fn whole_milliseconds(self) -> Option<u64> {
        u64::try_from(self.0).ok().filter(|nanos| nanos % 1_000_000 == 0).map(|nanos| nanos / 1_000_000)
    }

    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    pub fn checked_neg(self) -> Option<Self> {
        self.0.checked_neg().map(Self)
    }
}

/// Reads `1h30m`, `-1.5s`, `100ms`: numbers with units `h m s ms us µs ns`, in any order.
impl FromStr for Duration {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (negative, mut rest) = match text.as_bytes().first() {
            Some(b'-') => (true, text.get(1..).unwrap_or_default()),
            Some(b'+') => (false, text.get(1..).unwrap_or_default()),
            _ => (false, text),
        };
        if rest == "0" {
            return Ok(Self(0));
        }
        if rest.is_empty() {
            return Err(());
        }
        let mut total: i128 = 0;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
            let (number, tail) = rest.split_at(digits);
            let letters = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(letters);
            let scale: i128 = match unit {
                "ns" => 1,
                "us" | "µs" | "μs" => 1_000,
                "ms" => 1_000_000,
                "s" => 1_000_000_000,
                "m" => 60_000_000_000,
                "h" => 3_600_000_000_000,
                _ => return Err(()),
            };
            total = total.checked_add(scaled(number, scale)?).ok_or(())?;
            rest = tail;
        }
        i64::try_from(if negative { -total } else { total }).map(Self).map_err(|_| ())
    }
}

/// A decimal number times `scale`, cut to a whole.
fn scaled(number: &str, scale: i128) -> Result<i128, ()> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') || whole.len() > 20 {
        return Err(());
    }
    let mut total = if whole.is_empty() { 0 } else { whole.parse::<i128>().map_err(|_| ())? * scale };
    let mut place = scale;
    for digit in fraction.bytes() {
        place /= 10;
        total += i128::from(digit - b'0') * place;
    }
    Ok(total)
}

/// Seconds with as many decimals as it needs: `5400s`, `-1.5s`.
impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let magnitude = self.0.unsigned_abs();
        write!(f, "{sign}{}", magnitude / NANOS.unsigned_abs())?;
        let fraction = magnitude % NANOS.unsigned_abs();
        if fraction > 0 {
            write!(f, ".{}", format!("{fraction:09}").trim_end_matches('0'))?;
        }
        f.write_str("s")
    }
}

/// A moment: nanoseconds since 1970-01-01T00:00:00Z, in the years 1 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    seconds: i64,
    /// Below 10⁹.
    nanos: u32,
}

/// A moment taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    pub year: i64,
    /// From 1.
    pub month: u8,
    /// From 1.
    pub day: u8,
    /// From 0.
    pub day_of_year: i64,
    /// 0 is Sunday.
    pub weekday: i64,
    pub hour: i64,
    pub minute: i64,
    pub second: i64,
    pub millisecond: i64,
}

const DAY: i64 = 86_400;

impl Timestamp {
    pub const EPOCH: Self = Self { seconds: 0, nanos: 0 };
    /// 0001-01-01T00:00:00Z
    const FIRST: i64 = -62_135_596_800;
    /// 9999-12-31T23:59:59Z
    const LAST: i64 = 253_402_300_799;

    /// `None` outside the years 1 to 9999.
    pub fn new(seconds: i64, nanos: u32) -> Option<Self> {
        ((Self::FIRST..=Self::LAST).contains(&seconds) && i64::from(nanos) < NANOS).then_some(Self { seconds, nanos })
    }

    /// Whole seconds since 1970, rounded down.
    pub fn seconds(self) -> i64 {
        self.seconds
    }

    /// `None` outside the years 1 to 9999.
    pub fn checked_add(self, duration: Duration) -> Option<Self> {
        let total = i128::from(self.seconds) * i128::from(NANOS) + i128::from(self.nanos) + i128::from(duration.0);
        let seconds = i64::try_from(total.div_euclid(i128::from(NANOS))).ok()?;
        Self::new(seconds, u32::try_from(total.rem_euclid(i128::from(NANOS))).ok()?)
    }

    /// `None` where the difference is beyond ±292 years.
    pub fn checked_since(self, earlier: Self) -> Option<Duration> {
        let seconds = i128::from(self.seconds) - i128::from(earlier.seconds);
        let nanos = seconds * i128::from(NANOS) + i128::from(self.nanos) - i128::from(earlier.nanos);
        i64::try_from(nanos).ok().map(Duration)
    }

    /// The parts of the moment where clocks are `offset` seconds ahead of UTC.
    pub fn civil(self, offset: i64) -> Civil {
        let local = self.seconds + offset;
        let days = local.div_euclid(DAY);
        let second_of_day = local.rem_euclid(DAY);
        let (year, month, day) = date(days);
        Civil {
            year,
            month,
            day,
            day_of_year: days - days_before(year, 1, 1),
            weekday: (days + 4).rem_euclid(7),
            hour: second_of_day / 3600,
            minute: second_of_day / 60 % 60,
            second: second_of_day % 60,
            millisecond: i64::from(self.nanos / 1_000_000),
        }
    }
}

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar.
/// Source: Howard Hinnant, "chrono-compatible low-level date algorithms", `days_from_civil`.
fn days_before(year: i64, month: u8, day: u8) -> i64 {
    // A year that starts in March has its leap day at its end.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (i64::from(month) + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The date that is `days` after 1970-01-01. Source: the same, `civil_from_days`.
fn date(days: i64) -> (i64, u8, u8) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, u8::try_from(month).unwrap_or(1), u8::try_from(day).unwrap_or(1))
}

fn days_in_month(year: i64, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Reads RFC 3339: `2009-02-13T23:31:30.5Z`, `2009-02-13T23:31:30+01:00`.
impl FromStr for Timestamp {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let number = |range: std::ops::Range<usize>| -> Result<i64, ()> {
            let digits = text.get(range).ok_or(())?;
            if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().map_err(|_| ()) } else { Err(()) }
        };
        let mark = |at: usize, marks: &[u8]| text.as_bytes().get(at).is_some_and(|byte| marks.contains(byte));
        if !(mark(4, b"-") && mark(7, b"-") && mark(10, b"Tt") && mark(13, b":") && mark(16, b":")) {
            return Err(());
        }
        let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
        let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
        let month = u8::try_from(month).ok().filter(|month| (1..=12).contains(month)).ok_or(())?;
        let day = u8::try_from(day).ok().filter(|day| (1..=days_in_month(year, month)).contains(day)).ok_or(())?;
        if hour > 23 || minute > 59 || second > 59 {
            return Err(());
        }
        let mut rest = text.get(19..).ok_or(())?;
        let mut nanos = 0_u32;
        if let Some(tail) = rest.strip_prefix('.') {
            let length = tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len());
            let digits = tail.get(..length).filter(|digits| !digits.is_empty() && digits.len() <= 9).ok_or(())?;
            nanos = format!("{digits:0<9}").parse().map_err(|_| ())?;
            rest = tail.get(length..).ok_or(())?;
        }
        let offset = match rest {
            "Z" | "z" => 0,
            _ => parse_offset(rest).ok_or(())?,
        };
        let seconds = days_before(year, month, day) * DAY + hour * 3600 + minute * 60 + second - offset;
        Self::new(seconds, nanos).ok_or(())
    }
}

/// Reads `+01:00` or `-09:30`, in seconds.
fn parse_offset(text: &str) -> Option<i64> {
    let sign = match text.as_bytes().first() {
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return None,
    };
    signless_offset(text.get(1..)?).map(|offset| sign * offset)
}

fn signless_offset(text: &str) -> Option<i64> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |digits: &str| {
        (digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse::<i64>().ok())?
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours <= 23 && minutes <= 59).then_some(hours * 3600 + minutes * 60)
}

/// How many seconds clocks in `zone` are ahead of UTC at `moment`. A zone is a name of the time zone database, or an
/// offset like `+01:00`, `-09:30`, `02:00`.
pub(in crate::expression) fn zone_offset(zone: &str, moment: Timestamp) -> Option<i64> {
    if zone == "UTC" || zone.is_empty() {
        return Some(0);
    }
    if let Some(offset) = parse_offset(zone).or_else(|| signless_offset(zone)) {
        return Some(offset);
    }
    let zone = jiff::tz::TimeZone::get(zone).ok()?;
    // The last hours of 9999 lie outside what the database covers; its offset no longer changes there.
    let moment = jiff::Timestamp::from_second(moment.seconds.min(253_402_207_200)).ok()?;
    Some(i64::from(zone.to_offset(moment).seconds()))
}

/// RFC 3339 in UTC, with as many decimals as it needs.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.civil(0);
        write!(f, "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", at.year, at.month, at.day, at.hour, at.minute, at.second)?;
        if self.nanos > 0 {
            write!(f, ".{}", format!("{:09}", self.nanos).trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}
