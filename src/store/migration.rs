//! How a database file came to be as this version of Homeostat needs it: one migration after the other.
//!
//! The name of the last migration is the version of the schema. A migration that was released is never changed.

use async_trait::async_trait;
use sea_orm_migration::prelude::{
    ConditionalStatement as _, DbErr, Expr, ExprTrait as _, Index, MigrationName, MigrationTrait, MigratorTrait,
    SchemaManager, Table, TableCreateStatement,
};
use sea_orm_migration::schema::{
    big_integer, big_pk_auto, binary, binary_null, boolean, integer, string, string_null, text,
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
        vec![Box::new(First)]
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
