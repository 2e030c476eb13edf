//! What the tests of this module share: settings, a store that keeps assignments, a link.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::base::clock::Timestamp;
use crate::base::digest::Digest;
use crate::base::id::{AgentId, RunId, TargetName};
use crate::model::assignment::Assignment;
use crate::model::objective::Objective;
use crate::model::record::Record;
use crate::model::target::{Mode, OnExpiry, RateSettings, StrategySettings, TargetSettings, TargetState};
use crate::plan::PlanSource;
use crate::runtime::effect::{ActionError, Checkpoints, Link};
use crate::runtime::journal::RunSummary;
use crate::runtime::ports::{
    Guard, Loaded, Receipt, RecordFilter, RunFilter, Store, StoreError, StoredEvent, StoredRun, Targets, Transaction,
    Write,
};

pub(crate) fn settings(name: &str) -> TargetSettings {
    TargetSettings {
        name: name.into(),
        mode: Mode::Enforce,
        labels: BTreeMap::new(),
        slo: Objective { p99_ms: 250.0, error_rate: 0.001 },
        rate: RateSettings {
            initial_rps: 40.0,
            floor_rps: 20.0,
            ceiling_rps: 2_000.0,
            interim: 0.7,
            max_step: None,
            time_to_live: Duration::from_secs(30),
            on_expiry: OnExpiry::Floor,
        },
        strategy: StrategySettings::Headroom { keep: 0.2 },
        measure: None,
        push_agents: Vec::new(),
    }
}

#[derive(Debug)]
pub(crate) struct FixedTargets(pub(crate) Vec<Arc<TargetSettings>>);

impl Targets for FixedTargets {
    fn settings(&self, name: &TargetName) -> Option<Arc<TargetSettings>> {
        self.0.iter().find(|settings| settings.name == *name).cloned()
    }

    fn names(&self) -> Vec<TargetName> {
        self.0.iter().map(|settings| settings.name.clone()).collect()
    }
}

/// Keeps targets and assignments as the real store does, and every assignment that was ever put.
#[derive(Debug, Default)]
pub(crate) struct KeptAssignments {
    kept: Mutex<BTreeMap<(TargetName, AgentId), Assignment>>,
    states: Mutex<BTreeMap<TargetName, TargetState>>,
    puts: Mutex<Vec<Assignment>>,
}

impl KeptAssignments {
    pub(crate) fn set_state(&self, state: TargetState) {
        self.states.lock().unwrap().insert(state.name.clone(), state);
    }

    pub(crate) fn puts(&self) -> usize {
        self.puts.lock().unwrap().len()
    }

    pub(crate) fn loaded(&self) -> Loaded {
        Loaded {
            incarnation: 1,
            targets: self.states.lock().unwrap().values().cloned().collect(),
            assignments: self.kept.lock().unwrap().values().cloned().collect(),
            ..Loaded::default()
        }
    }
}

#[async_trait::async_trait]
impl Store for KeptAssignments {
    async fn load(&self) -> Result<Loaded, StoreError> {
        Ok(self.loaded())
    }

    async fn commit(&self, transaction: Transaction) -> Result<Receipt, StoreError> {
        for Guard::Lease { target, token } in transaction.guards {
            let current = self.states.lock().unwrap().get(&target).map_or(0, |state| state.lease.token);
            if current != token {
                return Err(StoreError::Fenced { target, held: token, current });
            }
        }
        let mut kept = self.kept.lock().unwrap();
        for write in &transaction.writes {
            if let Write::PutAssignment(new) = write
                && let Some(old) = kept.get(&(new.target.clone(), new.agent.clone()))
                && old.epoch > new.epoch
            {
                return Err(StoreError::AssignmentMoved { agent: new.agent.clone() });
            }
        }
        for write in transaction.writes {
            match write {
                Write::PutAssignment(new) => {
                    self.puts.lock().unwrap().push(new.clone());
                    kept.insert((new.target.clone(), new.agent.clone()), new);
                }
                Write::RemoveAssignment { target, agent } => {
                    kept.remove(&(target, agent));
                }
                other => panic!("a dispatcher does not write {other:?}"),
            }
        }
        Ok(Receipt::default())
    }

    async fn runs(&self, _: &RunFilter) -> Result<Vec<RunSummary>, StoreError> {
        Ok(Vec::new())
    }

    async fn run(&self, _: RunId) -> Result<Option<StoredRun>, StoreError> {
        Ok(None)
    }

    async fn targets(&self) -> Result<Vec<TargetState>, StoreError> {
        Ok(self.states.lock().unwrap().values().cloned().collect())
    }

    async fn target(&self, name: &TargetName) -> Result<Option<TargetState>, StoreError> {
        Ok(self.states.lock().unwrap().get(name).cloned())
    }

    async fn records(&self, _: &RecordFilter) -> Result<Vec<Record>, StoreError> {
        Ok(Vec::new())
    }

    async fn assignments(&self, target: &TargetName) -> Result<Vec<Assignment>, StoreError> {
        let kept = self.kept.lock().unwrap();
        Ok(kept.values().filter(|assignment| assignment.target == *target).cloned().collect())
    }

    async fn plan(&self, _: &Digest) -> Result<Option<PlanSource>, StoreError> {
        Ok(None)
    }

    async fn event(&self, _: &str, _: &str) -> Result<Option<StoredEvent>, StoreError> {
        Ok(None)
    }
}

#[derive(Debug)]
struct NoCheckpoints;

#[async_trait::async_trait]
impl Checkpoints for NoCheckpoints {
    async fn save(&self, _: serde_json::Value) -> Result<(), ActionError> {
        Ok(())
    }
}

/// A link whose lease does not end.
pub(crate) fn link() -> Link {
    Link {
        stop: CancellationToken::new(),
        lease_until: watch::channel(Timestamp(i64::MAX)).1,
        progress: Arc::new(watch::channel(serde_json::Value::Null).0),
        checkpoints: Arc::new(NoCheckpoints),
    }
}
