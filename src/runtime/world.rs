//! What all runs of an engine share: the ports, the actions, and what is going on right now.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio::sync::watch;

use super::effect::ActionError;
use super::journal::Place;
use super::ports::{Action, Context, Receipt, StoreError, StoredRun, Transaction, Write};
use crate::base::clock::Timestamp;
use crate::base::id::{RunId, TargetName};
use crate::model::event::Event;
use crate::model::target::{TargetSettings, TargetState};
use crate::plan::Step;

/// Actions by name.
pub type Actions = BTreeMap<Cow<'static, str>, Arc<dyn Action>>;

/// What all runs share.
#[derive(Debug)]
pub struct World {
    pub context: Context,
    pub actions: Actions,
    pub progress: ProgressBoard,
    /// How many load tests run against each target.
    loads: Mutex<HashMap<TargetName, usize>>,
    problems: Mutex<Vec<String>>,
    dedup_window: Duration,
}

impl World {
    pub fn new(context: Context, actions: Actions, dedup_window: Duration) -> Self {
        Self {
            context,
            actions,
            progress: ProgressBoard::default(),
            loads: Mutex::default(),
            problems: Mutex::default(),
            dedup_window,
        }
    }

    pub fn now(&self) -> Timestamp {
        self.context.clock.now()
    }

    /// Takes an event in, unless it was taken within the dedup window.
    pub(super) fn accept(&self, event: Event, at: Timestamp) -> Write {
        Write::AcceptEvent { event, at, known_since: at.before(self.dedup_window) }
    }

    /// What performs a step.
    pub fn action(&self, step: &Step) -> Result<&Arc<dyn Action>, ActionError> {
        self.action_named(&step.action.name)
    }

    /// What performs an action of that name.
    pub fn action_named(&self, name: &str) -> Result<&Arc<dyn Action>, ActionError> {
        self.actions.get(name).ok_or_else(|| ActionError::permanent(format!("there is no action `{name}`")))
    }

    /// The target as expressions see it, with the record of the deployment that runs.
    pub async fn target_view(&self, settings: &TargetSettings, state: &TargetState) -> Json {
        let record = match &state.signature {
            // A record that cannot be read is not known; the lookup step will say why.
            Some(signature) => self.context.recorder.lookup(settings, signature, None).await.ok().flatten(),
            None => None,
        };
        settings.view(state, record.as_ref())
    }

    /// Marks the target as under a load test for as long as the guard lives.
    pub fn loading(self: &Arc<Self>, target: TargetName) -> LoadGuard {
        *lock(&self.loads).entry(target.clone()).or_default() += 1;
        LoadGuard { world: Arc::clone(self), target }
    }

    /// Whether the target is under a load test.
    pub fn is_loaded(&self, target: &TargetName) -> bool {
        lock(&self.loads).contains_key(target)
    }

    /// Something that keeps the engine from its work until it is started again.
    pub fn report(&self, problem: String) {
        lock(&self.problems).push(problem);
    }

    /// What was reported so far.
    pub fn problems(&self) -> Vec<String> {
        lock(&self.problems).clone()
    }

    /// Commits, and tries again for as long as the store cannot be written: what was accepted waits, it is not lost.
    ///
    /// # Errors
    /// What no waiting mends: another engine has the store, or it is closed.
    pub async fn commit_patiently(&self, transaction: Transaction, pause: Duration) -> Result<Receipt, StoreError> {
        loop {
            match self.context.store.commit(transaction.clone()).await {
                Err(error) if error.may_pass() => {
                    tracing::error!(%error, "the store cannot be written; trying again");
                    self.context.clock.sleep(pause).await;
                }
                other => return other,
            }
        }
    }

    /// Reads a run, and tries again for as long as the store cannot be read.
    ///
    /// # Errors
    /// What no waiting mends.
    pub async fn read_patiently(&self, run: RunId, pause: Duration) -> Result<Option<StoredRun>, StoreError> {
        loop {
            match self.context.store.run(run).await {
                Err(error) if error.may_pass() => {
                    tracing::error!(%error, "the store cannot be read; trying again");
                    self.context.clock.sleep(pause).await;
                }
                other => return other,
            }
        }
    }
}

/// See [`World::loading`].
#[derive(Debug)]
pub struct LoadGuard {
    world: Arc<World>,
    target: TargetName,
}

impl Drop for LoadGuard {
    fn drop(&mut self) {
        let mut loads = lock(&self.world.loads);
        if let Some(count) = loads.get_mut(&self.target) {
            *count -= 1;
            if *count == 0 {
                loads.remove(&self.target);
            }
        }
    }
}

/// What running effects show of themselves; kept in memory only.
#[derive(Debug, Default)]
pub struct ProgressBoard {
    runs: Mutex<HashMap<RunId, HashMap<Place, watch::Receiver<Json>>>>,
}

impl ProgressBoard {
    pub(super) fn watch(&self, run: RunId, place: &Place, progress: watch::Receiver<Json>) {
        lock(&self.runs).entry(run).or_default().insert(place.clone(), progress);
    }

    pub(super) fn clear(&self, run: RunId, place: &Place) {
        if let Some(places) = lock(&self.runs).get_mut(&run) {
            places.remove(place);
        }
    }

    pub(super) fn forget(&self, run: RunId) {
        lock(&self.runs).remove(&run);
    }

    /// What the run's steps show: `{step, progress}` of one that shows anything.
    pub fn of(&self, run: RunId) -> Option<Json> {
        lock(&self.runs).get(&run)?.iter().find_map(|(place, progress)| {
            let progress = progress.borrow();
            (!progress.is_null()).then(|| json!({ "step": place.step, "progress": *progress }))
        })
    }
}

/// A lock whose holder panicked still guards plain data.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
