//! What every strategy does once the objective is broken: finds what the target serves, lets the queue drain, goes on below that.
//!
//! What it must not know: how the rate is found while all is well.

use serde::{Deserialize, Serialize};

use super::watch::Reading;
use crate::base::clock::Timestamp;

/// While the queue drains, this share of what is served is sent.
const DRAIN: f64 = 0.5;

/// From setting a rate until all agents keep it.
const REACH_S: f64 = 0.3;

/// A queue of this share of what the objective leaves is as good as a broken objective where samples come very late.
const EARLY: f64 = 0.35;

/// It is not stepped on for longer than this at once, seconds.
const LONGEST_S: f64 = 10.0;

/// The brake of one target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Brake {
    /// When it was stepped on, and until when it stays so.
    on: Option<(Timestamp, Timestamp)>,
    /// What the target served while it had more than it could bear.
    pub(super) borne_rps: Option<f64>,
}

/// What the brake makes of a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Braking {
    /// It is not on.
    Free,
    /// So much may be sent.
    On { rate_rps: f64 },
    /// It was just let go: so much was borne.
    Released { borne_rps: f64 },
}

impl Brake {
    /// Looks at a moment and at what was read last, if anything was.
    pub(super) fn step(
        &mut self,
        reading: Option<&Reading>,
        rate_rps: f64,
        objective_p99_ms: f64,
        promptness: f64,
        now: Timestamp,
    ) -> Braking {
        // By the time that is seen which comes now, a long queue will have become too long.
        let too_long = EARLY + (1.0 - EARLY) * promptness;
        if let Some(reading) = reading.filter(|reading| reading.overloaded || reading.strain > too_long) {
            match self.on {
                // From before the brake reached the agents: it tells what is borne, not that the brake is too weak.
                Some((since, _)) if reading.from < later(since, REACH_S) => {
                    let least = self.borne_rps.map_or(reading.served_rps, |borne| borne.min(reading.served_rps));
                    self.borne_rps = Some(least);
                }
                _ => {
                    self.borne_rps = Some(reading.served_rps.min(rate_rps));
                    let queue_s = reading.median_ms.max(objective_p99_ms) / 1_000.0;
                    let long = (REACH_S + queue_s / (1.0 - DRAIN)).min(LONGEST_S);
                    self.on = Some((now, later(now, long)));
                }
            }
        }
        match (self.on, self.borne_rps) {
            (Some((_, until)), Some(borne_rps)) if now < until => Braking::On { rate_rps: borne_rps * DRAIN },
            (Some((since, until)), Some(borne_rps)) => {
                // Until what was read is from after the brake, it may still find that less is borne.
                if reading.is_some_and(|reading| reading.from >= later(since, REACH_S))
                    || now > later(until, 2.0 * LONGEST_S)
                {
                    self.on = None;
                }
                Braking::Released { borne_rps }
            }
            _ => Braking::Free,
        }
    }
}

fn later(moment: Timestamp, seconds: f64) -> Timestamp {
    moment.after(std::time::Duration::from_secs_f64(seconds))
}
