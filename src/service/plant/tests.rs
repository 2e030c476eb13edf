use super::course::{Control, figures, run};
use super::scenario::{Case, Scenario};
use super::steered::{Steered, limits};
use super::*;
use crate::model::strategy::{StrategyName, StrategySettings};

/// Sends this share of what is borne, at once.
struct Oracle<'a> {
    scenario: &'a Scenario,
    share: f64,
    saved: f64,
    at_ns: u64,
}

impl Admission for Oracle<'_> {
    fn admits(&mut self, _agent: usize, now_ns: u64) -> bool {
        let rate_rps = self.share * self.scenario.borne(now_ns as f64 / 1e9).capacity_rps;
        self.saved = (self.saved + rate_rps * (now_ns - self.at_ns) as f64 / 1e9).min(5.0);
        self.at_ns = now_ns;
        let passes = self.saved >= 1.0;
        if passes {
            self.saved -= 1.0;
        }
        passes
    }
}

impl Control for Oracle<'_> {
    fn tick(&mut self, _now: Timestamp, _agents: usize, _samples: &[Sample]) {}

    fn rate_rps(&self) -> Option<f64> {
        None
    }
}

/// Small targets: their runs are quick.
fn seeds(case: Case) -> impl Iterator<Item = u64> {
    (1..).filter(move |seed| Scenario::new(case, *seed).base_rps < 260.0)
}

fn steered(name: StrategyName, case: Case, seed: u64) -> course::Figures {
    let scenario = Scenario::new(case, seed);
    let mut control = Steered::new(&scenario, StrategySettings::standard(name), limits(&scenario), seed);
    figures(&scenario, &run(&scenario, seed, &mut control))
}

#[test]
fn the_oracle_breaks_nothing_and_more_than_is_borne_does() {
    let case = Case::StepDown;
    let seed = seeds(case).next().unwrap();
    let scenario = Scenario::new(case, seed);
    let oracle = |share: f64| {
        let points = run(&scenario, seed, &mut Oracle { scenario: &scenario, share, saved: 0.0, at_ns: 0 });
        figures(&scenario, &points)
    };
    let (within, beyond) = (oracle(course::ORACLE), oracle(1.05));
    assert!(within.broken_s < 2.0 && within.lost < 0.02 && within.settling_s == Some(0.0), "{within:?}");
    assert!(beyond.broken > 0.9, "{beyond:?}");
}

#[test]
fn the_same_seed_gives_the_same_course_and_another_another() {
    let case = Case::NoisyLatency;
    let mut seeds = seeds(case);
    let (one, other) = (seeds.next().unwrap(), seeds.next().unwrap());
    let first = steered(StrategyName::Learning, case, one);
    assert_eq!(first, steered(StrategyName::Learning, case, one));
    assert_ne!(first, steered(StrategyName::Learning, case, other));
}

#[test]
fn pid_comes_near_the_oracle_over_a_step_and_with_late_and_lost_measurements() {
    for case in [Case::StepDown, Case::LateAndLost] {
        let found = steered(StrategyName::Pid, case, seeds(case).next().unwrap());
        assert!(found.lost < 0.05 && found.broken < 0.02, "{case:?}: {found:?}");
    }
}
