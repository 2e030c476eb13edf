//! The store in one SQLite file: opens it, hands transactions to the writer, and reads beside it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, ConnectionTrait as _, DatabaseConnection, DatabaseTransaction,
    EntityTrait, ExprTrait as _, IntoActiveModel as _, QueryFilter as _, QueryOrder as _, QueryResult,
    QuerySelect as _, QueryTrait as _, Select, SqliteTransactionMode, TransactionOptions, TransactionTrait as _,
};
use sea_orm_migration::MigratorTrait as _;
use tokio::sync::oneshot;

use super::change::Prepared;
use super::connection::{self, Role};
use super::entity::{assignment, bookmark, event, halt, journal, meta, plan, record, rule_state, run, target};
use super::ledger::Known;
use super::migration::Migrator;
use super::plan_row;
use super::rows::{Place, Rows, column, number, target_of_scope};
use super::writer::{self, Handle, Request};
use crate::base::clock::{Clock as _, SystemClock};
use crate::base::digest::Digest;
use crate::base::id::{RunId, TargetName};
use crate::model::assignment::Assignment;
use crate::model::record::Record;
use crate::model::target::TargetState;
use crate::runtime::journal::RunSummary;
use crate::runtime::ports::{
    Bookmark, EventFilter, EventOrder, Loaded, PlanSource, PruneOrder, Pruned, Receipt, RecordFilter, RunFilter, Store,
    StoreError, StoredEvent, StoredRun, Transaction,
};
use crate::security::{Sealing, Vault};

/// Where the store is and how it is sealed.
#[derive(Clone, Debug)]
pub struct Options {
    /// `sqlite://PATH`; the path may be relative.
    pub url: String,
    pub sealing: Sealing,
}

/// A store in an SQLite file. One process at a time opens it.
///
/// A transaction that was handed over is performed whether or not its caller goes on waiting for the answer.
#[derive(Debug)]
pub struct SqliteStore {
    rows: Arc<Rows>,
    readers: DatabaseConnection,
    writer: Handle,
    incarnation: u64,
}

/// What is opened and must be the same again later, to know the right key.
pub(super) const KEY_CHECK: &str = "homeostat";
pub(super) const META: i32 = 1;

impl SqliteStore {
    /// Opens the store, makes it where there is none, and brings an older one up to date.
    ///
    /// # Errors
    /// `Busy`, `Newer`, `WrongKey`, `Sealing`, `Damaged`, `Full` or `Io`; the file is then as it was before.
    pub async fn open(options: Options) -> Result<Self, StoreError> {
        let path = connection::path_of(&options.url)?;
        let lock = connection::lock(&path)?;
        let shown = path.display().to_string();
        if matches!(options.sealing, Sealing::Off) {
            tracing::warn!(store = shown, "ENCRYPTION IS OFF: whoever can read the store's file can read all of it");
        }
        let vault = Vault::new(&options.sealing)
            .map_err(|error| StoreError::Io { path: shown.clone(), problem: error.to_string() })?;
        let rows = Arc::new(Rows::new(vault, shown));
        if path.exists() {
            let db = connection::connect(&path, Role::Readers).await?;
            check_version(&db, &rows).await?;
            db.close().await.map_err(|error| rows.failed(&error))?;
        }
        let db = connection::connect(&path, Role::Writer).await?;
        Self::start(path, lock, rows, db).await
    }

