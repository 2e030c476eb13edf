//! A store that takes its time, fails, and takes its engine with it.

use std::sync::Arc;

use async_trait::async_trait;

use super::dice::Dice;
use super::faults::Faults;
use super::watch::Watch;
use crate::base::clock::Clock;
use crate::base::digest::Digest;
use crate::base::id::{RunId, TargetName};
use crate::harness::world::life::Life;
use crate::model::assignment::Assignment;
use crate::model::record::Record;
use crate::model::target::TargetState;
use crate::runtime::journal::RunSummary;
use crate::runtime::ports::{
    Bookmark, EventFilter, Loaded, PlanSource, PruneOrder, Pruned, Receipt, RecordFilter, RunFilter, Store, StoreError,
    StoredEvent, StoredRun, Transaction,
};
use crate::store::MemoryStore;

/// One engine's way to what outlives it.
#[derive(Clone, Debug)]
pub(super) struct FailingStore {
    pub(super) inner: Arc<MemoryStore>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) life: Life,
    pub(super) lives: crate::harness::world::life::Lives,
    pub(super) faults: Faults,
    pub(super) dice: Dice,
    pub(super) watch: Arc<Watch>,
}

impl FailingStore {
    async fn takes_time(&self) {
        let time = if self.faults.is_calm() { self.dice.ms(0, 2) } else { self.dice.latency() };
        if !time.is_zero() {
            self.clock.sleep(time).await;
        }
        self.life.go_on().await;
    }

    async fn dies(&self, when: &str) {
        self.watch.tell(format!("the engine dies {when} a commit"));
        self.lives.end();
        self.life.go_on().await;
    }

    async fn read(&self) -> Result<(), StoreError> {
        self.life.go_on().await;
        self.takes_time().await;
        if self.faults.happens(|rates| rates.read_fails) {
            return Err(StoreError::Io { path: "sim".to_owned(), problem: "it cannot be read".to_owned() });
        }
        Ok(())
    }
}

#[async_trait]
impl Store for FailingStore {
    async fn load(&self) -> Result<Loaded, StoreError> {
        self.read().await?;
        self.inner.load().await
    }

    async fn commit(&self, transaction: Transaction) -> Result<Receipt, StoreError> {
        self.life.go_on().await;
        self.takes_time().await;
        if self.faults.happens(|rates| rates.disk_full) {
            return Err(StoreError::Full { path: "sim".to_owned() });
        }
        if self.faults.happens(|rates| rates.locked) {
            return Err(StoreError::Busy { path: "sim".to_owned() });
        }
        if self.faults.happens(|rates| rates.write_fails) {
            return Err(StoreError::Io { path: "sim".to_owned(), problem: "it cannot be written".to_owned() });
        }
        if self.faults.happens(|rates| rates.crash_before) {
            self.dies("before").await;
        }
        let writes = transaction.writes.clone();
        let receipt = self.inner.commit(transaction).await;
        match &receipt {
            Ok(receipt) => self.watch.committed(writes, receipt),
            Err(error) => self.watch.tell(format!("refused: {error}")),
        }
        if self.faults.happens(|rates| rates.crash_after) {
            self.dies("after").await;
        }
        self.takes_time().await;
        receipt
    }

    async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunSummary>, StoreError> {
        self.read().await?;
        self.inner.runs(filter).await
    }

    async fn run(&self, id: RunId) -> Result<Option<StoredRun>, StoreError> {
        self.read().await?;
        self.inner.run(id).await
    }

    async fn targets(&self) -> Result<Vec<TargetState>, StoreError> {
        self.read().await?;
        self.inner.targets().await
    }

    async fn target(&self, name: &TargetName) -> Result<Option<TargetState>, StoreError> {
        self.read().await?;
        self.inner.target(name).await
    }

    async fn records(&self, filter: &RecordFilter) -> Result<Vec<Record>, StoreError> {
        self.read().await?;
        self.inner.records(filter).await
    }

    async fn assignments(&self, target: &TargetName) -> Result<Vec<Assignment>, StoreError> {
        self.read().await?;
        self.inner.assignments(target).await
    }

    async fn plan(&self, digest: &Digest) -> Result<Option<PlanSource>, StoreError> {
        self.read().await?;
        self.inner.plan(digest).await
    }

    async fn event(&self, source: &str, id: &str) -> Result<Option<StoredEvent>, StoreError> {
        self.read().await?;
        self.inner.event(source, id).await
    }

    async fn event_at(&self, sequence: u64) -> Result<Option<StoredEvent>, StoreError> {
        self.read().await?;
        self.inner.event_at(sequence).await
    }

    async fn events(&self, filter: &EventFilter) -> Result<Vec<StoredEvent>, StoreError> {
        self.read().await?;
        self.inner.events(filter).await
    }

    async fn bookmarks(&self) -> Result<Vec<Bookmark>, StoreError> {
        self.read().await?;
        self.inner.bookmarks().await
    }

    async fn prune(&self, order: &PruneOrder) -> Result<Pruned, StoreError> {
        self.read().await?;
        self.inner.prune(order).await
    }
}
