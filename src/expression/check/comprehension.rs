//! Macros that bind variables: what they walk, what their variables are, what comes out.

use super::Checker;
use crate::base::span::Spanned;
use crate::diagnostic::{Code, Diagnostic};
use crate::expression::ast::{Comprehension, ComprehensionKind, Expr};
use crate::expression::types::Type;

impl Checker<'_> {
    pub(super) fn comprehension(&mut self, comprehension: &Comprehension) -> Type {
        let range = self.check(&comprehension.range);
        let range = self.known(&range);
        // What a list is walked by and holds; what a map is walked by and holds.
        let (key, value, is_list) = match range.without_null() {
            Type::List(item) => (Type::Int, item.as_ref().clone(), true),
            Type::Map(key, value) => (key.as_ref().clone(), value.as_ref().clone(), false),
            Type::Object(_) => (Type::String, Type::Dyn, false),
            Type::Dyn | Type::Error => (Type::Dyn, Type::Dyn, false),
            variable @ Type::Variable(_) => {
                self.substitution.fits(&Type::Dyn, variable);
                (Type::Dyn, Type::Dyn, false)
            }
            other => {
                let message = format!("a macro walks a list or the keys of a map, but this is {other}");
                self.report(Diagnostic::error(Code::NoOverload, comprehension.range.span, message));
                (Type::Error, Type::Error, false)
            }
        };
        // With one variable: the items of a list, the keys of a map.
        let item = if is_list { value.clone() } else { key.clone() };
        let variables = match &comprehension.second {
            None => vec![(comprehension.first.node.clone(), item.clone())],
            Some(second) => vec![(comprehension.first.node.clone(), key.clone()), (second.node.clone(), value)],
        };
        let body = self.scoped(variables, |checker| {
            if let Some(filter) = &comprehension.filter {
                checker.expect_bool(filter, "the filter");
            }
            match comprehension.kind {
                ComprehensionKind::All
                | ComprehensionKind::Exists
                | ComprehensionKind::ExistsOne
                | ComprehensionKind::Filter => {
                    checker.expect_bool(&comprehension.body, "the predicate");
                    Type::Bool
                }
                _ => checker.check(&comprehension.body),
            }
        });
        match comprehension.kind {
            ComprehensionKind::All | ComprehensionKind::Exists | ComprehensionKind::ExistsOne => Type::Bool,
            ComprehensionKind::Filter | ComprehensionKind::SortBy => Type::list(self.known(&item)),
            ComprehensionKind::Map => Type::list(self.known(&body)),
            ComprehensionKind::TransformMap => Type::map(self.known(&key), self.known(&body)),
            ComprehensionKind::TransformMapEntry => {
                let entry = Type::map(self.substitution.fresh(), self.substitution.fresh());
                if self.substitution.fits(&body, &entry) {
                    return self.known(&entry);
                }
                let message = format!("each turn gives a map with one entry, but this is {}", self.known(&body));
                self.report(Diagnostic::error(Code::WrongType, comprehension.body.span, message));
                Type::Error
            }
        }
    }

    pub(super) fn optional_map(&mut self, operand: &Expr, name: &Spanned<String>, body: &Expr, flat: bool) -> Type {
        let of = self.check(operand);
        let content = self.substitution.fresh();
        if !self.substitution.fits(&of, &Type::optional(content.clone())) {
            let message = format!("it must be an optional, but it is {}", self.known(&of));
            let problem = Diagnostic::error(Code::NoOverload, operand.span, message);
            self.report(problem.help("`a.?b` selects a field as an optional"));
        }
        let content = self.known(&content);
        let result = self.scoped(vec![(name.node.clone(), content)], |checker| checker.check(body));
        if !flat {
            return Type::optional(self.known(&result));
        }
        let inner = self.substitution.fresh();
        if !self.substitution.fits(&result, &Type::optional(inner.clone())) {
            let message = format!("the result must be an optional, but it is {}", self.known(&result));
            self.report(Diagnostic::error(Code::WrongType, body.span, message).help("`optMap` takes any result"));
        }
        Type::optional(self.known(&inner))
    }
}
