//! Pairs of the grammar become a tree: precedence, literals decoded, macros expanded, depth limited.

use std::ops::Range;

use pest::iterators::Pair;

use super::literal::{self, LiteralProblem};
use super::{Rule, macros};
use crate::base::fragment::Fragment;
use crate::base::span::{Span, Spanned};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::expression::ast::{BinaryOperator, Element, Entry, Expr, ExprId, ExprKind, Literal, UnaryOperator};
use crate::expression::limits::MAX_DEPTH;

/// A node and how many levels it has.
pub(super) struct Built {
    pub(super) expr: Expr,
    pub(super) depth: usize,
}

/// Makes nodes and gathers problems.
pub(super) struct Builder<'f> {
    fragment: &'f Fragment,
    next_id: u32,
    problems: Diagnostics,
    too_deep: bool,
    /// What was taken out of the text; a literal stands in its place.
    holes: &'f [Range<usize>],
}

/// The tree of an `expression` pair; what stands in `holes` may be anything, and nothing more is said of it.
pub(super) fn build(fragment: &Fragment, pair: Pair<'_, Rule>, holes: &[Range<usize>]) -> (Expr, Diagnostics) {
    let mut builder = Builder { fragment, next_id: 0, problems: Diagnostics::new(), too_deep: false, holes };
    let built = builder.expression(pair);
    (built.expr, builder.problems)
}

/// How tightly a row's operator binds; `None` for what is no infix operator.
fn precedence(rule: Rule) -> Option<u8> {
    Some(match rule {
        Rule::or => 1,
        Rule::and => 2,
        Rule::equal
        | Rule::not_equal
        | Rule::less
        | Rule::less_equal
        | Rule::greater
        | Rule::greater_equal
        | Rule::within => 3,
        Rule::plus | Rule::minus => 4,
        Rule::times | Rule::divide | Rule::modulo => 5,
        _ => return None,
    })
}

fn operator(rule: Rule) -> BinaryOperator {
    match rule {
        Rule::equal => BinaryOperator::Equal,
        Rule::not_equal => BinaryOperator::NotEqual,
        Rule::less => BinaryOperator::Less,
        Rule::less_equal => BinaryOperator::LessEqual,
        Rule::greater => BinaryOperator::Greater,
        Rule::greater_equal => BinaryOperator::GreaterEqual,
        Rule::within => BinaryOperator::In,
        Rule::plus => BinaryOperator::Add,
        Rule::minus => BinaryOperator::Subtract,
        Rule::times => BinaryOperator::Multiply,
        Rule::divide => BinaryOperator::Divide,
        _ => BinaryOperator::Modulo,
    }
}

