//! A rate becomes the moments at which requests are due: one schedule for the whole trial, whatever the target answers.

use std::time::Duration;

use crate::base::random::Random;
use crate::model::load::Arrivals;

/// The moments of one trial, since its begin.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    rate_rps: f64,
    chance: Option<Random>,
    number: u32,
    /// When the next request is due, seconds.
    due: f64,
}

impl Schedule {
    /// `seed`: what is by chance is the same for the same seed.
    pub(super) fn new(arrivals: Arrivals, rate_rps: f64, seed: u64) -> Self {
        let chance = match arrivals {
            Arrivals::Constant => None,
            Arrivals::Poisson => Some(Random(seed)),
        };
        Self { rate_rps, chance, number: 0, due: 0.0 }
    }

    /// When the next request is due.
    pub(super) fn due(&self) -> Duration {
        Duration::from_secs_f64(self.due)
    }

    /// The next request was sent.
    pub(super) fn pass(&mut self) {
        self.number = self.number.saturating_add(1);
        self.due = match &mut self.chance {
            // Not by adding up: that would drift.
            None => f64::from(self.number) / self.rate_rps,
            Some(chance) => self.due + chance.exponential() / self.rate_rps,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(arrivals: Arrivals, seed: u64) -> Vec<Duration> {
        let mut schedule = Schedule::new(arrivals, 1_000.0, seed);
        std::iter::repeat_with(|| {
            let due = schedule.due();
            schedule.pass();
            due
        })
        .take(20_001)
        .collect()
    }

    #[test]
    fn evenly_spaced_requests_are_due_to_the_microsecond() {
        let moments = moments(Arrivals::Constant, 1);
        assert_eq!(moments[1], Duration::from_millis(1));
        assert_eq!(moments[20_000], Duration::from_secs(20));
    }

    #[test]
    fn independent_requests_have_exponential_gaps_and_the_same_rate() {
        let moments = moments(Arrivals::Poisson, 7);
        assert!((moments[20_000].as_secs_f64() - 20.0).abs() < 0.5, "{:?}", moments[20_000]);
        let gaps: Vec<f64> = moments.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
        // Of exponential gaps the share 1/e is longer than the mean.
        let long = gaps.iter().filter(|gap| **gap > 0.001).count();
        assert!((7_100..7_600).contains(&long), "{long}");
        assert_eq!(moments, self::moments(Arrivals::Poisson, 7), "the same for the same seed");
        assert_ne!(moments, self::moments(Arrivals::Poisson, 8));
    }
}
