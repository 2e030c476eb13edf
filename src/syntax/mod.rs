//! Text becomes syntax trees: rules files by a pest grammar, workflows and the configuration by way of YAML.
//!
//! Every node knows its span. A wrong text gives as much of a tree as can be had, and diagnostics. Nothing here knows
//! which names exist or what an expression means.

pub use load::load;

mod characters;
pub mod fields;
mod foreign;
pub mod interpolation;
pub mod load;
pub mod name;
pub mod rules;
pub mod shape;
pub mod workflow;
pub mod yaml;
