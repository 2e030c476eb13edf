//! A total becomes shares that never add up to more: equal ones, by weight, or max-min fair by what each agent has to send.
//!
//! What it must not know: what agents hold now.

use std::collections::BTreeMap;

use crate::base::id::AgentId;
use crate::model::strategy::Split;
use crate::runtime::ports::{Claimant, Share};

/// Shares are multiples of this, so that they print short.
const GRAIN: f64 = 1e-6;

/// An agent is given this much more than it was seen to want, for what it will want next.
const ROOM: f64 = 1.25;

/// And never less than this share of an equal part: who wants nothing now may want something soon.
const LEAST: f64 = 0.1;

/// The share of each agent, in the order given; their sum is at most `total_rps`, also as floating-point adds.
pub(super) fn shares(split: &Split, total_rps: f64, claimants: &[Claimant]) -> Vec<Share> {
    let mut most = total_rps;
    // Rounding may have gone up; where a grain is below the precision of the total, a share of it goes down.
    loop {
        let portions = portions(split, most, claimants);
        let share = |claimant: &Claimant| Share {
            agent: claimant.agent.clone(),
            rate_rps: portions.get(&claimant.agent).map_or(0.0, |rate| (rate / GRAIN).floor() * GRAIN),
        };
        let shares: Vec<Share> = claimants.iter().map(share).collect();
        if most <= 0.0 || shares.iter().map(|share| share.rate_rps).sum::<f64>() <= total_rps {
            return shares;
        }
        most = (most - GRAIN.max(most * 1e-12)).max(0.0);
    }
}

/// The same without rounding.
pub fn portions(split: &Split, total_rps: f64, claimants: &[Claimant]) -> BTreeMap<AgentId, f64> {
    let even = total_rps / count(claimants.len());
    match split {
        Split::Equal => claimants.iter().map(|claimant| (claimant.agent.clone(), even)).collect(),
        Split::Weighted(weights) => {
            let weight = |claimant: &Claimant| weights.get(&claimant.agent).copied().unwrap_or(1.0);
            let sum: f64 = claimants.iter().map(weight).sum();
            let part = |claimant: &Claimant| (claimant.agent.clone(), total_rps * weight(claimant) / sum);
            claimants.iter().map(part).collect()
        }
        Split::Fair => fair(total_rps, even, claimants),
    }
}

/// Fills all agents evenly; one that has what it wants takes no more. What nobody wants is spread evenly, so that the total stands.
fn fair(total_rps: f64, even: f64, claimants: &[Claimant]) -> BTreeMap<AgentId, f64> {
    let wanted =
        |claimant: &Claimant| claimant.demand_rps.map_or(f64::INFINITY, |demand| (demand * ROOM).max(even * LEAST));
    let mut by_want: Vec<&Claimant> = claimants.iter().collect();
    by_want.sort_by(|a, b| wanted(a).total_cmp(&wanted(b)));
    let mut left = total_rps;
    let mut portions = BTreeMap::new();
    for (index, claimant) in by_want.iter().enumerate() {
        let portion = wanted(claimant).min(left / count(by_want.len() - index));
        left -= portion;
        portions.insert(claimant.agent.clone(), portion);
    }
    let more = left.max(0.0) / count(claimants.len());
    portions.values_mut().for_each(|portion| *portion += more);
    portions
}

#[expect(clippy::cast_precision_loss, reason = "a number of agents")]
fn count(agents: usize) -> f64 {
    agents.max(1) as f64
}

/// The same share for every agent.
pub fn equally(total_rps: f64, agents: &[AgentId]) -> Vec<Share> {
    let claimants: Vec<Claimant> =
        agents.iter().map(|agent| Claimant { agent: agent.clone(), demand_rps: None }).collect();
    shares(&Split::Equal, total_rps, &claimants)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn claimants(demands: &[Option<f64>]) -> Vec<Claimant> {
        let claimant = |(index, demand_rps): (usize, &Option<f64>)| Claimant {
            agent: AgentId::from(format!("{index:03}")),
            demand_rps: *demand_rps,
        };
        demands.iter().enumerate().map(claimant).collect()
    }

    fn rates(split: &Split, total_rps: f64, demands: &[Option<f64>]) -> Vec<f64> {
        shares(split, total_rps, &claimants(demands)).iter().map(|share| share.rate_rps).collect()
    }

    fn near(found: &[f64], wanted: &[f64]) -> bool {
        found.len() == wanted.len() && found.iter().zip(wanted).all(|(found, wanted)| (found - wanted).abs() < 1e-4)
    }

    #[test]
    fn weights_share_in_proportion_and_who_has_none_weighs_one() {
        let weights = Split::Weighted([(AgentId::from("000"), 3.0), (AgentId::from("009"), 5.0)].into());
        assert!(near(&rates(&weights, 100.0, &[None, None]), &[75.0, 25.0]));
    }

    #[test]
    fn what_one_does_not_want_goes_to_those_that_want_more() {
        let found = rates(&Split::Fair, 300.0, &[Some(40.0), Some(500.0), Some(500.0)]);
        assert!(near(&found, &[50.0, 125.0, 125.0]), "{found:?}");
        // One that has not told what it wants is taken to want all.
        let found = rates(&Split::Fair, 300.0, &[Some(40.0), None, Some(80.0)]);
        assert!(near(&found, &[50.0, 150.0, 100.0]), "{found:?}");
        // An idle one can begin, and what nobody wants is spread.
        let found = rates(&Split::Fair, 300.0, &[Some(0.0), Some(80.0), Some(80.0)]);
        assert!(near(&found, &[40.0, 130.0, 130.0]), "{found:?}");
    }

    proptest! {
        #[test]
        fn no_split_gives_more_than_there_is_and_none_keeps_any_back(
            total_rps in 0.0..1e9_f64,
            demands in proptest::collection::vec(proptest::option::of(0.0..1e6_f64), 1..40),
            weights in proptest::collection::btree_map(0..40_usize, 1.0..100.0_f64, 0..40),
            kind in 0..3_usize,
        ) {
            let weights = weights.into_iter().map(|(index, weight)| (AgentId::from(format!("{index:03}")), weight));
            let split = [Split::Equal, Split::Weighted(weights.collect()), Split::Fair][kind].clone();
            let found = rates(&split, total_rps, &demands);
            let sum: f64 = found.iter().sum();
            prop_assert!(sum <= total_rps);
            prop_assert!(sum >= total_rps * (1.0 - 1e-9) - 1e-3, "{sum} of {total_rps}");
            prop_assert!(found.iter().all(|rate| *rate >= 0.0));
        }

        #[test]
        fn under_a_fair_split_who_gets_less_than_another_gets_what_it_wants(
            total_rps in 1.0..1e5_f64,
            demands in proptest::collection::vec(0.0..1e4_f64, 2..12),
        ) {
            let demands: Vec<_> = demands.into_iter().map(Some).collect();
            let found = rates(&Split::Fair, total_rps, &demands);
            let most = found.iter().copied().fold(0.0, f64::max);
            for (rate, demand) in found.iter().zip(&demands) {
                prop_assert!(*rate >= most - 1e-3 || *rate >= demand.unwrap_or(0.0) - 1e-3, "{rate} of {most}: {demand:?}");
            }
        }
    }
}
