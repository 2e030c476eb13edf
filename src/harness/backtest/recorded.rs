//! What a store holds of the past, read from it page by page.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::clock::Timestamp;
use crate::base::digest::Digest;
use crate::base::id::{AgentId, RunId, TargetName};
use crate::config::TargetTable;
use crate::model::record::Record;
use crate::plan::Plan;
use crate::runtime::ports::{
    EventFilter, EventOrder, Planner, RecordFilter, RunFilter, Store, StoreError, StoredEvent, StoredRun,
};

/// How much is read at once.
const PAGE: u64 = 1_000;

/// Everything that was recorded.
#[derive(Debug, Default)]
pub struct Recorded {
    /// In the order in which they were accepted; those that rules emitted are among them.
    pub events: Vec<StoredEvent>,
    /// Those that events led to, and those that people began.
    pub runs: BTreeMap<RunId, StoredRun>,
    /// By which runs went, as far as they can still be made.
    pub plans: BTreeMap<Digest, Arc<Plan>>,
    /// All that are kept.
    pub records: Vec<Record>,
    pub targets: TargetTable,
    pub agents: BTreeMap<TargetName, Vec<AgentId>>,
    /// When it was read: nothing after it is known.
    pub read_at: Timestamp,
}

/// What a store does not hold.
#[derive(Clone, Debug)]
pub struct Around<'a> {
    pub planner: &'a dyn Planner,
    pub targets: TargetTable,
    pub now: Timestamp,
}

impl Recorded {
    /// Reads all of it. What is written meanwhile may or may not be there.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn read(store: &dyn Store, around: Around<'_>) -> Result<Self, StoreError> {
        let Around { planner, targets, now } = around;
        let mut recorded = Self { targets, read_at: now, ..Self::default() };
        let mut after = 0;
        loop {
            let filter =
                EventFilter { order: EventOrder::OldestFirst { after }, limit: PAGE, ..EventFilter::default() };
            let page = store.events(&filter).await?;
            let Some(last) = page.last() else { break };
            after = last.sequence;
            recorded.events.extend(page);
        }
        let mut before = None;
        loop {
            let page = store.runs(&RunFilter { before, limit: PAGE, ..RunFilter::default() }).await?;
            let Some(last) = page.last() else { break };
            before = Some(last.id);
            for summary in &page {
                // One that was pruned in between is none.
                recorded.runs.extend(store.run(summary.id).await?.map(|run| (summary.id, run)));
            }
        }
        let digests: Vec<Digest> = recorded.runs.values().map(|run| run.summary.plan.clone()).collect();
        for digest in digests {
            if recorded.plans.contains_key(&digest) {
                continue;
            }
            let source = store.plan(&digest).await?;
            if let Some(plan) = source.and_then(|source| planner.plan(&source).ok()) {
                recorded.plans.insert(digest, Arc::new(plan));
            }
        }
        recorded.records = store.records(&RecordFilter { limit: u64::MAX, ..RecordFilter::default() }).await?;
        for state in store.targets().await? {
            let agents = store.assignments(&state.name).await?.into_iter().map(|held| held.agent).collect();
            recorded.agents.insert(state.name, agents);
        }
        Ok(recorded)
    }
}
