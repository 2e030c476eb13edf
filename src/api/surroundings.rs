//! What of a target matters to whoever asks why something waits: read from the store and the engine.

use super::problem::Problem;
use super::run_view::RunView;
use super::standstill::Surroundings;
use super::{ApiState, run_view::RunLine};
use crate::base::id::TargetName;
use crate::runtime::journal::RunStatus;
use crate::runtime::ports::RunFilter;

/// Most waiting runs that are counted.
const MOST: u64 = 1_000;

/// How a target stands.
pub(super) async fn of(state: &ApiState, target: &TargetName) -> Result<Surroundings, Problem> {
    let halts = state.control.halts().await?;
    let known = state.store.target(target).await?;
    let holder = match known.as_ref().and_then(|known| known.lease.run) {
        Some(run) => state.store.run(run).await?,
        None => None,
    };
    let holder = holder.map(|stored| {
        let view = RunView::fold(&stored.summary, &stored.journal, None);
        (RunLine::from(&stored.summary), view.standstill)
    });
    let filter = RunFilter {
        target: Some(target.clone()),
        status: Some(RunStatus::Waiting),
        limit: MOST,
        ..RunFilter::default()
    };
    let waiting = state.store.runs(&filter).await?;
    // The newest come first.
    let since = waiting.last().map(|run| run.created_at.to_string());
    Ok(Surroundings {
        state: known,
        halted: (halts.contains(&None), halts.contains(&Some(target.clone()))),
        holder,
        waiting: (waiting.len(), since),
    })
}
