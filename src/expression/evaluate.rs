//! Nodes become values.
//!
//! `&&`, `||` and the macros made of them give a result where one operand decides, though another fails. Recursion is
//! as deep as the tree; whatever grows with the data is paid for from the budget.

use std::sync::Arc;

use super::environment::Bindings;
use super::fault::{Budget, Fault, Outcome};
use super::node::{Node, NodeKind};
use super::operators;
use super::value::{MapProblem, MapValue, Value};

/// What one evaluation works with.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    bindings: &'a Bindings<'a>,
    /// The variables of the macros around, innermost last.
    pub(super) locals: Vec<Value<'a>>,
    pub(super) budget: Budget,
}

impl<'a> Frame<'a> {
    pub(super) fn new(bindings: &'a Bindings<'a>, budget: Budget) -> Self {
        Self { bindings, locals: Vec::new(), budget }
    }

    /// What `inside` gives with these variables in force.
    pub(super) fn scoped(&mut self, variable: Value<'a>, inside: &'a Node) -> Outcome<'a> {
        let before = self.locals.len();
        self.locals.push(variable);
        let result = inside.evaluate(self);
        self.locals.truncate(before);
        result
    }
}

impl Node {
    pub(super) fn evaluate<'a>(&'a self, frame: &mut Frame<'a>) -> Outcome<'a> {
        match &self.kind {
            NodeKind::Constant(Value::String(text)) => Ok(Value::Str(text)),
            NodeKind::Constant(value) => Ok(value.clone()),
            NodeKind::Path { root, fields } => self.path(frame, root, fields),
            NodeKind::Local(place) => match frame.locals.get(*place) {
                Some(value) => Ok(value.clone()),
                None => Err(Fault::new("a macro's variable has no value").at(self.span)),
            },
            NodeKind::Variable(name) => self.variable(frame, name),
            NodeKind::And(operands) => self.junction(frame, operands, false),
            NodeKind::Or(operands) => self.junction(frame, operands, true),
            NodeKind::Binary(operator, operands) => {
                let [left, right] = operands.as_ref();
                // A constant is compared where it lies.
                let (left_value, right_value);
                let left = if let NodeKind::Constant(value) = &left.kind {
                    value
                } else {
                    left_value = left.evaluate(frame)?;
                    &left_value
                };
                let right = if let NodeKind::Constant(value) = &right.kind {
                    value
                } else {
                    right_value = right.evaluate(frame)?;
                    &right_value
                };
                match operators::binary(*operator, left, right, &mut frame.budget) {
                    Ok(value) => Ok(value),
                    Err(fault) => Err(fault.at(self.span)),
                }
            }
            _ => self.rest(frame),
        }
    }

    /// What is rarer, kept apart so that the frames of the common are small.
    #[inline(never)]
    fn rest<'a>(&'a self, frame: &mut Frame<'a>) -> Outcome<'a> {
        let result = match &self.kind {
            NodeKind::Select { operand, field, optional } => {
                let of = operand.evaluate(frame)?;
                operators::select(&of, field, *optional)
            }
            NodeKind::Has { operand, field } => {
                let of = operand.evaluate(frame)?;
                operators::has(&of, field)
            }
            NodeKind::Index { operand, key, optional } => {
                let of = operand.evaluate(frame)?;
                let key = key.evaluate(frame)?;
                operators::index(&of, &key, *optional)
            }
            NodeKind::Not(operand) => match operand.evaluate(frame)? {
                Value::Bool(value) => Ok(Value::Bool(!value)),
                other => Err(Fault::no_overload("!", &[other])),
            },
            NodeKind::Negate(operand) => operators::negate(&operand.evaluate(frame)?),
            NodeKind::Conditional(operands) => {
                let [condition, then, otherwise] = operands.as_ref();
                match condition.evaluate(frame)? {
                    Value::Bool(true) => return then.evaluate(frame),
                    Value::Bool(false) => return otherwise.evaluate(frame),
                    other => Err(Fault::no_overload("? :", &[other])),
                }
            }
            NodeKind::List(items) => list(frame, items),
            NodeKind::Map(entries) => map(frame, entries),
            NodeKind::Call { function, arguments } => call(frame, function.implementation, arguments),
            NodeKind::Matches(text, regex) => {
                let text = text.evaluate(frame)?;
                match text.as_str() {
                    Some(text) => frame.budget.spend_bytes(text.len()).map(|()| Value::Bool(regex.is_match(text))),
                    None => Err(Fault::no_overload("matches", &[text])),
                }
            }
            NodeKind::OrElse { operands, value } => or_else(frame, operands, *value),
            NodeKind::Comprehension(comprehension) => comprehension.evaluate(frame),
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
            // The common ones are handled where this is called.
            _ => Err(Fault::new("the expression cannot be evaluated")),
        };
        result.map_err(|fault| fault.at(self.span))
    }

