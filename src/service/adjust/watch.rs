//! What samples say: how full the queue before the target is, what it served, how late we hear of it.
//!
//! What it must not know: what is made of it.

use serde::{Deserialize, Serialize};

use crate::base::clock::Timestamp;
use crate::model::objective::Objective;
use crate::model::sample::Sample;

/// The baseline is the least of the medians of so many spans …
const SPANS: usize = 6;

/// … of this length: a baseline that was taken under load is gone after two minutes.
const SPAN_MS: i64 = 20_000;

/// From this share of the objective on, the 99th percentile alone counts as a queue.
const NEAR: f64 = 0.8;

/// An agent that lets less than this share of its rate through has too little to do for its latency to say that more would be borne.
const BUSY: f64 = 0.85;

/// How much of each sample is taken over into what is mostly served.
const SMOOTHING: f64 = 0.4;

/// What is remembered of the samples so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Watch {
    /// When each span began, and the least median in it.
    medians: Vec<(Timestamp, f64)>,
    /// Seconds from the end of a sample until it is known.
    pub(super) late_s: f64,
    /// Until when samples are known.
    pub(super) seen: Option<Timestamp>,
    /// When the last one came.
    pub(super) heard: Option<Timestamp>,
    /// Of the sample before.
    strain: f64,
    /// Smoothed.
    served_rps: Option<f64>,
}

/// What one sample says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Reading {
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) median_ms: f64,
    /// The median of a target without a queue.
    pub(super) baseline_ms: f64,
    /// How much of the time that the objective leaves is spent in the queue: 0 without one, 1 where it is broken.
    pub(super) strain: f64,
    /// The lesser of this strain and the one before: a queue stays, noise does not.
    pub(super) lasting: f64,
    /// The objective is broken.
    pub(super) overloaded: bool,
    pub(super) served_rps: f64,
    /// Over the last few samples: how much is served in one of them is partly chance.
    pub(super) mostly_served_rps: f64,
    pub(super) passed_rps: f64,
    /// Whether the agents had enough to send.
    pub(super) busy: bool,
}

impl Watch {
    /// Takes a sample in. `None` for one that says nothing of latency, or that is older than what is known.
    pub(super) fn take(
        &mut self,
        sample: &Sample,
        rate_rps: f64,
        objective: &Objective,
        now: Timestamp,
    ) -> Option<Reading> {
        if self.seen.is_some_and(|seen| sample.to <= seen) {
            return None;
        }
        let late_s = now.since(sample.to).as_secs_f64();
        self.late_s = if self.heard.is_none() { late_s } else { 0.8 * self.late_s + 0.2 * late_s };
        self.seen = Some(sample.to);
        self.heard = Some(now);
        let (median_ms, p99_ms) = (sample.p50_ms?, sample.p99_ms?);
        let fails = sample.fails(objective);
        let overloaded = p99_ms > objective.p99_ms || fails;
        // What is refused at once is answered fast: such a median is none of the work.
        if !fails {
            self.remember(sample.from, median_ms);
        }
        let baseline_ms = self.baseline_ms().unwrap_or(median_ms);
        let room_ms = (objective.p99_ms - baseline_ms).max(1.0);
        let queue = (median_ms - baseline_ms).max(0.0) / room_ms;
        let near = ((p99_ms / objective.p99_ms - NEAR) / (1.0 - NEAR)).max(0.0);
        let strain = if overloaded { queue.max(1.0) } else { queue.max(near) };
        let lasting = strain.min(std::mem::replace(&mut self.strain, strain));
        let served_rps = sample.served_rps();
        let mostly_served_rps = self.served_rps.map_or(served_rps, |before| before + SMOOTHING * (served_rps - before));
        self.served_rps = Some(mostly_served_rps);
        Some(Reading {
            from: sample.from,
            to: sample.to,
            median_ms,
            baseline_ms,
            strain,
            lasting,
            overloaded,
            served_rps,
            mostly_served_rps,
            passed_rps: sample.passed_rps(),
            busy: sample.refused > 0.0 && sample.passed_rps() >= BUSY * rate_rps,
        })
    }

    /// What the next samples are held against is learned anew: another deployment runs.
    pub(super) fn forget(&mut self) {
        self.medians.clear();
        self.served_rps = None;
    }

    fn remember(&mut self, from: Timestamp, median_ms: f64) {
        match self.medians.last_mut() {
            Some((began, least)) if from.0 - began.0 < SPAN_MS => *least = least.min(median_ms),
            _ => self.medians.push((from, median_ms)),
        }
        if self.medians.len() > SPANS {
            self.medians.remove(0);
        }
    }

    fn baseline_ms(&self) -> Option<f64> {
        self.medians.iter().map(|(_, least)| *least).min_by(f64::total_cmp)
    }
}
