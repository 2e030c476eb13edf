//! What stands behind a dot or in square brackets: the type of a field, an item or a value of a map.

use std::sync::Arc;

use super::{Checker, hint};
use crate::base::span::Spanned;
use crate::diagnostic::{Code, Diagnostic};
use crate::expression::ast::{Expr, ExprKind, Literal};
use crate::expression::types::Type;
use crate::model::schema::Object;

impl Checker<'_> {
    /// The type of a field of `of`.
    pub(super) fn field(&mut self, operand: &Expr, of: &Type, field: &Spanned<String>, optional: bool) -> Type {
        let of = self.known(of);
        let (inner, is_optional) = match &of {
            Type::Optional(content) => (content.without_null().clone(), true),
            other => (other.without_null().clone(), false),
        };
        let kind = match inner {
            Type::Map(_, value) => value.as_ref().clone(),
            Type::Object(object) => match object.field(&field.node) {
                Some(declared) => Type::of_field(declared),
                None if object.open => Type::Dyn,
                None => {
                    let path = hint::path(operand);
                    let whole = path.as_ref().map_or_else(|| "it".to_owned(), |path| format!("`{path}`"));
                    let message = format!("{whole} has no field `{}`", field.node);
                    let mut problem = Diagnostic::error(Code::UnknownField, field.span, message);
                    problem.help = hint::field(&object, path.as_deref(), self.outer(operand), &field.node);
                    self.report(problem);
                    Type::Error
                }
            },
            Type::Dyn | Type::Error => Type::Dyn,
            variable @ Type::Variable(_) => {
                self.substitution.fits(&Type::Dyn, &variable);
                Type::Dyn
            }
            other => {
                let message = format!("{other} has no fields");
                let mut problem = Diagnostic::error(Code::NoOverload, field.span, message);
                problem.help = hint::selection(&other, hint::path(operand).as_deref(), &field.node);
                self.report(problem);
                Type::Error
            }
        };
        if optional || is_optional { Type::optional(kind) } else { kind }
    }

    /// What `operand` is a field of, with its path, where that has declared fields.
    fn outer(&self, operand: &Expr) -> Option<(Arc<Object>, String)> {
        let ExprKind::Select { operand: outer, .. } = &operand.kind else { return None };
        match self.types.get(outer.id.0 as usize)?.without_null() {
            Type::Object(object) => Some((Arc::clone(object), hint::path(outer)?)),
            _ => None,
        }
    }

    pub(super) fn index(&mut self, expr: &Expr, operand: &Expr, key: &Expr, optional: bool) -> Type {
        let of = self.check(operand);
        let of = self.known(&of);
        let key_type = self.check(key);
        let (inner, is_optional) = match &of {
            Type::Optional(content) => (content.without_null().clone(), true),
            other => (other.without_null().clone(), false),
        };
        let (wanted, kind) = match inner {
            Type::List(item) => (Type::Int, item.as_ref().clone()),
            Type::Map(key, value) => (key.as_ref().clone(), value.as_ref().clone()),
            Type::Object(object) => match &key.kind {
                ExprKind::Literal(Literal::String(name)) => {
                    let field = Spanned::new(name.clone(), key.span);
                    (Type::Dyn, self.field(operand, &Type::Object(object), &field, false))
                }
                _ => (Type::String, Type::Dyn),
            },
            Type::Dyn | Type::Error => (Type::Dyn, Type::Dyn),
            variable @ Type::Variable(_) => {
                self.substitution.fits(&Type::Dyn, &variable);
                (Type::Dyn, Type::Dyn)
            }
            other => {
                let message = format!("{other} cannot be indexed");
                self.report(Diagnostic::error(Code::NoOverload, expr.span, message).help("lists and maps can"));
                (Type::Dyn, Type::Error)
            }
        };
        if !self.substitution.fits(&key_type, &wanted) {
            let message = format!("the key is {}, but it must be {}", self.known(&key_type), self.known(&wanted));
            let help =
                if wanted == Type::Int { "items are counted from 0: `[0]`" } else { "a key of text stands in quotes" };
            self.report(Diagnostic::error(Code::NoOverload, key.span, message).help(help));
        }
        if optional || is_optional { Type::optional(kind) } else { kind }
    }
}
