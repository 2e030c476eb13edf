//! A value with where it was given, and what values of each kind hold.

use std::time::Duration;

use crate::base::span::{Span, Spanned};
use crate::config::values::Value;

/// A value and where it was given; `None` for a default.
#[derive(Clone, Debug)]
pub(in crate::config) struct Given<T> {
    pub value: T,
    pub span: Option<Span>,
    /// Whether the value is what will hold: not where what was given is wrong, which has been told.
    pub is_known: bool,
}

impl<T> Given<T> {
    /// A value that the code gives.
    pub(in crate::config) fn fixed(value: T) -> Self {
        Self { value, span: None, is_known: true }
    }

    pub(in crate::config) fn map<U>(self, change: impl FnOnce(T) -> U) -> Given<U> {
        Given { value: change(self.value), span: self.span, is_known: self.is_known }
    }
}

pub(super) fn duration(given: Given<Value>) -> Given<Duration> {
    given.map(|value| if let Value::Duration(duration) = value { duration } else { Duration::ZERO })
}

pub(super) fn text(given: Given<Value>) -> Given<String> {
    given.map(|value| if let Value::Text(text) = value { text } else { String::new() })
}

pub(super) fn share(given: Given<Value>) -> Given<f64> {
    given.map(|value| if let Value::Share(share) = value { share } else { 0.0 })
}

pub(super) fn rate(given: Given<Value>) -> Given<f64> {
    given.map(|value| if let Value::Rate(rate) = value { rate } else { 0.0 })
}

pub(super) fn texts(given: Given<Value>) -> Given<Vec<Spanned<String>>> {
    given.map(|value| if let Value::Texts(texts) = value { texts } else { Vec::new() })
}
