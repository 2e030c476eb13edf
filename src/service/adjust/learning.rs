//! Learning: tabular Q-learning. What it sees is how full the queue is, where it goes, and for how long it was empty; what it can do is
//! to move the rate by one of a few factors; what it is paid for is throughput that breaks nothing.
//!
//! It begins with the values of a careful operator, so that it need not learn by breaking things, and tries little else.

use serde::{Deserialize, Serialize};

use super::steer::Moment;
use crate::base::random::Random;

/// What it can do to the rate in a second.
const FACTORS: [f64; 6] = [0.93, 0.98, 1.0, 1.003, 1.01, 1.03];

/// Borders between queues that are told apart, as strain.
const STRAINS: [f64; 4] = [0.05, 0.15, 0.35, 0.7];

/// Borders between times without a queue, seconds.
const QUIET_S: [f64; 2] = [10.0, 30.0];

/// A queue that grows or shrinks by less stands still.
const STILL: f64 = 0.03;

/// What is to come counts so much less a second.
const DISCOUNT: f64 = 0.8;

/// What the queue costs.
const QUEUE_COST: f64 = 0.5;

/// Queues that are shorter cost nothing.
const FREE_QUEUE: f64 = 0.2;

const SEED: u64 = 0x5eed;

/// What is known of one situation: the value of each thing that can be done.
type Values = [f64; FACTORS.len()];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Learning {
    /// By situation.
    values: Vec<Values>,
    chance: u64,
    quiet_s: f64,
    /// Situation, what was done, what was served and the strain then.
    last: Option<Last>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Last {
    situation: usize,
    action: usize,
    served_rps: f64,
    strain: f64,
}

impl Default for Learning {
    fn default() -> Self {
        let situations = (STRAINS.len() + 1) * 3 * (QUIET_S.len() + 1);
        let values = (0..situations).map(prior).collect();
        Self { values, chance: SEED, quiet_s: 0.0, last: None }
    }
}

/// What a careful operator would do, as values: the best is worth a little more than its neighbours.
#[expect(clippy::cast_precision_loss, reason = "six things to do")]
fn prior(situation: usize) -> Values {
    let (strain, rest) = (situation / 9, situation % 9);
    let (trend, quiet) = (rest / 3, rest % 3);
    let best = match (strain, trend, quiet) {
        (0, _, 1) => 4.0,
        (0, _, 2) => 5.0,
        (0, _, 0) | (1, 0, _) => 3.0,
        (1, 1, _) => 2.0,
        (1, _, _) | (2, 0, _) => 1.6,
        (2, 1, _) => 1.0,
        _ => 0.0,
    };
    let mut values = [0.0; FACTORS.len()];
    for (action, value) in values.iter_mut().enumerate() {
        *value = -0.05 * (action as f64 - best).abs();
    }
    values
}

impl Learning {
    pub(super) fn step(&mut self, moment: &Moment<'_>, explore: f64, learn: f64) -> f64 {
        let Some(reading) = moment.reading else { return moment.rate_rps };
        let strain_class = STRAINS.iter().filter(|border| reading.lasting > **border).count();
        self.quiet_s = if strain_class == 0 { self.quiet_s + moment.seconds } else { 0.0 };
        let quiet = QUIET_S.iter().filter(|border| self.quiet_s > **border).count();
        let moved = self.last.map_or(0.0, |last| reading.lasting - last.strain);
        let trend = if moved < -STILL {
            0
        } else if moved > STILL {
            2
        } else {
            1
        };
        let situation = strain_class * 9 + trend * 3 + quiet;
        if let Some(last) = self.last {
            let more = (reading.served_rps.max(1e-3) / last.served_rps.max(1e-3)).ln().clamp(-0.2, 0.2);
            let paid = more - QUEUE_COST * (reading.strain.min(2.0) - FREE_QUEUE).max(0.0);
            let ahead =
                self.values.get(situation).map_or(0.0, |values| values.iter().copied().fold(f64::MIN, f64::max));
            if let Some(value) = self.values.get_mut(last.situation).and_then(|values| values.get_mut(last.action)) {
                *value += learn * (paid + DISCOUNT * ahead - *value);
            }
        }
        let action = self.choose(situation, explore);
        self.last = Some(Last { situation, action, served_rps: reading.served_rps, strain: reading.lasting });
        let factor = FACTORS.get(action).copied().unwrap_or(1.0);
        if factor > 1.0 && !reading.busy {
            return moment.rate_rps;
        }
        if factor < 1.0 {
            return moment.rate_rps.min(reading.mostly_served_rps.max(moment.rate_rps * 0.5))
                * factor.powf(moment.seconds);
        }
        // Late measurements make every step a longer one.
        moment.rate_rps * (1.0 + (factor - 1.0) * moment.seconds / (1.0 + moment.late_s))
    }

    pub(super) fn braked(&mut self, _borne_rps: f64) {
        self.quiet_s = 0.0;
        if let Some(last) = self.last.take()
            && let Some(value) = self.values.get_mut(last.situation).and_then(|values| values.get_mut(last.action))
        {
            *value -= QUEUE_COST * 0.1;
        }
    }

    fn choose(&mut self, situation: usize, explore: f64) -> usize {
        let mut random = Random(self.chance);
        let (try_other, up) = (random.unit() < explore, random.unit() < 0.5);
        self.chance = random.0;
        let values = self.values.get(situation).copied().unwrap_or([0.0; FACTORS.len()]);
        let best = (0..FACTORS.len()).max_by(|a, b| {
            let value = |action: usize| values.get(action).copied().unwrap_or(f64::MIN);
            value(*a).total_cmp(&value(*b))
        });
        let best = best.unwrap_or(2);
        match (try_other, up) {
            (false, _) => best,
            (true, true) => (best + 1).min(FACTORS.len() - 1),
            (true, false) => best.saturating_sub(1),
        }
    }
}
