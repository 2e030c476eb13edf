//! `agents.dispatch`: tells the target's agents what they may send; undoing it restores no more than what is safe.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value as Json, json};

use super::{output, shares, signature, target};
use crate::base::id::IdempotencyKey;
use crate::model::action::{ActionSignature, Effect as Kind};
use crate::model::schema::{Field, Shape};
use crate::model::target::Mode;
use crate::runtime::effect::{ActionError, Effect, EffectTarget, Outcome};
use crate::runtime::ports::{Action, Context, DispatchOrder, Rates, Share};

#[derive(Debug)]
pub(super) struct AgentsDispatch;

#[async_trait]
impl Action for AgentsDispatch {
    fn signature(&self) -> ActionSignature {
        let confirmed = Field::required("confirmed", Shape::Bool, "whether the agent said that it holds the rate");
        ActionSignature {
            effect: Kind::Idempotent,
            undoable: true,
            needs_target: true,
            sets_rate: true,
            one_of: &["total_rps", "factor", "assignments"],
            ..ActionSignature::pure(
                "agents.dispatch",
                "Sends each agent its rate, decreases first. In mode `recommend` it waits for approval first; undoing it does not.",
                vec![
                    Field::optional("total_rps", Shape::Double, "split over the agents there are"),
                    Field::optional(
                        "factor",
                        Shape::Double,
                        "times the target's rate before the run; not below its floor",
                    ),
                    Field::optional("assignments", shares(None), "what `adjust.compute` returned"),
                    Field::optional(
                        "signature",
                        Shape::String,
                        "the deployment that runs: an undo restores no more than what is verified for it",
                    ),
                ],
                vec![
                    Field::required("total_rps", Shape::Double, "the target's rate from now on"),
                    Field::required("assignments", shares(Some(confirmed)), "what each agent was told"),
                    Field::required("unconfirmed", Shape::List(Box::new(Shape::String)), "agents that did not answer"),
                ],
            )
        }
    }

    async fn remember(&self, effect: &Effect, _context: &Context) -> Result<Option<Json>, ActionError> {
        let target = target(effect)?;
        let previous = target.state.rate_rps.unwrap_or(target.settings.rate.initial_rps);
        Ok(Some(json!({ "total_rps": previous, "signature": signature(&effect.input) })))
    }

    fn permission(&self, effect: &Effect) -> Option<String> {
        let target = effect.target.as_ref().filter(|target| target.settings.mode == Mode::Recommend)?;
        let total = match rates(&effect.input, target).ok()? {
            Rates::Total(total) => total,
            Rates::Each(shares) => shares.iter().map(|share| share.rate_rps).sum(),
        };
        let now = target.state.rate_rps.map(|rate| format!(", now {rate:.1} rps")).unwrap_or_default();
        Some(format!("set the rate of {} to {total:.1} rps{now}", target.name()))
    }

    async fn perform(&self, effect: &Effect, context: &Context) -> Outcome {
        let target = target(effect)?;
        let rates = rates(&effect.input, target)?;
        send(effect, target, effect.key.clone(), rates, context).await
    }

    async fn undo(&self, effect: &Effect, remembered: &Json, context: &Context) -> Outcome {
        let target = target(effect)?;
        let current = target.state.rate_rps.unwrap_or(target.settings.rate.initial_rps);
        let previous = remembered.get("total_rps").and_then(Json::as_f64).unwrap_or(current);
        let verified = match signature(remembered) {
            Some(running) => {
                let record = context.recorder.lookup(&target.settings, &running, None).await?;
                // Nothing is known of what runs: it keeps what it was held at.
                Some(record.map_or(current, |record| record.measurement.max_rps))
            }
            None => target.state.verified_rps,
        };
        let total = verified.map_or(previous, |verified| previous.min(verified));
        let key = IdempotencyKey::from(format!("{}/undo", effect.key));
        send(effect, target, key, Rates::Total(total), context).await
    }
}

async fn send(effect: &Effect, target: &EffectTarget, key: IdempotencyKey, rates: Rates, context: &Context) -> Outcome {
    let order = DispatchOrder { key, settings: Arc::clone(&target.settings), token: target.token, rates };
    output(context.dispatcher.dispatch(order, effect.link.clone()).await?)
}

fn rates(input: &Json, target: &EffectTarget) -> Result<Rates, ActionError> {
    let total = input.get("total_rps").and_then(Json::as_f64);
    let factor = input.get("factor").and_then(Json::as_f64);
    let shares = input.get("assignments");
    let settings = &target.settings.rate;
    match (total, factor, shares) {
        (Some(total), None, None) if total > 0.0 => Ok(Rates::Total(total.min(settings.ceiling_rps))),
        (None, Some(factor), None) if factor > 0.0 => {
            let current = target.before.rate_rps.unwrap_or(settings.initial_rps);
            // A current rate below the floor is no reason to rise to it.
            let floor = settings.floor_rps.min(current);
            Ok(Rates::Total((current * factor).clamp(floor, settings.ceiling_rps.max(floor))))
        }
        (None, None, Some(shares)) => serde_json::from_value::<Vec<Share>>(shares.clone())
            .map(Rates::Each)
            .map_err(|error| ActionError::permanent(format!("`assignments` cannot be read: {error}"))),
        (Some(_), None, None) | (None, Some(_), None) => {
            Err(ActionError::permanent("a rate must be above 0: only `state.paused` stops a target's traffic"))
        }
        _ => Err(ActionError::permanent("give exactly one of `total_rps`, `factor` and `assignments`")),
    }
}
