//! What a measurement means to a pipeline: a verdict, an interval and a baseline in, an outcome out.

use crate::model::record::{Measurement, Verdict};

/// What an earlier run found, and how much less is still no regression.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Baseline {
    pub(super) max_rps: f64,
    pub(super) min_ratio: f64,
}

/// What the exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Fine,
    /// The objective is not met at any rate.
    NothingHeld,
    /// Less than the baseline allows, beyond doubt.
    Regressed,
    /// The trials do not tell.
    Inconclusive,
}

impl Outcome {
    /// Without a baseline a figure is fine, unless something else than `--max-rate` ended the search before it was known.
    /// With one, what counts is on which side of the limit the truth lies: where that is within the interval, nobody knows.
    pub(super) fn of(measurement: &Measurement, baseline: Option<Baseline>) -> Self {
        let Some(baseline) = baseline else {
            return if measurement.stopped.is_none() { Self::Fine } else { Self::Inconclusive };
        };
        let least_rps = baseline.max_rps * baseline.min_ratio;
        let [_, most_rps] = measurement.interval_rps;
        match measurement.verdict {
            _ if measurement.max_rps >= least_rps => Self::Fine,
            Verdict::Confirmed if most_rps < least_rps => Self::Regressed,
            Verdict::Confirmed | Verdict::LowerBound => Self::Inconclusive,
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::NothingHeld => "nothing_held",
            Self::Regressed => "regressed",
            Self::Inconclusive => "inconclusive",
        }
    }
}
