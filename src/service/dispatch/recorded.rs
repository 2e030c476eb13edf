//! The dispatcher's in-memory twin: keeps every order, and confirms it at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::base::clock::Timestamp;
use crate::base::id::{AgentId, IdempotencyKey, TargetName};
use crate::model::assignment::Traffic;
use crate::runtime::effect::{ActionError, FailureKind, Link};
use crate::runtime::ports::{AgentView, AssignedRate, DispatchOrder, Dispatched, Dispatcher, Rates};
use crate::service::adjust::equally;

/// Stands in for agents in tests of workflows and of the runtime.
#[derive(Debug, Default)]
pub struct RecordedDispatcher {
    agents: Vec<AgentId>,
    /// Of targets that have others than `agents`.
    own_agents: BTreeMap<TargetName, Vec<AgentId>>,
    recorded: Mutex<Vec<(DispatchOrder, Dispatched)>>,
    /// `None` stands for all targets.
    halted: Mutex<BTreeSet<Option<TargetName>>>,
}

impl RecordedDispatcher {
    /// Every target is served by these agents.
    pub fn with_agents<'a>(agents: impl IntoIterator<Item = &'a str>) -> Self {
        Self { agents: agents.into_iter().map(AgentId::from).collect(), ..Self::default() }
    }

    /// Each target is served by its own agents; one that is not listed by none.
    pub fn with_own_agents(own_agents: BTreeMap<TargetName, Vec<AgentId>>) -> Self {
        Self { own_agents, ..Self::default() }
    }

    fn agents_of(&self, target: &TargetName) -> &[AgentId] {
        self.own_agents.get(target).unwrap_or(&self.agents)
    }

    /// The orders in the order they came, each key once.
    pub fn orders(&self) -> Vec<DispatchOrder> {
        self.recorded().iter().map(|(order, _)| order.clone()).collect()
    }

    /// The total that was ordered last for a target.
    pub fn total_rps(&self, target: &TargetName) -> Option<f64> {
        let recorded = self.recorded();
        recorded.iter().rev().find(|(order, _)| order.settings.name == *target).map(|(_, result)| result.total_rps)
    }

    fn recorded(&self) -> std::sync::MutexGuard<'_, Vec<(DispatchOrder, Dispatched)>> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_halted(&self, target: &TargetName) -> bool {
        let halted = self.halted.lock().unwrap_or_else(PoisonError::into_inner);
        halted.contains(&None) || halted.contains(&Some(target.clone()))
    }

    fn known(&self, key: &IdempotencyKey) -> Option<Dispatched> {
        self.recorded().iter().find(|(order, _)| order.key == *key).map(|(_, result)| result.clone())
    }

    fn last_rate(&self, target: &TargetName, agent: &AgentId) -> Option<f64> {
        let recorded = self.recorded();
        let (_, last) = recorded.iter().rev().find(|(order, _)| order.settings.name == *target)?;
        last.assignments.iter().find(|assigned| assigned.agent == *agent).map(|assigned| assigned.rate_rps)
    }
}

#[async_trait]
impl Dispatcher for RecordedDispatcher {
    async fn dispatch(&self, order: DispatchOrder, link: Link) -> Result<Dispatched, ActionError> {
        if self.is_halted(&order.settings.name) {
            let message = format!("target `{}` is halted", order.settings.name);
            return Err(ActionError::new(FailureKind::Halted, message));
        }
        if link.stop.is_cancelled() {
            return Err(ActionError::new(FailureKind::Cancelled, "the dispatch was told to stop"));
        }
        if let Some(problem) = super::decision::problem(&order.rates) {
            return Err(ActionError::permanent(problem));
        }
        if let Some(known) = self.known(&order.key) {
            return Ok(known);
        }
        let assigned = |agent: &AgentId, rate_rps| AssignedRate { agent: agent.clone(), rate_rps, confirmed: true };
        let (total_rps, assignments) = match &order.rates {
            Rates::Total(total) => {
                let shares = equally(*total, self.agents_of(&order.settings.name));
                (*total, shares.iter().map(|share| assigned(&share.agent, share.rate_rps)).collect())
            }
            Rates::Each(shares) => (
                shares.iter().map(|share| share.rate_rps).sum(),
                shares.iter().map(|share| assigned(&share.agent, share.rate_rps)).collect(),
            ),
        };
        let result = Dispatched { total_rps, assignments, unconfirmed: Vec::new() };
        self.recorded().push((order, result.clone()));
        Ok(result)
    }

    fn agents(&self, target: &TargetName) -> Vec<AgentView> {
        let view = |id: &AgentId| {
            let rate_rps = self.last_rate(target, id);
            AgentView {
                id: id.clone(),
                target: target.clone(),
                connected: true,
                rate_rps,
                epoch: None,
                confirmed: rate_rps.is_some(),
                passed_rps: 0.0,
                refused_rps: 0.0,
                seen_at: None,
            }
        };
        self.agents_of(target).iter().map(view).collect()
    }

    fn set_halted(&self, target: Option<&TargetName>, halted: bool) {
        let mut all = self.halted.lock().unwrap_or_else(PoisonError::into_inner);
        if halted {
            all.insert(target.cloned());
        } else {
            all.remove(&target.cloned());
        }
    }

    fn traffic(&self, _target: &TargetName, from: Timestamp, to: Timestamp) -> Option<Traffic> {
        Some(Traffic { from, to, passed: 0.0, refused: 0.0 })
    }
}
