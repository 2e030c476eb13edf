//! Equality and order across types.

use std::cmp::Ordering;

use super::{ListRef, MapRef, Value};

impl Value<'_> {
    /// `==`: of different kinds is unequal; numbers are compared by value; NaN equals nothing.
    pub fn equals(&self, other: &Value<'_>) -> bool {
        match (self, other) {
            (Self::Null, Value::Null) => true,
            (Self::Bool(a), Value::Bool(b)) => a == b,
            (Self::Int(a), Value::Int(b)) => a == b,
            (Self::Str(a), Value::Str(b)) | (Self::Type(a), Value::Type(b)) => a == b,
            (Self::Str(_) | Self::String(_), _) => {
                other.as_str().is_some_and(|other| self.as_str().is_some_and(|text| text == other))
            }
            (Self::Int(_) | Self::Uint(_) | Self::Double(_), _) => numbers(self, other) == Some(Ordering::Equal),
            (Self::Bytes(a), Value::Bytes(b)) => a == b,
            (Self::Duration(a), Value::Duration(b)) => a == b,
            (Self::Timestamp(a), Value::Timestamp(b)) => a == b,
            (Self::Ip(a), Value::Ip(b)) => a.to_canonical() == b.to_canonical(),
            (Self::Cidr(a), Value::Cidr(b)) => a == b,
            (Self::Optional(a), Value::Optional(b)) => match (a, b) {
                (None, None) => true,
                (Some(a), Some(b)) => a.equals(b),
                _ => false,
            },
            _ => match (self.as_list(), other.as_list(), self.as_map(), other.as_map()) {
                (Some(a), Some(b), _, _) => lists(a, b),
                (_, _, Some(a), Some(b)) => maps(a, b),
                _ => false,
            },
        }
    }

    /// `<` and its like: `Some(None)` where a NaN has no order, `None` where these types have none.
    pub fn order(&self, other: &Value<'_>) -> Option<Option<Ordering>> {
        match (self, other) {
            (Self::Int(a), Value::Int(b)) => Some(Some(a.cmp(b))),
            (Self::Double(a), Value::Double(b)) => Some(a.partial_cmp(b)),
            (Self::Int(_) | Self::Uint(_) | Self::Double(_), Value::Int(_) | Value::Uint(_) | Value::Double(_)) => {
                Some(numbers(self, other))
            }
            (Self::Bool(a), Value::Bool(b)) => Some(Some(a.cmp(b))),
            (Self::Bytes(a), Value::Bytes(b)) => Some(Some(a.cmp(b))),
            (Self::Duration(a), Value::Duration(b)) => Some(Some(a.cmp(b))),
            (Self::Timestamp(a), Value::Timestamp(b)) => Some(Some(a.cmp(b))),
            // UTF-8 sorts as the characters' numbers do.
            _ => Some(Some(self.as_str()?.cmp(other.as_str()?))),
        }
    }
}

/// The order of two numbers of any types; `None` for a NaN and for what is no number.
#[expect(clippy::cast_precision_loss, reason = "the language compares whole numbers with doubles as doubles")]
fn numbers(a: &Value<'_>, b: &Value<'_>) -> Option<Ordering> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Uint(a), Value::Uint(b)) => Some(a.cmp(b)),
        (Value::Double(a), Value::Double(b)) => a.partial_cmp(b),
        (Value::Int(a), Value::Uint(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
        (Value::Uint(a), Value::Int(b)) => Some(i128::from(*a).cmp(&i128::from(*b))),
        (Value::Int(a), Value::Double(b)) => (*a as f64).partial_cmp(b),
        (Value::Uint(a), Value::Double(b)) => (*a as f64).partial_cmp(b),
        (Value::Double(a), Value::Int(b)) => a.partial_cmp(&(*b as f64)),
        (Value::Double(a), Value::Uint(b)) => a.partial_cmp(&(*b as f64)),
        _ => None,
    }
}

fn lists(a: ListRef<'_, '_>, b: ListRef<'_, '_>) -> bool {
    a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| a.equals(&b))
}

fn maps(a: MapRef<'_, '_>, b: MapRef<'_, '_>) -> bool {
    a.len() == b.len() && a.iter().all(|(key, value)| b.get(&key).is_some_and(|other| value.equals(&other)))
}
