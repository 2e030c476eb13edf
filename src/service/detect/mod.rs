//! Sources of events that Homeostat has itself.
//!
//! [`agents`] turns what agents report into `HIGH_LATENCY`, `IDLE` and `WAKE`. Each target's settings say what is told and after how
//! long; nothing is told twice within that time, so that no detector can flood the queue.
//! What it must not know: which rules take the events, and what they do.

pub mod agents;
