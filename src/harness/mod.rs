//! The authors' own tests: scenarios in YAML, played on the real engine in a world that is not.
//!
//! | part | does |
//! | --- | --- |
//! | `scenario` | YAML becomes checked scenarios, every node with its place |
//! | `world` | the ports as a test needs them, and time that skips; knows no scenarios |
//! | `play` | drives an engine in a world through a scenario: a history |
//! | `verdict` | compares what was expected with the history |
//! | `trace` | the history for people |
//! | `coverage` | which rules, steps and branches histories have seen |
//! | `snapshots` | plans as they are kept beside their workflows |
//! | `simulation` | a program and a strategy against a target in virtual time |
//! | `session` | all scenarios and snapshots of a program |
//! | `report` | all of it as text, JSON and JUnit |
//! | `backtest` | plays what a store recorded in a world, and compares |
//!
//! What it must not know: terminals, arguments, exit codes.

pub mod backtest;
pub mod coverage;
pub mod play;
pub mod report;
pub mod scenario;
pub mod session;
pub mod simulation;
pub mod snapshots;
pub mod trace;
pub mod verdict;
pub mod world;

#[cfg(test)]
mod call_tests;
#[cfg(test)]
mod tests;