    /// Opens a store that is there, and that an engine may have open, to look at it: every commit is refused as `Closed`.
    ///
    /// # Errors
    /// As [`Self::open`]; also `Io` where there is no store.
    pub async fn open_to_read(options: Options) -> Result<Self, StoreError> {
        let path = connection::path_of(&options.url)?;
        let shown = path.display().to_string();
        if !path.exists() {
            let problem = "there is no store; it is made when the engine starts".to_owned();
            return Err(StoreError::Io { path: shown, problem });
        }
        let vault = Vault::new(&options.sealing)
            .map_err(|error| StoreError::Io { path: shown.clone(), problem: error.to_string() })?;
        let rows = Arc::new(Rows::new(vault, shown));
        let readers = connection::connect(&path, Role::Readers).await?;
        check_version(&readers, &rows).await?;
        let found = meta::Entity::find_by_id(META).one(&readers).await.map_err(|error| rows.failed(&error))?;
        let Some(found) = found else {
            let problem = "the file holds no store".to_owned();
            return Err(StoreError::Io { path: path.display().to_string(), problem });
        };
        check_key(&rows, &found)?;
        Ok(Self { rows, readers, writer: Handle::ended(), incarnation: number(found.incarnation) })
    }

    async fn start(
        path: PathBuf,
        lock: std::fs::File,
        rows: Arc<Rows>,
        db: DatabaseConnection,
    ) -> Result<Self, StoreError> {
        let incarnation = prepare(&db, &rows).await?;
        let known = known(&db, &rows).await?;
        let readers = connection::connect(&path, Role::Readers).await?;
        let writer = writer::start(path, lock, Arc::clone(&rows), db, known);
        Ok(Self { rows, readers, writer, incarnation })
    }

    /// Performs what was handed over, then closes the file and gives the lock back. Everything after that is `Closed`.
    pub async fn close(&self) {
        self.writer.closing.cancel();
        if let Err(error) = self.readers.close_by_ref().await {
            tracing::warn!(%error, "the store's readers did not close as they should");
        }
        self.writer.ended.cancelled().await;
    }

    /// How many commits there were since the store was opened: each is one sync of the write-ahead log. (SQLite's own
    /// checkpoints, every thousand pages or so, are not counted.)
    pub fn syncs(&self) -> u64 {
        self.writer.syncs.load(Ordering::Relaxed)
    }

    async fn all<E: EntityTrait>(&self, query: Select<E>) -> Result<Vec<E::Model>, StoreError> {
        query.all(&self.readers).await.map_err(|error| self.rows.failed(&error))
    }

    async fn one<E: EntityTrait>(&self, query: Select<E>) -> Result<Option<E::Model>, StoreError> {
        query.one(&self.readers).await.map_err(|error| self.rows.failed(&error))
    }

    /// What is read in it is of one moment.
    async fn snapshot(&self) -> Result<Snapshot<'_>, StoreError> {
        let db = self.readers.begin().await.map_err(|error| self.rows.failed(&error))?;
        Ok(Snapshot { db, rows: &self.rows })
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn load(&self) -> Result<Loaded, StoreError> {
        let rows = &self.rows;
        let snapshot = self.snapshot().await?;
        let pending =
            event::Entity::find().filter(event::Column::Outcome.is_null()).order_by_asc(event::Column::Sequence);
        let targets = target::Entity::find().order_by_asc(target::Column::Name);
        let assignments =
            assignment::Entity::find().order_by_asc(assignment::Column::Target).order_by_asc(assignment::Column::Agent);
        let states =
            rule_state::Entity::find().order_by_asc(rule_state::Column::Rule).order_by_asc(rule_state::Column::Scope);
        let halts = halt::Entity::find().order_by_asc(halt::Column::Scope);
        Ok(Loaded {
            incarnation: self.incarnation,
            events: snapshot.read(pending, |row| rows.stored_event(row)).await?,
            runs: snapshot.unfinished_runs().await?,
            targets: snapshot.read(targets, |row| rows.target(row)).await?,
            assignments: snapshot.read(assignments, |row| rows.assignment(row)).await?,
            rule_states: snapshot.read(states, |row| rows.rule_state(row)).await?,
            halts: snapshot.read(halts, |row| Ok(target_of_scope(&row.scope))).await?,
        })
    }

    async fn commit(&self, transaction: Transaction) -> Result<Receipt, StoreError> {
        let prepared = Prepared::new(transaction, &self.rows)?;
        let (answer, answered) = oneshot::channel();
        let request = Request::Commit { prepared, answer };
        self.writer.requests.send(request).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }

