//! What came of an effect becomes a journal entry.

use serde_json::Value as Json;
use tokio::task::Id;

use super::Interpreter;
use crate::model::metric;
use crate::model::schema::Shape;
use crate::plan::Step;
use crate::runtime::effect::{ActionError, FailureKind, Outcome};
use crate::runtime::journal::What;
use crate::runtime::performance::TaskKind;
use crate::runtime::run::decide;

impl Interpreter {
    /// Takes in what a task came to.
    pub(super) fn take_in(&mut self, id: Id, outcome: Outcome) {
        let Some(task) = self.running.remove(&id) else { return };
        let place = task.place.clone();
        self.world.progress.clear(self.summary.id, &place);
        let was_stopped = task.stop.is_cancelled();
        let Some(step) = decide::find(&self.plan, &place.step).cloned() else { return };
        let outcome = outcome.and_then(|output| conform(&step, output, task.kind));
        Self::count(&step, &outcome);
        match (task.kind, outcome) {
            (TaskKind::Perform, Ok(output)) => {
                self.adopt_rate(&step, &output);
                self.note(What::Succeeded { place, output });
            }
            // Cut off by the engine's stop: it goes on at the next start.
            (_, Err(_)) if was_stopped && self.draining => self.note(What::Suspended { place }),
            (TaskKind::Perform, Err(error)) => {
                tracing::warn!(step = %place.step, error = %error, "attempt failed");
                let attempt = self.state.performance(&place).map_or(1, |performance| performance.attempt);
                let key = decide::key(self.summary.id, &place);
                let now = self.world.now();
                self.note(decide::after_failure(&step, &key, place, attempt, error, now));
            }
            (TaskKind::Undo, Ok(output)) => {
                self.adopt_rate(&step, &output);
                self.note(What::Undone { place, output });
            }
            (TaskKind::Undo, Err(error)) => {
                tracing::error!(step = %place.step, error = %error, "undo failed");
                self.note(What::UndoFailed { place, error });
            }
        }
    }

    /// A dispatch that came about is the target's rate from then on.
    fn adopt_rate(&mut self, step: &Step, output: &Json) {
        let Some(held) = &mut self.held else { return };
        if let (true, Some(total)) = (step.action.sets_rate, output.get("total_rps").and_then(Json::as_f64)) {
            held.state.rate_rps = Some(total);
            self.target_changed = true;
        }
    }

    fn count(step: &Step, outcome: &Outcome) {
        let result = match outcome {
            Ok(_) => "succeeded",
            Err(error) if error.kind == FailureKind::Cancelled => "cancelled",
            Err(_) => "failed",
        };
        metrics::counter!(metric::STEP_ATTEMPTS.name, "action" => step.action.name.clone(), "result" => result)
            .increment(1);
    }
}

/// Holds an output against what the action declares, so that later expressions can rely on it.
fn conform(step: &Step, mut output: Json, kind: TaskKind) -> Outcome {
    if kind == TaskKind::Undo {
        return Ok(output);
    }
    Shape::Object(step.action.output.clone()).conform("output", &mut output).map_err(|mismatches| {
        let list: Vec<_> = mismatches.iter().map(ToString::to_string).collect();
        ActionError::permanent(format!("`{}` returned what it does not declare: {}", step.action.name, list.join("; ")))
    })?;
    Ok(output)
}
