//! Load tests: how a target's capacity is found, without doing harm.
pub mod figures;
pub mod search;
pub mod verdict;
