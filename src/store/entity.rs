//! The tables as sea-orm sees them. Times are milliseconds since 1970, ids are text, `sealed` columns are blobs.
//!
//! What stands in clear is what is searched for; the blob beside it holds it again, and does not open beside other values.

macro_rules! table {
    ($(#[$docs:meta])* $module:ident, $name:literal, { $($fields:tt)* }) => {
        $(#[$docs])*
        pub(super) mod $module {
            use sea_orm::entity::prelude::*;

            #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
            #[sea_orm(table_name = $name)]
            pub struct Model { $($fields)* }

            #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
            pub enum Relation {}

            impl ActiveModelBehavior for ActiveModel {}
        }
    };
}

table! {
    /// One row: what the store says of itself.
    meta, "meta", {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i32,
        pub incarnation: i64,
        /// NULL: encryption is off.
        pub key_id: Option<String>,
        /// Opens only with the right key.
        pub key_check: Vec<u8>,
    }
}

table! {
    event, "events", {
        #[sea_orm(primary_key)]
        pub sequence: i64,
        pub source: String,
        pub id: String,
        pub accepted_at: i64,
        pub sealed: Vec<u8>,
        /// NULL until the event is settled; sealed too.
        pub outcome: Option<Vec<u8>>,
        /// When it became a dead letter; NULL where it is none.
        pub dead_at: Option<i64>,
        /// How often handling it was tried before it was redriven.
        pub attempts: i64,
    }
}

table! {
    run, "runs", {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: String,
        pub target: Option<String>,
        pub status: String,
        pub is_final: bool,
        pub sealed: Vec<u8>,
        pub ended_at: Option<i64>,
        /// The event it came from, which is kept for as long as the run is not final.
        pub cause_source: Option<String>,
        pub cause_id: Option<String>,
    }
}

table! {
    /// One row a flush.
    journal, "journal", {
        #[sea_orm(primary_key, auto_increment = false)]
        pub run: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub position: i64,
        pub sealed: Vec<u8>,
    }
}

table! {
    plan, "plans", {
        #[sea_orm(primary_key, auto_increment = false)]
        pub digest: String,
        pub path: String,
        pub text: String,
        /// Paths and texts of the workflows that are called, as JSON; NULL where there are none.
        pub called: Option<String>,
    }
}

table! {
    target, "targets", {
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub sealed: Vec<u8>,
    }
}

table! {
    record, "records", {
        #[sea_orm(primary_key, auto_increment = false)]
        pub target: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub signature: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub run: String,
        pub recorded_at: i64,
        pub sealed: Vec<u8>,
    }
}

table! {
    assignment, "assignments", {
        #[sea_orm(primary_key, auto_increment = false)]
        pub target: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub agent: String,
        pub sealed: Vec<u8>,
    }
}

table! {
    rule_state, "rule_states", {
        #[sea_orm(primary_key, auto_increment = false)]
        pub rule: String,
        /// Empty for no target, else a colon and the target.
        #[sea_orm(primary_key, auto_increment = false)]
        pub scope: String,
        pub sealed: Vec<u8>,
    }
}

table! {
    /// How far something has come that goes on from where it stopped.
    bookmark, "bookmarks", {
        /// Of its holder.
        #[sea_orm(primary_key, auto_increment = false)]
        pub kind: String,
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub sealed: Vec<u8>,
    }
}

table! {
    halt, "halts", {
        /// Empty for all targets, else a colon and the target.
        #[sea_orm(primary_key, auto_increment = false)]
        pub scope: String,
        pub halted_at: i64,
    }
}
