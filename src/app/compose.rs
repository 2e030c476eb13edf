//! Ports are joined to what stands behind them.

use std::sync::Arc;

use super::program::StoredPlans;
use crate::base::clock::{Clock, SystemClock};
use crate::base::id::TargetName;
use crate::config::{Config, TargetTable};
use crate::model::target::TargetSettings;
use crate::runtime::ports::{Context, Dispatcher, Store, StoreError, Targets, UniqueRunIds};
use crate::service::adjust::StrategyAdjuster;
use crate::service::dispatch::{self, DispatchService};
use crate::service::pressure::PressureService;
use crate::service::recorder::StoreRecorder;

/// Everything the runtime needs, on this store; and the dispatcher, which agents' streams and the reconciler need too.
///
/// # Errors
/// The store cannot be read.
pub(super) async fn compose(
    config: &Config,
    store: Arc<dyn Store>,
) -> Result<(Context, Arc<DispatchService>), StoreError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let targets: Arc<dyn Targets> = Arc::new(Configured(config.targets.clone()));
    let loaded = store.load().await?;
    let dispatch = DispatchService::new(dispatch::Options {
        clock: Arc::clone(&clock),
        store: Arc::clone(&store),
        targets: Arc::clone(&targets),
        allowed: config.network.clone(),
        incarnation: loaded.incarnation,
    });
    dispatch.restore(&loaded);
    let dispatcher = Arc::clone(&dispatch) as Arc<dyn Dispatcher>;
    let context = Context {
        clock: Arc::clone(&clock),
        store: Arc::clone(&store),
        targets,
        recorder: Arc::new(StoreRecorder::new(Arc::clone(&clock), store)),
        pressure: Arc::new(PressureService::new(clock, Arc::clone(&dispatcher), config.network.clone())),
        adjuster: Arc::new(StrategyAdjuster),
        dispatcher,
        planner: Arc::new(StoredPlans),
        run_ids: Arc::new(UniqueRunIds),
        outlet: Arc::default(),
    };
    Ok((context, dispatch))
}

/// The configured targets behind the runtime's port.
#[derive(Debug)]
pub(super) struct Configured(pub(super) TargetTable);

impl Targets for Configured {
    fn settings(&self, name: &TargetName) -> Option<Arc<TargetSettings>> {
        self.0.settings(name)
    }

    fn names(&self) -> Vec<TargetName> {
        self.0.names()
    }
}
