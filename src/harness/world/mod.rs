//! A world that is not real: a store in memory, agents that only listen, load tests that send nothing, and time that
//! skips. The engine on it is the real one.
//!
//! Everything that happens is kept in one [`History`]. The same input makes the same history each time: one thread, ids and
//! moments from counters. What it must not know: scenarios, expectations, files.

pub mod actions;
mod agents;
pub mod clock;
pub mod history;
pub mod life;
pub mod mocks;
pub mod recordings;
mod store;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use self::actions::{MockedPressure, Stage};
use self::agents::WatchedAgents;
use self::clock::VirtualClock;
use self::history::History;
use self::life::{Life, Lives};
use self::mocks::{Mock, Mocks};
use self::recordings::Recordings;
use self::store::WatchedStore;
use crate::action::Registry;
use crate::base::clock::{Clock, Timestamp};
use crate::base::id::{AgentId, RunId, TargetName};
use crate::config::TargetTable;
use crate::model::record::Record;
use crate::model::target::{TargetSettings, TargetState};
use crate::runtime::engine::{Engine, EngineError, Intake, Options};
use crate::runtime::journal::RunSummary;
use crate::runtime::ports::{
    Context, Dispatcher, Planner, RunFilter, RunIds, Store, StoreError, Targets, Transaction, Write,
};
use crate::runtime::program::Program;
use crate::service::adjust::StrategyAdjuster;
use crate::service::dispatch::RecordedDispatcher;
use crate::service::recorder::StoreRecorder;
use crate::store::MemoryStore;

/// More events than any test sends may wait, and a repetition is known for longer than any test lasts.
const INTAKE: Intake = Intake { pending_limit: 1_000_000, dedup_window: Duration::from_hours(24 * 365 * 100) };

/// What a world begins with.
#[derive(Clone, Debug, Default)]
pub struct Setting {
    pub start: Timestamp,
    pub targets: TargetTable,
    pub agents: BTreeMap<TargetName, Vec<AgentId>>,
    pub states: Vec<TargetState>,
    pub records: Vec<Record>,
    pub mocks: Vec<Mock>,
    pub recordings: Recordings,
}

/// What engines run by.
#[derive(Clone, Debug)]
pub struct Laws {
    pub program: Arc<Program>,
    pub planner: Arc<dyn Planner>,
}

/// A world; outlives the engines on it.
#[derive(Debug)]
pub struct World {
    pub clock: Arc<VirtualClock>,
    pub history: History,
    pub lives: Lives,
    laws: Laws,
    store: Arc<MemoryStore>,
    targets: Arc<Configured>,
    dispatcher: Arc<dyn Dispatcher>,
    mocks: Arc<Mocks>,
    pressure: Arc<MockedPressure>,
    run_ids: Arc<CountedRunIds>,
}

impl World {
    /// A world in which nothing has happened yet.
    ///
    /// # Errors
    /// The store takes what it is given, so there are none but by a defect.
    pub async fn make(setting: Setting, laws: Laws, clock: Arc<VirtualClock>) -> Result<Self, StoreError> {
        let Setting { targets, agents, states, records, mocks, recordings, .. } = setting;
        let time = Arc::clone(&clock) as Arc<dyn Clock>;
        let store = Arc::new(MemoryStore::with_incarnation(1));
        let writes: Vec<_> =
            states.into_iter().map(Write::PutTarget).chain(records.into_iter().map(Write::PutRecord)).collect();
        if !writes.is_empty() {
            store.commit(Transaction { guards: Vec::new(), writes }).await?;
        }
        let history = History::new(Arc::clone(&time));
        let recorded = Arc::new(RecordedDispatcher::with_own_agents(agents));
        Ok(Self {
            dispatcher: Arc::new(WatchedAgents::new(recorded, history.clone())),
            history,
            lives: Lives::default(),
            laws,
            store,
            targets: Arc::new(Configured(targets)),
            mocks: Arc::new(Mocks::new(mocks, recordings)),
            pressure: Arc::new(MockedPressure::new(Arc::clone(&time))),
            run_ids: Arc::new(CountedRunIds::new(time)),
            clock,
        })
    }

    /// Every run there was, the newest first.
    pub async fn runs(&self) -> Vec<RunSummary> {
        let all = RunFilter { limit: u64::MAX, ..RunFilter::default() };
        self.store.runs(&all).await.unwrap_or_default()
    }

    /// Where everything is kept, whichever engine is alive.
    #[cfg(test)]
    pub(crate) fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as Arc<dyn Store>
    }

    /// Starts an engine on what the last one left; it dies with the life that comes with it.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn start_engine(&self) -> Result<(Arc<Engine>, Life), EngineError> {
        let life = self.lives.begin();
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let store: Arc<dyn Store> = Arc::new(WatchedStore {
            inner: Arc::clone(&self.store) as Arc<dyn Store>,
            history: self.history.clone(),
            life: life.clone(),
            program: Arc::clone(&self.laws.program),
        });
        let stage = Stage {
            clock: Arc::clone(&clock),
            history: self.history.clone(),
            life: life.clone(),
            mocks: Arc::clone(&self.mocks),
            pressure: Arc::clone(&self.pressure),
        };
        let context = Context {
            recorder: Arc::new(StoreRecorder::new(Arc::clone(&clock), Arc::clone(&store))),
            clock,
            store,
            targets: Arc::clone(&self.targets) as Arc<dyn Targets>,
            pressure: Arc::clone(&self.pressure) as _,
            adjuster: Arc::new(StrategyAdjuster),
            dispatcher: Arc::clone(&self.dispatcher),
            planner: Arc::clone(&self.laws.planner),
            run_ids: Arc::clone(&self.run_ids) as Arc<dyn RunIds>,
            outlet: Arc::default(),
        };
        let actions = stage.wrap(Registry::shipped().into_actions());
        let program = Arc::clone(&self.laws.program);
        let engine = Engine::start(Options { context, actions, program, intake: INTAKE }).await?;
        Ok((engine, life))
    }
}

/// The targets that a test configures.
#[derive(Debug)]
pub(crate) struct Configured(pub(crate) TargetTable);

impl Targets for Configured {
    fn settings(&self, name: &TargetName) -> Option<Arc<TargetSettings>> {
        self.0.settings(name)
    }

    fn names(&self) -> Vec<TargetName> {
        self.0.names()
    }
}

/// Ids of version 7 without chance: the moment, and a number.
#[derive(Debug)]
pub(crate) struct CountedRunIds {
    clock: Arc<dyn Clock>,
    count: AtomicU64,
}

impl CountedRunIds {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, count: AtomicU64::new(0) }
    }
}

impl RunIds for CountedRunIds {
    fn next(&self) -> RunId {
        let number = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        RunId::counted(self.clock.now(), number)
    }
}
