//! What was probably meant by a literal that cannot be read: the same, as it is written here.

use super::literal::parse_duration;

/// Units by the words that people use for them.
const UNITS: &[(&str, &str)] = &[
    ("milliseconds", "ms"),
    ("millisecond", "ms"),
    ("millis", "ms"),
    ("seconds", "s"),
    ("second", "s"),
    ("secs", "s"),
    ("sec", "s"),
    ("minutes", "m"),
    ("minute", "m"),
    ("mins", "m"),
    ("min", "m"),
    ("hours", "h"),
    ("hour", "h"),
    ("hrs", "h"),
    ("hr", "h"),
    ("days", "d"),
    ("day", "d"),
];

/// `30 s`, `5 minutes`, `1h30`, `PT30S` and `1w` as a duration; `None` where it is not certain which one is meant, as
/// for a number alone.
pub fn duration(text: &str) -> Option<String> {
    let mut plain = text.trim().to_ascii_lowercase();
    if let Some(iso) = plain.strip_prefix("pt") {
        plain = iso.to_owned();
    } else if text.trim().ends_with('M') {
        // Minutes or months: who knows.
        return None;
    }
    plain.retain(|c| !c.is_whitespace() && c != ',');
    let mut mended = String::new();
    let mut rest = plain.as_str();
    let mut last = "";
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        if digits == 0 {
            return None;
        }
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (word, tail) = tail.split_at(letters);
        let unit = UNITS.iter().find(|(known, _)| *known == word).map_or(word, |(_, unit)| unit);
        if let Some(weeks) = matches!(unit, "w" | "week" | "weeks").then(|| number.parse::<u32>().ok()) {
            mended.push_str(&format!("{}d", weeks?.checked_mul(7)?));
        } else {
            mended.push_str(&format!("{number}{unit}"));
        }
        last = unit;
        rest = tail;
        // `1h30` is one hour and thirty minutes.
        if !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()) {
            let next = match last {
                "h" => "m",
                "m" => "s",
                _ => return None,
            };
            mended.push_str(&format!("{rest}{next}"));
            rest = "";
        }
    }
    let read = parse_duration(&mended).ok()?;
    (!last.is_empty() && !read.is_zero() && mended != text).then_some(mended)
}

/// `007`, `1_000`, `100rps` and `80%` as a number; `None` where it is none at all.
pub fn number(text: &str) -> Option<String> {
    let text = text.trim();
    if let Some(percent) = text.strip_suffix('%') {
        let share = percent.trim().parse::<f64>().ok()? / 100.0;
        return share.is_finite().then(|| share.to_string());
    }
    let text = text.strip_suffix("rps").or(text.strip_suffix("/s")).unwrap_or(text).trim();
    let plain: String = text.chars().filter(|c| !matches!(c, '_' | ',' | '\'' | ' ')).collect();
    let groups = plain != text;
    let well_grouped = text.split(['_', ',', '\'', ' ']).skip(1).all(|group| {
        group.split('.').next().is_some_and(|digits| digits.len() == 3 && digits.bytes().all(|b| b.is_ascii_digit()))
    });
    if groups && !well_grouped {
        return None;
    }
    let is_number = plain.parse::<f64>().is_ok_and(f64::is_finite) && plain.starts_with(|c: char| c.is_ascii_digit());
    let whole = plain.trim_start_matches('0');
    let mended = if whole.is_empty() || whole.starts_with('.') { format!("0{whole}") } else { whole.to_owned() };
    is_number.then_some(mended)
}

#[cfg(test)]
mod tests {
    use super::{duration, number};

    #[test]
    fn durations_are_what_people_mean() {
        for (written, meant) in [
            ("30 s", Some("30s")),
            ("5 minutes", Some("5m")),
            ("1h30", Some("1h30m")),
            ("30sec", Some("30s")),
            ("PT1H30M", Some("1h30m")),
            ("1 hour, 5 min", Some("1h5m")),
            ("1w", Some("7d")),
            ("30S", Some("30s")),
            ("30", None),
            ("10M", None),
            ("soon", None),
            ("0 s", None),
            ("5 lightyears", None),
            ("-5s", None),
            ("5-s", None),
            ("s", None),
        ] {
            assert_eq!(duration(written).as_deref(), meant, "{written}");
        }
    }

    #[test]
    fn numbers_are_what_people_mean() {
        for (written, meant) in [
            ("007", Some("7")),
            ("00.5", Some("0.5")),
            ("1_000", Some("1000")),
            ("1,000.5", Some("1000.5")),
            ("100rps", Some("100")),
            ("80%", Some("0.8")),
            ("0", Some("0")),
            ("1,5", None),
            ("three", None),
            ("", None),
        ] {
            assert_eq!(number(written).as_deref(), meant, "{written}");
        }
    }
}
