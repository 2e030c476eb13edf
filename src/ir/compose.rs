//! Written values become templates: literals brought into the form of their declaration, `${ … }` compiled and held
//! against it.

use super::fit::{Intended, help_with, intended, program_fits, remedy};
use super::holes;
use super::nulls::{self, Known, Nullable};
use super::template::{Part, Template};
use crate::base::fragment::Fragment;
use crate::base::mend;
use crate::base::span::Span;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::expression::{self, Program, TypeEnv};
use crate::model::schema::{Field, JsonMap, Object, Shape};
use crate::syntax::interpolation::{Piece, split};
use crate::syntax::yaml::{Key, Kind, Node};

/// Composes the values of one place, where the names of `env` exist.
pub(super) struct Composer<'a> {
    pub(super) env: &'a TypeEnv,
    pub(super) diagnostics: &'a mut Diagnostics,
    /// Every expression that compiled, also where its value does not do: what it refers to is checked all the same.
    pub(super) programs: &'a mut Vec<Program>,
    /// What is not null here.
    pub(super) known: &'a Known,
}

/// What a value must be: its shape, and whether null or nothing will do.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) shape: &'a Shape,
    pub(super) nullable: bool,
    /// Whether it may be left out.
    pub(super) optional: bool,
}

impl Composer<'_> {
    /// A mapping held against declared fields; `place` is where a missing one is reported, `whose` has them. Where some of
    /// the mapping `is_cut`, none is missed.
    pub(super) fn object(
        &mut self,
        (entries, is_cut): (&[(Key, Node)], bool),
        declared: &Object,
        place: Span,
        whose: &str,
    ) -> Template {
        let mut composed = Vec::new();
        let is_given = |name: &str| entries.iter().any(|(key, _)| key.name == name);
        let mut misspelt: Vec<&str> = Vec::new();
        for (key, node) in entries {
            let template = match declared.field(&key.name) {
                Some(field) => {
                    let wanted = Wanted { shape: &field.shape, nullable: field.nullable, optional: field.optional };
                    self.value(node, wanted, &format!("`{}`", key.name))
                }
                None if declared.open => self.value(node, ANYTHING, &format!("`{}`", key.name)),
                None => {
                    let intended = intended(&key.name, declared, &is_given);
                    if let Intended::Missing(name) = intended {
                        misspelt.push(name);
                    }
                    self.unknown((key, node), declared, intended, whose);
                    // What is wrong within is wrong wherever it belongs.
                    self.value(node, ANYTHING, &format!("`{}`", key.name));
                    None
                }
            };
            composed.extend(template.map(|template| (key.name.clone(), template)));
        }
        let missing = |field: &&Field| {
            !is_cut && !field.optional && !is_given(&field.name) && !misspelt.contains(&field.name.as_str())
        };
        for field in declared.fields.iter().filter(missing) {
            let message = format!("{whose} needs the input `{}`", field.name);
            let mut diagnostic = Diagnostic::error(Code::MissingInput, place, message);
            let docs = if field.docs.is_empty() { String::new() } else { format!(": {}", field.docs) };
            diagnostic = diagnostic.help(format!("`{}` is `{}`{docs}", field.name, field.shape));
            self.diagnostics.push(diagnostic);
        }
        object_of(composed)
    }

    fn unknown(&mut self, (key, node): (&Key, &Node), declared: &Object, intended: Intended<'_>, whose: &str) {
        let message = format!("{whose} has no input `{}`", key.name);
        let mut diagnostic = Diagnostic::error(Code::UnknownInput, key.span, message);
        let is_fraction = node.is_null() && !key.name.is_empty() && key.name.bytes().all(|byte| byte.is_ascii_digit());
        diagnostic = match help_with(intended) {
            Some(help) => diagnostic.help(help),
            // `{ factor: 0,8 }`: YAML ends the value at the comma.
            None if is_fraction => diagnostic.help("the fraction of a number stands behind a point, like `0.8`"),
            None if declared.fields.is_empty() => diagnostic.help("it takes none"),
            None => {
                let list: Vec<String> = declared.fields.iter().map(|field| format!("`{}`", field.name)).collect();
                diagnostic.help(format!("it takes {}", list.join(", ")))
            }
        };
        self.diagnostics.push(diagnostic);
    }

    /// One value; `None` where it does not do, which is reported.
    pub(super) fn value(&mut self, node: &Node, wanted: Wanted<'_>, what: &str) -> Option<Template> {
        match (&node.kind, wanted.shape) {
            (Kind::String(fragment), _) => self.text(node, fragment, wanted, what),
            (Kind::Seq(items), Shape::Any | Shape::List(_)) => {
                let item_shape = match wanted.shape {
                    Shape::List(item) => item,
                    _ => &Shape::Any,
                };
                let wanted = Wanted { shape: item_shape, nullable: false, optional: true };
                let composed: Vec<Option<Template>> =
                    items.iter().map(|item| self.value(item, wanted, &format!("an item of {what}"))).collect();
                Some(list_of(composed.into_iter().collect::<Option<_>>()?))
            }
            (Kind::Null, _) if node.is_cut() => None,
            (Kind::Map(entries), Shape::Object(declared)) => {
                Some(self.object((entries, node.is_cut()), declared, node.span, what))
            }
            (Kind::Map(entries), Shape::Any | Shape::Map(_)) => {
                let value_shape = match wanted.shape {
                    Shape::Map(value) => value,
                    _ => &Shape::Any,
                };
                let wanted = Wanted { shape: value_shape, nullable: false, optional: true };
                let mut composed = Vec::new();
                for (key, value) in entries {
                    composed.push((key.name.clone(), self.value(value, wanted, &format!("`{}`", key.name))?));
                }
                Some(object_of(composed))
            }
            (Kind::Null, _) if wanted.nullable || *wanted.shape == Shape::Any => {
                Some(Template::Literal(serde_json::Value::Null))
            }
            _ => self.literal(node, wanted.shape, what),
        }
    }

    fn literal(&mut self, node: &Node, shape: &Shape, what: &str) -> Option<Template> {
        let mut value = node.to_json();
        if let Kind::String(fragment) = &node.kind {
            // `$${` is written for `${` in literals too.
            let pieces = split(fragment).unwrap_or_default();
            if let [Piece::Text(text)] = pieces.as_slice() {
                value = serde_json::Value::from(text.clone());
            }
        }
        if shape.conform("", &mut value).is_ok() {
            if let Some(text) = node.as_str() {
                self.looks_like_expression(node.span, text);
            }
            return Some(Template::Literal(value));
        }
        let is = if node.is_null() { "it is empty".to_owned() } else { format!("it is {}", node.describe()) };
        let mut diagnostic =
            Diagnostic::error(Code::WrongKind, node.span, format!("{what} must be {}, but {is}", article(shape)));
        diagnostic = match shape {
            Shape::String if node.scalar().is_some_and(|text| !text.text.is_empty()) => {
                diagnostic.help("put it in quotes")
            }
            Shape::Duration => diagnostic.help(match node.as_str().and_then(mend::duration) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "write a number and a unit, like `250ms`, `30s`, `10m` or `30d`".to_owned(),
            }),
            Shape::Int | Shape::Double if node.as_str().is_some() => match node.as_str().and_then(mend::number) {
                Some(meant) if Some(meant.as_str()) == node.as_str() => {
                    diagnostic.help("a number stands without quotes")
                }
                Some(meant) => diagnostic.help(format!("did you mean `{meant}`?")),
                None => match node.as_str().and_then(|text| bare_path(self.env, text)) {
                    Some(path) => diagnostic.help(format!("an expression is written `\"${{{path}}}\"`")),
                    None => diagnostic.help("write a number, or an expression that gives one, like `\"${ … }\"`"),
                },
            },
            Shape::Int => diagnostic.help("write a whole number, like `3`"),
            Shape::Double => diagnostic.help("write a number, like `0.5`"),
            Shape::Object(_) | Shape::Map(_) => diagnostic.help("write a mapping: `{ name: value }`"),
            Shape::Bool => diagnostic.help("write `true` or `false`, without quotes"),
            Shape::Timestamp => diagnostic.help("write a time like `2026-01-31T12:00:00Z`"),
            Shape::List(_) => diagnostic.help("write a list: `[…]`"),
            _ => diagnostic,
        };
        self.diagnostics.push(diagnostic);
        None
    }

    /// Warns of text that was meant to be an expression.
    fn looks_like_expression(&mut self, span: Span, text: &str) {
        let Some(path) = meant_expression(self.env, text) else { return };
        let (message, help) = match path {
            Meant::Expression(path) => (
                format!("this is text: nothing is put in place of `{path}`"),
                format!("an expression is written `\"${{{path}}}\"`"),
            ),
            Meant::Template => (
                "this is text: it looks like a template of another tool".to_owned(),
                "expressions stand in `${ … }`, and there are no blocks: make a choice with `condition ? a : b`"
                    .to_owned(),
            ),
        };
        self.diagnostics.push(Diagnostic::warning(Code::BadTemplate, span, message).help(help));
    }

    fn text(&mut self, node: &Node, fragment: &Fragment, wanted: Wanted<'_>, what: &str) -> Option<Template> {
        let mut pieces = match split(fragment) {
            Ok(pieces) => pieces,
            Err(broken) => {
                broken.problems.into_iter().for_each(|problem| self.diagnostics.push(problem));
                self.look_into(&broken.pieces);
                return None;
            }
        };
        // A block scalar ends with a line break that nobody means as text.
        if let [Piece::Expression(_), Piece::Text(rest)] = pieces.as_slice()
            && rest.chars().all(|c| c == '\n')
        {
            pieces.pop();
        }
        match pieces.as_slice() {
            [Piece::Expression(expression)] => {
                let program = self.program(expression)?;
                self.fitting(&program, expression, wanted, what).then_some(Template::Expression(program))
            }
            pieces if pieces.iter().all(|piece| matches!(piece, Piece::Text(_))) => {
                self.literal(node, wanted.shape, what)
            }
            _ => {
                if !matches!(wanted.shape, Shape::Any | Shape::String | Shape::Duration | Shape::Timestamp) {
                    let message =
                        format!("{what} must be {}, but text around `${{ … }}` makes it text", article(wanted.shape));
                    self.diagnostics.push(
                        Diagnostic::error(Code::BadTemplate, node.span, message)
                            .help("an expression alone keeps its type: delete the text around it"),
                    );
                    self.look_into(&pieces);
                    return None;
                }
                let parts: Vec<Option<Part>> = pieces.iter().map(|piece| self.part(piece)).collect();
                Some(Template::Text(parts.into_iter().collect::<Option<_>>()?))
            }
        }
    }

    /// What is wrong with the expressions of a text that does not do as it is.
    fn look_into(&mut self, pieces: &[Piece]) {
        for piece in pieces {
            if let Piece::Expression(expression) = piece {
                self.program(expression);
            }
        }
    }

    fn part(&mut self, piece: &Piece) -> Option<Part> {
        let expression = match piece {
            Piece::Text(text) => return Some(Part::Text(text.clone())),
            Piece::Expression(expression) => expression,
        };
        let program = self.program(expression)?;
        let span = expression.span(0..expression.text.len());
        let shape = program.shape();
        if matches!(shape, Shape::List(_) | Shape::Map(_) | Shape::Object(_)) {
            let message = format!("{} cannot stand within text", article(&shape));
            self.diagnostics.push(
                Diagnostic::error(Code::BadTemplate, span, message)
                    .help("within text an expression gives text, a number or a boolean"),
            );
            return None;
        }
        if let Some(Nullable { span, path, docs }) = nulls::may_be_null(&program, self.env, self.known) {
            self.diagnostics.push(
                Diagnostic::error(Code::MaybeNull, span, "null cannot stand within text, and this may be null")
                    .label(docs)
                    .help(format!("say what to write then, like `${{{path} != null ? {path} : \"unknown\"}}`")),
            );
            return None;
        }
        if program.is_optional() {
            self.diagnostics.push(
                Diagnostic::error(Code::BadTemplate, span, "this may hold nothing, and stands within text")
                    .help("say what to write then, with `.orValue(…)`"),
            );
            return None;
        }
        Some(Part::Expression(program))
    }

    /// Compiles one expression.
    pub(super) fn program(&mut self, expression: &Fragment) -> Option<Program> {
        if self.diagnostics.is_full(expression.source) {
            return None;
        }
        match expression::compile(expression, self.env) {
            Ok(program) => {
                nulls::check(&program, self.env, self.known, self.diagnostics);
                holes::check(&program, self.diagnostics);
                holes::whole(&program).into_iter().for_each(|hole| self.diagnostics.push(hole));
                self.programs.push(program.clone());
                Some(program)
            }
            Err(problems) => {
                // What it refers to is waited for all the same: a cycle is not hidden by it.
                let read = nulls::check_wrong(expression, self.env, self.known, &problems, self.diagnostics);
                self.programs.extend(read);
                self.diagnostics.extend(problems);
                None
            }
        }
    }

    /// Whether an expression's value will do; what does not is reported.
    pub(super) fn fitting(&mut self, program: &Program, at: &Fragment, wanted: Wanted<'_>, what: &str) -> bool {
        let span = at.span(0..at.text.len());
        if let Err(why) = program_fits(program, wanted.shape) {
            let message = format!("the value of {what} {why}");
            let mut diagnostic = Diagnostic::error(Code::WrongType, span, message);
            if let (Shape::List(_), Shape::Map(_)) = (wanted.shape, program.shape()) {
                diagnostic = diagnostic.help("the keys of a map are listed by `m.transformList(k, v, k)`");
            }
            if let Some(help) = remedy(&at.text, &program.shape(), wanted.shape) {
                diagnostic = diagnostic.help(help);
            }
            self.diagnostics.push(diagnostic);
            return false;
        }
        if program.is_null() && !wanted.nullable && *wanted.shape != Shape::Any {
            let help = if wanted.optional { "leave it out" } else { "write a value" };
            self.diagnostics
                .push(Diagnostic::error(Code::WrongType, span, format!("{what} cannot be null")).help(help));
            return false;
        }
        if !wanted.nullable
            && *wanted.shape != Shape::Any
            && let Some(part) = nulls::may_be_null(program, self.env, self.known)
        {
            let message = format!("{what} cannot be null, and this may be");
            let help = format!("make sure with the step's `if`, like `if: {} != null`", part.path);
            self.diagnostics.push(Diagnostic::error(Code::MaybeNull, part.span, message).label(part.docs).help(help));
            return false;
        }
        if program.is_optional() && !wanted.optional {
            self.diagnostics.push(
                Diagnostic::error(
                    Code::WrongType,
                    span,
                    format!("{what} is required, but the expression may hold nothing"),
                )
                .help("end it with `.value()`, or with `.orValue(…)` and what to take then"),
            );
            return false;
        }
        true
    }
}

