//! Leaf words that every module may use: where text came from, when it is, how long, how fast, which one.
//!
//! Nothing here knows events, rules or targets.

pub mod clock;
pub mod digest;

pub mod fragment;
pub mod id;
pub mod literal;
pub mod lookalike;
pub mod mend;
pub mod parallel;
pub mod random;
pub mod source;
pub mod span;
pub mod suggest;
