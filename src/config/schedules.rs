//! Schedules held against what the rules declare: an event that nobody could take would come in vain.

use std::collections::BTreeMap;

use super::values::Data;
use crate::base::span::Span;
use crate::base::suggest::nearest;
use crate::diagnostic::{Code, Diagnostic};
use crate::model::schedule::Schedule;
use crate::model::schema::{Object, Shape};

/// A schedule, with where its event was written.
#[derive(Clone, Debug)]
pub struct Scheduled {
    pub schedule: Schedule,
    pub(super) event_place: Span,
    pub(super) data: Data,
}

impl Scheduled {
    /// What is wrong with its event under rules that declare `events`, by type with what they carry.
    pub fn misfits(&self, events: &BTreeMap<String, Object>) -> Vec<Diagnostic> {
        let Schedule { name, event, data, .. } = &self.schedule;
        let wrong = |span, message: String| Diagnostic::error(Code::BadSchedule, span, message);
        let Some(declared) = events.get(event) else {
            let unknown = wrong(self.event_place, format!("schedule `{name}`: no rules file declares `{event}`"));
            return vec![match nearest(event, events.keys().map(String::as_str)) {
                Some(known) => unknown.help(format!("did you mean `{known}`?")),
                None => unknown.help(format!("declare it in a rules file: `event {event} {{ }}`")),
            }];
        };
        let mut data = if data.is_null() { serde_json::Map::new().into() } else { data.clone() };
        let Err(mismatches) = Shape::Object(declared.clone()).conform("data", &mut data) else { return Vec::new() };
        // What is missing stands nowhere: all of it is told at one place.
        let mut told: BTreeMap<Span, Vec<String>> = BTreeMap::new();
        for mismatch in mismatches {
            let place = self.data.place(&mismatch.path).unwrap_or(self.event_place);
            told.entry(place).or_default().push(mismatch.to_string());
        }
        let help = format!("`{event}` carries {}", fields(declared));
        let told = told.into_iter();
        told.map(|(place, mismatches)| {
            wrong(place, format!("schedule `{name}`: {}", mismatches.join("; "))).help(help.clone())
        })
        .collect()
    }
}

/// The fields of a declaration, with their types.
pub(super) fn fields(declared: &Object) -> String {
    if declared.fields.is_empty() {
        return "nothing".to_owned();
    }
    let fields = declared.fields.iter().map(|field| {
        let mark = if field.optional { "?" } else { "" };
        format!("`{}{mark}: {}`", field.name, field.shape)
    });
    fields.collect::<Vec<_>>().join(", ")
}
