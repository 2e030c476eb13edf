//! The macros that walk a list or a map.

use std::ops::ControlFlow;

use super::ast::ComprehensionKind;
use super::evaluate::{Frame, new_map};
use super::fault::{Fault, Outcome};
use super::functions::sorted;
use super::node::{Comprehension, Node};
use super::value::Value;

type Turn = Result<ControlFlow<()>, Fault>;

impl Comprehension {
    /// What it makes; see [`Self::holds`] for those that say yes or no.
    pub(super) fn evaluate<'a>(&'a self, frame: &mut Frame<'_, 'a>) -> Outcome<'a> {
        match self.kind {
            ComprehensionKind::Filter => self.filter(frame),
            ComprehensionKind::Map => self.map(frame),
            ComprehensionKind::TransformMap => self.transform_map(frame),
            ComprehensionKind::TransformMapEntry => self.transform_map_entry(frame),
            ComprehensionKind::SortBy => self.sort_by(frame),
            _ => self.holds(frame).map(Value::Bool),
        }
    }

    /// What `all`, `exists` and `exists_one` say.
    pub(super) fn holds<'a>(&'a self, frame: &mut Frame<'_, 'a>) -> Result<bool, Fault> {
        match self.kind {
            ComprehensionKind::All => self.quantify(frame, false),
            ComprehensionKind::Exists => self.quantify(frame, true),
            _ => self.exists_one(frame),
        }
    }

    /// `exists` where `decisive` is true, `all` where it is false. A turn that decides outweighs one that fails.
    fn quantify<'a>(&'a self, frame: &mut Frame<'_, 'a>, decisive: bool) -> Result<bool, Fault> {
        let mut failed: Option<Fault> = None;
        let mut decided = false;
        self.walk(frame, |frame, _| {
            match truth(&self.body, frame) {
                Ok(value) if value == decisive => {
                    decided = true;
                    return Ok(ControlFlow::Break(()));
                }
                Ok(_) => {}
                Err(fault) if fault.is_fatal() => return Err(fault),
                Err(fault) => {
                    failed.get_or_insert(fault);
                }
            }
            Ok(ControlFlow::Continue(()))
        })?;
        match failed {
            Some(fault) if !decided => Err(fault),
            _ => Ok(decided == decisive),
        }
    }

    fn exists_one<'a>(&'a self, frame: &mut Frame<'_, 'a>) -> Result<bool, Fault> {
        let mut count = 0_usize;
        self.walk(frame, |frame, _| {
            count += usize::from(truth(&self.body, frame)?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(count == 1)
    }

    fn filter<'a>(&'a self, frame: &mut Frame<'_, 'a>) -> Outcome<'a> {
        let mut kept = Vec::new();
        self.walk(frame, |frame, item| {
            if truth(&self.body, frame)? {
                kept.push(frame.local(item).clone());
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(Value::list(kept))
    }

    fn map<'a>(&'a self, frame: &mut Frame<'_, 'a>) -> Outcome<'a> {
        let mut made = Vec::new();
        self.walk(frame, |frame, _| {
            if self.passes(frame)? {
                made.push(self.body.evaluate(frame)?);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(Value::list(made))
    }

    fn transform_map<'a>(&'a self, frame: &mut Frame<'_, 'a>) -> Outcome<'a> {
        let mut made = Vec::new();
        self.walk(frame, |frame, key| {
            if self.passes(frame)? {
                let value = self.body.evaluate(frame)?;
                made.push((frame.local(key).clone(), value));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        new_map(made)
    }

    fn transform_map_entry<'a>(&'a self, frame: &mut Frame<'_, 'a>) -> Outcome<'a> {
        let mut made = Vec::new();
        self.walk(frame, |frame, _| {
            if self.passes(frame)? {
                let entries = self.body.evaluate(frame)?;
                let entries = entries
                    .as_map()
                    .ok_or_else(|| Fault::no_overload("transformMapEntry", std::slice::from_ref(&entries)))?;
                frame.budget.spend(entries.len())?;
                made.extend(entries.iter());
            }
            Ok(ControlFlow::Continue(()))
        })?;
        new_map(made)
    }

    fn sort_by<'a>(&'a self, frame: &mut Frame<'_, 'a>) -> Outcome<'a> {
        let mut keyed = Vec::new();
        self.walk(frame, |frame, item| {
            let key = self.body.evaluate(frame)?;
            keyed.push((key, frame.local(item).clone()));
            Ok(ControlFlow::Continue(()))
        })?;
        sorted(keyed, &mut frame.budget)
    }

    fn passes<'a>(&'a self, frame: &mut Frame<'_, 'a>) -> Result<bool, Fault> {
        self.filter.as_ref().map_or(Ok(true), |filter| truth(filter, frame))
    }

    /// Takes a turn for each item, with the macro's variables in force. A turn is given the place of the first of them:
    /// the item of a list or the key of a map; with two variables, the index or the key.
    fn walk<'a>(
        &'a self,
        frame: &mut Frame<'_, 'a>,
        mut turn: impl FnMut(&mut Frame<'_, 'a>, usize) -> Turn,
    ) -> Result<(), Fault> {
        let range = self.range.evaluate(frame)?;
        let cost = 1 + self.body.weight as usize + self.filter.as_ref().map_or(0, |filter| filter.weight as usize);
        let variables = 1 + usize::from(self.two_variables);
        let first = frame.enter(variables);
        let mut step = |frame: &mut Frame<'_, 'a>, one: Value<'a>, other: Option<Value<'a>>| {
            frame.budget.spend(cost)?;
            frame.set(first, one);
            if let Some(other) = other {
                frame.set(first + 1, other);
            }
            turn(frame, first)
        };
        let mut of_list = |frame: &mut Frame<'_, 'a>, index: i64, item: Value<'a>| {
            if self.two_variables { step(frame, Value::Int(index), Some(item)) } else { step(frame, item, None) }
        };
        let result = match &range {
            Value::JsonList(items) => {
                (0_i64..).zip(*items).try_for_each(|(index, item)| done(of_list(frame, index, Value::from_json(item))))
            }
            Value::List(items) => {
                (0_i64..).zip(items.iter()).try_for_each(|(index, item)| done(of_list(frame, index, item.clone())))
            }
            other => match other.as_map() {
                Some(map) => {
                    map.iter().try_for_each(|(key, value)| done(step(frame, key, self.two_variables.then_some(value))))
                }
                None => {
                    let fault = Fault::no_overload("a macro", std::slice::from_ref(&range));
                    ControlFlow::Break(Err(fault.at(self.range.span)))
                }
            },
        };
        frame.leave(variables);
        match result {
            ControlFlow::Break(Err(fault)) => Err(fault),
            _ => Ok(()),
        }
    }
}

/// Whether to stop, and with what.
#[inline]
fn done(turn: Turn) -> ControlFlow<Result<(), Fault>> {
    match turn {
        Ok(ControlFlow::Continue(())) => ControlFlow::Continue(()),
        Ok(ControlFlow::Break(())) => ControlFlow::Break(Ok(())),
        Err(fault) => ControlFlow::Break(Err(fault)),
    }
}

fn truth<'a>(node: &'a Node, frame: &mut Frame<'_, 'a>) -> Result<bool, Fault> {
    node.truth(frame, |other| {
        Fault::new(format!("no such overload: a predicate must be bool, but this is {}", other.type_name()))
    })
    .map_err(|fault| fault.at(node.span))
}
