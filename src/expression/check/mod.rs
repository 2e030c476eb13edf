//! A syntax tree is held against the names that exist: what each name means, and the type of each node.
//!
//! Every problem is reported, each once. What is known only at run time stays `dyn` and is no problem.

mod call;
mod comprehension;
mod hint;
mod select;
mod unify;

use std::collections::HashMap;

use super::ast::{BinaryOperator, Element, Entry, Expr, ExprId, ExprKind, Literal};
use super::environment::TypeEnv;
use super::functions::{self, Overload};
use super::types::Type;
use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
#[cfg(test)]
pub(super) use call::MACROS;
use unify::Substitution;

/// What a node's name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A variable of a macro, by its place among those in force.
    Local(usize),
    /// A variable, by its full name; the node's whole path is that name.
    Variable(String),
    /// A type, by its name at run time.
    Type(&'static str),
    /// A function with a namespace, whose receiver is that namespace.
    Function(String),
}

/// What is known of a tree.
#[derive(Debug)]
pub(super) struct Checked {
    types: Vec<Type>,
    meanings: HashMap<ExprId, Meaning>,
}

impl Checked {
    /// The type of a node.
    pub(super) fn type_of(&self, expr: &Expr) -> &Type {
        self.types.get(expr.id.0 as usize).unwrap_or(&Type::Dyn)
    }

    /// The type of every node, by its id.
    pub(super) fn types(&self) -> &[Type] {
        &self.types
    }

    pub(super) fn meaning(&self, expr: &Expr) -> Option<&Meaning> {
        self.meanings.get(&expr.id)
    }
}

/// Checks a tree; what is known of it holds as far as there are no problems.
pub(super) fn check(expr: &Expr, env: &TypeEnv) -> (Checked, Diagnostics) {
    let mut checker = Checker {
        env,
        flat: env.is_flat(),
        substitution: Substitution::default(),
        types: Vec::new(),
        meanings: HashMap::new(),
        locals: Vec::new(),
        problems: Diagnostics::new(),
    };
    checker.check(expr);
    let Checker { substitution, mut types, meanings, mut problems, .. } = checker;
    for kind in &mut types {
        *kind = substitution.apply(kind, true);
    }
    problems.sort();
    (Checked { types, meanings }, problems)
}

struct Checker<'e> {
    env: &'e TypeEnv,
    flat: bool,
    substitution: Substitution,
    types: Vec<Type>,
    meanings: HashMap<ExprId, Meaning>,
    /// The variables of the macros around, innermost last.
    locals: Vec<(String, Type)>,
    problems: Diagnostics,
}

/// The name of a type as expressions write it, and the type.
fn named_type(name: &str) -> Option<(&'static str, Type)> {
    Some(match name {
        "bool" => ("bool", Type::Bool),
        "int" => ("int", Type::Int),
        "uint" => ("uint", Type::Uint),
        "double" => ("double", Type::Double),
        "string" => ("string", Type::String),
        "bytes" => ("bytes", Type::Bytes),
        "list" => ("list", Type::list(Type::Dyn)),
        "map" => ("map", Type::map(Type::Dyn, Type::Dyn)),
        "null_type" => ("null_type", Type::Null),
        "type" => ("type", Type::type_of(Type::Dyn)),
        "optional_type" => ("optional_type", Type::optional(Type::Dyn)),
        "net.IP" => ("net.IP", Type::opaque("net.IP")),
        "net.CIDR" => ("net.CIDR", Type::opaque("net.CIDR")),
        "google.protobuf.Duration" => ("google.protobuf.Duration", Type::Duration),
        "google.protobuf.Timestamp" => ("google.protobuf.Timestamp", Type::Timestamp),
        _ => return None,
    })
}

const DOTTED_TYPES: &[&str] = &["net", "google"];

