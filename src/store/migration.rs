//! How a database file came to be as this version of Homeostat needs it: one migration after the other.
//!
//! The name of the last migration is the version of the schema. A migration that was released is never changed.

use async_trait::async_trait;
use sea_orm_migration::prelude::{
    ColumnDef, ConditionalStatement as _, DbErr, Expr, ExprTrait as _, Index, MigrationName, MigrationTrait,
    MigratorTrait, SchemaManager, Table, TableCreateStatement,
};
use sea_orm_migration::schema::{
    big_integer, big_integer_null, big_pk_auto, binary, binary_null, boolean, integer, string, string_null, text,
};

#[derive(Debug)]
pub(super) struct Migrator;

impl Migrator {
    /// The version of the schema that this program knows.
    pub(super) fn latest() -> String {
        Self::migrations().last().map(|migration| migration.name().to_owned()).unwrap_or_default()
    }

    pub(super) fn knows(version: &str) -> bool {
        Self::migrations().iter().any(|migration| migration.name() == version)
    }
}

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![Box::new(First), Box::new(Retention), Box::new(Bookmarks), Box::new(Calls)]
    }
}

struct First;

impl MigrationName for First {
    fn name(&self) -> &'static str {
        "m0001_first"
    }
}

#[async_trait]
impl MigrationTrait for First {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in first_tables() {
            manager.create_table(table).await?;
        }
        let by_event = Index::create().name("events_by_id").table("events").col("source").col("id").unique().take();
        let pending = Index::create()
            .name("events_pending")
            .table("events")
            .col("sequence")
            .and_where(Expr::col("outcome").is_null())
            .take();
        let by_target = Index::create().name("runs_by_target").table("runs").col("target").col("id").take();
        let by_status = Index::create().name("runs_by_status").table("runs").col("status").col("id").take();
        let unfinished = Index::create()
            .name("runs_unfinished")
            .table("runs")
            .col("id")
            .and_where(Expr::col("is_final").eq(false))
            .take();
        let by_time = Index::create().name("records_by_time").table("records").col("recorded_at").take();
        for index in [by_event, pending, by_target, by_status, unfinished, by_time] {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

/// What dead letters, the dedup window and retention need.
struct Retention;

impl MigrationName for Retention {
    fn name(&self) -> &'static str {
        "m0002_retention"
    }
}

#[async_trait]
impl MigrationTrait for Retention {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds one column a statement.
        for (table, column) in [
            ("events", big_integer_null("dead_at")),
            ("events", ColumnDef::new("attempts").big_integer().not_null().default(0).take()),
            ("runs", big_integer_null("ended_at")),
            ("runs", string_null("cause_source")),
            ("runs", string_null("cause_id")),
        ] {
            manager.alter_table(Table::alter().table(table).add_column(column).take()).await?;
        }
        // A name may come again once it has left the dedup window.
        manager.drop_index(Index::drop().name("events_by_id").table("events").to_owned()).await?;
        let by_name =
            Index::create().name("events_by_name").table("events").col("source").col("id").col("accepted_at").take();
        let dead = Index::create()
            .name("events_dead")
            .table("events")
            .col("sequence")
            .and_where(Expr::col("dead_at").is_not_null())
            .take();
        let ended = Index::create()
            .name("runs_ended")
            .table("runs")
            .col("ended_at")
            .and_where(Expr::col("ended_at").is_not_null())
            .take();
        let causes = Index::create()
            .name("runs_causes")
            .table("runs")
            .col("cause_source")
            .col("cause_id")
            .and_where(Expr::col("is_final").eq(false))
            .take();
        for index in [by_name, dead, ended, causes] {
            manager.create_index(index).await?;
        }
        Ok(())
    }
}

/// What schedules and webhooks need.
struct Bookmarks;

impl MigrationName for Bookmarks {
    fn name(&self) -> &'static str {
        "m0003_bookmarks"
    }
}

#[async_trait]
impl MigrationTrait for Bookmarks {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("bookmarks")
            .col(string("kind"))
            .col(string("name"))
            .col(binary("sealed"))
            .primary_key(Index::create().col("kind").col("name"))
            .take();
        manager.create_table(table).await
    }
}

/// What plans of workflows that call others need.
struct Calls;

impl MigrationName for Calls {
    fn name(&self) -> &'static str {
        "m0004_calls"
    }
}

#[async_trait]
impl MigrationTrait for Calls {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.alter_table(Table::alter().table("plans").add_column(string_null("called")).take()).await
    }
}

fn first_tables() -> Vec<TableCreateStatement> {
    vec![
        Table::create()
            .table("meta")
            .col(integer("id").primary_key())
            .col(big_integer("incarnation"))
            .col(string_null("key_id"))
            .col(binary("key_check"))
            .take(),
        Table::create()
            .table("events")
            .col(big_pk_auto("sequence"))
            .col(string("source"))
            .col(string("id"))
            .col(big_integer("accepted_at"))
            .col(binary("sealed"))
            .col(binary_null("outcome"))
            .take(),
        Table::create()
            .table("runs")
            .col(string("id").primary_key())
            .col(string_null("target"))
            .col(string("status"))
            .col(boolean("is_final"))
            .col(binary("sealed"))
            .take(),
        Table::create()
            .table("journal")
            .col(string("run"))
            .col(big_integer("position"))
            .col(binary("sealed"))
            .primary_key(Index::create().col("run").col("position"))
            .take(),
        Table::create().table("plans").col(string("digest").primary_key()).col(string("path")).col(text("text")).take(),
        Table::create().table("targets").col(string("name").primary_key()).col(binary("sealed")).take(),
        Table::create()
            .table("records")
            .col(string("target"))
            .col(string("signature"))
            .col(string("run"))
            .col(big_integer("recorded_at"))
            .col(binary("sealed"))
            .primary_key(Index::create().col("target").col("signature").col("run"))
            .take(),
        Table::create()
            .table("assignments")
            .col(string("target"))
            .col(string("agent"))
            .col(binary("sealed"))
            .primary_key(Index::create().col("target").col("agent"))
            .take(),
        Table::create()
            .table("rule_states")
            .col(string("rule"))
            .col(string("scope"))
            .col(binary("sealed"))
            .primary_key(Index::create().col("rule").col("scope"))
            .take(),
        Table::create().table("halts").col(string("scope").primary_key()).col(big_integer("halted_at")).take(),
    ]
}