    async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunSummary>, StoreError> {
        let query = run::Entity::find()
            .apply_if(filter.target.as_ref(), |query, target| query.filter(run::Column::Target.eq(target.as_str())))
            .apply_if(filter.status, |query, status| query.filter(run::Column::Status.eq(status.as_str())))
            .apply_if(filter.before, |query, before| query.filter(run::Column::Id.lt(before.to_string())))
            .order_by_desc(run::Column::Id)
            .limit(limit(filter.limit));
        self.all(query).await?.iter().map(|row| self.rows.run(row)).collect()
    }

    async fn run(&self, id: RunId) -> Result<Option<StoredRun>, StoreError> {
        let snapshot = self.snapshot().await?;
        let query = run::Entity::find_by_id(id.to_string());
        let Some(summary) = snapshot.read(query, |row| self.rows.run(row)).await?.pop() else { return Ok(None) };
        let journal = journal::Entity::find()
            .filter(journal::Column::Run.eq(id.to_string()))
            .order_by_asc(journal::Column::Position);
        let batches = snapshot.read(journal, |row| Ok(row.clone())).await?;
        stored_run(&self.rows, summary, &batches).map(Some)
    }

    async fn targets(&self) -> Result<Vec<TargetState>, StoreError> {
        let query = target::Entity::find().order_by_asc(target::Column::Name);
        self.all(query).await?.iter().map(|row| self.rows.target(row)).collect()
    }

    async fn target(&self, name: &TargetName) -> Result<Option<TargetState>, StoreError> {
        let row = self.one(target::Entity::find_by_id(name.as_str())).await?;
        row.map(|row| self.rows.target(&row)).transpose()
    }

    async fn records(&self, filter: &RecordFilter) -> Result<Vec<Record>, StoreError> {
        let query = record::Entity::find()
            .apply_if(filter.target.as_ref(), |query, target| query.filter(record::Column::Target.eq(target.as_str())))
            .apply_if(filter.signature.as_ref(), |query, signature| {
                query.filter(record::Column::Signature.eq(signature.as_str()))
            })
            .order_by_desc(record::Column::RecordedAt)
            .order_by_desc(record::Column::Run)
            .order_by_desc(record::Column::Target)
            .order_by_desc(record::Column::Signature)
            .limit(limit(filter.limit));
        self.all(query).await?.iter().map(|row| self.rows.record(row)).collect()
    }

    async fn assignments(&self, target: &TargetName) -> Result<Vec<Assignment>, StoreError> {
        let query = assignment::Entity::find()
            .filter(assignment::Column::Target.eq(target.as_str()))
            .order_by_asc(assignment::Column::Agent);
        self.all(query).await?.iter().map(|row| self.rows.assignment(row)).collect()
    }

    async fn plan(&self, digest: &Digest) -> Result<Option<PlanSource>, StoreError> {
        let row = self.one(plan::Entity::find_by_id(digest.as_str())).await?;
        row.map(plan_row::source).transpose()
    }

    async fn event(&self, source: &str, id: &str) -> Result<Option<StoredEvent>, StoreError> {
        let query = event::Entity::find()
            .filter(event::Column::Source.eq(source))
            .filter(event::Column::Id.eq(id))
            .order_by_desc(event::Column::Sequence)
            .limit(1);
        self.one(query).await?.map(|row| self.rows.stored_event(&row)).transpose()
    }

    async fn event_at(&self, sequence: u64) -> Result<Option<StoredEvent>, StoreError> {
        let row = self.one(event::Entity::find_by_id(column(sequence))).await?;
        row.map(|row| self.rows.stored_event(&row)).transpose()
    }

