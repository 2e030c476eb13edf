//! Equality and order across types.

use std::cmp::Ordering;
use std::convert::Infallible;

use super::Value;

impl<'a> Value<'a> {
    /// `==`: of different kinds is unequal; numbers are compared by value; NaN equals nothing.
    pub fn equals(&self, other: &Value<'a>) -> bool {
        self.equals_within(other, |_| Ok::<(), Infallible>(())).unwrap_or_default()
    }

    /// The same; `spend` is told how many items or entries are going to be looked at, and may stop it.
    ///
    /// # Errors
    /// What `spend` gives.
    pub(in crate::expression) fn equals_within<E>(
        &self,
        other: &Value<'a>,
        mut spend: impl FnMut(usize) -> Result<(), E>,
    ) -> Result<bool, E> {
        if let Some(equal) = scalars(self, other) {
            return Ok(equal);
        }
        // What is still to be compared, the next one last: data may be nested more deeply than the stack is long.
        let mut waiting = vec![(self.clone(), other.clone())];
        while let Some((a, b)) = waiting.pop() {
            match (&a, &b, a.as_list(), b.as_list(), a.as_map(), b.as_map()) {
                (_, _, Some(a), Some(b), ..) => {
                    if a.len() != b.len() {
                        return Ok(false);
                    }
                    spend(a.len())?;
                    waiting.extend(a.iter().rev().zip(b.iter().rev()));
                }
                (.., Some(a), Some(b)) => {
                    if a.len() != b.len() {
                        return Ok(false);
                    }
                    spend(a.len())?;
                    for (key, value) in a.iter() {
                        let Some(other) = b.get(&key) else { return Ok(false) };
                        waiting.push((value, other));
                    }
                }
                (Self::Optional(Some(a)), Self::Optional(Some(b)), ..) => {
                    waiting.push((a.as_ref().clone(), b.as_ref().clone()));
                }
                _ if scalars(&a, &b) != Some(true) => return Ok(false),
                _ => {}
            }
        }
        Ok(true)
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

/// Whether two values are equal, where that can be said without looking into them.
fn scalars(a: &Value<'_>, b: &Value<'_>) -> Option<bool> {
    Some(match (a, b) {
        (Value::Null, Value::Null) | (Value::Optional(None), Value::Optional(None)) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Str(a), Value::Str(b)) | (Value::Type(a), Value::Type(b)) => a == b,
        (Value::Str(_) | Value::String(_), _) => {
            b.as_str().is_some_and(|other| a.as_str().is_some_and(|text| text == other))
        }
        (Value::Int(_) | Value::Uint(_) | Value::Double(_), _) => numbers(a, b) == Some(Ordering::Equal),
        (Value::Bytes(a), Value::Bytes(b)) => a == b,
        (Value::Duration(a), Value::Duration(b)) => a == b,
        (Value::Timestamp(a), Value::Timestamp(b)) => a == b,
        (Value::Ip(a), Value::Ip(b)) => a.to_canonical() == b.to_canonical(),
        (Value::Cidr(a), Value::Cidr(b)) => a == b,
        (Value::JsonList(_) | Value::List(_), Value::JsonList(_) | Value::List(_))
        | (Value::JsonMap(_) | Value::Map(_), Value::JsonMap(_) | Value::Map(_))
        | (Value::Optional(Some(_)), Value::Optional(Some(_))) => return None,
        _ => false,
    })
}
