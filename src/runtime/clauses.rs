//! What a rule's clauses remember for one target: pure, and kept durably with the event that changed it.
//!
//! Order: threshold, debounce, throttle. All of them count in the time at which events were accepted.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::base::clock::Timestamp;
use crate::model::event::Event;
use crate::router::{Emitted, Rule};

/// The state of one rule's clauses for one target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// When the matches that count towards the threshold were accepted.
    #[serde(default)]
    matches: Vec<Timestamp>,
    /// The last match of a burst that has not gone quiet yet.
    #[serde(default)]
    held: Option<Held>,
    /// When the matches that the throttle let through were accepted.
    #[serde(default)]
    passed: Vec<Timestamp>,
    /// How many matches the throttle has dropped.
    #[serde(default)]
    pub throttled: u64,
}

/// A match that waits for its rule's events to go quiet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Held {
    pub due: Timestamp,
    pub event: Event,
    pub arguments: Option<Json>,
    pub emissions: Vec<Emission>,
}

/// An event that the rule emits, evaluated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Emission {
    pub kind: String,
    pub data: Json,
    pub after_ms: u64,
}

impl From<&Emitted<'_>> for Emission {
    fn from(emitted: &Emitted<'_>) -> Self {
        let after_ms = u64::try_from(emitted.after.as_millis()).unwrap_or(u64::MAX);
        Self { kind: emitted.event.to_owned(), data: emitted.data.clone(), after_ms }
    }
}

/// How far a match comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    Pass,
    /// So many matches of those the threshold wants.
    BelowThreshold {
        count: usize,
    },
    /// Held until then, unless another match replaces it.
    Debounced {
        due: Timestamp,
    },
    /// Dropped; so many in all.
    Throttled {
        count: u64,
    },
}

impl Memory {
    /// Of a rule of which so many matches count, and so many were let through, at that moment.
    pub fn of(matches: usize, passed: usize, at: Timestamp) -> Self {
        Self { matches: vec![at; matches], passed: vec![at; passed], ..Self::default() }
    }

    /// Counts a match of an event accepted at `at`. `hold` is called where the match has to be held.
    pub(super) fn admit(&mut self, rule: &Rule, at: Timestamp, hold: impl FnOnce(Timestamp) -> Held) -> Admission {
        if let Some(threshold) = rule.threshold {
            self.matches.retain(|earlier| at.since(*earlier) < threshold.within);
            self.matches.push(at);
            let count = self.matches.len();
            if count < threshold.count as usize {
                return Admission::BelowThreshold { count };
            }
            // The matches are used up: the next threshold starts from none.
            self.matches.clear();
        }
        if let Some(quiet) = rule.debounce {
            let due = at.after(quiet);
            self.held = Some(hold(due));
            return Admission::Debounced { due };
        }
        self.throttle(rule, at)
    }

    /// When the held match is due.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.held.as_ref().map(|held| held.due)
    }

    /// The held match, once it is due, and whether the throttle lets it through.
    pub(super) fn release(&mut self, rule: &Rule, now: Timestamp) -> Option<(Held, Admission)> {
        let held = self.held.take_if(|held| held.due <= now)?;
        let admission = self.throttle(rule, held.due);
        Some((held, admission))
    }

    fn throttle(&mut self, rule: &Rule, at: Timestamp) -> Admission {
        let Some(throttle) = rule.throttle else { return Admission::Pass };
        self.passed.retain(|earlier| at.since(*earlier) < throttle.per);
        if self.passed.len() < throttle.count as usize {
            self.passed.push(at);
            return Admission::Pass;
        }
        self.throttled += 1;
        Admission::Throttled { count: self.throttled }
    }
}
