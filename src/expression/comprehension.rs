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
    pub(super) fn evaluate<'a>(&'a self, frame: &mut Frame<'a>) -> Outcome<'a> {
        match self.kind {
            ComprehensionKind::All => self.quantify(frame, false),
            ComprehensionKind::Exists => self.quantify(frame, true),
            ComprehensionKind::ExistsOne => self.exists_one(frame),
            ComprehensionKind::Filter => self.filter(frame),
            ComprehensionKind::Map => self.map(frame),
            ComprehensionKind::TransformMap => self.transform_map(frame),
            ComprehensionKind::TransformMapEntry => self.transform_map_entry(frame),
            ComprehensionKind::SortBy => self.sort_by(frame),
        }
    }

    /// `exists` where `decisive` is true, `all` where it is false. A turn that decides outweighs one that fails.
    fn quantify<'a>(&'a self, frame: &mut Frame<'a>, decisive: bool) -> Outcome<'a> {
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
            _ => Ok(Value::Bool(decided == decisive)),
        }
    }

    fn exists_one<'a>(&'a self, frame: &mut Frame<'a>) -> Outcome<'a> {
        let mut count = 0_usize;
        self.walk(frame, |frame, _| {
            count += usize::from(truth(&self.body, frame)?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(Value::Bool(count == 1))
    }

    fn filter<'a>(&'a self, frame: &mut Frame<'a>) -> Outcome<'a> {
        let mut kept = Vec::new();
        self.walk(frame, |frame, turn| {
            if truth(&self.body, frame)? {
                kept.push(turn.item.clone());
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(Value::list(kept))
    }

    fn map<'a>(&'a self, frame: &mut Frame<'a>) -> Outcome<'a> {
        let mut made = Vec::new();
        self.walk(frame, |frame, _| {
            if self.passes(frame)? {
                made.push(self.body.evaluate(frame)?);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(Value::list(made))
    }

    fn transform_map<'a>(&'a self, frame: &mut Frame<'a>) -> Outcome<'a> {
        let mut made = Vec::new();
        self.walk(frame, |frame, turn| {
            if self.passes(frame)? {
                made.push((turn.key.clone(), self.body.evaluate(frame)?));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        new_map(made)
    }

    fn transform_map_entry<'a>(&'a self, frame: &mut Frame<'a>) -> Outcome<'a> {
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

    fn sort_by<'a>(&'a self, frame: &mut Frame<'a>) -> Outcome<'a> {
        let mut keyed = Vec::new();
        self.walk(frame, |frame, turn| {
            keyed.push((self.body.evaluate(frame)?, turn.item.clone()));
            Ok(ControlFlow::Continue(()))
        })?;
        sorted(keyed, &mut frame.budget)
    }

    fn passes<'a>(&'a self, frame: &mut Frame<'a>) -> Result<bool, Fault> {
        self.filter.as_ref().map_or(Ok(true), |filter| truth(filter, frame))
    }

    /// Takes a turn for each item, with the macro's variables in force.
    fn walk<'a>(
        &'a self,
        frame: &mut Frame<'a>,
        mut turn: impl FnMut(&mut Frame<'a>, &Step<'a>) -> Turn,
    ) -> Result<(), Fault> {
        let range = self.range.evaluate(frame)?;
        let before = frame.locals.len();
        let cost = 1 + self.body.weight as usize + self.filter.as_ref().map_or(0, |filter| filter.weight as usize);
        let mut step = |frame: &mut Frame<'a>, now: Step<'a>| {
            frame.budget.spend(cost)?;
            frame.locals.truncate(before);
            if self.two_variables {
                frame.locals.push(now.key.clone());
                frame.locals.push(now.value.clone());
            } else {
                frame.locals.push(now.item.clone());
            }
            turn(frame, &now)
        };
        let result = if let Some(list) = range.as_list() {
            (0_i64..).zip(list.iter()).try_fold((), |(), (index, value)| {
                done(step(frame, Step { key: Value::Int(index), item: value.clone(), value }))
            })
        } else if let Some(map) = range.as_map() {
            map.iter().try_fold((), |(), (key, value)| done(step(frame, Step { item: key.clone(), key, value })))
        } else {
            ControlFlow::Break(Err(Fault::no_overload("a macro", std::slice::from_ref(&range)).at(self.range.span)))
        };
        frame.locals.truncate(before);
        match result {
            ControlFlow::Break(Err(fault)) => Err(fault),
            _ => Ok(()),
        }
    }
}

/// What a turn is about.
struct Step<'a> {
    /// The index in a list, the key in a map.
    key: Value<'a>,
    value: Value<'a>,
    /// What a macro with one variable binds: the item of a list, the key of a map.
    item: Value<'a>,
}

/// Whether to stop, and with what.
fn done(turn: Turn) -> ControlFlow<Result<(), Fault>> {
    match turn {
        Ok(ControlFlow::Continue(())) => ControlFlow::Continue(()),
        Ok(ControlFlow::Break(())) => ControlFlow::Break(Ok(())),
        Err(fault) => ControlFlow::Break(Err(fault)),
    }
}

fn truth<'a>(node: &'a Node, frame: &mut Frame<'a>) -> Result<bool, Fault> {
    match node.evaluate(frame)? {
        Value::Bool(value) => Ok(value),
        other => {
            Err(Fault::new(format!("no such overload: a predicate must be bool, but this is {}", other.type_name()))
                .at(node.span))
        }
    }
}
