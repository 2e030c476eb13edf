//! `recorder.save`: keeps what a load test found.

use async_trait::async_trait;
use serde_json::{Value as Json, json};

use super::{signature, target};
use crate::model::action::{ActionSignature, Effect as Kind};
use crate::model::record::{Conditions, Measurement, Record};
use crate::model::schema::{Field, Object, Shape};
use crate::runtime::effect::{ActionError, Effect, Outcome};
use crate::runtime::ports::{Action, Context};

#[derive(Debug)]
pub(super) struct RecorderSave;

#[async_trait]
impl Action for RecorderSave {
    fn signature(&self) -> ActionSignature {
        let measurement = Shape::Object(Object { fields: Vec::new(), open: true });
        ActionSignature {
            effect: Kind::Idempotent,
            needs_target: true,
            ..ActionSignature::pure(
                "recorder.save",
                "Records a measurement under the deployment's signature and today's conditions.",
                vec![
                    Field::required("signature", Shape::String, "the deployment that was measured"),
                    Field::required("measurement", measurement, "what `pressure.measure` returned"),
                ],
                Vec::new(),
            )
        }
    }

    async fn perform(&self, effect: &Effect, context: &Context) -> Outcome {
        let target = target(effect)?;
        let unreadable = |what: &str| ActionError::permanent(format!("`{what}` is missing or cannot be read"));
        let signature = signature(&effect.input).ok_or_else(|| unreadable("signature"))?;
        let measurement = effect.input.get("measurement").cloned().unwrap_or(Json::Null);
        let measurement: Measurement =
            serde_json::from_value(measurement).map_err(|error| unreadable(&format!("measurement: {error}")))?;
        let conditions = Conditions::of(&target.settings).ok_or_else(|| {
            ActionError::permanent(format!("`{}` has no `measure` settings to record the conditions of", target.name()))
        })?;
        let record = Record {
            target: target.name().clone(),
            signature,
            measurement,
            conditions,
            run: effect.run,
            recorded_at: context.clock.now(),
        };
        context.recorder.save(record, target.token).await?;
        Ok(json!({}))
    }
}
