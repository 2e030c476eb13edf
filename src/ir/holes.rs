//! Text within an expression that was meant to have something put in: `"v-${inputs.name}"` is these very characters.
//!
//! Only a warning: somebody may mean them.

use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::expression::Program;
use crate::expression::ast::{Expr, ExprKind, Literal};

/// Warns of each such text.
pub(super) fn check(program: &Program, found: &mut Diagnostics) {
    walk(program.expr(), found);
}

fn walk(expr: &Expr, found: &mut Diagnostics) {
    if let ExprKind::Literal(Literal::String(text)) = &expr.kind {
        found_in(text, expr.span, found);
    }
    expr.children().into_iter().for_each(|child| walk(child, found));
}

fn found_in(text: &str, span: Span, found: &mut Diagnostics) {
    let Some((before, rest)) = text.split_once("${") else { return };
    let Some((inner, after)) = rest.split_once('}') else { return };
    let inner = inner.trim();
    // `a${2,3}` is a pattern.
    if !inner.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return;
    }
    let help = if before.is_empty() && after.is_empty() {
        format!("write the expression itself: `{inner}`")
    } else {
        format!("join text with `+`, like `\"{before}\" + {inner}`")
    };
    let message = "this is text: nothing is put in place of `${ … }` within an expression";
    found.push(Diagnostic::warning(Code::BadTemplate, span, message).help(help));
}
