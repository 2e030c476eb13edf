//! The event types that rules files declare, and the shape of what they carry.

use std::collections::HashMap;

use super::super::EventType;
use super::once;
use crate::base::fragment::Fragment;
use crate::base::span::{Span, Spanned};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::model::schema::{Field, Object, Shape};
use crate::syntax::name::is_name;
use crate::syntax::rules::ast;
use crate::syntax::shape::parse_shape;

/// Every event type of the files, each name once.
pub(super) fn declare(files: &[ast::File], diagnostics: &mut Diagnostics) -> Vec<EventType> {
    let mut places: HashMap<&str, Span> = HashMap::new();
    let mut events = Vec::new();
    for item in files.iter().flat_map(|file| &file.items) {
        let ast::Item::Event(event) = item else { continue };
        let mut data = object(&event.fields, diagnostics);
        // What could not be read may be the field that is used.
        data.open |= !event.is_whole;
        if once(&mut places, &event.name, "event", diagnostics) && !event.name.node.is_empty() {
            events.push(EventType {
                name: event.name.node.clone(),
                docs: docs(event.docs.as_ref()),
                data,
                span: event.span,
            });
        }
    }
    events
}

fn docs(docs: Option<&ast::Docs>) -> String {
    docs.map_or_else(String::new, |docs| docs.node.clone())
}

/// Most fields of one object: whoever uses one looks through them.
const MAX_FIELDS: usize = 1_000;

fn object(fields: &[ast::Field], diagnostics: &mut Diagnostics) -> Object {
    if let Some(one_more) = fields.get(MAX_FIELDS) {
        let message = format!("there are {} fields, and {MAX_FIELDS} are the most", fields.len());
        diagnostics.push(
            Diagnostic::error(Code::TooLarge, one_more.name.span, message).help("use a `map<…>` for what has no end"),
        );
        return Object { open: true, ..Object::default() };
    }
    let mut places: HashMap<&str, Span> = HashMap::new();
    let mut declared = Vec::new();
    for field in fields {
        let shape = shape(&field.kind, diagnostics);
        if !is_name(&field.name.node) {
            let message = format!("`{}` is no name for a field", field.name.node);
            diagnostics.push(
                Diagnostic::error(Code::BadName, field.name.span, message)
                    .help("expressions keep this word for themselves"),
            );
        }
        if once(&mut places, &field.name, "field", diagnostics) {
            declared.push(Field {
                name: field.name.node.clone(),
                shape,
                optional: field.optional,
                nullable: false,
                docs: docs(field.docs.as_ref()),
            });
        }
    }
    Object::new(declared)
}

/// The shape of a type; `any` for a type that does not exist, so that its uses are not wrong, too.
fn shape(kind: &Spanned<ast::Type>, diagnostics: &mut Diagnostics) -> Shape {
    match &kind.node {
        ast::Type::List(item) => Shape::List(Box::new(shape(item, diagnostics))),
        ast::Type::Map(item) => Shape::Map(Box::new(shape(item, diagnostics))),
        ast::Type::Object(fields) => Shape::Object(object(fields, diagnostics)),
        ast::Type::Named(name) => {
            let fragment = Fragment::verbatim(kind.span.source, kind.span.start as usize, name.as_str());
            parse_shape(&fragment, Code::UnknownType).unwrap_or_else(|problem| {
                diagnostics.push(*problem);
                Shape::Any
            })
        }
    }
}
