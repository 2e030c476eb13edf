//! Whether an expression can fail, given what is known: fields that may be absent, values that may be null, keys, indices,
//! divisors, texts that are converted, optionals that may hold nothing.

use super::{Conditions, Facts};
use crate::base::span::Span;
use crate::expression::ast::{BinaryOperator, Comprehension, Expr, ExprKind, Literal};
use crate::expression::{Program, Type};
use crate::lint::text::path;

/// One way in which an expression can fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::lint) struct Failure {
    pub span: Span,
    pub message: String,
    pub help: String,
    /// The `.` before a field that may be absent, where the field is the last of the whole expression.
    pub dot: Option<Span>,
}

/// Every way in which the program can fail, in the order they are written.
pub(in crate::lint) fn failures(program: &Program, facts: &Facts, conditions: &Conditions<'_>) -> Vec<Failure> {
    let mut walk = Walk { program, conditions, found: Vec::new() };
    walk.look(program.expr(), facts);
    walk.found.dedup();
    walk.found
}

struct Walk<'a> {
    program: &'a Program,
    conditions: &'a Conditions<'a>,
    found: Vec<Failure>,
}

/// Functions that take null as they take anything.
const TAKE_NULL: &[&str] = &["type", "dyn", "of", "ofNonZeroValue", "orValue", "or", "hasValue", "value"];

/// Functions that fail for texts that are not as they expect, with what they expect.
const READ_TEXT: &[(&str, &str)] = &[
    ("int", "a whole number"),
    ("uint", "a whole number"),
    ("double", "a number"),
    ("bool", "`true` or `false`"),
    ("timestamp", "a time"),
    ("duration", "a duration"),
    ("ip", "an address"),
    ("cidr", "a network"),
    ("decode", "Base64"),
];

