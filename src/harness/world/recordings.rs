//! What actions came to when they were really performed: whoever asks the same for the same event gets the same.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value as Json;

use super::mocks::{Answer, MockedOutcome, Performance};
use crate::base::clock::Timestamp;
use crate::plan::Plan;
use crate::runtime::journal::{Entry, Place, RunSummary, What};

/// What is done in the world itself: time passes there, events come, and what is saved is found again.
const PLAYED: [&str; 3] = ["sleep", "event.wait", "recorder.save"];

/// What is asked: for which event (`None`: a person began it), of which action, with which input as text.
pub(super) type Question = (Option<(String, String)>, String, String);

/// The outcomes that journals hold.
#[derive(Clone, Debug, Default)]
pub struct Recordings(HashMap<Question, Vec<MockedOutcome>>);

impl Recordings {
    /// Adds what the steps of a run came to. `plan` is the one that it ran by: a journal does not name actions.
    pub fn take_in(&mut self, run: &RunSummary, journal: &[Entry], plan: &Plan) {
        let mut begun: BTreeMap<&Place, (Timestamp, &Json)> = BTreeMap::new();
        for Entry { at, what } in journal {
            let (place, answer) = match what {
                What::Attempted { place, input, .. } => {
                    begun.insert(place, (*at, input));
                    continue;
                }
                What::Retrying { place, error, .. } | What::Failed { place, error } => {
                    (place, Answer::Fails(error.clone()))
                }
                What::Succeeded { place, output } => (place, Answer::Output(output.clone())),
                _ => continue,
            };
            let step = [&plan.steps, &plan.on_failure]
                .into_iter()
                .find_map(|graph| graph.step(graph.find(place.step.as_str())?));
            let Some(action) = step.map(|step| step.action.name.as_ref()).filter(|name| !PLAYED.contains(name)) else {
                continue;
            };
            let Some((from, input)) = begun.remove(place) else { continue };
            let outcome = MockedOutcome { answer, after: at.since(from), item: None, attempt: None, undo: false };
            self.0.entry((run.event.clone(), action.to_owned(), input.to_string())).or_default().push(outcome);
        }
    }

    /// The outcome for a performance, which is the `taken`th with its question; the last one stays.
    pub(super) fn outcome(&self, performance: &Performance<'_>, taken: usize) -> Option<&MockedOutcome> {
        let known = self.0.get(&question(performance)).filter(|_| !performance.undo)?;
        known.get(taken).or(known.last())
    }
}

/// What a performance asks.
pub(super) fn question(performance: &Performance<'_>) -> Question {
    (performance.cause.cloned(), performance.action.to_owned(), performance.input.to_string())
}
