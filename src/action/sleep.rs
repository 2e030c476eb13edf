//! `sleep`: the run goes on later.

use async_trait::async_trait;
use serde_json::Value as Json;

use super::not_performed;
use crate::base::clock::Timestamp;
use crate::base::literal::parse_duration;
use crate::model::action::ActionSignature;
use crate::model::schema::{Field, Shape};
use crate::runtime::effect::{ActionError, Effect, Outcome};
use crate::runtime::ports::{Action, Context};
use crate::runtime::wait::{Wait, WaitOn};

#[derive(Debug)]
pub(super) struct Sleep;

#[async_trait]
impl Action for Sleep {
    fn signature(&self) -> ActionSignature {
        ActionSignature {
            waits: true,
            one_of: &["for", "until"],
            ..ActionSignature::pure(
                "sleep",
                "Lets time pass, also over restarts. Takes exactly one of `for` and `until`; a moment that is over is no wait.",
                vec![
                    Field::optional("for", Shape::Duration, "how long, from the moment the step begins"),
                    Field::optional("until", Shape::Timestamp, "up to which moment"),
                ],
                vec![Field::required("until", Shape::Timestamp, "the moment up to which it slept")],
            )
        }
    }

    fn wait(&self, effect: &Effect, context: &Context) -> Result<Option<Wait>, ActionError> {
        let text = |name: &str| effect.input.get(name).and_then(Json::as_str);
        let until = match (text("for"), text("until")) {
            (Some(length), None) => parse_duration(length).ok().map(|length| context.clock.now().after(length)),
            (None, Some(moment)) => Timestamp::parse(moment),
            _ => None,
        };
        let until = until.ok_or_else(|| ActionError::permanent("give exactly one of `for` and `until`"))?;
        Ok(Some(Wait { on: WaitOn::Time { until }, timeout_at: None }))
    }

    async fn perform(&self, effect: &Effect, _context: &Context) -> Outcome {
        Err(not_performed(effect))
    }
}
