//! `recorder.lookup`: what is known of a deployment's capacity.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value as Json, json};

use super::{signature, target};
use crate::base::literal::parse_duration;
use crate::model::action::ActionSignature;
use crate::model::schema::{Field, Object, Shape};
use crate::runtime::effect::{ActionError, Effect, Outcome};
use crate::runtime::ports::{Action, Context};

#[derive(Debug)]
pub(super) struct RecorderLookup;

#[async_trait]
impl Action for RecorderLookup {
    fn signature(&self) -> ActionSignature {
        let record = Object::new(vec![
            Field::required("max_rps", Shape::Double, "the highest verified rate"),
            Field::required("interval_rps", Shape::List(Box::new(Shape::Double)), "the search places it between"),
            Field::required("verdict", Shape::String, "`confirmed` or `lower_bound`"),
            Field::required("recorded_at", Shape::Timestamp, "when it was recorded"),
            Field::required("age_ms", Shape::Int, "how long ago that was"),
        ]);
        ActionSignature {
            needs_target: true,
            ..ActionSignature::pure(
                "recorder.lookup",
                "Finds the newest record of a deployment that was measured under today's conditions.",
                vec![
                    Field::required("signature", Shape::String, "the deployment"),
                    Field::optional("max_age", Shape::Duration, "older records do not count"),
                ],
                vec![Field::optional("record", Shape::Object(record), "absent where there is none")],
            )
        }
    }

    async fn perform(&self, effect: &Effect, context: &Context) -> Outcome {
        let target = target(effect)?;
        let signature =
            signature(&effect.input).ok_or_else(|| ActionError::permanent("`signature` is missing or no text"))?;
        let max_age = max_age(&effect.input)?;
        let record = context.recorder.lookup(&target.settings, &signature, max_age).await?;
        Ok(match record {
            None => json!({}),
            Some(record) => {
                let age = context.clock.now().since(record.recorded_at).as_millis();
                json!({ "record": {
                    "max_rps": record.measurement.max_rps,
                    "interval_rps": record.measurement.interval_rps,
                    "verdict": record.measurement.verdict,
                    "recorded_at": record.recorded_at,
                    "age_ms": i64::try_from(age).unwrap_or(i64::MAX),
                }})
            }
        })
    }
}

fn max_age(input: &Json) -> Result<Option<Duration>, ActionError> {
    let Some(text) = input.get("max_age").and_then(Json::as_str) else { return Ok(None) };
    parse_duration(text).map(Some).map_err(|error| ActionError::permanent(error.to_string()))
}
