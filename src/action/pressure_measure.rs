//! `pressure.measure`: load-tests the target's configured endpoint and finds the highest rate it bears.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value as Json;

use super::{output, target};
use crate::base::clock::Timestamp;
use crate::model::action::{ActionSignature, Effect as Kind};
use crate::model::schema::{Field, Shape};
use crate::model::target::Mode;
use crate::runtime::effect::{ActionError, Effect, Outcome};
use crate::runtime::ports::{Action, Context, MeasureOrder};

#[derive(Debug)]
pub(super) struct PressureMeasure;

#[async_trait]
impl Action for PressureMeasure {
    fn signature(&self) -> ActionSignature {
        ActionSignature {
            effect: Kind::Idempotent,
            needs_target: true,
            loads_target: true,
            ..ActionSignature::pure(
                "pressure.measure",
                "Load-tests the target within its configured limits. What to test comes from the configuration alone.",
                vec![Field::optional("hint_rps", Shape::Double, "what it probably bears: where the search starts")],
                vec![
                    Field::required("max_rps", Shape::Double, "the highest verified rate, live traffic included"),
                    Field::required(
                        "interval_rps",
                        Shape::List(Box::new(Shape::Double)),
                        "the search places it between",
                    ),
                    Field::required("verdict", Shape::String, "`confirmed` or `lower_bound`"),
                    Field::optional(
                        "stopped",
                        Shape::String,
                        "what ended the search before it knew more than a lower bound: `time`, `requests`, `window`, `unsteady`, `scatter`, \
                         `not_recovered`, `error_bursts`, `unhealthy` or `invalid`",
                    ),
                    Field::required("requests", Shape::Int, "sent by the test"),
                    Field::required("started_at", Shape::Timestamp, "when it began"),
                    Field::required("ended_at", Shape::Timestamp, "when it ended"),
                    Field::required("curve", Shape::List(Box::new(Shape::Any)), "every trial in order"),
                ],
            )
        }
    }

    fn opens(&self, effect: &Effect, now: Timestamp) -> Option<(Timestamp, String)> {
        let calendar = &effect.target.as_ref()?.settings.measure.as_ref()?.calendar;
        Some((calendar.opens_at(now)?, calendar.reason(now)))
    }

    async fn perform(&self, effect: &Effect, context: &Context) -> Outcome {
        let target = target(effect)?;
        if target.settings.mode == Mode::Observe {
            let mode = target.settings.mode.as_str();
            return Err(ActionError::permanent(format!(
                "`{}` is in mode `{mode}`: no load test is run; set `mode: enforce` to allow it",
                target.name()
            )));
        }
        let order = MeasureOrder {
            run: effect.run,
            key: effect.key.clone(),
            settings: Arc::clone(&target.settings),
            token: target.token,
            hint_rps: effect.input.get("hint_rps").and_then(Json::as_f64),
            interruptions: effect.interruptions,
            checkpoint: effect.checkpoint.clone(),
        };
        output(context.pressure.measure(order, effect.link.clone()).await?)
    }
}