    async fn events(&self, filter: &EventFilter) -> Result<Vec<StoredEvent>, StoreError> {
        let mut query = event::Entity::find();
        if filter.only_dead_letters {
            query = query.filter(event::Column::DeadAt.is_not_null());
        }
        query = match filter.order {
            EventOrder::NewestFirst { before } => query
                .apply_if(before, |query, before| query.filter(event::Column::Sequence.lt(column(before))))
                .order_by_desc(event::Column::Sequence),
            EventOrder::OldestFirst { after } => {
                query.filter(event::Column::Sequence.gt(column(after))).order_by_asc(event::Column::Sequence)
            }
        };
        let rows = self.all(query.limit(limit(filter.limit))).await?;
        rows.iter().map(|row| self.rows.stored_event(row)).collect()
    }

    async fn bookmarks(&self) -> Result<Vec<Bookmark>, StoreError> {
        let query = bookmark::Entity::find().order_by_asc(bookmark::Column::Kind).order_by_asc(bookmark::Column::Name);
        self.all(query).await?.iter().map(|row| self.rows.bookmark(row)).collect()
    }

    async fn prune(&self, order: &PruneOrder) -> Result<Pruned, StoreError> {
        let (answer, answered) = oneshot::channel();
        let request = Request::Prune { order: order.clone(), answer };
        self.writer.requests.send(request).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }
}

/// Reads of one moment.
struct Snapshot<'a> {
    db: DatabaseTransaction,
    rows: &'a Rows,
}

impl Snapshot<'_> {
    async fn read<E: EntityTrait, T>(
        &self,
        query: Select<E>,
        open: impl Fn(&E::Model) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let found = query.all(&self.db).await.map_err(|error| self.rows.failed(&error))?;
        found.iter().map(open).collect()
    }

    async fn unfinished_runs(&self) -> Result<Vec<StoredRun>, StoreError> {
        let unfinished = run::Column::IsFinal.eq(false);
        let query = run::Entity::find().filter(unfinished.clone()).order_by_asc(run::Column::Id);
        let summaries = self.read(query, |row| self.rows.run(row)).await?;
        let ids = Query::select().column(run::Column::Id).from(run::Entity).and_where(unfinished).take();
        let query = journal::Entity::find()
            .filter(journal::Column::Run.in_subquery(ids))
            .order_by_asc(journal::Column::Run)
            .order_by_asc(journal::Column::Position);
        let batches = self.read(query, |row| Ok(row.clone())).await?;
        // Both lists are ordered by run.
        let mut rest = batches.as_slice();
        let mut runs = Vec::with_capacity(summaries.len());
        for summary in summaries {
            let id = summary.id.to_string();
            let (own, others) = rest.split_at(rest.iter().take_while(|row| row.run == id).count());
            rest = others;
            runs.push(stored_run(self.rows, summary, own)?);
        }
        Ok(runs)
    }
}

fn stored_run(rows: &Rows, summary: RunSummary, batches: &[journal::Model]) -> Result<StoredRun, StoreError> {
    let journal = rows.journal(batches)?;
    Ok(StoredRun { summary, journal, batches: batches.len().try_into().unwrap_or(u64::MAX) })
}

fn limit(asked: u64) -> u64 {
    if asked == 0 { 100 } else { number(column(asked)) }
}

/// Makes or checks the schema and the key, all or nothing. Returns the store's incarnation.
async fn prepare(db: &DatabaseConnection, rows: &Rows) -> Result<u64, StoreError> {
    let failed = |error| rows.failed(&error);
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let transaction = db.begin_with_options(options).await.map_err(failed)?;
    Migrator::up(&transaction, None).await.map_err(failed)?;
    let incarnation = match meta::Entity::find_by_id(META).one(&transaction).await.map_err(failed)? {
        Some(found) => {
            check_key(rows, &found)?;
            number(found.incarnation)
        }
        None => introduce(&transaction, rows).await?,
    };
    transaction.commit().await.map_err(failed)?;
    Ok(incarnation)
}

