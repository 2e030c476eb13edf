//! Comparisons with constants as facts about what is compared: what lints reason with, and what an index is made of.
//!
//! What is no such comparison gives none. What it must not know: what is done with a fact.

use super::ast::{BinaryOperator, Expr, ExprKind, Literal, UnaryOperator};

/// A constant that something is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Constant {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
}

/// What a comparison says.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    Is(Constant),
    IsNot(Constant),
    Among(Vec<Constant>),
    NotAmong(Vec<Constant>),
    Low(f64, bool),
    High(f64, bool),
}

/// A comparison of something with constants, as a fact about it.
pub fn comparison(atom: &Expr, truth: bool) -> Option<(&Expr, Fact)> {
    use BinaryOperator::{Equal, Greater, GreaterEqual, In, Less, LessEqual, NotEqual};
    let ExprKind::Binary { operator, left, right } = &atom.kind else { return None };
    if *operator == In {
        let ExprKind::List(items) = &right.kind else { return None };
        let all: Option<Vec<Constant>> = items.iter().map(|item| constant(&item.value)).collect();
        return Some((left, if truth { Fact::Among(all?) } else { Fact::NotAmong(all?) }));
    }
    let (thing, value, mirrored) = match (constant(left), constant(right)) {
        (None, Some(value)) => (left, value, false),
        (Some(value), None) => (right, value, true),
        _ => return None,
    };
    let operator = match (operator, truth) {
        (Equal, false) => NotEqual,
        (NotEqual, false) => Equal,
        (Less, false) => GreaterEqual,
        (LessEqual, false) => Greater,
        (Greater, false) => LessEqual,
        (GreaterEqual, false) => Less,
        (other, _) => *other,
    };
    let operator = match (operator, mirrored) {
        (Less, true) => Greater,
        (LessEqual, true) => GreaterEqual,
        (Greater, true) => Less,
        (GreaterEqual, true) => LessEqual,
        (other, _) => other,
    };
    let fact = match (operator, value) {
        (Equal, value) => Fact::Is(value),
        (NotEqual, value) => Fact::IsNot(value),
        (Less, Constant::Number(number)) => Fact::High(number, true),
        (LessEqual, Constant::Number(number)) => Fact::High(number, false),
        (Greater, Constant::Number(number)) => Fact::Low(number, true),
        (GreaterEqual, Constant::Number(number)) => Fact::Low(number, false),
        _ => return None,
    };
    Some((thing, fact))
}

/// The value of a literal.
pub fn constant(expr: &Expr) -> Option<Constant> {
    #[expect(clippy::cast_precision_loss, reason = "compared with other numbers, not computed with")]
    match &expr.kind {
        ExprKind::Literal(Literal::Null) => Some(Constant::Null),
        ExprKind::Literal(Literal::Bool(value)) => Some(Constant::Bool(*value)),
        ExprKind::Literal(Literal::Int(value)) => Some(Constant::Number(*value as f64)),
        ExprKind::Literal(Literal::Uint(value)) => Some(Constant::Number(*value as f64)),
        ExprKind::Literal(Literal::Double(value)) => Some(Constant::Number(*value)),
        ExprKind::Literal(Literal::String(value)) => Some(Constant::Text(value.clone())),
        ExprKind::Unary { operator: UnaryOperator::Negate, operand } => match constant(operand)? {
            Constant::Number(number) => Some(Constant::Number(-number)),
            _ => None,
        },
        _ => None,
    }
}
