//! What is durable: transactions in, one sync for many of them, and the same back after a crash.
//!
//! [`SqliteStore`] keeps it in a file, [`memory::MemoryStore`] nowhere; both pass one suite of tests. A blob is sealed
//! before it reaches the database, with the row it belongs to. Nothing here knows what a run does next, what a rule means
//! or who asks; sea-orm stays in here.
//!
//! A transaction goes through these parts, in this order:
//!
//! | part | does |
//! | --- | --- |
//! | `change` | turns writes into rows with sealed blobs, in the task of the caller |
//! | `writer` | takes everything that waits, performs it as one SQLite transaction, answers after the sync |
//! | `ledger` | decides, without any input or output, which transactions of a batch are refused |
//! | `batch` | merges what is left into one statement a table |
//! | `prune` | removes a little of what is too old, in a transaction of its own |
//!
//! What users are told, by error: `WrongKey` and `Sealing` are H0506, `Newer` is H0508, `Full` is H0509, `Busy` is H0510,
//! `Damaged` and `Io` are H0511. `Fenced`, `JournalMoved`, `AssignmentMoved`, `Refused` and
//! `Closed` are answers to the engine.

mod backup;
mod batch;
mod change;
mod connection;
mod crashing;
#[expect(unreachable_pub, reason = "sea-orm's derive wants its items public")]
mod entity;
mod ledger;
pub mod memory;
mod migration;
mod plan_row;
mod prune;
mod rows;
mod sqlite;
#[cfg(test)]
mod suite;
mod writer;

pub use backup::{backup, restore};
pub use crashing::{CrashPoint, CrashingStore};
pub use memory::MemoryStore;
pub use sqlite::{Options, SqliteStore};
