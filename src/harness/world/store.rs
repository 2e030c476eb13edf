//! A store that tells the history what was written, and that a dead engine can neither read nor write.

use std::sync::Arc;

use async_trait::async_trait;

use super::history::{Happening, History};
use super::life::Life;
use crate::base::digest::Digest;
use crate::base::id::{RunId, TargetName};
use crate::model::assignment::Assignment;
use crate::model::record::Record;
use crate::model::target::TargetState;
use crate::runtime::journal::RunSummary;
use crate::runtime::ports::{
    Accepted, Bookmark, EventFilter, EventOutcome, Loaded, PlanSource, PruneOrder, Pruned, Receipt, RecordFilter,
    RuleOutcome, RuleResult, RunFilter, Store, StoreError, StoredEvent, StoredRun, Transaction, Write,
};
use crate::runtime::program::Program;

/// One engine's view of the store that outlives it.
#[derive(Clone, Debug)]
pub(super) struct WatchedStore {
    pub(super) inner: Arc<dyn Store>,
    pub(super) history: History,
    pub(super) life: Life,
    pub(super) program: Arc<Program>,
}

impl WatchedStore {
    fn tell(&self, writes: Vec<Write>, receipt: &Receipt) {
        let mut accepted = receipt.accepted.iter();
        for write in writes {
            let happening = match write {
                Write::AcceptEvent { event, .. } => match accepted.next() {
                    Some(Accepted::New { sequence }) => Happening::Accepted { sequence: *sequence, event },
                    _ => continue,
                },
                Write::SettleEvent { sequence, outcome } => {
                    Happening::Settled { sequence, outcome: self.complete(sequence, outcome) }
                }
                Write::PutRun(summary) => Happening::Run(summary),
                Write::AppendJournal { run, entries, .. } => {
                    for entry in entries {
                        self.history.note(Happening::Journaled { run, entry });
                    }
                    continue;
                }
                Write::PutTarget(state) => Happening::Target(state),
                Write::PutRecord(record) => Happening::Recorded(record),
                _ => continue,
            };
            self.history.note(happening);
        }
    }

    /// An outcome with the rules that did not match: authors ask for them, an engine does not write them down.
    fn complete(&self, sequence: u64, mut outcome: EventOutcome) -> EventOutcome {
        let kind = self.history.accepted(sequence).map(|event| event.kind);
        if outcome.dead.is_some() {
            return outcome;
        }
        let rules = self.program.router.program().rules.iter().filter(|rule| Some(&rule.on) == kind.as_ref());
        let mut told = std::mem::take(&mut outcome.rules).into_iter().peekable();
        for rule in rules {
            let no_match =
                || RuleOutcome { rule: rule.name.clone(), result: RuleResult::NoMatch, run: None, note: None };
            outcome.rules.push(told.next_if(|outcome| outcome.rule == rule.name).unwrap_or_else(no_match));
        }
        outcome.rules.extend(told);
        outcome
    }
}

#[async_trait]
impl Store for WatchedStore {
    async fn load(&self) -> Result<Loaded, StoreError> {
        self.life.go_on().await;
        self.inner.load().await
    }

    async fn commit(&self, transaction: Transaction) -> Result<Receipt, StoreError> {
        self.life.go_on().await;
        let writes = transaction.writes.clone();
        let receipt = self.inner.commit(transaction).await?;
        self.tell(writes, &receipt);
        Ok(receipt)
    }

    async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunSummary>, StoreError> {
        self.life.go_on().await;
        self.inner.runs(filter).await
    }

    async fn run(&self, id: RunId) -> Result<Option<StoredRun>, StoreError> {
        self.life.go_on().await;
        self.inner.run(id).await
    }

    async fn targets(&self) -> Result<Vec<TargetState>, StoreError> {
        self.life.go_on().await;
        self.inner.targets().await
    }

    async fn target(&self, name: &TargetName) -> Result<Option<TargetState>, StoreError> {
        self.life.go_on().await;
        self.inner.target(name).await
    }

    async fn records(&self, filter: &RecordFilter) -> Result<Vec<Record>, StoreError> {
        self.life.go_on().await;
        self.inner.records(filter).await
    }

    async fn assignments(&self, target: &TargetName) -> Result<Vec<Assignment>, StoreError> {
        self.life.go_on().await;
        self.inner.assignments(target).await
    }

    async fn plan(&self, digest: &Digest) -> Result<Option<PlanSource>, StoreError> {
        self.life.go_on().await;
        self.inner.plan(digest).await
    }

    async fn event(&self, source: &str, id: &str) -> Result<Option<StoredEvent>, StoreError> {
        self.life.go_on().await;
        self.inner.event(source, id).await
    }

    async fn event_at(&self, sequence: u64) -> Result<Option<StoredEvent>, StoreError> {
        self.life.go_on().await;
        self.inner.event_at(sequence).await
    }

    async fn events(&self, filter: &EventFilter) -> Result<Vec<StoredEvent>, StoreError> {
        self.life.go_on().await;
        self.inner.events(filter).await
    }

    async fn bookmarks(&self) -> Result<Vec<Bookmark>, StoreError> {
        self.life.go_on().await;
        self.inner.bookmarks().await
    }

    async fn prune(&self, order: &PruneOrder) -> Result<Pruned, StoreError> {
        self.life.go_on().await;
        self.inner.prune(order).await
    }
}
