//! Why a condition holds or does not: its parts with the values they had, and those that decided.
//!
//! A part is evaluated by itself, by the same code as the whole. Parts within macros have other values for each element,
//! so only what a macro walks is shown.

use serde_json::Value as Json;

use super::ast::{Expr, ExprKind, UnaryOperator};
use super::check::{Checked, check};
use super::environment::{Bindings, TypeEnv};
use super::program::{EvaluationError, Program};
use crate::base::span::Span;

/// One part of an expression, and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    pub span: Span,
    /// 0 for the whole.
    pub depth: usize,
    /// `None` for an optional that holds nothing.
    pub value: Result<Option<Json>, EvaluationError>,
    /// It is one of those that made the whole what it is.
    pub decisive: bool,
}

impl Program {
    /// The parts of a condition, each below what it is a part of. `env` is what the program was compiled with.
    pub fn trace(&self, env: &TypeEnv, bindings: &Bindings<'_>) -> Vec<Part> {
        let (checked, _) = check(self.expr(), env);
        let mut parts = Vec::new();
        Tracer { checked: &checked, bindings }.walk(self.expr(), 0, true, &mut parts);
        parts
    }
}

struct Tracer<'t> {
    checked: &'t Checked,
    bindings: &'t Bindings<'t>,
}

impl Tracer<'_> {
    fn value(&self, expr: &Expr) -> Result<Option<Json>, EvaluationError> {
        Program::new("", expr.clone(), self.checked).evaluate(self.bindings)
    }

    fn walk(&self, expr: &Expr, depth: usize, decisive: bool, parts: &mut Vec<Part>) {
        let value = self.value(expr);
        // Where several join, those decide that are as the whole is: one for `false && …`, all for `true && true`.
        let joined = |operands: &[Expr], one_is_enough: bool, parts: &mut Vec<Part>| {
            let mut decided = false;
            for operand in operands {
                let of = self.value(operand);
                let alike = match (&of, &value) {
                    (Ok(of), Ok(whole)) => of == whole,
                    (Err(_), Err(_)) => true,
                    _ => false,
                };
                let is_single = value == Ok(Some(Json::Bool(one_is_enough)));
                let decides = decisive && alike && !(is_single && decided);
                decided |= decides;
                self.walk(operand, depth + 1, decides, parts);
            }
        };
        let is_joined = matches!(
            expr.kind,
            ExprKind::And(_)
                | ExprKind::Or(_)
                | ExprKind::Conditional { .. }
                | ExprKind::Unary { operator: UnaryOperator::Not, .. }
        );
        parts.push(Part { span: expr.span, depth, value: value.clone(), decisive: decisive && !is_joined });
        match &expr.kind {
            ExprKind::And(operands) => joined(operands, false, parts),
            ExprKind::Or(operands) => joined(operands, true, parts),
            ExprKind::Unary { operator: UnaryOperator::Not, operand } => self.walk(operand, depth + 1, decisive, parts),
            ExprKind::Conditional { condition, then, otherwise } => {
                self.walk(condition, depth + 1, decisive, parts);
                match self.value(condition) {
                    Ok(Some(Json::Bool(true))) => self.walk(then, depth + 1, decisive, parts),
                    Ok(Some(Json::Bool(false))) => self.walk(otherwise, depth + 1, decisive, parts),
                    _ => {}
                }
            }
            _ => {
                for operand in operands(expr) {
                    self.walk(operand, depth + 1, false, parts);
                }
            }
        }
    }
}

/// What a part's value is made of, as far as it has one value and is not plain to see.
fn operands(expr: &Expr) -> Vec<&Expr> {
    let below = match &expr.kind {
        // A path is told as a whole.
        ExprKind::Select { .. } | ExprKind::Has { .. } | ExprKind::Index { .. } => Vec::new(),
        ExprKind::Comprehension(it) => vec![&it.range],
        ExprKind::Bind { value, .. } => vec![value.as_ref()],
        ExprKind::OptionalMap { operand, .. } => vec![operand.as_ref()],
        // What looks like a receiver may be a namespace.
        ExprKind::Call { receiver: Some(receiver), arguments, .. } if receiver.plain_name().is_some() => {
            arguments.iter().collect()
        }
        _ => expr.children(),
    };
    below.into_iter().filter(|below| !is_plain(below)).collect()
}

/// A literal, or a list of literals.
fn is_plain(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Literal(_) => true,
        ExprKind::List(_) => expr.children().into_iter().all(is_plain),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::base::fragment::Fragment;
    use crate::base::source::SourceId;
    use crate::expression::compile;
    use crate::model::schema::Shape;

    /// A line a part: `*` decides.
    fn traced(text: &str) -> String {
        let env = TypeEnv::new().with("a", Shape::Any).with("b", Shape::Any);
        let program = compile(&Fragment::verbatim(SourceId(0), 0, text), &env).unwrap();
        let (a, b) = (json!({ "x": 1, "tags": ["prod-1", "test"] }), json!(true));
        let bindings = Bindings::new().with("a", &a).with("b", &b);
        let parts = program.trace(&env, &bindings);
        assert_eq!(parts[0].value, program.evaluate(&bindings));
        let lines = parts.iter().map(|part| {
            let value = match &part.value {
                Ok(Some(value)) => value.to_string(),
                Ok(None) => "nothing".to_owned(),
                Err(error) => error.message.clone(),
            };
            let mark = if part.decisive { "*" } else { " " };
            format!("{mark} {}{} = {value}\n", "  ".repeat(part.depth), &text[part.span.range()])
        });
        lines.collect()
    }

    #[test]
    fn the_parts_that_decide_are_marked() {
        let texts = [
            "b",
            "a.x > 2 && b && a.x > 3",
            "a.x + 1 > 1 && b",
            "a.x > 2 || !b || a.x == 1 || b",
            "a.x > 2 || !b",
            "b ? a.x < 1 : a.y > 1",
            "a.y == 1 && b",
            "a.tags.exists(t, t.startsWith('prod')) && size(a.tags) in [2, 3]",
            "!(a.?y.orValue(0) > 1 && b)",
        ];
        insta::assert_snapshot!(texts.map(traced).join("\n"));
    }
}
