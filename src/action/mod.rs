//! What a step can use: one action a file, each thin: input in, one port called, output out.
//!
//! Actions know the ports, never the services behind them.

mod adjust_compute;
mod agents_dispatch;
mod approval_wait;
mod event_emit;
mod event_wait;
mod pressure_measure;
mod recorder_lookup;
mod recorder_save;
mod sleep;
mod state;

use std::sync::Arc;

use serde_json::Value as Json;

use crate::base::id::Signature;
use crate::model::action::Catalogue;
use crate::model::schema::{Field, Object, Shape};
use crate::runtime::effect::{ActionError, Effect, EffectTarget};
use crate::runtime::ports::Action;
use crate::runtime::world::Actions;

/// Every action by its name.
#[derive(Clone, Debug)]
pub struct Registry {
    actions: Actions,
}

impl Registry {
    /// The actions that ship.
    pub fn shipped() -> Self {
        let actions: [Arc<dyn Action>; 12] = [
            Arc::new(adjust_compute::AdjustCompute),
            Arc::new(agents_dispatch::AgentsDispatch),
            Arc::new(approval_wait::ApprovalWait),
            Arc::new(event_emit::EventEmit),
            Arc::new(event_wait::EventWait),
            Arc::new(pressure_measure::PressureMeasure),
            Arc::new(recorder_lookup::RecorderLookup),
            Arc::new(recorder_save::RecorderSave),
            Arc::new(sleep::Sleep),
            Arc::new(state::Rest::STABLE),
            Arc::new(state::Rest::DEGRADED),
            Arc::new(state::Rest::PAUSED),
        ];
        Self { actions: actions.into_iter().map(|action| (action.signature().name, action)).collect() }
    }

    /// The actions by name, as the runtime takes them.
    pub fn into_actions(self) -> Actions {
        self.actions
    }

    /// What the checker reads.
    pub fn catalogue(&self) -> Catalogue {
        Catalogue::new(self.actions.values().map(|action| action.signature()))
    }
}

/// The signatures of the actions that ship.
pub fn catalogue() -> Catalogue {
    Registry::shipped().catalogue()
}

/// The run's target. The checker lets no action that needs one into a run without; a stored run is checked again here.
fn target(effect: &Effect) -> Result<&EffectTarget, ActionError> {
    effect.target.as_ref().ok_or_else(|| {
        ActionError::permanent(format!("step `{}` needs a target, but the event had no subject", effect.step))
    })
}

/// What an action that waits says if it is performed all the same.
fn not_performed(effect: &Effect) -> ActionError {
    ActionError::permanent(format!("step `{}` waits; there is nothing to perform", effect.step))
}

fn signature(input: &Json) -> Option<Signature> {
    input.get("signature").and_then(Json::as_str).map(Signature::from)
}

/// A typed output as JSON.
fn output(value: impl serde::Serialize) -> Result<Json, ActionError> {
    serde_json::to_value(value).map_err(|error| ActionError::permanent(format!("the output is no JSON: {error}")))
}

/// `list<{ agent, rate_rps }>`.
fn shares(extra: Option<Field>) -> Shape {
    let mut fields = vec![
        Field::required("agent", Shape::String, "the agent's id"),
        Field::required("rate_rps", Shape::Double, "what it may send"),
    ];
    fields.extend(extra);
    Shape::List(Box::new(Shape::Object(Object::new(fields))))
}

#[cfg(test)]
mod tests;
