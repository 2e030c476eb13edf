//! The agents of a scenario: what they are told is kept, with the moment.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::history::{Happening, History};
use crate::base::clock::Timestamp;
use crate::base::id::{IdempotencyKey, TargetName};
use crate::model::assignment::Traffic;
use crate::runtime::effect::{ActionError, Link};
use crate::runtime::ports::{AgentView, DispatchOrder, Dispatched, Dispatcher};
use crate::service::dispatch::RecordedDispatcher;

/// Agents that confirm at once.
#[derive(Debug)]
pub(super) struct WatchedAgents {
    inner: Arc<RecordedDispatcher>,
    history: History,
    told: Mutex<BTreeSet<IdempotencyKey>>,
}

impl WatchedAgents {
    pub(super) fn new(inner: Arc<RecordedDispatcher>, history: History) -> Self {
        Self { inner, history, told: Mutex::default() }
    }
}

#[async_trait]
impl Dispatcher for WatchedAgents {
    async fn dispatch(&self, order: DispatchOrder, link: Link) -> Result<Dispatched, ActionError> {
        let result = self.inner.dispatch(order.clone(), link).await?;
        let is_new = self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(order.key.clone());
        if is_new {
            self.history.note(Happening::Dispatched { order, result: result.clone() });
        }
        Ok(result)
    }

    fn agents(&self, target: &TargetName) -> Vec<AgentView> {
        self.inner.agents(target)
    }

    fn set_halted(&self, target: Option<&TargetName>, halted: bool) {
        self.inner.set_halted(target, halted);
    }

    fn traffic(&self, target: &TargetName, from: Timestamp, to: Timestamp) -> Option<Traffic> {
        self.inner.traffic(target, from, to)
    }
}
