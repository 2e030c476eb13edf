//! The one task that writes: transactions in, answers out once they are on the disk.
//!
//! It takes everything that waits, up to [`LARGEST_BATCH`], performs it as one immediate SQLite transaction, and answers
//! after the commit, whose end is one sync of the write-ahead log. While that lasts the next batch gathers, so that
//! the more callers there are the more of them share a sync.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use sea_orm::{
    ColumnTrait as _, Condition, DatabaseConnection, EntityTrait as _, ExprTrait as _, QueryFilter as _,
    QuerySelect as _, SqliteTransactionMode, TransactionOptions, TransactionTrait as _,
};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::batch::Batch;
use super::change::{Change, Prepared};
use super::connection::{self, Role};
use super::entity::{event, journal};
use super::ledger::{Earlier, Known, Ledger};
use super::prune;
use super::rows::{Rows, column, number};
use crate::base::id::RunId;
use crate::model::metric;
use crate::runtime::ports::{PruneOrder, Pruned, Receipt, StoreError};

/// Transactions that share one sync at most.
const LARGEST_BATCH: usize = 1024;
/// Transactions that wait at most before callers have to.
const WAITING: usize = 4096;
/// Of one query: SQLite bounds the depth of an expression at 1000.
const KEYS_PER_QUERY: usize = 200;

/// What the writer is asked for, and who waits for it.
#[derive(Debug)]
pub(super) enum Request {
    Commit { prepared: Prepared, answer: oneshot::Sender<Result<Receipt, StoreError>> },
    Prune { order: PruneOrder, answer: oneshot::Sender<Result<Pruned, StoreError>> },
}

/// What callers hold of the writer.
#[derive(Debug)]
pub(super) struct Handle {
    pub(super) requests: mpsc::Sender<Request>,
    /// Cancelled to have the writer finish what waits and end.
    pub(super) closing: CancellationToken,
    /// Cancelled when it has ended.
    pub(super) ended: CancellationToken,
    pub(super) syncs: Arc<AtomicU64>,
}

impl Handle {
    /// Of a writer that there never was: whatever is handed over is refused.
    pub(super) fn ended() -> Self {
        let (requests, _) = mpsc::channel(1);
        let ended = CancellationToken::new();
        ended.cancel();
        Self { requests, closing: CancellationToken::new(), ended, syncs: Arc::default() }
    }
}

#[derive(Debug)]
struct Writer {
    path: PathBuf,
    rows: Arc<Rows>,
    /// `None` after a failure: connected anew when there is something to write.
    db: Option<DatabaseConnection>,
    known: Known,
    syncs: Arc<AtomicU64>,
    /// Held until the last write is done.
    _lock: File,
}

/// Starts the task. `known` is what the database holds.
pub(super) fn start(path: PathBuf, lock: File, rows: Arc<Rows>, db: DatabaseConnection, known: Known) -> Handle {
    let (requests, inbox) = mpsc::channel(WAITING);
    let handle = Handle {
        requests,
        closing: CancellationToken::new(),
        ended: CancellationToken::new(),
        syncs: Arc::new(AtomicU64::new(0)),
    };
    let writer = Writer { path, rows, db: Some(db), known, syncs: Arc::clone(&handle.syncs), _lock: lock };
    let (closing, ended) = (handle.closing.clone(), handle.ended.clone().drop_guard());
    tokio::spawn(async move {
        writer.work(inbox, closing).await;
        drop(ended);
    });
    handle
}

impl Writer {
    async fn work(mut self, mut inbox: mpsc::Receiver<Request>, closing: CancellationToken) {
        let mut waiting = Vec::with_capacity(LARGEST_BATCH);
        loop {
            tokio::select! {
                biased;
                () = closing.cancelled(), if !inbox.is_closed() => inbox.close(),
                taken = inbox.recv_many(&mut waiting, LARGEST_BATCH) => {
                    if taken == 0 {
                        break;
                    }
                    self.answer(waiting.drain(..)).await;
                }
            }
        }
        self.disconnect().await;
    }

    async fn answer(&mut self, requests: impl Iterator<Item = Request>) {
        let (mut prepared, mut answers, mut prunes) = (Vec::new(), Vec::new(), Vec::new());
        for request in requests {
            match request {
                Request::Commit { prepared: one, answer } => {
                    prepared.push(one);
                    answers.push(answer);
                }
                Request::Prune { order, answer } => prunes.push((order, answer)),
            }
        }
        if !prepared.is_empty() {
            self.answer_commits(prepared, answers).await;
        }
        for (order, answer) in prunes {
            let result = self.prune(&order).await;
            if result.is_err() {
                self.disconnect().await;
            }
            // Who no longer waits asks again later.
            let _ = answer.send(result);
        }
        // Those who were answered may come back at once; then they share the next sync, not the one after it.
        tokio::task::yield_now().await;
    }

    async fn answer_commits(
        &mut self,
        prepared: Vec<Prepared>,
        answers: Vec<oneshot::Sender<Result<Receipt, StoreError>>>,
    ) {
        let results = match self.write(prepared).await {
            Ok(results) => results,
            Err(error) => {
                tracing::error!(%error, transactions = answers.len(), "nothing of a batch was written");
                // What the driver thinks of its transaction may differ from what SQLite does after an error. A connection
                // that is closed has certainly rolled back.
                self.disconnect().await;
                vec![Err(error); answers.len()]
            }
        };
        for (answer, result) in answers.into_iter().zip(results) {
            // Who no longer waits has given up on the answer, not on the transaction.
            let _ = answer.send(result);
        }
    }

