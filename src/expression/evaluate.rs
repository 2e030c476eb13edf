//! Nodes become values.
//!
//! Recursion is as deep as the tree; whatever grows with the data is paid for from the budget.

use std::sync::Arc;

use super::environment::Bindings;
use super::fault::{Budget, Fault, Outcome};
use super::node::{Node, NodeKind};
use super::operators;
use super::value::{MapProblem, MapValue, Value};

/// What one evaluation works with.
#[derive(Debug)]
pub(super) struct Frame<'l, 'a> {
    pub(super) bindings: &'a Bindings<'a>,
    /// Room for the variables of macros, as many as [`Node::locals`] says; outermost first.
    locals: &'l mut [Value<'a>],
    /// How many of them are in force.
    depth: usize,
    pub(super) budget: Budget,
}

impl<'l, 'a> Frame<'l, 'a> {
    pub(super) fn new(bindings: &'a Bindings<'a>, locals: &'l mut [Value<'a>], budget: Budget) -> Self {
        Self { bindings, locals, depth: 0, budget }
    }

    /// Puts `count` variables in force; the place of the first.
    pub(super) fn enter(&mut self, count: usize) -> usize {
        let first = self.depth;
        self.depth += count;
        first
    }

    /// The end of the innermost `count` variables.
    pub(super) fn leave(&mut self, count: usize) {
        self.depth -= count;
    }

    #[inline]
    pub(super) fn set(&mut self, place: usize, value: Value<'a>) {
        if let Some(local) = self.locals.get_mut(place) {
            *local = value;
        }
    }

    /// The variable at this place; null where there is no room for it, which [`Node::locals`] rules out.
    #[inline]
    pub(super) fn local(&self, place: usize) -> &Value<'a> {
        self.locals.get(place).unwrap_or(&Value::Null)
    }

    /// What `inside` gives with this variable in force.
    fn scoped(&mut self, variable: Value<'a>, inside: &'a Node) -> Outcome<'a> {
        let place = self.enter(1);
        self.set(place, variable);
        let result = inside.evaluate(self);
        self.leave(1);
        result
    }
}

impl Node {
    pub(super) fn evaluate<'a>(&'a self, frame: &mut Frame<'_, 'a>) -> Outcome<'a> {
        match &self.kind {
            NodeKind::Constant(Value::String(text)) => Ok(Value::Str(text)),
            NodeKind::Constant(value) => Ok(value.clone()),
            NodeKind::Path(path) => path.value(frame.bindings),
            NodeKind::Local(place) => Ok(frame.local(*place).clone()),
            NodeKind::Binary(operator, operands) if !operator.is_relation() => {
                let [left, right] = operands.as_ref();
                let left = left.evaluate(frame)?;
                let right = right.evaluate(frame)?;
                let result = operators::arithmetic(*operator, &left, &right, &mut frame.budget);
                result.map_err(|fault| fault.at(self.span))
            }
            _ => self.rest(frame),
        }
    }

    /// What `then` makes of the value, which is not copied where it lies already.
    #[inline]
    pub(super) fn look<'a, T>(
        &'a self,
        frame: &mut Frame<'_, 'a>,
        then: impl FnOnce(&Value<'a>, &mut Budget) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        match &self.kind {
            NodeKind::Local(place) => {
                let value = frame.locals.get(*place).unwrap_or(&Value::Null);
                then(value, &mut frame.budget)
            }
            _ => {
                let value = self.evaluate(frame)?;
                then(&value, &mut frame.budget)
            }
        }
    }

    /// What is rarer, kept apart so that the frames of the common are small.
    #[inline(never)]
    fn rest<'a>(&'a self, frame: &mut Frame<'_, 'a>) -> Outcome<'a> {
        let result = match &self.kind {
            NodeKind::Select { operand, field, optional } => {
                let of = operand.evaluate(frame)?;
                operators::select(&of, field, *optional)
            }
            NodeKind::Index { operand, key, optional } => {
                let of = operand.evaluate(frame)?;
                let key = key.evaluate(frame)?;
                operators::index(&of, &key, *optional)
            }
            NodeKind::Negate(operand) => operators::negate(&operand.evaluate(frame)?),
            NodeKind::Conditional(operands) => {
                let [condition, then, otherwise] = operands.as_ref();
                return match condition.truth(frame, |other| Fault::no_overload("? :", &[other])) {
                    Ok(true) => then.evaluate(frame),
                    Ok(false) => otherwise.evaluate(frame),
                    Err(fault) => Err(fault.at(self.span)),
                };
            }
            NodeKind::List(items) => list(frame, items),
            NodeKind::Map(entries) => map(frame, entries),
            NodeKind::Call { function, arguments } => call(frame, function.implementation, arguments),
            NodeKind::OrElse { operands, value } => or_else(frame, operands, *value),
            NodeKind::Comprehension(comprehension) if !comprehension.kind.is_predicate() => {
                comprehension.evaluate(frame)
            }
            NodeKind::Bind(operands) => {
                let [value, body] = operands.as_ref();
                let value = value.evaluate(frame)?;
                frame.scoped(value, body)
            }
            NodeKind::OptionalMap { operands, flat } => optional_map(frame, operands, *flat),
            NodeKind::Convert(operand, to) => {
                let value = operand.evaluate(frame)?;
                super::convert::convert(value, to, &mut frame.budget)
            }
            NodeKind::Fail(message) => Err(Fault::new(message.as_str())),
            NodeKind::Variable(name) => match frame.bindings.get(name) {
                Some(value) => Ok(value.clone()),
                None => Err(Fault::unbound(name)),
            },
            // What is left says yes or no.
            _ => return self.truth(frame, Fault::not_bool).map(Value::Bool),
        };
        result.map_err(|fault| fault.at(self.span))
    }
}