impl Walk<'_> {
    fn type_of(&self, expr: &Expr) -> &Type {
        self.program.type_at(expr)
    }

    fn report(&mut self, span: Span, message: String, help: impl Into<String>) {
        self.found.push(Failure { span, message, help: help.into(), dot: None });
    }

    fn look(&mut self, expr: &Expr, facts: &Facts) {
        match &expr.kind {
            ExprKind::Literal(_) | ExprKind::Name { .. } => {}
            ExprKind::Select { operand, field, optional } => {
                self.look(operand, facts);
                if !optional {
                    self.select(expr, operand, &field.node, field.span, facts);
                }
            }
            ExprKind::Index { operand, key, optional } => {
                self.look(operand, facts);
                self.look(key, facts);
                if !optional {
                    self.index(expr, operand, key, facts);
                }
            }
            ExprKind::Call { receiver, function, arguments } => {
                self.call(expr, receiver.as_deref(), &function.node, arguments, facts);
            }
            ExprKind::Has { operand, .. } | ExprKind::Unary { operand, .. } => {
                self.look(operand, facts);
                self.null(operand, facts);
            }
            ExprKind::Binary { operator, left, right } => self.binary(*operator, left, right, facts),
            ExprKind::And(operands) => self.junction(operands, true, facts),
            ExprKind::Or(operands) => self.junction(operands, false, facts),
            ExprKind::Conditional { condition, then, otherwise } => {
                self.look(condition, facts);
                self.look(then, &self.knowing(condition, true, facts));
                self.look(otherwise, &self.knowing(condition, false, facts));
            }
            ExprKind::List(elements) => elements.iter().for_each(|element| self.look(&element.value, facts)),
            ExprKind::Map(entries) => {
                for entry in entries {
                    self.look(&entry.key, facts);
                    self.look(&entry.value, facts);
                }
            }
            ExprKind::Comprehension(comprehension) => self.comprehension(comprehension, facts),
            ExprKind::Bind { name, value, body } => {
                self.look(value, facts);
                self.look(body, &facts.without(&name.node));
            }
            ExprKind::OptionalMap { operand, name, body, .. } => {
                self.look(operand, facts);
                self.look(body, &facts.without(&name.node));
            }
        }
    }

    fn knowing(&self, condition: &Expr, truth: bool, facts: &Facts) -> Facts {
        let mut facts = facts.clone();
        facts.learn(condition, truth, true);
        facts.close(self.conditions);
        facts
    }

    /// An operand that fails does no harm where another one decides; so each counts only where all others do not. What
    /// stands before it has been looked at, so that it need not be guarded again.
    fn junction(&mut self, operands: &[Expr], truth: bool, facts: &Facts) {
        for (index, operand) in operands.iter().enumerate() {
            let mut known = facts.clone();
            for (other, sibling) in operands.iter().enumerate().filter(|(other, _)| *other != index) {
                known.learn(sibling, truth, other < index);
            }
            known.close(self.conditions);
            self.look(operand, &known);
        }
    }

    fn select(&mut self, expr: &Expr, operand: &Expr, field: &str, span: Span, facts: &Facts) {
        if !self.null(operand, facts) {
            return;
        }
        let whole = path(expr);
        if whole.as_deref().is_some_and(|whole| facts.is_present(whole)) {
            return;
        }
        let of = path(operand);
        let message = match without_null(self.type_of(operand)) {
            Type::Object(object) if object.field(field).is_some_and(|field| field.optional) => match of.as_deref() {
                Some("steps") => format!("step `{field}` may not have run, and then `steps.{field}` is absent"),
                _ => format!("`{field}` may be absent"),
            },
            // Of what was declared as `any`; what comes of it is told once.
            Type::Dyn if self.is_declared(operand) => {
                format!("`{}` may be anything, and have no `{field}`", of.as_deref().unwrap_or("this"))
            }
            Type::Map(..) => format!("`{}` may have no `{field}`", of.as_deref().unwrap_or("the map")),
            _ => return,
        };
        // Of what has no name only the end is shown.
        let help = match &of {
            Some(of) => format!("ask with `has({of}.{field})`, or take it as an optional: `{of}.?{field}`"),
            None => format!("ask with `has(…)` first, or take it as an optional: `.?{field}`"),
        };
        let dot = std::ptr::eq(expr, self.program.expr()).then_some(Span {
            start: operand.span.end,
            end: span.start,
            ..span
        });
        self.found.push(Failure { span, message, help, dot });
    }

    /// Whether the value is a declared field of an object.
    fn is_declared(&self, expr: &Expr) -> bool {
        let ExprKind::Select { operand, field, .. } = &expr.kind else { return false };
        matches!(without_null(self.type_of(operand)), Type::Object(object) if object.field(&field.node).is_some())
    }

    /// Whether the value is not null as far as is known; one that may be is reported.
    fn null(&mut self, expr: &Expr, facts: &Facts) -> bool {
        if !matches!(self.type_of(expr), Type::Nullable(_)) {
            return true;
        }
        let whole = path(expr);
        if whole.as_deref().is_some_and(|whole| facts.is_filled(whole)) {
            return true;
        }
        let name = whole.unwrap_or_else(|| "this".to_owned());
        self.report(expr.span, format!("`{name}` may be null"), format!("ask with `{name} != null` first"));
        false
    }

    fn index(&mut self, expr: &Expr, operand: &Expr, key: &Expr, facts: &Facts) {
        if !self.null(operand, facts) || facts.has_key(key, operand) || facts.is_sized(operand) {
            return;
        }
        if path(expr).is_some_and(|whole| facts.is_present(&whole)) {
            return;
        }
        match (without_null(self.type_of(operand)), &operand.kind, &key.kind) {
            (_, ExprKind::List(items), ExprKind::Literal(Literal::Int(index)))
                if usize::try_from(*index).is_ok_and(|index| index < items.len()) => {}
            (Type::List(_), ..) => {
                let help = "ask for the list's `size()` first, or take the item as an optional: `[?…]`";
                self.report(key.span, "the list may have no such item".to_owned(), help);
            }
            (Type::Object(object), _, ExprKind::Literal(Literal::String(name)))
                if object.field(name).is_some_and(|field| !field.optional) => {}
            (Type::Map(..) | Type::Object(_), ..) => {
                let help = "ask with `key in map` first, or take the value as an optional: `[?…]`";
                self.report(key.span, "the map may have no such key".to_owned(), help);
            }
            _ => {}
        }
    }

    fn binary(&mut self, operator: BinaryOperator, left: &Expr, right: &Expr, facts: &Facts) {
        self.look(left, facts);
        self.look(right, facts);
        match operator {
            BinaryOperator::Equal | BinaryOperator::NotEqual => return,
            BinaryOperator::In => {
                self.null(right, facts);
                return;
            }
            _ => {}
        }
        self.null(left, facts);
        self.null(right, facts);
        let is_whole = matches!(self.type_of(right), Type::Int | Type::Uint);
        if !matches!(operator, BinaryOperator::Divide | BinaryOperator::Modulo) || !is_whole {
            return;
        }
        let is_safe = match &right.kind {
            ExprKind::Literal(Literal::Int(number)) => *number != 0,
            ExprKind::Literal(Literal::Uint(number)) => *number != 0,
            _ => facts.is_nonzero(right),
        };
        if !is_safe {
            self.report(right.span, "the divisor may be 0".to_owned(), "ask with `!= 0` first, or divide doubles");
        }
    }

    fn call(&mut self, expr: &Expr, receiver: Option<&Expr>, name: &str, arguments: &[Expr], facts: &Facts) {
        let is_optional = receiver.is_some_and(|it| matches!(self.type_of(it), Type::Optional(_)));
        if let Some(receiver) = receiver {
            self.look(receiver, facts);
        }
        if let (Some(receiver), true, "or" | "orValue") = (receiver, is_optional, name) {
            // The argument is evaluated only where the receiver holds nothing.
            let known = self.knowing_empty(receiver, facts);
            arguments.iter().for_each(|argument| self.look(argument, &known));
            return;
        }
        arguments.iter().for_each(|argument| self.look(argument, facts));
        if let (Some(receiver), true, "value") = (receiver, is_optional, name) {
            if self.may_be_empty(receiver, facts) {
                let span = Span { start: receiver.span.end, ..expr.span };
                let help = "ask with `.hasValue()` first, or say what counts then with `.orValue(…)`";
                self.report(span, "the optional may hold nothing".to_owned(), help);
            }
            return;
        }
        if !TAKE_NULL.contains(&name) {
            for operand in receiver.into_iter().chain(arguments) {
                self.null(operand, facts);
            }
        }
        let reads = READ_TEXT.iter().find(|(function, _)| *function == name);
        if let (Some((_, expected)), [text]) = (reads, arguments) {
            let is_text = matches!(without_null(self.type_of(text)), Type::String);
            let is_literal = matches!(text.kind, ExprKind::Literal(_));
            if is_text && !is_literal {
                let message = format!("`{name}()` fails where the text is not {expected}");
                self.report(
                    text.span,
                    message,
                    "declare the field with the type that is meant, so that it is checked when it comes in",
                );
            }
        }
    }

    /// What is known once the optional turned out to hold nothing.
    fn knowing_empty(&self, optional: &Expr, facts: &Facts) -> Facts {
        let mut facts = facts.clone();
        if let Some(missing) = self.only_gap(optional, &facts) {
            facts.add_absent(missing);
        }
        if let ExprKind::Call { receiver: Some(first), function, arguments } = &optional.kind
            && let ("or", [second]) = (function.node.as_str(), arguments.as_slice())
        {
            facts = self.knowing_empty(second, &self.knowing_empty(first, &facts));
        }
        facts.close(self.conditions);
        facts
    }

    /// The one part of a selection that can be missing, where there is only one.
    fn only_gap(&self, optional: &Expr, facts: &Facts) -> Option<String> {
        let mut gaps = Vec::new();
        self.gaps(optional, facts, &mut gaps)?;
        match gaps.as_slice() {
            [only] => Some(only.clone()),
            _ => None,
        }
    }

    /// Every part of a selection that can be missing; `None` where it is no selection or not all is known.
    fn gaps(&self, expr: &Expr, facts: &Facts, gaps: &mut Vec<String>) -> Option<()> {
        let ExprKind::Select { operand, field, .. } = &expr.kind else {
            return matches!(expr.kind, ExprKind::Name { .. }).then_some(());
        };
        self.gaps(operand, facts, gaps)?;
        let of = match self.type_of(operand) {
            Type::Optional(content) => content,
            other => other,
        };
        let whole = path(expr)?;
        match of {
            Type::Object(object) => {
                let field = object.field(&field.node)?;
                if field.optional && !facts.is_present(&whole) {
                    gaps.push(whole);
                }
                Some(())
            }
            _ if facts.is_present(&whole) => Some(()),
            _ => None,
        }
    }

    fn may_be_empty(&self, optional: &Expr, facts: &Facts) -> bool {
        match &optional.kind {
            ExprKind::Select { .. } | ExprKind::Index { .. } => {
                if path(optional).is_some_and(|whole| facts.is_present(&whole)) {
                    return false;
                }
                let mut gaps = Vec::new();
                self.gaps(optional, facts, &mut gaps).is_none() || !gaps.is_empty()
            }
            ExprKind::Call { receiver: Some(first), function, arguments } => {
                match (function.node.as_str(), arguments.as_slice()) {
                    ("or", [second]) => {
                        self.may_be_empty(first, facts) && self.may_be_empty(second, &self.knowing_empty(first, facts))
                    }
                    ("of", _) => false,
                    _ => true,
                }
            }
            ExprKind::OptionalMap { operand, flat: false, .. } => self.may_be_empty(operand, facts),
            ExprKind::Conditional { condition, then, otherwise } => {
                self.may_be_empty(then, &self.knowing(condition, true, facts))
                    || self.may_be_empty(otherwise, &self.knowing(condition, false, facts))
            }
            _ => true,
        }
    }

    fn comprehension(&mut self, comprehension: &Comprehension, facts: &Facts) {
        let Comprehension { range, first, second, filter, body, .. } = comprehension;
        self.look(range, facts);
        self.null(range, facts);
        let mut inner = facts.without(&first.node);
        if let Some(second) = second {
            inner = inner.without(&second.node);
        } else {
            inner.learn_items(range, &first.node);
        }
        if let Some(filter) = filter {
            self.look(filter, &inner);
            inner = self.knowing(filter, true, &inner);
        }
        self.look(body, &inner);
    }
}

fn without_null(kind: &Type) -> &Type {
    match kind {
        Type::Nullable(inner) => inner,
        other => other,
    }
}
