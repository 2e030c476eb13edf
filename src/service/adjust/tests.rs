use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::base::clock::Timestamp;
use crate::base::id::{AgentId, TargetName};
use crate::model::objective::Objective;
use crate::model::strategy::StrategySettings;
use crate::model::target::{Mode, OnExpiry, RateSettings, TargetSettings, TargetState};
use crate::runtime::ports::Claimant;

fn settings(keep: f64, floor_rps: f64, ceiling_rps: f64, max_step: Option<f64>) -> TargetSettings {
    TargetSettings {
        name: TargetName::from("checkout"),
        mode: Mode::Enforce,
        labels: BTreeMap::new(),
        slo: Objective { p99_ms: 250.0, error_rate: 0.001 },
        rate: RateSettings {
            initial_rps: 50.0,
            floor_rps,
            ceiling_rps,
            interim: 0.7,
            max_step,
            time_to_live: Duration::from_secs(30),
            on_expiry: OnExpiry::Floor,
        },
        strategy: StrategySettings::headroom(keep),
        measure: None,
        push_agents: Vec::new(),
        detect: crate::model::target::DetectSettings::default(),
    }
}

fn compute(
    settings: &TargetSettings,
    current: Option<f64>,
    max_rps: f64,
    agents: usize,
) -> Result<Proposal, ActionError> {
    let mut state = TargetState::unknown(settings.name.clone(), Timestamp(0));
    state.rate_rps = current;
    let claimant = |index| Claimant { agent: AgentId::from(format!("agent-{index}")), demand_rps: None };
    let agents: Vec<Claimant> = (0..agents).map(claimant).collect();
    StrategyAdjuster.compute(&AdjustOrder { settings, state: &state, max_rps, agents: &agents })
}

fn total(settings: &TargetSettings, current: Option<f64>, max_rps: f64) -> f64 {
    compute(settings, current, max_rps, 2).unwrap().total_rps
}

#[test]
fn headroom_keeps_its_share_free() {
    let settings = settings(0.2, 20.0, 2_000.0, None);
    assert!((total(&settings, None, 500.0) - 400.0).abs() < 1e-9);
    let proposal = compute(&settings, None, 500.0, 2).unwrap();
    assert!(proposal.assignments.iter().all(|share| (share.rate_rps - 200.0).abs() < 1e-5), "{proposal:?}");
}

#[test]
fn the_ceiling_holds_and_the_floor_lifts_nothing_above_what_was_measured() {
    let settings = settings(0.2, 100.0, 300.0, None);
    assert!((total(&settings, None, 5_000.0) - 300.0).abs() < 1e-9);
    assert!((total(&settings, None, 50.0) - 40.0).abs() < 1e-9);
}

#[test]
fn a_rise_goes_in_steps_and_a_fall_at_once() {
    let settings = settings(0.2, 20.0, 2_000.0, Some(0.25));
    assert!((total(&settings, Some(200.0), 1_000.0) - 250.0).abs() < 1e-9);
    assert!((total(&settings, Some(800.0), 100.0) - 80.0).abs() < 1e-9);
    assert!((total(&settings, Some(0.0), 1_000.0) - 25.0).abs() < 1e-9, "from the floor");
    assert!((total(&settings, None, 1_000.0) - 800.0).abs() < 1e-9, "nothing was sent before");
}

#[test]
fn without_a_maximum_nothing_is_proposed() {
    let settings = settings(0.2, 20.0, 2_000.0, None);
    for max_rps in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = compute(&settings, Some(100.0), max_rps, 2).unwrap_err();
        assert!(error.message.contains("no rate can be set for `checkout`"), "{}", error.message);
    }
}

#[test]
fn without_agents_the_total_stands() {
    let proposal = compute(&settings(0.2, 20.0, 2_000.0, None), None, 500.0, 0).unwrap();
    assert_eq!((proposal.total_rps, proposal.assignments.len()), (400.0, 0));
}

proptest! {
    #[test]
    fn no_sum_of_shares_is_above_the_total(total_rps in 0.0..1e12_f64, agents in 1..200_usize) {
        let agents: Vec<AgentId> = (0..agents).map(|index| AgentId::from(format!("{index}"))).collect();
        let shares = equally(total_rps, &agents);
        let sum: f64 = shares.iter().map(|share| share.rate_rps).sum();
        prop_assert!(sum <= total_rps);
        prop_assert!(sum >= total_rps * (1.0 - 1e-9) - 1e-3);
        prop_assert!(shares.iter().all(|share| share.rate_rps >= 0.0));
        prop_assert_eq!(shares, equally(total_rps, &agents));
    }

    #[test]
    fn no_proposal_is_above_what_is_borne_or_allowed(
        max_rps in 0.001..1e6_f64,
        keep in 0.0..1.0_f64,
        floor in 0.0..1e4_f64,
        ceiling in 0.0..1e6_f64,
        step in proptest::option::of(0.0..2.0_f64),
        current in proptest::option::of(0.0..1e6_f64),
        agents in 0..20_usize,
    ) {
        let settings = settings(keep, floor, ceiling, step);
        let proposal = compute(&settings, current, max_rps, agents).unwrap();
        prop_assert!(proposal.total_rps <= max_rps);
        prop_assert!(proposal.total_rps <= ceiling);
        prop_assert!(proposal.total_rps >= 0.0);
        if let (Some(step), Some(current)) = (step, current) && current > floor {
            prop_assert!(proposal.total_rps <= current * (1.0 + step) + 1e-9);
        }
        let sum: f64 = proposal.assignments.iter().map(|share| share.rate_rps).sum();
        prop_assert!(sum <= proposal.total_rps);
        prop_assert_eq!(proposal.assignments.len(), agents);
    }
}
