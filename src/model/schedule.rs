//! When events come by themselves: a cron pattern or an interval becomes moments, forwards and backwards from any other.
//!
//! Patterns are those of cron (minute, hour, day of month, month, day of week, and perhaps seconds before them), read and
//! searched by `croner`, on the clock of a time zone. Where that clock is put forward, a time of the day that is left out
//! comes at the first moment after it; where it is put back, a time of the day comes once, on the first pass. What recurs, by
//! a `*` among its seconds, minutes or hours, goes by the time that passes instead: nothing is made up and nothing left out.
//! That is what Vixie cron does. `croner` by itself takes a list of hours for what recurs, and would leave a night out.

use std::fmt;
use std::time::Duration;

use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use serde_json::Value as Json;

use super::event::Event;
use crate::base::clock::Timestamp;
use crate::base::id::{ScheduleName, TargetName};
use crate::base::literal::format_duration;
use crate::base::suggest::nearest;

/// What every event of a schedule names as its source.
pub const SOURCE: &str = "homeostat:schedules";

/// No clock is put back by more.
const SET_BACK: Duration = Duration::from_hours(3);

/// Patterns that have names.
const NAMED: [&str; 6] = ["@hourly", "@daily", "@weekly", "@monthly", "@yearly", "@annually"];

/// The fields of a pattern, with what may stand in them.
const FIELDS: [(&str, &str); 6] = [
    ("second", "0 to 59"),
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day of the month", "1 to 31, or `L` for the last one"),
    ("month", "1 to 12 or JAN to DEC"),
    ("day of the week", "0 to 7 or SUN to SAT, 0 and 7 being Sunday"),
];

/// An event that comes again and again.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    pub name: ScheduleName,
    pub timing: Timing,
    /// The type of its events.
    pub event: String,
    /// What they are about; `None`: about nothing.
    pub target: Option<TargetName>,
    pub data: Json,
    pub catch_up: CatchUp,
}

impl Schedule {
    /// The event of one occurrence. Its id follows from the two, so that no occurrence can be taken twice.
    pub fn event_at(&self, occurrence: Timestamp) -> Event {
        Event {
            subject: self.target.clone(),
            time: occurrence,
            data: self.data.clone(),
            ..Event::new(SOURCE, format!("{}/{occurrence}", self.name), self.event.clone())
        }
    }
}

/// What becomes of occurrences that nobody was there for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CatchUp {
    /// They are let go.
    None,
    /// One event stands for all of them: that of the last.
    #[default]
    Last,
    /// Each has its event, up to a number of them.
    All,
}

/// The moments of a schedule.
#[derive(Clone, Debug, PartialEq)]
pub enum Timing {
    Cron(Box<Cron>),
    /// The multiples of an interval since 1970, so that they do not depend on when an engine was started.
    Every(Duration),
}

impl Timing {
    /// The first moment after another; `None`: there is none any more.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Cron(cron) => cron.next(after),
            Self::Every(interval) => {
                let step = step(*interval);
                after.0.div_euclid(step).checked_add(1)?.checked_mul(step).map(Timestamp)
            }
        }
    }

    /// The last moment before another; `None`: there was none.
    pub fn previous(&self, before: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Cron(cron) => cron.previous(before),
            Self::Every(interval) => {
                let step = step(*interval);
                before.0.checked_sub(1)?.div_euclid(step).checked_mul(step).map(Timestamp)
            }
        }
    }
}

/// The interval in milliseconds, which is never 0.
fn step(interval: Duration) -> i64 {
    i64::try_from(interval.as_millis()).unwrap_or(i64::MAX).max(1)
}

/// As it is written; another text is another timing.
impl fmt::Display for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cron(cron) => write!(f, "{} {}", cron.text, cron.zone_name),
            Self::Every(interval) => write!(f, "every {}", format_duration(*interval)),
        }
    }
}

/// A cron pattern on the clock of a time zone.
#[derive(Clone, Debug, PartialEq)]
pub struct Cron {
    text: String,
    zone_name: String,
    pattern: croner::Cron,
    zone: TimeZone,
    /// Whether it goes by the time that passes, not by times of the day.
    recurs: bool,
}

impl Cron {
    /// Reads a pattern and the name of a zone.
    ///
    /// # Errors
    /// What is wrong with either, in one line.
    pub fn new(text: &str, zone_name: &str) -> Result<Self, String> {
        Ok(Self {
            text: text.to_owned(),
            zone_name: zone_name.to_owned(),
            pattern: pattern(text)?,
            zone: zone(zone_name)?,
            recurs: recurs(text),
        })
    }

    fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let start = self.on_its_clock(after)?;
        if self.recurs {
            return self.pattern.find_next_occurrence(&start, false).ok().map(|found| moment(&found));
        }
        let mut time = start.datetime();
        loop {
            time = self.pattern.find_next_occurrence(&time, false).ok()?;
            // On the second pass of a clock that was put back, times come by that came on the first.
            if let Some(found) = self.moment_of(time).filter(|found| *found > after) {
                return Some(found);
            }
        }
    }

    fn previous(&self, before: Timestamp) -> Option<Timestamp> {
        // Croner looks at whole seconds: of one that has begun, the beginning is before.
        let start = Timestamp(before.0.saturating_add(999).div_euclid(1_000).saturating_mul(1_000));
        let start = self.on_its_clock(start)?;
        if self.recurs {
            return self.pattern.find_previous_occurrence(&start, false).ok().map(|found| moment(&found));
        }
        let was_set = self.on_its_clock(before.before(SET_BACK))?.offset() != start.offset();
        // On the second pass, times that the clock does not show yet have come already.
        let mut time = if was_set { start.datetime().checked_add(SET_BACK).ok()? } else { start.datetime() };
        loop {
            time = self.pattern.find_previous_occurrence(&time, false).ok()?;
            if let Some(found) = self.moment_of(time).filter(|found| *found < before) {
                return Some(found);
            }
        }
    }

    /// When the zone's clock shows a time first, or first shows a later one.
    fn moment_of(&self, time: DateTime) -> Option<Timestamp> {
        let moment = match self.zone.to_ambiguous_timestamp(time).offset() {
            AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => {
                offset.to_timestamp(time).ok()?
            }
            AmbiguousOffset::Gap { before: offset, .. } => {
                let would_be = offset.to_timestamp(time).ok()?;
                let just_after = would_be.checked_add(Duration::from_secs(1)).ok()?;
                self.zone.preceding(just_after).next()?.timestamp()
            }
        };
        Some(Timestamp(moment.as_millisecond()))
    }

    fn on_its_clock(&self, moment: Timestamp) -> Option<jiff::Zoned> {
        jiff::Timestamp::from_millisecond(moment.0).ok().map(|moment| moment.to_zoned(self.zone.clone()))
    }
}

/// Whether a pattern goes by the time that passes.
fn recurs(text: &str) -> bool {
    let fields: Vec<&str> = text.split_whitespace().collect();
    text.eq_ignore_ascii_case("@hourly")
        || fields.iter().take(fields.len().saturating_sub(3)).any(|field| field.contains('*'))
}

fn moment(found: &jiff::Zoned) -> Timestamp {
    Timestamp(found.timestamp().as_millisecond())
}

/// Reads the name of a time zone, like `Europe/Zurich`.
///
/// # Errors
/// There is none of that name.
pub fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| {
        let known: Vec<String> = jiff::tz::db().available().map(|zone| zone.to_string()).collect();
        let hint = nearest(name, known.iter().map(String::as_str));
        let hint = hint.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
        format!("there is no time zone `{name}`{hint}")
    })
}

/// Reads a cron pattern that has at least one moment.
///
/// # Errors
/// What is wrong with it, in one line: the first field that is.
pub fn pattern(text: &str) -> Result<croner::Cron, String> {
    if let Some(interval) = text.strip_prefix("@every") {
        return Err(format!("`{text}` is no pattern: an interval is written `every: {}`", interval.trim()));
    }
    if text.starts_with('@') && !NAMED.contains(&text.to_ascii_lowercase().as_str()) {
        return Err(format!("`{text}` is none of {}", NAMED.map(|name| format!("`{name}`")).join(", ")));
    }
    let fields: Vec<&str> = text.split_whitespace().collect();
    if !text.starts_with('@') && !(5..=6).contains(&fields.len()) {
        let count = if fields.len() == 1 { "1 field".to_owned() } else { format!("{} fields", fields.len()) };
        return Err(format!(
            "`{text}` has {count}; a pattern has five, minute, hour, day of month, month and day of week, and perhaps \
             seconds before them"
        ));
    }
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    let pattern = parser.parse(text).map_err(|error| {
        let names = FIELDS.iter().skip(FIELDS.len() - fields.len().min(FIELDS.len()));
        let wrong = fields.iter().zip(names).enumerate().find(|(place, (field, _))| {
            let alone: Vec<&str> = (0..fields.len()).map(|at| if at == *place { field } else { "*" }).collect();
            parser.parse(&alone.join(" ")).is_err()
        });
        match wrong {
            Some((_, (field, (name, range)))) => {
                format!("`{field}` is no {name}: it takes {range}, `*`, lists like `1,5`, ranges like `1-5`, and steps like `*/5`")
            }
            None => format!("`{text}` is no pattern: {error}"),
        }
    })?;
    // Within eight years there is a day of any kind, but between 1896 and 1904.
    let start = jiff::civil::date(2000, 1, 1).to_zoned(TimeZone::UTC).map_err(|error| error.to_string())?;
    match pattern.find_next_occurrence(&start, true) {
        Ok(_) => Ok(pattern),
        Err(_) => Err(format!("`{text}` never comes: no month has such a day")),
    }
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
