//! A rate becomes the moments at which requests are due: one schedule for the whole trial, whatever the target answers.

use std::time::Duration;

use super::figures::count;
use crate::base::random::Random;
use crate::model::load::Arrivals;

/// The moments of one trial, since its begin.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    /// Between two requests, in the mean, seconds.
    gap: f64,
    chance: Option<Random>,
    number: u32,
    /// When the next request is due, seconds.
    due: f64,
}

impl Schedule {
    /// For a trial of so many requests. `seed`: what is by chance is the same for the same seed.
    pub(super) fn new(arrivals: Arrivals, rate_rps: f64, requests: u64, seed: u64) -> Self {
        let gap = 1.0 / rate_rps;
        match arrivals {
            Arrivals::Constant => Self { gap, chance: None, number: 0, due: 0.0 },
            Arrivals::Poisson => {
                // The gaps are stretched so that exactly the rate is offered, which limits and verdicts are about: what
                // remains is a Poisson process of which the number of requests is known.
                let mut chance = Random(seed);
                let sum: f64 = (0..requests).map(|_| chance.exponential()).sum();
                Self { gap: gap * count(requests) / sum, chance: Some(Random(seed)), number: 0, due: 0.0 }
            }
        }
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
            None => f64::from(self.number) * self.gap,
            Some(chance) => self.due + chance.exponential() * self.gap,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(arrivals: Arrivals, seed: u64) -> Vec<Duration> {
        let mut schedule = Schedule::new(arrivals, 1_000.0, 20_000, seed);
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
    fn independent_requests_have_exponential_gaps_and_exactly_the_rate() {
        let moments = moments(Arrivals::Poisson, 7);
        assert!((moments[20_000].as_secs_f64() - 20.0).abs() < 1e-6, "{:?}", moments[20_000]);
        let gaps: Vec<f64> = moments.windows(2).map(|pair| pair[1].as_secs_f64() - pair[0].as_secs_f64()).collect();
        // Of exponential gaps the share 1/e is longer than the mean.
        let long = gaps.iter().filter(|gap| **gap > 0.001).count();
        assert!((7_100..7_600).contains(&long), "{long}");
        assert_eq!(moments, self::moments(Arrivals::Poisson, 7), "the same for the same seed");
        assert_ne!(moments, self::moments(Arrivals::Poisson, 8));
    }
}
