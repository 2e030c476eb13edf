//! Events become runs, and runs become effects, durably.
//!
//! The runtime sees the world only through the traits in [`ports`], gathered in one [`ports::Context`]. What a run does
//! next is decided by a pure function of its plan and journal; other parts perform it.
//! What it must not know: HTTP, SQL, files, terminals, how a load test or a dispatch is done.

pub mod clauses;
pub mod control;
mod dead;
mod desk;
pub mod effect;
pub mod engine;
#[cfg(test)]
mod engine_tests;
pub mod examine;
mod interpreter;
pub mod journal;
pub mod machine;
mod performance;
pub mod ports;
pub mod program;
pub mod queue;
pub mod retention;
pub mod run;
mod run_ids;
pub mod scheduler;
#[cfg(test)]
mod tests;
pub mod verdict;
pub mod wait;
pub mod world;
