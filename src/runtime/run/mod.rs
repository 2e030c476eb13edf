//! One run: its state is a fold over its journal, and what follows is a pure function of plan and state.
//!
//! `state` folds; `decide` says what is next. Neither reads a clock, performs anything or waits.

pub mod decide;
pub mod kept;
pub mod state;

#[cfg(test)]
mod call_tests;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
