//! The adjuster: what a target bears, and what is seen of it, becomes what its agents may send. Pure; one strategy a file.
//!
//! It must not know how agents are told, nor where the maximum comes from.

mod aimd;
mod brake;
mod climb;
mod gradient;
mod headroom;
mod learning;
mod limits;
mod pid;
mod split;
pub mod steer;
mod watch;

use self::split::shares;
use crate::runtime::effect::ActionError;
use crate::runtime::ports::{AdjustOrder, Adjuster, Proposal};

pub use self::split::{equally, portions};

/// Turns what a target was measured to bear into a total, and splits it over the agents.
///
/// Every strategy begins there; from then on those that go by samples move it, see [`steer`].
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
        let wanted = headroom::total(order.max_rps, order.settings.strategy.keep);
        // The floor lifts nothing above what the strategy wants: what is measured to break the target is not sent because the
        // configuration hoped for more.
        let total_rps = limits::limited(&order.settings.rate, order.state.rate_rps, wanted);
        Ok(Proposal { total_rps, assignments: shares(&order.settings.strategy.split, total_rps, order.agents) })
    }
}

#[cfg(test)]
mod tests;
