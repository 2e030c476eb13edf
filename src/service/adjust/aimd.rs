//! Additive increase, multiplicative decrease: rises until a queue is seen, then falls below what was served.

use serde::{Deserialize, Serialize};

use super::climb::Climb;
use super::steer::Moment;

/// A queue of this share of what the objective leaves is answered by a decrease.
const QUEUE: f64 = 0.25;

/// From a queue of this share on it rises no more.
const HINT: f64 = 0.08;

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Aimd {
    climb: Climb,
}

impl Aimd {
    pub(super) fn step(&mut self, moment: &Moment<'_>, increase: f64, backoff: f64) -> f64 {
        let Some(reading) = moment.reading else { return moment.rate_rps };
        // What is late must be small: until it is answered it grows.
        let queue = QUEUE * moment.promptness;
        if reading.lasting > queue {
            // What was decided since is not in the sample yet.
            if !moment.reacted {
                return moment.rate_rps;
            }
            let borne_rps = moment.rate_rps.min(reading.mostly_served_rps);
            self.climb.stop(borne_rps);
            return borne_rps * backoff;
        }
        if !reading.busy || reading.strain > HINT.min(queue) {
            return moment.rate_rps;
        }
        self.climb.rise(moment.rate_rps, increase, moment.seconds, moment.late_s)
    }

    pub(super) fn braked(&mut self, borne_rps: f64) {
        self.climb.stop(borne_rps);
    }
}