    async fn prune(&mut self, order: &PruneOrder) -> Result<Pruned, StoreError> {
        let db = self.connected().await?;
        let pruned = prune::prune(&db, order).await.map_err(|error| self.rows.failed(&error))?;
        if pruned != Pruned::default() {
            self.syncs.fetch_add(1, Ordering::Relaxed);
        }
        Ok(pruned)
    }

    /// One result for each transaction; or an error, and then nothing of any of them has happened.
    async fn write(&mut self, prepared: Vec<Prepared>) -> Result<Vec<Result<Receipt, StoreError>>, StoreError> {
        let begun = Instant::now();
        let db = self.connected().await?;
        let looked_up = self.look_up(&db, &prepared).await?;

        let mut ledger = Ledger::new(&self.known, looked_up);
        let mut batch = Batch::default();
        let mut results = Vec::with_capacity(prepared.len());
        for prepared in prepared {
            results.push(ledger.admit(prepared).map(|(receipt, changes)| {
                batch.extend(changes);
                receipt
            }));
        }
        let changed = ledger.into_batch();
        let admitted = results.iter().filter(|result| result.is_ok()).count();
        if !batch.is_empty() {
            let failed = |error| self.rows.failed(&error);
            let options = TransactionOptions {
                sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
                ..TransactionOptions::default()
            };
            let transaction = db.begin_with_options(options).await.map_err(failed)?;
            batch.perform(&transaction).await.map_err(failed)?;
            transaction.commit().await.map_err(failed)?;
            self.syncs.fetch_add(1, Ordering::Relaxed);
            count_commit(admitted, begun);
        }
        self.known.absorb(changed);
        self.known.forget();
        metrics::counter!(metric::STORE_TRANSACTIONS.name).increment(admitted.try_into().unwrap_or(u64::MAX));
        Ok(results)
    }

    /// What the ledger needs for this batch and does not have: which events are there or are dead letters, how long
    /// journals are.
    async fn look_up(&self, db: &DatabaseConnection, prepared: &[Prepared]) -> Result<Known, StoreError> {
        let failed = |error| self.rows.failed(&error);
        let mut known = Known::default();
        let mut events = Vec::new();
        let mut runs = Vec::new();
        let mut letters = Vec::new();
        for change in prepared.iter().flat_map(|prepared| &prepared.changes) {
            match change {
                Change::AcceptEvent { row, known_since } => {
                    events.push((row.source.as_str(), row.id.as_str(), *known_since));
                }
                Change::RedriveEvent { sequence, .. } | Change::DropEvent { sequence, .. } => {
                    letters.push(column(*sequence));
                }
                Change::AppendJournal { run, .. } if !self.known.positions.contains_key(run) => runs.push(*run),
                _ => {}
            }
        }
        for keys in events.chunks(KEYS_PER_QUERY) {
            let any = keys.iter().fold(Condition::any(), |any, (source, id, known_since)| {
                let known = event::Column::AcceptedAt.gte(*known_since).or(event::Column::Outcome.is_null());
                any.add(event::Column::Source.eq(*source).and(event::Column::Id.eq(*id)).and(known))
            });
            let found = event::Entity::find()
                .select_only()
                .columns([event::Column::Source, event::Column::Id, event::Column::Sequence, event::Column::AcceptedAt])
                .column_as(event::Column::Outcome.is_not_null(), "was_settled")
                .filter(any)
                .into_tuple::<(String, String, i64, i64, bool)>()
                .all(db)
                .await;
            for (source, id, sequence, accepted_at, was_settled) in found.map_err(failed)? {
                let earlier = Earlier { sequence: number(sequence), accepted_at, was_settled };
                known.events.entry((source, id)).or_default().push(earlier);
            }
        }
        for letters in letters.chunks(KEYS_PER_QUERY) {
            let found = event::Entity::find()
                .select_only()
                .column(event::Column::Sequence)
                .filter(event::Column::Sequence.is_in(letters.iter().copied()))
                .filter(event::Column::DeadAt.is_not_null())
                .into_tuple::<i64>()
                .all(db)
                .await;
            known.dead.extend(found.map_err(failed)?.into_iter().map(|sequence| (number(sequence), true)));
        }
        runs.sort_unstable();
        runs.dedup();
        for runs in runs.chunks(KEYS_PER_QUERY) {
            let found = journal::Entity::find()
                .select_only()
                .column(journal::Column::Run)
                .column_as(journal::Column::Position.max(), "last")
                .filter(journal::Column::Run.is_in(runs.iter().map(RunId::to_string)))
                .group_by(journal::Column::Run)
                .into_tuple::<(String, i64)>()
                .all(db)
                .await;
            for (run, last) in found.map_err(failed)? {
                let run = run.parse().map_err(|_| StoreError::Damaged { what: format!("the journal of run {run}") })?;
                known.positions.insert(run, number(last) + 1);
            }
        }
        Ok(known)
    }

    async fn connected(&mut self) -> Result<DatabaseConnection, StoreError> {
        if let Some(db) = &self.db {
            return Ok(db.clone());
        }
        let db = connection::connect(&self.path, Role::Writer).await?;
        self.db = Some(db.clone());
        Ok(db)
    }

    async fn disconnect(&mut self) {
        if let Some(db) = self.db.take()
            && let Err(error) = db.close().await
        {
            tracing::warn!(%error, "the store's connection did not close as it should");
        }
    }
}

fn count_commit(transactions: usize, begun: Instant) {
    metrics::counter!(metric::STORE_COMMITS.name).increment(1);
    metrics::histogram!(metric::STORE_BATCH.name).record(f64::from(u32::try_from(transactions).unwrap_or(u32::MAX)));
    metrics::histogram!(metric::STORE_COMMIT_SECONDS.name).record(begun.elapsed());
}
