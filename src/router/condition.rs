//! What must be so for a condition not to be false: which tests a rule can wait for.
//!
//! Read from checked expressions. `&&` is false where one operand is, so one of them is enough to wait for; `||` only where
//! all are, so each of them is waited for. What is no test of data against a constant is never waited for. Operands that
//! cannot be evaluated are as little false as those that hold, so this keeps the language's errors.

use super::test::{Bound, Kinds, Test};
use crate::expression::Program;
use crate::expression::ast::{Expr, ExprKind, Literal, UnaryOperator};
use crate::expression::fact::{Constant, Fact, comparison, constant};

/// A test of what lies at a path.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Atom {
    /// `event`, `data`, …: a root and fields.
    pub(super) path: Vec<String>,
    /// What stands for it where it is missing: `path.?field.orValue(constant)`.
    pub(super) default: Option<Constant>,
    pub(super) test: Test,
}

/// What a condition needs.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Need {
    /// It is false whatever comes.
    Never,
    /// It cannot be said beforehand.
    Unknown,
    /// The test is not false. Where the value is of one of these kinds, something else of the condition is.
    Test(Atom, Kinds),
    /// All of these.
    All(Vec<Need>),
    /// One of these.
    Any(Vec<Need>),
}

/// What the whole condition needs.
pub(super) fn need(when: &Program) -> Need {
    Reader { program: when, around: Vec::new() }.read(when.expr(), true)
}

struct Reader<'p> {
    program: &'p Program,
    /// The tests that stand beside, joined by `&&`.
    around: Vec<Atom>,
}

impl Reader<'_> {
    /// What it takes for `expr` not to be `!truth`.
    fn read(&mut self, expr: &Expr, truth: bool) -> Need {
        match (&expr.kind, truth) {
            (ExprKind::Literal(Literal::Bool(value)), _) => {
                if *value == truth {
                    Need::Unknown
                } else {
                    Need::Never
                }
            }
            (ExprKind::Unary { operator: UnaryOperator::Not, operand }, _) => self.read(operand, !truth),
            (ExprKind::And(_), true) | (ExprKind::Or(_), false) => self.all(expr, truth),
            (ExprKind::Or(operands), true) | (ExprKind::And(operands), false) => {
                Need::Any(operands.iter().map(|operand| self.read(operand, truth)).collect())
            }
            _ => match self.atom(expr, truth) {
                Some(atom) => {
                    let beside = self.around.iter().filter(|other| other.path == atom.path);
                    let out = beside.map(|other| other.test.rules_out(other.default.as_ref()));
                    let out = out.fold(Kinds::default(), Kinds::and);
                    Need::Test(atom, out)
                }
                None => Need::Unknown,
            },
        }
    }

    fn all(&mut self, expr: &Expr, truth: bool) -> Need {
        let mut operands = Vec::new();
        flatten(expr, truth, &mut operands);
        let before = self.around.len();
        let atoms: Vec<Atom> = operands.iter().filter_map(|(operand, truth)| self.atom(operand, *truth)).collect();
        let ranges = ranges(&atoms);
        self.around.extend(atoms);
        let mut needs: Vec<Need> = operands.iter().map(|(operand, truth)| self.read(operand, *truth)).collect();
        for range in ranges {
            let out = self.around.iter().filter(|other| other.path == range.path);
            let out = out.map(|other| other.test.rules_out(other.default.as_ref())).fold(Kinds::default(), Kinds::and);
            needs.push(Need::Test(range, out));
        }
        self.around.truncate(before);
        Need::All(needs)
    }

    fn atom(&self, expr: &Expr, truth: bool) -> Option<Atom> {
        let (thing, test) = match &expr.kind {
            ExprKind::Has { operand, field } => {
                let mut path = self.plain(operand)?;
                path.push(field.node.clone());
                let test = if truth { Test::Present } else { Test::Absent };
                return known(Atom { path, default: None, test });
            }
            ExprKind::Call { receiver: Some(receiver), function, arguments } => {
                let part = match arguments.as_slice() {
                    [part] => constant(part)?,
                    _ => return None,
                };
                match (function.node.as_str(), part) {
                    ("startsWith", Constant::Text(part)) if truth => (receiver.as_ref(), Test::Prefix(part)),
                    ("endsWith", Constant::Text(part)) if truth => (receiver.as_ref(), Test::Suffix(part)),
                    ("orValue", _) => (expr, Test::Is(truth)),
                    _ => return None,
                }
            }
            ExprKind::Select { .. } => (expr, Test::Is(truth)),
            _ => {
                let (thing, fact) = comparison(expr, truth)?;
                let test = match fact {
                    Fact::Is(value) => Test::Among(vec![value]),
                    Fact::Among(values) => Test::Among(values),
                    Fact::IsNot(value) => Test::NotAmong(vec![value]),
                    Fact::NotAmong(values) => Test::NotAmong(values),
                    Fact::Low(value, excluded) => Test::Within { low: Bound::at(value, excluded), high: Bound::Open },
                    Fact::High(value, excluded) => Test::Within { low: Bound::Open, high: Bound::at(value, excluded) },
                };
                (thing, test)
            }
        };
        let (path, default) = self.place(thing)?;
        known(Atom { path, default, test })
    }

    /// Where it lies, and what stands for it where it is missing.
    fn place(&self, thing: &Expr) -> Option<(Vec<String>, Option<Constant>)> {
        if let Some(path) = self.plain(thing) {
            return Some((path, None));
        }
        let ExprKind::Call { receiver: Some(receiver), function, arguments } = &thing.kind else { return None };
        let ExprKind::Select { operand, field, optional: true } = &receiver.kind else { return None };
        let [default] = arguments.as_slice() else { return None };
        if function.node != "orValue" || self.program.type_at(receiver).holds_time() {
            return None;
        }
        let mut path = self.plain(operand)?;
        path.push(field.node.clone());
        Some((path, Some(constant(default)?)))
    }

    /// The words of a selection from a variable. What was declared a time does not mean what lies in the data.
    fn plain(&self, expr: &Expr) -> Option<Vec<String>> {
        let (words, absolute) = expr.path()?;
        let plain = !absolute && !self.program.type_at(expr).holds_time();
        plain.then(|| words.into_iter().map(str::to_owned).collect())
    }
}

