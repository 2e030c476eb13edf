//! The changes of many transactions as few statements: one insert a table, the last write of a row winning.

use std::collections::BTreeMap;

use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveModelTrait, ColumnTrait as _, ConnectionTrait as _, DatabaseTransaction, DbBackend, DbErr, EntityTrait,
    Insert, IntoActiveModel, Iterable as _, PrimaryKeyToColumn as _, QueryFilter as _, Statement, Value,
};

use super::change::Change;
use super::entity::{assignment, bookmark, event, halt, journal, plan, record, rule_state, run, target};
use super::rows::{Settled, column};

/// Of one statement; SQLite takes 32,766 parameters, and a row has at most eight.
const ROWS_PER_STATEMENT: usize = 500;

/// Rows to write.
#[derive(Debug, Default)]
pub(super) struct Batch {
    events: Vec<event::Model>,
    settled: BTreeMap<i64, Settled>,
    redriven: BTreeMap<i64, (Vec<u8>, i64)>,
    runs: BTreeMap<String, run::Model>,
    journal: Vec<journal::Model>,
    plans: BTreeMap<String, plan::Model>,
    targets: BTreeMap<String, target::Model>,
    records: BTreeMap<(String, String, String), record::Model>,
    /// `None`: to be removed.
    assignments: BTreeMap<(String, String), Option<assignment::Model>>,
    rule_states: BTreeMap<(String, String), rule_state::Model>,
    /// `None`: to be removed.
    bookmarks: BTreeMap<(String, String), Option<bookmark::Model>>,
    /// `None`: to be removed.
    halts: BTreeMap<String, Option<halt::Model>>,
    changes: usize,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.changes == 0
    }

    pub(super) fn extend(&mut self, changes: Vec<Change>) {
        for change in changes {
            self.push(change);
        }
    }

    fn push(&mut self, change: Change) {
        self.changes += 1;
        match change {
            Change::AcceptEvent { row, .. } => self.events.push(row),
            Change::SettleEvent { sequence, settled } | Change::DropEvent { sequence, settled } => {
                self.settled.insert(column(sequence), settled);
            }
            Change::RedriveEvent { sequence, sealed, attempts } => {
                self.settled.remove(&column(sequence));
                self.redriven.insert(column(sequence), (sealed, attempts));
            }
            Change::PutRun { row, .. } => {
                self.runs.insert(row.id.clone(), row);
            }
            Change::AppendJournal { row, .. } => self.journal.push(row),
            Change::PutPlan(row) => {
                self.plans.entry(row.digest.clone()).or_insert(row);
            }
            Change::PutTarget { row, .. } => {
                self.targets.insert(row.name.clone(), row);
            }
            Change::PutRecord(row) => {
                let key = (row.target.clone(), row.signature.clone(), row.run.clone());
                self.records.entry(key).or_insert(row);
            }
            Change::PutAssignment { row, .. } => {
                self.assignments.insert((row.target.clone(), row.agent.clone()), Some(row));
            }
            Change::RemoveAssignment { target, agent } => {
                self.assignments.insert((target.to_string(), agent.to_string()), None);
            }
            Change::PutRuleState(row) => {
                self.rule_states.insert((row.rule.clone(), row.scope.clone()), row);
            }
            Change::PutBookmark(row) => {
                self.bookmarks.insert((row.kind.clone(), row.name.clone()), Some(row));
            }
            Change::RemoveBookmark { kind, name } => {
                self.bookmarks.insert((kind.to_owned(), name), None);
            }
            Change::PutHalt(row) => {
                self.halts.insert(row.scope.clone(), Some(row));
            }
            Change::RemoveHalt { scope } => {
                self.halts.insert(scope, None);
            }
        }
    }

    pub(super) async fn perform(self, db: &DatabaseTransaction) -> Result<(), DbErr> {
        insert::<event::Entity, event::ActiveModel>(db, self.events, None).await?;
        redrive(db, self.redriven).await?;
        settle(db, self.settled).await?;
        insert::<journal::Entity, journal::ActiveModel>(db, self.journal, None).await?;
        put::<run::Entity, run::ActiveModel>(db, self.runs.into_values()).await?;
        put::<target::Entity, target::ActiveModel>(db, self.targets.into_values()).await?;
        put::<rule_state::Entity, rule_state::ActiveModel>(db, self.rule_states.into_values()).await?;
        // A plan is named by what it says and a record by who measured it: the first one stays.
        keep::<plan::Entity, plan::ActiveModel>(db, self.plans.into_values()).await?;
        keep::<record::Entity, record::ActiveModel>(db, self.records.into_values()).await?;

        let (kept, removed): (Vec<_>, Vec<_>) = self.assignments.into_iter().partition(|(_, row)| row.is_some());
        for ((target, agent), _) in removed {
            assignment::Entity::delete_by_id((target, agent)).exec(db).await?;
        }
        put::<assignment::Entity, assignment::ActiveModel>(db, kept.into_iter().filter_map(|(_, row)| row)).await?;

        let (kept, removed): (Vec<_>, Vec<_>) = self.bookmarks.into_iter().partition(|(_, row)| row.is_some());
        for (holder, _) in removed {
            bookmark::Entity::delete_by_id(holder).exec(db).await?;
        }
        put::<bookmark::Entity, bookmark::ActiveModel>(db, kept.into_iter().filter_map(|(_, row)| row)).await?;

        let (kept, removed): (Vec<_>, Vec<_>) = self.halts.into_iter().partition(|(_, row)| row.is_some());
        for (scope, _) in removed {
            halt::Entity::delete_by_id(scope).exec(db).await?;
        }
        put::<halt::Entity, halt::ActiveModel>(db, kept.into_iter().filter_map(|(_, row)| row)).await
    }
}

