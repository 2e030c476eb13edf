//! The inputs that a workflow declares.

use super::parse::Parser;
use crate::diagnostic::Code;
use crate::model::schema::{Field, Object, Shape};
use crate::syntax::foreign;
use crate::syntax::name::check_name;
use crate::syntax::shape::parse_shape;
use crate::syntax::yaml::{Kind, Node};

impl Parser<'_, '_> {
    /// `name: type`, `name: type?`, `name?: type`, or nested fields in place of the type.
    pub(super) fn inputs(&mut self, node: &Node, what: &str) -> Object {
        let Some(entries) = node.as_map() else {
            if !node.is_null() {
                self.walk.wrong_kind(node, what, "a mapping", "write `name: type`, like `signature: string`");
            }
            return Object { fields: Vec::new(), open: node.is_cut() };
        };
        let (mut fields, mut is_whole): (Vec<Field>, bool) = (Vec::new(), true);
        for (key, value) in self.within_limit(entries, what, node.span) {
            let (name, optional) = match key.name.strip_suffix('?') {
                Some(name) => (name, true),
                None => (key.name.as_str(), false),
            };
            if let Err(problem) = check_name("an input", name, key.span) {
                self.walk.diagnostics.push(*problem);
                is_whole = false;
                continue;
            }
            if fields.iter().any(|field| field.name == name) {
                let message = format!("input `{name}` stands here twice");
                self.walk.error(Code::DuplicateKey, key.span, message, "delete one of the two");
                continue;
            }
            // What has no type that can be read may be anything, so that its uses are not wrong, too.
            let (shape, may_miss) = self.input_shape(value, &key.name).unwrap_or((Shape::Any, false));
            let field = if optional || may_miss { Field::optional } else { Field::required };
            fields.push(field(name, shape, ""));
        }
        Object { open: node.is_cut() || !is_whole, ..Object::new(fields) }
    }

    fn input_shape(&mut self, node: &Node, name: &str) -> Option<(Shape, bool)> {
        if let Some(help) = foreign::like_json_schema(node, name) {
            let message = format!("input `{name}` is declared by its type alone");
            self.walk.error(Code::WrongKind, node.span, message, &help);
            return None;
        }
        if node.as_map().is_some() {
            return Some((Shape::Object(self.inputs(node, &format!("input `{name}`"))), false));
        }
        if node.is_null() && node.is_cut() {
            return Some((Shape::Any, true));
        }
        let Kind::String(fragment) = &node.kind else {
            let help = "write a type, like `string`, `double?` or `list<string>`";
            self.walk.wrong_kind(node, &format!("input `{name}`"), "a type", help);
            return None;
        };
        let length = fragment.text.trim_end().len();
        let (length, optional) = match fragment.text.get(..length).and_then(|text| text.strip_suffix('?')) {
            Some(shape) => (shape.len(), true),
            None => (length, false),
        };
        match parse_shape(&fragment.slice(0..length), Code::WrongKind) {
            Ok(shape) => Some((shape, optional)),
            Err(problem) => {
                self.walk.diagnostics.push(*problem);
                None
            }
        }
    }
}
