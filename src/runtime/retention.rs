//! What is too old leaves the store, in small steps, so that nobody waits long behind one.
//!
//! What must stay whatever its age is the store's business to see: it alone knows what is active at the moment it removes.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::ports::{Context, PruneOrder, Pruned, StoreError};
use crate::base::clock::Timestamp;
use crate::model::metric;

/// Between rounds in which nothing is left to remove.
const ROUND: Duration = Duration::from_mins(1);
/// Between steps of a round.
const PAUSE: Duration = Duration::from_millis(100);
/// So much of each kind is removed in one step.
const STEP: u64 = 200;

/// How long what is over is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Since they were accepted.
    pub events: Duration,
    /// Since they were put aside.
    pub dead_letters: Duration,
    /// Since they ended, with their journals.
    pub runs: Duration,
    /// Since they were saved; that of the deployment which runs stays.
    pub records: Duration,
    /// No event leaves before it.
    pub dedup_window: Duration,
}

/// Removes what is too old until `stop`, one round a minute.
pub async fn keep(context: Context, retention: Retention, stop: CancellationToken) {
    loop {
        let more = match step(&context, &retention).await {
            Ok(pruned) => pruned.largest() >= STEP,
            Err(StoreError::Closed) => return,
            Err(error) => {
                tracing::warn!(%error, "what is too old could not be removed; it is tried again");
                false
            }
        };
        let next = context.clock.now().after(if more { PAUSE } else { ROUND });
        tokio::select! {
            () = stop.cancelled() => return,
            () = context.clock.sleep_until(next) => {}
        }
    }
}

/// Removes a little of what is too old now.
///
/// # Errors
/// The store's.
pub async fn step(context: &Context, retention: &Retention) -> Result<Pruned, StoreError> {
    let targets = context.store.targets().await?;
    let running = targets.into_iter().filter_map(|target| Some((target.name, target.signature?))).collect();
    let order = retention.order(context.clock.now(), running);
    let pruned = context.store.prune(&order).await?;
    for (kind, count) in [
        ("event", pruned.events),
        ("dead_letter", pruned.dead_letters),
        ("run", pruned.runs),
        ("record", pruned.records),
    ] {
        if count > 0 {
            metrics::counter!(metric::PRUNED.name, "kind" => kind).increment(count);
            tracing::debug!(kind, count, "too old, removed");
        }
    }
    Ok(pruned)
}

impl Retention {
    fn order(
        &self,
        now: Timestamp,
        keep_records: Vec<(crate::base::id::TargetName, crate::base::id::Signature)>,
    ) -> PruneOrder {
        PruneOrder {
            events: now.before(self.events),
            dead_letters: now.before(self.dead_letters),
            runs: now.before(self.runs),
            records: now.before(self.records),
            known_since: now.before(self.dedup_window),
            keep_records,
            limit: STEP,
        }
    }
}
