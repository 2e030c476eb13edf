//! Expressions as text that is the same for those that mean the same: what two of them are compared by.

use crate::expression::ast::{Expr, ExprKind, Literal};

/// The words of a selection from a variable, `a.b.c`, whichever way each step is written: `a.?b["c"]` too.
pub(super) fn path(expr: &Expr) -> Option<String> {
    match &expr.kind {
        ExprKind::Name { name, .. } => Some(name.clone()),
        ExprKind::Select { operand, field, .. } => Some(format!("{}.{}", path(operand)?, field.node)),
        ExprKind::Index { operand, key, .. } => match &key.kind {
            ExprKind::Literal(Literal::String(name)) => Some(format!("{}.{name}", path(operand)?)),
            _ => None,
        },
        _ => None,
    }
}

/// The expression without white space, comments and needless parentheses.
pub(super) fn text(expr: &Expr) -> String {
    let list = |items: &mut dyn Iterator<Item = &Expr>| items.map(text).collect::<Vec<_>>().join(",");
    match &expr.kind {
        ExprKind::Literal(literal) => format!("{literal:?}"),
        ExprKind::Name { name, absolute } => format!("{}{name}", if *absolute { "." } else { "" }),
        ExprKind::Select { operand, field, optional } => {
            format!("{}.{}{}", text(operand), if *optional { "?" } else { "" }, field.node)
        }
        ExprKind::Has { operand, field } => format!("has({}.{})", text(operand), field.node),
        ExprKind::Index { operand, key, optional } => {
            format!("{}[{}{}]", text(operand), if *optional { "?" } else { "" }, text(key))
        }
        ExprKind::Call { receiver, function, arguments } => {
            let receiver = receiver.as_ref().map_or_else(String::new, |receiver| format!("{}.", text(receiver)));
            format!("{receiver}{}({})", function.node, list(&mut arguments.iter()))
        }
        ExprKind::Unary { operator, operand } => format!("{}({})", operator.symbol(), text(operand)),
        ExprKind::Binary { operator, left, right } => {
            format!("({}{}{})", text(left), operator.symbol(), text(right))
        }
        ExprKind::And(operands) => format!("and({})", list(&mut operands.iter())),
        ExprKind::Or(operands) => format!("or({})", list(&mut operands.iter())),
        ExprKind::Conditional { condition, then, otherwise } => {
            format!("if({},{},{})", text(condition), text(then), text(otherwise))
        }
        ExprKind::List(elements) => {
            let element = |optional: bool, value: &Expr| format!("{}{}", if optional { "?" } else { "" }, text(value));
            let elements: Vec<String> = elements.iter().map(|it| element(it.optional, &it.value)).collect();
            format!("[{}]", elements.join(","))
        }
        ExprKind::Map(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|it| format!("{}{}:{}", if it.optional { "?" } else { "" }, text(&it.key), text(&it.value)))
                .collect();
            format!("{{{}}}", entries.join(","))
        }
        ExprKind::Comprehension(it) => {
            let second = it.second.as_ref().map_or("", |second| second.node.as_str());
            let filter = it.filter.as_ref().map_or_else(String::new, text);
            format!("{:?}({},{},{second},{filter},{})", it.kind, text(&it.range), it.first.node, text(&it.body))
        }
        ExprKind::Bind { name, value, body } => format!("bind({},{},{})", name.node, text(value), text(body)),
        ExprKind::OptionalMap { operand, name, body, flat } => {
            format!("optmap({},{},{},{flat})", text(operand), name.node, text(body))
        }
    }
}

/// Calls `visit` for the expression and everything below, outermost first.
pub(super) fn walk<'e>(expr: &'e Expr, visit: &mut dyn FnMut(&'e Expr)) {
    visit(expr);
    expr.children().into_iter().for_each(|child| walk(child, visit));
}
