//! Fields of a binding, selected one after the other where the data lies: the most common thing that expressions do.
//!
//! Events of one kind have the same fields, and maps of data are in the order of their keys. So each field remembers
//! at which place it was found the last time and looks there first: one comparison instead of one for each key.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value as Json;

use super::environment::Bindings;
use super::fault::{Fault, Outcome};
use super::operators;
use super::value::Value;
use crate::base::span::Span;
use crate::model::schema::JsonMap;

/// `root.field.field`, where `root` is a binding.
#[derive(Debug)]
pub(super) struct Path {
    root: Box<str>,
    fields: Box<[Field]>,
    span: Span,
}

impl Path {
    pub(super) fn new(root: Box<str>, field: &str, span: Span) -> Self {
        Self { root, fields: Box::new([Field::new(field)]), span }
    }

    /// The same path and one field more.
    pub(super) fn then(self, field: &str, span: Span) -> Self {
        let fields = self.fields.into_iter().chain([Field::new(field)]).collect();
        Self { fields, span, ..self }
    }

    /// What lies there.
    pub(super) fn value<'a>(&self, bindings: &'a Bindings<'a>) -> Outcome<'a> {
        match self.data(bindings) {
            Some(data) => Ok(Value::from_json(data)),
            None => self.select(bindings),
        }
    }

    /// What lies there, where all on the way is data.
    #[inline]
    pub(super) fn data<'a>(&self, bindings: &'a Bindings<'a>) -> Option<&'a Json> {
        let (first, rest) = self.fields.split_first()?;
        let (found, rest) = match bindings.get(&self.root)? {
            Value::JsonMap(root) => (first.find(root)?, rest),
            // Put together of parts: data lies in one of them.
            Value::Map(root) => {
                let Value::JsonMap(part) = root.get(&Value::Str(&first.name))? else { return None };
                let (second, rest) = rest.split_first()?;
                (second.find(part)?, rest)
            }
            _ => return None,
        };
        rest.iter().try_fold(found, |data, field| match data {
            Json::Object(entries) => field.find(entries),
            _ => None,
        })
    }

    /// The same for values of all kinds, and why there is none.
    #[cold]
    fn select<'a>(&self, bindings: &'a Bindings<'a>) -> Outcome<'a> {
        let Some(root) = bindings.get(&self.root) else { return Err(Fault::unbound(&self.root).at(self.span)) };
        let mut fields = self.fields.iter();
        let found = fields.try_fold(root.clone(), |value, field| operators::select(&value, &field.name, false));
        found.map_err(|fault| fault.at(self.span))
    }
}

/// A field's name, and where it was found.
#[derive(Debug)]
pub(super) struct Field {
    name: Box<str>,
    /// Only a hint: threads may overwrite each other's.
    place: AtomicU32,
}

/// Maps up to this size are searched from end to end.
const SEARCHED: usize = 16;

impl Field {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.into(), place: AtomicU32::new(0) }
    }

    #[inline]
    pub(super) fn find<'a>(&self, entries: &'a JsonMap) -> Option<&'a Json> {
        let count = entries.len();
        if count > SEARCHED {
            return entries.get(&*self.name);
        }
        let place = self.place.load(Ordering::Relaxed) as usize;
        let mut ends = entries.iter();
        let there = match count.checked_sub(place + 1) {
            Some(behind) if behind < place => ends.nth_back(behind),
            Some(_) => ends.nth(place),
            None => None,
        };
        match there {
            Some((name, value)) if **name == *self.name => Some(value),
            _ => self.search(entries),
        }
    }

    fn search<'a>(&self, entries: &'a JsonMap) -> Option<&'a Json> {
        let (place, (_, value)) = (0_u32..).zip(entries).find(|(_, (name, _))| **name == *self.name)?;
        self.place.store(place, Ordering::Relaxed);
        Some(value)
    }
}
