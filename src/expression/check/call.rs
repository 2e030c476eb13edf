//! Calls: which function is meant, and which of its overloads take the arguments.

use super::{Checker, Meaning};
use crate::base::span::Spanned;
use crate::diagnostic::{Code, Diagnostic};
use crate::expression::ast::{Expr, ExprKind, Literal};
use crate::expression::functions::{self, Overload};
use crate::expression::types::Type;

/// Macros by name: they are no functions, but a slip of the pen may have meant one.
pub(in crate::expression) const MACROS: &[&str] = &[
    "all",
    "exists",
    "existsOne",
    "exists_one",
    "filter",
    "has",
    "map",
    "optFlatMap",
    "optMap",
    "sortBy",
    "transformList",
    "transformMap",
    "transformMapEntry",
];

impl Checker<'_> {
    pub(super) fn call(
        &mut self,
        expr: &Expr,
        receiver: Option<&Expr>,
        function: &Spanned<String>,
        arguments: &[Expr],
    ) -> Type {
        let namespaced = receiver.and_then(|receiver| self.namespaced(receiver, &function.node));
        let (name, receiver) = match namespaced {
            Some(name) => {
                self.meanings.insert(expr.id, Meaning::Function(name.clone()));
                (name, None)
            }
            None => (function.node.clone(), receiver),
        };
        let declared: Vec<Overload> = self.env.overloads(&name).cloned().collect();
        let found = functions::find(&name);
        let unknown = found.is_none() && declared.is_empty();
        let mut types: Vec<Type> = Vec::new();
        types.extend(receiver.map(|receiver| self.check(receiver)));
        if unknown && MACROS.contains(&name.as_str()) {
            // Its arguments may name a variable that does not exist: nothing is said of them.
            let message = format!("`{name}` is used wrongly: it takes other arguments");
            let help = "its first argument names the variable that the others use, like `tags.all(tag, tag != \"\")`";
            self.report(Diagnostic::error(Code::BadMacro, function.span, message).help(help));
            return Type::Error;
        }
        if !unknown || !super::hint::is_foreign_macro(&name) {
            for argument in arguments {
                types.push(self.check(argument));
            }
        }
        if unknown {
            let known = functions::names().chain(MACROS.iter().copied());
            let problem =
                Diagnostic::error(Code::UnknownFunction, function.span, format!("there is no function `{name}`"));
            let why = self.env.why_absent(&name).or_else(|| super::hint::function(&name));
            let problem = match why {
                Some(help) => problem.help(help),
                None => problem.suggest(&name, known),
            };
            let problem = match problem.help {
                Some(_) => problem,
                None => problem.help("the guide lists every function under `Expressions`"),
            };
            self.report(problem);
            return Type::Error;
        }
        let variadic = found.is_some_and(|function| function.variadic);
        let known = found.map_or(&[][..], |function| function.overloads.as_slice());
        let overloads: Vec<&Overload> =
            known.iter().chain(&declared).filter(|overload| overload.member == receiver.is_some()).collect();
        if let Some(result) = self.resolve(&overloads, variadic, &types) {
            self.literal_argument(&name, arguments);
            return result;
        }
        let problem = self.no_overload(&name, function, receiver.is_some(), &types, known, &declared);
        self.report(problem);
        Type::Error
    }

    /// Text that is written as a literal can be read now: a pattern, a duration or a time that will never do.
    fn literal_argument(&mut self, name: &str, arguments: &[Expr]) {
        let Some(Expr { kind: ExprKind::Literal(Literal::String(text)), span, .. }) = arguments.last() else { return };
        let wrong = match name {
            "matches" => functions::regex(text).err(),
            "duration" => functions::read_duration(text).err().map(|fault| fault.into_parts().0),
            "timestamp" => functions::read_timestamp(text).err().map(|fault| fault.into_parts().0),
            _ if name.starts_with("get") => (!functions::is_zone(text)).then(|| format!("`{text}` is no time zone")),
            _ => None,
        };
        if let Some(message) = wrong {
            let help = match name {
                "duration" => "write numbers with units, like `30s`, `10m` or `1h30m`; a day is `24h`",
                "timestamp" => "write a time like `2026-01-31T12:00:00Z`",
                _ if name.starts_with("get") => "write a name like `Europe/Zurich`, or an offset like `+01:00`",
                _ => "write a regular expression of RE2, like `^v[0-9]+$`",
            };
            self.report(Diagnostic::error(Code::BadLiteral, *span, message).help(help));
        }
    }

    fn no_overload(
        &self,
        name: &str,
        function: &Spanned<String>,
        member: bool,
        types: &[Type],
        known: &[Overload],
        declared: &[Overload],
    ) -> Diagnostic {
        let given: Vec<String> = types.iter().map(|kind| self.known(kind).to_string()).collect();
        let message = match given.split_first() {
            Some((receiver, rest)) if member => format!("`{name}` does not take ({}) on {receiver}", rest.join(", ")),
            _ => format!("`{name}` does not take ({})", given.join(", ")),
        };
        let receiver = types.first().map(|kind| self.known(kind));
        let help = match (name, receiver) {
            ("contains", Some(Type::List(_) | Type::Map(..))) => {
                Some("whether a list holds an item is asked with `x in list`")
            }
            ("value" | "orValue" | "hasValue" | "or", Some(kind)) if member && !matches!(kind, Type::Optional(_)) => {
                Some("it is no optional: it is selected with `.`, not with `.?`, so it is there or an error")
            }
            ("format", Some(Type::String)) => {
                Some("what it puts in stands in a list, like `\"%d of %s\".format([2, name])`")
            }
            ("orValue", Some(_)) => Some("what to take instead must be of the same type as what the optional holds"),
            _ => None,
        };
        if let Some(help) = help {
            return Diagnostic::error(Code::NoOverload, function.span, message).help(help);
        }
        let mut taken: Vec<String> = known.iter().chain(declared).map(|overload| format!("`{overload}`")).collect();
        taken.dedup();
        taken.truncate(8);
        Diagnostic::error(Code::NoOverload, function.span, message).help(format!("it takes {}", taken.join(", ")))
    }

    /// The full name of a function whose receiver is a namespace.
    fn namespaced(&self, receiver: &Expr, function: &str) -> Option<String> {
        let (words, absolute) = receiver.path()?;
        let root = *words.first()?;
        if !absolute && self.local(root).is_some() {
            return None;
        }
        let namespace = words.join(".");
        let name = format!("{namespace}.{function}");
        let is_namespace = |known: &str| known.strip_prefix(&namespace).is_some_and(|rest| rest.starts_with('.'));
        let known = functions::find(&name).is_some() || self.env.overloads(&name).next().is_some();
        // A word that is no variable and starts the names of functions was meant as their namespace.
        let meant = self.env.variable(root).is_none() && functions::names().any(is_namespace);
        (known || meant && functions::find(function).is_none()).then_some(name)
    }

    /// The result of the overload that takes the arguments; `dyn` where their types leave open which one it is.
    pub(super) fn resolve(&mut self, overloads: &[&Overload], variadic: bool, arguments: &[Type]) -> Option<Type> {
        let open = arguments.iter().any(|argument| self.known(argument).is_open());
        let mut result: Option<Type> = None;
        for overload in overloads {
            let fresh: Vec<Type> = (0..overload.generics).map(|_| self.substitution.fresh()).collect();
            let mut parameters: Vec<Type> =
                overload.parameters.iter().map(|parameter| instantiate(parameter, &fresh)).collect();
            if variadic && parameters.len() == 1 && !matches!(parameters.first(), Some(Type::List(_))) {
                let last = parameters.first().cloned().unwrap_or(Type::Dyn);
                parameters.resize(arguments.len().max(1), last);
            }
            if parameters.len() != arguments.len() {
                continue;
            }
            if !self.substitution.fits_all(arguments.iter().zip(&parameters)) {
                continue;
            }
            let given = self.known(&instantiate(&overload.result, &fresh));
            if !open {
                return Some(given);
            }
            result = Some(match result {
                None => given,
                Some(before) if before == given => before,
                Some(_) => Type::Dyn,
            });
        }
        result
    }
}

/// The type with each parameter replaced.
fn instantiate(kind: &Type, fresh: &[Type]) -> Type {
    use std::sync::Arc;
    let deeper = |inner: &Arc<Type>| Arc::new(instantiate(inner, fresh));
    match kind {
        Type::Parameter(index) => fresh.get(*index as usize).cloned().unwrap_or(Type::Dyn),
        Type::List(inner) => Type::List(deeper(inner)),
        Type::Map(key, value) => Type::Map(deeper(key), deeper(value)),
        Type::Optional(inner) => Type::Optional(deeper(inner)),
        Type::Type(inner) => Type::Type(deeper(inner)),
        Type::Nullable(inner) => Type::Nullable(deeper(inner)),
        Type::Opaque(name, parameters) => {
            Type::Opaque(name.clone(), parameters.iter().map(|inner| instantiate(inner, fresh)).collect())
        }
        _ => kind.clone(),
    }
}
