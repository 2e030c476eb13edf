//! A total becomes shares that never add up to more.

use crate::base::id::AgentId;
use crate::runtime::ports::Share;

/// Shares are multiples of this, so that they print short.
const GRAIN: f64 = 1e-6;

/// The same share for every agent, in the order given; their sum is at most `total_rps`, also as floating-point adds.
pub fn equally(total_rps: f64, agents: &[AgentId]) -> Vec<Share> {
    let count = f64::from(u32::try_from(agents.len()).unwrap_or(u32::MAX));
    let even = total_rps / count;
    let sum = |share: f64| agents.iter().map(|_| share).sum::<f64>();
    let mut rate_rps = (even / GRAIN).floor() * GRAIN;
    // Rounding may have gone up; where a grain is below the precision of the total, a share of it goes down.
    let mut less = GRAIN;
    while rate_rps > 0.0 && sum(rate_rps) > total_rps {
        rate_rps = (even - less).max(0.0);
        less *= 2.0;
    }
    agents.iter().map(|agent| Share { agent: agent.clone(), rate_rps }).collect()
}
