//! When a target may be load-tested: windows of the week and freezes become moments at which it may begin, and must end.
//!
//! A window is `[DAYS] HH:MM-HH:MM [ZONE]`: days are `Mon`, `Mon-Fri` or `Sat,Sun`, every day where none is named; a window
//! that ends at or before the time it begins at ends on the next day; the zone is one of the time zone database, `UTC`
//! where none is named. A freeze is `DATE to DATE [ZONE]`, both days included, or `DATE HH:MM to DATE HH:MM [ZONE]`.
//! What a clock leaves out when it is put forward lies where it would have been; see [`jiff::tz::Disambiguation::Compatible`].

use std::fmt;
use std::time::Duration;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use super::schedule::zone;
use crate::base::clock::Timestamp;

/// A window that is over sooner is no chance: nothing is begun in it.
pub const LEAST: Duration = Duration::from_mins(1);
/// How far ahead an opening is looked for.
const DAYS_AHEAD: i16 = 400;

/// The times at which a target may be load-tested. Without windows that is always, but for freezes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calendar {
    pub windows: Vec<Window>,
    pub freezes: Vec<Freeze>,
}

/// A time of some days of the week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    written: String,
    /// From Monday.
    days: [bool; 7],
    from: Time,
    /// How long it lasts on the clock: at most a day.
    lasts_minutes: i64,
    zone: TimeZone,
}

/// A time without load tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freeze {
    written: String,
    from: Timestamp,
    until: Timestamp,
}

impl Calendar {
    /// When a load test may begin that may not now: the next moment that some window covers for a while and no freeze does.
    /// `None`: it may begin now.
    pub fn opens_at(&self, now: Timestamp) -> Option<Timestamp> {
        let mut at = now;
        // Each round passes a freeze or a window.
        for _ in 0..=self.freezes.len() + self.windows.len() * usize::from(DAYS_AHEAD.unsigned_abs()) {
            if let Some(freeze) = self.freezes.iter().find(|freeze| freeze.from <= at && at < freeze.until) {
                at = freeze.until;
                continue;
            }
            if self.windows.is_empty() {
                break;
            }
            let spans = || self.windows.iter().flat_map(|window| window.spans(at));
            let covers = spans().any(|(from, until)| from <= at && at.after(LEAST) <= until);
            if covers && self.closes_at(at).is_none_or(|close| at.after(LEAST) <= close) {
                break;
            }
            // At the latest behind all that is known; then it is looked for again.
            let next = spans().map(|(from, _)| from).filter(|from| *from > at).min();
            at = next.unwrap_or_else(|| at.after(Duration::from_hours(24)));
        }
        (at > now).then_some(at)
    }

    /// When a load test that begins now must have ended; `None`: nothing ends it.
    pub fn closes_at(&self, now: Timestamp) -> Option<Timestamp> {
        let covering = self.windows.iter().flat_map(|window| window.spans(now));
        let window = covering.filter(|(from, until)| *from <= now && now < *until).map(|(_, until)| until).max();
        let freeze = self.freezes.iter().map(|freeze| freeze.from).filter(|from| *from > now).min();
        window.into_iter().chain(freeze).min()
    }

    /// For how many milliseconds a load test may go on; `None`: for any number.
    pub fn left_ms(&self, now: Timestamp) -> Option<f64> {
        self.closes_at(now).map(|closes| closes.since(now).as_secs_f64() * 1e3)
    }

    /// What keeps a load test from beginning, in a few words.
    pub fn reason(&self, now: Timestamp) -> String {
        match self.freezes.iter().find(|freeze| freeze.from <= now && now < freeze.until) {
            Some(freeze) => format!("load tests are frozen: {}", freeze.written),
            None => {
                let windows: Vec<&str> = self.windows.iter().map(|window| window.written.as_str()).collect();
                format!("load tests have their windows: {}", windows.join("; "))
            }
        }
    }
}

impl Window {
    /// Reads a window.
    ///
    /// # Errors
    /// What is wrong with it and how one is written.
    pub fn parse(text: &str) -> Result<Self, String> {
        const FORM: &str = "write it like `Mon-Fri 09:00-16:00 Europe/Zurich`";
        let words: Vec<&str> = text.split_whitespace().collect();
        let (days, rest) = match words.split_first() {
            Some((first, rest)) if !first.contains(':') => (read_days(first)?, rest),
            _ => ([true; 7], words.as_slice()),
        };
        let (times, name) = match rest {
            [times] => (*times, "UTC"),
            [times, zone] => (*times, *zone),
            _ => return Err(format!("`{text}` is no window: {FORM}")),
        };
        let (from, until) = times.split_once('-').ok_or_else(|| format!("`{times}` is no span of time: {FORM}"))?;
        let (from, until) = (read_time(from)?, read_time(until)?);
        if from >= 24 * 60 {
            return Err("a window begins at `23:59` at the latest".to_owned());
        }
        let minutes = if until > from { until - from } else { until + 24 * 60 - from };
        let from = Time::midnight().wrapping_add(jiff::Span::new().minutes(from));
        Ok(Self { written: text.to_owned(), days, from, lasts_minutes: minutes, zone: zone(name)? })
    }

