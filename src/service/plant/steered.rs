//! A strategy on the plant: agents that keep shares of the rate it finds, and retests where it asks for one.

#![expect(clippy::cast_precision_loss, reason = "counts of one run are far below 2^53")]

use super::Admission;
use super::agents::Agents;
use super::course::{Control, OBJECTIVE};
use super::scenario::Scenario;
use crate::base::clock::Timestamp;
use crate::base::random::Random;
use crate::model::sample::Sample;
use crate::model::strategy::StrategySettings;
use crate::model::target::RateSettings;
use crate::service::adjust::steer::{Known, Seen, State, step};

/// A retest takes so long, and is off by about this share.
const RETEST_S: i64 = 30;
const RETEST_ERROR: f64 = 0.015;

/// The limits under which strategies are compared: hardly any.
pub fn limits(scenario: &Scenario) -> RateSettings {
    RateSettings {
        initial_rps: scenario.base_rps * 0.5,
        floor_rps: 1.0,
        ceiling_rps: 10_000.0,
        interim: 0.7,
        max_step: None,
        time_to_live: std::time::Duration::from_mins(1),
        on_expiry: crate::model::target::OnExpiry::Floor,
    }
}

/// A strategy that steers a plant.
#[derive(Debug)]
pub struct Steered<'a> {
    scenario: &'a Scenario,
    settings: StrategySettings,
    rate: RateSettings,
    state: State,
    rate_rps: f64,
    agents: Agents,
    count: usize,
    known: Option<(f64, Timestamp)>,
    retest_until: Option<Timestamp>,
    pub retests: u32,
    random: Random,
}

impl<'a> Steered<'a> {
    /// Begins with a record of what the target bears at first.
    pub fn new(scenario: &'a Scenario, settings: StrategySettings, rate: RateSettings, seed: u64) -> Self {
        let mut steered = Self {
            scenario,
            settings,
            rate_rps: rate.initial_rps,
            rate,
            state: State::default(),
            agents: Agents::default(),
            count: 0,
            known: None,
            retest_until: None,
            retests: 0,
            random: Random(seed ^ 0xabcd_ef01),
        };
        steered.measure(Timestamp(0));
        steered
    }

    fn measure(&mut self, now: Timestamp) {
        let capacity_rps = self.scenario.borne(now.since(Timestamp(0)).as_secs_f64()).capacity_rps;
        self.known = Some((capacity_rps * (1.0 + RETEST_ERROR * self.random.normal()), now));
    }

    fn spread(&mut self, count: usize, now: Timestamp) {
        self.count = count;
        self.agents.set(vec![self.rate_rps / count.max(1) as f64; count], now);
    }
}

impl Admission for Steered<'_> {
    fn admits(&mut self, agent: usize, now_ns: u64) -> bool {
        self.agents.admits(agent, now_ns)
    }
}

impl Control for Steered<'_> {
    fn tick(&mut self, now: Timestamp, agents: usize, samples: &[Sample]) {
        if self.retest_until.is_some_and(|until| until <= now) {
            self.retest_until = None;
            self.measure(now);
        }
        let known = self.known.map(|(max_rps, recorded_at)| Known {
            max_rps,
            recorded_at,
            age_s: now.since(recorded_at).as_secs_f64(),
        });
        let seen = Seen { now, rate_rps: Some(self.rate_rps), sample: samples.last(), known };
        let advice = step(&self.settings, &self.rate, &OBJECTIVE, &mut self.state, &seen);
        if advice.retest.is_some() && self.retest_until.is_none() {
            self.retests += 1;
            self.retest_until = Some(Timestamp(now.0 + RETEST_S * 1_000));
        }
        let others = agents != self.count;
        if advice.change {
            self.rate_rps = advice.rate_rps;
        }
        if advice.change || others {
            self.spread(agents, now);
        }
    }

    fn rate_rps(&self) -> Option<f64> {
        Some(self.rate_rps)
    }
}
