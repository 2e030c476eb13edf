//! `event.wait`: the run goes on with the next event that fits.

use async_trait::async_trait;
use serde_json::Value as Json;

use super::not_performed;
use crate::model::action::ActionSignature;
use crate::model::schema::{Field, Shape};
use crate::runtime::effect::{ActionError, Effect, Outcome};
use crate::runtime::ports::{Action, Context};
use crate::runtime::wait::{Wait, WaitOn};

#[derive(Debug)]
pub(super) struct EventWait;

#[async_trait]
impl Action for EventWait {
    fn signature(&self) -> ActionSignature {
        ActionSignature {
            waits: true,
            names_event: true,
            ..ActionSignature::pure(
                "event.wait",
                "Waits for an event about the run's target (for a run without one: without a subject) whose turn comes while \
                 the step waits. Rules get the event as well. An event answers one wait of a run, and the step's `timeout` \
                 ends the wait.",
                vec![
                    Field::required("type", Shape::String, "the type of the event, which a rules file declares"),
                    Field::optional(
                        "data",
                        Shape::Map(Box::new(Shape::Any)),
                        "what the event's data must have; fields that are not named may be anything",
                    ),
                    Field::optional(
                        "required",
                        Shape::Bool,
                        "whether the step fails where none comes in time; `true` where it is absent",
                    ),
                ],
                vec![
                    Field::required("came", Shape::Bool, "whether one came"),
                    Field::required("data", Shape::Any, "what it carries; `{}` where none came"),
                    Field::optional("source", Shape::String, "who sent it"),
                    Field::optional("id", Shape::String, "its id"),
                    Field::optional("time", Shape::Timestamp, "when it happened"),
                ],
            )
        }
    }

    fn wait(&self, effect: &Effect, _context: &Context) -> Result<Option<Wait>, ActionError> {
        let kind = effect.input.get("type").and_then(Json::as_str).unwrap_or_default().to_owned();
        let data = effect.input.get("data").and_then(Json::as_object).cloned().unwrap_or_default();
        let required = effect.input.get("required").and_then(Json::as_bool).unwrap_or(true);
        Ok(Some(Wait { on: WaitOn::Event { kind, data, required }, timeout_at: None }))
    }

    async fn perform(&self, effect: &Effect, _context: &Context) -> Outcome {
        Err(not_performed(effect))
    }
}