/// What a text was meant to be.
enum Meant {
    Expression(String),
    /// Of Jinja, Helm or the like.
    Template,
}

/// What people write for `${ … }` who know other tools: `{x}`, `$(x)`, `{{ x }}`, `$x`, and `x` alone.
fn meant_expression(env: &TypeEnv, text: &str) -> Option<Meant> {
    for (open, close) in [("{{", "}}"), ("{", "}"), ("$(", ")"), ("<%=", "%>"), ("#{", "}")] {
        let inner = text.split_once(open).and_then(|(_, rest)| rest.split_once(close)).map(|(inner, _)| inner);
        if let Some(path) = inner.and_then(|inner| bare_path(env, inner)) {
            return Some(Meant::Expression(path.to_owned()));
        }
    }
    if text.contains("{%") || text.contains("{{ .") || text.contains("{{.") {
        return Some(Meant::Template);
    }
    let word = text.strip_prefix('$').unwrap_or(text);
    bare_path(env, word).map(|path| Meant::Expression(path.to_owned()))
}

/// A path like `inputs.name`, whose root exists here.
fn bare_path<'t>(env: &TypeEnv, text: &'t str) -> Option<&'t str> {
    // `{inputs.name}` lacks its `$`.
    let path = text.trim();
    let path = path.strip_prefix('{').and_then(|path| path.strip_suffix('}')).unwrap_or(path).trim();
    let (root, rest) = path.split_once('.')?;
    let is_word = |word: &str| {
        let word = word.strip_prefix('?').unwrap_or(word);
        word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    (env.names().any(|name| name == root) && rest.split('.').all(is_word)).then_some(path)
}

/// Takes everything.
pub(super) const ANYTHING: Wanted<'static> = Wanted { shape: &Shape::Any, nullable: true, optional: true };

/// A shape in a message.
fn article(shape: &Shape) -> String {
    match shape {
        Shape::Object(_) => "an object".to_owned(),
        shape => format!("`{shape}`"),
    }
}

/// A list of templates; a literal where all of them are.
fn list_of(items: Vec<Template>) -> Template {
    let literal: Option<Vec<_>> = items.iter().map(literal_of).collect();
    literal.map_or(Template::List(items), |values| Template::Literal(values.into()))
}

/// An object of templates; a literal where all of them are.
pub(super) fn object_of(entries: Vec<(String, Template)>) -> Template {
    let literal: Option<JsonMap> =
        entries.iter().map(|(key, template)| Some((key.clone(), literal_of(template)?))).collect();
    literal.map_or(Template::Object(entries), |map| Template::Literal(map.into()))
}

fn literal_of(template: &Template) -> Option<serde_json::Value> {
    match template {
        Template::Literal(value) => Some(value.clone()),
        _ => None,
    }
}
