//! Which events cannot be handled, and why: they become dead letters, which keep them until a person decides.
//!
//! Pure. What it must not know: stores, and what rules make of the events that can be handled.

use super::ports::EventOutcome;
use super::program::Program;
use crate::base::clock::Timestamp;
use crate::model::event::{Event, MAX_CHAIN};
use crate::model::metric;
use crate::model::schema::Shape;

/// Why no rule can be asked about the event; `None` where rules can.
pub(super) fn why(program: &Program, event: &Event) -> Option<String> {
    let Some(declared) = program.events.get(&event.kind) else {
        return Some(format!("no rules file declares events of type `{}`", event.kind));
    };
    // What comes from outside was held against its declaration at the door.
    if event.chain == 0 {
        return None;
    }
    if event.chain > MAX_CHAIN {
        return Some(format!(
            "it is number {} of a chain of events, and at most {MAX_CHAIN} follow each other",
            event.chain
        ));
    }
    let mut data = event.data.clone();
    let mismatches = Shape::Object(declared.clone()).conform("data", &mut data).err()?;
    let list: Vec<_> = mismatches.iter().map(ToString::to_string).collect();
    Some(format!("its data is not as `{}` declares: {}", event.kind, list.join("; ")))
}

/// The outcome of an event that was put aside, after so many attempts in vain before this one.
pub(super) fn outcome(attempts: u32, why: String, now: Timestamp) -> EventOutcome {
    metrics::counter!(metric::DEAD_LETTERS.name).increment(1);
    EventOutcome { routed_at: now, dead: Some(why), attempts: attempts.saturating_add(1), ..EventOutcome::default() }
}
