//! Headroom: a set share of the measured maximum stays free. It knows what was measured, and asks for a retest where that cannot
//! be right any more.

use serde::{Deserialize, Serialize};

use super::steer::Known;
use super::watch::Reading;

/// Below this share of the maximum, a broken objective says that the record is wrong, and not only that the target is full.
const WRONG: f64 = 1.0;

/// What may be sent of `max_rps` when the share `keep` is kept free.
pub(super) fn total(max_rps: f64, keep: f64) -> f64 {
    max_rps * (1.0 - keep.clamp(0.0, 1.0))
}

/// What headroom remembers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Headroom {
    /// What the target bore when the record turned out to be wrong; until there is another record.
    doubted_rps: Option<f64>,
    /// The maximum of that record.
    doubts_rps: f64,
}

impl Headroom {
    /// What may be sent.
    pub(super) fn step(
        &mut self,
        known: Option<&Known>,
        reading: Option<&Reading>,
        borne: Option<f64>,
        keep: f64,
    ) -> Option<f64> {
        let known = known?;
        if (self.doubts_rps - known.max_rps).abs() > f64::EPSILON * known.max_rps {
            self.doubted_rps = None;
        }
        if let (Some(reading), Some(borne)) = (reading.filter(|reading| reading.overloaded), borne)
            && reading.served_rps < WRONG * known.max_rps
        {
            self.doubts_rps = known.max_rps;
            self.doubted_rps = Some(self.doubted_rps.map_or(borne, |doubted| doubted.min(borne)));
        }
        Some(total(self.doubted_rps.unwrap_or(f64::INFINITY).min(known.max_rps), keep))
    }

    /// Why what was measured should be measured again.
    pub(super) fn retest(&self, known: Option<&Known>, max_age_s: f64) -> Option<&'static str> {
        let known = known?;
        if self.doubted_rps.is_some() {
            return Some("the target broke its objective below the measured maximum");
        }
        (known.age_s > max_age_s).then_some("the record is older than `strategy.max_age`")
    }
}
