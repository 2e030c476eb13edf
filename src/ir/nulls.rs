//! Values that may be null, where null will not do.
//!
//! The types of the expression language let null through to where it fails; here a use of a declared field that may be
//! null is found before it runs, unless the expression, or the condition that guards it, has made sure. What is known is
//! a path as it is written, like `target.record`.

use crate::base::fragment::Fragment;
use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::expression::ast::{BinaryOperator, Expr, ExprKind, Literal, UnaryOperator};
use crate::expression::{self, Program, Type, TypeEnv};
use crate::model::schema::{Field, Shape};

/// Paths that are not null where an expression stands.
pub(super) type Known = Vec<String>;

/// Functions that take null as they take anything.
const TAKE_NULL: &[&str] = &["dyn", "type", "of", "ofNonZeroValue"];

/// Reports every use of null that will fail.
pub(super) fn check(program: &Program, env: &TypeEnv, known: &Known, found: &mut Diagnostics) {
    Walk { env, found }.expr(program.expr(), known);
}

/// The same for an expression with `problems`: what can be read of it, for what else it tells. `None` where it is no
/// expression at all.
pub(super) fn check_wrong(
    fragment: &Fragment,
    env: &TypeEnv,
    known: &Known,
    problems: &Diagnostics,
    found: &mut Diagnostics,
) -> Option<Program> {
    let program = expression::compile_unchecked(fragment, env).ok()?;
    let mut nulls = Diagnostics::new();
    check(&program, env, known, &mut nulls);
    let told = |span: Span| {
        problems.iter().any(|problem| {
            let other = problem.primary.span;
            other.start <= span.end && span.start <= other.end
        })
    };
    // What is wrong with the place itself is told already.
    nulls.into_list().into_iter().filter(|null| !told(null.primary.span)).for_each(|null| found.push(null));
    Some(program)
}

/// What is not null once the expression has been true.
pub(super) fn proven(program: &Program, env: &TypeEnv) -> Known {
    let mut known = Known::new();
    prove(program.expr(), true, env, &mut known);
    known
}

/// A part of an expression that may make its whole value null.
pub(super) struct Nullable {
    pub(super) span: Span,
    /// `target.signature`.
    pub(super) path: String,
    /// What the declaration says of it.
    pub(super) docs: String,
}

/// The part of the expression that may make its whole value null.
pub(super) fn may_be_null(program: &Program, env: &TypeEnv, known: &Known) -> Option<Nullable> {
    whole(program.expr(), env, known)
}

fn whole(expr: &Expr, env: &TypeEnv, known: &Known) -> Option<Nullable> {
    if let ExprKind::Conditional { condition, then, otherwise } = &expr.kind {
        let with = |truth| {
            let mut known = known.clone();
            prove(condition, truth, env, &mut known);
            known
        };
        return whole(then, env, &with(true)).or_else(|| whole(otherwise, env, &with(false)));
    }
    let (path, field) = nullable(expr, env, known)?;
    Some(Nullable { span: expr.span, path, docs: field.docs.clone() })
}

/// The path and the declaration of a field that may be null; `None` where it cannot, or is known not to be.
fn nullable<'e>(expr: &Expr, env: &'e TypeEnv, known: &Known) -> Option<(String, &'e Field)> {
    let (words, _) = expr.path()?;
    let (root, fields) = words.split_first()?;
    let (last, inner) = fields.split_last()?;
    let (_, kind) = env.variables().find(|(name, _)| name == root)?;
    let Type::Object(object) = kind else { return None };
    let mut object = object.as_ref();
    for word in inner {
        let Shape::Object(deeper) = &object.field(word)?.shape else { return None };
        object = deeper;
    }
    let field = object.field(last).filter(|field| field.nullable)?;
    let path = words.join(".");
    (!known.contains(&path)).then_some((path, field))
}