/// The atom, where its path is one that is looked at.
fn known(atom: Atom) -> Option<Atom> {
    let words: Vec<&str> = atom.path.iter().map(String::as_str).collect();
    let known = match words.as_slice() {
        ["event", "data", ..] | ["target", _, ..] => true,
        ["event", attribute] => super::index::ATTRIBUTES.contains(attribute),
        _ => false,
    };
    known.then_some(atom)
}

/// What is joined by `&&`, brackets and negations opened.
fn flatten<'e>(expr: &'e Expr, truth: bool, into: &mut Vec<(&'e Expr, bool)>) {
    match (&expr.kind, truth) {
        (ExprKind::Unary { operator: UnaryOperator::Not, operand }, _) => flatten(operand, !truth, into),
        (ExprKind::And(operands), true) | (ExprKind::Or(operands), false) => {
            operands.iter().for_each(|operand| flatten(operand, truth, into));
        }
        _ => into.push((expr, truth)),
    }
}

/// Ranges with two ends, each of tests of one path that have one.
fn ranges(atoms: &[Atom]) -> Vec<Atom> {
    let ends = |atom: &Atom| match atom.test {
        Test::Within { low, high } => Some((low, high)),
        _ => None,
    };
    let mut found = Vec::new();
    for (at, first) in atoms.iter().enumerate() {
        for second in atoms.iter().skip(at + 1) {
            let same = first.path == second.path && first.default == second.default;
            let range = match (ends(first), ends(second)) {
                (Some((low @ Bound::At { .. }, Bound::Open)), Some((Bound::Open, high @ Bound::At { .. }))) if same => {
                    Test::Within { low, high }
                }
                (Some((Bound::Open, high @ Bound::At { .. })), Some((low @ Bound::At { .. }, Bound::Open))) if same => {
                    Test::Within { low, high }
                }
                _ => continue,
            };
            found.push(Atom { test: range, ..first.clone() });
        }
    }
    found
}