    /// Its times from the day before the moment on, for as many days as it takes to come round again.
    fn spans(&self, around: Timestamp) -> Vec<(Timestamp, Timestamp)> {
        let Ok(today) = jiff::Timestamp::from_millisecond(around.0) else { return Vec::new() };
        let today = today.to_zoned(self.zone.clone()).date();
        let dates =
            today.yesterday().ok().into_iter().flat_map(|first| first.series(jiff::Span::new().days(1))).take(9);
        dates.filter(|date| self.is_on(*date)).filter_map(|date| self.span(date)).collect()
    }

    fn is_on(&self, date: Date) -> bool {
        let day = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(0);
        self.days.get(day).copied().unwrap_or(false)
    }

    fn span(&self, date: Date) -> Option<(Timestamp, Timestamp)> {
        let from = date.to_datetime(self.from);
        let until = from.checked_add(jiff::Span::new().minutes(self.lasts_minutes)).ok()?;
        let moment = |civil: jiff::civil::DateTime| civil.to_zoned(self.zone.clone()).ok();
        Some((at(&moment(from)?), at(&moment(until)?)))
    }
}

impl Freeze {
    /// Reads a freeze.
    ///
    /// # Errors
    /// What is wrong with it and how one is written.
    pub fn parse(text: &str) -> Result<Self, String> {
        const FORM: &str = "write it like `2026-12-20 to 2027-01-02 Europe/Zurich`";
        let malformed = || format!("`{text}` is no freeze: {FORM}");
        let (from, rest) = text.split_once(" to ").ok_or_else(malformed)?;
        let words: Vec<&str> = rest.split_whitespace().collect();
        let (until, time, name) = match words.as_slice() {
            [date] => (*date, None, "UTC"),
            [date, time] if time.contains(':') => (*date, Some(*time), "UTC"),
            [date, name] => (*date, None, *name),
            [date, time, name] => (*date, Some(*time), *name),
            _ => return Err(malformed()),
        };
        let zone = zone(name)?;
        let (from, from_time) = match from.trim().split_once(' ') {
            Some((date, time)) => (date, Some(time.trim())),
            None => (from.trim(), None),
        };
        // Without a time the last day is one of them.
        let begins = moment(from, from_time.unwrap_or("00:00"), &zone)?;
        let ends = moment(until, time.unwrap_or("24:00"), &zone)?;
        if ends <= begins {
            return Err(format!("`{text}` ends before it begins"));
        }
        Ok(Self { written: text.to_owned(), from: begins, until: ends })
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl fmt::Display for Freeze {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

fn at(zoned: &jiff::Zoned) -> Timestamp {
    Timestamp(zoned.timestamp().as_millisecond())
}

/// `HH:MM` as minutes of the day, `24:00` included.
fn read_time(text: &str) -> Result<i64, String> {
    let malformed = || format!("`{text}` is no time of the day: write it like `09:00`");
    let (hours, minutes) = text.split_once(':').ok_or_else(malformed)?;
    let number = |text: &str| match text.as_bytes() {
        [a, b] if a.is_ascii_digit() && b.is_ascii_digit() => text.parse::<i64>().map_err(|_| malformed()),
        _ => Err(malformed()),
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let of_day = hours * 60 + minutes;
    if minutes > 59 || of_day > 24 * 60 { Err(malformed()) } else { Ok(of_day) }
}

fn read_days(text: &str) -> Result<[bool; 7], String> {
    const NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let day = |name: &str| {
        NAMES.iter().position(|known| known.eq_ignore_ascii_case(name)).ok_or_else(|| {
            format!("`{name}` is no day of the week: days are `Mon`, `Tue`, `Wed`, `Thu`, `Fri`, `Sat`, `Sun`")
        })
    };
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        // `Fri-Mon` goes over the end of the week.
        let count = (last + 7 - first) % 7;
        (0..=count).for_each(|step| {
            if let Some(slot) = days.get_mut((first + step) % 7) {
                *slot = true;
            }
        });
    }
    Ok(days)
}

fn moment(date: &str, time: &str, zone: &TimeZone) -> Result<Timestamp, String> {
    let date: Date = date.parse().map_err(|_| format!("`{date}` is no date: write it like `2026-12-20`"))?;
    let minutes = read_time(time)?;
    let civil = date.to_datetime(Time::midnight()).checked_add(jiff::Span::new().minutes(minutes));
    let zoned = civil.and_then(|civil| civil.to_zoned(zone.clone())).map_err(|error| error.to_string())?;
    Ok(at(&zoned))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn calendar(windows: &[&str], freezes: &[&str]) -> Calendar {
        Calendar {
            windows: windows.iter().map(|text| Window::parse(text).unwrap()).collect(),
            freezes: freezes.iter().map(|text| Freeze::parse(text).unwrap()).collect(),
        }
    }

    fn opens(calendar: &Calendar, now: &str) -> String {
        calendar.opens_at(time(now)).map_or("now".to_owned(), |at| at.to_string())
    }

    fn closes(calendar: &Calendar, now: &str) -> String {
        calendar.closes_at(time(now)).map_or("never".to_owned(), |at| at.to_string())
    }

    /// 2026-01-05 is a Monday; Zurich is an hour ahead in winter, two in summer.
    #[test]
    fn a_window_opens_and_closes_by_the_clock_of_its_zone() {
        let week = calendar(&["Mon-Fri 09:00-16:00 Europe/Zurich"], &[]);
        assert_eq!(opens(&week, "2026-01-05T08:00:00Z"), "now");
        assert_eq!(opens(&week, "2026-01-05T07:59:59Z"), "2026-01-05T08:00:00.000Z");
        assert_eq!(opens(&week, "2026-01-05T14:59:30Z"), "2026-01-06T08:00:00.000Z");
        assert_eq!(opens(&week, "2026-01-09T15:00:00Z"), "2026-01-12T08:00:00.000Z");
        assert_eq!(opens(&week, "2026-07-06T07:00:00Z"), "now");
        assert_eq!(closes(&week, "2026-01-05T08:00:00Z"), "2026-01-05T15:00:00.000Z");
        assert_eq!(closes(&calendar(&[], &[]), "2026-01-05T08:00:00Z"), "never");
    }

    #[test]
    fn a_night_belongs_to_the_day_it_begins_on() {
        let nights = calendar(&["Fri 22:00-04:00", "Sun 00:00-24:00"], &[]);
        assert_eq!(opens(&nights, "2026-01-10T03:00:00Z"), "now");
        assert_eq!(closes(&nights, "2026-01-10T03:00:00Z"), "2026-01-10T04:00:00.000Z");
        assert_eq!(opens(&nights, "2026-01-10T04:00:00Z"), "2026-01-11T00:00:00.000Z");
        assert_eq!(opens(&nights, "2026-01-05T00:00:00Z"), "2026-01-09T22:00:00.000Z");
        assert_eq!(opens(&calendar(&["Sat-Mon 10:00-11:00"], &[]), "2026-01-06T00:00:00Z"), "2026-01-10T10:00:00.000Z");
    }

    #[test]
    fn a_freeze_goes_before_every_window() {
        let frozen =
            calendar(&["09:00-10:00"], &["2026-01-05 to 2026-01-06", "2026-01-07 09:30 to 2026-01-07 12:00 UTC"]);
        assert_eq!(opens(&frozen, "2026-01-05T09:00:00Z"), "2026-01-07T09:00:00.000Z");
        assert_eq!(closes(&frozen, "2026-01-07T09:00:00Z"), "2026-01-07T09:30:00.000Z");
        assert_eq!(opens(&frozen, "2026-01-07T09:29:30Z"), "2026-01-08T09:00:00.000Z");
        let always = calendar(&[], &["2026-12-20 to 2027-01-02 Europe/Zurich"]);
        assert_eq!(opens(&always, "2026-12-19T22:59:00Z"), "now");
        assert_eq!(opens(&always, "2026-12-24T00:00:00Z"), "2027-01-02T23:00:00.000Z");
        assert!(always.reason(time("2026-12-24T00:00:00Z")).contains("2026-12-20 to 2027-01-02"));
    }

    #[test]
    fn what_is_no_window_says_why() {
        let mut told = String::new();
        for text in [
            "",
            "always",
            "Mon-Fri",
            "09:00",
            "9:00-10:00",
            "Mom 09:00-10:00",
            "09:00-25:00",
            "24:00-02:00",
            "09:00-10:00 Europe/Zürich",
            "Mon 09:00-10:00 UTC now",
            "09:60-10:00",
        ] {
            told.push_str(&format!("{text:<28} {}\n", Window::parse(text).unwrap_err()));
        }
        for text in [
            "christmas",
            "2026-12-20",
            "2026-12-20 to",
            "2026-12-32 to 2027-01-01",
            "2026-12-20 to 2026-12-19",
            "2026-12-20 8:00 to 2026-12-20 9:00",
        ] {
            told.push_str(&format!("{text:<36} {}\n", Freeze::parse(text).unwrap_err()));
        }
        insta::assert_snapshot!(told);
    }
}
