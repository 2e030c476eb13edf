//! A map with keys of any of the kinds that the language allows.

use std::cmp::Ordering;

use super::Value;

/// Entries in the order they were written; keys are unique.
#[derive(Clone, Debug, Default)]
pub struct MapValue<'a> {
    entries: Vec<(Value<'a>, Value<'a>)>,
    /// Places of the entries in the order of their keys; empty for a map that is quicker searched from end to end.
    sorted: Vec<u32>,
}

/// Why entries make no map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MapProblem {
    /// Keys are booleans, whole numbers and text.
    BadKey(&'static str),
    /// A key stands twice; as `1` and `1u` it does, too.
    Repeated(String),
}

const SEARCHED: usize = 8;

impl<'a> MapValue<'a> {
    /// A map of these entries.
    ///
    /// # Errors
    /// A key of a kind that cannot be one, or that stands twice.
    pub fn new(entries: Vec<(Value<'a>, Value<'a>)>) -> Result<Self, MapProblem> {
        if let Some((key, _)) = entries.iter().find(|(key, _)| Rank::of(key).is_none()) {
            return Err(MapProblem::BadKey(key.type_name()));
        }
        let count = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        let mut sorted: Vec<u32> = (0..count).collect();
        let key_at = |place: u32| entries.get(place as usize).map_or(&Value::Null, |(key, _)| key);
        sorted.sort_by(|a, b| order(key_at(*a), key_at(*b)));
        for (a, b) in sorted.iter().zip(sorted.iter().skip(1)) {
            if order(key_at(*a), key_at(*b)) == Ordering::Equal {
                return Err(MapProblem::Repeated(key_text(key_at(*b))));
            }
        }
        if entries.len() <= SEARCHED {
            sorted = Vec::new();
        }
        Ok(Self { entries, sorted })
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Keys and values in the order they were written.
    pub fn entries(&self) -> &[(Value<'a>, Value<'a>)] {
        &self.entries
    }

    /// The value under `key`; numbers are found whatever their type.
    pub fn get(&self, key: &Value<'_>) -> Option<&Value<'a>> {
        let whole;
        let key = match key {
            Value::Double(double) => {
                whole = whole_number(*double)?;
                &whole
            }
            key => key,
        };
        Rank::of(key)?;
        if self.sorted.is_empty() {
            return self.entries.iter().find(|(other, _)| order(other, key) == Ordering::Equal).map(|(_, value)| value);
        }
        let entry = |place: &u32| self.entries.get(*place as usize);
        let found = self
            .sorted
            .binary_search_by(|place| entry(place).map_or(Ordering::Less, |(other, _)| order(other, key)))
            .ok()?;
        self.sorted.get(found).and_then(entry).map(|(_, value)| value)
    }
}

/// The whole number that a double is; `None` where it is none.
pub(super) fn whole_number<'a>(double: f64) -> Option<Value<'a>> {
    const TWO_POW_63: f64 = 9_223_372_036_854_775_808.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and in range")]
    if double.fract() != 0.0 {
        None
    } else if (-TWO_POW_63..TWO_POW_63).contains(&double) {
        Some(Value::Int(double as i64))
    } else if (0.0..2.0 * TWO_POW_63).contains(&double) {
        Some(Value::Uint(double as u64))
    } else {
        None
    }
}

/// Kinds of keys in the order in which maps are printed: numbers, text, booleans.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Rank<'v> {
    Number(i128),
    Text(&'v str),
    Bool(bool),
}

impl<'v> Rank<'v> {
    fn of(key: &'v Value<'_>) -> Option<Self> {
        match key {
            Value::Int(value) => Some(Self::Number(i128::from(*value))),
            Value::Uint(value) => Some(Self::Number(i128::from(*value))),
            Value::Str(text) => Some(Self::Text(text)),
            Value::String(text) => Some(Self::Text(text)),
            Value::Bool(value) => Some(Self::Bool(*value)),
            _ => None,
        }
    }
}

/// The order of two keys. Only ever asked of keys that have a rank.
fn order(a: &Value<'_>, b: &Value<'_>) -> Ordering {
    Rank::of(a).cmp(&Rank::of(b))
}

fn key_text(key: &Value<'_>) -> String {
    match key {
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Uint(value) => format!("{value}u"),
        other => other.as_str().unwrap_or_default().to_owned(),
    }
}
