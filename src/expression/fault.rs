//! Why an evaluation stopped, and what it may cost.

use super::limits::BUDGET;
use super::value::Value;
use crate::base::span::Span;

/// Why there is no value. Boxed: it is the rare way out of functions that return small values.
#[derive(Clone, Debug)]
pub(super) struct Fault(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    message: String,
    span: Option<Span>,
    /// Nothing may go on after it: `||` and `&&` do not swallow it.
    fatal: bool,
}

/// What evaluating gives.
pub(super) type Outcome<'a> = Result<Value<'a>, Fault>;

impl Fault {
    #[cold]
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(Box::new(Inner { message: message.into(), span: None, fatal: false }))
    }

    /// A function or operator that takes none of these types.
    #[cold]
    pub(super) fn no_overload(function: &str, arguments: &[Value<'_>]) -> Self {
        let types: Vec<&str> = arguments.iter().map(Value::type_name).collect();
        Self::new(format!("no such overload: `{function}` does not take ({})", types.join(", ")))
    }

    #[cold]
    pub(super) fn no_such_key(key: &str) -> Self {
        Self::new(format!("no such key: `{key}`"))
    }

    /// A name to which nothing is bound.
    #[cold]
    pub(super) fn unbound(name: &str) -> Self {
        Self::new(format!("`{name}` has no value here"))
    }

    /// What must say yes or no, and does not.
    #[cold]
    pub(super) fn not_bool(value: Value<'_>) -> Self {
        Self::new(format!("the condition must be bool, but it is {}", value.type_name()))
    }

    pub(super) fn range(what: &str) -> Self {
        Self::new(format!("out of range: {what}"))
    }

    /// The place, where no inner one is known.
    pub(super) fn at(mut self, span: Span) -> Self {
        self.0.span.get_or_insert(span);
        self
    }

    pub(super) fn is_fatal(&self) -> bool {
        self.0.fatal
    }

    pub(super) fn into_parts(self) -> (String, Option<Span>) {
        (self.0.message, self.0.span)
    }
}

/// What is left of the cost that one evaluation may have.
#[derive(Debug)]
pub(super) struct Budget {
    left: u64,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { left: BUDGET }
    }

    /// For what is computed before anything runs.
    pub(super) fn for_constants() -> Self {
        Self { left: BUDGET / 1_000 }
    }

    /// Takes `cost` units.
    pub(super) fn spend(&mut self, cost: usize) -> Result<(), Fault> {
        if let Some(left) = self.left.checked_sub(cost as u64) {
            self.left = left;
            return Ok(());
        }
        self.left = 0;
        let mut fault = Fault::new("the expression costs too much: it walks or makes more data than is allowed");
        fault.0.fatal = true;
        Err(fault)
    }

    /// Takes what making or walking `bytes` of text costs.
    pub(super) fn spend_bytes(&mut self, bytes: usize) -> Result<(), Fault> {
        self.spend(bytes / 16 + 1)
    }
}
