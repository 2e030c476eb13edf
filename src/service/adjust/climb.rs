//! How fast a rate rises while nothing speaks against it: slowly at first, then faster and faster.
//!
//! Just above what a target bears its queue grows slowly, and is seen late. So a rise is slow where it may soon be too much, and no
//! faster than can be seen in time.

use serde::{Deserialize, Serialize};

/// The rise doubles in this time.
const DOUBLES_S: f64 = 7.0;

/// Never faster than this share a second.
const FASTEST: f64 = 0.05;

/// Up to this share of what was borne before, it rises this fast at once.
const SURE: f64 = 0.95;
const SURE_RISE: f64 = 0.02;

/// From this share of it on, it is taken to have become more, and the rise gets faster.
const MORE: f64 = 1.04;

/// The queue that may grow before it is seen, seconds.
const UNSEEN_S: f64 = 0.1;

/// Besides lateness: the length of two samples, and the way of a rate to the agents.
const BLIND_S: f64 = 2.3;

/// A rate that rises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Climb {
    /// Seconds since something spoke against it, spent above what is sure.
    quiet_s: f64,
    /// What was borne when something last spoke against it.
    borne_rps: Option<f64>,
}

impl Climb {
    /// Something speaks against it: it begins anew.
    pub(super) fn stop(&mut self, borne_rps: f64) {
        self.quiet_s = 0.0;
        self.borne_rps = Some(borne_rps);
    }

    /// What the rate may rise to in `seconds`, beginning at the share `first` a second.
    pub(super) fn rise(&mut self, rate_rps: f64, first: f64, seconds: f64, late_s: f64) -> f64 {
        let blind_s = late_s + BLIND_S;
        let seen_in_time = 2.0 * UNSEEN_S / (blind_s * blind_s);
        if let Some(sure_rps) = self.borne_rps.map(|borne| borne * SURE).filter(|sure| rate_rps < *sure) {
            return (rate_rps * (1.0 + SURE_RISE * seconds)).min(sure_rps);
        }
        if self.borne_rps.is_none_or(|borne| rate_rps > borne * MORE) {
            self.quiet_s += seconds;
        }
        let share = (first * 2.0_f64.powf(self.quiet_s / DOUBLES_S)).min(FASTEST).min(seen_in_time);
        rate_rps * (1.0 + share * seconds)
    }
}
