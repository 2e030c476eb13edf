//! How far a subscriber has come, as it is kept: what it has seen, what it fails at, and what was given up.

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

#[cfg(test)]
mod tests {
    use super::*;

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
