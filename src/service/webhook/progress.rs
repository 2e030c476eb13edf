//! How far a subscriber has come, as it is kept: what it has seen, what it fails at, and what was given up.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::clock::Timestamp;

/// So many of the events that were given up are kept, the newest.
const MOST_KEPT: usize = 100;

/// How far a subscriber has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// All events up to this number were delivered, given up, or not wanted.
    pub position: u64,
    /// The event that was tried in vain and is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing: Option<Failing>,
    /// The newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub given_up: Vec<GivenUp>,
}

/// An event that was not taken yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failing {
    pub sequence: u64,
    /// When it was first tried.
    pub since: Timestamp,
    pub tries: u64,
    /// How many of them the subscriber refused.
    pub refusals: u64,
    /// Why the last one failed.
    pub error: String,
    pub next_try_at: Timestamp,
}

/// An event that the subscriber did not get.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GivenUp {
    pub sequence: u64,
    pub at: Timestamp,
    pub tries: u64,
    pub error: String,
}

impl Progress {
    /// Notes that an event was not taken.
    pub(super) fn failed(&mut self, sequence: u64, now: Timestamp, refused: bool, error: String) -> &mut Failing {
        let fresh = Failing { sequence, since: now, tries: 0, refusals: 0, error: String::new(), next_try_at: now };
        let failing = match self.failing.take() {
            Some(failing) if failing.sequence == sequence => failing,
            _ => fresh,
        };
        let failing = self.failing.insert(failing);
        failing.tries += 1;
        failing.refusals += u64::from(refused);
        failing.error = error;
        failing
    }

    /// Goes on to the next event: this one was taken.
    pub(super) fn passed(&mut self, sequence: u64) {
        self.position = sequence;
        self.failing = None;
    }

    /// Goes on to the next event: this one is not tried any more.
    pub(super) fn give_up(&mut self, now: Timestamp) {
        let Some(Failing { sequence, tries, error, .. }) = self.failing.take() else { return };
        self.given_up.push(GivenUp { sequence, at: now, tries, error });
        let excess = self.given_up.len().saturating_sub(MOST_KEPT);
        self.given_up.drain(..excess);
        self.position = sequence;
    }
}

/// The pause after so many tries in vain: it doubles from a second up to `most`, and is shortened by chance, by up to a half,
/// so that subscribers that failed together are not tried together.
pub(in crate::service) fn backoff(tries: u64, most: Duration, chance: f64) -> Duration {
    let doublings = u32::try_from(tries.saturating_sub(1).min(30)).unwrap_or(30);
    let pause = Duration::from_secs(1).saturating_mul(1 << doublings).min(most);
    pause.mul_f64(1.0 - chance.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_are_shortened_by_chance() {
        let most = Duration::from_mins(1);
        let pauses: Vec<_> = (1..=8).map(|tries| backoff(tries, most, 0.0).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(backoff(3, most, 1.0), Duration::from_secs(2));
        assert_eq!(backoff(u64::MAX, most, 0.5), Duration::from_secs(45));
        assert_eq!(backoff(0, Duration::from_millis(10), 0.0), Duration::from_millis(10));
    }

    #[test]
    fn what_was_given_up_is_kept_up_to_a_number() {
        let mut progress = Progress::default();
        for sequence in 1..=150 {
            progress.failed(sequence, Timestamp(0), true, "no".to_owned());
            progress.give_up(Timestamp(1));
        }
        assert_eq!((progress.position, progress.given_up.len(), progress.given_up[0].sequence), (150, 100, 51));
    }
}
