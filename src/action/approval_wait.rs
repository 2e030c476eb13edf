//! `approval.wait`: the run goes on when a person says so.

use async_trait::async_trait;
use serde_json::Value as Json;

use super::not_performed;
use crate::model::action::ActionSignature;
use crate::model::schema::{Field, Shape};
use crate::runtime::effect::{ActionError, Effect, Outcome};
use crate::runtime::ports::{Action, Context};
use crate::runtime::wait::{Wait, WaitOn};

#[derive(Debug)]
pub(super) struct ApprovalWait;

#[async_trait]
impl Action for ApprovalWait {
    fn signature(&self) -> ActionSignature {
        ActionSignature {
            waits: true,
            ..ActionSignature::pure(
                "approval.wait",
                "Waits until a person decides: `homeostat runs approve RUN` or `homeostat runs reject RUN`. The step's \
                 `timeout` ends the wait.",
                vec![
                    Field::required("reason", Shape::String, "what is to be decided, as people are told"),
                    Field::optional("by", Shape::String, "who is to decide, as people are told"),
                    Field::optional(
                        "required",
                        Shape::Bool,
                        "whether the step fails where it is rejected, or nobody decides in time; `true` where it is absent",
                    ),
                ],
                vec![
                    Field::required("approved", Shape::Bool, "whether it was approved"),
                    Field::required("outcome", Shape::String, "`approved`, `rejected` or `expired`"),
                    Field::optional("by", Shape::String, "who decided, as they call themselves"),
                    Field::optional("note", Shape::String, "what they said about it"),
                ],
            )
        }
    }

    fn wait(&self, effect: &Effect, _context: &Context) -> Result<Option<Wait>, ActionError> {
        let text = |name: &str| effect.input.get(name).and_then(Json::as_str).map(str::to_owned);
        let required = effect.input.get("required").and_then(Json::as_bool).unwrap_or(true);
        let on =
            WaitOn::Approval { reason: text("reason").unwrap_or_default(), by: text("by"), required, permits: false };
        Ok(Some(Wait { on, timeout_at: None }))
    }

    async fn perform(&self, effect: &Effect, _context: &Context) -> Outcome {
        Err(not_performed(effect))
    }
}
