//! Tests of data against constants, and what each makes of every kind of value.
//!
//! A condition is not met where one of its tests is false; one that cannot be evaluated does not rule it out, because
//! that is told. So a test keeps a rule back only from the values of which it is certainly false.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::{Number, Value as Json};

use crate::expression::fact::Constant;

/// What lies where a test looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Seen<'a> {
    /// Nothing, and `has` cannot say so either: what should hold it is no map, or not there itself.
    Unreachable,
    /// The map that should hold it does not.
    Missing,
    Null,
    Bool(bool),
    Number(Figure),
    Text(&'a str),
    /// A list or a map.
    Nested,
}

/// A number as a double.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Figure {
    pub(super) value: f64,
    /// Whether it is the very number. Where it is not, numbers that differ may look alike.
    pub(super) exact: bool,
}

/// Up to here every whole number is a double.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl<'a> Seen<'a> {
    pub(super) fn of(data: &'a Json) -> Self {
        match data {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => Self::Number(Figure::of(number)),
            Json::String(text) => Self::Text(text),
            Json::Array(_) | Json::Object(_) => Self::Nested,
        }
    }

    fn of_constant(constant: &'a Constant) -> Self {
        match constant {
            Constant::Null => Self::Null,
            Constant::Bool(value) => Self::Bool(*value),
            Constant::Number(value) => Self::Number(Figure { value: *value, exact: is_exact(*value) }),
            Constant::Text(text) => Self::Text(text),
        }
    }

    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Unreachable => Kind::Unreachable,
            Self::Missing => Kind::Missing,
            Self::Null => Kind::Null,
            Self::Bool(_) => Kind::Bool,
            Self::Number(_) => Kind::Number,
            Self::Text(_) => Kind::Text,
            Self::Nested => Kind::Nested,
        }
    }
}

impl Figure {
    #[expect(clippy::cast_precision_loss, reason = "what is lost is said")]
    pub(super) fn of(number: &Number) -> Self {
        if let Some(int) = number.as_i64() {
            Self { value: int as f64, exact: int.unsigned_abs() <= 1 << 53 }
        } else if let Some(uint) = number.as_u64() {
            Self { value: uint as f64, exact: false }
        } else {
            Self { value: number.as_f64().unwrap_or(f64::NAN), exact: true }
        }
    }
}

/// Whether nothing but this very number is this double.
fn is_exact(constant: f64) -> bool {
    constant.abs() < EXACT
}

/// A kind of what can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Unreachable,
    Missing,
    Null,
    Bool,
    Number,
    Text,
    Nested,
}

impl Kind {
    pub(super) const ALL: [Self; 7] =
        [Self::Unreachable, Self::Missing, Self::Null, Self::Bool, Self::Number, Self::Text, Self::Nested];
}

/// Some of the kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kinds(u8);

impl Kinds {
    pub(super) fn contains(self, kind: Kind) -> bool {
        self.0 & 1 << kind as u8 != 0
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn with(self, kind: Kind) -> Self {
        Self(self.0 | 1 << kind as u8)
    }
}

/// One end of a range; no number is beyond an open one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bound {
    Open,
    At { value: f64, excluded: bool },
}

impl Bound {
    /// Where the double may stand for several numbers, none is excluded.
    pub(super) fn at(value: f64, excluded: bool) -> Self {
        // Zero has no sign here.
        Self::At { value: value + 0.0, excluded: excluded && is_exact(value) }
    }
}

/// What data is held against.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    /// It equals one of these.
    Among(Vec<Constant>),
    /// It equals none of these.
    NotAmong(Vec<Constant>),
    Within {
        low: Bound,
        high: Bound,
    },
    Prefix(String),
    Suffix(String),
    /// It is this very boolean; for what is none there is no answer.
    Is(bool),
    Present,
    Absent,
}

/// What a test makes of the values of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Never,
    /// It holds, or it cannot be said.
    Always,
    ByValue,
}