impl Checker<'_> {
    fn report(&mut self, problem: Diagnostic) {
        self.problems.push(problem);
    }

    /// The type without what inference has replaced since.
    fn known(&self, kind: &Type) -> Type {
        self.substitution.apply(kind, false)
    }

    fn check(&mut self, expr: &Expr) -> Type {
        let kind = self.infer(expr);
        let place = expr.id.0 as usize;
        if self.types.len() <= place {
            self.types.resize(place + 1, Type::Dyn);
        }
        if let Some(slot) = self.types.get_mut(place) {
            *slot = kind.clone();
        }
        kind
    }

    fn infer(&mut self, expr: &Expr) -> Type {
        match &expr.kind {
            ExprKind::Literal(literal) => literal_type(literal),
            ExprKind::Name { name, absolute } => self.name(expr, name, *absolute),
            ExprKind::Select { operand, field, optional } => self.dotted(expr).unwrap_or_else(|| {
                let of = self.check(operand);
                self.field(operand, &of, field, *optional)
            }),
            ExprKind::Has { operand, field } => {
                let of = self.check(operand);
                self.field(operand, &of, field, false);
                Type::Bool
            }
            ExprKind::Index { operand, key, optional } => self.index(expr, operand, key, *optional),
            ExprKind::Call { receiver, function, arguments } => {
                self.call(expr, receiver.as_deref(), function, arguments)
            }
            ExprKind::Unary { operator, operand } => {
                let of = self.check(operand);
                self.operator(expr.span, operator.symbol(), &[of])
            }
            ExprKind::Binary { operator, left, right } => {
                let left_type = self.check(left);
                let right_type = self.check(right);
                self.binary(expr, *operator, (left, left_type), (right, right_type))
            }
            ExprKind::And(operands) => self.junction(operands, "&&"),
            ExprKind::Or(operands) => self.junction(operands, "||"),
            ExprKind::Conditional { condition, then, otherwise } => {
                self.expect_bool(condition, "the condition of `? :`");
                let (first, second) = (self.check(then), self.check(otherwise));
                self.branches(expr, &first, &second)
            }
            ExprKind::List(elements) => self.list(elements),
            ExprKind::Map(entries) => self.map(entries),
            ExprKind::Comprehension(comprehension) => self.comprehension(comprehension),
            ExprKind::Bind { name, value, body } => {
                let of = self.check(value);
                self.scoped(vec![(name.node.clone(), of)], |checker| checker.check(body))
            }
            ExprKind::OptionalMap { operand, name, body, flat } => self.optional_map(operand, name, body, *flat),
        }
    }

    /// Runs `inside` with these variables in force.
    fn scoped<T>(&mut self, variables: Vec<(String, Type)>, inside: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.locals.len();
        self.locals.extend(variables);
        let result = inside(self);
        self.locals.truncate(before);
        result
    }

    fn local(&self, name: &str) -> Option<(usize, Type)> {
        let found = self.locals.iter().enumerate().rev().find(|(_, (known, _))| known == name);
        found.map(|(place, (_, kind))| (place, kind.clone()))
    }

    fn name(&mut self, expr: &Expr, name: &str, absolute: bool) -> Type {
        if !absolute && let Some((place, kind)) = self.local(name) {
            self.meanings.insert(expr.id, Meaning::Local(place));
            return self.known(&kind);
        }
        if let Some(kind) = self.global(expr, name, absolute) {
            return kind;
        }
        let problem = Diagnostic::error(Code::UnknownName, expr.span, format!("`{name}` is not declared"));
        let known: Vec<String> = self.env.names().map(str::to_owned).collect();
        let locals: Vec<String> = self.locals.iter().map(|(name, _)| name.clone()).collect();
        let mut problem = problem.suggest(name, known.iter().chain(&locals).map(String::as_str));
        if let Some(why) = self.env.why_absent(name) {
            problem = problem.help(why);
        } else if let Some(constant) = hint::constant(name) {
            problem = problem.help(format!("did you mean `{constant}`?"));
        } else if problem.help.is_none() {
            let fields = hint::fields_named(self.env, name);
            if !fields.is_empty() {
                problem = problem.help(format!("did you mean {}?", fields.join(" or ")));
            }
        }
        if problem.help.is_none() && !known.is_empty() && known.len() <= 8 {
            let listed: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
            problem = problem.help(format!("what exists here: {}", listed.join(", ")));
        }
        self.report(problem);
        Type::Error
    }

    /// A variable or a type of this full name.
    fn global(&mut self, expr: &Expr, name: &str, absolute: bool) -> Option<Type> {
        for candidate in self.env.candidates(name, absolute) {
            if let Some(kind) = self.env.variable(&candidate) {
                let kind = kind.clone();
                self.meanings.insert(expr.id, Meaning::Variable(candidate));
                return Some(kind);
            }
            if let Some((name, kind)) = named_type(&candidate) {
                self.meanings.insert(expr.id, Meaning::Type(name));
                return Some(Type::type_of(kind));
            }
        }
        None
    }

    /// What the whole of a dotted name stands for, where it is one name.
    fn dotted(&mut self, expr: &Expr) -> Option<Type> {
        let (words, absolute) = expr.path()?;
        let root = words.first()?;
        let plain = self.flat && !DOTTED_TYPES.contains(root);
        if plain || !absolute && self.local(root).is_some() {
            return None;
        }
        self.global(expr, &words.join("."), absolute)
    }

    /// The result of an operator from its table.
    fn operator(&mut self, span: Span, symbol: &str, operands: &[Type]) -> Type {
        let overloads: Vec<&Overload> = functions::operator(symbol).iter().collect();
        if let Some(result) = self.resolve(&overloads, false, operands) {
            return result;
        }
        let types: Vec<String> = operands.iter().map(|kind| self.known(kind).to_string()).collect();
        let message = format!("`{symbol}` does not take {}", types.join(" and "));
        let mut problem = Diagnostic::error(Code::NoOverload, span, message);
        if let [left, right] = operands
            && let Some(help) = hint::operands(symbol, &self.known(left), &self.known(right))
        {
            problem = problem.help(help);
        }
        if operands.len() == 1 {
            problem = problem.help(match symbol {
                "!" => "only what is true or false has an opposite: compare it with something",
                _ => "only numbers have a sign",
            });
        }
        self.report(problem);
        Type::Error
    }

    /// A word that was compared with text, and is no name, was meant to be text.
    fn text_needs_quotes(&mut self, word: &Expr, other: &Type) {
        if let ExprKind::Name { name, .. } = &word.kind
            && *self.known(other).without_null() == Type::String
            && hint::constant(name).is_none()
            && self.env.why_absent(name).is_none()
            && hint::fields_named(self.env, name).is_empty()
        {
            let is_it = |problem: &Diagnostic| problem.code == Code::UnknownName && problem.primary.span == word.span;
            let help = format!("text stands in quotes: `\"{name}\"`");
            self.problems.change(is_it, |problem| problem.help(help.clone()));
        }
    }

    fn binary(&mut self, expr: &Expr, operator: BinaryOperator, left: (&Expr, Type), right: (&Expr, Type)) -> Type {
        if matches!(operator, BinaryOperator::Equal | BinaryOperator::NotEqual) {
            match (&left.1, &right.1) {
                (Type::Error, other) => self.text_needs_quotes(left.0, other),
                (other, Type::Error) => self.text_needs_quotes(right.0, other),
                _ => {}
            }
        }
        match operator {
            BinaryOperator::Equal | BinaryOperator::NotEqual => {
                let same = self.substitution.fresh();
                if !self.substitution.fits_all([(&left.1, &same), (&right.1, &same)]) {
                    let (a, b) = (self.known(&left.1), self.known(&right.1));
                    let message = format!("`{}` cannot compare {a} with {b}", operator.symbol());
                    let mut problem = Diagnostic::error(Code::NoOverload, expr.span, message)
                        .also(left.0.span, a.to_string())
                        .also(right.0.span, b.to_string());
                    if a == Type::Null || b == Type::Null {
                        problem = problem.help("it is never null; whether a field is there is asked with `has(…)`");
                    } else if let Some(help) = hint::operands(operator.symbol(), &a, &b) {
                        problem = problem.help(help);
                    }
                    self.report(problem);
                }
                Type::Bool
            }
            BinaryOperator::In => {
                let within = self.known(&right.1);
                let same = self.substitution.fresh();
                let fits = match within.without_null() {
                    Type::List(item) | Type::Map(item, _) => {
                        self.substitution.fits_all([(&left.1, &same), (item.as_ref(), &same)])
                    }
                    Type::Object(_) => self.substitution.fits(&left.1, &Type::String),
                    Type::Dyn | Type::Error => true,
                    variable @ Type::Variable(_) => self.substitution.fits(&Type::Dyn, variable),
                    _ => false,
                };
                if !fits {
                    let message = format!("`in` does not find {} in {within}", self.known(&left.1));
                    let problem = Diagnostic::error(Code::NoOverload, expr.span, message);
                    self.report(problem.help("it looks for an item of a list, or for a key of a map"));
                }
                Type::Bool
            }
            _ => {
                let is_adjacent = left.0.span.end + 1 == right.0.span.start;
                if operator == BinaryOperator::Subtract && is_adjacent && self.name_with_a_dash(left.0, right.0) {
                    return Type::Error;
                }
                self.operator(expr.span, operator.symbol(), &[left.1, right.1])
            }
        }
    }

    /// Whether `inputs.my-name` was meant to be one name: its second half does not exist. That is then told.
    fn name_with_a_dash(&mut self, left: &Expr, right: &Expr) -> bool {
        let (ExprKind::Select { field, .. }, ExprKind::Name { name, .. }) = (&left.kind, &right.kind) else {
            return false;
        };
        let is_right = |problem: &Diagnostic| problem.code == Code::UnknownName && problem.primary.span == right.span;
        let is_left = |problem: &Diagnostic| problem.code == Code::UnknownField && problem.primary.span == field.span;
        let help = format!("`-` subtracts: a name has `_` in its place, like `{}_{name}`", field.node);
        if !self.problems.iter().any(is_right) {
            return false;
        }
        if self.problems.iter().any(is_left) {
            self.problems.remove(is_right);
            self.problems.change(is_left, |problem| problem.help(help.clone()));
        } else {
            self.problems.change(is_right, |problem| problem.help(help.clone()));
        }
        true
    }

    fn expect_bool(&mut self, expr: &Expr, what: &str) {
        let kind = self.check(expr);
        if !self.substitution.fits(&kind, &Type::Bool) {
            let message = format!("{what} must be bool, but it is {}", self.known(&kind));
            self.report(Diagnostic::error(Code::WrongType, expr.span, message).help("compare it with something"));
        }
    }

    fn junction(&mut self, operands: &[Expr], symbol: &str) -> Type {
        for operand in operands {
            self.expect_bool(operand, &format!("what stands beside `{symbol}`"));
        }
        Type::Bool
    }

    fn branches(&mut self, expr: &Expr, first: &Type, second: &Type) -> Type {
        let same = self.substitution.fresh();
        if self.substitution.fits_all([(first, &same), (second, &same)]) {
            return self.known(&same);
        }
        let (first, second) = (self.known(first), self.known(second));
        let message = format!("the two results have different types: {first} and {second}");
        let problem = Diagnostic::error(Code::WrongType, expr.span, message);
        self.report(problem.help("convert one, or write `dyn(…)` around one to leave the type open"));
        Type::Error
    }

    /// What an element or a value behind `?` holds.
    fn held(&mut self, value: &Expr, kind: Type, optional: bool) -> Type {
        if !optional {
            return kind;
        }
        let content = self.substitution.fresh();
        if self.substitution.fits(&kind, &Type::optional(content.clone())) {
            return self.known(&content);
        }
        let message = format!("behind `?` stands an optional, but this is {}", self.known(&kind));
        self.report(Diagnostic::error(Code::WrongType, value.span, message).help("delete the `?`"));
        Type::Error
    }

    fn list(&mut self, elements: &[Element]) -> Type {
        let mut item: Option<Type> = None;
        for element in elements {
            let kind = self.check(&element.value);
            let kind = self.held(&element.value, kind, element.optional);
            item = Some(match item {
                Some(before) => self.substitution.join(&before, &kind),
                None => kind,
            });
        }
        let item = item.unwrap_or_else(|| self.substitution.fresh());
        Type::list(self.known(&item))
    }

    fn map(&mut self, entries: &[Entry]) -> Type {
        let mut both: Option<(Type, Type)> = None;
        for entry in entries {
            let key = self.check(&entry.key);
            let known = self.known(&key);
            if !matches!(
                known.without_null(),
                Type::Dyn | Type::Error | Type::Variable(_) | Type::Bool | Type::Int | Type::Uint | Type::String
            ) {
                let message = format!("a key of a map is bool, int, uint or string, but this is {known}");
                self.report(
                    Diagnostic::error(Code::WrongType, entry.key.span, message).help("a text stands in quotes"),
                );
            }
            let value = self.check(&entry.value);
            let value = self.held(&entry.value, value, entry.optional);
            both = Some(match both {
                Some((keys, values)) => (self.substitution.join(&keys, &key), self.substitution.join(&values, &value)),
                None => (key, value),
            });
        }
        let (key, value) = both.unwrap_or_else(|| (self.substitution.fresh(), self.substitution.fresh()));
        Type::map(self.known(&key), self.known(&value))
    }
}

fn literal_type(literal: &Literal) -> Type {
    match literal {
        Literal::Null => Type::Null,
        Literal::Bool(_) => Type::Bool,
        Literal::Int(_) => Type::Int,
        Literal::Uint(_) => Type::Uint,
        Literal::Double(_) => Type::Double,
        Literal::String(_) => Type::String,
        Literal::Bytes(_) => Type::Bytes,
    }
}
