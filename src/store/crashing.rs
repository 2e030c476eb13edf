//! A store that kills its process at a chosen commit: what the crash tests run the real binary on.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;

use crate::base::digest::Digest;
use crate::base::id::{RunId, TargetName};
use crate::model::assignment::Assignment;
use crate::model::record::Record;
use crate::model::target::TargetState;
use crate::runtime::journal::RunSummary;
use crate::runtime::ports::{
    Bookmark, EventFilter, Loaded, PlanSource, PruneOrder, Pruned, Receipt, RecordFilter, RunFilter, Store, StoreError,
    StoredEvent, StoredRun, Transaction,
};

/// Where the process dies: written `before:3` or `after:3`, for the third commit since it started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrashPoint {
    pub commit: u64,
    pub side: Side,
}

/// On which side of the commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Nothing of it is durable.
    Before,
    /// It is durable, and nobody was told.
    After,
}

impl FromStr for CrashPoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no crash point; write `before:3` or `after:3`");
        let (side, commit) = text.split_once(':').ok_or_else(wrong)?;
        let side = match side {
            "before" => Side::Before,
            "after" => Side::After,
            _ => return Err(wrong()),
        };
        Ok(Self { commit: commit.parse().map_err(|_| wrong())?, side })
    }
}

/// A store behind a store.
#[derive(Debug)]
pub struct CrashingStore<S> {
    inner: Arc<S>,
    point: CrashPoint,
    commits: AtomicU64,
}

impl<S: Store> CrashingStore<S> {
    pub fn new(inner: Arc<S>, point: CrashPoint) -> Self {
        Self { inner, point, commits: AtomicU64::new(0) }
    }
}

/// Ends the process as a power failure would: no destructor runs, nothing is flushed.
fn die() -> ! {
    #[cfg(unix)]
    {
        // A process may always kill itself.
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
    std::process::abort()
}

#[async_trait]
impl<S: Store> Store for CrashingStore<S> {
    async fn commit(&self, transaction: Transaction) -> Result<Receipt, StoreError> {
        let number = self.commits.fetch_add(1, Ordering::SeqCst) + 1;
        let here = number == self.point.commit;
        if here && self.point.side == Side::Before {
            die();
        }
        let receipt = self.inner.commit(transaction).await;
        if here {
            die();
        }
        receipt
    }

    async fn load(&self) -> Result<Loaded, StoreError> {
        self.inner.load().await
    }

    async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunSummary>, StoreError> {
        self.inner.runs(filter).await
    }

    async fn run(&self, id: RunId) -> Result<Option<StoredRun>, StoreError> {
        self.inner.run(id).await
    }

    async fn targets(&self) -> Result<Vec<TargetState>, StoreError> {
        self.inner.targets().await
    }

    async fn target(&self, name: &TargetName) -> Result<Option<TargetState>, StoreError> {
        self.inner.target(name).await
    }

    async fn records(&self, filter: &RecordFilter) -> Result<Vec<Record>, StoreError> {
        self.inner.records(filter).await
    }

    async fn assignments(&self, target: &TargetName) -> Result<Vec<Assignment>, StoreError> {
        self.inner.assignments(target).await
    }

    async fn plan(&self, digest: &Digest) -> Result<Option<PlanSource>, StoreError> {
        self.inner.plan(digest).await
    }

    async fn event(&self, source: &str, id: &str) -> Result<Option<StoredEvent>, StoreError> {
        self.inner.event(source, id).await
    }

    async fn event_at(&self, sequence: u64) -> Result<Option<StoredEvent>, StoreError> {
        self.inner.event_at(sequence).await
    }

    async fn events(&self, filter: &EventFilter) -> Result<Vec<StoredEvent>, StoreError> {
        self.inner.events(filter).await
    }

    async fn bookmarks(&self) -> Result<Vec<Bookmark>, StoreError> {
        self.inner.bookmarks().await
    }

    async fn prune(&self, order: &PruneOrder) -> Result<Pruned, StoreError> {
        self.inner.prune(order).await
    }
}

#[cfg(test)]
mod tests {
    use super::{CrashPoint, Side};

    #[test]
    fn a_crash_point_is_a_side_and_a_number() {
        assert_eq!("after:12".parse(), Ok(CrashPoint { commit: 12, side: Side::After }));
        assert!("12".parse::<CrashPoint>().is_err());
        assert!("during:1".parse::<CrashPoint>().is_err());
    }
}
