//! One run, here and now: an engine on a store in memory that is gone with the run.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value as Json;
use tokio_util::sync::CancellationToken;

use super::AppError;
use super::compose::compose;
use super::serve::intake_of;
use crate::action::Registry;
use crate::api::run_view::RunView;
use crate::base::id::{TargetName, WorkflowName};
use crate::config::Config;
use crate::runtime::control::Control as _;
use crate::runtime::engine::{Engine, Options};
use crate::runtime::ports::Store;
use crate::runtime::program::Program;
use crate::store::MemoryStore;

/// Between looks at the run.
const LOOK: Duration = Duration::from_millis(100);

/// What to run.
#[derive(Debug)]
pub struct Order {
    pub program: Arc<Program>,
    pub config: Config,
    pub workflow: WorkflowName,
    pub target: Option<TargetName>,
    pub inputs: Json,
}

/// Runs a workflow to its end; `look` is shown the run as `GET /v1/runs/{id}` shows it, again and again. Returns it as it
/// is at the end. When `stop` is cancelled the run is halted: what it did is undone.
///
/// # Errors
/// There is no such workflow or target, or the inputs are not as declared.
pub async fn run_once(order: Order, stop: CancellationToken, mut look: impl FnMut(&Json)) -> Result<Json, AppError> {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let (context, dispatch) = compose(&order.config, Arc::clone(&store)).await?;
    let close = CancellationToken::new();
    let reconciler = dispatch.start(close.clone());
    let actions = Registry::shipped().into_actions();
    let intake = intake_of(&order.config);
    let engine = Engine::start(Options { context, actions, program: order.program, intake }).await?;
    let run = engine.start_run(&order.workflow, order.target, order.inputs).await?;
    let mut stopping = false;
    let finished = loop {
        if let Some(stored) = store.run(run).await? {
            let mut view = RunView::fold(&stored.summary, &stored.journal, engine.progress(run));
            // What to do about a run that stands still is asked of an engine that lasts.
            view.standstill.clear();
            let view = serde_json::to_value(view).map_err(AppError::internal)?;
            look(&view);
            if stored.summary.status.is_final() {
                break view;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                engine.halt(None).await.map_err(AppError::internal)?;
            }
        }
    };
    engine.drain().await;
    close.cancel();
    reconciler.await.map_err(AppError::internal)?;
    Ok(finished)
}