/// A value behind `?`: what it holds.
fn held(value: Value<'_>) -> Result<Option<Value<'_>>, Fault> {
    match value {
        Value::Optional(content) => Ok(content.map(|content| content.as_ref().clone())),
        other => Err(Fault::new(format!("behind `?` stands an optional, but this is {}", other.type_name()))),
    }
}

fn list<'a>(frame: &mut Frame<'_, 'a>, items: &'a [(Node, bool)]) -> Outcome<'a> {
    frame.budget.spend(items.len())?;
    let mut made = Vec::with_capacity(items.len());
    for (item, optional) in items {
        let value = item.evaluate(frame)?;
        if *optional {
            made.extend(held(value)?);
        } else {
            made.push(value);
        }
    }
    Ok(Value::list(made))
}

fn map<'a>(frame: &mut Frame<'_, 'a>, entries: &'a [(Node, Node, bool)]) -> Outcome<'a> {
    frame.budget.spend(entries.len())?;
    let mut made = Vec::with_capacity(entries.len());
    for (key, value, optional) in entries {
        let key = key.evaluate(frame)?;
        let value = value.evaluate(frame)?;
        if *optional {
            made.extend(held(value)?.map(|value| (key, value)));
        } else {
            made.push((key, value));
        }
    }
    new_map(made)
}

/// A map of these entries.
pub(super) fn new_map<'a>(entries: Vec<(Value<'a>, Value<'a>)>) -> Outcome<'a> {
    match MapValue::new(entries) {
        Ok(map) => Ok(Value::Map(Arc::new(map))),
        Err(MapProblem::BadKey(kind)) => Err(Fault::new(format!("unsupported key type: {kind}"))),
        Err(MapProblem::Repeated(key)) => Err(Fault::new(format!("repeated key: `{key}`"))),
    }
}

fn call<'a>(
    frame: &mut Frame<'_, 'a>,
    implementation: super::functions::Implementation,
    arguments: &'a [Node],
) -> Outcome<'a> {
    match arguments {
        [] => implementation(&[], &mut frame.budget),
        [only] => {
            let only = only.evaluate(frame)?;
            implementation(&[only], &mut frame.budget)
        }
        [first, second] => {
            let first = first.evaluate(frame)?;
            let second = second.evaluate(frame)?;
            implementation(&[first, second], &mut frame.budget)
        }
        _ => {
            let mut values = Vec::with_capacity(arguments.len());
            for argument in arguments {
                values.push(argument.evaluate(frame)?);
            }
            implementation(&values, &mut frame.budget)
        }
    }
}

fn or_else<'a>(frame: &mut Frame<'_, 'a>, operands: &'a [Node; 2], value: bool) -> Outcome<'a> {
    let [first, second] = operands;
    match first.evaluate(frame)? {
        Value::Optional(Some(content)) if value => Ok(content.as_ref().clone()),
        held @ Value::Optional(Some(_)) => Ok(held),
        Value::Optional(None) => {
            let other = second.evaluate(frame)?;
            match other {
                other if value => Ok(other),
                other @ Value::Optional(_) => Ok(other),
                other => Err(Fault::no_overload("or", &[Value::Optional(None), other])),
            }
        }
        other => Err(Fault::no_overload(if value { "orValue" } else { "or" }, &[other])),
    }
}

fn optional_map<'a>(frame: &mut Frame<'_, 'a>, operands: &'a [Node; 2], flat: bool) -> Outcome<'a> {
    let [operand, body] = operands;
    let name = if flat { "optFlatMap" } else { "optMap" };
    match operand.evaluate(frame)? {
        Value::Optional(None) => Ok(Value::Optional(None)),
        Value::Optional(Some(content)) => match frame.scoped(content.as_ref().clone(), body)? {
            result @ Value::Optional(_) if flat => Ok(result),
            other if flat => Err(Fault::no_overload(name, &[other])),
            result => Ok(Value::some(result)),
        },
        other => Err(Fault::no_overload(name, &[other])),
    }
}
