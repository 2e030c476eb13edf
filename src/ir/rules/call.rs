//! The arguments of `run` and `emit`, held against what takes them.

use std::collections::{HashMap, HashSet};

use super::super::fit::{Intended, fits, help_with, intended, program_fits, remedy, written_misfit};
use super::super::template::Template;
use super::super::{holes, nulls};
use super::Checker;
use crate::base::span::{Span, Spanned};
use crate::diagnostic::{Code, Diagnostic};
use crate::expression;
use crate::expression::ast::ExprKind;
use crate::model::schema::{Field, Object, Shape};
use crate::syntax::rules::ast;

/// Most names that a help lists.
const MAX_LISTED: usize = 24;

impl Checker<'_, '_> {
    /// The arguments as one object; `None` where something is wrong with them, which is then said.
    ///
    /// `declared` is `None` where it is not known what is taken: then only the expressions are checked. `what` takes the
    /// arguments, and calls each of them a `word`.
    pub(super) fn arguments(
        &mut self,
        call: &ast::Call,
        declared: Option<&Object>,
        what: &str,
        word: &str,
    ) -> Option<Template> {
        let mut entries = Vec::new();
        let mut whole = true;
        let mut places: HashMap<&str, Span> = HashMap::new();
        let mut unknown = Vec::new();
        for argument in &call.arguments {
            let name = &argument.name;
            let program = self.compile(&argument.value);
            whole &= program.is_some();
            if let Some(first) = places.insert(&name.node, name.span) {
                whole = false;
                self.diagnostics.push(
                    Diagnostic::error(Code::DuplicateName, name.span, format!("`{}` is given twice", name.node))
                        .label("given again")
                        .also(first, "given here first")
                        .help("delete one of the two"),
                );
            }
            let field = declared.map(|object| object.field(&name.node));
            match (field, program) {
                (Some(None), _) => {
                    whole = false;
                    // What could not be read of the declaration may be this one.
                    if !declared.is_some_and(|declared| declared.open) {
                        unknown.push(name);
                    }
                }
                (Some(Some(field)), Some(program)) => {
                    let span = argument.value.span(0..argument.value.text.len());
                    whole &= self.fits(&program, field, span, what);
                    entries.push((name.node.clone(), Template::Expression(program)));
                }
                (None, Some(program)) => entries.push((name.node.clone(), Template::Expression(program))),
                (_, None) => {}
            }
        }
        let given = |name: &str| places.contains_key(name);
        let nothing = Object::default();
        let declared = declared.unwrap_or(&nothing);
        let mut misspelt = HashSet::new();
        for name in unknown {
            let intended = intended(&name.node, declared, &given);
            if let Intended::Missing(name) = intended {
                misspelt.insert(name);
            }
            self.unknown(name, declared, intended, what, word);
        }
        let missing = |field: &&Field| !field.optional && !given(&field.name);
        for field in declared.fields.iter().filter(missing) {
            whole = false;
            if misspelt.contains(field.name.as_str()) {
                continue;
            }
            let message = format!("the {what} needs `{}`, which is not given", field.name);
            self.diagnostics.push(
                Diagnostic::error(Code::BadArgument, call.name.span, message)
                    .help(format!("add `{}: …`, of type `{}`", field.name, field.shape)),
            );
        }
        whole.then_some(Template::Object(entries))
    }

    fn unknown(&mut self, name: &Spanned<String>, declared: &Object, intended: Intended<'_>, what: &str, word: &str) {
        let names: Vec<&str> = declared.fields.iter().map(|field| field.name.as_str()).collect();
        let help = match names.as_slice() {
            [] => format!("it has no {word}s: delete the argument"),
            names if names.len() > MAX_LISTED => format!("it has {} {word}s, and this is none of them", names.len()),
            names => format!("its {word}s are `{}`", names.join("`, `")),
        };
        let message = format!("the {what} has no {word} `{}`", name.node);
        let problem = Diagnostic::error(Code::BadArgument, name.span, message);
        self.diagnostics.push(problem.help(help_with(intended).unwrap_or(help)));
    }

    /// Whether the value fits the field.
    fn fits(&mut self, program: &expression::Program, field: &Field, span: Span, what: &str) -> bool {
        if program.is_null() && !field.nullable && field.shape != Shape::Any {
            let help = if field.optional { "leave the argument out" } else { "write a value" };
            let message = format!("`{}` cannot be null", field.name);
            self.diagnostics.push(Diagnostic::error(Code::BadArgument, span, message).help(help));
            return false;
        }
        if program.is_optional() && !field.optional {
            let message = format!("the {what} needs `{}`, but this may hold nothing", field.name);
            self.diagnostics
                .push(Diagnostic::error(Code::BadArgument, span, message).help("say what it is then: `.orValue(…)`"));
            // What it may hold must fit as well.
            if let Err(why) = fits(&program.shape(), &field.shape) {
                let problem = Diagnostic::error(Code::BadArgument, span, format!("`{}` {why}", field.name));
                self.diagnostics.push(problem);
            }
            return false;
        }
        if !field.nullable
            && field.shape != Shape::Any
            && let Some(known) = &self.known
            && let Some(part) = nulls::may_be_null(program, self.env, known)
        {
            let message = format!("the {what} needs `{}`, which cannot be null, and this may be", field.name);
            self.diagnostics.push(
                Diagnostic::error(Code::MaybeNull, part.span, message)
                    .label(part.docs)
                    .help(format!("make sure in the rule's `when`: `{} != null`", part.path)),
            );
            return false;
        }
        // Of a list or a map that is written out more is known than its type says.
        let is_written = matches!(program.expr().kind, ExprKind::List(_) | ExprKind::Map(_));
        if let Some((place, why)) = written_misfit(program.expr(), &field.shape).filter(|_| is_written) {
            let problem = Diagnostic::error(Code::BadArgument, place, format!("`{}` {why}", field.name));
            let help = match &field.shape {
                Shape::Object(object) => {
                    let fields: Vec<String> =
                        object.fields.iter().map(|field| format!("`{}: {}`", field.name, field.shape)).collect();
                    format!("it is declared with {}", fields.join(", "))
                }
                shape => format!("it is declared as `{shape}`"),
            };
            self.diagnostics.push(problem.help(help));
            return false;
        }
        let hole = holes::whole(program);
        let Err(why) = program_fits(program, &field.shape) else {
            hole.into_iter().for_each(|hole| self.diagnostics.push(hole));
            return true;
        };
        let mut problem = Diagnostic::error(Code::BadArgument, span, format!("`{}` {why}", field.name));
        let remedy = || remedy(program.text(), &program.shape(), &field.shape);
        problem.help = hole.and_then(|hole| hole.help).or_else(remedy);
        self.diagnostics.push(problem);
        false
    }
}
