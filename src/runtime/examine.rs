//! An event is held against what is declared and configured, before anything is done about it.

use super::control::{Refusal, RefusalKind};
use super::ports::Targets;
use super::program::Program;
use crate::base::id::TargetName;
use crate::base::suggest::nearest;
use crate::model::event::Event;
use crate::model::schema::Shape;

/// Why the event, number `index` of a call, is not taken; empty where it is. Brings its data into canonical form.
pub fn examine(program: &Program, targets: &dyn Targets, index: usize, event: &mut Event) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    // Read as "`attribute` message".
    let mut refuse = |kind, attribute: &str, message| {
        refusals.push(Refusal { index, kind, attribute: Some(attribute.to_owned()), message });
    };
    match program.events.get(&event.kind) {
        Some(declared) => {
            if event.data.is_null() {
                event.data = serde_json::Map::new().into();
            }
            if let Err(mismatches) = Shape::Object(declared.clone()).conform("data", &mut event.data) {
                for mismatch in mismatches {
                    refuse(RefusalKind::BadData, &mismatch.path, mismatch.problem);
                }
            }
        }
        None => {
            let hint = hint(nearest(&event.kind, program.events.keys().map(String::as_str)));
            let message = format!("is `{}`, which no rules file declares{hint}", event.kind);
            refuse(RefusalKind::UnknownType, "type", message);
        }
    }
    if let Some(subject) = event.subject.as_ref().filter(|subject| targets.settings(subject).is_none()) {
        let names = targets.names();
        let hint = hint(nearest(subject.as_str(), names.iter().map(TargetName::as_str)));
        let message = format!("is `{subject}`, which is no configured target{hint}");
        refuse(RefusalKind::UnknownTarget, "subject", message);
    }
    refusals
}

fn hint(name: Option<&str>) -> String {
    name.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}