    fn variable<'a>(&self, frame: &Frame<'a>, name: &str) -> Outcome<'a> {
        match frame.bindings.get(name) {
            Some(value) => Ok(value.clone()),
            None => Err(Fault::new(format!("`{name}` has no value here")).at(self.span)),
        }
    }

    /// Selects one field after the other; data is walked where it lies.
    fn path<'a>(&self, frame: &Frame<'a>, root: &str, fields: &[Box<str>]) -> Outcome<'a> {
        let Some(value) = frame.bindings.get(root) else { return self.variable(frame, root) };
        let mut fields = fields.iter();
        let mut value = value.clone();
        if let Value::JsonMap(mut entries) = value {
            while let Some(field) = fields.next() {
                match entries.get(&**field) {
                    Some(serde_json::Value::Object(inner)) => entries = inner,
                    Some(leaf) if fields.len() == 0 => return Ok(Value::from_json(leaf)),
                    Some(leaf) => {
                        let next = fields.next().map_or("", |next| &**next);
                        return operators::select(&Value::from_json(leaf), next, false).map_err(|it| it.at(self.span));
                    }
                    None => return Err(Fault::no_such_key(field).at(self.span)),
                }
            }
            return Ok(Value::JsonMap(entries));
        }
        for field in fields {
            value = operators::select(&value, field, false).map_err(|fault| fault.at(self.span))?;
        }
        Ok(value)
    }

    /// `||` where `decisive` is true, `&&` where it is false. An operand that decides outweighs one that fails.
    fn junction<'a>(&self, frame: &mut Frame<'a>, operands: &'a [Node], decisive: bool) -> Outcome<'a> {
        let mut failed: Option<Fault> = None;
        for operand in operands {
            let fault = match operand.evaluate(frame) {
                Ok(Value::Bool(value)) if value == decisive => return Ok(Value::Bool(decisive)),
                Ok(Value::Bool(_)) => continue,
                Ok(other) => Fault::no_overload(if decisive { "||" } else { "&&" }, &[other]).at(self.span),
                Err(fault) if fault.is_fatal() => return Err(fault),
                Err(fault) => fault,
            };
            failed.get_or_insert(fault);
        }
        failed.map_or(Ok(Value::Bool(!decisive)), Err)
    }
}

/// A value behind `?`: what it holds.
fn held(value: Value<'_>) -> Result<Option<Value<'_>>, Fault> {
    match value {
        Value::Optional(content) => Ok(content.map(|content| content.as_ref().clone())),
        other => Err(Fault::new(format!("behind `?` stands an optional, but this is {}", other.type_name()))),
    }
}

fn list<'a>(frame: &mut Frame<'a>, items: &'a [(Node, bool)]) -> Outcome<'a> {
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

fn map<'a>(frame: &mut Frame<'a>, entries: &'a [(Node, Node, bool)]) -> Outcome<'a> {
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
    frame: &mut Frame<'a>,
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

fn or_else<'a>(frame: &mut Frame<'a>, operands: &'a [Node; 2], value: bool) -> Outcome<'a> {
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

fn optional_map<'a>(frame: &mut Frame<'a>, operands: &'a [Node; 2], flat: bool) -> Outcome<'a> {
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
