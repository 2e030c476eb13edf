//! `adjust.compute`: a measured maximum becomes a total rate and each agent's share of it.

use async_trait::async_trait;
use serde_json::Value as Json;

use super::{output, shares, target};
use crate::model::action::ActionSignature;
use crate::model::schema::{Field, Shape};
use crate::runtime::effect::{ActionError, Effect, Outcome};
use crate::runtime::ports::{Action, AdjustOrder, AgentView, Claimant, Context};

#[derive(Debug)]
pub(super) struct AdjustCompute;

#[async_trait]
impl Action for AdjustCompute {
    fn signature(&self) -> ActionSignature {
        ActionSignature {
            needs_target: true,
            ..ActionSignature::pure(
                "adjust.compute",
                "Computes the target's rate by its strategy and splits it over the agents there are.",
                vec![Field::required("max_rps", Shape::Double, "what the deployment bears; must be above 0")],
                vec![
                    Field::required("total_rps", Shape::Double, "the target's new rate"),
                    Field::required("assignments", shares(None), "each agent's share"),
                ],
            )
        }
    }

    async fn perform(&self, effect: &Effect, context: &Context) -> Outcome {
        let target = target(effect)?;
        // A capacity that is missing is an error, never 0.
        let max_rps =
            effect.input.get("max_rps").and_then(Json::as_f64).filter(|max| *max > 0.0).ok_or_else(|| {
                ActionError::permanent("`max_rps` must be a number above 0: the capacity is not known")
            })?;
        let claimant = |agent: AgentView| Claimant {
            // One that is away, or takes its commands over HTTP, tells nothing.
            demand_rps: (agent.connected && agent.passed_rps + agent.refused_rps > 0.0)
                .then_some(agent.passed_rps + agent.refused_rps),
            agent: agent.id,
        };
        let agents: Vec<_> = context.dispatcher.agents(target.name()).into_iter().map(claimant).collect();
        output(context.adjuster.compute(&AdjustOrder {
            settings: &target.settings,
            state: &target.before,
            max_rps,
            agents: &agents,
        })?)
    }
}
