//! Detectors held against what the rules declare: an event that nobody could take would be sent in vain.

use std::collections::BTreeMap;

use super::schedules::fields;
use super::values::Data;
use crate::base::span::Span;
use crate::base::suggest::nearest;
use crate::diagnostic::{Code, Diagnostic};
use crate::model::detector::DetectorSettings;
use crate::model::schema::{Object, Shape};

/// A detector, with where its event was written.
#[derive(Clone, Debug)]
pub struct Declared {
    pub detector: DetectorSettings,
    pub(super) event_place: Span,
    pub(super) data: Data,
    /// What the expressions of `data` give, by path.
    pub(super) holes: BTreeMap<String, Shape>,
}

impl Declared {
    /// What is wrong with its event under rules that declare `events`, by type with what they carry.
    pub fn misfits(&self, events: &BTreeMap<String, Object>) -> Vec<Diagnostic> {
        let DetectorSettings { name, event, .. } = &self.detector;
        let wrong =
            |span, message: String| Diagnostic::error(Code::BadDetector, span, format!("detector `{name}`: {message}"));
        let Some(declared) = events.get(event) else {
            let unknown = wrong(self.event_place, format!("no rules file declares `{event}`"));
            return vec![match nearest(event, events.keys().map(String::as_str)) {
                Some(known) => unknown.help(format!("did you mean `{known}`?")),
                None => unknown.help(format!("declare it in a rules file: `event {event} {{ }}`")),
            }];
        };
        // What is missing stands nowhere: all of it is told at one place.
        let mut told: BTreeMap<Span, Vec<String>> = BTreeMap::new();
        let place = |path: &str| self.data.place(path).unwrap_or(self.event_place);
        let mut loose = Shape::Object(declared.clone());
        for (path, given) in &self.holes {
            let steps = path.strip_prefix("data").unwrap_or(path);
            let Some(wanted) = at(&mut loose, steps) else { continue };
            if !suits(given, wanted) {
                let what = if *wanted == Shape::Any { String::new() } else { wanted.to_string() };
                told.entry(place(path)).or_default().push(format!("`{path}` must be {what}, but it will be {given}"));
            }
            *wanted = Shape::Any;
        }
        let mut data = if self.data.json.is_null() { serde_json::Map::new().into() } else { self.data.json.clone() };
        for mismatch in loose.conform("data", &mut data).err().unwrap_or_default() {
            told.entry(place(&mismatch.path)).or_default().push(mismatch.to_string());
        }
        let help = format!("`{event}` carries {}", fields(declared));
        told.into_iter().map(|(place, mismatches)| wrong(place, mismatches.join("; ")).help(help.clone())).collect()
    }
}

/// The shape that is declared at a path like `.tags[0].name`.
fn at<'a>(shape: &'a mut Shape, path: &str) -> Option<&'a mut Shape> {
    if path.is_empty() {
        return Some(shape);
    }
    match shape {
        Shape::List(item) => at(item, path.split_once(']')?.1),
        Shape::Map(item) => {
            let rest = path.strip_prefix('.')?;
            at(item, rest.get(rest.find(['.', '[']).unwrap_or(rest.len())..)?)
        }
        Shape::Object(object) => {
            let rest = path.strip_prefix('.')?;
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (name, rest) = rest.split_at_checked(end)?;
            let field = object.fields.iter_mut().find(|field| field.name == name)?;
            at(&mut field.shape, rest)
        }
        _ => None,
    }
}

/// Whether a value of one shape may be what is declared as another.
fn suits(given: &Shape, wanted: &Shape) -> bool {
    match (given, wanted) {
        (Shape::Any, _)
        | (_, Shape::Any)
        | (Shape::Int, Shape::Double)
        | (Shape::String, Shape::Duration | Shape::Timestamp)
        | (Shape::Map(_) | Shape::Object(_), Shape::Map(_) | Shape::Object(_)) => true,
        (Shape::List(given), Shape::List(wanted)) => suits(given, wanted),
        (given, wanted) => given == wanted,
    }
}

#[cfg(test)]
mod tests;
