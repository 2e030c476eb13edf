//! The adjuster: what a target bears becomes what its agents may send. Pure; one strategy a file.
//!
//! It must not know how agents are told, nor where the maximum comes from.

mod headroom;
mod split;

use crate::model::target::StrategySettings;
use crate::runtime::effect::ActionError;
use crate::runtime::ports::{AdjustOrder, Adjuster, Proposal};

pub use self::split::equally;

/// Finds the target's total by its configured strategy, and splits it over the agents.
#[derive(Clone, Copy, Debug, Default)]
pub struct StrategyAdjuster;

impl Adjuster for StrategyAdjuster {
    fn compute(&self, order: &AdjustOrder<'_>) -> Result<Proposal, ActionError> {
        if !(order.max_rps.is_finite() && order.max_rps > 0.0) {
            return Err(ActionError::permanent(format!(
                "no rate can be set for `{}`: its maximum is {}, and must be above 0; was it measured?",
                order.settings.name, order.max_rps
            )));
        }
        let wanted = match order.settings.strategy {
            StrategySettings::Headroom { keep } => headroom::total(order.max_rps, keep),
        };
        let total_rps = limited(order, wanted);
        Ok(Proposal { total_rps, assignments: equally(total_rps, order.agents) })
    }
}

/// Holds a wanted total against the target's limits.
///
/// A fall is never limited. A rise is, by `max_step` of the current rate, or of the floor where that is higher: so the floor
/// is where a target that was throttled down starts again. The floor itself lifts nothing above what the strategy wants:
/// what is measured to break the target is not sent because the configuration hoped for more.
fn limited(order: &AdjustOrder<'_>, wanted: f64) -> f64 {
    let rate = &order.settings.rate;
    let highest = match (rate.max_step, order.state.rate_rps) {
        (Some(step), Some(current)) => {
            let from = current.max(rate.floor_rps);
            // From nothing no share leads anywhere.
            if from > 0.0 { from * (1.0 + step) } else { rate.initial_rps }
        }
        _ => f64::INFINITY,
    };
    wanted.min(highest).min(rate.ceiling_rps).max(0.0)
}

#[cfg(test)]
mod tests;
