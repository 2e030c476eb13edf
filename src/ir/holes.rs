//! Text within an expression that was meant to have something put in: `"v-${inputs.name}"` is these very characters.
//!
//! Only a warning: somebody may mean them.

use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::expression::Program;
use crate::expression::ast::{Expr, ExprKind, Literal};

/// Warns of each such text that is not all of the expression: of that one [`whole`] knows.
pub(super) fn check(program: &Program, found: &mut Diagnostics) {
    program.expr().children().into_iter().for_each(|child| walk(child, found));
}

/// The warning of an expression that is nothing but such a text; whoever says that it does not fit says how it is mended
/// instead.
pub(super) fn whole(program: &Program) -> Option<Diagnostic> {
    warning(program.expr())
}

fn walk(expr: &Expr, found: &mut Diagnostics) {
    if let Some(warning) = warning(expr) {
        found.push(warning);
    }
    expr.children().into_iter().for_each(|child| walk(child, found));
}

fn warning(expr: &Expr) -> Option<Diagnostic> {
    let ExprKind::Literal(Literal::String(text)) = &expr.kind else { return None };
    warning_of(text, expr.span)
}

fn warning_of(text: &str, span: Span) -> Option<Diagnostic> {
    let (before, rest) = text.split_once("${")?;
    let (inner, after) = rest.split_once('}')?;
    let inner = inner.trim();
    // `a${2,3}` is a pattern.
    if !inner.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return None;
    }
    let help = if before.is_empty() && after.is_empty() {
        format!("write the expression itself: `{inner}`")
    } else {
        format!("join text with `+`, like `\"{before}\" + {inner}`")
    };
    let message = "this is text: nothing is put in place of `${ … }` within an expression";
    Some(Diagnostic::warning(Code::BadTemplate, span, message).help(help))
}
