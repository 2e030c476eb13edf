//! The written form of a shape: `string`, `double`, `list<map<int>>`. Nested fields are the business of each language.

use crate::base::fragment::Fragment;
use crate::diagnostic::{Code, Diagnostic};
use crate::model::schema::Shape;

/// Every simple shape by its name.
const NAMED: &[(&str, Shape)] = &[
    ("any", Shape::Any),
    ("bool", Shape::Bool),
    ("double", Shape::Double),
    ("duration", Shape::Duration),
    ("int", Shape::Int),
    ("string", Shape::String),
    ("timestamp", Shape::Timestamp),
];

/// Makes a list or a map of what it holds.
type Wrap = fn(Box<Shape>) -> Shape;

/// Deepest nesting of `list<…>` and `map<…>`.
const MAX_DEPTH: usize = 32;

/// What people write who know another language, and what it is here.
const FOREIGN: &[(&str, &str)] = &[
    ("str", "string"),
    ("text", "string"),
    ("number", "double"),
    ("float", "double"),
    ("integer", "int"),
    ("boolean", "bool"),
    ("array", "list<any>"),
    ("list", "list<any>"),
    ("object", "map<any>"),
    ("map", "map<any>"),
    ("datetime", "timestamp"),
    ("time", "timestamp"),
    ("date", "timestamp"),
];

/// The names of the simple shapes.
pub fn names() -> impl Iterator<Item = &'static str> + Clone {
    NAMED.iter().map(|(name, _)| *name)
}

/// Reads a shape without a trailing `?`.
///
/// # Errors
/// What is no shape, with `code`, at the very word.
pub fn parse_shape(fragment: &Fragment, code: Code) -> Result<Shape, Box<Diagnostic>> {
    let text = fragment.text.as_str();
    let mut start = text.len() - text.trim_start().len();
    let mut end = text.trim_end().len().max(start);
    let mut wrappers: Vec<Wrap> = Vec::new();
    loop {
        let inner = text.get(start..end).unwrap_or_default();
        let wrapped: Option<(usize, Wrap)> = if inner.starts_with("list<") {
            Some(("list<".len(), Shape::List))
        } else if inner.starts_with("map<") {
            Some(("map<".len(), Shape::Map))
        } else {
            None
        };
        let Some((opened, wrap)) = wrapped else { break };
        if !inner.ends_with('>') {
            let span = fragment.span(start..end);
            return Err(Box::new(
                Diagnostic::error(code, span, "the `<` is not closed").help("a list is `list<string>`"),
            ));
        }
        wrappers.push(wrap);
        if wrappers.len() > MAX_DEPTH {
            let span = fragment.span(start..end);
            return Err(Box::new(Diagnostic::error(Code::TooLarge, span, "the type is nested too deeply")));
        }
        start += opened;
        end -= 1;
        while text.get(start..end).is_some_and(|inner| inner.starts_with(' ')) {
            start += 1;
        }
        while text.get(start..end).is_some_and(|inner| inner.ends_with(' ')) {
            end -= 1;
        }
    }
    let name = text.get(start..end).unwrap_or_default();
    let Some((_, shape)) = NAMED.iter().find(|(known, _)| *known == name) else {
        let diagnostic = Diagnostic::error(code, fragment.span(start..end), format!("`{name}` is no type"));
        let foreign = FOREIGN.iter().find(|(known, _)| *known == name.to_ascii_lowercase());
        return Err(Box::new(match (foreign, crate::base::suggest::nearest(name, names())) {
            (Some((_, ours)), _) => diagnostic.help(format!("did you mean `{ours}`?")),
            (None, Some(near)) => diagnostic.help(format!("did you mean `{near}`?")),
            (None, None) => diagnostic.help(format!(
                "types are {}, `list<…>`, `map<…>` and nested fields",
                names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
            )),
        }));
    };
    Ok(wrappers.into_iter().rev().fold(shape.clone(), |shape, wrap| wrap(Box::new(shape))))
}