/// Adds what is not null where `expr` is `truth`.
fn prove(expr: &Expr, truth: bool, env: &TypeEnv, known: &mut Known) {
    let none = Known::new();
    match &expr.kind {
        ExprKind::Binary { operator, left, right } => {
            let equal = match operator {
                BinaryOperator::Equal => truth,
                BinaryOperator::NotEqual => !truth,
                _ => return,
            };
            let is_null = |side: &Expr| matches!(side.kind, ExprKind::Literal(Literal::Null));
            for (side, other) in [(left, right), (right, left)] {
                let Some((path, _)) = nullable(side, env, &none) else { continue };
                // Not null, or the same as something that is not.
                let never =
                    !equal && is_null(other) || equal && !is_null(other) && nullable(other, env, known).is_none();
                if never {
                    known.push(path);
                }
            }
        }
        ExprKind::And(operands) if truth => operands.iter().for_each(|operand| prove(operand, true, env, known)),
        ExprKind::Or(operands) if !truth => operands.iter().for_each(|operand| prove(operand, false, env, known)),
        ExprKind::Unary { operator: UnaryOperator::Not, operand } => prove(operand, !truth, env, known),
        _ => {}
    }
}

struct Walk<'a> {
    env: &'a TypeEnv,
    found: &'a mut Diagnostics,
}

impl Walk<'_> {
    fn expr(&mut self, expr: &Expr, known: &Known) {
        match &expr.kind {
            // What one operand decides saves the others from being looked at, in whatever order they stand.
            ExprKind::And(operands) => self.junction(operands, true, known),
            ExprKind::Or(operands) => self.junction(operands, false, known),
            ExprKind::Conditional { condition, then, otherwise } => {
                self.expr(condition, known);
                for (branch, truth) in [(then, true), (otherwise, false)] {
                    let mut known = known.clone();
                    prove(condition, truth, self.env, &mut known);
                    self.expr(branch, &known);
                }
            }
            _ => {
                for used in uses(expr) {
                    self.used(used, known);
                }
                expr.children().into_iter().for_each(|child| self.expr(child, known));
            }
        }
    }

    fn junction(&mut self, operands: &[Expr], truth: bool, known: &Known) {
        let proves = |guard: &Expr| {
            let mut more = known.clone();
            prove(guard, truth, self.env, &mut more);
            more.len() > known.len()
        };
        // A long chain seldom proves anything.
        if !operands.iter().any(proves) {
            return operands.iter().for_each(|operand| self.expr(operand, known));
        }
        for (at, operand) in operands.iter().enumerate() {
            let mut known = known.clone();
            for (other, guard) in operands.iter().enumerate() {
                if other != at {
                    prove(guard, truth, self.env, &mut known);
                }
            }
            self.expr(operand, &known);
        }
    }

    fn used(&mut self, used: &Expr, known: &Known) {
        let Some((path, field)) = nullable(used, self.env, known) else { return };
        let problem = Diagnostic::error(Code::MaybeNull, used.span, format!("`{path}` may be null here"));
        self.found.push(
            problem
                .label(field.docs.clone())
                .help(format!("make sure first: `{path} != null && …`, or `{path} != null ? … : …`")),
        );
    }
}

/// The operands that the expression fails on if they are null.
fn uses(expr: &Expr) -> Vec<&Expr> {
    match &expr.kind {
        ExprKind::Select { operand, optional: false, .. }
        | ExprKind::Has { operand, .. }
        | ExprKind::Unary { operand, .. } => vec![operand],
        ExprKind::Index { operand, key, optional: false } => vec![operand, key],
        ExprKind::Binary { operator: BinaryOperator::Equal | BinaryOperator::NotEqual, .. } => Vec::new(),
        ExprKind::Binary { operator: BinaryOperator::In, right, .. } => vec![right],
        ExprKind::Binary { left, right, .. } => vec![left, right],
        ExprKind::Call { receiver, function, arguments } if !TAKE_NULL.contains(&function.node.as_str()) => {
            receiver.as_deref().into_iter().chain(arguments).collect()
        }
        ExprKind::Comprehension(it) => vec![&it.range],
        _ => Vec::new(),
    }
}

#[cfg(test)]
#[path = "nulls_tests.rs"]
mod tests;
