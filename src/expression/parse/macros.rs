//! Calls that are macros become the nodes they stand for.
//!
//! A macro is known by its name, by whether it has a receiver, and by how many arguments it takes.

use super::tree::{Builder, Built};
use crate::base::span::{Span, Spanned};
use crate::diagnostic::{Code, Diagnostic};
use crate::expression::ast::{Comprehension, ComprehensionKind, Expr, ExprKind};

/// A call, or the node that the macro of this name stands for. `below`: the levels of the deepest argument.
pub(super) fn call(
    builder: &mut Builder<'_>,
    receiver: Option<Built>,
    function: Spanned<String>,
    arguments: Vec<Expr>,
    below: usize,
    span: Span,
) -> Built {
    let below = receiver.as_ref().map_or(0, |receiver| receiver.depth).max(below);
    let receiver = receiver.map(|receiver| receiver.expr);
    match receiver {
        None if function.node == "has" => has(builder, &function, arguments, below, span),
        Some(namespace) if function.node == "bind" && namespace.plain_name() == Some("cel") => {
            bind(builder, &function, arguments, below, span)
        }
        Some(range) => match form(&function.node, arguments.len()) {
            Some(Form::Comprehension(kind, variables)) => {
                comprehension(builder, kind, variables, range, &function, arguments, below, span)
            }
            Some(Form::Optional { flat }) => optional_map(builder, range, flat, &function, arguments, below, span),
            None => plain(builder, Some(range), function, arguments, below, span),
        },
        None => plain(builder, None, function, arguments, below, span),
    }
}

enum Form {
    /// The number is how many variables it binds.
    Comprehension(ComprehensionKind, usize),
    Optional {
        flat: bool,
    },
}

fn form(name: &str, arguments: usize) -> Option<Form> {
    use ComprehensionKind as Kind;
    let (kind, variables) = match (name, arguments) {
        ("all", 2) => (Kind::All, 1),
        ("all", 3) => (Kind::All, 2),
        ("exists", 2) => (Kind::Exists, 1),
        ("exists", 3) => (Kind::Exists, 2),
        ("exists_one" | "existsOne", 2) => (Kind::ExistsOne, 1),
        ("exists_one" | "existsOne", 3) => (Kind::ExistsOne, 2),
        ("filter", 2) => (Kind::Filter, 1),
        ("map", 2 | 3) => (Kind::Map, 1),
        ("transformList", 3 | 4) => (Kind::Map, 2),
        ("transformMap", 3 | 4) => (Kind::TransformMap, 2),
        ("transformMapEntry", 3 | 4) => (Kind::TransformMapEntry, 2),
        ("sortBy", 2) => (Kind::SortBy, 1),
        ("optMap", 2) => return Some(Form::Optional { flat: false }),
        ("optFlatMap", 2) => return Some(Form::Optional { flat: true }),
        _ => return None,
    };
    Some(Form::Comprehension(kind, variables))
}

fn plain(
    builder: &mut Builder<'_>,
    receiver: Option<Expr>,
    function: Spanned<String>,
    arguments: Vec<Expr>,
    below: usize,
    span: Span,
) -> Built {
    builder.node(ExprKind::Call { receiver: receiver.map(Box::new), function, arguments }, span, below)
}

fn wrong(builder: &mut Builder<'_>, at: Span, message: String, help: &str) -> Built {
    builder.report(Diagnostic::error(Code::BadMacro, at, message).help(help));
    builder.anything(at)
}

fn has(
    builder: &mut Builder<'_>,
    function: &Spanned<String>,
    mut arguments: Vec<Expr>,
    below: usize,
    span: Span,
) -> Built {
    let help = "write it like `has(event.data.name)`";
    let (1, Some(argument)) = (arguments.len(), arguments.pop()) else {
        return wrong(builder, function.span, "`has` takes one field selection".to_owned(), help);
    };
    match argument.kind {
        ExprKind::Select { operand, field, .. } => builder.node(ExprKind::Has { operand, field }, span, below),
        _ => wrong(builder, argument.span, "`has` takes a field selection, and this is none".to_owned(), help),
    }
}

/// The plain name that a macro binds; another argument is a problem.
fn variable(builder: &mut Builder<'_>, argument: &Expr, function: &str) -> Option<Spanned<String>> {
    if let Some(name) = argument.plain_name() {
        return Some(Spanned::new(name.to_owned(), argument.span));
    }
    let message = format!("the variable of `{function}` must be a plain name");
    wrong(builder, argument.span, message, "like `tag` in `tags.exists(tag, tag == \"a\")`");
    None
}

fn bind(
    builder: &mut Builder<'_>,
    function: &Spanned<String>,
    arguments: Vec<Expr>,
    below: usize,
    span: Span,
) -> Built {
    let help = "write it like `cel.bind(name, value, result)`";
    let Ok([name, value, body]) = <[Expr; 3]>::try_from(arguments) else {
        return wrong(builder, function.span, "`cel.bind` takes a name, a value and a result".to_owned(), help);
    };
    let Some(name) = variable(builder, &name, "cel.bind") else {
        return builder.anything(span);
    };
    builder.node(ExprKind::Bind { name, value: Box::new(value), body: Box::new(body) }, span, below)
}

#[expect(clippy::too_many_arguments, reason = "the parts of one call, taken apart once")]
fn comprehension(
    builder: &mut Builder<'_>,
    kind: ComprehensionKind,
    variables: usize,
    range: Expr,
    function: &Spanned<String>,
    arguments: Vec<Expr>,
    below: usize,
    span: Span,
) -> Built {
    let mut arguments = arguments.into_iter();
    let first = arguments.next().and_then(|argument| variable(builder, &argument, &function.node));
    let second = if variables == 2 {
        arguments.next().and_then(|argument| variable(builder, &argument, &function.node))
    } else {
        None
    };
    let body = arguments.next_back();
    let filter = arguments.next();
    let (Some(first), Some(body)) = (first, body) else {
        return builder.anything(span);
    };
    if second.as_ref().is_some_and(|second| second.node == first.node) {
        let message = format!("the two variables of `{}` have the same name", function.node);
        return wrong(builder, first.span, message, "give each its own name");
    }
    let comprehension = Comprehension { kind, range, first, second, filter, body, name: function.span };
    builder.node(ExprKind::Comprehension(Box::new(comprehension)), span, below)
}

fn optional_map(
    builder: &mut Builder<'_>,
    operand: Expr,
    flat: bool,
    function: &Spanned<String>,
    arguments: Vec<Expr>,
    below: usize,
    span: Span,
) -> Built {
    let mut arguments = arguments.into_iter();
    let name = arguments.next().and_then(|argument| variable(builder, &argument, &function.node));
    match (name, arguments.next()) {
        (Some(name), Some(body)) => {
            let kind = ExprKind::OptionalMap { operand: Box::new(operand), name, body: Box::new(body), flat };
            builder.node(kind, span, below)
        }
        _ => builder.anything(span),
    }
}