/// Refuses a file that is of a newer version, or of another program, and changes nothing of it.
pub(super) async fn check_version(db: &DatabaseConnection, rows: &Rows) -> Result<(), StoreError> {
    let failed = |error| rows.failed(&error);
    let tables = Query::select()
        .column("name")
        .from("sqlite_master")
        .and_where(Expr::col("type").eq("table"))
        .and_where(Expr::col("name").not_like("sqlite_%"))
        .take();
    let lists_migrations =
        |row: &QueryResult| row.try_get_by_index::<String>(0).is_ok_and(|name| name == "seaql_migrations");
    let tables = db.query_all(&tables).await.map_err(failed)?;
    if tables.is_empty() {
        return Ok(());
    }
    let mut applied = Vec::new();
    if tables.iter().any(lists_migrations) {
        let versions = Query::select().column("version").from("seaql_migrations").take();
        for row in db.query_all(&versions).await.map_err(failed)? {
            applied.push(row.try_get_by_index::<String>(0).map_err(failed)?);
        }
    }
    let (known, unknown): (Vec<_>, Vec<_>) = applied.into_iter().partition(|version| Migrator::knows(version));
    if known.is_empty() {
        return Err(rows.io(&"this is a database of another program; name another file"));
    }
    match unknown.into_iter().max() {
        Some(found) => Err(StoreError::Newer { path: rows.path().to_owned(), found, known: Migrator::latest() }),
        None => Ok(()),
    }
}

pub(super) fn check_key(rows: &Rows, found: &meta::Model) -> Result<(), StoreError> {
    let path = rows.path().to_owned();
    let given = rows.vault().key_id().map(|id| id.to_string());
    match (&found.key_id, given) {
        (Some(sealed), None) => {
            let problem = format!("the store is sealed with key {sealed}, but encryption is off; give that key");
            Err(StoreError::Sealing { path, problem })
        }
        (None, Some(_)) => {
            let problem = "the store was made with encryption off, but a key is given; make a new store, or turn \
                           encryption off again"
                .to_owned();
            Err(StoreError::Sealing { path, problem })
        }
        (Some(sealed), Some(given)) if *sealed != given => Err(StoreError::WrongKey { path, key: sealed.clone() }),
        _ => {
            let check: String = rows.open(&key_check_place(found.incarnation), &found.key_check)?;
            if check == KEY_CHECK { Ok(()) } else { Err(StoreError::Damaged { what: "the key check".to_owned() }) }
        }
    }
}

/// Writes what a new store says of itself.
async fn introduce(db: &DatabaseTransaction, rows: &Rows) -> Result<u64, StoreError> {
    // Made from the time, so that a store that replaces a lost one starts above it.
    let incarnation = SystemClock.now().0;
    let model = meta::Model {
        id: META,
        incarnation,
        key_id: rows.vault().key_id().map(|id| id.to_string()),
        key_check: rows.seal(&key_check_place(incarnation), KEY_CHECK)?,
    };
    model.into_active_model().insert(db).await.map_err(|error| rows.failed(&error))?;
    Ok(number(incarnation))
}

pub(super) fn key_check_place(incarnation: i64) -> Place {
    Place::new("meta", [META]).bind(&incarnation)
}

/// What the writer must know from the start.
async fn known(db: &DatabaseConnection, rows: &Rows) -> Result<Known, StoreError> {
    let failed = |error| rows.failed(&error);
    let last = event::Entity::find()
        .select_only()
        .column(event::Column::Sequence)
        .order_by_desc(event::Column::Sequence)
        .into_tuple::<i64>()
        .one(db)
        .await
        .map_err(failed)?;
    let mut known = Known { next_sequence: Some(number(last.unwrap_or(0)) + 1), ..Known::default() };
    for row in target::Entity::find().all(db).await.map_err(failed)? {
        let state = rows.target(&row)?;
        known.tokens.insert(state.name, state.lease.token);
    }
    for row in assignment::Entity::find().all(db).await.map_err(failed)? {
        let assignment = rows.assignment(&row)?;
        known.epochs.insert((assignment.target, assignment.agent), Some(assignment.epoch));
    }
    Ok(known)
}

#[cfg(test)]
#[path = "sqlite_tests.rs"]
mod tests;