impl Test {
    /// What it makes of a kind. `default` stands for what is missing.
    pub(super) fn answer(&self, kind: Kind, default: Option<&Constant>) -> Answer {
        let of = |holds: bool| if holds { Answer::Always } else { Answer::Never };
        let any = |constants: &[Constant]| {
            let known = constants.iter().any(|constant| Seen::of_constant(constant).kind() == kind);
            if known { Answer::ByValue } else { Answer::Never }
        };
        match (kind, self) {
            (Kind::Missing, Self::Present)
            | (Kind::Null | Kind::Bool | Kind::Number | Kind::Text | Kind::Nested, Self::Absent)
            | (Kind::Nested, Self::Among(_)) => Answer::Never,
            (Kind::Missing, _) => {
                default.map_or(Answer::Always, |default| of(self.may_hold(Seen::of_constant(default))))
            }
            (Kind::Null, Self::Among(constants)) => of(constants.contains(&Constant::Null)),
            (Kind::Null, Self::NotAmong(constants)) => of(!constants.contains(&Constant::Null)),
            (Kind::Bool | Kind::Number | Kind::Text, Self::Among(constants)) => any(constants),
            (Kind::Number, Self::Within { .. })
            | (Kind::Text, Self::Prefix(_) | Self::Suffix(_))
            | (Kind::Bool, Self::Is(_)) => Answer::ByValue,
            _ => Answer::Always,
        }
    }

    /// Whether it is not certainly false of what is seen, looked at alone.
    pub(super) fn may_hold(&self, seen: Seen<'_>) -> bool {
        match self.answer(seen.kind(), None) {
            Answer::Never => false,
            Answer::Always => true,
            Answer::ByValue => match (self, seen) {
                (Self::Among(constants), seen) => constants.iter().any(|one| is_alike(Seen::of_constant(one), seen)),
                (Self::Within { low, high }, Seen::Number(figure)) => {
                    let of = |bound: &Bound, beyond: fn(f64, f64) -> bool| match bound {
                        Bound::Open => true,
                        Bound::At { value, excluded } => {
                            !beyond(figure.value, *value)
                                && (!is_same(figure.value, *value) || !excluded || !figure.exact)
                        }
                    };
                    of(low, |figure, bound| figure < bound) && of(high, |figure, bound| figure > bound)
                }
                (Self::Prefix(prefix), Seen::Text(text)) => text.starts_with(prefix.as_str()),
                (Self::Suffix(suffix), Seen::Text(text)) => text.ends_with(suffix.as_str()),
                (Self::Is(wanted), Seen::Bool(value)) => *wanted == value,
                _ => true,
            },
        }
    }

    /// The kinds of which it is certainly false, whatever the value.
    pub(super) fn rules_out(&self, default: Option<&Constant>) -> Kinds {
        Kind::ALL
            .into_iter()
            .filter(|kind| self.answer(*kind, default) == Answer::Never)
            .fold(Kinds::default(), Kinds::with)
    }

    /// What a rule that waits for it costs, in rules that wait for one value of many; `None` where it holds for nearly
    /// everything, so that nothing would be gained.
    pub(super) fn weight(&self) -> Option<u64> {
        match self {
            Self::Among(constants) => {
                let weight = |constant: &Constant| match constant {
                    Constant::Null => 32,
                    Constant::Bool(_) => 128,
                    Constant::Number(_) | Constant::Text(_) => 1,
                };
                Some(constants.iter().map(weight).sum())
            }
            Self::Prefix(_) | Self::Suffix(_) => Some(2),
            Self::Within { low: Bound::At { .. }, high: Bound::At { .. } } => Some(4),
            Self::Within { .. } => Some(64),
            Self::Is(_) | Self::Absent => Some(128),
            Self::Present => Some(256),
            Self::NotAmong(_) => None,
        }
    }

    /// The ways in which it is waited for, to count who else does.
    pub(super) fn keys(&self) -> Vec<Cow<'_, str>> {
        match self {
            Self::Among(constants) => constants.iter().map(|constant| format!("{constant:?}").into()).collect(),
            other => vec![format!("{other:?}").into()],
        }
    }
}

/// Whether two doubles are one number; zero has no sign, and a NaN is none.
pub(super) fn is_same(a: f64, b: f64) -> bool {
    a.partial_cmp(&b) == Some(Ordering::Equal)
}

/// Whether they may be equal.
fn is_alike(a: Seen<'_>, b: Seen<'_>) -> bool {
    match (a, b) {
        (Seen::Number(a), Seen::Number(b)) => is_same(a.value, b.value),
        (a, b) => a == b,
    }
}
