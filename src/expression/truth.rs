//! Nodes that say yes or no, without making a value of it: what conditions are made of.
//!
//! `&&`, `||` and the macros made of them give a result where one operand decides, though another fails.

use serde_json::Value as Json;

use super::ast::BinaryOperator;
use super::evaluate::Frame;
use super::fault::Fault;
use super::node::{Node, NodeKind};
use super::operators;
use super::value::Value;

impl Node {
    /// Whether it holds.
    ///
    /// # Errors
    /// As [`Self::evaluate`], and what `otherwise` makes of a value that is no boolean.
    pub(super) fn truth<'a>(
        &'a self,
        frame: &mut Frame<'_, 'a>,
        otherwise: fn(Value<'a>) -> Fault,
    ) -> Result<bool, Fault> {
        match &self.kind {
            NodeKind::Compare { path, operator, constant } => {
                match path.data(frame.bindings).and_then(|data| compare(data, *operator, constant)) {
                    Some(result) => Ok(result),
                    None => self.rarer_truth(frame, otherwise),
                }
            }
            NodeKind::Constant(Value::Bool(value)) => Ok(*value),
            NodeKind::And(operands) => self.junction(frame, operands, false),
            NodeKind::Or(operands) => self.junction(frame, operands, true),
            NodeKind::OneOf(item, texts) => match item.text(frame) {
                Some(text) => Ok(texts.contain(text)),
                None => self.rarer_truth(frame, otherwise),
            },
            NodeKind::TextTest { text, test, part, .. } => match text.text(frame) {
                Some(text) => {
                    let (holds, length) = (test(text, part), text.len());
                    frame.budget.spend_bytes(length).map(|()| holds)
                }
                None => self.rarer_truth(frame, otherwise),
            },
            NodeKind::Comprehension(comprehension) if comprehension.kind.is_predicate() => {
                comprehension.holds(frame).map_err(|fault| fault.at(self.span))
            }
            _ => self.rarer_truth(frame, otherwise),
        }
    }

    /// What is rarer, kept apart so that the frames of the common are small.
    #[inline(never)]
    fn rarer_truth<'a>(&'a self, frame: &mut Frame<'_, 'a>, otherwise: fn(Value<'a>) -> Fault) -> Result<bool, Fault> {
        let result = match &self.kind {
            NodeKind::Compare { path, operator, constant } => path
                .value(frame.bindings)
                .and_then(|value| operators::compare(*operator, &value, constant, &mut frame.budget)),
            NodeKind::Binary(operator, operands) if operator.is_relation() => {
                let [left, right] = operands.as_ref();
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
                operators::compare(*operator, left, right, &mut frame.budget)
            }
            NodeKind::Not(operand) => operand.truth(frame, |other| Fault::no_overload("!", &[other])).map(|it| !it),
            NodeKind::OneOf(item, texts) => {
                item.evaluate(frame).map(|value| value.as_str().is_some_and(|text| texts.contain(text)))
            }
            NodeKind::TextTest { text, test, part, function } => {
                text.look(frame, |value, budget| match value.as_str() {
                    Some(text) => budget.spend_bytes(text.len()).map(|()| test(text, part)),
                    None => Err(Fault::no_overload(function, &[value.clone(), Value::Str(part)])),
                })
            }
            NodeKind::Matches(text, regex) => text.look(frame, |value, budget| match value.as_str() {
                Some(text) => budget.spend_bytes(text.len()).map(|()| regex.is_match(text)),
                None => Err(Fault::no_overload("matches", std::slice::from_ref(value))),
            }),
            NodeKind::Has { operand, field } => operand.look(frame, |of, _| operators::has(of, field)),
            _ => match self.evaluate(frame)? {
                Value::Bool(value) => Ok(value),
                other => Err(otherwise(other)),
            },
        };
        result.map_err(|fault| fault.at(self.span))
    }

    /// The text that it is, where that lies in data or in a macro's variable.
    #[inline]
    fn text<'f>(&self, frame: &'f Frame<'_, '_>) -> Option<&'f str> {
        match &self.kind {
            NodeKind::Local(place) => frame.local(*place).as_str(),
            NodeKind::Path(path) => match path.data(frame.bindings) {
                Some(Json::String(text)) => Some(text),
                _ => None,
            },
            _ => None,
        }
    }

    /// `||` where `decisive` is true, `&&` where it is false. An operand that decides outweighs one that fails.
    fn junction<'a>(&self, frame: &mut Frame<'_, 'a>, operands: &'a [Node], decisive: bool) -> Result<bool, Fault> {
        let otherwise = if decisive {
            |other| Fault::no_overload("||", &[other])
        } else {
            |other| Fault::no_overload("&&", &[other])
        };
        let mut failed: Option<Fault> = None;
        for operand in operands {
            match operand.truth(frame, otherwise) {
                Ok(value) if value == decisive => return Ok(decisive),
                Ok(_) => {}
                Err(fault) if fault.is_fatal() => return Err(fault),
                Err(fault) => {
                    failed.get_or_insert(fault.at(self.span));
                }
            }
        }
        failed.map_or(Ok(!decisive), Err)
    }
}

/// Data held against a constant of the same kind, for the kinds that are common; `None`: to be decided elsewhere.
#[inline]
fn compare(data: &Json, operator: BinaryOperator, constant: &Value<'_>) -> Option<bool> {
    let order = match (data, constant) {
        (Json::String(text), Value::String(other)) => match operator {
            BinaryOperator::Equal => return Some(**text == **other),
            BinaryOperator::NotEqual => return Some(**text != **other),
            _ => (**text).cmp(other),
        },
        (Json::Number(number), Value::Int(other)) => number.as_i64()?.cmp(other),
        (Json::Number(number), Value::Double(other)) => number.as_f64()?.partial_cmp(other)?,
        (Json::Bool(value), Value::Bool(other)) => value.cmp(other),
        _ => return None,
    };
    Some(operator.admits(order))
}