impl Builder<'_> {
    pub(super) fn report(&mut self, problem: Diagnostic) {
        let at = problem.primary.span;
        let mut holes = self.holes.iter().map(|hole| self.fragment.span(hole.clone()));
        if !holes.any(|hole| hole.start <= at.start && at.end <= hole.end) {
            self.problems.push(problem);
        }
    }

    /// A node above others of which the deepest has `below` levels.
    pub(super) fn node(&mut self, kind: ExprKind, span: Span, below: usize) -> Built {
        let depth = below + 1;
        let id = ExprId(self.next_id);
        self.next_id += 1;
        if depth <= MAX_DEPTH {
            return Built { expr: Expr { id, kind, span }, depth };
        }
        if !self.too_deep {
            self.too_deep = true;
            let message = format!("the expression has more than {MAX_DEPTH} levels");
            self.report(
                Diagnostic::error(Code::ExpressionTooDeep, span, message)
                    .help("split it, or bind parts to names with `cel.bind`"),
            );
        }
        Built { expr: Expr { id, kind: ExprKind::Literal(Literal::Null), span }, depth: 1 }
    }

    fn span(&self, pair: &Pair<'_, Rule>) -> Span {
        let span = pair.as_span();
        self.fragment.span(span.start()..span.end())
    }

    fn spanned(&self, pair: &Pair<'_, Rule>) -> Spanned<String> {
        Spanned::new(pair.as_str().to_owned(), self.span(pair))
    }

    /// What stands where the grammar promises something that is not there. Cannot happen while the grammar is what it is.
    fn hole(&mut self, span: Span) -> Built {
        self.report(Diagnostic::error(Code::ExpressionSyntax, span, "the expression cannot be read"));
        self.anything(span)
    }

    /// In place of what is wrong, so that nothing is said of what it is used for: its type is `dyn`.
    pub(super) fn anything(&mut self, span: Span) -> Built {
        let Built { expr, depth } = self.node(ExprKind::Literal(Literal::Null), span, 0);
        let function = Spanned::new("dyn".to_owned(), span);
        self.node(ExprKind::Call { receiver: None, function, arguments: vec![expr] }, span, depth)
    }

    fn expression(&mut self, pair: Pair<'_, Rule>) -> Built {
        let whole = self.span(&pair);
        let mut rows: Vec<Built> = Vec::new();
        for row in pair.into_inner().filter(|pair| pair.as_rule() == Rule::row) {
            rows.push(self.row(row));
        }
        // condition ? then : (condition ? then : (… otherwise))
        let Some(mut built) = rows.pop() else { return self.hole(whole) };
        while let Some(then) = rows.pop() {
            let Some(condition) = rows.pop() else { return self.hole(whole) };
            let below = condition.depth.max(then.depth).max(built.depth);
            let span = condition.expr.span.to(built.expr.span);
            let kind = ExprKind::Conditional {
                condition: Box::new(condition.expr),
                then: Box::new(then.expr),
                otherwise: Box::new(built.expr),
            };
            built = self.node(kind, span, below);
        }
        built
    }

    /// Operands and operators in turn: what binds tighter is joined first, equals from the left.
    fn row(&mut self, pair: Pair<'_, Rule>) -> Built {
        let whole = self.span(&pair);
        let mut operands: Vec<Built> = Vec::new();
        let mut waiting: Vec<(u8, Rule)> = Vec::new();
        for part in pair.into_inner() {
            let rule = part.as_rule();
            if let Some(binds) = precedence(rule) {
                while let Some((_, earlier)) = waiting.pop_if(|(earlier, _)| *earlier >= binds) {
                    self.join(&mut operands, earlier);
                }
                waiting.push((binds, rule));
            } else {
                let operand = self.operand(part);
                operands.push(operand);
            }
        }
        while let Some((_, rule)) = waiting.pop() {
            self.join(&mut operands, rule);
        }
        operands.pop().unwrap_or_else(|| self.hole(whole))
    }

    fn join(&mut self, operands: &mut Vec<Built>, rule: Rule) {
        let (Some(right), Some(left)) = (operands.pop(), operands.pop()) else { return };
        let span = left.expr.span.to(right.expr.span);
        let joined = match rule {
            Rule::and => self.junction(left, right, span, true),
            Rule::or => self.junction(left, right, span, false),
            _ => {
                let below = left.depth.max(right.depth);
                let kind = ExprKind::Binary {
                    operator: operator(rule),
                    left: Box::new(left.expr),
                    right: Box::new(right.expr),
                };
                self.node(kind, span, below)
            }
        };
        operands.push(joined);
    }

    /// `a && b && c` is one node, however long.
    fn junction(&mut self, left: Built, right: Built, span: Span, and: bool) -> Built {
        let below = match &left.expr.kind {
            ExprKind::And(_) if and => (left.depth - 1).max(right.depth),
            ExprKind::Or(_) if !and => (left.depth - 1).max(right.depth),
            _ => left.depth.max(right.depth),
        };
        let mut operands = match left.expr {
            Expr { kind: ExprKind::And(operands), .. } if and => operands,
            Expr { kind: ExprKind::Or(operands), .. } if !and => operands,
            other => vec![other],
        };
        operands.push(right.expr);
        self.node(if and { ExprKind::And(operands) } else { ExprKind::Or(operands) }, span, below)
    }

    fn operand(&mut self, pair: Pair<'_, Rule>) -> Built {
        let whole = self.span(&pair);
        let mut signs: Vec<(UnaryOperator, Span)> = Vec::new();
        let mut built = None;
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::not => signs.push((UnaryOperator::Not, self.span(&part))),
                Rule::minus => signs.push((UnaryOperator::Negate, self.span(&part))),
                _ => built = Some(self.member(part)),
            }
        }
        let Some(mut built) = built else { return self.hole(whole) };
        for (operator, span) in signs.into_iter().rev() {
            let span = span.to(built.expr.span);
            built = self.node(ExprKind::Unary { operator, operand: Box::new(built.expr) }, span, built.depth);
        }
        built
    }

    fn member(&mut self, pair: Pair<'_, Rule>) -> Built {
        let whole = self.span(&pair);
        let mut built: Option<Built> = None;
        for part in pair.into_inner() {
            built = Some(match (part.as_rule(), built) {
                (Rule::select, Some(operand)) => self.select(operand, part),
                (Rule::index, Some(operand)) => self.index(operand, part),
                (_, _) => self.primary(part),
            });
        }
        built.unwrap_or_else(|| self.hole(whole))
    }

    fn select(&mut self, operand: Built, pair: Pair<'_, Rule>) -> Built {
        // The rule looks for arguments behind spaces: where there are none, the spaces are not its own.
        let mut span = operand.expr.span;
        let (mut optional, mut field, mut arguments) = (false, None, None);
        for part in pair.into_inner() {
            span = span.to(self.span(&part));
            match part.as_rule() {
                Rule::optional => optional = true,
                Rule::field => field = Some(self.field(&part)),
                Rule::arguments => arguments = Some(self.arguments(part)),
                _ => {}
            }
        }
        let Some((field, quoted)) = field else { return self.hole(span) };
        let Some((arguments, below)) = arguments else {
            let below = operand.depth;
            return self.node(ExprKind::Select { operand: Box::new(operand.expr), field, optional }, span, below);
        };
        if quoted {
            let problem = Diagnostic::error(Code::ExpressionSyntax, field.span, "a quoted name is no function's");
            self.report(problem.help("write the function's name without backticks"));
        }
        macros::call(self, Some(operand), field, arguments, below, span)
    }

    /// The name, and whether it stood in backticks.
    fn field(&self, pair: &Pair<'_, Rule>) -> (Spanned<String>, bool) {
        let span = self.span(pair);
        let text = pair.as_str();
        match text.strip_prefix('`').and_then(|text| text.strip_suffix('`')) {
            Some(name) => (Spanned::new(name.to_owned(), span), true),
            None => (Spanned::new(text.to_owned(), span), false),
        }
    }

    fn arguments(&mut self, pair: Pair<'_, Rule>) -> (Vec<Expr>, usize) {
        let mut below = 0;
        let mut arguments = Vec::new();
        for part in pair.into_inner().filter(|part| part.as_rule() == Rule::expression) {
            let built = self.expression(part);
            below = below.max(built.depth);
            arguments.push(built.expr);
        }
        (arguments, below)
    }

    fn index(&mut self, operand: Built, pair: Pair<'_, Rule>) -> Built {
        let span = operand.expr.span.to(self.span(&pair));
        let (mut optional, mut key) = (false, None);
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::optional => optional = true,
                Rule::expression => key = Some(self.expression(part)),
                _ => {}
            }
        }
        let Some(key) = key else { return self.hole(span) };
        let below = operand.depth.max(key.depth);
        let kind = ExprKind::Index { operand: Box::new(operand.expr), key: Box::new(key.expr), optional };
        self.node(kind, span, below)
    }

    fn primary(&mut self, pair: Pair<'_, Rule>) -> Built {
        let span = self.span(&pair);
        match pair.as_rule() {
            Rule::parenthesised => {
                let inner = pair.into_inner().find(|part| part.as_rule() == Rule::expression);
                let Some(inner) = inner else { return self.hole(span) };
                let mut built = self.expression(inner);
                built.expr.span = span;
                built
            }
            Rule::list => self.list(pair, span),
            Rule::map => self.map(pair, span),
            Rule::call => {
                let mut parts = pair.into_inner().peekable();
                // A leading dot says "outermost"; functions have no other place.
                while parts.next_if(|part| part.as_rule() == Rule::dot).is_some() {}
                let Some(name) = parts.next() else { return self.hole(span) };
                let name = self.spanned(&name);
                let (arguments, below) =
                    parts.next().map_or_else(|| (Vec::new(), 0), |arguments| self.arguments(arguments));
                macros::call(self, None, name, arguments, below, span)
            }
            Rule::name => {
                let absolute = pair.as_str().starts_with('.');
                let name = pair.into_inner().last().map(|name| name.as_str().to_owned()).unwrap_or_default();
                self.node(ExprKind::Name { name, absolute }, span, 0)
            }
            Rule::message => {
                let problem = Diagnostic::error(Code::ExpressionSyntax, span, "there are no messages to construct");
                self.report(problem.help("write a map, like `{\"name\": value}`"));
                self.anything(span)
            }
            _ if self.holes.iter().any(|hole| hole.start == pair.as_span().start()) => self.anything(span),
            _ => self.literal(&pair, span),
        }
    }

    fn list(&mut self, pair: Pair<'_, Rule>, span: Span) -> Built {
        let mut below = 0;
        let mut elements = Vec::new();
        for element in pair.into_inner().filter(|part| part.as_rule() == Rule::element) {
            let mut optional = false;
            for part in element.into_inner() {
                if part.as_rule() == Rule::expression {
                    let built = self.expression(part);
                    below = below.max(built.depth);
                    elements.push(Element { value: built.expr, optional });
                } else {
                    optional = true;
                }
            }
        }
        self.node(ExprKind::List(elements), span, below)
    }

    fn map(&mut self, pair: Pair<'_, Rule>, span: Span) -> Built {
        let mut below = 0;
        let mut entries = Vec::new();
        for entry in pair.into_inner().filter(|part| part.as_rule() == Rule::entry) {
            let mut optional = false;
            let mut sides = Vec::new();
            for part in entry.into_inner() {
                match part.as_rule() {
                    Rule::expression => {
                        let built = self.expression(part);
                        below = below.max(built.depth);
                        sides.push(built.expr);
                    }
                    Rule::optional => optional = true,
                    _ => {}
                }
            }
            let mut sides = sides.into_iter();
            if let (Some(key), Some(value)) = (sides.next(), sides.next()) {
                entries.push(Entry { key, value, optional });
            }
        }
        self.node(ExprKind::Map(entries), span, below)
    }

    fn literal(&mut self, pair: &Pair<'_, Rule>, span: Span) -> Built {
        let text = pair.as_str();
        let read = match pair.as_rule() {
            Rule::integer => literal::integer(text).map(Literal::Int),
            Rule::unsigned => literal::unsigned(text).map(Literal::Uint),
            Rule::double => literal::double(text).map(Literal::Double),
            Rule::string => literal::string(text).map(Literal::String),
            Rule::bytes => literal::bytes(text).map(Literal::Bytes),
            Rule::boolean => Ok(Literal::Bool(text == "true")),
            _ => Ok(Literal::Null),
        };
        match read {
            Ok(value) => self.node(ExprKind::Literal(value), span, 0),
            Err(LiteralProblem { message, help, at }) => {
                let start = pair.as_span().start();
                let place = self.fragment.span(start + at.start..start + at.end);
                let mut problem = Diagnostic::error(Code::BadLiteral, place, message);
                problem.help = help.map(str::to_owned);
                self.report(problem);
                self.anything(span)
            }
        }
    }
}
