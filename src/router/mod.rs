//! Not built yet.
use serde_json::Value as Json;

use crate::base::clock::Timestamp;
use crate::expression::EvaluationError;
pub use crate::ir::{Busy, Rule};
use crate::model::event::Event;

#[derive(Clone, Debug, Default)]
pub struct Router;

#[derive(Clone, Debug)]
pub struct Routed<'a> {
    pub rule: &'a Rule,
    pub result: Match,
    pub arguments: Option<Json>,
    pub emissions: Vec<Emitted>,
}

#[derive(Clone, Debug)]
pub struct Emitted {
    pub event: String,
    pub data: Json,
    pub after: std::time::Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    Matched,
    NoMatch,
    Error(String),
}

impl Router {
    pub fn route(&self, _event: &Event, _target: Option<&Json>, _now: Timestamp) -> Vec<Routed<'_>> {
        Vec::new()
    }
    pub fn rule(&self, _name: &str) -> Option<&Rule> {
        None
    }
    pub fn recheck(
        &self,
        _rule: &Rule,
        _event: &Event,
        _target: Option<&Json>,
        _now: Timestamp,
    ) -> Result<bool, EvaluationError> {
        Ok(true)
    }
}