/// Writes the outcomes of events, many with one statement: joined, since a `CASE` would be searched for each row.
async fn settle(db: &DatabaseTransaction, settled: BTreeMap<i64, Settled>) -> Result<(), DbErr> {
    let (dead, settled): (BTreeMap<_, _>, BTreeMap<_, _>) =
        settled.into_iter().partition(|(_, settled)| settled.dead_at.is_some());
    let mut settled = settled.into_iter().peekable();
    while settled.peek().is_some() {
        let rows: Vec<_> = settled.by_ref().take(ROWS_PER_STATEMENT).collect();
        let places = vec!["(?, ?)"; rows.len()].join(", ");
        let sql = format!(
            "UPDATE events SET outcome = settled.column2, dead_at = NULL FROM (VALUES {places}) AS settled \
             WHERE events.sequence = settled.column1"
        );
        let values = rows.into_iter().flat_map(|(sequence, row)| [Value::from(sequence), Value::from(row.outcome)]);
        db.execute_raw(Statement::from_sql_and_values(DbBackend::Sqlite, sql, values)).await?;
    }
    // Dead letters are rare.
    for (sequence, Settled { outcome, dead_at }) in dead {
        event::Entity::update_many()
            .col_expr(event::Column::Outcome, Expr::val(outcome))
            .col_expr(event::Column::DeadAt, Expr::val(dead_at))
            .filter(event::Column::Sequence.eq(sequence))
            .exec(db)
            .await?;
    }
    Ok(())
}

/// Makes dead letters events again that are not settled.
async fn redrive(db: &DatabaseTransaction, redriven: BTreeMap<i64, (Vec<u8>, i64)>) -> Result<(), DbErr> {
    for (sequence, (sealed, attempts)) in redriven {
        event::Entity::update_many()
            .col_expr(event::Column::Sealed, Expr::val(sealed))
            .col_expr(event::Column::Attempts, Expr::val(attempts))
            .col_expr(event::Column::Outcome, Expr::val(None::<Vec<u8>>))
            .col_expr(event::Column::DeadAt, Expr::val(None::<i64>))
            .filter(event::Column::Sequence.eq(sequence))
            .exec(db)
            .await?;
    }
    Ok(())
}

/// Inserts rows or replaces them.
async fn put<E, A>(db: &DatabaseTransaction, rows: impl Iterator<Item = E::Model>) -> Result<(), DbErr>
where
    E: EntityTrait,
    E::Model: IntoActiveModel<A>,
    A: ActiveModelTrait<Entity = E>,
{
    let is_key = |column: &E::Column| E::PrimaryKey::from_column(*column).is_some();
    let mut conflict = OnConflict::columns(E::PrimaryKey::iter().map(E::PrimaryKey::into_column));
    conflict.update_columns(E::Column::iter().filter(|column| !is_key(column)));
    insert::<E, A>(db, rows.collect(), Some(conflict)).await
}

/// Inserts rows where there are none of their keys.
async fn keep<E, A>(db: &DatabaseTransaction, rows: impl Iterator<Item = E::Model>) -> Result<(), DbErr>
where
    E: EntityTrait,
    E::Model: IntoActiveModel<A>,
    A: ActiveModelTrait<Entity = E>,
{
    let mut conflict = OnConflict::columns(E::PrimaryKey::iter().map(E::PrimaryKey::into_column));
    conflict.do_nothing();
    insert::<E, A>(db, rows.collect(), Some(conflict)).await
}

async fn insert<E, A>(db: &DatabaseTransaction, rows: Vec<E::Model>, conflict: Option<OnConflict>) -> Result<(), DbErr>
where
    E: EntityTrait,
    E::Model: IntoActiveModel<A>,
    A: ActiveModelTrait<Entity = E>,
{
    let mut rows = rows.into_iter().peekable();
    while rows.peek().is_some() {
        let mut statement = Insert::<A>::many(rows.by_ref().take(ROWS_PER_STATEMENT));
        if let Some(conflict) = &conflict {
            statement = statement.on_conflict(conflict.clone());
        }
        statement.exec_without_returning(db).await?;
    }
    Ok(())
}
