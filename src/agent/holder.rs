//! Commands and the time in, the rate that holds out.
//!
//! Pure: time is given as the agent's own clock, milliseconds since it started. What it must not know: how commands
//! arrive, and how a rate is enforced.

use crate::model::assignment::{Answer, Epoch};

/// A command as the agent received it.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    pub command_id: String,
    pub epoch: Epoch,
    pub rate_rps: f64,
    pub fallback_rps: f64,
    pub time_to_live_ms: u64,
    /// On the agent's clock; the command ends then even if it came late.
    pub ends_at_ms: u64,
    pub enforce: bool,
}

/// What holds at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Allowance {
    /// `None`: no limit is known, which only `observe` lets pass.
    pub rate_rps: Option<f64>,
    /// Whether what is beyond the rate is refused, or only counted.
    pub enforce: bool,
    /// When it changes by itself.
    pub until_ms: Option<u64>,
    pub standing: Standing,
}

/// Where the rate comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No command was ever received.
    Initial,
    /// A command holds.
    Commanded,
    /// The last command has ended and no other came.
    Fallback,
    /// The agent is stopping.
    Leaving,
}

/// The command that is held, and since when.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    pub command_id: String,
    pub epoch: Epoch,
    pub rate_rps: f64,
    pub fallback_rps: f64,
    pub ends_at_ms: u64,
}

impl Held {
    /// How long the rate still holds.
    pub fn left_ms(&self, now_ms: u64) -> u64 {
        self.ends_at_ms.saturating_sub(now_ms)
    }
}

/// Holds the newest command, and what stands in for one.
#[derive(Clone, Debug)]
pub struct Holder {
    initial_rps: Option<f64>,
    enforce: bool,
    held: Option<Held>,
    leaving: bool,
}

impl Holder {
    /// Before the engine was ever reached the mode is taken to be `enforce`: without an initial rate nothing passes.
    pub fn new(initial_rps: Option<f64>) -> Self {
        Self { initial_rps, enforce: true, held: None, leaving: false }
    }

    /// The engine said which mode the target is in; a command knows better.
    pub fn welcomed(&mut self, enforce: bool) {
        if self.held.is_none() {
            self.enforce = enforce;
        }
    }

    /// Takes a command in, unless a later one was seen.
    pub fn apply(&mut self, order: &Order, now_ms: u64) -> Answer {
        let ends_at_ms = order.ends_at_ms.min(now_ms.saturating_add(order.time_to_live_ms));
        if let Some(held) = &mut self.held {
            let known = held.command_id == order.command_id && held.rate_rps.to_bits() == order.rate_rps.to_bits();
            if order.epoch <= held.epoch && known {
                return Answer::Repeated;
            }
            // Two different commands of one epoch can't both be right; the first one stays.
            if order.epoch <= held.epoch {
                return Answer::Refused { highest: held.epoch };
            }
            if known {
                held.epoch = order.epoch;
                held.fallback_rps = order.fallback_rps.min(order.rate_rps);
                held.ends_at_ms = ends_at_ms;
                self.enforce = order.enforce;
                return Answer::Repeated;
            }
        }
        self.enforce = order.enforce;
        self.held = Some(Held {
            command_id: order.command_id.clone(),
            epoch: order.epoch,
            rate_rps: order.rate_rps,
            fallback_rps: order.fallback_rps.min(order.rate_rps),
            ends_at_ms,
        });
        Answer::Applied
    }

    /// From now on nothing new passes, whatever comes.
    pub fn leave(&mut self) {
        self.leaving = true;
    }

    /// What holds at `now_ms`.
    pub fn allowance(&self, now_ms: u64) -> Allowance {
        let enforce = self.enforce;
        if self.leaving {
            return Allowance { rate_rps: Some(0.0), enforce: true, until_ms: None, standing: Standing::Leaving };
        }
        match &self.held {
            None => Allowance {
                rate_rps: self.initial_rps.or(enforce.then_some(0.0)),
                enforce,
                until_ms: None,
                standing: Standing::Initial,
            },
            Some(held) if now_ms < held.ends_at_ms => Allowance {
                rate_rps: Some(held.rate_rps),
                enforce,
                until_ms: Some(held.ends_at_ms),
                standing: Standing::Commanded,
            },
            Some(held) => {
                Allowance { rate_rps: Some(held.fallback_rps), enforce, until_ms: None, standing: Standing::Fallback }
            }
        }
    }

    /// The command that is held, ended or not.
    pub fn held(&self) -> Option<&Held> {
        self.held.as_ref()
    }
}

#[cfg(test)]
#[path = "holder_tests.rs"]
mod tests;
