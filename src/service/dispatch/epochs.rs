//! Gives out epochs, each above all before it.
//!
//! What it must not know: what is done under them.

use crate::model::assignment::Epoch;

/// The epochs of one target.
#[derive(Clone, Copy, Debug)]
pub struct Epochs {
    incarnation: u64,
    token: u64,
    /// The last one given under `token`.
    sequence: u64,
}

impl Epochs {
    pub fn new(incarnation: u64) -> Self {
        Self { incarnation, token: 0, sequence: 0 }
    }

    /// The highest token under which one was given.
    pub fn token(&self) -> u64 {
        self.token
    }

    /// One that was given before, by this engine or an earlier one on the same store.
    pub fn notice(&mut self, epoch: Epoch) {
        if epoch.incarnation != self.incarnation || epoch.token < self.token {
            return;
        }
        if epoch.token > self.token {
            (self.token, self.sequence) = (epoch.token, 0);
        }
        self.sequence = self.sequence.max(epoch.sequence);
    }

    /// The next one under `token`, or under the highest token if that is higher.
    pub fn next(&mut self, token: u64) -> Epoch {
        self.notice(Epoch { incarnation: self.incarnation, token, sequence: 0 });
        self.sequence += 1;
        Epoch { incarnation: self.incarnation, token: self.token, sequence: self.sequence }
    }

    /// The next one, above whatever an agent has seen: from another store, perhaps.
    pub fn next_above(&mut self, token: u64, seen: Option<Epoch>) -> Epoch {
        let epoch = self.next(token);
        match seen {
            Some(seen) if seen >= epoch => Epoch { sequence: seen.sequence.saturating_add(1), ..seen },
            _ => epoch,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_epoch_is_above_the_one_before() {
        let mut epochs = Epochs::new(3);
        epochs.notice(Epoch { incarnation: 3, token: 5, sequence: 7 });
        epochs.notice(Epoch { incarnation: 2, token: 9, sequence: 9 });
        let mut last = Epoch { incarnation: 3, token: 5, sequence: 7 };
        for token in [5, 5, 4, 6, 6, 1] {
            let next = epochs.next(token);
            assert!(next > last, "{next:?} after {last:?}");
            last = next;
        }
    }

    #[test]
    fn an_agent_that_has_seen_a_foreign_epoch_gets_one_above_it() {
        let mut epochs = Epochs::new(1);
        let foreign = Epoch { incarnation: 9, token: 2, sequence: 4 };
        assert_eq!(epochs.next_above(1, Some(foreign)), Epoch { sequence: 5, ..foreign });
        assert!(epochs.next_above(1, Some(Epoch { incarnation: 1, token: 1, sequence: 1 })).incarnation == 1);
    }
}
