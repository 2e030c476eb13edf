//! Gradient: the rate falls in the proportion in which latency rises over its baseline, after Netflix's Gradient2 and TCP Vegas.
//!
//! As there, a tolerance leaves room for noise, the new value is smoothed, and a target that is not full is left alone. Unlike there
//! it is a rate that is set, the baseline is the least median of two minutes (one taken under load goes away), and what is
//! added is a climb that gets faster, in place of a fixed number of requests.

use serde::{Deserialize, Serialize};

use super::climb::Climb;
use super::steer::Moment;

/// No single sample lowers the rate by more.
const LEAST: f64 = 0.5;

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Gradient {
    climb: Climb,
    /// Of the sample before.
    gradient: Option<f64>,
}

impl Gradient {
    pub(super) fn step(&mut self, moment: &Moment<'_>, tolerance: f64, smoothing: f64, first: f64) -> f64 {
        let Some(reading) = moment.reading else { return moment.rate_rps };
        // What is late must be small: until it is answered it grows.
        let tolerance = 1.0 + (tolerance - 1.0) * moment.promptness.sqrt();
        let gradient = (tolerance * reading.baseline_ms / reading.median_ms.max(1e-3)).clamp(LEAST, 1.0);
        let hint = gradient < 1.0;
        let before = self.gradient.replace(gradient).unwrap_or(1.0);
        // A queue stays, noise does not.
        let gradient = gradient.max(before);
        if gradient < 1.0 {
            if !moment.reacted {
                return moment.rate_rps;
            }
            let borne_rps = moment.rate_rps.min(reading.mostly_served_rps);
            self.climb.stop(borne_rps);
            return moment.rate_rps * (1.0 - smoothing) + borne_rps * gradient * smoothing;
        }
        if !reading.busy || hint {
            return moment.rate_rps;
        }
        self.climb.rise(moment.rate_rps, first, moment.seconds, moment.late_s)
    }

    pub(super) fn braked(&mut self, borne_rps: f64) {
        self.climb.stop(borne_rps);
        self.gradient = None;
    }
}
