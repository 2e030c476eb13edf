//! The dispatcher of a simulation: what it is told, simulated agents keep; what they see of the plant, it tells.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "counts of one run are far below 2^53"
)]

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::base::clock::{Clock, Timestamp};
use crate::base::id::{AgentId, IdempotencyKey, TargetName};
use crate::base::random::Random;
use crate::model::assignment::Traffic;
use crate::model::sample::Sample;
use crate::model::target::TargetSettings;
use crate::runtime::effect::{ActionError, FailureKind, Link};
use crate::runtime::ports::{AgentView, AssignedRate, Claimant, DispatchOrder, Dispatched, Dispatcher, Rates};
use crate::service::adjust::portions;
use crate::service::plant::agents::Agents;
use crate::service::plant::scenario::Scenario;
use crate::service::plant::{Plant, Second};

/// Samples that are kept.
const KEPT: usize = 60;

/// Agents of one simulated target.
#[derive(Debug)]
pub(super) struct PlantAgents {
    settings: Arc<TargetSettings>,
    clock: Arc<dyn Clock>,
    start: Timestamp,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    agents: Agents,
    ids: Vec<AgentId>,
    shares: Vec<f64>,
    demands: Vec<u64>,
    total_rps: f64,
    keys: BTreeSet<IdempotencyKey>,
    halted: bool,
    /// When each becomes known.
    samples: VecDeque<(Timestamp, Sample)>,
    chance: Random,
}

impl PlantAgents {
    pub(super) fn new(settings: Arc<TargetSettings>, clock: Arc<dyn Clock>, start: Timestamp) -> Self {
        let inner = Inner {
            agents: Agents::default(),
            ids: Vec::new(),
            shares: Vec::new(),
            demands: Vec::new(),
            total_rps: settings.rate.initial_rps,
            keys: BTreeSet::new(),
            halted: false,
            samples: VecDeque::new(),
            chance: Random(7),
        };
        Self { settings, clock, start, inner: Mutex::new(inner) }
    }

    /// So many agents are there from now on.
    pub(super) fn attend(&self, count: usize, now: Timestamp) {
        let mut inner = self.inner();
        if inner.ids.len() != count {
            inner.ids = (1..=count).map(|number| AgentId::from(format!("agent-{number}"))).collect();
            inner.demands.clear();
            let total_rps = inner.total_rps;
            self.split(&mut inner, total_rps, now);
        }
    }

    pub(super) fn total_rps(&self) -> f64 {
        self.inner().total_rps
    }

    /// Lets a second of the plant pass through the agents.
    pub(super) fn let_pass(&self, plant: &mut Plant<'_>) -> Second {
        let mut inner = self.inner();
        let second = plant.second(&mut inner.agents);
        inner.demands = inner.agents.take_demands();
        second
    }

    /// The agents report what they saw in a second, as late and as seldom as the scenario says.
    pub(super) fn saw(&self, sample: Sample, scenario: &Scenario) {
        let mut inner = self.inner();
        if inner.chance.unit() < scenario.lost {
            return;
        }
        let due = Timestamp(sample.to.0 + (scenario.late_s * 1_000.0) as i64);
        inner.samples.push_back((due, sample));
        if inner.samples.len() > KEPT {
            inner.samples.pop_front();
        }
    }

    fn split(&self, inner: &mut Inner, total_rps: f64, now: Timestamp) {
        let demand = |index: usize| inner.demands.get(index).map(|demand| *demand as f64);
        let ids = inner.ids.iter().enumerate();
        let claimants: Vec<Claimant> =
            ids.map(|(index, agent)| Claimant { agent: agent.clone(), demand_rps: demand(index) }).collect();
        let portions = portions(&self.settings.strategy.split, total_rps, &claimants);
        let shares = inner.ids.iter().map(|agent| portions.get(agent).copied().unwrap_or(0.0)).collect();
        inner.total_rps = total_rps;
        self.set(inner, shares, now);
    }

    fn set(&self, inner: &mut Inner, shares: Vec<f64>, now: Timestamp) {
        inner.shares.clone_from(&shares);
        // The plant's time begins at 0.
        inner.agents.set(shares, Timestamp(now.0 - self.start.0));
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Dispatcher for PlantAgents {
    async fn dispatch(&self, order: DispatchOrder, link: Link) -> Result<Dispatched, ActionError> {
        let now = self.clock.now();
        let mut inner = self.inner();
        if inner.halted {
            return Err(ActionError::new(FailureKind::Halted, "the target is halted"));
        }
        if link.stop.is_cancelled() {
            return Err(ActionError::new(FailureKind::Cancelled, "the dispatch was told to stop"));
        }
        if inner.keys.insert(order.key.clone()) {
            match &order.rates {
                Rates::Total(total_rps) => self.split(&mut inner, *total_rps, now),
                Rates::Each(given) => {
                    let rate = |agent: &AgentId| {
                        given.iter().find(|share| share.agent == *agent).map_or(0.0, |share| share.rate_rps)
                    };
                    let shares: Vec<f64> = inner.ids.iter().map(rate).collect();
                    inner.total_rps = shares.iter().sum();
                    self.set(&mut inner, shares, now);
                }
            }
        }
        let assigned = inner.ids.iter().zip(&inner.shares);
        let assignments = assigned
            .map(|(agent, rate_rps)| AssignedRate { agent: agent.clone(), rate_rps: *rate_rps, confirmed: true })
            .collect();
        Ok(Dispatched { total_rps: inner.total_rps, assignments, unconfirmed: Vec::new() })
    }

    fn agents(&self, target: &TargetName) -> Vec<AgentView> {
        let inner = self.inner();
        let view = |(index, id): (usize, &AgentId)| {
            let rate_rps = inner.shares.get(index).copied().unwrap_or(0.0);
            let demand_rps = inner.demands.get(index).map_or(0.0, |demand| *demand as f64);
            AgentView {
                id: id.clone(),
                target: target.clone(),
                connected: true,
                rate_rps: Some(rate_rps),
                epoch: None,
                confirmed: true,
                passed_rps: demand_rps.min(rate_rps),
                refused_rps: (demand_rps - rate_rps).max(0.0),
                seen_at: Some(self.clock.now()),
            }
        };
        inner.ids.iter().enumerate().map(view).collect()
    }

    fn set_halted(&self, _target: Option<&TargetName>, halted: bool) {
        self.inner().halted = halted;
    }

    fn traffic(&self, _target: &TargetName, from: Timestamp, to: Timestamp) -> Option<Traffic> {
        let inner = self.inner();
        let seconds = to.since(from).as_secs_f64();
        let (_, last) = inner.samples.back()?;
        let per_second = |count: f64| count / last.seconds().max(1e-3);
        let (passed, refused) = (per_second(last.passed) * seconds, per_second(last.refused) * seconds);
        Some(Traffic { from, to, passed, refused })
    }

    /// The newest second that is known and not older than what was asked for.
    fn sample(&self, _target: &TargetName, from: Timestamp, _to: Timestamp) -> Option<Sample> {
        let now = self.clock.now();
        let inner = self.inner();
        let known = inner.samples.iter().rev().find(|(due, _)| *due <= now);
        known.map(|(_, sample)| *sample).filter(|sample| sample.to > from)
    }
}
