//! PID: keeps the queue before the target at a set length. A standing queue that is short means that the target is just full.

use serde::{Deserialize, Serialize};

use super::climb::Climb;
use super::steer::Moment;

/// The rate moves by no more than this share at once.
const MOST: f64 = 0.1;

/// Below this share of the set point there is no queue to speak of, and the rate climbs.
const EMPTY: f64 = 0.4;

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Pid {
    climb: Climb,
    /// The last two errors.
    before: Option<f64>,
    before_that: Option<f64>,
}

/// The three gains.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gains {
    pub(super) proportional: f64,
    pub(super) integral: f64,
    pub(super) derivative: f64,
}

impl Pid {
    /// In velocity form, on the logarithm of the rate: it needs no integral that could wind up.
    pub(super) fn step(&mut self, moment: &Moment<'_>, setpoint: f64, gains: Gains, first: f64) -> f64 {
        let Some(reading) = moment.reading else { return moment.rate_rps };
        // Late measurements make a loop swing: both gains and queue are smaller then.
        let setpoint = setpoint * moment.promptness;
        let error = setpoint - reading.strain;
        let (before, before_that) = (self.before.unwrap_or(error), self.before_that.unwrap_or(error));
        self.before_that = self.before;
        self.before = Some(error);
        if reading.strain < EMPTY * setpoint {
            return if reading.busy {
                self.climb.rise(moment.rate_rps, first, moment.seconds, moment.late_s)
            } else {
                moment.rate_rps
            };
        }
        self.climb.stop(moment.rate_rps.min(reading.mostly_served_rps));
        let slower = moment.promptness;
        let change = gains.proportional * slower * (error - before)
            + gains.integral * slower * slower * error * moment.seconds
            + gains.derivative * slower * (error - 2.0 * before + before_that);
        if change > 0.0 && !reading.busy {
            return moment.rate_rps;
        }
        moment.rate_rps * change.clamp(-MOST, MOST).exp()
    }

    pub(super) fn braked(&mut self, borne_rps: f64) {
        *self = Self::default();
        self.climb.stop(borne_rps);
    }
}
