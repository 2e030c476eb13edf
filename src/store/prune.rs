//! What is too old leaves the database, a little at a time, each time in a transaction of its own.
//!
//! What must stay is found in the statements that remove: nothing can become active between the look and the removal.

use std::collections::HashSet;

use sea_orm::sea_query::{Expr, Query, SelectStatement};
use sea_orm::{
    ColumnTrait as _, DatabaseConnection, DatabaseTransaction, DbErr, EntityTrait as _, ExprTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, SqliteTransactionMode, TransactionOptions,
    TransactionTrait as _,
};

use super::entity::{event, journal, record, run};
use crate::runtime::ports::{PruneOrder, Pruned};

/// One step.
pub(super) async fn prune(db: &DatabaseConnection, order: &PruneOrder) -> Result<Pruned, DbErr> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let transaction = db.begin_with_options(options).await?;
    let pruned = Pruned {
        runs: runs(&transaction, order).await?,
        events: settled_events(&transaction, order).await?,
        dead_letters: dead_letters(&transaction, order).await?,
        records: records(&transaction, order).await?,
    };
    transaction.commit().await?;
    Ok(pruned)
}

/// Events have numbers in the order in which they were accepted: the first young one ends the search.
async fn settled_events(db: &DatabaseTransaction, order: &PruneOrder) -> Result<u64, DbErr> {
    let before = order.events.min(order.known_since).0;
    let first_young = event::Entity::find()
        .select_only()
        .column(event::Column::Sequence)
        .filter(event::Column::AcceptedAt.gte(before))
        .order_by_asc(event::Column::Sequence)
        .into_tuple::<i64>()
        .one(db)
        .await?;
    let old = event::Entity::find()
        .select_only()
        .column(event::Column::Sequence)
        .filter(event::Column::Sequence.lt(first_young.unwrap_or(i64::MAX)))
        .filter(event::Column::Outcome.is_not_null())
        .filter(event::Column::DeadAt.is_null())
        .order_by_asc(event::Column::Sequence);
    remove_events(db, old, order).await
}

async fn dead_letters(db: &DatabaseTransaction, order: &PruneOrder) -> Result<u64, DbErr> {
    let old = event::Entity::find()
        .select_only()
        .column(event::Column::Sequence)
        .filter(event::Column::DeadAt.lt(order.dead_letters.0))
        .filter(event::Column::AcceptedAt.lt(order.known_since.0))
        .order_by_asc(event::Column::Sequence);
    remove_events(db, old, order).await
}

/// Removes those of the events that no unfinished run came from. The last event stays: the next number follows its own.
async fn remove_events(
    db: &DatabaseTransaction,
    old: sea_orm::Select<event::Entity>,
    order: &PruneOrder,
) -> Result<u64, DbErr> {
    let last = Query::select().expr(Expr::col(event::Column::Sequence).max()).from(event::Entity).take();
    let causes = Query::select()
        .expr(Expr::val(1))
        .from(run::Entity)
        .and_where(run::Column::IsFinal.eq(false))
        .and_where(Expr::col((run::Entity, run::Column::CauseSource)).equals((event::Entity, event::Column::Source)))
        .and_where(Expr::col((run::Entity, run::Column::CauseId)).equals((event::Entity, event::Column::Id)))
        .take();
    let old = old
        .filter(Expr::col((event::Entity, event::Column::Sequence)).lt(sub_query(last)))
        .filter(Expr::exists(causes).not())
        .limit(order.limit);
    let sequences = old.into_tuple::<i64>().all(db).await?;
    if sequences.is_empty() {
        return Ok(0);
    }
    let removed = event::Entity::delete_many().filter(event::Column::Sequence.is_in(sequences)).exec(db).await?;
    Ok(removed.rows_affected)
}

fn sub_query(select: SelectStatement) -> sea_orm::sea_query::SimpleExpr {
    sea_orm::sea_query::SimpleExpr::SubQuery(None, Box::new(select.into()))
}

async fn runs(db: &DatabaseTransaction, order: &PruneOrder) -> Result<u64, DbErr> {
    let old = run::Entity::find()
        .select_only()
        .column(run::Column::Id)
        .filter(run::Column::EndedAt.lt(order.runs.0))
        .filter(run::Column::IsFinal.eq(true))
        .order_by_asc(run::Column::EndedAt)
        .limit(order.limit)
        .into_tuple::<String>()
        .all(db)
        .await?;
    if old.is_empty() {
        return Ok(0);
    }
    journal::Entity::delete_many().filter(journal::Column::Run.is_in(old.clone())).exec(db).await?;
    Ok(run::Entity::delete_many().filter(run::Column::Id.is_in(old)).exec(db).await?.rows_affected)
}

async fn records(db: &DatabaseTransaction, order: &PruneOrder) -> Result<u64, DbErr> {
    let kept: HashSet<(&str, &str)> =
        order.keep_records.iter().map(|(target, signature)| (target.as_str(), signature.as_str())).collect();
    let (mut removed, mut passed_over) = (0, 0);
    loop {
        let page = record::Entity::find()
            .select_only()
            .columns([record::Column::Target, record::Column::Signature, record::Column::Run])
            .filter(record::Column::RecordedAt.lt(order.records.0))
            .order_by_asc(record::Column::RecordedAt)
            .offset(passed_over)
            .limit(order.limit)
            .into_tuple::<(String, String, String)>()
            .all(db)
            .await?;
        let is_last = (page.len() as u64) < order.limit;
        for key in page {
            if removed == order.limit {
                break;
            }
            if kept.contains(&(key.0.as_str(), key.1.as_str())) {
                passed_over += 1;
            } else {
                removed += record::Entity::delete_by_id(key).exec(db).await?.rows_affected;
            }
        }
        if is_last || removed == order.limit {
            return Ok(removed);
        }
    }
}
